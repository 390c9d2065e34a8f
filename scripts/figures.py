"""Remakes every picture and table of figures/, and the pictures of docs/, from what ships.

    python scripts/figures.py                  # or: make figures
    python scripts/figures.py --only search    # some of them
    python scripts/figures.py --check          # or: make figures-check

``--check`` makes the tables again, without pictures, and ends with exit code 1 if a committed one
differs. What it all rests on are the package's records (``opscore records``): scores, candidates
and curves. Two need the table of NAS-Bench-201 beside them (``opscore data fetch nasbench201``, or
OPSCORE_DATA) and are left out, with a word, where it is not: table1 and figure4.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

import opscore
from opscore.analysis import Correlation
from opscore.answers import style
from opscore.data import find
from opscore.data.catalogue import TABLE
from opscore.data.records import read_record, record_names
from opscore.experiments import ScoringSettings
from opscore.experiments.initial.result import InitialResult
from opscore.paper.retraining.result import RetrainingResult
from opscore.paper.toy_model.result import shipped_toy_model
from opscore.typed import made, types_of

ROOT = Path(__file__).resolve().parent.parent

#: What is committed of what a result writes; tables are text, so that a change can be read.
KEPT = (".csv", ".png", ".pdf", ".txt")

#: Digits of a number in a committed table: more than anybody reads, fewer than machines share.
DIGITS = 10


def settings_of(facts: dict[str, Any]) -> ScoringSettings:
    """The settings that a record was made with, from the plain values beside it."""
    known = types_of(ScoringSettings)
    return made(ScoringSettings, {name: facts[name] for name in known if name in facts})


class Recorded(InitialResult):
    """Initial scores of a record; what they rest on is what the record says."""

    @classmethod
    def read(cls, name: str) -> Recorded:
        """The record of this name."""
        scores, facts = read_record(name)
        found = cls(settings_of(facts), scores)
        found.__dict__["rests_on"] = facts["notes"]
        return found

    def measured_with(self) -> list[str]:
        """As it was written down, without the images themselves."""
        return [note for note in self.__dict__["rests_on"] if not note.startswith("truth")]

    def truth_notes(self) -> list[str]:
        """As it was written down, without the table itself."""
        return [note for note in self.__dict__["rests_on"] if note.startswith("truth")]


def scored(name: str, folder: Path) -> None:
    """Each policy against best-acc, and every pair of policies."""
    result = Recorded.read(name)
    style.save_figure(result.bars(), folder / "best_acc", result.against("best-acc"))
    style.save_figure(result.figure(), folder / "figure2_left", result.correlation)


def retraining(folder: Path) -> None:
    """Curves of retraining, with the agreement at each epoch: of one edge, and of all."""
    for name, file in (("retraining", "retraining_edge0"), ("retraining_edges", "retraining")):
        curves, facts = read_record(name)
        notes = list(facts["notes"])
        result = RetrainingResult(settings_of(facts), curves)
        result.__dict__["notes"] = lambda notes=notes: notes
        result.save(folder)
        result.correlation.to_csv(folder / f"{file}_correlation.csv", index=False)


def conditions(folder: Path) -> None:
    """What images, counting and batch size change."""
    conditions_table(read_record("conditions")[0]).to_csv(folder / "conditions.csv", index=False)


def conditions_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Agreement of each policy with best-acc, and its mean rank of skips, by condition.

    scores: a score table with columns images, meaning and batch_size.
    """
    parts = []
    by = ["images", "meaning", "batch_size"]
    for row in scores[by].drop_duplicates().to_dict("records"):
        condition = {str(name): value for name, value in row.items()}
        own = scores[(scores[by] == pd.Series(condition)).all(axis=1)]
        found = Correlation()(own, references=["best-acc"]).assign(**condition)
        found["skip_rank"] = [mean_rank(own, str(p), "skip_connect") for p in found["policy"]]
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def mean_rank(scores: pd.DataFrame, policy: str, op: str) -> float:
    """Mean rank of an operation within its edge (1 = strongest)."""
    rows = scores[scores["policy"] == policy].copy()
    rows["rank"] = rows.groupby(["seed", "edge"])["strength"].rank(ascending=False)
    return float(rows.loc[rows["op"] == op, "rank"].mean())


