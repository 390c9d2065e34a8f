"""The tables that commands print for people."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from opscore import schema
from opscore.errors import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    import pandas as pd

    from opscore.experiments import ScoringSettings
    from opscore.schema import Statistic
    from opscore.search import SearchSettings

#: Datasets that have a column each; of more, only the one that was asked for is shown.
_SIDE_BY_SIDE = 4

#: Column headings where a dataset's name is long.
_SHORT = {"imagenet16-120": "in16-120"}


def correlation_table(
    rows: pd.DataFrame, published: Mapping[str, float], edge_specific: pd.DataFrame
) -> Table:
    """Each policy against best-acc, with interval, exact p-values and the published value.

    Args:
        rows: a correlation table (schema CORRELATION) of one reference and iteration.
        published: published rho of the same space and truth, by policy.
        edge_specific: what is left of the agreement beyond a preference common to all edges.
    """
    beyond = {str(row.policy): _beyond_text(row) for row in edge_specific.itertuples()}
    table = Table(
        title="Spearman with best-acc: within each edge, mean over edges and seeds",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("policy", overflow="fold")
    known = not set(published).isdisjoint(rows["policy"])
    own = ["edge-\nspecific (p)", *(["published"] if known else [])]
    for heading in [*_headings(rows), *own]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows.to_dict("records"):
        policy = str(row["policy"])
        theirs = [number(published.get(policy), "+.2f")] if known else []
        table.add_row(policy, *_statistics(row), beyond.get(policy, "-"), *theirs)
    table.caption = _test_notes(rows)
    return table


def agreement_table(rows: pd.DataFrame) -> Table:
    """How far policies agree with each other, where there is no truth to agree with.

    rows: a correlation table (schema CORRELATION) of one iteration; a pair stands in it twice.
    """
    table = Table(
        title="No truth: Spearman between policies, within each edge, mean over edges and seeds",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in ("policy", "and"):
        table.add_column(heading, overflow="fold")
    for heading in [*_headings(rows), "seeds"]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in pairs_once(rows).to_dict("records"):
        names = str(row["policy"]), str(row["reference"])
        table.add_row(*names, *_statistics(row), str(row["n_seeds"]))
    table.caption = "says how alike their scores are, not which are right"
    return table


def pairs_once(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a correlation table in which the policy comes first in the table's order."""
    places = {name: place for place, name in enumerate(dict.fromkeys(rows["policy"]))}
    first = [
        places[policy] < places[reference]
        for policy, reference in zip(rows["policy"], rows["reference"], strict=True)
    ]
    return rows[first]


def short_dataset(name: str) -> str:
    """A dataset's name as it fits into a table."""
    return _SHORT.get(name, name)


def failure_lines(scores: pd.DataFrame) -> list[str]:
    """A line for each policy some of whose scores are missing: how many, and why."""
    found = []
    for policy, rows in scores.groupby("policy", sort=False):
        reasons = rows.loc[rows["status"] != "ok", "status"].value_counts()
        if len(reasons):
            why = str(reasons.index[0]) + (f", and {len(reasons) - 1} more" * (len(reasons) > 1))
            found.append(f"{policy}: {reasons.sum()} of {len(rows)} scores are missing ({why})")
    return found


def _beyond_text(row: Any) -> str:
    """An edge-specific agreement with its p-value; a dash for one order on all edges."""
    if math.isnan(row.agreement):
        return "-"
    return f"{number(row.agreement, '+.2f')} ({p_text(row.p_value)})"


def say_if_no_truth(settings: ScoringSettings | SearchSettings) -> None:
    """Say, before anything is computed, that nothing will be compared with a truth.

    UserError for settings that are wrong: that is all there is to say then.
    """
    from opscore.cli.common import progress_console
    from opscore.experiments.settings import no_truth
    from opscore.oracles import NO_TRUTH, has_oracle

    if settings.oracle.source == NO_TRUTH or not has_oracle(settings.space):
        with warnings.catch_warnings():  # the call that computes has the same notes
            warnings.simplefilter("ignore", Note)
            settings.resolved()
        progress_console.print(
            f"no truth: {no_truth(settings.space)}; error, rank and correlations with it stay "
            "empty",
            style="dim",
            highlight=False,
            soft_wrap=True,
        )


def rank_text(value: object) -> str:
    """A rank with thousands apart, or a dash where there is none."""
    return "-" if str(value) in {"<NA>", "nan", "None"} else f"{int(str(value)):,}"


def _shown() -> list[Statistic]:
    return [each for each in schema.STATISTICS if each.heading]


def _headings(rows: pd.DataFrame) -> list[str]:
    """The headings of the statistics, with the least value that one can take whatever is scored."""
    return [
        f"{each.heading}\n≥ {p_text(rows[each.least].min())}" if each.least else each.heading
        for each in _shown()
    ]


def _statistics(row: Mapping[Hashable, Any]) -> list[str]:
    """The cells of the statistics of a row."""
    written: dict[str, Callable[[Any], str]] = {
        "number": lambda value: number(value, "+.2f"),
        "p": p_text,
        "whole": str,
    }
    return [
        interval_text(row[each.name], row[each.end])
        if each.end
        else written[each.kind](row[each.name])
        for each in _shown()
    ]


