"""The numbers of README.md and docs/*.md: a function for each, called by name from the pages.

They are computed from what the package and the repository carry: the records in
opscore/data/measured, the tables in figures/ and benchmarks/results. Those that need more say so
with :func:`needs`, and are left alone where it is not there. See docs/make.py for the comments
that stand in the pages, and for how to add a number.

A number is rounded half away from zero, and a correlation is written without its leading zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, wraps
from typing import Any

import pandas as pd
from make import ROOT, MissingError, table, value

import opscore
from opscore.analysis import (
    HINDSIGHT,
    Correlation,
    Selection,
    agreement_between_trainings,
    edge_correlations,
    is_bar,
)
from opscore.answers import Listing, render
from opscore.board import across, read_board
from opscore.board.tables import power_table
from opscore.data import find
from opscore.data.records import read_record
from opscore.experiments.initial.result import BASELINES
from opscore.oracles import NO_TRUTH, load_truth
from opscore.oracles.references import best_reference
from opscore.policies.residual import RESIDUAL
from opscore.spaces import NASBENCH201, SPACES, get_space
from opscore.spaces.darts import Genotype

FIGURES = ROOT / "figures"
RESULTS = ROOT / "benchmarks" / "results"


# --- how numbers are written


def fixed(number: float, digits: int) -> str:
    """A number with so many decimals, halves rounded away from zero; empty for none."""
    if number is None or math.isnan(number):
        return ""
    # What is a half but for the last bits of a double is a half.
    step = Decimal(1).scaleb(-digits)
    return str(Decimal(repr(round(float(number), 9))).quantize(step, ROUND_HALF_UP) + 0)


def dotted(number: float, digits: int = 2) -> str:
    """The same without the zero before the point: .77, -.18, 1.00."""
    return fixed(number, digits).replace("0.", ".", 1) if abs(number) < 1 else fixed(number, digits)


def interval(row: Any, digits: int = 2) -> str:
    """'.59 to .91', of a row with ci_low and ci_high."""
    low, high = row["ci_low"], row["ci_high"]
    return "" if pd.isna(low) else f"{dotted(low, digits)} to {dotted(high, digits)}"


def p_text(p_value: float) -> str:
    """A p-value in two digits above .1, else in one or two that matter."""
    if p_value >= 0.0995:
        return dotted(p_value, 2)
    if p_value >= 0.0095:
        return dotted(p_value, 3)
    return dotted(p_value, -math.floor(math.log10(p_value) + 0.0223))


def mean_sd(row: Any, digits: int = 2) -> str:
    """'6.28 (.62)': a mean, and the standard deviation over seeds in brackets."""
    deviation = row["std"]
    if pd.isna(deviation):
        return fixed(row["mean"], digits)
    shown = "0" if deviation < 1e-6 else _deviation(deviation, digits)
    return f"{fixed(row['mean'], digits)} ({shown})"


def _deviation(number: float, digits: int) -> str:
    return fixed(number, 1) if number >= 9.95 else dotted(number, digits)


def bold(text: str) -> str:
    """Marked as what the table is about."""
    return f"**{text}**"


# --- where numbers come from


def needs(name: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """A value that needs a data file, by its name in 'opscore data list'."""

    def decorate(function: Callable[..., str]) -> Callable[..., str]:
        @wraps(function)
        def call(*arguments: str) -> str:
            if find(name) is None:
                raise MissingError(f"needs {name} (opscore data list)")
            return function(*arguments)

        return call

    return decorate


@cache
def figure_table(name: str) -> pd.DataFrame:
    """A table under figures/, as it was committed."""
    return pd.read_csv(FIGURES / f"{name}.csv")


def scores_of(source: str) -> pd.DataFrame:
    """Scores of A_0 on NAS-Bench-201 ('initial'), or along searches: 'paper', 'cpu' (reduced)."""
    if source == "initial":
        return read_record("initial_nasbench201")[0]
    return read_record(f"progressive_{source}")[0]


@cache
def correlations(source: str, reference: str = "best-acc") -> pd.DataFrame:
    """Correlation rows at iteration 0 by policy."""
    scores = scores_of(source)
    correlation = Correlation(weightless=NASBENCH201.weightless)
    found = correlation(scores[scores["iteration"] == 0], references=[reference])
    return found.set_index("policy")


@cache
def paper_figure2() -> Any:
    """Figure 2 with the package's records."""
    return opscore.figure2()


def published_rho(policy: str) -> float:
    """Figure 2 (left), against best-acc."""
    from opscore.published import published_initial

    return published_initial("best-acc").get(policy, math.nan)


# --- operation scoring


@value
def rho(policy: str, source: str = "initial", reference: str = "best-acc") -> str:
    """Mean Spearman of a policy at iteration 0."""
    return dotted(correlations(source, reference).loc[policy, "rho"])


@value
def rho_p(policy: str, source: str = "initial", reference: str = "best-acc") -> str:
    """Its exact p-value."""
    return p_text(correlations(source, reference).loc[policy, "p_value"])


@value
def published(policy: str) -> str:
    """The paper's correlation with best-acc, Figure 2 (left)."""
    return dotted(published_rho(policy))


@value
def rho_over_seeds(policy: str, source: str = "initial") -> str:
    """The smallest and the largest correlation of a single seed: '.12 to .57'."""
    scores = scores_of(source)
    cells = edge_correlations(scores[scores["iteration"] == 0], policy, "best-acc")
    by_seed = cells.groupby("seed")["rho"].mean()
    return f"{dotted(by_seed.min())} to {dotted(by_seed.max())}"


@value
def authors_start(policy: str) -> str:
    """Iteration 0 of the authors' progressive logs, mean over four seeds."""
    from opscore.published import progressive_correlations

    rows = progressive_correlations()
    found = rows[(rows["policy"] == policy) & (rows["iteration"] == 0)]
    return dotted(float(found["rho"].iloc[0]), 3)


@value
@needs("nasbench201")
def initial_table() -> str:
    """Policies at paper size, and bars that need no network: agreement, and what they pick."""
    from opscore.published import table1

    printed = table1().set_index("policy")["error"]
    found = correlations("initial")
    asked = found.drop(["avg-acc", "random", *BASELINES])
    order = [*asked.sort_values("rho", ascending=False).index]
    bars = ["residual(params)", HINDSIGHT, "op-params"]
    rows = []
    for policy in [*sorted(order, key=_order), "random", *bars, "avg-acc"]:
        row = found.loc[policy]
        errors = picks().loc[[policy], "error"]
        rho_text = dotted(row["rho"])
        rows.append(
            [
                f"{policy}, in hindsight" if policy == HINDSIGHT else policy,
                bold(rho_text) if policy in order else rho_text,
                interval(row),
                *(_p_or_empty(row[name]) for name in ("p_common", "p_common_holm", "p_kinds")),
                edge_specific_text(policy, "initial"),
                _dotted_or_empty(published_rho(policy)),
                fixed(errors.mean(), 2),
                _median_and_range(errors) if len(errors) > 1 else "",
                fixed(printed.get(policy, math.nan), 2),
            ]
        )
    least = [p_text(found[f"{name}_least"].iloc[0]) for name in ("p_common", "p_kinds")]
    headings = [
        "policy",
        "Spearman with best-acc",
        "95 % interval, over other edges",
        f"p common (≥ {least[0]})",
        "Holm, over the five asked for",
        f"p kinds (≥ {least[1]})",
        "edge-specific (p)",
        "published",
        "picks: error %, mean over seeds",
        "median (range)",
        "published",
    ]
    return table(headings, rows)


@value
def first_table() -> str:
    """The first result in short: agreement at paper size, what was published, and the bars."""
    found = correlations("initial")
    asked = found.drop(["avg-acc", "random", *BASELINES]).sort_values("rho", ascending=False)
    named = {policy: bold(policy) for policy in sorted(asked.index, key=_order)}
    named["random"] = "random"
    named |= {bar: f"*{bar}*" for bar in (RESIDUAL, HINDSIGHT, "op-params")}
    rows = [
        [
            shown,
            dotted(found.loc[policy, "rho"]),
            interval(found.loc[policy]),
            _dotted_or_empty(published_rho(policy)),
        ]
        for policy, shown in named.items()
    ]
    return table(["policy", "Spearman", "95 % interval, over other edges", "published"], rows)


def _median_and_range(errors: pd.Series[float]) -> str:
    """'6.02 (5.63 to 6.90)'; the value alone where all seeds pick alike."""
    median, least, most = (fixed(each, 2) for each in (errors.median(), errors.min(), errors.max()))
    return median if least == most else f"{median} ({least} to {most})"


@cache
def picks() -> pd.DataFrame:
    """What each policy picks edge by edge, CIFAR-10: error, rank, by policy (a row for a seed)."""
    found = Selection()(scores_of("initial"), load_truth("nasbench201", source="table"))
    return found[found["dataset"] == "cifar10"].set_index("policy")


@value
@needs("nasbench201")
def pick_of(policy: str) -> str:
    """Error and rank of what a policy without seeds picks: '5.64 %, rank 3'."""
    row = picks().loc[policy]
    return f"{fixed(row['error'], 2)} %, rank {row['rank']:,}"


@value
@needs("nasbench201")
def picks_of(policy: str, what: str = "mean") -> str:
    """The mean, or the median (and range), of the errors of a policy's picks."""
    errors = picks().loc[policy, "error"]
    return fixed(errors.mean(), 2) if what == "mean" else _median_and_range(errors)


def _p_or_empty(p_value: float) -> str:
    return "" if math.isnan(p_value) else p_text(p_value)


