"""``opscore.compare_spaces``: the same policies on every truth that there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore.analysis import HINDSIGHT
from opscore.answers import Answer, Picture, Table
from opscore.board.scores import INITIAL, TRUTHS
from opscore.data.records import read_record, record_names
from opscore.errors import UserError, unknown
from opscore.experiments import tables
from opscore.experiments.initial.result import InitialResult
from opscore.experiments.initial.tasks import task_correlations
from opscore.experiments.settings import describe_size
from opscore.oracles.references import USUAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What of the record of truths is shown: the references, and the bar that is chosen by them.
_KNOWN = (*USUAL, HINDSIGHT)


@dataclass(frozen=True, repr=False)
class SpacesResult(Answer):
    """How policies agree with the truth of every task of several spaces.

    Attributes:
        tasks: one row per task, reference and policy; columns
            :data:`opscore.experiments.initial.tasks.TASKS`. Of what ships, a space without a table
            of its own is called by the sample that it is compared with too: 'darts (trained)'.
        settings: of each space, what its scores depend on, as plain values.
        shipped: whether they came with the package.
    """

    tasks: pd.DataFrame
    settings: dict[str, dict[str, Any]]
    shipped: bool

    def against(self, reference: str = "best-acc") -> pd.DataFrame:
        """Rho with one reference: a row for each task, a column for each policy.

        Raises:
            UserError: nothing was compared with that reference.
        """
        rows = self.tasks[self.tasks["reference"] == reference]
        if rows.empty:
            raise unknown("reference", reference, list(dict.fromkeys(self.tasks["reference"])))
        rows = rows[rows["policy"] != reference]
        wide = rows.pivot_table("rho", ["space", "dataset"], "policy", dropna=False)
        order = list(dict.fromkeys(zip(rows["space"], rows["dataset"], strict=True)))
        return wide.loc[order, list(dict.fromkeys(rows["policy"]))]

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        truths = {
            name: f"sha256 {own['truth']['digest'][:12]}" for name, own in self.settings.items()
        }
        return [*self.measured_with(), f"truths: tables with {_said(truths)}"]

    def measured_with(self) -> list[str]:
        """What the scores rest on, a line each."""
        each = self.settings.items()
        notes = [
            "computed by this project, shipped with the package"
            if self.shipped
            else "computed now",
            f"seeds: {_said({name: ', '.join(map(str, own['seeds'])) for name, own in each})}",
            f"supernets: {_said({name: describe_size(own['size']) for name, own in each})}",
        ]
        images = {name: str(own["notes"][0]).removeprefix("images: ") for name, own in each}
        return [*notes, f"images: {_said(images)}"]

    def tables(self) -> list[Table]:
        """A table for each reference, a line for each task."""
        return tables.tasks(self.tasks)

    def payload(self) -> dict[str, Any]:
        """The table, and what it rests on."""
        settings = {"command": "compare-spaces", "notes": self.notes(), "spaces": self.settings}
        return {"tasks": self.tasks, "settings": settings}

    def files(self) -> dict[str, pd.DataFrame]:
        """The table."""
        return {"spaces.parquet": self.tasks}

    def pictures(self) -> list[Picture]:
        """Every policy's rho on every task."""
        return [Picture("spaces", self.tasks, self.figure)]

    def figure(self) -> Figure:
        """Every policy's rho on every task; its ``savefig`` writes it into a file."""
        from opscore.analysis.side_by_side import task_panels

        return task_panels(self.tasks, note="\n".join(self.measured_with()))


def compare_spaces(measured: Sequence[InitialResult] | None = None) -> SpacesResult:
    """Agreement of policies with the truth of every task, space by space.

    Args:
        measured: what :func:`opscore.initial` returned, one for each space; by default what the
            package ships, at paper size.

    Raises:
        UserError: no space has a truth here, or one was given twice.
    """
    if measured is None:
        return _shipped()
    names = [result.settings.space for result in measured]
    if len(set(names)) < len(names):
        raise UserError(f"one result for each space; these came: {', '.join(names)}")
    found = [result.tasks for result in measured if not result.tasks.empty]
    if not found:
        raise UserError(
            "none of these spaces has a truth here, so there is nothing to compare; "
            "tables: opscore data fetch --all"
        )
    known = {table["space"].iloc[0] for table in found}
    settings = {
        result.settings.space: result.facts()
        for result in measured
        if result.settings.space in known
    }
    return SpacesResult(pd.concat(found, ignore_index=True), settings, shipped=False)


def _shipped() -> SpacesResult:
    names = [name for name in record_names() if name.startswith(INITIAL)]
    scored = {name.removeprefix(INITIAL): read_record(name) for name in names}
    truths, made = read_record(TRUTHS)
    truths = truths[truths["policy"].isin(_KNOWN)]
    # The paper's space first, as everywhere.
    order = sorted(scored, key=lambda name: (name != "nasbench201", name))
    found, settings = [], {}
    for space in order:
        for name in _truths_of(space, made["truths"]):
            known = truths[truths["space"] == name].assign(space=space)
            found.append(task_correlations(scored[space][0], known).assign(space=name))
            settings[name] = {**scored[space][1], "truth": made["truths"][name]}
    return SpacesResult(pd.concat(found, ignore_index=True), settings, shipped=True)


def _truths_of(space: str, truths: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A space's own table of accuracies; the samples of it where it has none."""
    return [space] if space in truths else [n for n, own in truths.items() if own["space"] == space]


def _said(words: dict[str, str]) -> str:
    """One word for all spaces, or each with the spaces it holds for."""
    by_word: dict[str, list[str]] = {}
    for space, word in words.items():
        by_word.setdefault(word, []).append(space)
    if len(by_word) == 1:
        return next(iter(by_word))
    return "; ".join(f"{word} ({', '.join(spaces)})" for word, spaces in by_word.items())
