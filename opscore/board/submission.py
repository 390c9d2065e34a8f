"""Entering a board: a folder with scores and what they were made with, and its check.

A policy is code, in this package or in a plug-in that is installed; numbers alone are not taken.
What a board cannot do elsewhere it can do here: scores follow from settings and seed, so that some
of them, drawn at random, are computed again and compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from opscore import progress, schema
from opscore.answers import Answer, Table
from opscore.board.cost import passes
from opscore.board.definition import LATEST, Board, read_board
from opscore.data.files import atomic_write, file_hash, write_table
from opscore.errors import UserError
from opscore.experiments import OracleSettings, ScoringContext, ScoringSettings, resolve
from opscore.experiments.dependencies import policy_key
from opscore.experiments.initial.result import initial
from opscore.experiments.initial.units import seeds_of
from opscore.fingerprint import RESULTS, hash_of
from opscore.isolation import isolated
from opscore.oracles import NO_TRUTH
from opscore.policies import find_family, make_policy
from opscore.runs.store import RunStore, provenance
from opscore.spaces import get_space
from opscore.typed import made, take_types

#: Files of a submission.
SCORES, ENTRY = "scores.parquet", "entry.json"

#: Share of the (space, seed, edge) cells that is computed again.
SHARE = 0.05

#: How far a recomputed score may be from the submitted one: as a share of the span between the
#: largest and the smallest score of its edge, or of the score itself where these are all alike.
TOLERANCE, SAME = 0.01, 1e-6

_TABLE = {"space": "str", **schema.SCORES}


@dataclass(frozen=True)
class Entry:
    """What ``entry.json`` says.

    Attributes:
        board: version of the board.
        policy: the policy's name.
        code: hash of the policy and of what in it was registered from outside.
        size, batch_size, images, meaning, dtype: settings of the scores.
        seeds: run seeds.
        states: states of the supernet that are scored for one seed, by space; None if not known.
        gradients: whether they need a backward pass.
        seconds: of one seed, by space, as measured.
        versions: of the packages that the scores were made with.
        machine: what they were made on.
        authors: who enters it.
        licence: of the policy's code.
        bibtex: how it is cited.
        no_truth_was_read: the submitter's word that no accuracy was looked at.
        scores: sha256 of the scores' file.
    """

    board: str
    policy: str
    code: str
    size: str
    batch_size: int
    images: str
    meaning: str
    dtype: str
    seeds: tuple[int, ...]
    states: dict[str, int | None]
    gradients: bool
    seconds: dict[str, float]
    versions: dict[str, str]
    machine: str
    authors: tuple[str, ...]
    licence: str
    bibtex: str
    no_truth_was_read: bool
    scores: str

    def __post_init__(self) -> None:
        take_types(self)


@dataclass(frozen=True, repr=False)
class Checked(Answer):
    """What a check found.

    Attributes:
        entry: what was entered.
        cells: (space, seed, edge) cells of the submission.
        recomputed: how many of them were computed again.
        largest: the largest deviation, as a share of the span of its edge's scores.
    """

    entry: Entry
    cells: int
    recomputed: int
    largest: float

    def tables(self) -> list[Table]:
        """None: it is a sentence."""
        return []

    def notes(self) -> list[str]:
        """What was found."""
        return [
            f"{self.entry.policy} can be entered on board {self.entry.board}: {self.cells} edges "
            f"scored, {self.recomputed} computed again; the largest deviation is "
            f"{self.largest:.2g} of an edge's span of scores, {TOLERANCE} allowed"
        ]

    def payload(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"check": asdict(self), "settings": {"command": "leaderboard check"}}


@progress.shows_progress
def submit(
    policy: str,
    folder: Path | str,
    *,
    authors: Iterable[str],
    licence: str,
    bibtex: str,
    no_truth_was_read: bool = False,
    board: str | Path | Board = LATEST,
    batch_size: int = 32,
    store: RunStore | Path | str | None = None,
    jobs: int = 1,
    **settings: Any,
) -> list[Path]:
    """Score a policy on every space of a board and write its submission.

    Args:
        policy: its name.
        folder: where the two files are written.
        authors: who enters it.
        licence: of its code.
        bibtex: how it is cited.
        no_truth_was_read: that no accuracy was looked at, neither by the code nor to choose it on a
            held-out truth; without this word nothing is written.
        board: the board, or its version or file.
        batch_size: images in the minibatch.
        store: folder of finished runs.
        jobs: worker processes.
        **settings: further fields of :class:`opscore.experiments.ScoringSettings`.

    Raises:
        UserError: the policy reads the truth, or something is not said.
    """
    found = board if isinstance(board, Board) else read_board(board)
    _refuse_truth(policy)
    if not no_truth_was_read:
        raise UserError("a submission needs your word that no truth was read (no_truth_was_read)")
    results = {
        space: initial(
            (policy,),
            found.seeds,
            space=space,
            batch_size=batch_size,
            oracle=OracleSettings(source=NO_TRUTH),
            baselines=False,
            store=store,
            jobs=jobs,
            **{"size": found.size, "images": found.images, **settings},
        )
        for space in found.spaces
    }
    table = pd.concat(
        [result.scores.assign(space=space) for space, result in results.items()], ignore_index=True
    )
    target = Path(folder)
    path = write_table(target / SCORES, table[list(_TABLE)].astype(_TABLE))
    made = next(iter(results.values())).settings
    seconds = table.groupby(["space", "seed"], dropna=False)["seconds"].sum()
    facts = provenance()
    entry = Entry(
        board=found.version,
        policy=policy,
        code=_code(policy),
        **{name: getattr(made, name) for name in _SETTINGS},
        seeds=found.seeds,
        states={space: passes(policy, get_space(space))[0] for space in found.spaces},
        gradients=passes(policy, get_space(found.spaces[0]))[1],
        seconds={space: float(seconds[space].mean()) for space in found.spaces},
        versions=facts["versions"],
        machine=facts["machine"],
        authors=tuple(authors),
        licence=licence,
        bibtex=bibtex,
        no_truth_was_read=no_truth_was_read,
        scores=file_hash(path),
    )
    _refuse_empty(entry)
    with atomic_write(target / ENTRY) as temporary:
        temporary.write_text(json.dumps(asdict(entry), indent=2) + "\n", encoding="utf-8")
    return [path, target / ENTRY]


#: Fields of the settings that an entry names.
_SETTINGS = ("size", "batch_size", "images", "meaning", "dtype")


@progress.shows_progress
@isolated()
def check(
    folder: Path | str,
    *,
    board: str | Path | Board | None = None,
    share: float = SHARE,
    seed: int | None = None,
    data_dir: Path | None = None,
) -> Checked:
    """Check a submission: complete, of known code, without truth, and the same when recomputed.

    Args:
        folder: the submission.
        board: the board, or its file; by default the one that ships under the entry's version.
        share: of the cells that are computed again; 1 for all.
        seed: of the draw of these; by default nobody knows which they will be.
        data_dir: where images are looked for first.

    Raises:
        UserError: it is refused; the message is the first reason.
    """
    if not 0 < share <= 1:
        raise UserError(f"the share that is recomputed lies above 0 and up to 1, got {share}")
    source = Path(folder)
    entry = _read_entry(source / ENTRY)
    if board is None or not isinstance(board, Board):
        board = read_board(entry.board if board is None else board)
    _refuse_truth(entry.policy)
    _refuse_empty(entry)
    if entry.board != board.version:
        raise UserError(f"it is entered for board {entry.board}, not {board.version}")
    if entry.code != _code(entry.policy):
        raise UserError(f"the code of '{entry.policy}' here is not the code that it was made with")
    if entry.images != board.images:
        raise UserError(f"board {board.version} is on {board.images}, the scores on {entry.images}")
    if file_hash(_there(source / SCORES)) != entry.scores:
        raise UserError(f"{SCORES} is not the file that {ENTRY} names by its sha256")
    table = _read_scores(source / SCORES)
    asked = {
        space: resolve(
            ScoringSettings(
                policies=(entry.policy,),
                seeds=board.seeds,
                space=space,
                oracle=OracleSettings(source=NO_TRUTH),
                data_dir=data_dir,
                **{name: getattr(entry, name) for name in _SETTINGS},
            )
        )
        for space in board.spaces
    }
    cells = _cells(board, asked, entry.policy, table)
    chosen = _drawn(list(cells), share, seed)
    largest = 0.0
    for (space, run_seed), edges in chosen.items():
        context = ScoringContext(asked[space], run_seed or 0)
        policy = make_policy(entry.policy, context)
        state = context.space.initial_state()
        for edge, scores in policy.scores(state, edges).items():
            now = np.array([score.value for score in scores])
            gap = _deviation(cells[space, run_seed, edge], now)
            if gap > TOLERANCE:
                raise UserError(
                    f"the scores of {space}, seed {run_seed}, edge {edge} do not recompute: "
                    f"{_said(cells[space, run_seed, edge])} were entered, {_said(now)} found"
                )
            largest = max(largest, gap)
    return Checked(entry, len(cells), sum(map(len, chosen.values())), largest)


def _code(policy: str) -> str:
    return hash_of({**policy_key(policy), "results": RESULTS})


def _refuse_truth(policy: str) -> None:
    """UserError where a policy is not known here, or may read the truth."""
    uses = find_family(policy)[0].policy.uses
    if "oracle" in uses:
        raise UserError(f"'{policy}' reads the truth, so it has no place on a board")


def _refuse_empty(entry: Entry) -> None:
    for name in ("authors", "licence", "bibtex"):
        if not getattr(entry, name):
            raise UserError(f"a submission says its {name}; {ENTRY} has none")
    if not entry.no_truth_was_read:
        raise UserError(f"{ENTRY} does not say that no truth was read")


def _there(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"a submission has a file {path.name}; there is none in {path.parent}")
    return path


def _read_entry(path: Path) -> Entry:
    try:
        given = json.loads(_there(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no JSON: {error}") from None
    wanted = [each.name for each in fields(Entry)]
    if not isinstance(given, dict):
        raise UserError(f"{path} is no table of {', '.join(wanted)}")
    lacking = [name for name in wanted if name not in given]
    if lacking:
        raise UserError(f"{path.name} lacks {', '.join(lacking)}")
    return made(Entry, given)


def _read_scores(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path.name} is no score table: {error}") from None
    lacking = [name for name in _TABLE if name not in table]
    if lacking:
        raise UserError(f"{path.name} lacks the columns {', '.join(lacking)}")
    return table[list(_TABLE)].astype(_TABLE)


#: Scores of a cell's operations, in the space's order, by (space, seed, edge).
_Cells = dict[tuple[str, int | None, int], Any]


def _cells(
    board: Board, asked: dict[str, ScoringSettings], policy: str, table: pd.DataFrame
) -> _Cells:
    """The submitted scores, every one that the board wants; NaN where one failed.

    UserError for the first that is missing, there twice, or beside these.
    """
    known: dict[tuple[str, int | None, int, str], tuple[float, str]] = {}
    for given in table.to_dict("records"):
        own = None if pd.isna(given["seed"]) else int(given["seed"])
        key = (str(given["space"]), own, int(given["edge"]), str(given["op"]))
        if key in known or given["policy"] != policy or given["iteration"] != 0:
            raise UserError(f"{SCORES} has a row that belongs to no cell, or twice: {_named(key)}")
        known[key] = (float(given["score"]), str(given["status"]))
    found: _Cells = {}
    for space in board.spaces:
        operations = get_space(space).operations
        for seed in seeds_of(policy, asked[space]):
            for edge, names in enumerate(operations):
                row = []
                for op in names:
                    if (space, seed, edge, op) not in known:
                        raise UserError(f"{SCORES} lacks {_named((space, seed, edge, op))}")
                    score, status = known.pop((space, seed, edge, op))
                    if math.isfinite(score) != (status == "ok"):
                        raise UserError(
                            f"{_named((space, seed, edge, op))} has neither a score nor a reason"
                        )
                    row.append(score)
                found[space, seed, edge] = np.array(row)
    if known:
        raise UserError(
            f"{SCORES} has what the board does not ask for: {_named(next(iter(known)))}"
        )
    return found


def _named(key: tuple[str, int | None, int, str]) -> str:
    space, seed, edge, op = key
    return f"{space}, {'' if seed is None else f'seed {seed}, '}edge {edge}, {op}"


def _drawn(
    cells: list[tuple[str, int | None, int]], share: float, seed: int | None
) -> dict[tuple[str, int | None], list[int]]:
    """So many cells, at least one, by space and seed."""
    generator = np.random.default_rng(seed)
    places = generator.permutation(len(cells))[: max(1, math.ceil(share * len(cells)))]
    found: dict[tuple[str, int | None], list[int]] = {}
    for place in sorted(places.tolist()):
        space, run_seed, edge = cells[place]
        found.setdefault((space, run_seed), []).append(edge)
    return found


def _deviation(entered: Any, now: Any) -> float:
    """The largest difference as a share of the span of the recomputed scores."""
    if (np.isnan(entered) != np.isnan(now)).any():
        return math.inf
    if np.isnan(now).all():
        return 0.0
    gaps = np.abs(entered - now)
    span = float(np.nanmax(now) - np.nanmin(now))
    alike = gaps <= SAME * np.abs(now)
    return 0.0 if alike[~np.isnan(gaps)].all() else float(np.nanmax(gaps)) / (span or SAME)


def _said(scores: Any) -> str:
    return ", ".join(f"{score:.4g}" for score in scores)