def _test_notes(rows: pd.DataFrame) -> str:
    """What the p-values of a correlation table mean, and what it leaves out."""
    from opscore.analysis import is_bar

    tests = int(rows["p_common_holm"].notna().sum())
    asked = f"{tests} {'policy' if tests == 1 else 'policies'}"
    said = [
        f"{each.heading}: {each.about}" + (f", {asked}" if each.name.endswith("_holm") else "")
        for each in _shown()
        if each.kind == "p"
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


def selection_table(rows: pd.DataFrame, dataset: str | None) -> Table:
    """One line for each (policy, seed): its error on every dataset, and its rank on one.

    Where there is no truth, the architecture itself.
    """
    datasets = list(dict.fromkeys(rows["dataset"]))
    if datasets == [""]:
        return _picks_table(rows)
    if len(datasets) > _SIDE_BY_SIDE:
        datasets = [dataset if dataset in datasets else datasets[0]]
    table = Table(title=f"Architecture picked on each edge: error, rank on {dataset}")
    for heading in (
        "policy",
        "seed",
        *map(short_dataset, datasets),
        "rank",
        "better than",
    ):
        table.add_column(heading, justify="left" if heading == "policy" else "right", no_wrap=True)
    for (policy, seed), group in rows.groupby(["policy", "seed"], dropna=False, sort=False):
        by_dataset = group.set_index("dataset")
        ranked = by_dataset.loc[dataset if dataset in by_dataset.index else datasets[0]]
        table.add_row(
            str(policy),
            seed_text(seed),
            *(number(by_dataset.loc[name, "error"], ".2f") for name in datasets),
            rank_text(ranked["rank"]),
            f"{number(ranked['percentile'], '.1f')} %",
        )
    return table


def tasks_tables(rows: pd.DataFrame) -> list[Table]:
    """Spearman of each policy with a reference: a table for each reference, a line for a task."""
    from opscore.analysis import is_bar

    tables = []
    several = len(set(rows["space"])) > 1
    for reference in sorted(set(rows["reference"]), reverse=True):
        own = rows[(rows["reference"] == reference) & (rows["policy"] != reference)]
        policies = _bars_last(own)
        title = f"Spearman with {reference} of every task, mean over edges and seeds"
        table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in (*(["space"] if several else []), "task"):
            table.add_column(heading, no_wrap=True)
        for policy in policies:
            heading = policy.replace("(", "\n(").replace("op-", "op-\n")
            table.add_column(
                heading.replace("fixed-order", "\nfixed-\norder"), justify="right", overflow="fold"
            )
        previous = ""
        for (space, task), line in own.groupby(["space", "dataset"], sort=False):
            rho = line.set_index("policy")["rho"].to_dict()
            name = "" if space == previous else str(space)
            previous = str(space)
            cells = (number(rho.get(policy), "+.2f") for policy in policies)
            table.add_row(*([name] if several else []), str(task), *cells)
        tables.append(table)
        if any(map(is_bar, policies)):
            table.caption = _bars_note(policies)
    return tables


def _bars_note(policies: Iterable[str]) -> str:
    """Which of these are bars, and what that means."""
    from opscore.analysis import HINDSIGHT, is_bar

    named = [f"{name} (in hindsight)" if name == HINDSIGHT else name for name in policies]
    return f"need no network: {', '.join(name for name in named if is_bar(name.split()[0]))}"


def _bars_last(rows: pd.DataFrame) -> list[str]:
    """The policies of a table, bars after the others; op-flops only where it says something new."""
    from opscore.analysis import is_bar

    policies = sorted(dict.fromkeys(map(str, rows["policy"])), key=is_bar)
    params, flops = (
        rows.loc[rows["policy"] == name, "rho"].tolist() for name in ("op-params", "op-flops")
    )
    return [name for name in policies if name != "op-flops" or params != flops]


def _picks_table(rows: pd.DataFrame) -> Table:
    """One line for each (policy, seed): the architecture."""
    table = Table(
        "policy", "seed", "architecture", title="Architecture picked on each edge (no truth)"
    )
    for row in rows.to_dict("records"):
        table.add_row(str(row["policy"]), seed_text(row["seed"]), str(row["architecture"]))
    return table


def score_table(rows: pd.DataFrame) -> Table:
    """One line for each (policy, seed, edge), one column for each operation."""
    table = Table(title="Scores")
    operations = list(dict.fromkeys(rows["op"]))
    for heading in ("policy", "seed", "edge", *operations):
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for (policy, seed, edge), group in rows.groupby(["policy", "seed", "edge"], dropna=False):
        by_op = dict(zip(group["op"], group["score"], strict=True))
        cells = [number(by_op.get(op), ".6g") for op in operations]
        table.add_row(str(policy), seed_text(seed), str(edge), *cells)
    return table


def seed_text(value: object) -> str:
    """A seed, or a dash where there is none."""
    return "-" if str(value) in {"<NA>", "nan"} else f"{float(str(value)):.0f}"


def interval_text(low: object, high: object, form: str = "+.2f") -> str:
    """The ends of an interval, or a dash where there is none."""
    ends = number(low, form), number(high, form)
    return "-" if "-" in ends else " .. ".join(ends)


def p_text(value: object) -> str:
    """A p-value with two digits, or a dash where there is no test."""
    shown = number(value, ".2g")
    if shown == "-" or float(shown) >= 0.0001:
        return shown
    return "<.0001"


def number(value: object, form: str) -> str:
    """A number in this format, or a dash where there is none."""
    if not isinstance(value, int | float) or math.isnan(value):
        return "-"
    # The mean of equal numbers may differ from them in its last bits, and then round apart.
    return format(round(value, 9), form)
