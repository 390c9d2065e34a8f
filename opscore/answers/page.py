"""Pages: one HTML file that needs nothing else, with tables that sort, and that can be printed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from opscore._version import __version__
from opscore.answers.answer import Answer
from opscore.answers.look import Look, looking
from opscore.answers.table import Entry, Table
from opscore.answers.words import one_line
from opscore.data.files import atomic_write

#: Where layout, style and script are.
_HERE = "opscore.answers"

#: Rows of a table that are shown; more would make the page slow.
MOST_ROWS = 2_000

#: Different texts of a column that a list offers to choose from.
_MOST_CHOICES = 60


def page(template: str, title: str, *, package: str = _HERE, **parts: Any) -> str:
    """A page.

    Args:
        template: the file of a package that says what stands in it.
        title: its heading.
        package: that package.
        **parts: what the template reads.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    files = resources.files(_HERE)
    script = (files / "page.js").read_text(encoding="utf-8")
    style = (files / "page.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, "") for name in (package, _HERE)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"most_rows": MOST_ROWS, "choices": choices, "csv": _csv}
    environment.filters |= {"plain": plain, "one_line": one_line}
    # Both are files of this package. The browser runs this script and no other.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        title=title,
        script=Markup(script),
        style=Markup(style),
        script_hash=f"sha256-{digest}",
        version=__version__,
        **parts,
    )


def write_page(answer: Answer, path: Path, title: str) -> Path:
    """Write a page of an answer: what it says, what that rests on, its figures, all its tables."""
    text = page("answer.html.jinja", title, answer=answer, pictures=pictures_of(answer))
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")
    return path


def pictures_of(answer: Answer) -> list[Markup]:
    """The figures of an answer as a page has them."""
    with looking(Look("screen")):
        return [Markup(each.html("svg")) for each in answer.pictures()]


def choices(rows: Sequence[Sequence[Entry]], place: int) -> list[str]:
    """The texts that a list offers to choose rows by; none for a column where few are alike."""
    found = sorted({row[place].line for row in rows})
    return found if 1 < len(found) <= min(_MOST_CHOICES, len(rows) - 1) else []


def plain(text: object, longest: int = 120) -> str:
    """A text that can be printed: one line, not too long, without what is no character."""
    found = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return found if len(found) <= longest else f"{found[: longest - 1]}…"


def _csv(table: Table) -> str:
    """The numbers of a table as an address that a browser downloads."""
    text = table.values().to_csv(index=False, lineterminator="\n")
    return f"data:text/csv;charset=utf-8,{quote(text)}"
