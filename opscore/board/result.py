"""``opscore.leaderboard``: a board, from what ships or with an entrant of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from opscore import progress, schema
from opscore.answers import Answer, Picture, Table
from opscore.board import across
from opscore.board.advice import WORTH_SEEING, advice
from opscore.board.bias import bias
from opscore.board.cells import tables_of
from opscore.board.cost import cost
from opscore.board.definition import LATEST, Board, read_board
from opscore.board.power import power
from opscore.board.scores import (
    CEILINGS,
    Made,
    SpaceScores,
    board_truths,
    name_of,
    shipped_scores,
)
from opscore.board.tables import (
    all_pairs_table,
    bias_table,
    cells_table,
    pairs_table,
    ranking_table,
)
from opscore.data.records import read_record
from opscore.errors import UserError, one_of
from opscore.experiments import OracleSettings
from opscore.experiments.initial.result import InitialResult, initial
from opscore.experiments.initial.tasks import knows_truth
from opscore.oracles import NO_TRUTH
from opscore.policies.residual import RESIDUAL
from opscore.registry import as_names
from opscore.runs.reading import outcome_of, pick, stored_runs
from opscore.runs.store import RunStore

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Frames of an answer.
_FRAMES = ("ranking", "cells", "pairs", "bias", "cost")


@dataclass(frozen=True, repr=False)
class Leaderboard(Answer):
    """A board with its entrants' scores; all else is derived when it is asked for.

    Attributes:
        board: what it is a ranking on.
        scores: of the entrants, by space.
        own: entrants that were computed now.
        reference: what ranks are by.
    """

    board: Board
    scores: dict[str, SpaceScores]
    own: tuple[str, ...] = ()
    reference: str = ""

    def __post_init__(self) -> None:
        named = self.reference or self.board.references[0]
        object.__setattr__(self, "reference", one_of("reference", named, self.board.references))

    def against(self, reference: str) -> Leaderboard:
        """The same board by another of its references; UserError for one that it has not."""
        return replace(self, reference=reference)

    @cached_property
    def _tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return tables_of(
            self.board, self.scores, self._truths, read_record(CEILINGS)[0], [self.reference]
        )

    @cached_property
    def _truths(self) -> dict[tuple[str, str], pd.DataFrame]:
        return board_truths(self.board)

    @property
    def cells(self) -> pd.DataFrame:
        """One row per task and entrant (:data:`opscore.board.cells.CELLS`)."""
        return self._tables[0]

    @property
    def edges(self) -> pd.DataFrame:
        """One row per task, entrant, seed and edge (:data:`opscore.board.cells.EDGES`)."""
        return self._tables[1]

    def counted(self, role: str | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Cells and edges that ranks are over: those of accuracy, or of one role."""
        return tuple(  # type: ignore[return-value]
            table[table["role"] != "other" if role is None else table["role"] == role]
            for table in self._tables
        )

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """One row per entrant, the best first (:data:`opscore.board.across.RANKING`)."""
        return across.ranking(*self.counted())

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row per pair of entrants (:data:`opscore.board.across.PAIRS`)."""
        return across.pairs(*self.counted())

    @cached_property
    def bias(self) -> pd.DataFrame:
        """One row per space and entrant (:data:`opscore.board.bias.BIAS`)."""
        return bias(self.board, self.scores, self._truths, self.reference)

    @cached_property
    def cost(self) -> pd.DataFrame:
        """One row per space and entrant (:data:`opscore.board.cost.COST`)."""
        return cost(self.board, self.scores)

    def power(self, difference: float, pair: tuple[str, str] | None = None) -> pd.DataFrame:
        """What it takes to see a difference of mean rho; see :mod:`opscore.board.power`."""
        return power(self.counted()[1], difference, pair=pair)

    def notes(self) -> list[str]:
        """What the numbers rest on, a line each."""
        board = self.board
        roles = pd.Series(board.roles).value_counts()
        lines = [
            f"board {board.version}: {len(board.spaces)} spaces, {len(board.roles)} tasks "
            f"({', '.join(f'{roles[role]} {role}' for role in roles.index)}; other: another goal "
            "than accuracy, in no rank), "
            f"{len(board.entrants)} entrants, seeds {', '.join(map(str, board.seeds))}",
            f"agreement with {self.reference}: Spearman within an edge, mean over edges and seeds; "
            "then over the tasks of a space, then over spaces",
            "tasks of a space share its edges and are no independent evidence: intervals draw "
            "spaces, then edges, and tests flip the signs of edges",
        ]
        if self.own:
            made = [each.made[name] for each in self.scores.values() for name in self.own
                    if name in each.made]  # fmt: skip
            others = {each.images for each in made} - {board.images}
            what = f" on {', '.join(sorted(others))}, not on {board.images}" if others else ""
            lines.append(
                f"computed now: {', '.join(self.own)}{what}; all else ships with the package"
            )
        if board.frozen:
            lines.append(f"named before its held-out scores were computed: {board.frozen}")
        return lines

    def lines(self) -> list[str]:
        """What to use, and how sure that is."""
        try:
            needs = self.power(WORTH_SEEING)
        except UserError:  # nothing here has two seeds
            needs = None
        said = advice(self.ranking, self.pairs, needs, RESIDUAL)
        return [" ".join(said)] if said else []

    def facts(self) -> dict[str, Any]:
        """What the board is, as plain values."""
        return {
            "board": self.board.version,
            "reference": self.reference,
            "seeds": list(self.board.seeds),
            "truths": {
                name_of(each): {"sha256": each.sha256, "role": each.role}
                for each in self.board.truths
            },
            "frozen": self.board.frozen,
            "own": list(self.own),
            "notes": self.notes(),
        }

    def tables(self) -> list[Table]:
        """The ranking, pairs, bias and cost; on pages all pairs and tasks too."""
        names = list(self.ranking["entrant"])
        return [
            ranking_table(self.ranking, self.reference),
            pairs_table(self.pairs, names),
            bias_table(self.bias, self.cost, names),
            all_pairs_table(self.pairs),
            cells_table(self.cells, self.reference),
        ]

    def payload(self) -> dict[str, Any]:
        """All frames, and what the board is."""
        frames = {name: getattr(self, name) for name in _FRAMES}
        return {**frames, "settings": {"command": "leaderboard", **self.facts()}}

    def files(self) -> dict[str, pd.DataFrame]:
        """Its frames."""
        return {f"{name}.parquet": getattr(self, name) for name in _FRAMES}

    def save(self, folder: Path | str) -> list[Path]:
        """Its frames, its picture, and a page that needs nothing else."""
        from opscore.answers.page import write_page

        target = Path(folder) / "leaderboard.html"
        written = super().save(folder)
        return [*written, write_page(self, target, f"opscore board {self.board.version}")]

    def pictures(self) -> list[Picture]:
        """The ranking."""
        caption = f"Agreement with {self.reference} on board {self.board.version}"
        return [Picture("leaderboard", self.ranking, self.figure, caption)]

    def figure(self) -> Figure:
        """The ranking with its intervals, and what of it is specific to edges."""
        from opscore.board.picture import leaderboard_panels

        cells = self.counted()[0]
        return leaderboard_panels(self.ranking, cells, self.reference, note="\n".join(self.notes()))


def stored(store: RunStore | Path | str, board: Board | None = None) -> Leaderboard:
    """A board whose entrants are the initial scores of a run store, not those that ship.

    UserError where the store has none in a space of the board.
    """
    found = read_board() if board is None else board
    tables: dict[str, list[pd.DataFrame]] = {}
    for run in pick(stored_runs(store), kind="initial", status="finished"):
        space = str(run.record["key"]["space"])
        if space in found.spaces and not knows_truth(str(run.record["key"]["policy"])):
            tables.setdefault(space, []).append(outcome_of(run).tables["scores"])
    if not tables:
        raise UserError(f"the store at {store} has no initial scores in a space of the board")
    scores = {
        space: SpaceScores(schema.conform(pd.concat(own, ignore_index=True), "scores"), {})
        for space, own in tables.items()
    }
    kept = tuple(truth for truth in found.truths if truth.space in scores)
    return Leaderboard(replace(found, truths=kept, entrants=()), scores)


@progress.shows_progress
def leaderboard(
    policies: str | Sequence[str] | None = None,
    *,
    board: str | Path | Board = LATEST,
    reference: str | None = None,
    spaces: Sequence[str] | None = None,
    store: RunStore | Path | str | None = None,
    batch_size: int = 32,
    **settings: Any,
) -> Leaderboard:
    """Every entrant on every truth of a board, from what ships; no data is needed.

    ::

        opscore.leaderboard().ranking
        opscore.leaderboard("zc-pt(mine)", store="runs").ranking   # scored now, beside the others

    Args:
        policies: entrants of one's own that are scored now, on the board's seeds.
        board: the version of a board that ships, a TOML file, or a board.
        reference: what ranks are by; the board's first where none is named.
        spaces: score ``policies`` in these alone; elsewhere they are missing.
        store: folder of finished runs for ``policies``.
        batch_size: images in their minibatch.
        **settings: further fields of :class:`opscore.settings.ScoringSettings` and
            :class:`opscore.settings.RunSettings` for them.

    Raises:
        UserError: there is no such board or reference, or a policy reads the truth.
    """
    found = board if isinstance(board, Board) else read_board(board)
    scores = shipped_scores(found)
    names = () if policies is None else as_names(policies)
    for name in names:
        if knows_truth(name):
            raise UserError(f"'{name}' reads the truth, so it has no place on a board")
    asked = found.spaces if spaces is None else spaces
    for space in asked:
        one_of("space of the board", space, found.spaces)
    computed = {"size": found.size, "batch_size": batch_size, **settings}
    for space in asked if names else ():
        made = initial(
            names,
            found.seeds,
            space=space,
            oracle=OracleSettings(source=NO_TRUTH),
            baselines=False,
            store=store,
            **computed,
        )
        scores[space] = _with(scores[space], made)
    return Leaderboard(found, scores, names, reference or found.references[0])


def _with(known: SpaceScores, made: InitialResult) -> SpaceScores:
    """A space's scores with those that were computed now in the place of others of their name."""
    names = list(map(str, made.scores["policy"].unique()))
    asked = made.settings
    others = known.scores[~known.scores["policy"].isin(names)]
    own = dict.fromkeys(names, Made(asked.size, asked.minibatch, asked.images))
    return SpaceScores(pd.concat([others, made.scores], ignore_index=True), {**known.made, **own})
