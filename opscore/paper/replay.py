"""The authors' raw scores through this package's analysis: do the paper's numbers come out?

The raw scores come with the package (``published/*.parquet``); see ``docs/data.md``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from opscore import schema
from opscore.analysis import Correlation, Selection, edge_correlations, paired_differences
from opscore.data import find, read_checked, require
from opscore.oracles import Truth, load_oracle, load_truth
from opscore.published.paper import disc_acc_scores, progressive_correlations
from opscore.spaces import get_space

INITIAL_FILE = "published/initial_scores.parquet"
PROGRESSIVE_FILE = "published/progressive_scores.parquet"
TABLE_FILE = "nasbench201.parquet"
ONESHOT_FILE = "published/nb1shot1_scores.parquet"

#: Spaces whose searches the authors logged.
ONESHOT = ("nb1shot1-1", "nb1shot1-2", "nb1shot1-3")

#: Rows of the authors' score sheet whose name differs from ours.
_NAMES = {
    "avg-acc (mean +- std)": "avg-acc",
    "darts (alpha at epoch 60)": "darts",  # the row that Figure 2 and Table 1 use
    "darts (alpha, final)": "darts (100 epochs)",
    "disc-acc": "disc-acc (older run)",  # overridden in the authors' notebook, see below
}

#: Policies of Figure 2 (left), in the order of its axes.
FIGURE2 = (
    "best-acc",
    "avg-acc",
    "disc-acc",
    "darts-pt",
    "darts",
    "tenas",
    "disc-zc(nwot)",
    "zc-pt(nwot)",
    "disc-zc(synflow)",
    "zc-pt(synflow)",
)

TENAS_BY_HAND = "tenas (tie by hand)"
TABLE1 = (
    "best-acc",
    "avg-acc",
    "disc-acc",
    "darts-pt",
    "zc-pt(nwot)",
    "disc-zc(nwot)",
    "darts",
    "tenas",
    TENAS_BY_HAND,
)

DISC_ACC_NOTE = (
    "disc-acc: the 5-epoch values of seed 1 from the authors' notebook, which overrides the row "
    "'discrete acc darts' of their sheet; that row is kept as 'disc-acc (older run)'"
)
TENAS_NOTE = (
    "tenas: none and nor_conv_3x3 tie on edge 4 (1->3); the first index wins in 'tenas', and "
    f"'{TENAS_BY_HAND}' takes nor_conv_3x3, as the authors did by hand for Table 1"
)
SEEDS_NOTE = (
    "seeds: one run per policy lies behind the sheet, its seeds mostly unknown, so the intervals "
    "are over edges only"
)


def initial_scores(data_dir: Path | None = None) -> pd.DataFrame:
    """The authors' initial scores as a score table.

    Policies have our names; strength has the sign that makes larger mean 'keep'. Seeds are
    missing: the sheet mixes runs, whose seeds are mostly unknown. ``disc-acc`` has the values that
    the authors' notebook puts in place of the sheet's row (5 epochs, seed 1); the row itself is
    'disc-acc (older run)'. Policies of Figure 2 come first, in the figure's order.

    Args:
        data_dir: where to look for data first.

    Returns:
        A score table (schema SCORES), 6 edges x 5 operations per policy.

    Raises:
        UserError: the raw scores that were found are damaged.
    """
    raw = read_checked(require(INITIAL_FILE, data_dir))
    raw["policy"] = raw["policy"].replace(_NAMES)
    override = disc_acc_scores()
    override = override[override["seed"] == 1].drop(columns="seed")
    raw = pd.concat([raw, override.assign(policy="disc-acc", better="higher")])
    raw["rank"] = raw["policy"].map(lambda name: _place(str(name)))
    raw = raw.sort_values("rank", kind="stable").assign(iteration=0)
    raw["seed"] = pd.array([pd.NA] * len(raw), dtype="Int64")
    return _score_table(raw)


def progressive_scores(data_dir: Path | None = None) -> pd.DataFrame:
    """The authors' progressive scores as a score table, with the initial best-acc beside them.

    Args:
        data_dir: where to look for data first.

    Returns:
        A score table (schema SCORES): seeds 0-3, iterations 0-5, edge i discretized at iteration
        i; best-acc at iteration 0, without a seed.

    Raises:
        UserError: the raw scores that were found are damaged.
    """
    scores = _score_table(read_checked(require(PROGRESSIVE_FILE, data_dir)))
    best = initial_scores(data_dir)
    best = best[best["policy"] == "best-acc"]
    return pd.concat([best, scores], ignore_index=True)


def replay_figure2(data_dir: Path | None = None) -> dict[str, pd.DataFrame]:
    """Figure 2 (left) recomputed from the authors' raw scores.

    Args:
        data_dir: where to look for data first.

    Returns:
        ``scores`` (schema SCORES), ``correlation`` (schema CORRELATION, every ordered pair) and
        ``differences`` (see :func:`opscore.analysis.paired_differences`, against best-acc).

    Raises:
        UserError: the raw scores that were found are damaged.
    """
    scores = initial_scores(data_dir)
    return {
        "scores": scores,
        "correlation": Correlation()(scores),
        "differences": paired_differences(scores[scores["policy"].isin(FIGURE2)]),
    }


def replay_table1(data_dir: Path | None = None) -> pd.DataFrame:
    """Table 1 recomputed from the authors' raw scores, on the datasets that the table has.

    ``tenas`` breaks its tie on edge 4 by the first index, the stated rule;
    'tenas (tie by hand)' takes nor_conv_3x3 there, as the authors did for the published row.

    Args:
        data_dir: where to look for data first.

    Returns:
        A frame (schema SELECTION): the policies of Table 1 first, then the other score rows.

    Raises:
        UserError: there is no NAS-Bench-201 table, or the raw scores are damaged.
    """
    scores = initial_scores(data_dir)
    truth = _truth(data_dir)
    selection = Selection()(scores, truth)
    tenas = scores[scores["policy"] == "tenas"].assign(policy=TENAS_BY_HAND)
    # The tie on edge 4 is the only one, and the authors' choice is the later of its operations.
    by_hand = Selection(tie_break="last")(tenas, truth)
    frame = pd.concat([selection, by_hand], ignore_index=True)
    order = {policy: place for place, policy in enumerate(TABLE1)}
    places = frame["policy"].map(lambda name: order.get(str(name), len(order)))
    return schema.conform(frame.loc[places.sort_values(kind="stable").index], "selection")


def replay_progressive(data_dir: Path | None = None) -> pd.DataFrame:
    """Figure 2 (right) recomputed: scores of each iteration against the initial best-acc.

    Args:
        data_dir: where to look for data first.

    Returns:
        A frame (schema CORRELATION) with reference best-acc, policies in the order published.

    Raises:
        UserError: the raw scores that were found are damaged.
    """
    scores = progressive_scores(data_dir)
    frame = Correlation(reference_iteration=0)(scores, references=["best-acc"])
    order = list(dict.fromkeys(progressive_correlations()["policy"]))
    places = frame["policy"].map(lambda name: order.index(str(name)))
    return frame.loc[places.sort_values(kind="stable").index].reset_index(drop=True)


def replay_nb1shot1(data_dir: Path | None = None) -> pd.DataFrame:
    """The authors' searches of NAS-Bench-1Shot1 against the initial best-acc of the blocks.

    Args:
        data_dir: where to look for data first.

    Returns:
        A frame (schema CORRELATION, and the columns ``space``, and ``std`` over seeds), of the
        spaces whose table is here.

    Raises:
        UserError: the authors' logs or the tables of spaces 1 and 2 are missing or damaged.
    """
    frames = []
    for space in ONESHOT:
        if space == "nb1shot1-3" and find(space, data_dir) is None:
            continue
        scores = oneshot_scores(space, data_dir)
        correlation = Correlation(reference_iteration=0)(scores, references=["best-acc"])
        spread = _spread_over_seeds(scores)
        frame = correlation.merge(spread, on=["policy", "iteration"], how="left")
        frames.append(frame.assign(space=space))
    return pd.concat(frames, ignore_index=True)


def oneshot_scores(space: str, data_dir: Path | None = None) -> pd.DataFrame:
    """The scores that the authors logged in a space of NAS-Bench-1Shot1, with best-acc beside them.

    Args:
        space: one of ``ONESHOT``.
        data_dir: where to look for data first.

    Returns:
        A score table (schema SCORES): seeds 0-3, block t decided at iteration t; best-acc of the
        blocks at iteration 0, without a seed.

    Raises:
        UserError: the logs or the table of the space are missing or damaged.
    """
    raw = read_checked(require(ONESHOT_FILE, data_dir))
    raw = raw[raw["space"] == int(space.rpartition("-")[2])]
    truth = load_oracle(space, data_dir=data_dir).table()
    blocks = truth[truth["edge"].isin(get_space(space).stages[0])]
    best = blocks.rename(columns={"best": "score"}).assign(
        policy="best-acc", better="higher", iteration=0
    )
    best["seed"] = pd.array([pd.NA] * len(best), dtype="Int64")
    return _score_table(pd.concat([best, raw], ignore_index=True))


def _spread_over_seeds(scores: pd.DataFrame) -> pd.DataFrame:
    """Standard deviation over seeds of the mean rho over blocks, by policy and iteration."""
    rows = []
    for policy in dict.fromkeys(scores["policy"]):
        if policy == "best-acc":
            continue
        rho = edge_correlations(scores, policy, "best-acc", reference_iteration=0)
        of_seeds = rho.groupby(["iteration", "seed"])["rho"].mean()
        spread = of_seeds.groupby("iteration").std().rename("std").reset_index()
        rows.append(spread.assign(policy=policy))
    return pd.concat(rows, ignore_index=True)


def _truth(data_dir: Path | None) -> Truth:
    """The full NAS-Bench-201 table, required: another table would give other errors."""
    require(TABLE_FILE, data_dir)
    return load_truth("nasbench201", source="table", data_dir=data_dir)


def _score_table(raw: pd.DataFrame) -> pd.DataFrame:
    """A score table from columns policy, better, seed, iteration, edge, op, score."""
    sign = raw["better"].map({"higher": 1.0, "lower": -1.0})
    table = raw.assign(strength=sign * raw["score"], status="ok", seconds=float("nan"))
    return schema.conform(table, "scores")


def _place(policy: str) -> int:
    return FIGURE2.index(policy) if policy in FIGURE2 else len(FIGURE2)
