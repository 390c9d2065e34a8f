"""How often tests reject and intervals hold the mean, simulated, before and after corrections.

    python benchmarks/simulate_statistics.py [--repetitions 1000] [--quick] [--jobs 2] [--out DIR]
                                             [--only TEXT]

Strengths of policies and of a truth are drawn that have nothing to do with each other (tests), or
as much as is stated (intervals). *Before* stands for what these statistics are without their
corrections: every edge one piece of evidence, and a seed with a failed score another one; plain
percentiles of 2,000 bootstrap draws. Everything depends on the seed alone. Nothing is written
unless --out says where; rows of other cases that are there stay.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from opscore.analysis import holm, paired_differences
from opscore.analysis.edge_specific import agreement_of
from opscore.analysis.exact import permutation_p_value
from opscore.analysis.intervals import (
    edge_interval,
    edge_weights,
    seed_interval,
)
from opscore.analysis.matches import Match, Strengths, rho_matrix
from opscore.analysis.relabelling import (
    each_edge_alone,
    edges_together,
    least_p_value,
    relabelling_p_value,
)
from opscore.data.files import write_table
from opscore.rng import numpy_generator

Array = NDArray[np.float64]

LEVEL = 0.05
#: Operations without weights and with weights: those of NAS-Bench-201, and of DARTS.
FIVE, SEVEN = (3, 2), (3, 4)
#: What operations are called.
OPERATIONS = "abcdefg"
#: Draws of the plain bootstrap.
DRAWS = 2_000
#: Rows of the table that several tests stand in.
ROWS = 8
#: Edges that the true mean over other edges is measured on, and seeds for that over other seeds.
OTHER_EDGES, OTHER_SEEDS = 4_000, 400


@dataclass(frozen=True)
class World:
    """What is drawn.

    Attributes:
        edges, seeds: how many; all edges have the same operations.
        kinds: number of operations without weights, and with weights.
        alike: share of the variance over operations that those of one kind have in common, for
            each policy, the truth, and each edge.
        common: share of the variance that is one preference for all edges, of policies and truth.
        noise: variance from seed to seed, relative to that over operations.
        failed: share of the scores that fail.
        agreement: correlation of a policy's expected strengths with the truth's.
        other_edges: share of the edges that are of another kind, each drawn by itself.
        other_agreement: the agreement there.
    """

    edges: int = 6
    seeds: int = 4
    kinds: tuple[int, int] = FIVE
    alike: float = 0.0
    common: float = 0.0
    noise: float = 0.1
    failed: float = 0.0
    agreement: float = 0.0
    other_edges: float = 0.0
    other_agreement: float = 0.0

    def _drawn(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Strengths of operations, standard normal, [*shape, operations]."""
        own = generator.normal(size=(*shape, sum(self.kinds)))
        if self.alike == 0:
            return own
        of_kind = generator.normal(size=(*shape, len(self.kinds)))
        shared = np.repeat(of_kind, self.kinds, axis=-1)
        return np.asarray(math.sqrt(1 - self.alike) * own + math.sqrt(self.alike) * shared)

    def preferences(self, generator: np.random.Generator) -> Array:
        """One preference for all edges: of truth and policy, shape (2, operations)."""
        return math.sqrt(self.common) * self._drawn((2,), generator)

    def expected(self, preferences: Array, edges: int, generator: np.random.Generator) -> Array:
        """Strengths without noise: of truth and policy, shape (2, edges, operations)."""
        own = self._drawn((2, edges), generator)
        truth, rest = math.sqrt(1 - self.common) * own + preferences[:, None]
        agreement = np.full((edges, 1), self.agreement)
        if self.other_edges:
            agreement[generator.random(edges) < self.other_edges] = self.other_agreement
        return np.stack([truth, agreement * truth + np.sqrt(1 - agreement**2) * rest])

    def scored(self, expected: Array, seeds: int, generator: np.random.Generator) -> Array:
        """A policy's strengths with noise and failures, shape (seeds, edges, operations)."""
        shape = (seeds, *expected.shape)
        strengths = expected + math.sqrt(self.noise) * generator.normal(size=shape)
        return np.where(generator.random(shape) < self.failed, np.nan, strengths)


