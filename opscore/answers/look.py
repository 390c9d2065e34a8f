"""How figures are to look; :mod:`opscore.answers.style` draws and writes them so.

Nothing here needs matplotlib.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opscore.errors import UserError, unknown

#: Points of type, and inches of a column and a page, by style.
STYLES = {
    "paper": (8.0, {"column": 3.35, "page": 7.0}),
    "screen": (10.0, {"column": 5.0, "page": 9.0}),
    "talk": (14.0, {"column": 6.5, "page": 11.5}),
}
WIDTHS = ("column", "page")

#: What figures are written as.
FORMATS = ("png", "pdf", "svg")


@dataclass(frozen=True)
class Look:
    """How figures are drawn and what they are written as.

    Attributes:
        style: one of :data:`STYLES`.
        width: one of :data:`WIDTHS`.
        formats: some of :data:`FORMATS`.
    """

    style: str = "paper"
    width: str = "page"
    formats: tuple[str, ...] = ("png", "pdf")

    def __post_init__(self) -> None:
        if not self.formats:
            raise UserError(f"figures are written as one or more of {', '.join(FORMATS)}")
        asked = [("style", self.style, STYLES), ("width", self.width, WIDTHS)]
        for what, name, known in [*asked, *(("format", name, FORMATS) for name in self.formats)]:
            if name not in known:
                raise unknown(f"{what} of figures", name, known)

    @property
    def type_size(self) -> float:
        """Points."""
        return STYLES[self.style][0]

    @property
    def inches(self) -> float:
        """Width of a figure."""
        return STYLES[self.style][1][self.width]

    @property
    def scale(self) -> float:
        """What is drawn on paper as large as 1."""
        return self.type_size / STYLES["paper"][0]


_USUAL = Look()
_look: ContextVar[Look | None] = ContextVar("look", default=None)


def look() -> Look:
    """The look that is set here."""
    return _look.get() or _USUAL


@contextmanager
def looking(wanted: Look) -> Iterator[None]:
    """Figures drawn and written inside look like that."""
    before = _look.set(wanted)
    try:
        yield
    finally:
        _look.reset(before)