def _order(policy: str) -> int:
    known = ["zc-pt(nwot)", "zc-pt(synflow)", "disc-zc(synflow)", "disc-zc(nwot)"]
    return known.index(policy) if policy in known else len(known)


def _dotted_or_empty(number: float) -> str:
    return "" if math.isnan(number) else dotted(number)


@value
def seeds_at_medium() -> str:
    """How many seeds of the paper's supernet were trained: 'one seed'."""
    scores = scores_of("medium")
    count = scores.loc[scores["policy"] == "darts", "seed"].nunique()
    return ("one seed", "two seeds", "three seeds", "four seeds")[count - 1]


@value
def trained_table() -> str:
    """Policies at iteration 0 on the reduced supernet, and the paper's claims."""
    claims, medium = claims_of("cpu", "best-acc"), claims_of("medium", "best-acc")
    rows = []
    for policy in ("zc-pt(nwot)", "darts-pt", "darts", "disc-acc", "tenas", "disc-zc(nwot)"):
        row = correlations("cpu").loc[policy]
        claim = claims[policy]
        rows.append(
            [
                policy,
                dotted(published_rho(policy)),
                dotted(row["rho"]),
                interval(row),
                p_text(row["p_value"]),
                p_text(row["p_common"]),
                edge_specific_text(policy, "cpu"),
                f"{claim['claim'].removeprefix(policy + ' ')}: {claim['holds']}",
            ]
        )
        own = medium.get(policy)
        rows[-1][2:2] = [f"{dotted(own['estimate'])}, {own['holds']}" if own else ""]
    headings = [
        "policy, iteration 0",
        "published",
        f"paper's supernet, an eighth of its training, {seeds_at_medium()}, and the claim",
        "reduced supernet, four seeds",
        "95 % interval, over other edges",
        "p, edges alone",
        "p common",
        "edge-specific (p)",
        "the paper's claim: does it hold?",
    ]
    return table(headings, rows)


def claims_of(source: str, reference: str) -> dict[str, dict[str, Any]]:
    """The claims on correlations with a reference, by policy, as 'opscore figure2' decides them."""
    from opscore.paper.claims import check_claims

    claims = check_claims(scores_of(source), source)
    own = claims[claims["other"].isna() & (claims["reference"] == reference)]
    return {str(row["policy"]): row for row in own.to_dict(orient="records")}


@value
def p_common(policy: str, source: str = "initial") -> str:
    """The p-value that allows for a preference common to all edges."""
    return p_text(correlations(source).loc[policy, "p_common"])


@value
def p_common_holm(policy: str, source: str = "initial") -> str:
    """The same, adjusted for the rows of the table."""
    return p_text(correlations(source).loc[policy, "p_common_holm"])


@value
def preference(which: str) -> str:
    """A bar ('order', 'params', 'residual'), and its rho or p."""
    names = {"order": HINDSIGHT, "params": "op-params", "residual": "residual(params)"}
    kind, number = which.split("-")
    row = correlations("initial").loc[names[kind]]
    return p_text(row["p_common"]) if number == "p" else dotted(row[number])


@value
def p_kinds(policy: str, source: str = "initial") -> str:
    """The p-value where operations are exchanged within kinds."""
    return p_text(correlations(source).loc[policy, "p_kinds"])


@value
def edge_specific(policy: str, source: str = "initial") -> str:
    """Edge-specific agreement with best-acc, with its p-value: '.34, p = .10'."""
    return edge_specific_text(policy, source).replace(" (", ", p = ").removesuffix(")")


@cache
def _edge_specific(source: str) -> pd.DataFrame:
    from opscore.analysis import edge_specific_agreement

    scores = scores_of(source)
    found = edge_specific_agreement(scores[scores["iteration"] == 0], ["best-acc"])
    return found.set_index("policy")


def edge_specific_text(policy: str, source: str) -> str:
    """'.34 (.10)'; 'none' for a policy with one order on all edges."""
    row = _edge_specific(source).loc[policy]
    if math.isnan(row["agreement"]):
        return "none"
    return f"{dotted(row['agreement'])} ({p_text(row['p_value'])})"


@value
def difference(first: str, second: str, source: str = "cpu") -> str:
    """Paired difference of two policies' agreement with best-acc."""
    return dotted(_difference(first, second, source)[0])


@value
def difference_p(first: str, second: str, source: str = "cpu") -> str:
    """The p-value of its exact sign-flip test."""
    return p_text(_difference(first, second, source)[1])


@value
def difference_with_interval(first: str, second: str, source: str = "cpu") -> str:
    """Both, with the interval: '.37 (.12 to .67, p = .06)'."""
    number, p_value, row = _difference(first, second, source)
    ends = [row["ci_low"], row["ci_high"]]
    low, high = sorted(ends if row["policy_a"] == first else [-end for end in ends])
    return f"{dotted(number)} ({dotted(low)} to {dotted(high)}, p = {p_text(p_value)})"


def _difference(first: str, second: str, source: str) -> tuple[float, float, Any]:
    from opscore.analysis import paired_differences

    scores = scores_of(source)
    own = scores[(scores["iteration"] == 0) & scores["policy"].isin([first, second, "best-acc"])]
    row = paired_differences(own).iloc[0]
    sign = 1 if row["policy_a"] == first else -1
    return sign * row["difference"], row["p_value"], row


@value
def along(policy: str, source: str, first: str = "0", last: str = "5") -> str:
    """Correlations with best-acc of A_0 along a search: '.75, .62, .50'."""
    rhos = _curve(policy, source)
    return ", ".join(dotted(rhos[t]) for t in range(int(first), int(last) + 1))


@value
def along_range(policy: str, source: str, first: str, last: str) -> str:
    """The smallest and the largest of them: '-.12 and .40'."""
    rhos = [_curve(policy, source)[t] for t in range(int(first), int(last) + 1)]
    return f"{dotted(min(rhos))} and {dotted(max(rhos))}"


def _curve(policy: str, source: str) -> dict[int, float]:
    name = {
        "paper": "measured, paper size",
        "medium": "measured, paper size, medium training (reduced)",
        "cpu": "measured, cpu size (reduced)",
    }
    rows = paper_figure2().right
    own = rows[(rows["source"] == name.get(source, source)) & (rows["policy"] == policy)]
    return dict(zip(own["iteration"].tolist(), own["rho"].tolist(), strict=True))


@value
def alphas(which: str) -> str:
    """softmax(alpha) of the trained reduced supernets: 'least', 'most', or an operation's mean."""
    scores = scores_of("cpu")
    rows = scores[(scores["policy"] == "darts") & (scores["iteration"] == 0)]
    if which in {"least", "most"}:
        return dotted(rows["score"].min() if which == "least" else rows["score"].max())
    return dotted(rows[rows["op"] == which]["score"].mean())


@value
def along_training(column: str, op: str = "skip_connect", epoch: str = "64") -> str:
    """'weight' or mean 'rank' of an operation, or the 'accuracy', after an epoch at paper size."""
    rows = opscore.alphas().summary.set_index(["epoch", "op"])
    number = rows.loc[(int(epoch), op), column]
    return fixed(number, 1) if column != "weight" else dotted(number)


@value
@needs("nasbench201")
def pick_at_medium(policy: str) -> str:
    """What a policy picks on those supernets: '5 skip connections, 19.43 %, rank 13,770'.

    Picks that differ between seeds are told one after the other.
    """
    rows = opscore.table1().selections
    own = rows[rows["source"].str.contains("medium") & (rows["dataset"] == "cifar10")]
    picks = [
        f"{row['skip_connections']} skip connections, {row['error']:.2f} %, rank {row['rank']:,}"
        for row in own[own["policy"] == policy].to_dict("records")
    ]
    return "; ".join(dict.fromkeys(picks))


@value
def operations_at_medium(policy: str) -> str:
    """What it picks there, edge by edge: 'none none none avg_pool_3x3 none none'."""
    rows = opscore.table1().selections
    own = rows[rows["source"].str.contains("medium") & (rows["policy"] == policy)]
    states = [NASBENCH201.parse(text) for text in dict.fromkeys(own["architecture"])]
    return "; ".join(
        " ".join(
            NASBENCH201.operations[edge][op] for edge, op in enumerate(state.architecture_indices)
        )
        for state in states
    )


@value
def skips_first_from(seed: str) -> str:
    """The epoch of a seed's training from which on skip_connect is the largest everywhere."""
    curves = opscore.alphas().curves.query(f"seed == {seed}")
    places = curves.groupby(["epoch", "edge"])["weight"].idxmax()
    others = curves.loc[places].query("op != 'skip_connect'")
    return str(others["epoch"].max() + 1)


@value
@needs("published-initial")
@needs("nasbench201")
def replay_table() -> str:
    """Picks of Table 1, from the authors' raw scores."""
    from opscore.paper.replay import TENAS_BY_HAND, replay_table1
    from opscore.published import table1

    found = replay_table1().query("dataset == 'cifar10'").set_index("policy")
    printed = table1().set_index("policy")

    def pick(frame: pd.DataFrame, policy: str) -> str:
        return f"{fixed(frame.loc[policy, 'error'], 2)} / {frame.loc[policy, 'rank']:,}"

    order = [name for name in printed.sort_values("error").index if name != "tenas"]
    rows = [[name, pick(found, name), pick(printed, name)] for name in order if name in found.index]
    by_hand = f"{pick(found, TENAS_BY_HAND)} with its tie broken by hand"
    rows.append(["tenas", f"{pick(found, 'tenas')}; {by_hand}", pick(printed, "tenas")])
    return table(["pick of Table 1", "replayed error % / rank", "published"], rows)


# --- the truth