#: Worlds in which a policy knows nothing of the truth.
NULL = {
    "edges independent": World(),
    "the same preference on all edges, .7 of the variance": World(common=0.7),
    "one order on all edges": World(common=1.0),
    "edges independent, 15 % of scores failed": World(failed=0.15),
    "the same preference, 15 % failed": World(common=0.7, failed=0.15),
    "the same preference, 14 edges": World(edges=14, common=0.7),
}

#: Worlds in which operations of one kind are alike, for policy and truth: of the last, the policy
#: knows the truth.
_SAME = 0.7
ALIKE = {
    "five operations, none alike": World(common=_SAME),
    "five operations, half of the variance is the kind's": World(common=_SAME, alike=0.5),
    "five operations, .8 of the variance is the kind's": World(common=_SAME, alike=0.8),
    "five operations, .95 of the variance is the kind's": World(common=_SAME, alike=0.95),
    "seven operations, none alike": World(common=_SAME, kinds=SEVEN),
    "seven operations, .8 of the variance is the kind's": World(
        common=_SAME, kinds=SEVEN, alike=0.8
    ),
    "seven operations, .8, and the policy agrees at .8": World(
        common=_SAME, kinds=SEVEN, alike=0.8, agreement=0.8
    ),
}

#: Worlds in which the mean over edges is looked for.
COVERED = {
    "seeds agree, no agreement with the truth": World(noise=0.05),
    "seeds agree, some agreement": World(noise=0.05, agreement=0.5),
    "seeds agree, much agreement": World(noise=0.05, agreement=0.9),
    "seeds differ, some agreement": World(noise=1.0, agreement=0.5),
    "one seed, some agreement": World(seeds=1, agreement=0.5),
    "the same preference on all edges": World(common=0.7, agreement=0.5),
    "15 % of scores failed": World(failed=0.15, agreement=0.5),
    "4 edges": World(edges=4, agreement=0.5),
    "8 edges": World(edges=8, agreement=0.5),
    "14 edges": World(edges=14, agreement=0.5),
    "28 edges": World(edges=28, agreement=0.5),
    "two kinds of edges, one in two opposed": World(
        noise=0.05, agreement=0.9, other_edges=0.5, other_agreement=-0.9
    ),
    "two kinds of edges, one in six opposed": World(
        noise=0.05, agreement=0.9, other_edges=1 / 6, other_agreement=-0.9
    ),
    "two kinds of edges, one in ten opposed": World(
        noise=0.05, agreement=0.9, other_edges=0.1, other_agreement=-0.9
    ),
}

#: Distributions of one value per seed, mean 0.
SEEDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "normal": lambda generator, shape: generator.normal(size=shape),
    "skewed (exponential)": lambda generator, shape: generator.exponential(size=shape) - 1,
}


# --- false positives


def reject(name: str, world: World, repetitions: int, seed: int) -> Iterator[dict[str, Any]]:
    """Share of repetitions in which each test has a p-value of at most LEVEL."""
    generator = numpy_generator(seed, "statistics", "null", name)
    found = pd.DataFrame(_p_values(world, generator) for _ in range(repetitions))
    for statistic in found:
        yield {
            "statistic": str(statistic),
            "share": float((found[statistic].to_numpy() <= LEVEL).mean()),
        }


