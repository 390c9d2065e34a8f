"""What proxies, policies, spaces and files are cited for: keys of ``sources.bib``.

A source is a key of that file, or several with semicolons between them, or any other text, which
stands for itself ('my idea').
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources

from opscore.errors import unknown

#: The paper whose experiments opscore reproduces.
THE_PAPER = "xiang2023"


@cache
def entries() -> dict[str, str]:
    """Each entry of the file, in BibTeX, by its key."""
    text = (resources.files("opscore.published") / "sources.bib").read_text(encoding="utf-8")
    found = re.finditer(r"^@\w+\{(\w+),\n.*?^\}$", text, re.DOTALL | re.MULTILINE)
    return {each[1]: each[0] for each in found}


def keys(source: str) -> list[str]:
    """The keys among the parts of a source."""
    return [part for part in source.split("; ") if part in entries()]


def named(source: str) -> str:
    """A source as one reads it: 'Mellor et al. 2021' for a key, other text as it is."""
    parts = source.split("; ")
    return "; ".join(_short(part) if part in entries() else part for part in parts)


def bibtex(wanted: Iterable[str]) -> str:
    """The entries of keys; UserError for a key that there is not."""
    for key in (wanted := list(wanted)):
        if key not in entries():
            raise unknown("source", key, entries())
    return "\n\n".join(entries()[key] for key in wanted)


def _short(key: str) -> str:
    """Authors by their last names, and the year."""
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},$", entries()[key], re.MULTILINE))
    names = [author.partition(",")[0] for author in fields["author"].split(" and ")]
    told = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
    return f"{told} {fields['year']}"
