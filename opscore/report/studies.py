"""The runs of a store in groups that belong together: a study is what one call would compute."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opscore.report.words import plain
from opscore.runs.reading import StoredRun

#: Entries of a key that tell runs of one study apart.
_OF_A_RUN = frozenset({
    "kind", "space", "policy", "method", "seed",
    "policy_code", "proxy_code", "proxy_weights", "method_code",
})  # fmt: skip

#: Studies of one kind and space that a page shows; further ones are in the table of runs.
MOST = 12


@dataclass(frozen=True)
class Study:
    """Runs of one kind and one space that go together.

    Attributes:
        kind: initial, progressive, search, ...
        space: name of the search space; '' where there is none.
        settings: what the runs depend on beside policy and seed, as far as each depends on it.
        runs: the finished ones, each (policy, seed) once.
        replaced: names of finished runs that another run of the same policy and seed, computed
            later with other code, stands in for.
    """

    kind: str
    space: str
    settings: Mapping[str, Any]
    runs: tuple[StoredRun, ...]
    replaced: tuple[str, ...] = ()


def studies(runs: Sequence[StoredRun]) -> list[Study]:
    """The studies of finished runs: a run is part of each whose settings are not other than its.

    What a policy does not depend on (best-acc on images, say) is not in its run's key, so that it
    stands beside policies of any images. Studies are maximal: none is part of another.
    """
    found = []
    for (kind, space), own in _by_kind(runs).items():
        signatures = _distinct(settings_of(run) for run in own)
        cliques = sorted(_cliques(signatures), key=len, reverse=True)[:MOST]
        for clique in cliques:
            settings = {k: v for place in sorted(clique) for k, v in signatures[place].items()}
            members = [run for run in own if _fits(settings_of(run), settings)]
            kept, replaced = _newest(members)
            found.append(Study(kind, space, settings, kept, replaced))
    return found


def settings_of(run: StoredRun) -> dict[str, Any]:
    """What a run depends on, without what tells it from others of its study."""
    own = {name: value for name, value in run.key.items() if name not in _OF_A_RUN}
    if run.kind == "progressive":
        own.pop("order", None)  # drawn for each seed, if it is drawn
    return own


def _by_kind(runs: Iterable[StoredRun]) -> dict[tuple[str, str], list[StoredRun]]:
    found: dict[tuple[str, str], list[StoredRun]] = {}
    for run in runs:
        found.setdefault((run.kind, str(run.key.get("space") or "")), []).append(run)
    return dict(sorted(found.items()))


def _distinct(signatures: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({json.dumps(each, sort_keys=True): each for each in signatures}.values())


def _fits(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether what both say is the same."""
    return all(other[name] == value for name, value in one.items() if name in other)


def _cliques(signatures: Sequence[Mapping[str, Any]]) -> Iterator[set[int]]:
    """Largest sets of signatures that all fit each other (Bron and Kerbosch, with a pivot)."""
    near = [
        {j for j, other in enumerate(signatures) if j != i and _fits(one, other)}
        for i, one in enumerate(signatures)
    ]

    def grow(clique: set[int], open_: set[int], done: set[int]) -> Iterator[set[int]]:
        if not open_ and not done:
            yield clique
            return
        pivot = max(open_ | done, key=lambda i: len(near[i] & open_))
        for i in sorted(open_ - near[pivot]):
            yield from grow(clique | {i}, open_ & near[i], done & near[i])
            open_, done = open_ - {i}, done | {i}

    yield from grow(set(), set(range(len(signatures))), set())


def _newest(runs: Sequence[StoredRun]) -> tuple[tuple[StoredRun, ...], tuple[str, ...]]:
    """The latest run of each policy and seed, and the names of the others."""
    latest: dict[tuple[str, Any], StoredRun] = {}
    for run in sorted(runs, key=lambda run: str(run.record.get("date", ""))):
        latest[plain(run.policy), run.key.get("seed")] = run
    kept = {run.name for run in latest.values()}
    return tuple(run for run in runs if run.name in kept), tuple(
        run.name for run in runs if run.name not in kept
    )