def _p_values(world: World, generator: np.random.Generator) -> dict[str, float]:
    """P-values of one draw: of a policy's correlation, of its difference to another policy."""
    truth, first = world.expected(world.preferences(generator), world.edges, generator)
    second = world.expected(world.preferences(generator), world.edges, generator)[1]
    policies = {"first": first, "second": second}
    strengths = {p: world.scored(e, world.seeds, generator) for p, e in policies.items()}
    table = score_table({"truth": truth[None], **strengths})
    matches = Strengths(table).matches("first", "truth")
    alone, common = _relabelled(matches)
    pairs = paired_differences(table, "truth", n_bootstrap=1)
    (pair,) = pairs[pairs["policy_b"] == "second"].to_dict(orient="records")
    flips, together = float(pair["p_value"]), float(pair["p_common"])
    return {
        "edges alone, failed seeds apart": _failed_apart(matches),
        "edges alone": alone,
        "common": common,
        "both": max(alone, common),
        "edge-specific": agreement_of(matches)[1],
        "difference, signs of edges": flips,
        "difference, common": together,
        "difference, both": max(flips, together),
    }


def _relabelled(matches: Sequence[Match]) -> tuple[float, float]:
    defined = [match for match in matches if match.defined]
    weights = edge_weights(rho_matrix(matches))
    own = weights[weights > 0].tolist()
    return (
        relabelling_p_value(defined, own, each_edge_alone(matches)),
        relabelling_p_value(defined, own, edges_together(matches)),
    )


def _failed_apart(matches: Sequence[Match]) -> float:
    """Before: edges are independent, and so is every seed of an edge that has a failed score."""
    defined = [match for match in matches if match.defined]
    weights = edge_weights(rho_matrix(matches))
    return permutation_p_value(
        [match.x for match in defined],
        [match.y for match in defined],
        weights=weights[weights > 0].tolist(),
        blocks=[
            (match.edge, None if len(match.operations) == len(match.all_operations) else match.seed)
            for match in defined
        ],
    )


def reject_alike(name: str, world: World, repetitions: int, seed: int) -> Iterator[dict[str, Any]]:
    """Share of repetitions in which operations relabelled, freely or within kinds, give LEVEL."""
    generator = numpy_generator(seed, "statistics", "alike", name)
    weightless = OPERATIONS[: world.kinds[0]]
    rejected = np.zeros(2)
    for _ in range(repetitions):
        truth, policy = world.expected(world.preferences(generator), world.edges, generator)
        scored = world.scored(policy, world.seeds, generator)
        matches = Strengths(score_table({"truth": truth[None], "p": scored})).matches("p", "truth")
        weights = edge_weights(rho_matrix(matches)).ravel().tolist()
        together = edges_together(matches)
        found = [
            relabelling_p_value(matches, weights, together, kinds) for kinds in ("", weightless)
        ]
        rejected += np.array(found) <= LEVEL
    least = [least_p_value(matches, kinds) for kinds in ("", weightless)]
    for statistic, count, low in zip(("common", "within kinds"), rejected, least, strict=True):
        yield {"statistic": statistic, "share": float(count / repetitions)}
        yield {"statistic": f"{statistic}, least", "share": low}


def any_row(name: str, world: World, repetitions: int, seed: int) -> Iterator[dict[str, Any]]:
    """Share of tables of ROWS policies in which any p-value is at most LEVEL, plain and by Holm."""
    generator = numpy_generator(seed, "statistics", "rows", name)
    rejected = np.zeros(4)
    for _ in range(repetitions):
        truth = world.expected(world.preferences(generator), world.edges, generator)[0]
        rows = {
            f"p{row}": world.expected(world.preferences(generator), world.edges, generator)[1:]
            for row in range(ROWS)
        }
        strengths = Strengths(score_table({"truth": truth[None], **rows}))
        found = np.array([_relabelled(strengths.matches(row, "truth")) for row in rows])
        each = [p for column in found.T for p in (column, holm(column))]
        rejected += [(p <= LEVEL).any() for p in each]
    names = ("edges alone", "edges alone, Holm", "common", "common, Holm")
    for statistic, count in zip(names, rejected, strict=True):
        yield {"statistic": statistic, "share": float(count / repetitions)}