@value
@needs("nasbench201")
def noise(field: str, digits: str = "3") -> str:
    """How far the table agrees with itself, a field of OracleNoise."""
    return fixed(getattr(_noise(), field), int(digits))


@cache
def _noise() -> Any:
    return opscore.load_oracle("nasbench201", source="table").noise()


@value
@needs("nasbench201")
def between_trainings(reference: str, column: str = "rho") -> str:
    """How far a reference agrees with itself from one training to another: rho, edge_specific."""
    return dotted(_between_trainings().loc[reference, column])


@cache
def _between_trainings() -> pd.DataFrame:
    oracle = opscore.load_oracle("nasbench201", source="table")
    return agreement_between_trainings(oracle).set_index("reference")


@value
@needs("nasbench201")
def references_table() -> str:
    """Each reference from one training against the same from another."""
    found = _between_trainings()
    rows = [
        [f"`{name}`", dotted(row["rho"]), dotted(row["edge_specific"])]
        for name, row in found.iterrows()
    ]
    return table(["reference", "Spearman per edge", "edge-specific"], rows)


@value
@needs("nasbench201")
def packages_table(among: str = "all", digits: str = "3") -> str:
    """Spearman of analog-nasbench with NAS-Bench-201, among all or among the best of the table."""
    from scipy.stats import spearmanr

    truth, package = _mean_accuracies("table"), _mean_accuracies("anb")
    if among != "all":
        best = truth.nlargest(int(among), keep="all").index
        truth, package = truth[best], package[best]
    return fixed(float(spearmanr(truth, package[truth.index])[0]), int(digits))


@cache
def _mean_accuracies(source: str) -> pd.Series[float]:
    oracle = opscore.load_oracle("nasbench201", source=source)
    return pd.Series(oracle.mean_accuracy.reshape(-1))


# --- data files


@value
def data_tables_table() -> str:
    """The tables that commands read: file, what, command, originals, licence, size, checksum."""
    from opscore.data import FILES

    rows = []
    for name in FILES:
        file = FILES[name]
        if not file.path.endswith(".parquet"):
            continue
        made_of = _made_of(file.made_of)
        copies = file.editions[0] if file.editions else None
        rows.append(
            [
                f"`{name}`",
                f"`{file.path}`",
                _escaped(file.purpose),
                _command(name),
                made_of,
                file.licence,
                f"{copies[1] / 1e6:.2f} MB" if copies else "",
                f"`{copies[0][:16]}`" if copies else "",
            ]
        )
    headings = ["name", "file", "what", "how to get it", "made of", "licence", "size", "sha256"]
    return table(headings, rows)


@value
def data_originals_table() -> str:
    """What is downloaded: name, its public address, size, licence, sha256."""
    from opscore.data import FILES, ORIGINALS

    files = [ORIGINALS[name] for name in ORIGINALS]
    files += [FILES[name] for name in FILES if FILES[name].url]
    rows = []
    for file in sorted(files, key=lambda file: _file_name(file.name)):
        if file.name.startswith("logs_1shot1/"):
            continue
        sha256 = file.sha256 or ""
        name = f"`{_file_name(file.name)}`"
        rows.append(_original(name, file.url, file.size, file.licence, f"`{sha256}`"))
    logs = [file for file in files if file.name.startswith("logs_1shot1/")]
    if logs:
        address = str(logs[0].url).rpartition("/")[0]
        address = address.replace("raw.githubusercontent.com", "github.com").split("/")
        address.insert(5, "tree")
        size = sum(file.size or 0 for file in logs)
        where = "one each, in `opscore/data/originals.csv`"
        name = f"`logs_1shot1/*.txt`, {len(logs)} files"
        rows.append(_original(name, "/".join(address), size, logs[0].licence, where))
    return table(["original", "from", "size", "licence", "sha256"], rows)


def _original(name: str, url: str | None, size: int | None, licence: str, hash_: str) -> list[str]:
    _, _, host, owner, *rest = str(url).split("/")
    short = f"{owner}/{rest[0]}" if "github" in host else host
    return [name, f"[{short}]({url})", f"{(size or 0) / 1e6:.2f} MB", licence, hash_]


def _file_name(source: str) -> str:
    from opscore.data import get_source

    return get_source(source).path.rpartition("/")[2]


def _made_of(sources: tuple[str, ...]) -> str:
    names = dict.fromkeys(
        f"{source.partition('/')[0]}/*.txt" if "/" in source else _file_name(source)
        for source in sources
    )
    return ", ".join(f"`{name}`" for name in names)


def _command(name: str) -> str:
    """How a table comes here: the collections that make it, or else what its entry says."""
    from opscore.data import COLLECTIONS, FILES, MADE_TABLES

    fetched = [each for each in COLLECTIONS if name in COLLECTIONS[each].tables]
    if name not in MADE_TABLES:
        how = FILES[name].how
        if "no download" in how:
            return "no download: a file of one's own"
        return "comes with opscore" if "comes with" in how else "`data add nasbench_full.tfrecord`"
    return ", ".join(f"`data fetch {each}`" for each in fetched)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


# --- images, counting, batch size


@value
def condition(
    policy: str, meaning: str, batch: str = "256", images: str = "cifar10", digits: str = "2"
) -> str:
    """Correlation with best-acc under these conditions (figures/conditions)."""
    return dotted(_condition(policy, meaning, batch, images)["rho"], int(digits))


@value
def condition_with_interval(policy: str, meaning: str, batch: str, images: str = "cifar10") -> str:
    """The same with its interval where the scores behind it ship: '.77 (.46 to 1.00)'."""
    rho_text = dotted(_condition(policy, meaning, batch, images)["rho"])
    if (meaning, batch, images) != ("faithful", "256", "cifar10"):
        return rho_text
    return f"{rho_text} ({interval(correlations('initial').loc[policy])})"


@value
def skip_rank(policy: str, meaning: str, batch: str = "256", digits: str = "2") -> str:
    """Mean rank of skip_connect within its edge there."""
    return fixed(_condition(policy, meaning, batch, "cifar10")["skip_rank"], int(digits))


@value
def skip_rank_of_truth() -> str:
    """Mean rank of skip_connect by best-acc."""
    scores = scores_of("initial")
    rows = scores[scores["policy"] == "best-acc"]
    ranks = rows.groupby("edge")["strength"].rank(ascending=False)
    return fixed(ranks[rows["op"] == "skip_connect"].mean(), 2)


@value
def skips_chosen(policy: str) -> str:
    """Edges with skip_connect in the four picks of a policy at paper size."""
    picked = Selection()(scores_of("initial"), load_truth(source=NO_TRUTH))
    names = picked[picked["policy"] == policy]["architecture"]
    return str(int(names.str.count("skip_connect").sum()))


@value
def noise_costs() -> str:
    """What white noise costs zc-pt(nwot) with the authors' counting, against CIFAR-10 images."""
    rhos = [
        _condition("zc-pt(nwot)", "faithful", "64", images)["rho"]
        for images in ("cifar10", "noise")
    ]
    return dotted(rhos[0] - rhos[1])


@value
def batch_gain(policy: str, meaning: str) -> str:
    """What batch 256 gains over batch 32 on CIFAR-10."""
    rhos = [_condition(policy, meaning, batch, "cifar10")["rho"] for batch in ("32", "256")]
    return dotted(rhos[1] - rhos[0])


@value
def counting_gain(policy: str) -> str:
    """What the clean count gains over the authors': least and most over batches of CIFAR-10."""
    gains = [
        _condition(policy, "clean", batch, "cifar10")["rho"]
        - _condition(policy, "faithful", batch, "cifar10")["rho"]
        for batch in ("32", "64", "128", "256")
    ]
    return f"{dotted(min(gains))} to {dotted(max(gains))}"


def _condition(policy: str, meaning: str, batch: str, images: str) -> Any:
    rows = figure_table("conditions/conditions")
    mask = (rows["policy"] == policy) & (rows["meaning"] == meaning) & (rows["images"] == images)
    return rows[mask & (rows["batch_size"] == int(batch))].iloc[0]


@value
def conditions_table() -> str:
    """Every combination of images, batch and counting."""
    grid = [("cifar10", batch) for batch in ("32", "64", "128", "256")]
    names = {"cifar10": "CIFAR-10", "digits": "digits", "noise": "white noise"}
    columns = [
        (policy, meaning)
        for policy in ("zc-pt(nwot)", "disc-zc(nwot)")
        for meaning in ("faithful", "clean")
    ]
    rows = [
        [
            names[images],
            batch,
            *(
                condition_with_interval(policy, meaning, batch, images)
                for policy, meaning in columns
            ),
        ]
        for images, batch in [*grid, ("digits", "64"), ("noise", "64")]
    ]
    return table(["images", "batch", *(f"{p}, {m}" for p, m in columns)], rows)


# --- search


_DATASETS = ("cifar10", "cifar100", "imagenet16-120")
_DATASET_HEADINGS = (
    "CIFAR-10",
    "published",
    "CIFAR-100",
    "published",
    "ImageNet16-120",
    "published",
)
_QUICK = "batch 64, V = 10"
_QUICK_REDUCED = f"cpu size, {_QUICK}"

