"""The tables of a board."""

from __future__ import annotations

import pandas as pd

from opscore.answers import Column, Table
from opscore.answers.words import one_line

#: Entrants whose pairs are set against each other in a terminal.
_MATRIX = 6

_ENTRANT = Column("entrant")
_PICKS = (
    Column("top_1", "top 1", "number", about="share of the edges whose best operation is picked"),
    Column(
        "top_half",
        "top\nhalf",
        "number",
        about="share where it survives a cut to half of the operations, rounded up",
    ),
    Column(
        "regret",
        kind="number",
        about="what picks lose, as a share of the span between an edge's best and worst operation",
    ),
)
_RANKING = (
    _ENTRANT,
    Column("rho", kind="number", form="+.2f", about="mean over spaces"),
    Column(
        "ci_low",
        "95 % over\nspaces, edges",
        "number",
        "+.2f",
        about="bootstrap that draws spaces, then edges; missing without all spaces",
        end="ci_high",
    ),
    Column(
        "edge_specific",
        "edge-\nspecific",
        "number",
        "+.2f",
        about="agreement beyond an order that is the same on all edges, where that is defined",
    ),
    *_PICKS,
    Column("mean_rank", "mean\nrank", "number", ".1f", about="over tasks, of those that have one"),
    Column("wins", kind="number", about="share of the comparisons, task by task, that are won"),
    Column(
        "p_first",
        "first",
        "number",
        about="share of the bootstrap's draws in which its mean is the highest",
    ),
    Column("n_cells", "tasks", "whole"),
)
_CELLS = (
    Column("space", once=True),
    Column("task", once=True),
    _ENTRANT,
    Column("made", about="size of the supernet and of the minibatch"),
    Column("rho", kind="number", form="+.2f"),
    Column("ci_low", "95 % over\nother edges", "number", "+.2f", end="ci_high"),
    Column("p_common", "p\ncommon", "p", about="operations relabelled alike on all edges"),
    Column(
        "edge_specific",
        "edge-\nspecific (p)",
        "number",
        "+.2f",
        about="agreement beyond an order that is the same on all edges",
        beside="edge_p",
        beside_form="p",
    ),
    Column(
        "ceiling", kind="number", about="rho of the reference with itself between two trainings"
    ),
    Column("edge_ceiling", "of it\nedge-specific", "number"),
    *_PICKS,
    Column("n_seeds", "seeds", "whole"),
    Column("n_edges", "edges", "whole"),
    Column("status", kind="status"),
)
_BIAS = (
    _ENTRANT,
    Column("params", "rho with\nparameters", "number", "+.2f"),
    Column("flops", "with\nFLOPs", "number", "+.2f"),
    Column("skip", "place\nof skip", "number", about="mean place of the skip connection, 1 first"),
    Column("skip_truth", "its place\nin truth", "number"),
    Column("rho", kind="number", form="+.2f"),
    Column(
        "rho_without_size",
        "without\nsize",
        "number",
        "+.2f",
        about="partial correlation, the order by parameters taken out",
    ),
    Column(
        "states",
        kind="whole",
        about="of the supernet that are scored for one seed, mean over spaces",
    ),
    Column("gradients", about="whether each has a backward pass too"),
    Column("seconds", "seconds\na seed", "number", ".1f", about="as measured, on several machines"),
)
_PAIRS = (
    Column("entrant_a", "entrant"),
    Column("entrant_b", "other"),
    Column("difference", kind="number", form="+.2f"),
    Column("won", kind="whole"),
    Column("tied", "level", "whole"),
    Column("lost", kind="whole"),
    Column("p_value", "p", "p", about="signs of edges flipped"),
    Column("p_holm", "Holm", "p", about="adjusted over all pairs"),
    Column("n_edges", "edges", "whole"),
)
_POWER = (
    Column("unit", "more of"),
    Column("needed", kind="whole"),
    Column("given", "with"),
    Column("holds_for", "holds for"),
    Column(
        "shown_now",
        "seen now",
        "number",
        about="the least difference that what there is shows with that probability",
    ),
)


def _abouts(columns: tuple[Column, ...]) -> str:
    """What columns are, for the line below a table."""
    return "; ".join(
        f"{one_line(each.heading or each.name)}: {each.about}" for each in columns if each.about
    )


def ranking_table(ranking: pd.DataFrame, reference: str) -> Table:
    """The entrants, the best mean first."""
    title = f"Agreement with {reference}, mean over spaces"
    return Table(title, _RANKING, ranking, caption=_abouts(_RANKING), look="open")


def cells_table(cells: pd.DataFrame, reference: str) -> Table:
    """A line for every task and entrant."""
    return Table(
        f"Agreement with {reference}, task by task",
        _CELLS,
        cells,
        caption=_abouts(_CELLS),
        look="open",
        detail=True,
    )


def pairs_table(pairs: pd.DataFrame, names: list[str]) -> Table:
    """Differences between the first entrants, with Holm's p-values: a matrix of comparisons."""
    first = names[:_MATRIX]
    known = {(row["entrant_a"], row["entrant_b"]): row for row in pairs.to_dict("records")}
    rows = []
    for number, name in enumerate(first):
        row: dict[str, object] = {"entrant": f"{number + 1} {name}"}
        for place, other in enumerate(first):
            sign = 1 if (name, other) in known else -1
            pair = known.get((name, other)) or known.get((other, name))
            row[f"d{place}"] = None if pair is None else sign * pair["difference"]
            row[f"p{place}"] = None if pair is None else pair["p_holm"]
        rows.append(row)
    columns = [
        Column(f"d{place}", str(place + 1), "number", "+.2f", beside=f"p{place}", beside_form="p")
        for place in range(len(first))
    ]
    return Table(
        "Difference of mean rho, row minus column (Holm-adjusted p)",
        (_ENTRANT, *columns),
        pd.DataFrame(rows),
        caption=f"the first {len(first)} of {len(names)}; p: signs of edges flipped, adjusted over "
        f"all {len(pairs)} pairs but those with the order in hindsight",
        look="open",
    )


def all_pairs_table(pairs: pd.DataFrame) -> Table:
    """A line for every pair of entrants."""
    title = "Every pair: difference of mean rho, entrant minus other; tasks won, level and lost"
    return Table(title, _PAIRS, pairs, caption=_abouts(_PAIRS), look="open", detail=True)


def bias_table(bias: pd.DataFrame, cost: pd.DataFrame, names: list[str]) -> Table:
    """What scores are made of, and what they cost, mean over spaces."""
    numbers = [each.name for each in _BIAS[1:7]]
    made = bias.groupby("entrant", sort=False)[numbers].mean()
    spent = cost.groupby("entrant", sort=False)
    made["states"] = spent["states"].mean().round().astype("Int64")
    made["seconds"] = spent["seconds"].mean()
    made["gradients"] = spent["gradients"].max().map({True: "yes", False: "no"})
    frame = made.reindex([name for name in names if name in made.index]).reset_index()
    title = "What scores are made of, and what they cost"
    return Table(title, _BIAS, frame, caption=_abouts(_BIAS), look="open")


def power_table(power: pd.DataFrame, difference: float, pair: str) -> Table:
    """What it takes to see a difference."""
    return Table(
        f"To see a difference of {difference:g} between {pair} with 80 % (level 5 %)",
        _POWER,
        power,
        caption=f"{_abouts(_POWER)}; tasks of a space are averaged",
        look="open",
    )