def score_table(strengths: dict[str, Array]) -> pd.DataFrame:
    """A score table of arrays (seeds, edges, operations) by policy; one of one seed has none."""
    parts = []
    for policy, array in strengths.items():
        seeds, edges, ops = np.indices(array.shape).reshape(3, -1)
        values = array.ravel()
        part = {
            "policy": policy,
            "seed": pd.array(seeds if len(array) > 1 else [pd.NA] * len(seeds), dtype="Int64"),
            "iteration": 0,
            "edge": edges,
            "op": np.array(list(OPERATIONS))[ops],
            "strength": values,
            "status": np.where(np.isnan(values), "failed", "ok"),
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


# --- coverage


def cover_edges(name: str, world: World, repetitions: int, seed: int) -> Iterator[dict[str, Any]]:
    """Share of 95 % intervals that hold the mean over other edges, and over other seeds."""
    generator = numpy_generator(seed, "statistics", "edges", name)
    held = np.zeros(4)
    for repetition in range(repetitions):
        preferences = world.preferences(generator)
        truth, policy = world.expected(preferences, world.edges, generator)
        matrix = rhos(world.scored(policy, world.seeds, generator), truth)
        elsewhere, theirs = world.expected(preferences, OTHER_EDGES, generator)
        edges = np.nanmean(rhos(world.scored(theirs, 1, generator), elsewhere))
        seeds = np.nanmean(rhos(world.scored(policy, OTHER_SEEDS, generator), truth))
        before = plain_interval(matrix, generator)
        after = edge_interval(matrix, bounds=(-1, 1), seed=repetition)
        held += [_holds(ends, mean) for mean in (edges, seeds) for ends in (before, after)]
    names = ("edges, before", "edges, after", "seeds, before", "seeds, after")
    for statistic, count in zip(names, held, strict=True):
        yield {"statistic": statistic, "share": float(count / repetitions)}


def rhos(strengths: Array, truth: Array) -> Array:
    """Spearman within each edge, over what was scored: shape (seeds, edges); NaN where undefined.

    strengths: shape (seeds, edges, operations); truth: shape (edges, operations).
    """
    own, other = np.broadcast_arrays(strengths, np.where(np.isnan(strengths), np.nan, truth))
    ranks = [rankdata(side, axis=2, nan_policy="omit") for side in (own, other)]
    counts = np.maximum((~np.isnan(own)).sum(axis=2, keepdims=True), 1)
    x, y = (side - np.nansum(side, axis=2, keepdims=True) / counts for side in ranks)
    scale = np.sqrt(np.nansum(x**2, axis=2) * np.nansum(y**2, axis=2))
    scale[scale == 0] = np.nan
    return np.asarray(np.nansum(x * y, axis=2) / scale)


def plain_interval(matrix: Array, generator: np.random.Generator) -> tuple[float, float]:
    """Before: percentiles of the mean over draws of seeds, then of edges."""
    seeds, edges = matrix.shape
    drawn = matrix[
        generator.integers(seeds, size=(DRAWS, seeds))[:, :, None],
        generator.integers(edges, size=(DRAWS, edges))[:, None, :],
    ]
    known = ~np.isnan(drawn)
    counts = known.sum(axis=2)
    means = np.where(known, drawn, 0).sum(axis=2) / np.maximum(counts, 1)
    weights = counts > 0
    of_draws = (means * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
    low, high = np.percentile(of_draws, [2.5, 97.5])
    return float(low), float(high)


def cover_seeds(name: str, world: World, repetitions: int, seed: int) -> Iterator[dict[str, Any]]:
    """Share of 95 % intervals that hold the mean over seeds; no share where there is none."""
    generator = numpy_generator(seed, "statistics", "seeds", name, world.seeds)
    values = SEEDS[name](generator, (repetitions, world.seeds))
    draws = generator.integers(world.seeds, size=(repetitions, DRAWS, world.seeds))
    means = np.take_along_axis(values[:, None], draws, axis=2).mean(axis=2)
    low, high = np.percentile(means, [2.5, 97.5], axis=1)
    yield {"statistic": "before", "share": float(((low <= 0) & (high >= 0)).mean())}
    after = np.array([seed_interval(row) for row in values])
    given = not np.isnan(after).any()
    held = float(((after[:, 0] <= 0) & (after[:, 1] >= 0)).mean()) if given else math.nan
    yield {"statistic": "after", "share": held}


def _holds(ends: tuple[float, float], mean: float | np.floating[Any]) -> bool:
    return bool(ends[0] - 1e-9 <= mean <= ends[1] + 1e-9)


# --- all of it


@dataclass(frozen=True)
class Task:
    """One row of the tables in docs/statistics.md."""

    part: str
    case: str
    world: World

    def rows(self, repetitions: int, seed: int) -> list[dict[str, Any]]:
        """What was counted, with everything that it depends on."""
        kinds = {
            "tests": reject,
            "alike": reject_alike,
            "rows": any_row,
            "edges": cover_edges,
            "seeds": cover_seeds,
        }
        world = {**asdict(self.world), "kinds": "+".join(map(str, self.world.kinds))}
        given = {"part": self.part, "case": self.case, **world}
        given |= {"repetitions": repetitions, "random_seed": seed}
        found = kinds[self.part](self.case, self.world, repetitions, seed)
        return [{**given, **row} for row in found]


def tasks() -> list[Task]:
    """Everything that is simulated, the slowest first."""
    several = ("edges independent", "the same preference on all edges, .7 of the variance")
    return [
        *(Task("tests", case, world) for case, world in NULL.items()),
        *(Task("alike", case, world) for case, world in ALIKE.items()),
        *(Task("edges", case, world) for case, world in COVERED.items()),
        *(Task("rows", case, NULL[case]) for case in several),
        *(Task("seeds", case, World(seeds=seeds)) for case in SEEDS for seeds in (2, 3, 4, 8)),
    ]


def simulate(repetitions: int, seed: int = 0, jobs: int = 1, only: str = "") -> pd.DataFrame:
    """All counts: one row per part, case and statistic; the same with any number of jobs.

    only: cases in whose part or name this stands.
    """
    todo = [task for task in tasks() if only in f"{task.part}: {task.case}"]
    if jobs == 1:
        found = [task.rows(repetitions, seed) for task in todo]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            waiting = [pool.submit(task.rows, repetitions, seed) for task in todo]
            found = [each.result() for each in waiting]
    return pd.DataFrame([row for rows in found for row in rows])


def beside_others(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table with those rows of a file that are of other cases, in the order of the tasks."""
    places = {(task.part, task.case): place for place, task in enumerate(tasks())}
    new = set(zip(table["part"], table["case"], strict=True))
    tables = [table]
    if path.is_file():
        there = pd.read_parquet(path)
        keys = list(zip(there["part"], there["case"], strict=True))
        tables.append(there[[key in places and key not in new for key in keys]])
    found = pd.concat(tables, ignore_index=True)
    order = [places[key] for key in zip(found["part"], found["case"], strict=True)]
    found = found.iloc[np.argsort(order, kind="stable")]
    plain = {name: value for name, value in asdict(World()).items() if name != "kinds"}
    return found.fillna({**plain, "kinds": "+".join(map(str, FIVE))}).reset_index(drop=True)


def main() -> None:
    """Simulate, print, and write where that is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="20 repetitions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="folder for statistics.parquet")
    parser.add_argument("--only", default="", help="cases in whose 'part: name' this stands")
    options = parser.parse_args()
    repetitions = 20 if options.quick else options.repetitions
    table = simulate(repetitions, options.seed, options.jobs, options.only)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / "statistics.parquet"
        write_table(path, beside_others(table, path))
    for part, rows in table.groupby("part", sort=False):
        by = ["case", "seeds"] if part == "seeds" else "case"
        shown = rows.pivot_table("share", by, "statistic", sort=False)
        print(f"\n{part}\n{shown.round(3).to_string()}")


if __name__ == "__main__":
    main()
