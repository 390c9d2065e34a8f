"""``opscore.alphas``: where a supernet's training takes the weights of operations, by epoch.

darts chooses by softmax(alpha) (Eq. 3). The paper says that it comes to prefer skip connections, as
Zela et al. (2020) saw; here is when, if it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from opscore.answers import Answer, Column, Picture, Table
from opscore.data.records import read_record
from opscore.errors import UserError
from opscore.runs.store import provenance
from opscore.spaces import get_space
from opscore.supernets.epochs import read_checkpoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The record that the package ships.
RECORD = "training_medium"

#: Columns of the curves, a row for each (seed, epoch, edge, operation).
CURVES = {
    "seed": "int64",
    "epoch": "int64",  # from 1
    "edge": "int64",
    "op": "str",
    "weight": "float64",  # softmax(alpha) over the operations of the edge, after the epoch
    "accuracy": "float64",  # of the supernet on validation images, percent
}

#: Epochs that the table shows; files have all of them.
_SHOWN = 12


@dataclass(frozen=True, repr=False)
class AlphaCurves(Answer):
    """Weights of operations along the epochs of one or more trainings.

    Attributes:
        curves: a frame with columns :data:`CURVES`.
        settings: what the curves are of, as plain values; ``notes`` among them.
    """

    curves: pd.DataFrame
    settings: dict[str, Any]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each (epoch, op), mean over seeds and edges.

        Columns epoch, op, accuracy, weight, and rank: of the operation on an edge, 1 the largest
        weight; and of weight and rank the least and the most that a seed has, weight_low to
        rank_high.
        """
        groups = self.curves.groupby(["seed", "epoch", "edge"])["weight"]
        ranked = self.curves.assign(rank=groups.rank(ascending=False))
        numbers = ["accuracy", "weight", "rank"]
        over_edges = ranked.groupby(["seed", "epoch", "op"], sort=False)[numbers].mean()
        seeds = over_edges.groupby(["epoch", "op"], sort=False)
        means = seeds.mean()
        for name in ("weight", "rank"):
            means[f"{name}_low"], means[f"{name}_high"] = seeds[name].min(), seeds[name].max()
        return means.reset_index()

    def notes(self) -> list[str]:
        """What the curves are of, a line each."""
        return list(self.settings["notes"])

    def tables(self) -> list[Table]:
        """Accuracy and weights, then ranks: a column for each operation, some of the epochs."""
        last = int(self.curves["epoch"].max())
        epochs = sorted({1, *range(last, 0, -max(1, -(-last // _SHOWN)))})
        rows = self.summary[self.summary["epoch"].isin(epochs)]
        weights = rows.pivot_table("weight", "epoch", "op").reset_index()
        ranks = rows.pivot_table("rank", "epoch", "op").reset_index()
        weights["accuracy"] = rows.groupby("epoch")["accuracy"].first().to_numpy()
        return [
            Table(
                "softmax(alpha), mean over edges and seeds",
                (_EPOCH, _ACCURACY, *_numbers(rows["op"], ".3f")),
                weights,
            ),
            Table(
                "Rank on an edge by softmax(alpha), 1 the largest, mean over edges and seeds",
                (_EPOCH, *_numbers(rows["op"], ".2f")),
                ranks,
            ),
        ]

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        return {"curves": self.curves, "summary": self.summary, "settings": self.settings}

    def files(self) -> dict[str, pd.DataFrame]:
        """The curves; their means come with the picture."""
        return {"alphas.parquet": self.curves}

    def pictures(self) -> list[Picture]:
        """Weights and ranks along the epochs."""
        return [Picture("alphas", self.summary, self.figure)]

    def figure(self) -> Figure:
        """Weights and ranks along the epochs; its ``savefig`` writes a file."""
        from opscore.analysis.case_studies import alpha_panels

        return alpha_panels(self.summary, note="; ".join(self.notes()))


_EPOCH = Column("epoch", kind="whole")
_ACCURACY = Column("accuracy", "accuracy, %", "number", ".1f")


def _numbers(names: pd.Series, form: str) -> list[Column]:
    """A column of numbers for each different name."""
    return [Column(str(name), kind="number", form=form) for name in dict.fromkeys(names)]


def alphas(
    checkpoints: Iterable[Path | str] | None = None, space: str = "nasbench201"
) -> AlphaCurves:
    """Weights of operations along the epochs of trainings, finished or not.

    ::

        opscore.alphas()  # the trainings at paper size that this project made
        opscore.alphas(Path("runs/supernets").glob("*/supernet.pt"))  # one's own

    Args:
        checkpoints: files that trainings of supernets keep (``supernet.pt``, below ``supernets``
            in the folder of runs); None for the record that the package ships.
        space: the space of the supernets.

    Raises:
        UserError: there is no file, one is not a supernet's training of this space, or two have
            one seed.
    """
    if checkpoints is None:
        return AlphaCurves(*read_record(RECORD))
    parts = [_read(Path(path), space) for path in checkpoints]
    if not parts:
        raise UserError("no checkpoint of a training was given; None is the trainings that ship")
    curves = pd.concat(parts, ignore_index=True)
    seeds = [int(part["seed"].iloc[0]) for part in parts]
    listed = ", ".join(map(str, seeds))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"one training for each seed, please: these are of {listed}")
    notes = [f"{space}; trainings of seed {listed}, {len(set(curves['epoch']))} epochs"]
    return AlphaCurves(curves, {"space": space, "notes": notes, **provenance()})


def _read(path: Path, space: str) -> pd.DataFrame:
    """The curves in one checkpoint."""
    content = read_checkpoint(path, ("training", "log", "alphas"))
    own, seed = get_space(space), content["training"]["seed"]
    if content["training"]["state"] != str(own.initial_state()):
        raise UserError(f"{path}: not a training of a whole supernet of space '{space}'")
    rows = []
    for entry, table in zip(content["log"], content["alphas"], strict=True):
        for edge, names in enumerate(own.operations):
            weights = torch.softmax(table[edge, : len(names)].double(), 0).tolist()
            rows += [
                {
                    "seed": seed,
                    "epoch": entry["epoch"],
                    "edge": edge,
                    "op": op,
                    "weight": weight,
                    "accuracy": entry["valid_accuracy"],
                }
                for op, weight in zip(names, weights, strict=True)
            ]
    if not rows:
        raise UserError(f"{path}: no epoch of this training is finished yet")
    return pd.DataFrame(rows)[list(CURVES)].astype(CURVES)