#: Rows of the table of searches: what the page calls them, method, setting.
_SEARCH_ROWS = (
    ("zero-cost-pt(nwot), four seeds", "zero-cost-pt(nwot)", ""),
    ("the same, quick setting", "zero-cost-pt(nwot)", _QUICK),
    ("zero-cost-disc(nwot), quick setting, four seeds", "zero-cost-disc(nwot)", _QUICK),
    ("zero-cost-disc(nwot), as published", "zero-cost-disc(nwot)", "as published"),
    (
        "zero-cost-pt(synflow) = exhaustive(synflow) = max-params",
        "zero-cost-pt(synflow)",
        "",
    ),
    ("naswot(synflow), exact", "naswot(synflow)", ""),
    ("naswot(nwot), exact", "naswot(nwot)", ""),
    ("te-nas, its own small networks, four seeds", "te-nas", ""),
    ("darts-pt, reduced supernet, four seeds", "darts-pt", "cpu size"),
    ("darts-pt, as published", "darts-pt", "as published"),
    ("the same with fixed alphas, reduced", "darts-pt-fixed-alpha", "cpu size"),
    ("the same with fixed alphas, as published", "darts-pt-fixed-alpha", "as published"),
    ("darts, reduced supernet, four seeds", "darts", "cpu size"),
    ("darts, as published", "darts", "as published"),
    ("random, exact", "random", ""),
    ("optimum, of each dataset", "optimum", ""),
)


@cache
def _table2() -> pd.DataFrame:
    from opscore.paper.table2 import table2

    return table2().table.set_index(["method", "setting", "dataset"]).sort_index()


@value
def search_table() -> str:
    """Test error of search methods on three datasets, beside Table 2."""
    rows = []
    for name, method, setting in _SEARCH_ROWS:
        cells = [name]
        for dataset in _DATASETS:
            row = _table2().loc[(method, setting, dataset)]
            measured = _exact(row) if name.endswith(", exact") else mean_sd(row)
            if dataset == "cifar10" and method == "zero-cost-pt(nwot)":
                measured = bold(fixed(row["mean"], 2)) + measured.removeprefix(
                    fixed(row["mean"], 2)
                )
            cells += ["" if pd.isna(row["mean"]) else measured, _theirs(row)]
        rows.append(cells)
    return table(["method", *_DATASET_HEADINGS], rows)


def _exact(row: Any) -> str:
    return mean_sd({"mean": row["expected"], "std": row["expected_std"]})


def _theirs(row: Any) -> str:
    if pd.isna(row["published"]):
        return ""
    return mean_sd({"mean": row["published"], "std": row["published_std"]})


@value
def proxy_searches_table() -> str:
    """Zero-Cost-PT by each proxy on the reduced supernet, beside Table 2."""
    from opscore.published import published_methods

    rows = []
    found = _table2()
    for method in published_methods():
        if not method.startswith("zero-cost-pt("):
            continue
        cells = [method.removeprefix("zero-cost-pt(").removesuffix(")")]
        for dataset in _DATASETS:
            own = found.loc[method].xs(dataset, level="dataset")
            measured = mean_sd(own.loc[_QUICK_REDUCED]) if _QUICK_REDUCED in own.index else ""
            cells += [measured, _theirs(own.loc[own["published"].notna()].iloc[0])]
        rows.append(cells)
    return table(["proxy", *_DATASET_HEADINGS], rows)


@value
def search_error(method: str, dataset: str = "cifar10", setting: str = "") -> str:
    """Mean test error of a search method; 'quick' is batch 64 and V = 10, 'reduced' is cpu size."""
    return fixed(_search_row(method, dataset, setting)["mean"], 2)


@value
def search_error_sd(method: str, dataset: str = "cifar10", setting: str = "") -> str:
    """The same with the standard deviation over seeds in brackets."""
    return mean_sd(_search_row(method, dataset, setting))


def _search_row(method: str, dataset: str, setting: str) -> Any:
    named = {"quick": _QUICK, "reduced": "cpu size"}
    return _table2().loc[(method, named.get(setting, setting), dataset)]


@value
def single_searches(setting: str = "") -> str:
    """CIFAR-10 errors of the seeds of Zero-Cost-PT (nwot): '6.72, 5.87, 6.90 and 5.63'."""
    rows = read_record("search")[0]
    own = rows[(rows["method"] == "zero-cost-pt(nwot)") & (rows["dataset"] == "cifar10")]
    batch = 64 if setting == "quick" else 256
    errors = own[own["batch_size"] == batch].sort_values("seed")["error"]
    *first, last = [fixed(error, 2) for error in errors]
    return f"{', '.join(first)} and {last}"


@value
def orders_table() -> str:
    """Edge orders in the quick setting, beside Table 5."""
    from opscore.paper.table5 import table5

    found = table5().table
    found = found[found["dataset"] == "cifar10"].set_index("order")
    theirs = found[found["setting"] == "as published"]
    found = found[found["setting"] != "as published"]

    def beside(mean: float, std: float) -> str:
        return f"{fixed(mean, 2)} ({dotted(std) if abs(std) < 1 else fixed(std, 2)})"

    rows = []
    for order in (
        "global-op-iter",
        "global-edge-iter",
        "fixed",
        "random",
        "global-op-once",
        "global-edge-once",
    ):
        row = found.loc[order]
        rows.append(
            [
                f"`{order}`",
                beside(row["mean"], row["std"]),
                beside(*theirs.loc[order, ["published", "published_std"]]),
                fixed(row["perturbations"], 0),
            ]
        )
    headings = [
        "order",
        "measured, batch 64, V = 10 (sd)",
        "published, batch 256, V = 100 (sd)",
        "perturbations of a proposal",
    ]
    return table(headings, rows)


@value
def validation_error_sd(weights: str) -> str:
    """Mean and deviation of CIFAR-10 errors in the quick setting, by how weights are drawn."""
    rows = read_record("search_validation")[0]
    rows = rows[rows["race"].isna() & (rows["dataset"] == "cifar10")]
    errors = rows.loc[rows["validation_weights"] == weights, "error"]
    return f"{fixed(errors.mean(), 2)} ({dotted(errors.std())})"


@value
def validation_table() -> str:
    """Ways to validate, in the quick setting: where four seeds end, and what they score."""
    rows = read_record("search_validation")[0]
    found = []
    for (weights, race), group in rows.groupby(["validation_weights", "race"], dropna=False):
        each = group[group["dataset"] == "cifar10"].sort_values("seed")
        errors = group.groupby("dataset")["error"].mean()
        found.append(
            [
                f"`{weights}`" + ("" if pd.isna(race) else f", race {race}"),
                ", ".join(fixed(error, 2) for error in each["error"]),
                f"{fixed(each['error'].mean(), 2)} ({dotted(each['error'].std())})",
                fixed(errors["cifar100"], 2),
                fixed(errors["imagenet16-120"], 2),
                f"{each['minibatches'].sum()} of {10 * each['candidates'].sum()}",
            ]
        )
    columns = ["weights", "CIFAR-10, seeds 0 to 3", "mean (sd)", "CIFAR-100", "ImageNet16-120"]
    return table([*columns, "network scores of the validation"], sorted(found))


@cache
def _ablation() -> pd.DataFrame:
    return figure_table("search/ablation").set_index(["N", "V"])


@value
def distinct(proposals: str) -> str:
    """Different architectures among so many proposals."""
    count = _ablation().loc[(int(proposals), 0), "distinct"]
    return fixed(count, 0 if float(count).is_integer() else 1)


@value
def ablation_table() -> str:
    """Searches of N proposals, cut out of 1,000, validated on V minibatches."""
    found = _ablation()
    rows = []
    for n in (1, 10, 100, 1000):
        cells = [f"{n:,}", f"{found.loc[(n, 0), 'n_searches']:,}"]
        for v in (0, 1, 10, 100):
            cells.append("" if n == 1 and v else mean_sd(found.loc[(n, v)]))
        rows.append(cells)
    return table(["N", "searches", "first proposal", "V = 1", "V = 10", "V = 100"], rows)


@value
def simulated(part: str) -> str:
    """How often tests reject, or intervals hold the mean, in one part of the simulation."""
    found = pd.read_parquet(RESULTS / "statistics.parquet")
    rows = found[found["part"] == part]
    names = [name for name in dict.fromkeys(rows["statistic"]) if name != "common, least"]
    by = ["case", "seeds"] if part == "seeds" else ["case"]
    cells = [
        [
            *map(str, key),
            *(dotted(own.loc[name], 3) if own[name] == own[name] else "none" for name in names),
        ]
        for key, group in rows.groupby(by, sort=False)
        for own in [group.set_index("statistic")["share"]]
    ]
    return table([*by, *names], cells)


@value
def sampling_table() -> str:
    """Random search and NASWOT, exactly and by 500 repetitions."""
    expected = read_record("search_expected")[0].set_index(["method", "dataset"])
    rows = []
    for method in ("random", "naswot(nwot)", "naswot(synflow)", "naswot(params)"):
        cells = [method]
        for dataset in _DATASETS:
            exact = expected.loc[(method, dataset)]
            shown = [f"{fixed(exact['expected'], 2)} ({fixed(exact['expected_std'], 2)})", "", ""]
            if (method, "", dataset) in _table2().index:
                row = _table2().loc[(method, "", dataset)]
                pairs = [(row["mean"], row["std"]), (row["published"], row["published_std"])]
                shown[1:] = [f"{fixed(mean, 2)} ({fixed(std, 2)})" for mean, std in pairs]
            cells += shown
        rows.append(cells)
    headings = ["method"]
    for dataset in ("CIFAR-10", "CIFAR-100", "ImageNet16-120"):
        headings += [f"{dataset}, exact", "500 drawn", "published"]
    return table(headings, rows)


@value
@needs("nasbench201")
def exhaustive(proxy: str) -> str:
    """The three errors of the best of all architectures by a proxy."""
    scores = read_record("architecture_scores")[0]
    best = str(scores.loc[scores[proxy].idxmax(), "architecture"])
    errors = opscore.evaluate_search([best]).set_index("dataset")["error"]
    return ", ".join(fixed(errors[dataset], 2) for dataset in _DATASETS)


