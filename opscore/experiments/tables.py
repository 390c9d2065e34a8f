"""The tables that answers about operation scores are made of."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from opscore import schema
from opscore.analysis import HINDSIGHT, is_bar
from opscore.answers import Column, Table
from opscore.answers.words import short_dataset

#: Datasets that have a column each; of more, only the one that was asked for is shown.
_SIDE_BY_SIDE = 4

_POLICY = Column("policy")
_SEED = Column("seed", kind="whole", form="d")

#: What is shown of an agreement beside its statistics.
_BESIDE = (
    Column(
        "beyond",
        "edge-\nspecific (p)",
        "number",
        "+.2f",
        about="what agrees beyond an order that is the same on all edges",
        beside="beyond_p",
        beside_form="p",
    ),
    Column("published", kind="number", form="+.2f", about="rho of the paper, of the same settings"),
    Column("published_n", "its seeds", "whole", detail=True),
    Column("source", "published in", detail=True),
)


def agreement_with(
    rows: pd.DataFrame, reference: str, edge_specific: pd.DataFrame, *, detail: bool = False
) -> Table:
    """Each policy against a reference, with interval, exact p-values and the published value.

    Args:
        rows: of one iteration, as :func:`opscore.published.side_by_side` gives them.
        reference: what policies are set against.
        edge_specific: what is left of the agreement beyond a preference common to all edges.
        detail: whether the table is one for which there is not always room.
    """
    own = edge_specific[edge_specific["reference"] == reference].set_index("policy")
    frame = rows.rename(columns={"measured": "rho"}).assign(
        beyond=rows["policy"].map(own["agreement"]), beyond_p=rows["policy"].map(own["p_value"])
    )
    if frame["published"].isna().all():
        frame = frame.drop(columns=["published", "published_n", "source"])
    if own.empty:
        frame = frame.drop(columns="beyond")
    return Table(
        f"Spearman with {reference}: within each edge, mean over edges and seeds",
        (_POLICY, *schema.STATISTICS, *_BESIDE),
        frame,
        caption=_test_notes(rows),
        look="open",
        detail=detail,
    )


def agreement_between(rows: pd.DataFrame) -> Table:
    """How far policies agree with each other, where there is no truth to agree with.

    rows: a correlation table (schema CORRELATION) of one iteration; a pair stands in it twice.
    """
    seeds = Column("n_seeds", "seeds", "whole", about="run seeds behind rho")
    statistics = [each for each in schema.STATISTICS if each.name != "n_seeds"]
    return Table(
        "No truth: Spearman between policies, within each edge, mean over edges and seeds",
        (_POLICY, Column("reference", "and"), *statistics, seeds),
        pairs_once(rows),
        caption="says how alike their scores are, not which are right",
        look="open",
    )


def pairs_once(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a correlation table in which the policy comes first in the table's order."""
    places = {name: place for place, name in enumerate(dict.fromkeys(rows["policy"]))}
    return rows[rows["policy"].map(places) < rows["reference"].map(places)]


def _test_notes(rows: pd.DataFrame) -> str:
    """What the p-values of a correlation table mean, and what it leaves out."""
    tests = int(rows["p_common_holm"].notna().sum())
    asked = f"{tests} {'policy' if tests == 1 else 'policies'}"
    said = [
        f"{each.heading}: {each.about}" + (f", {asked}" if each.name.endswith("_holm") else "")
        for each in schema.STATISTICS
        if each.kind == "p" and not each.detail
    ]
    notes = [
        f"{'; '.join(said)}; none can be less than stands in its heading; "
        "edge-specific: what agrees beyond an order that is the same on all edges"
    ]
    if any(map(is_bar, rows["policy"])):
        notes.append(_bars_note(rows["policy"]))
    least, most = rows["n_seeds"].min(), rows["n_seeds"].max()
    notes.append(f"number of seeds: {least if least == most else f'{least} to {most}'}")
    left_out = int(rows["n_excluded"].sum())
    if left_out:
        notes.append(f"{left_out} (seed, edge) rows left out: constant or failed; see the scores")
    if rows["ci_low"].isna().any():
        notes.append("interval -: fewer than three edges, or rho is the same on all of them")
    return "\n".join(notes)


def selection(rows: pd.DataFrame, dataset: str | None, title: str = "") -> Table:
    """One line for each (policy, seed): its error on every dataset, and its rank on one.

    Args:
        rows: selections (schema SELECTION), and published errors and ranks if there are any.
        dataset: whose ranks are shown. Where there is no truth, the architectures are.
        title: of the table, if it is not about what is picked edge by edge.
    """
    datasets = list(dict.fromkeys(rows["dataset"]))
    architecture = Column("architecture", kind="code")
    if datasets == [""]:
        title = title or "Architecture picked on each edge (no truth)"
        return Table(title, (_POLICY, _SEED, architecture), rows)
    ranked = str(dataset if dataset in datasets else datasets[0])
    shown = datasets if len(datasets) <= _SIDE_BY_SIDE else [ranked]
    wide = rows[rows["dataset"] == ranked].drop(columns="error")
    for name in shown:
        own = rows.loc[rows["dataset"] == name, ["policy", "seed", "error"]]
        wide = wide.merge(own.rename(columns={"error": f"error {name}"}), on=["policy", "seed"])
    about = "error in percent, mean over the benchmark's trainings"
    columns = (
        _POLICY,
        _SEED,
        *(Column(f"error {n}", short_dataset(n), "number", about=about) for n in shown),
        Column("rank", kind="whole", about="1 is the best architecture of the space"),
        Column("percentile", "better than", "number", ".1f", "percent of the space", unit=" %"),
        Column("published_error", "published error", "number", detail=True),
        Column("published_rank", "published rank", "whole", detail=True),
        Column("architecture", kind="code", detail=True),
    )
    return Table(
        title or f"Architecture picked on each edge: error, rank on {dataset}", columns, wide
    )


