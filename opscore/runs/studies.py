"""Studies: what was asked of a store, so that it is answered again from the runs that it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opscore.data.files import atomic_write
from opscore.fingerprint import hash_of
from opscore.runs.run import Key
from opscore.runs.store import RunStore, held, run_name
from opscore.settings import Settings

#: The folder of a store that they lie in.
_FOLDER = "studies"

#: What is said of a store that has runs and no studies.
NONE_HERE = (
    "no call has left its settings here (versions before 0.3.0 did not): the same call with this "
    "store does, and computes nothing again"
)

#: Settings of which a study has what all its calls asked for.
_JOINED = ("policies", "methods", "seeds")

#: Settings that no result depends on; a study has those of its last call.
_BESIDE = ("data_dir", "device", "prove")


@dataclass(frozen=True)
class Study:
    """Calls of one kind that differ in policies (or methods) and seeds alone.

    Attributes:
        kind: of its runs: initial, progressive, search.
        settings: plain values that its settings object is made of.
        runs: names of its runs by their labels, whether they are finished or not; of the same
            policy and seed that of the last call, whose runs stand last.
    """

    kind: str
    settings: Mapping[str, Any]
    runs: Mapping[str, str] = field(default_factory=dict)


def remember(store: RunStore, asked: Settings, keys: Mapping[str, Key]) -> None:
    """Keep what was asked for: the settings of a call, and the keys of its runs by their labels."""
    named = {label: key for label, key in keys.items() if key is not None}
    for kind in {str(key["kind"]) for key in named.values()}:
        runs = {label: run_name(key) for label, key in named.items()}
        settings = {name: value for name, value in asked.facts().items() if name != "cache"}
        join(store, Study(kind, settings, runs))


def join(store: RunStore, study: Study) -> None:
    """Keep a study in a store, together with what the store has of it.

    A store that cannot be written stays as it is: no result depends on this.
    """
    plain = json.loads(json.dumps(study.settings, default=str))
    named = {name: value for name, value in plain.items() if name not in (*_JOINED, *_BESIDE)}
    folder = store.root / _FOLDER
    path = folder / f"{study.kind}-{hash_of(named)}.json"
    with suppress(OSError), held(folder / ".lock"):
        before = _read(path) or Study(study.kind, {})
        for name in _JOINED:
            if name in plain:
                plain[name] = list(dict.fromkeys([*before.settings.get(name, ()), *plain[name]]))
        earlier = {label: run for label, run in before.runs.items() if label not in study.runs}
        after = Study(study.kind, plain, earlier | dict(study.runs))
        if (after, [*after.runs]) != (before, [*before.runs]):
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps(vars(after), indent=1) + "\n")


def studies(store: RunStore) -> list[Study]:
    """The studies of a store, in the order of their kinds and spaces; none that is damaged."""
    found = [_read(path) for path in sorted((store.root / _FOLDER).glob("*.json"))]
    known = [study for study in found if study is not None]
    return sorted(known, key=lambda study: (study.kind, str(study.settings.get("space"))))


def _read(path: Path) -> Study | None:
    try:
        return Study(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
