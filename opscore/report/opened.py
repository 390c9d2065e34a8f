"""Tables and figures of what is in a run store, without computing anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from opscore.answers import Answer
from opscore.errors import UserError, note
from opscore.experiments.initial.result import InitialResult
from opscore.experiments.progressive.result import ProgressiveResult
from opscore.report.answers import KINDS, answer_of
from opscore.runs.reading import stored_runs
from opscore.runs.store import RunStore
from opscore.runs.studies import NONE_HERE, Study, studies
from opscore.settings import OracleSettings
from opscore.typed import made

#: Settings that do not tell two studies apart.
_SEVERAL = ("policies", "methods", "seeds")
_BESIDE = (*_SEVERAL, "data_dir", "device", "prove")


@dataclass(frozen=True)
class OpenedStore:
    """The answers of a run store's calls; see :func:`open_store`.

    Attributes:
        store: the run store.
        data_dir: where tables are looked for first.
    """

    store: RunStore
    data_dir: Path | None = None

    @property
    def studies(self) -> list[Study]:
        """What was asked of it: a study for calls that differ in policies and seeds alone."""
        return [study for study in studies(self.store) if study.kind in KINDS]

    def initial(self, **settings: Any) -> InitialResult:
        """What :func:`opscore.initial` returned, with every policy and seed that is finished."""
        return cast(InitialResult, self._answer("initial", settings))

    def progressive(self, **settings: Any) -> ProgressiveResult:
        """The same for :func:`opscore.progressive`."""
        return cast(ProgressiveResult, self._answer("progressive", settings))

    def search(self, **settings: Any) -> Answer:
        """The same for :func:`opscore.run_search`."""
        return self._answer("search", settings)

    def _answer(self, kind: str, asked: Mapping[str, Any]) -> Answer:
        facts = made(KINDS[kind].settings, asked).facts()
        plain = json.loads(json.dumps(facts, default=str))
        wanted = {name: plain[name] for name in asked}
        if (truth := asked.get("oracle")) is not None:
            # Calls keep the truth that they found; what is left open here fits all.
            given = truth if isinstance(truth, Mapping) else _not_usual(truth)
            wanted["oracle"] = {name: plain["oracle"][name] for name in given}
        study = self._one(kind, wanted)
        finished = {run.name: run for run in stored_runs(self.store) if run.status == "finished"}
        runs = {label: finished[name] for label, name in study.runs.items() if name in finished}
        lines: list[str] = []
        if len(runs) < len(study.runs):
            lines.append(f"{len(runs)} of {len(study.runs)} runs are finished")
        answer = answer_of(study, runs, self.data_dir, lines)
        if answer is None:
            raise UserError(f"of these {kind} runs nothing can be shown: {' '.join(lines)}")
        for line in lines:
            note(line)
        return answer

    def _one(self, kind: str, asked: Mapping[str, Any]) -> Study:
        """The one study that is meant; UserError that says how to tell those apart that fit."""
        own = [study for study in self.studies if study.kind == kind]
        fit = [s for s in own if _fits(s.settings, asked)]
        left_open = [name for name, value in asked.items() if value == "auto"]
        fit = [s for s in fit if all(s.settings.get(n) == "auto" for n in left_open)] or fit
        if len(fit) == 1:
            return fit[0]
        if not own:
            kinds = ", ".join(sorted({study.kind for study in self.studies}))
            what = f"it has {kinds}" if kinds else NONE_HERE
            raise UserError(f"{self.store.root} has no {kind} runs that can be shown; {what}")
        apart = [f"{name} ({', '.join(each)})" for name, each in _differing(fit or own).items()]
        which = f"{len(fit)} kinds of {kind} runs fit" if fit else f"no {kind} runs fit"
        if not fit and not apart:
            wrong = [f"{n} is {own[0].settings.get(n)}" for n in asked
                     if _differs(own[0].settings, n, asked[n])]  # fmt: skip
            raise UserError(f"{which}: {'; '.join(wrong)}")
        raise UserError(f"{which}; they are told apart by {'; '.join(apart) or 'nothing'}")


def open_store(
    store: RunStore | Path | str = "runs", *, data_dir: Path | str | None = None
) -> OpenedStore:
    """Tables and figures of what is in a run store, without computing anything.

    ::

        result = opscore.open_store("runs").initial(size="paper")
        result.against("best-acc")
        result.save("out")

    Settings by their names say which calls are meant where the store has several.

    Args:
        store: the folder, such as one that ``opscore batch`` filled.
        data_dir: where tables are looked for first; where the calls did if there is none.

    UserError when there is no such folder.
    """
    stored_runs(store)
    kept = store if isinstance(store, RunStore) else RunStore(store)
    return OpenedStore(kept, None if data_dir is None else Path(data_dir))


def _not_usual(truth: OracleSettings) -> list[str]:
    usual = asdict(OracleSettings())
    return [name for name, value in asdict(truth).items() if value != usual[name]]


def _fits(kept: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether settings are those that were asked for.

    Of the truth those parts that are named; of policies, methods and seeds those that there are.
    """
    return not any(_differs(kept, name, value) for name, value in asked.items())


def _differs(kept: Mapping[str, Any], name: str, value: Any) -> bool:
    there = kept.get(name)
    if name == "oracle":
        return not (there or {}).items() >= value.items()
    if name in _SEVERAL:
        return not set(value) <= set(there or ())
    return name not in _BESIDE and value not in (there, "auto")


def _differing(found: Sequence[Study]) -> dict[str, list[str]]:
    """The settings in which studies differ, and the values that they have there."""
    names = [n for n in {n: 0 for study in found for n in study.settings} if n not in _BESIDE]
    values = {n: list(dict.fromkeys(str(s.settings.get(n)) for s in found)) for n in names}
    differ = {n: these for n, these in values.items() if len(these) > 1}
    return differ if len(differ) == 1 else {n: t for n, t in differ.items() if n != "oracle"}
