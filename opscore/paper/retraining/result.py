"""``opscore.retraining``: how a discretized supernet's accuracy comes back, by operation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore import progress
from opscore.answers import Answer, Column, Picture, Table
from opscore.experiments import ScoringContext, resolve
from opscore.experiments.settings import describe_size
from opscore.images import load_images
from opscore.isolation import isolated
from opscore.paper.retraining.curves import retraining_curves
from opscore.runs.store import provenance
from opscore.settings import RunSettings, ScoringSettings, takes
from opscore.spaces import get_space

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class RetrainingResult(Answer):
    """Curves of one edge, or of all, over seeds, and what their ranking is worth.

    Attributes:
        settings: the settings, with every 'auto' decided.
        curves: a frame with columns :data:`opscore.paper.retraining.curves.CURVES`.
    """

    settings: ScoringSettings
    curves: pd.DataFrame

    @property
    def edges(self) -> list[int]:
        """Indices of the edges."""
        return sorted(set(self.curves["edge"]))

    @cached_property
    def by_edge(self) -> pd.DataFrame:
        """One row for each (seed, epoch, edge): ``rho`` to best-acc on the edge (missing when all
        accuracies are equal), and ``spread``, the largest accuracy minus the smallest."""
        from scipy.stats import spearmanr

        rows = []
        for (seed, epoch, edge), group in self.curves.groupby(["seed", "epoch", "edge"]):
            spread = float(group["accuracy"].max() - group["accuracy"].min())
            rho = spearmanr(group["accuracy"], group["best_acc"]).statistic if spread else None
            rows.append({"seed": seed, "epoch": epoch, "edge": edge, "rho": rho, "spread": spread})
        return pd.DataFrame(rows).astype({"rho": "float64"})

    @cached_property
    def by_seed(self) -> pd.DataFrame:
        """The same for each (seed, epoch), mean over edges."""
        return self.by_edge.groupby(["seed", "epoch"])[["rho", "spread"]].mean().reset_index()

    @cached_property
    def correlation(self) -> pd.DataFrame:
        """One row for each epoch: rho and spread, mean over seeds, rho_low and rho_high."""
        groups = self.by_seed.groupby("epoch")
        table = groups.agg(
            rho=("rho", "mean"),
            rho_low=("rho", "min"),
            rho_high=("rho", "max"),
            spread=("spread", "mean"),
            n_seeds=("rho", "count"),
        )
        return table.reset_index()

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        settings = self.settings
        images = load_images(settings.images, settings.data_dir).describe()
        seeds = ", ".join(map(str, sorted(set(self.curves["seed"]))))
        return [
            f"{self._where}; seeds {seeds}",
            f"supernet: {settings.space}, {describe_size(settings.size)}; images: {images}",
            settings.profile.describe(str(int(self.curves["epoch"].max()))),
            f"truth: {ScoringContext(settings, 0).oracle.describe()}",
        ]

    def facts(self) -> dict[str, Any]:
        """Settings and provenance as plain values, for JSON."""
        own = {"edges": self.edges, "notes": self.notes()}
        return {**asdict(self.settings), **own, **provenance()}

    def tables(self) -> list[Table]:
        """Mean accuracy over seeds, a row for each epoch and a column for each operation."""
        truth = self.curves.groupby("op", sort=False)["best_acc"].mean()
        means = self.curves.pivot_table("accuracy", "epoch", "op").reset_index()
        operations = [
            Column(str(op), f"{op}\n{best:.2f}", "number", ".1f")
            for op, best in truth.sort_values(ascending=False).items()
        ]
        return [
            Table(
                f"Supernet accuracy in percent, {self._where}, mean; best-acc in the heading",
                (
                    Column("epoch", kind="whole"),
                    *operations,
                    Column("spread", kind="number", form=".1f"),
                    Column("rho", kind="number", form="+.2f"),
                ),
                self.correlation.merge(means, on="epoch"),
            )
        ]

    def payload(self) -> dict[str, Any]:
        """All tables, and what they rest on."""
        tables = {"curves": self.curves, "correlation": self.correlation}
        return {**tables, "settings": self.facts()}

    def files(self) -> dict[str, pd.DataFrame]:
        """Curves and correlations."""
        return {
            f"{self._name}.parquet": self.curves,
            f"{self._name}_correlation.parquet": self.correlation,
        }

    def pictures(self) -> list[Picture]:
        """The curves, and what their ranking is worth."""
        return [Picture(self._name, self.curves, self.figure)]

    def figure(self) -> Figure:
        """The curves, and what their ranking is worth."""
        from opscore.analysis.case_studies import retraining_panels

        note = "; ".join(self.notes())
        return retraining_panels(self.curves, self.correlation, note=note)

    @property
    def _name(self) -> str:
        return f"retraining_edge{self.edges[0]}" if len(self.edges) == 1 else "retraining"

    @property
    def _where(self) -> str:
        if len(self.edges) > 1:
            return f"{len(self.edges)} edges, each alone"
        return f"edge {get_space(self.settings.space).edges[self.edges[0]]}"


@takes(
    ScoringSettings,
    *("edge", "epochs", "seeds"),
    only=(
        *("seeds", "space", "size", "checkpoint", "training", "cache", "images", "data_dir"),
        *("oracle", "dtype", "device"),
    ),
    policies=("disc-acc",),
)
@progress.shows_progress
@isolated()
def retraining(
    settings: ScoringSettings,
    run: RunSettings,
    *,
    edge: int | str = 0,
    epochs: int = 20,
) -> RetrainingResult:
    """Discretize one edge of a trained supernet to each operation, retrain, watch the accuracy.

    What was stopped goes on after its last finished epoch.

    Args:
        edge: an edge of A_0, by index or name; ``"all"`` for each of them in turn.
        epochs: epochs of retraining, each as long as the training profile's are.

    Raises:
        UserError: the edge or another name is unknown, or a number is out of range.
    """
    resolved = resolve(settings)
    curves = retraining_curves(resolved, edge, epochs, run)
    return RetrainingResult(resolved, curves)
