"""The score tables that a board is derived from: what ships, and what follows from it.

Truths and ceilings ship too, so that a board needs no table of accuracies. A sum of ranks is made
of the scores of its parts; it is the same as what its policy gives on one supernet and minibatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opscore import schema
from opscore.board.definition import Board, BoardTruth
from opscore.data.records import read_record, record_names
from opscore.errors import UserError
from opscore.policies import find_family, log_rank, main_residual

#: How the names of the records begin that hold the board's scores; the space follows. The first is
#: that of initial scores, which other pages show too.
INITIAL, PREFIX = "initial_", "board_"

#: Records of what is known of each task, and how far each reference agrees with itself.
TRUTHS, CEILINGS = "truth_scores", "ceilings"

#: Strengths by edge and operation, and why there is none where there is none.
_Rows = dict[int, dict[str, tuple[float, str]]]


@dataclass(frozen=True)
class Made:
    """What an entrant's scores were made with, in a space.

    Attributes:
        size: of the supernet.
        batch_size: images in the minibatch.
        images: the image set.
    """

    size: str
    batch_size: int
    images: str

    def __str__(self) -> str:
        return f"{self.size}, {self.batch_size}"


@dataclass(frozen=True)
class SpaceScores:
    """Scores of A_0 in one space.

    Attributes:
        scores: a score table (schema SCORES) whose policies are entrants' names.
        made: what they were made with, by entrant.
    """

    scores: pd.DataFrame
    made: Mapping[str, Made]


def name_of(truth: BoardTruth) -> str:
    """What the record of truths calls a table."""
    return truth.space if truth.source == "auto" else f"{truth.space} ({truth.source})"


def shipped_scores(board: Board) -> dict[str, SpaceScores]:
    """What the package ships of a board's entrants, by space; what is not there is missing."""
    found = {}
    for space in board.spaces:
        tables: list[pd.DataFrame] = []
        made: dict[str, Made] = {}
        for name in (f"{INITIAL}{space}", f"{PREFIX}{space}"):
            if name in record_names():
                table, record = read_record(name)
                tables.append(table[table["iteration"] == 0])
                for part in record.get("parts", [record]):
                    own = Made(part["size"], part["batch_size"], part["images"])
                    made |= dict.fromkeys(part["policies"], own)
        every = pd.concat(tables or [schema.table([], schema.SCORES)], ignore_index=True)
        scores = every.drop_duplicates(["policy", "seed", "edge", "op"])
        found[space] = entered(board, space, scores, made)
    return found


def entered(
    board: Board, space: str, scores: pd.DataFrame, made: Mapping[str, Made]
) -> SpaceScores:
    """The rows of a score table that belong to a board's entrants, under their names.

    Args:
        board: the board; scores of seeds that it has not are left out.
        space: the space of the table.
        scores: a score table (schema SCORES).
        made: what they were made with, by policy.
    """
    seeds = scores["seed"].isna() | scores["seed"].isin(board.seeds)
    known = scores[seeds]
    tables, settings = [], {}
    for name in (each.name for each in board.entrants):
        policy = board.entered(name, space)
        rows = known[known["policy"] == policy]
        parts = parts_of(policy)
        if rows.empty and parts and set(parts) <= set(known["policy"]):
            rows = derived(known, policy)
            settings[name] = made[parts[-1]]
        elif policy in made and _reads_network(policy):
            settings[name] = made[policy]
        tables.append(rows.assign(policy=name))
    return SpaceScores(schema.conform(pd.concat(tables, ignore_index=True), "scores"), settings)


def _reads_network(policy: str) -> bool:
    found = find_family(policy)[0].policy
    return "supernet" in found.uses and not found.exact


def parts_of(policy: str) -> list[str]:
    """The policies that a sum of ranks is made of; none for any other policy."""
    family, _, argument = policy.partition("(")
    argument = argument.removesuffix(")")
    if family == "main":
        main, _, residual = main_residual.parse(argument)
        return [f"zc-pt({main})", f"zc-pt({residual})"]
    if family == "log-rank":
        return [f"zc-pt({name})" for name in log_rank.proxies(argument)]
    return []


def derived(scores: pd.DataFrame, policy: str) -> pd.DataFrame:
    """Scores of a sum of ranks from those of its parts, seed by seed (schema SCORES)."""
    parts = parts_of(policy)
    own = scores[scores["policy"].isin(parts)]
    seeds = sorted(set(own.loc[own["policy"] == parts[0], "seed"].dropna()))
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        tables = [_rows(own, part, seed) for part in parts]
        names = {edge: list(row) for edge, row in tables[0].items()}
        strengths = [
            {edge: [table[edge][op][0] for op in ops] for edge, ops in names.items()}
            for table in tables
        ]
        if policy.startswith("main("):
            weight = main_residual.parse(policy.partition("(")[2].removesuffix(")"))[1]
            values = main_residual.combined(names, strengths[0], strengths[1], weight)
        else:
            values = {edge: log_rank.summed([each[edge] for each in strengths]) for edge in names}
        for edge, ops in names.items():
            for op, value in zip(ops, values[edge], strict=True):
                statuses = [table[edge][op][1] for table in tables]
                status = next((each for each in statuses if each != "ok"), "ok")
                rows.append(
                    {"seed": seed, "edge": edge, "op": op, "score": value, "status": status}
                )
    keys = ["seed", "edge", "op"]
    seconds = own.groupby(keys)["seconds"].sum().reset_index()
    frame = pd.DataFrame(rows).astype({"seed": "Int64"}).merge(seconds, on=keys)
    frame = frame.assign(policy=policy, iteration=0, strength=frame["score"])
    return schema.conform(frame, "scores")


def _rows(scores: pd.DataFrame, policy: str, seed: int) -> _Rows:
    own = scores[(scores["policy"] == policy) & (scores["seed"] == seed)]
    found: _Rows = {}
    for row in own.to_dict("records"):
        strength = float(row["strength"]) if row["status"] == "ok" else float("nan")
        found.setdefault(int(row["edge"]), {})[str(row["op"])] = (strength, str(row["status"]))
    return found


def board_truths(board: Board) -> dict[tuple[str, str], pd.DataFrame]:
    """What the truth of each (space, task) says of every operation, a score table each.

    UserError where what ships is not the truth that the board names.
    """
    table, record = read_record(TRUTHS)
    found = {}
    for truth in board.truths:
        known = record["truths"].get(name_of(truth), {})
        if known.get("digest") != truth.sha256:
            raise UserError(
                f"board {board.version} is of a truth of {name_of(truth)} with sha256 "
                f"{truth.sha256[:12]}; the one that ships has {str(known.get('digest'))[:12]}"
            )
        for task in truth.tasks:
            rows = table[(table["space"] == name_of(truth)) & (table["dataset"] == task)]
            if not set(board.references) <= set(rows["policy"]):
                raise UserError(f"no truth of {name_of(truth)}, {task}, ships")
            found[truth.space, task] = schema.conform(rows, "scores")
    return found
