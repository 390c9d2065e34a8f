"""``opscore.table2``, ``table5``, ``figure4``: the paper's search results, beside measured ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from opscore.analysis import save_figure
from opscore.analysis import search_figures as draw
from opscore.data.files import write_table
from opscore.oracles import load_oracle
from opscore.runs import search_tables
from opscore.runs.search_ablation import ablation, ablation_table, figure4_points
from opscore.runs.search_live import recorded_proposals, recorded_searches

#: Rows of searches (see :data:`opscore.runs.search_tables.SEARCHES`), and what to say of them.
Searches = tuple[pd.DataFrame, str]

#: Proposals and candidates' scores of a long search, and what to say of them.
LongSearch = tuple[pd.DataFrame, pd.DataFrame, str]


@dataclass(frozen=True)
class Picture:
    """A figure with the table behind it.

    Attributes:
        name: of its files.
        frame: what it shows.
        make: draws it.
    """

    name: str
    frame: pd.DataFrame
    make: Callable[[], Axes]


@dataclass(frozen=True)
class SearchReport:
    """One of the paper's tables or figures about searches.

    Attributes:
        name: of the table and its files.
        table: mean, std, best, ci_low, ci_high and, where the paper has them, published and
            published_std: test error in percent.
        by: the columns that say what a row is.
        note: what the numbers rest on.
        pictures: its figures.
    """

    name: str
    table: pd.DataFrame
    by: tuple[str, ...]
    note: str
    pictures: tuple[Picture, ...]

    def save(self, folder: Path | str) -> list[Path]:
        """Write the figures (PNG, PDF, CSV) and the table (CSV, Parquet) into a folder."""
        target = Path(folder)
        written = [
            path
            for picture in self.pictures
            for path in save_figure(picture.make().figure, target / picture.name, picture.frame)
        ]
        tables = [
            write_table(target / f"{self.name}{end}", self.table) for end in (".csv", ".parquet")
        ]
        return [*written, *tables]


def table2(found: Searches | None = None) -> SearchReport:
    """Table 2: error of every search method on every dataset, a figure for each dataset.

    found: searches and a note on them; those that the package ships by default.
    """
    rows, note = found or recorded_searches("search")
    table = search_tables.table2(rows)
    pictures = []
    for dataset, own in table.groupby("dataset", sort=False):

        def make(own: pd.DataFrame = own, title: str = f"Table 2: {dataset}") -> Axes:
            return draw.error_bars(own, "method", title=title, note=note)

        pictures.append(Picture(f"table2_{dataset}", own, make))
    return SearchReport("table2", table, ("method", "setting", "dataset"), note, tuple(pictures))


def table5(found: Searches | None = None) -> SearchReport:
    """Table 5: error of Zero-Cost-PT (nwot) by edge order; ``found`` as for :func:`table2`."""
    rows, note = found or recorded_searches("search_orders")
    table = search_tables.table5(rows)
    own = table[table["dataset"] == "cifar10"]

    def make() -> Axes:
        return draw.error_bars(own, "order", title="Table 5: edge orders, CIFAR-10", note=note)

    pictures = (Picture("table5_cifar10", own, make),)
    return SearchReport("table5", table, ("order", "setting", "dataset"), note, pictures)


def search_cost(found: Searches | None = None) -> SearchReport:
    """Error on CIFAR-10 against forward passes; ``found`` as for :func:`table2`."""
    rows, note = found or recorded_searches("search")
    table = search_tables.error_against_cost(rows)

    def make() -> Axes:
        return draw.error_cost(table, title="Error against cost, CIFAR-10", note=note)

    pictures = (Picture("error_against_cost", table, make),)
    by = ("method", "setting", "forward_passes")
    return SearchReport("search_cost", table, by, note, pictures)


def figure4(
    found: LongSearch | None = None,
    counts: Sequence[int] = (1, 10, 100, 1000),
    data_dir: Path | None = None,
) -> SearchReport:
    """Figure 4: accuracy against score of proposals, and what N and V end on (Table 3's design).

    Args:
        found: proposals, scores and a note, as :func:`opscore.runs.search_live.live_proposals`
            gives them; those that the package ships by default.
        counts: the Ns.
        data_dir: where the truth is looked for first.

    UserError when there are fewer proposals than the smallest N.
    """
    proposals, scores, note = found or recorded_proposals()
    oracle = load_oracle("nasbench201", seeds="mean", data_dir=data_dir)
    names = proposals["architecture"].unique().tolist()
    accuracy = {name: oracle.accuracy(oracle.space.parse(name)) for name in names}
    best = scores[scores["validation"] == scores["validation"].max()]
    points = figure4_points(proposals, best, accuracy, counts)
    ends = ablation(proposals, scores, accuracy, counts)
    note = f"score: V = {best['validation'].max()}; {note}; {oracle.describe()}"

    def make() -> Axes:
        return draw.figure4(points, ends, note=note)

    picture = Picture("figure4", points, make)
    return SearchReport("ablation", ablation_table(ends), ("N", "V"), note, (picture,))