@value
@needs("nasbench201")
def proxy_and_accuracy(proxy: str) -> str:
    """Spearman with CIFAR-10 test accuracy over all architectures that have a score."""
    from scipy.stats import spearmanr

    scores = read_record("architecture_scores")[0].set_index("architecture")[proxy].dropna()
    return dotted(float(spearmanr(scores, -_cifar10_errors()[scores.index])[0]), 3)


@cache
def _cifar10_errors() -> pd.Series:
    """The error of every architecture of NAS-Bench-201, by its name."""
    errors = opscore.evaluate_search(list(read_record("architecture_scores")[0]["architecture"]))
    own: pd.Series = errors[errors["dataset"] == "cifar10"].set_index("architecture")["error"]
    return own


@value
def scored_architectures(proxy: str) -> str:
    """How many architectures have a score of this proxy."""
    return f"{int(read_record('architecture_scores')[0][proxy].notna().sum()):,}"


# --- case studies


@value
def toy_table() -> str:
    """The toy model, chains of 4 to 6 edges, both countings; published in brackets."""
    rows = []
    from opscore.paper.toy_model.result import shipped_toy_model

    found = shipped_toy_model().against_published()
    for meaning in ("clean", "faithful"):
        for length in (4, 5, 6):
            own = found[(found["meaning"] == meaning) & (found["length"] == length)]
            own = own.set_index("policy")
            name = f"{length}, {meaning}" + (" (published)" if meaning == "clean" else "")
            cells = [name]
            for column, digits in (("rho", 2), ("rank_skip_connect", 2), ("skips", None)):
                for policy in ("zc-pt(nwot)", "disc-zc(nwot)"):
                    cells.append(_beside_published(own.loc[policy], column, digits))
            rows.append(cells)
    headings = ["edges", "rho zc-pt", "rho disc-zc", "rank of skip: zc-pt", "disc-zc"]
    return table([*headings, "edges with skip chosen: zc-pt", "disc-zc"], rows)


def _beside_published(row: Any, column: str, digits: int | None) -> str:
    def text(number: float) -> str:
        if digits is None:
            return fixed(number, 2).rstrip("0").rstrip(".").replace("0.", ".", 1) or "0"
        return dotted(number, digits)

    theirs = row[f"published_{column}"]
    return text(row[column]) + ("" if pd.isna(theirs) else f" ({text(theirs)})")


@value
def retrained(epoch: str, column: str, of: str = "retraining_edge0") -> str:
    """Spread ('spread', in points) or correlation ('rho') after an epoch of retraining."""
    rows = figure_table(f"retraining/{of}_correlation").set_index("epoch")
    number = rows.loc[int(epoch), column]
    return fixed(number, 1) if column == "spread" else dotted(number)


@value
def retrained_range(first: str, column: str, of: str = "retraining_edge0") -> str:
    """The smallest and the largest from an epoch on: '2.5 and 4.4'."""
    rows = figure_table(f"retraining/{of}_correlation").set_index("epoch")
    numbers = rows.loc[int(first) :, column]
    digits = 1 if column == "spread" else 2
    return f"{dotted(numbers.min(), digits)} and {dotted(numbers.max(), digits)}"


# --- proxies


@value
def proxies_table() -> str:
    """Every proxy inside zc-pt and disc-zc on the reduced supernet."""
    scores = read_record("proxies")[0]
    found = proxy_correlations()
    found = found[found["policy"] != "avg-acc"].sort_values("rho", ascending=False, kind="stable")
    seconds = scores[scores["status"] == "ok"].groupby("policy")["seconds"].mean()
    rows = []
    for row in found.to_dict("records"):
        policy = str(row["policy"])
        stated = published_rho(policy)
        rows.append(
            [
                policy,
                dotted(row["rho"]),
                interval(row),
                p_text(row["p_common"]),
                p_text(row["p_common_holm"]),
                _dotted_or_empty(stated),
                str(row["n_excluded"]) if row["n_excluded"] else "",
                fixed(seconds[policy], 3),
            ]
        )
    headings = [
        "policy",
        "rho",
        "95 % interval",
        "p common",
        "Holm",
        "stated",
        "left out",
        "seconds",
    ]
    return table(headings, rows)


@cache
def proxy_correlations() -> pd.DataFrame:
    """Every proxy inside zc-pt and disc-zc with best-acc, on the reduced supernet."""
    return Correlation()(read_record("proxies")[0], references=["best-acc"])


@value
def proxy_p(policy: str) -> str:
    """The p-value of one of them that allows for a common preference."""
    return p_text(proxy_correlations().set_index("policy").loc[policy, "p_common"])


#: Tables of published values, and how a page calls their space.
CHECKED = {
    "nasbench201-zen": "NAS-Bench-201",
    "transnas-micro": "TransNAS, micro",
    "transnas-macro": "TransNAS, macro",
    "darts-proxies": "DARTS",
}


