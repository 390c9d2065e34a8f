"""Writes the measured numbers into README.md and docs/*.md, or says which of them are stale.

    python docs/make.py            # or: make docs
    python docs/make.py --check    # writes nothing; exit code 1 if a number is stale

A page says where a number goes, and the number stands between the two comments:

    disc-zc(nwot) has <!-- v: rho disc-zc(nwot) -->.40<!-- /v --> there.

    <!-- table: orders -->
    | order | ... |
    <!-- /table -->

What follows ``v:`` or ``table:`` is the name of a function of docs/values.py and its arguments,
separated by spaces; the function returns the text. To add a number, write the function, put the
comments where it belongs with nothing between them, and run ``make docs``. A comment at the very
start of a line would end the paragraph, so a value never stands there.

A function that needs a file which is not here is skipped, and the text stays as it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_VALUE = re.compile(r"(<!-- v: ([^\n]+?) -->)(.*?)(<!-- /v -->)")
_TABLE = re.compile(r"(<!-- table: ([^\n]+?) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)
_CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


class MissingError(Exception):
    """A value needs a file that is not here."""


class PageError(Exception):
    """A page or docs/values.py is written wrongly."""


#: Functions that return texts, by name; docs/values.py fills it.
VALUES: dict[str, Callable[..., str]] = {}


def value(function: Callable[..., str]) -> Callable[..., str]:
    """Make a function known to pages, under its own name with hyphens."""
    VALUES[function.__name__.replace("_", "-")] = function
    return function


@dataclass
class Report:
    """What was found on the pages.

    Attributes:
        stale: page, marker, text there, text that belongs there.
        skipped: page, marker, what is missing.
        count: markers in all.
    """

    stale: list[tuple[str, str, str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str, str]] = field(default_factory=list)
    count: int = 0


def pages(root: Path = ROOT) -> list[Path]:
    """README.md, and every page under docs/."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def text_of(marker: str) -> str:
    """What belongs between the comments of a marker such as 'rho zc-pt(nwot)'.

    Raises:
        PageError: there is no such function, or it does not take these arguments.
        MissingError: it needs a file that is not here.
    """
    name, *arguments = marker.split()
    if name not in VALUES:
        raise PageError(f"docs/values.py has no '{name}'")
    try:
        return VALUES[name](*arguments)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise PageError(f"'{marker}' fails: {type(error).__name__}: {error}") from error


def filled(page: str, text: str, report: Report) -> str:
    """A page's text with every value as it should be; the report gets what was changed.

    Code blocks are left alone.
    """
    parts = _CODE.split(text)
    return "".join(
        part if place % 2 else _filled(page, part, report) for place, part in enumerate(parts)
    )


def _filled(page: str, text: str, report: Report) -> str:
    for line in text.splitlines():
        if line.startswith("<!-- v:"):
            raise PageError(f"{page}: a value at the start of a line ends the paragraph: {line}")
    opened = len(re.findall(r"<!-- (?:v|table): ", text))
    found = len(_VALUE.findall(text)) + len(_TABLE.findall(text))
    if opened != found:
        raise PageError(f"{page}: {opened} markers are opened and {found} closed")

    def replace(match: re.Match[str]) -> str:
        before, marker, there, after = match.groups()
        report.count += 1
        try:
            right = text_of(marker)
        except MissingError as missing:
            report.skipped.append((page, marker, str(missing)))
            return match[0]
        except PageError as error:
            raise PageError(f"{page}: {error}") from error
        if there != right:
            report.stale.append((page, marker, there, right))
        return before + right + after

    return _TABLE.sub(replace, _VALUE.sub(replace, text))


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(headings), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(
        "|" + "".join(f" {cell} |" if cell else " |" for cell in line) + "\n" for line in lines
    )


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    parser.add_argument("pages", nargs="*", type=Path, help="only these pages")
    asked = parser.parse_args(arguments)
    report = Report()
    for path in asked.pages or pages():
        text = path.read_text(encoding="utf-8")
        right = filled(path.name, text, report)
        if right != text and not asked.check:
            path.write_text(right, encoding="utf-8")
    for page, marker, there, right in report.stale:
        print(f"{page}: {marker}: {_short(there)} -> {_short(right)}")
    for reason in sorted({reason for _, _, reason in report.skipped}):
        left = sum(reason == other for _, _, other in report.skipped)
        print(f"{left} left as they are: {reason}")
    print(f"{report.count} numbers and tables, {len(report.stale)} of them stale")
    return int(asked.check and bool(report.stale))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{len(text.splitlines())} lines"


if __name__ == "__main__":
    sys.modules["make"] = sys.modules["__main__"]
    import values  # noqa: F401 - registers the functions

    try:
        sys.exit(main())
    except PageError as error:
        sys.exit(f"docs/make.py: {error}")
