"""``opscore.run_search``: search methods over seeds, in one call, each search stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from opscore import progress as reporting
from opscore.engine import proving
from opscore.errors import UserError, note
from opscore.isolation import isolated
from opscore.proxies import may_pass
from opscore.runs.loop import complete
from opscore.runs.run import Run, notes_of
from opscore.runs.store import Outcome, Pieces
from opscore.search import (
    CANDIDATES,
    TRACE,
    Cost,
    SearchOutcome,
    SearchTask,
    find_method,
    resolve_search,
)
from opscore.search.method_keys import piece_key, search_key
from opscore.search.result import SearchResult
from opscore.settings import RunSettings, SearchSettings, takes
from opscore.spaces import get_space

_COLUMNS = {"candidates": CANDIDATES, "trace": TRACE}


@dataclass(frozen=True)
class SearchUnit(Run):
    """One method with one seed.

    Attributes:
        settings: resolved settings.
        method: the method's name.
        seed: None for a method without draws.
        jobs: worker processes within the search.
    """

    settings: SearchSettings
    method: str
    seed: int | None
    jobs: int = field(default=1, compare=False, repr=False)

    def key(self) -> dict[str, Any]:
        """What the result depends on; its hash names the run."""
        return search_key(find_method(self.method), self.settings, self.seed)

    def piece_key(self) -> dict[str, Any]:
        """What the pieces depend on, which is less."""
        return piece_key(find_method(self.method), self.settings, self.seed)

    @property
    def label(self) -> str:
        """Method and seed."""
        return reporting.label(self.method, self.seed)

    def compute(self, pieces: Pieces) -> Outcome:
        """Search on from the finished pieces, which searches with other N and V share."""
        method = find_method(self.method)
        with proving(self.settings.prove):
            found = method.search(SearchTask.of(self.settings, self.seed, pieces, self.jobs))
        statuses = [*found.candidates["status"], *found.trace["status"]]
        return Outcome(
            {name: getattr(found, name) for name in _COLUMNS},
            {
                "architecture": list(found.architecture.architecture_indices),
                "cost": asdict(found.cost),
            },
            failed=tuple(status for status in statuses if may_pass(status)),
        )

    def found(self, outcome: Outcome) -> SearchOutcome:
        """The search, from what the run gave."""
        frames = {
            name: outcome.tables[name][list(own)].astype(own) for name, own in _COLUMNS.items()
        }
        architecture = get_space(self.settings.space).architecture(outcome.facts["architecture"])
        cost = Cost(**outcome.facts["cost"])
        return SearchOutcome(architecture, frames["candidates"], frames["trace"], cost)


@takes(SearchSettings, "methods", "seeds")
@reporting.shows_progress
@isolated()
def run_search(settings: SearchSettings, run: RunSettings) -> SearchResult:
    """Search with each method and each seed.

    ::

        result = opscore.run_search(["zero-cost-pt(nwot)", "random"], seeds=range(4), store="runs")
        result.architectures         # error, rank and regret on each dataset
        result.summary()             # mean, deviation, interval over seeds
        result.compare("zero-cost-pt(nwot)", "random")

    A search that was stopped goes on after its last finished piece. Where there are fewer searches
    than workers, these share each search; the result does not depend on it.

    Args:

    Raises:
        UserError: a name is unknown, a file is missing, a number is out of range, or no method
            could search. A method that does not fit the space is left out with a note, when others
            do.
    """
    resolved = resolve_search(settings)
    units = search_units(resolved)
    refused: dict[int, UserError] = {}
    outcomes = complete(
        units,
        run,
        on_refused=refused.__setitem__,
        asked=resolved,
        here=lambda unit: replace(unit, jobs=run.jobs),
        spreads=True,
    )
    if not outcomes:
        raise refused[min(refused)]
    for place in sorted(refused):
        note(f"{units[place].label} is left out: {refused[place]}")
    fit = [unit for place, unit in enumerate(units) if place not in refused]
    return answer(resolved, list(zip(fit, outcomes, strict=True)))


def answer(settings: SearchSettings, found: Sequence[tuple[SearchUnit, Outcome]]) -> SearchResult:
    """The result of what units gave, by resolved settings."""
    searches = [(unit.method, unit.seed, unit.found(outcome)) for unit, outcome in found]
    return SearchResult.of(settings, searches, notes_of(outcome for _, outcome in found))


def search_units(settings: SearchSettings) -> list[SearchUnit]:
    """Every method with every seed, or once if it draws nothing."""
    found: list[SearchUnit] = []
    for method in settings.methods:
        seeded = find_method(method).seeded
        seeds: tuple[int | None, ...] = settings.seeds if seeded else (None,)
        found.extend(SearchUnit(settings, method, seed) for seed in seeds)
    return found


__all__ = ["SearchResult", "SearchUnit", "run_search", "search_units"]
