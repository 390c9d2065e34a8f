"""What every call that measures something returns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore.data.files import write_table

if TYPE_CHECKING:
    from opscore.answers.pictures import Picture
    from opscore.answers.table import Table

#: Rows of a table that ``repr`` shows.
_MOST_ROWS = 20


class Answer:
    """An answer: tables, what they rest on, figures.

    A command prints it and writes it into a folder, a notebook shows it, ``repr`` has the first
    rows of its tables.
    """

    @abstractmethod
    def tables(self) -> list[Table]:
        """Its tables, the one that matters most first."""

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        return []

    def lines(self) -> list[str]:
        """What it says beside its tables, a line each."""
        return []

    def hints(self) -> list[str]:
        """What one may do next, a line each; only a terminal shows them."""
        return []

    @abstractmethod
    def payload(self) -> Mapping[str, Any]:
        """All of it as frames and plain values, for JSON."""

    def files(self) -> Mapping[str, pd.DataFrame]:
        """What it keeps in a folder: frames by the names of their files, .parquet or .csv."""
        return {}

    def pictures(self) -> list[Picture]:
        """Its figures."""
        return []

    def trouble(self) -> str | None:
        """What went wrong, though there is an answer; None if nothing did."""
        return None

    def save(self, folder: Path | str) -> list[Path]:
        """Write tables (Parquet, CSV), their card and figures (PNG, PDF, CSV) into a folder."""
        target = Path(folder)
        written = [write_table(target / name, frame) for name, frame in self.files().items()]
        if any(path.suffix == ".parquet" for path in written):
            from opscore.answers.card import write_card

            titles = (table.title for table in self.tables())
            written.append(write_card(target, filter(None, [*titles, *self.notes()])))
        return [*written, *(path for each in self.pictures() for path in each.save(target))]

    def __repr__(self) -> str:
        from opscore.answers.text import text_of

        return text_of(self, 100, _MOST_ROWS).rstrip()

    def _repr_html_(self) -> str:
        """What a notebook shows: the tables, and the first figure."""
        from opscore.answers.formats import html_of

        return html_of(self) + "".join(picture.html() for picture in self.pictures()[:1])
