"""How tables are made of the files that their authors publish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opscore.data.catalogue import COLLECTIONS, ORIGINALS
from opscore.data.convert import nasbench201, nasbench_macro, nb1shot1, oneshot_logs, suite_zero

if TYPE_CHECKING:
    import pandas as pd

#: Makes a table of originals, given by their names; UserError when one is something else.
Maker = Callable[[Mapping[str, Path]], "pd.DataFrame"]


@dataclass(frozen=True)
class Recipe:
    """How a table is made.

    Attributes:
        table: its name as a known file.
        sources: names of the originals that it is made of.
        make: does it.
        any_source: some of the sources are enough for a smaller table.
    """

    table: str
    sources: tuple[str, ...]
    make: Maker
    any_source: bool = False


def _of_one(table: str, source: str, read: Callable[[Path], pd.DataFrame]) -> Recipe:
    return Recipe(table, (source,), lambda files: read(files[source]))


def _oneshot(space: int) -> Recipe:
    source = f"search_space{space}.pkl"
    return _of_one(f"nb1shot1-{space}", source, lambda path: nb1shot1.read_pickle(path, space))


_LOGS = tuple(name for name in ORIGINALS if name.startswith("logs_1shot1/"))
_RECIPES = (
    Recipe(
        "nasbench201",
        (nasbench201.AUTHORS, nasbench201.NATS, nasbench201.ZEN),
        nasbench201.assemble,
        any_source=True,
    ),
    _of_one("nasbench201-zen", nasbench201.ZEN, suite_zero.nasbench201_zen),
    _of_one("nasbench-macro", "nas-bench-macro_cifar10.json", nasbench_macro.read),
    _oneshot(1),
    _oneshot(2),
    _of_one("transnas-micro", "all_benchmarks_zen.zip", suite_zero.transnas_micro),
    _of_one("transnas-macro", "tnb101_macro_zen.zip", suite_zero.transnas_macro),
    Recipe("published-nb1shot1", _LOGS, oneshot_logs.read),
    _of_one("nasbench201-proxies", "zc_nasbench201.json", suite_zero.sampled_proxies),
)

#: Recipes by the name of their table.
RECIPES: dict[str, Recipe] = {recipe.table: recipe for recipe in _RECIPES}


def recipes_with(source: str) -> list[Recipe]:
    """The recipes that use an original."""
    return [recipe for recipe in _RECIPES if source in recipe.sources]


def collection_with(source: str) -> str:
    """The first collection that has an original."""
    return next(name for name in COLLECTIONS if source in COLLECTIONS[name].sources)