def _checked(name: str) -> list[dict[str, Any]]:
    """The rows of an answer of 'opscore proxies check --json' that was kept."""
    import json

    text = (RESULTS / f"proxies_check_{name}.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)["check"]
    return rows


@value
def check_operations_table() -> str:
    """Agreement of zc-pt with published scores of operations."""
    rows = [
        [
            f"zc-pt({row['proxy']})",
            f"`{row['published']}`",
            fixed(row["within"], 3),
            f"{fixed(row['within_low'], 3)} to {fixed(row['within_high'], 3)}",
            fixed(row["spearman"], 3),
            str(row["n_edges"]),
            str(row["n"]),
        ]
        for row in _checked("darts-operations")
    ]
    headings = ["here", "published", "Spearman within edges", "95 % interval"]
    return table([*headings, "over all", "edges", "operations"], rows)


@value
@needs("transnas-micro")
@needs("transnas-macro")
@needs("nasbench201-zen")
def check_table() -> str:
    """Agreement with published values: the answers of 'opscore proxies check --json', kept."""
    rows = []
    for name, title in CHECKED.items():
        for row in _checked(name):
            rows.append(
                [
                    title,
                    row["proxy"],
                    "" if row["spearman"] is None else fixed(row["spearman"], 3),
                    ""
                    if row["ci_low"] is None
                    else f"{fixed(row['ci_low'], 3)} to {fixed(row['ci_high'], 3)}",
                    "" if row["asked"] is None else fixed(row["asked"], 2),
                    str(row["n"]),
                    str(row["n_excluded"]),
                    fixed(_between_draws(name, row["published"]), 3),
                ]
            )
    headings = [
        "space",
        "proxy",
        "Spearman with the published values",
        "95 % interval",
        "asked",
        "compared",
        "left out",
        "between two published draws",
    ]
    return table(headings, rows)


@value
def checked(name: str, proxy: str, field: str = "spearman") -> str:
    """One of these agreements, or of how many architectures it is."""
    import json

    text = (RESULTS / f"proxies_check_{name}.json").read_text(encoding="utf-8")
    found = next(row for row in json.loads(text)["check"] if row["proxy"] == proxy)[field]
    return str(found) if field == "n" else fixed(found, 3)


def _between_draws(name: str, column: str) -> float:
    """Spearman between the published values of two datasets or tasks, over all architectures.

    NaN where one draw was published.
    """
    from opscore.data import FILES, read_checked, require

    parts = ("class_object", "class_scene") if "transnas" in name else ("cifar10", "cifar100")
    columns = [f"{column}_{part}" for part in parts]
    frame = read_checked(require(FILES[name].path))
    if not set(columns) <= set(frame):
        return math.nan
    frame = frame[columns].mask(frame[columns] < -1e7).dropna()  # so failures were published
    return float(frame[columns[0]].corr(frame[columns[1]], method="spearman"))


# --- speed


@cache
def _scoring() -> pd.DataFrame:
    return pd.read_csv(RESULTS / "scoring.csv")


@value
def speed_table(version: str) -> str:
    """Perturbations by zc-pt, plain and fast, as measured with that version of the package."""
    order = ["nwot", "synflow", "snip", "grad_norm", "fisher", "grasp"]
    measured = _scoring().query("version == @version")
    rows = []
    for proxy in order:
        for row in measured.query("proxy == @proxy").to_dict("records"):
            rows.append(
                [
                    proxy,
                    "-" if proxy == "synflow" else str(row["batch"]),
                    row["precision"],
                    str(row["states"]),
                    fixed(row["plain_seconds"], 1),
                    fixed(row["fast_seconds"], 1),
                    bold(fixed(row["ratio"], 1)),
                    f"{fixed(row['gflops'], 0)} of {fixed(row['peak_gflops'], 0)}",
                    f"{row['max_rel_error']:.0e}",
                    fixed(row["rank_agreement"], 4),
                    f"{row['peak_rss_mb']:,.0f}",
                ]
            )
    headings = [
        "proxy",
        "batch",
        "precision",
        "states",
        "plain, s",
        "fast, s",
        "times faster",
        "GFLOP/s, of the convolutions' peak",
        "largest relative difference",
        "rank agreement",
        "peak memory, MB",
    ]
    return table(headings, rows)


@value
def engine_table(date: str) -> str:
    """The engine against the plain modules and, where it ran, against that of 0.1.0."""
    measured = pd.read_parquet(RESULTS / "engine.parquet").query("date == @date")
    by_proxy = ["nwot", "synflow", "snip"]
    measured = measured.sort_values(
        ["space", "proxy", "batch"],
        key=lambda column: column.map(by_proxy.index) if column.name == "proxy" else column,
    )
    rows = [
        [
            row["space"],
            row["proxy"],
            "-" if row["proxy"] == "synflow" else str(row["batch"]),
            str(row["states"]),
            fixed(row["plain_s"], 1),
            fixed(row["now_s"], 1),
            bold(fixed(row["over_plain"], 1)),
            dotted(row["over_earlier"], 2) if row["over_earlier"] > 0 else "-",
            fixed(row["trace_s"], 2),
        ]
        for row in measured.to_dict("records")
    ]
    headings = [
        "space",
        "proxy",
        "batch",
        "states",
        "plain, s",
        "now, s",
        "times faster than plain",
        "of the earlier engine's speed",
        "tracing, s",
    ]
    return table(headings, rows)


@value
def bf16(column: str) -> str:
    """nwot in bfloat16 at batch 256: 'faster' than in full precision, or 'agreement' in ranks."""
    both = _scoring().query("version == '0.1.0'")  # a processor that has bfloat16
    rows = both.query("proxy == 'nwot' and batch == 256").set_index("precision")
    if column == "faster":
        return fixed(rows.loc["f32", "fast_seconds"] / rows.loc["bf16", "fast_seconds"], 1)
    return dotted(rows.loc["bf16", "rank_agreement"], 4)


# --- spaces


@value
def spaces_table() -> str:
    """What can be chosen in every space, and how large its networks are."""
    from opscore.spaces import SPACES
    from opscore.supernets import SUPERNETS

    rows = []
    for name in SPACES:
        space = SPACES[name]
        side = SUPERNETS[name].image_side
        rows.append(
            [
                f"`{name}`",
                " + ".join(_stages(space)),
                f"{space.size:,}",
                f"{side} x {side}",
                " / ".join(fixed(_parameters(name, size), 2) for size in ("paper", "cpu", "smoke")),
            ]
        )
    headings = [
        "space",
        "edges, by stage",
        "ways to write an architecture",
        "images",
        "million parameters of the supernet: paper / cpu / smoke",
    ]
    return table(headings, rows)


@value
def genotypes_of(space: str) -> str:
    """How many pairs of cells a space of DARTS's kind can write as genotypes: '1.1e18'."""
    from opscore.spaces.darts import KINDS, NODES

    inputs = math.prod(math.comb(node, 2) for node in NODES)
    operations = len(SPACES[space].operations[0]) ** (2 * len(NODES))
    return f"{float((inputs * operations) ** len(KINDS)):.1e}".replace("e+", "e")


def _stages(space: Any) -> list[str]:
    """Of each stage: how many edges, of how many operations, and how many they keep."""
    found = []
    for stage in space.stages:
        counts = _least_and_most({len(space.operations[edge]) for edge in stage})
        keeps = _least_and_most({space.keeps[edge] for edge in stage})
        kept = "" if keeps == "1" else f" (keep {keeps})"
        found.append(f"{len(stage)} of {counts}{kept}")
    return found


def _least_and_most(numbers: set[int]) -> str:
    ends = sorted({min(numbers), max(numbers)})
    return " to ".join(map(str, ends))


@value
def parameters(space: str, size: str = "paper") -> str:
    """Parameters of a fresh supernet without its alphas, exactly."""
    return f"{round(_parameters(space, size) * 1e6):,}"


@cache
def _parameters(space: str, size: str) -> float:
    """The same in millions."""
    from opscore.supernets import build_supernet

    supernet = build_supernet(space, size)
    return sum(p.numel() for name, p in supernet.named_parameters() if name != "alphas") / 1e6


@cache
def _truths(space: str) -> dict[str, Any]:
    if find(space) is None:  # tables are named as their spaces
        raise MissingError(f"needs {space} (opscore data list)")
    default = opscore.load_oracle(space)
    names = opscore.oracles.load_oracles(space)
    order = [default.dataset, *(name for name in names if name != default.dataset)]
    return {name: opscore.load_oracle(space, name) for name in order}


@value
def truths_table(*spaces: str) -> str:
    """Of every task: what its values are, the best one, and how far it can be trusted.

    Of one or two spaces also which architecture is best.
    """
    rows = []
    for space in spaces:
        for task, oracle in _truths(space).items():
            digits = 2 if oracle.metric.unit else 3
            epochs = f", {oracle.epochs} epochs" if oracle.epochs else ""
            state, best = oracle.top(1)[0]
            rows.append(
                [
                    *([f"`{space}`"] if len(spaces) > 1 else []),
                    f"`{task}`",
                    f"{oracle.split} {oracle.metric.name}{epochs}",
                    f"{oracle.n_places:,}",
                    *([] if len(spaces) > 2 else [_code(oracle.space.format(state))]),
                    f"{fixed(best, digits)}{' %' if oracle.metric.unit else ''}",
                    dotted(_best_and_mean(oracle)),
                    *_trust(oracle, digits),
                ]
            )
    headings = [
        *(["space"] if len(spaces) > 1 else []),
        "task",
        "value",
        "networks",
        *([] if len(spaces) > 2 else ["best"]),
        "best value",
        "avg-acc with best-acc",
        "deviation of a training",
        "best-acc of two trainings",
    ]
    return table(headings, rows)


@value
def networks(space: str) -> str:
    """Architectures of the default truth, equal ones counted once."""
    return f"{next(iter(_truths(space).values())).n_places:,}"


def _code(text: str) -> str:
    """Text as code within a table."""
    return "`" + text.replace("|", "\\|") + "`"


def _best_and_mean(oracle: Any) -> float:
    """Spearman of best-acc and avg-acc within an edge, mean over the edges of the first stage."""
    from scipy.stats import spearmanr

    rows = oracle.table()
    rows = rows[rows["edge"].isin(oracle.space.stages[0])]
    rhos = [spearmanr(own["best"], own["mean"]).statistic for _, own in rows.groupby("edge")]
    return float(sum(rhos) / len(rhos))


def _trust(oracle: Any, digits: int) -> list[str]:
    """Standard deviation over trainings, and Spearman of best-acc between two of them."""
    from opscore.errors import UserError

    try:
        found = oracle.noise()
    except UserError:  # one value of each
        return ["", ""]
    itself = agreement_between_trainings(oracle, [best_reference()])
    rho = dotted(itself["rho"].item()) if len(itself) else ""
    return [fixed(found.std, digits), rho]


#: Samples of trained DARTS cells: source, space, and what accuracy it is.
SAMPLES = (
    ("trained", "darts", "test, 600 epochs"),
    ("nb301", "darts", "valid, a surrogate's"),
    ("trained-50", "darts-none", "test, 50 epochs"),
    ("trained-short", "darts-none", "test, a short training"),
)


@cache
def _sample(source: str) -> Any:
    """The accuracies of a sample of DARTS cells, how far its halves agree, and its regression."""
    from opscore.analysis import agreement_of_kinds, fit_additive

    space = next(space for name, space, _ in SAMPLES if name == source)
    accuracies = opscore.load_oracle(space, source=source).accuracies
    return accuracies, agreement_of_kinds(space, accuracies), fit_additive(space, accuracies)


@value
@needs("darts-trained")
@needs("darts-nb301")
@needs("darts-trained-50")
@needs("darts-trained-short")
def samples_table() -> str:
    """Of each sampled truth of DARTS: how large it is, and what it permits."""
    rows = []
    for source, space, what in SAMPLES:
        accuracies, halves, model = _sample(source)
        rows.append(
            [
                f"`{source}`",
                f"`{space}`",
                what,
                f"{len(accuracies):,}",
                f"{fixed(accuracies.mean(), 2)} ({fixed(accuracies.std(), 2)})",
                *(f"{dotted(halves[kind])} ({dotted(_ceiling(halves[kind]))})" for kind in halves),
                fixed(model.error, 2),
                dotted(model.spearman),
            ]
        )
    headings = [
        "source",
        "space",
        "accuracy",
        "cells",
        "mean (deviation)",
        "normal cell: halves (ceiling)",
        "reduction cell: halves (ceiling)",
        "regression: error",
        "its Spearman",
    ]
    return table(headings, rows)


def _ceiling(halves: float) -> float:
    """How far estimates of which halves agree so can agree with what they estimate."""
    return math.sqrt(max(2 * halves / (1 + halves), 0))


@value
def half(source: str, kind: str) -> str:
    """How far two halves of a sample agree on the operations of a kind of cell."""
    names = {"trained": "darts-trained", "nb301": "darts-nb301"}
    if find(names[source]) is None:
        raise MissingError(f"needs {names[source]} (opscore data list)")
    return dotted(_sample(source)[1][kind])


@value
@needs("darts-trained-noise")
@needs("darts-trained")
def sample_noise(field: str, digits: str = "2") -> str:
    """Agreement of two trainings of the same cell by the full protocol."""
    found = getattr(opscore.load_oracle("darts", source="trained").noise(), field)
    return f"{found}" if field == "n_repeated" else dotted(found, int(digits))


@value
@needs("darts-trained")
@needs("darts-nb301")
def surrogate_and_trained() -> str:
    """Spearman of the regression on the surrogate with full trainings of other cells."""
    trained, model = _sample("trained")[0], _sample("nb301")[2]
    expected = [model.predict(name) for name in trained.index]
    return dotted(trained.corr(pd.Series(expected, index=trained.index), method="spearman"))


#: What others and we found on DARTS: a row's heading, and the genotypes.
FOUND = (
    ("Zero-Cost-PT, seed {}", "init_pt_s5_C10_{}_100_N10"),
    ("max-param, seed {}", "random_max_{}"),
)


@value
@needs("darts-trained")
@needs("darts-nb301")
def expected_table() -> str:
    """What the regressions expect of published genotypes, and of cells that were found here."""
    from opscore.published.genotypes import genotypes

    cells = {
        heading.format(seed): str(genotypes()[name.format(seed)])
        for heading, name in FOUND
        for seed in range(4)
    }
    own = _darts_searches().query("proposals == 10 and validation == 100")
    cells |= {f"searched here, seed {row.seed}": row.architecture for row in own.itertuples()}
    rows = []
    for heading, cell in cells.items():
        row = [heading]
        for source in ("nb301", "trained"):
            accuracies, _, model = _sample(source)
            expected = model.predict(get_space("darts").parse(cell))
            better = 100 * float((accuracies > expected).mean())
            row += [fixed(expected, 2), f"{fixed(better, 1)} %"]
        rows.append(row)
    headings = [
        "genotype",
        "surrogate: expected",
        "sampled cells above",
        "trained: expected",
        "sampled cells above",
    ]
    return table(headings, rows)


@value
def searched_table(number: str) -> str:
    """What was searched here of Table 3 or 4, as its command prints it."""
    return render(Listing(getattr(opscore, f"table{number}")().tables()[1:], {}), "markdown")


@cache
def _darts_searches() -> pd.DataFrame:
    own = read_record("search_darts")[0]
    return own[own["method"] == "zero-cost-pt(nwot)"]


@value
def sample_proxies_table() -> str:
    """Agreement of proxies with full trainings: the answers of 'proxies evaluate', kept."""
    import json

    rows = []
    for row in json.loads((RESULTS / "darts_trained_proxies.json").read_text(encoding="utf-8")):
        if row["subset"] == "all":
            rows.append(
                [
                    row["proxy"],
                    row["size"],
                    dotted(row["spearman"]),
                    f"{dotted(row['spearman_low'])} to {dotted(row['spearman_high'])}",
                    "" if row["partial"] is None else dotted(row["partial"]),
                    str(row["n"]),
                ]
            )
    headings = ["proxy", "networks", "Spearman", "95 % interval", "given parameters", "cells"]
    return table(headings, rows)


@cache
def _compared() -> Any:
    return opscore.compare_spaces()


def _tasks() -> pd.DataFrame:
    return _compared().tasks


#: Bars of the tables of tasks, and what they are called there.
_TASK_BARS = {
    "op-params": "op-params",
    "best-fixed-order": "best fixed order, in hindsight",
    "residual(params)": "residual(params)",
}


@value
def tasks_table(reference: str, *only: str) -> str:
    """Rho of each policy with the truth of each task, and its interval, and of each bar.

    'cifar10' among ``only`` takes that dataset alone where a space has several.
    """
    rows = _tasks()
    rows = rows[(rows["reference"] == reference) & ~rows["policy"].isin(["best-acc", "avg-acc"])]
    known = [name for name in dict.fromkeys(rows["policy"]) if name not in BASELINES]
    policies = [name for name in known if name != "random"]
    lines = []
    for (space, task), own in rows.groupby(["space", "dataset"], sort=False):
        if only and space == "nasbench201" and task not in only:
            continue
        by_policy = {row["policy"]: row for row in own.to_dict("records")}
        cells = [_with_interval(by_policy[policy]) for policy in policies]
        bars = [dotted(by_policy[bar]["rho"]) if bar in by_policy else "none" for bar in _TASK_BARS]
        random = dotted(by_policy["random"]["rho"])
        lines.append([f"`{space}`", f"`{task}`", *cells, random, *bars])
    return table(["space", "task", *policies, "random", *_TASK_BARS.values()], lines)


@value
def wins(policy: str, other: str, reference: str = "best-acc") -> str:
    """On how many truths a policy agrees better than another: '13 of 13'."""
    wide = _wide(reference)[[policy, other]].dropna()
    return f"{int((wide[policy] > wide[other] + 1e-9).sum())} of {len(wide)}"


@value
def task_range(space: str, policy: str, reference: str = "best-acc", without: str = "") -> str:
    """The least and the largest rho over the tasks of a space: '.80 to .90'."""
    rhos = _wide(reference)[policy].loc[space].drop(without.split(",") if without else [])
    return f"{dotted(rhos.min())} to {dotted(rhos.max())}"


def _wide(reference: str) -> pd.DataFrame:
    return _compared().against(reference)


@value
def least_p_table() -> str:
    """How small a p-value can be in each space, and where its bar is."""
    from opscore.analysis.relabelling import least_of_operations

    rows = []
    for name in SPACES:
        space = get_space(name)
        operations = [space.operations[edge] for edge in space.stages[0]]
        shortcut = ", ".join(space.edges[edge] for edge in space.residual_edges)
        least = [least_of_operations(operations, kinds) for kinds in ((), space.weightless)]
        weightless = ", ".join(f"`{op}`" for op in space.weightless)
        rows.append([f"`{name}`", *map(_one_in, least), weightless, shortcut or "none"])
    headings = ["space", "p common", "p kinds", "operations without weights", "residual edge"]
    return table(headings, rows)


def _one_in(share: float) -> str:
    """'1/120', or what it is."""
    return f"1/{round(1 / share):,}"


def _with_interval(row: Any) -> str:
    return f"{bold(dotted(row['rho']))} ({interval(row) or 'none'})"


@value
def task_rho(space: str, task: str, policy: str, reference: str = "best-acc") -> str:
    """One number of it."""
    rows = _tasks().set_index(["space", "dataset", "policy", "reference"])
    return dotted(rows.loc[(space, task, policy, reference), "rho"])


# --- the network that was found


@value
def targets_table() -> str:
    """What networks of each space are built for."""
    from opscore.spaces import SPACES
    from opscore.supernets import find_target, list_targets

    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for space in SPACES:
        targets = tuple((t, find_target(space, t).describe()) for t in list_targets(space))
        alike.setdefault(targets, []).append(f"`{space}`")
    rows = [
        [", ".join(spaces) if not place else "", f"`{target}`", described]
        for targets, spaces in alike.items()
        for place, (target, described) in enumerate(targets)
    ]
    return table(["space", "target", "network"], rows)


@value
def parts_table() -> str:
    """Genotypes of S1 to S4, the authors' and ours: what they are made of, and their parameters."""
    from opscore.published.genotypes import genotypes, space_of

    cells = [
        ("the authors'", space_of(name), *name.split("_")[-2:], str(genotype), name)
        for name, genotype in genotypes().items()
        if space_of(name) != "darts"
    ]
    own = read_record("search_parts")[0]
    cells += [
        ("here", row.space, "C10", str(row.seed), row.architecture, row.architecture)
        for row in own.itertuples()
    ]
    cells.sort(key=lambda cell: (cell[2], cell[1]))
    rows = []
    for where, space, images, seed, cell, name in cells:
        genotype = Genotype.parse(cell)
        pairs = [op for kind in ("normal", "reduce") for op, _ in genotype.pairs(kind)]
        kinds = [str(sum(op.startswith(start) for op in pairs)) for start in _KINDS_OF_OPERATIONS]
        size = _genotype_size(name, "cifar10")
        rows.append([f"`{space}`", images, seed, where, *kinds, fixed(size["params"] / 1e6, 2)])
    headings = ["space", "images", "seed", "searched", *_KINDS_OF_OPERATIONS.values()]
    return table([*headings, "million parameters"], rows)


#: How the operations of S1 to S4 begin, and what a table calls them.
_KINDS_OF_OPERATIONS = {
    "sep_conv": "separable",
    "dil_conv": "dilated",
    "skip": "skip",
    ("avg_pool", "max_pool"): "pooling",
    "noise": "noise",
}


#: Rows of the paper's tables whose genotypes are known: table, row, target, parameters in
#: millions, and the names of the genotypes.
PUBLISHED_SIZES = (
    ("4", "max-param-random", "cifar10", 5.14, "random_max_{}"),
    ("4", "Zero-Cost-PT, random", "cifar10", 4.7, "init_pt_s5_C10_{}_100_N10"),
    ("4", "Zero-Cost-PT, global-op-iter", "cifar10", 4.6, "global_pt_s5_C10_{}_100_N10"),
    ("6", "Zero-Cost-PT, searched on CIFAR-10", "imagenet", 6.3, "init_pt_s5_C10_{}_100_N10"),
    ("6", "Zero-Cost-PT, searched on ImageNet", "imagenet", math.nan, "init_pt_s5_in_{}_100_N10"),
)


@value
def published_sizes_table() -> str:
    """Parameters of the authors' genotypes as they are built here, beside the paper's."""
    rows = []
    for number, row, target, published, names in PUBLISHED_SIZES:
        sizes = [_genotype_size(names.format(seed), target) for seed in range(4)]
        params = [size["params"] / 1e6 for size in sizes]
        mean = sum(params) / len(params)
        rows.append(
            [
                number,
                row,
                fixed(published, 2 if published == 5.14 else 1),
                bold(fixed(mean, 2)),
                " / ".join(fixed(each, 2) for each in params),
                "" if math.isnan(published) else f"{100 * (mean / published - 1):+.1f} %",
                fixed(sum(size["flops"] for size in sizes) / len(sizes) / 1e6, 0),
            ]
        )
    headings = [
        "table",
        "row",
        "published",
        "ours",
        "seeds 0 / 1 / 2 / 3",
        "difference",
        "million FLOPs, ours",
    ]
    return table(headings, rows)


def _genotype_size(name: str, target: str) -> pd.Series[Any]:
    """Parameters and multiplications of a genotype's network, from the record."""
    return _genotype_sizes().loc[(name, target)]


@cache
def _genotype_sizes() -> pd.DataFrame:
    return read_record("genotype_sizes")[0].set_index(["name", "target"])


# --- the board


@cache
def _board(reference: str = "best-acc(k=10)") -> Any:
    """The board by a reference."""
    return opscore.leaderboard(reference=reference)


@value
def development_table() -> str:
    """What the frozen rule was chosen by: mean rho over the tasks of each development space."""
    board = read_board()
    names = [board.frozen, "zc-pt(synflow)", "zc-pt(nwot)", "op-params", RESIDUAL]
    parts = [_board(each).counted("development")[0] for each in board.references]
    cells = pd.concat(parts).set_index("entrant")
    spaces = list(dict.fromkeys(cells["space"]))
    lines = []
    for name in names:
        own = cells.loc[name]
        means = [own.loc[own["space"] == space, "rho"].mean() for space in spaces]
        lines.append([f"`{name}`", *map(dotted, means), dotted(sum(means) / len(means), 3)])
    return table(["entrant", *(f"`{space}`" for space in spaces), "mean"], lines)


@cache
def _held_out(reference: str) -> tuple[pd.DataFrame, Any]:
    """The frozen rule on the held-out truths: means of entrants, and its pair with the bar."""
    tables = _board(reference).counted("held-out")
    pairs = across.pairs(*tables)
    rule = read_board().frozen
    pair = pairs[(pairs["entrant_a"] == rule) & (pairs["entrant_b"] == RESIDUAL)].iloc[0]
    return across.ranking(*tables).set_index("entrant"), pair


@value
def held_out_table() -> str:
    """Mean rho over the held-out spaces, by reference; the first decides."""
    board = read_board()
    names = [board.frozen, "zc-pt(synflow)", "zc-pt(nwot)", RESIDUAL, "best-fixed-order"]
    known = {name: _held_out(name)[0] for name in board.references}
    lines = [
        [f"`{name}`", *(dotted(known[each].loc[name, "rho"], 3) for each in board.references)]
        for name in names
    ]
    return table(["entrant", *(f"`{each}`" for each in board.references)], lines)


@value
def held_out_pair(column: str, reference: str = "best-acc(k=10)") -> str:
    """Of the frozen rule and the bar on the held-out truths: 'difference', 'p', 'tasks'."""
    pair = _held_out(reference)[1]
    if column == "p":
        return p_text(pair["p_value"])
    if column == "tasks":
        return f"{pair['won']} won, {pair['tied']} level, {pair['lost']} lost"
    return dotted(pair["difference"], 3)


@value
def robustness_table() -> str:
    """Rho with accuracy under attack: of the frozen rule, its parts and the bars."""
    board = read_board()
    names = [board.frozen, "zc-pt(synflow)", "zc-pt(nwot)", "op-params", RESIDUAL]
    cells = _board().cells.set_index(["entrant", "task"])["rho"]
    tasks = [t for each in board.truths if each.source == "robustness" for t in each.tasks]
    lines = [[f"`{name}`", *(dotted(cells[name, task]) for task in tasks)] for name in names]
    return table(["entrant", *(f"`{task}`" for task in tasks)], lines)


@value
def board_fact(what: str) -> str:
    """'entrants', 'spaces', 'tasks' (that count) or 'other' (tasks of another goal)."""
    board = read_board()
    counted = sum(role != "other" for role in board.roles.values())
    return {
        "entrants": str(len(board.entrants)),
        "spaces": str(len(board.spaces)),
        "tasks": str(counted),
        "other": str(len(board.roles) - counted),
    }[what]


def _ranking(reference: str = "best-acc(k=10)") -> pd.DataFrame:
    found: pd.DataFrame = _board(reference).ranking.set_index("entrant")
    return found


@value
def board_mean(entrant: str, reference: str = "best-acc(k=10)") -> str:
    """An entrant's mean rho with its interval: '.83, .67 to .95'."""
    row = _ranking(reference).loc[entrant]
    return f"{dotted(row['rho'])}, {interval(row)}"


@value
def board_column(entrant: str, column: str, reference: str = "best-acc(k=10)") -> str:
    """A number of an entrant's line of the ranking."""
    return dotted(_ranking(reference).loc[entrant, column])


@value
def board_pair(first: str, second: str, column: str = "difference") -> str:
    """Difference of mean rho of two entrants, or its 'p' or 'p_holm'."""
    pairs = _board().pairs
    own = pairs[(pairs["entrant_a"] == first) & (pairs["entrant_b"] == second)]
    sign = 1
    if own.empty:
        own = pairs[(pairs["entrant_a"] == second) & (pairs["entrant_b"] == first)]
        sign = -1
    row = own.iloc[0]
    if column == "difference":
        return dotted(sign * row["difference"])
    return p_text(row["p_value" if column == "p" else column])


@value
def board_above_bar() -> str:
    """How many entrants that read a network, of those scored in every space, are above the bar."""
    rows = _ranking()
    whole = rows[(rows["n_spaces"] == rows["n_spaces"].max()) & ~rows.index.map(is_bar)]
    reading = whole.drop(index=["random"], errors="ignore")
    above = int((reading["rho"] > rows.loc[RESIDUAL, "rho"] + 1e-9).sum())
    return f"{above} of {len(reading)}"


@value
def board_table() -> str:
    """The entrants by mean rho, with the two other references beside it."""
    board = read_board()
    known = {each: _ranking(each) for each in board.references}
    first = known[board.references[0]]
    spaces = first["n_spaces"].max()
    lines = []
    for name, row in first.iterrows():
        others = [known[each].loc[name, "rho"] for each in board.references[1:]]
        label = (
            f"`{name}`" if row["n_spaces"] == spaces else f"`{name}` ({row['n_spaces']:.0f} spaces)"
        )
        lines.append(
            [
                bold(label) if is_bar(str(name)) else label,
                dotted(row["rho"]),
                interval(row),
                *(
                    _dotted_or_empty(row[each])
                    for each in ("edge_specific", "top_1", "top_half", "regret")
                ),
                fixed(row["mean_rank"], 1),
                *map(dotted, others),
            ]
        )
    headings = ["entrant", "rho", "95 %", "edge-specific", "top 1", "top half", "regret"]
    headings += ["mean rank", *(f"rho with {each}" for each in board.references[1:])]
    return table(headings, lines)


@value
def board_spaces_table() -> str:
    """Rho in each space, mean over its tasks, and what of it is specific to edges in brackets."""
    cells = _board().counted()[0]
    spaces = list(dict.fromkeys(cells["space"]))
    means = cells.groupby(["entrant", "space"])[["rho", "edge_specific"]].mean()
    ceilings = cells.groupby("space")[["ceiling", "edge_ceiling"]].mean()
    lines = [
        [f"`{name}`", *(_with_beyond(*means.loc[(name, space)]) for space in spaces)]
        for name in _ranking().index
    ]
    own = [_with_beyond(*ceilings.loc[space]) for space in spaces]
    lines.append(["the reference with itself, between two trainings", *own])
    return table(["entrant", *(f"`{space}`" for space in spaces)], lines)


def _with_beyond(rho: float, beyond: float) -> str:
    if math.isnan(rho):
        return ""
    return dotted(rho) if math.isnan(beyond) else f"{dotted(rho)} ({dotted(beyond)})"


@value
def board_answer_table(which: str) -> str:
    """A table of the board as the command prints it: 'pairs', 'bias' or 'power'."""
    found = _board()
    if which == "power":
        shown = power_table(found.power(0.1), 0.1, "the typical pair of entrants")
    else:
        shown = found.tables()[{"pairs": 1, "bias": 2}[which]]
    return render(Listing([shown], {}), "markdown")


@value
def board_power(unit: str, column: str = "needed") -> str:
    """How many spaces, edges or seeds show a difference of .1, or the difference shown now."""
    row = _board().power(0.1).set_index("unit").loc[unit]
    return f"{row['needed']:,}" if column == "needed" else dotted(row[column])


@value
def board_other_table() -> str:
    """Rho with truths of another goal, of some entrants."""
    board = read_board()
    names = ["zc-pt(nwot)", "zc-pt(synflow)", "op-params", RESIDUAL, "best-fixed-order"]
    cells = _board().cells.set_index(["entrant", "task"])["rho"]
    tasks = [task for each in board.truths if each.role == "other" for task in each.tasks]
    lines = [[f"`{task}`", *(dotted(cells[name, task]) for name in names)] for task in tasks]
    return table(["task", *(f"`{name}`" for name in names)], lines)


@value
def board_signs_table() -> str:
    """Which way each zc-pt(P) of the board points in each space, with its mean rho."""
    cells = _board().counted()[0]
    shown = cells[cells["entrant"].str.fullmatch(r"zc-pt\(\w+\)|op-params")]
    spaces = list(dict.fromkeys(cells["space"]))
    names = [name for name in _ranking().index if name in set(shown["entrant"])]
    groups = dict(list(shown[shown["rho"].notna()].groupby(["entrant", "space"])))
    lines = [
        [f"`{name}`", *(_sign(groups.get((name, space))) for space in spaces)] for name in names
    ]
    return table(["", *(f"`{space}`" for space in spaces)], lines)


def _sign(tasks: pd.DataFrame | None) -> str:
    """'+ .77' where the interval of every task is above zero, '?' where one has zero in it."""
    if tasks is None:
        return ""
    mean = dotted(tasks["rho"].mean())
    if tasks["ci_low"].isna().any():
        return f"({'+' if tasks['rho'].mean() > 0 else '-'}) {mean}"
    sure = (tasks["ci_low"] > 0).all() or (tasks["ci_high"] < 0).all()
    return f"{'?' if not sure else '+' if tasks['rho'].mean() > 0 else '-'} {mean}"