def tasks(rows: pd.DataFrame) -> list[Table]:
    """Spearman of each policy with a reference: a table for each reference, a line for a task."""
    several = len(set(rows["space"])) > 1
    tables = []
    for reference in sorted(set(rows["reference"]), reverse=True):
        own = rows[(rows["reference"] == reference) & (rows["policy"] != reference)]
        policies = _bars_last(own)
        wide = own.pivot_table("rho", ["space", "dataset"], "policy", sort=False).reset_index()
        columns = [
            *([Column("space", once=True)] if several else []),
            Column("dataset", "task"),
            *(Column(name, _broken(name), "number", "+.2f") for name in policies),
        ]
        tables.append(
            Table(
                f"Spearman with {reference} of every task, mean over edges and seeds",
                columns,
                wide,
                caption=_bars_note(policies) if any(map(is_bar, policies)) else "",
                look="open",
            )
        )
    return tables


def _broken(policy: str) -> str:
    """A policy's name on the lines of a heading."""
    name = policy.replace("(", "\n(").replace("op-", "op-\n")
    return name.replace("fixed-order", "\nfixed-\norder")


def _bars_note(policies: Iterable[str]) -> str:
    """Which of these are bars, and what that means."""
    named = [f"{name} (in hindsight)" if name == HINDSIGHT else name for name in policies]
    return f"need no network: {', '.join(name for name in named if is_bar(name.split()[0]))}"


def _bars_last(rows: pd.DataFrame) -> list[str]:
    """The policies of a table, bars after the others; op-flops only where it says something new."""
    policies = sorted(dict.fromkeys(map(str, rows["policy"])), key=is_bar)
    params, flops = (
        rows.loc[rows["policy"] == name, "rho"].tolist() for name in ("op-params", "op-flops")
    )
    return [name for name in policies if name != "op-flops" or params != flops]


def scores(rows: pd.DataFrame) -> Table:
    """One line for each (policy, seed, edge), one column for each operation."""
    keys = ["policy", "seed", "edge"]
    errors = "error" in rows
    wide = []
    for key, own in rows.groupby(keys, dropna=False):
        row = dict(zip([*keys, *own["op"]], [*key, *own["score"]], strict=True))
        if errors:
            row |= zip(own["op"] + " error", own["error"], strict=True)
        wide.append(row)
    operations = [
        Column(op, kind="number", form=".6g", beside=f"{op} error" * errors, beside_form=".2g")
        for op in dict.fromkeys(map(str, rows["op"]))
    ]
    return Table(
        "Scores",
        (_POLICY, _SEED, Column("edge", kind="whole"), *operations),
        pd.DataFrame(wide),
        caption="in brackets: standard error, from one seed" * errors,
    )


def missing_scores(rows: pd.DataFrame) -> list[str]:
    """A line for each policy some of whose scores are missing: how many, and why."""
    found = []
    for policy, own in rows.groupby("policy", sort=False):
        reasons = own.loc[own["status"] != "ok", "status"].value_counts()
        if len(reasons):
            why = str(reasons.index[0]) + (f", and {len(reasons) - 1} more" * (len(reasons) > 1))
            found.append(f"{policy}: {reasons.sum()} of {len(own)} scores are missing ({why})")
    return found


def curves(rows: pd.DataFrame, truth: str) -> Table:
    """Correlations of each policy by iteration, their interval, and any published ones below.

    Args:
        rows: as :func:`opscore.published.side_by_side` gives them, of several iterations.
        truth: whose best-acc they are with.
    """
    edges = rows.groupby("iteration")["n_edges"].max()
    lines = {"measured": "measured", "low": "ci_low", "high": "ci_high"}
    if rows["published"].notna().any():
        lines["published"] = "published"
    told = []
    for policy, own in rows.groupby("policy", sort=False):
        at = own.set_index("iteration")
        told += [
            {"policy": policy, "what": what, **at[column].rename(str)}
            for what, column in lines.items()
        ]
        told[-len(lines)]["seeds"] = own["n_seeds"].max()
    left_out = int(rows["n_excluded"].sum())
    caption = f"{left_out} (seed, edge) rows left out: constant or failed; see --json"
    return Table(
        f"Spearman with best-acc of {truth}, by iteration (open edges); 95 % interval",
        (
            Column("policy", once=True),
            Column("what", " "),
            *by_iteration(edges),
            Column("seeds", kind="whole", missing=""),
        ),
        pd.DataFrame(told),
        caption=caption if left_out else "",
        sections="policy",
    )


def by_iteration(edges: pd.Series[int]) -> list[Column]:
    """A column for each iteration, with the number of edges that are open."""
    return [Column(str(t), f"{t} ({count})", "number", "+.2f") for t, count in edges.items()]