def searches(folder: Path) -> None:
    """Tables 2 and 5, and error against cost."""
    for table in (opscore.table2, opscore.table5, opscore.search_cost):
        table().save(folder)


#: What fills a folder of figures/, by the folder's name; several for one folder may be.
MAKERS: dict[str, Callable[[Path], object]] = {
    "initial": lambda folder: scored("initial_nasbench201", folder),
    "proxies": lambda folder: scored("proxies", folder),
    "figure2": lambda folder: opscore.figure2().save(folder),
    "spaces": lambda folder: opscore.compare_spaces().save(folder),
    "leaderboard": lambda folder: opscore.leaderboard().save(folder),
    "toy_model": lambda folder: shipped_toy_model().save(folder),
    "retraining": retraining,
    "alphas": lambda folder: opscore.alphas().save(folder),
    "conditions": conditions,
    "search": searches,
    "search/figure4": lambda folder: opscore.figure4().save(folder),
    "table1": lambda folder: opscore.table1().save(folder),
}

#: Those that look accuracies up.
NEED_TABLE = ("search/figure4", "table1")


def make(name: str, out: Path) -> list[Path]:
    """Make what has this name; returns the files that are kept, below ``out``."""
    target = out / name.partition("/")[0]
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        MAKERS[name](folder)
        kept = sorted(path for path in folder.iterdir() if path.suffix in KEPT)
        for path in kept:
            if path.suffix == ".csv":
                rounded(pd.read_csv(path)).to_csv(path, index=False, float_format=f"%.{DIGITS}g")
            shutil.move(path, target / path.name)
    return [target / path.name for path in kept]


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The same without the last bits of its numbers, which machines do not share."""
    numbers = table.select_dtypes("float")
    return table.assign(**(numbers.round(DIGITS + 2) + 0.0))


def makeable(names: Iterable[str]) -> list[str]:
    """These without what needs a table that is not here; a line for each."""
    found = []
    for name in names:
        if name == "conditions" and name not in record_names():
            print(f"{name}: left out, there is no record of its scores")
        elif name in NEED_TABLE and find(TABLE) is None:
            print(f"{name}: left out, it needs {TABLE} (opscore data fetch nasbench201)")
        else:
            found.append(name)
    return found


def _no_picture(figure: Figure, path: Path, form: str, *, dpi: int = 0) -> None:
    path.touch()


def differing(names: Iterable[str]) -> list[str]:
    """Committed tables that are not what the code makes now of the records."""
    found = []
    kept = style.write_picture
    style.write_picture = _no_picture
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for name in names:
                made = [path for path in make(name, Path(scratch)) if path.suffix == ".csv"]
                for path in made:
                    committed = ROOT / "figures" / path.relative_to(scratch)
                    if not committed.is_file() or committed.read_text() != path.read_text():
                        found.append(str(committed.relative_to(ROOT)))
    finally:
        style.write_picture = kept
    return found


def pictures_of_pages() -> None:
    """The pictures of docs/spaces, and that of the first page."""
    for path in ("spaces/pictures.py", "picture.py"):
        specification = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / path)
        assert specification is not None and specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        module.main([])


def main() -> int:
    """What was asked for; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=MAKERS, metavar="NAME")
    parser.add_argument("--check", action="store_true", help="make tables, and compare them")
    asked = parser.parse_args()
    names = makeable(asked.only or MAKERS)
    if asked.check:
        stale = differing(names)
        for path in stale:
            print(f"{path}: not what the code makes now; make figures")
        return int(bool(stale))
    for name in names:
        print(f"{name}: {len(make(name, ROOT / 'figures'))} files", flush=True)
    if asked.only is None:
        pictures_of_pages()
    return 0


if __name__ == "__main__":
    sys.exit(main())
