"""``opscore.figure4``: what N proposals and V minibatches do (Figure 4, and the design of Table 3).

One search with many proposals holds those with fewer: its first N, and each further block of N.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opscore.answers import Picture
from opscore.data.records import read_record
from opscore.errors import UserError, whole_number
from opscore.oracles import load_truth
from opscore.paper.searches import SearchReport, require, summarise
from opscore.spaces import NASBENCH201

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Proposals and candidates' scores of a long search, and what to say of them.
LongSearch = tuple[pd.DataFrame, pd.DataFrame, str]

#: Distinct architectures among N proposals that the text of section 4.2 states.
PUBLISHED_DISTINCT = {100: 27.8}


def figure4(
    found: LongSearch | None = None,
    counts: Sequence[int] = (1, 10, 100, 1000),
    data_dir: Path | None = None,
) -> SearchReport:
    """Figure 4: accuracy against score of proposals, and what N and V end on (Table 3's design).

    Args:
        found: proposals, scores and a note, as :func:`opscore.paper.live.live_proposals`
            gives them; those that the package ships by default.
        counts: the Ns.
        data_dir: where the truth is looked for first.

    UserError when there are fewer proposals than the smallest N, or that is below one.
    """
    for count in counts:
        whole_number(count, "N", 1)
    proposals, scores, note = found or recorded_proposals()
    truth = load_truth(data_dir=data_dir)
    oracle = truth.tables["cifar10"]
    names = proposals["architecture"].unique().tolist()
    accuracy = {name: oracle.accuracy(oracle.space.parse(name)) for name in names}
    best = scores[scores["validation"] == scores["validation"].max()]
    points = figure4_points(proposals, best, accuracy, counts)
    ends = ablation(proposals, scores, accuracy, counts)
    note = f"score: V = {best['validation'].max()}; {note}; {truth.describe()}"

    def make() -> Axes:
        from opscore.analysis import search_figures as draw

        return draw.figure4(points, ends, note=note)

    picture = Picture("figure4", points, make)
    return SearchReport("ablation", ablation_table(ends), note, ("N", "V"), (picture,))


def recorded_proposals() -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """The records of a long search: proposals, candidates' scores, and a note."""
    require("search_proposals")
    require("search_scores")
    proposals, settings = read_record("search_proposals")
    return proposals, read_record("search_scores")[0], str(settings.get("note", ""))


def proposals_of(trace: pd.DataFrame) -> pd.DataFrame:
    """Which architecture every proposal ended on, from the decisions of a trace.

    Returns seed, proposal, architecture; proposals that did not decide every edge are left out.
    """
    rows = []
    for place, group in trace[trace["decided"]].groupby(["seed", "proposal"], sort=False):
        operations = dict(zip(group["edge"].tolist(), group["op"].tolist(), strict=True))
        if len(operations) == len(NASBENCH201.edges):
            choices = [operations[edge] for edge in range(len(operations))]
            name = NASBENCH201.format(NASBENCH201.architecture(choices))
            rows.append((*place, name))
    return pd.DataFrame(rows, columns=["seed", "proposal", "architecture"])


def figure4_points(
    proposals: pd.DataFrame,
    scores: pd.DataFrame,
    accuracy: Mapping[str, float],
    counts: Sequence[int] = (1, 10, 100, 1000),
) -> pd.DataFrame:
    """Figure 4 (left): score and accuracy of the distinct architectures of the first N proposals.

    Args:
        proposals: seed, proposal, architecture.
        scores: seed, architecture, score: the validation stage's, of one V.
        accuracy: percent by architecture.
        counts: the Ns; those beyond the number of proposals are left out.

    Returns one row per (seed, N, architecture): score, accuracy, and how often it was proposed.
    """
    parts = []
    for count in counts:
        first = proposals[proposals["proposal"] < count]
        if first["proposal"].nunique() < count:
            continue
        sizes = first.groupby(["seed", "architecture"]).size().rename("times").reset_index()
        parts.append(sizes.assign(N=count))
    if not parts:
        raise UserError("there are fewer proposals than the smallest N asked for")
    found = pd.concat(parts, ignore_index=True)
    found = found.merge(scores[["seed", "architecture", "score"]], on=["seed", "architecture"])
    return found.assign(accuracy=found["architecture"].map(accuracy))


def ablation(
    proposals: pd.DataFrame,
    scores: pd.DataFrame,
    accuracy: Mapping[str, float],
    counts: Sequence[int] = (1, 10, 100, 1000),
) -> pd.DataFrame:
    """Figure 4 (right) and Table 3's design: what N proposals and V minibatches end on.

    The proposals of a seed are cut into blocks of N; each block is a search of its own, whose
    end is its candidate of the highest score. Blocks of one seed share weights.

    Args:
        proposals: seed, proposal, architecture.
        scores: seed, validation, architecture, score (none wins no block); V = 0 takes a block's
            first proposal.
        accuracy: percent by architecture.
        counts: the Ns.

    Returns one row per (seed, N, V, block): architecture, accuracy, error, distinct.
    """
    places = ["seed", "validation", "architecture"]
    by_place = scores.dropna(subset="score").set_index(places)["score"].to_dict()
    rounds = sorted({0, *scores["validation"].tolist()})
    rows = []
    for seed, own in proposals.sort_values("proposal").groupby("seed"):
        names = own["architecture"].tolist()
        for count in counts:
            for block in range(len(names) // count):
                part = list(dict.fromkeys(names[block * count : (block + 1) * count]))
                for validation in rounds:
                    values = [by_place.get((seed, validation, name), -np.inf) for name in part]
                    end = part[0] if validation == 0 else part[int(np.argmax(values))]
                    rows.append((seed, count, validation, block, end, len(part)))
    names = ["seed", "N", "V", "block", "architecture", "distinct"]
    found = pd.DataFrame(rows, columns=names)
    found["accuracy"] = found["architecture"].map(accuracy)
    return found.assign(error=100 - found["accuracy"])


def ablation_table(found: pd.DataFrame) -> pd.DataFrame:
    """Mean, deviation and best error by (N, V) over blocks and seeds; mean number of candidates."""
    table = summarise(found, ["N", "V"]).rename(columns={"n_seeds": "n_searches"})
    distinct = found.groupby(["N", "V"])["distinct"].mean().reset_index()
    table = table.merge(distinct, on=["N", "V"])
    return table.assign(published_distinct=table["N"].map(PUBLISHED_DISTINCT))
