"""Grids: spaces x policies x settings x seeds, written down in a TOML file.

::

    [settings]                      # of every entry
    size = "smoke"

    [[grid]]
    kind = "initial"                # or progressive, search
    spaces = ["SPACE", "ANOTHER"]       # see opscore spaces
    policies = ["zc-pt(nwot)", "disc-zc(nwot)"]      # of a search: methods
    seeds = "0-4"                   # or a list
    settings = [{ batch_size = 16 }, { batch_size = 32 }]   # or one table; may be left out
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from opscore import progress
from opscore.data.files import read_text
from opscore.errors import UserError, unknown
from opscore.experiments import OracleSettings, ScoringSettings, progressive_units, units
from opscore.experiments.initial.result import ORACLE_POLICIES, with_truth
from opscore.experiments.progressive.result import REFERENCE
from opscore.proxies import Memo
from opscore.rng import as_seeds, parse_seeds
from opscore.runs.run import Run
from opscore.runs.store import run_name
from opscore.search import SearchSettings
from opscore.search.call import search_units
from opscore.spaces import DEFAULT_SPACE
from opscore.typed import shown, type_of, typed

#: Cells of one grid; more are a slip of the hand.
MOST_CELLS = 100_000

KINDS = ("initial", "progressive", "search")

#: Settings that a grid gives otherwise, or that no result depends on.
_ELSEWHERE = frozenset({"policies", "methods", "seeds", "space", "cache"})

_FILES = ("checkpoint", "batch_file", "data_dir")

#: What progressive scoring takes beside the settings of scoring.
_PROGRESSIVE: dict[str, Any] = {
    "order": str | list[int | str],
    "retrain_epochs": int | dict[str, int] | None,
}


@dataclass(frozen=True)
class Cell:
    """One run of a grid.

    Attributes:
        run: what is computed.
        key: what its result depends on.
        piece_key: what its pieces depend on, where that is less.
        kind, space, policy, seed: of the run; ``policy`` is the method of a search.
        label: what progress calls it.
    """

    run: Run
    key: Mapping[str, Any]
    piece_key: Mapping[str, Any] | None
    kind: str
    space: str
    policy: str
    seed: int | None
    label: str

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return run_name(self.key)


@dataclass(frozen=True)
class Entry:
    """One block of a grid, with all that is not given filled in.

    ``where`` is what messages call it.
    """

    kind: str
    spaces: tuple[str, ...]
    policies: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: tuple[Mapping[str, Any], ...]
    where: str


@dataclass(frozen=True)
class Grid:
    """What is to be run, as a file says it.

    Attributes:
        entries: its blocks.
        folder: that paths in the file are relative to.
    """

    entries: tuple[Entry, ...]
    folder: Path

    @classmethod
    def of(cls, source: Grid | Path | str | Mapping[str, Any]) -> Grid:
        """A grid from a TOML file, or from what such a file would hold; a grid as it is.

        UserError, in one line, for whatever is wrong.
        """
        if isinstance(source, Grid):
            return source
        if isinstance(source, Mapping):
            return _parse(source, Path(), "the grid")
        path = Path(source)
        try:
            content = tomllib.loads(read_text(path))
        except UnicodeDecodeError:
            raise UserError(f"grid {path} is not a text file in UTF-8") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UserError(f"grid {path} cannot be read: {reason}") from None
        except RecursionError:
            raise UserError(f"grid {path} cannot be read: it is nested too deep") from None
        return _parse(content, path.parent, f"grid {path}")

    def cells(self, cache: Path | None = None) -> list[Cell]:
        """Its cells, each once, in the file's order; the truth's policies beside the others.

        cache: where trained supernets are kept.

        UserError for the first setting or name that is wrong.
        """
        found: dict[str, Cell] = {}
        for entry in self.entries:
            for number, given in enumerate(entry.settings):
                mark = f" [{number + 1}]" if len(entry.settings) > 1 else ""
                for space in entry.spaces:
                    with _at(entry.where):
                        for cell in _cells(entry, space, self._paths(given), cache, mark):
                            found.setdefault(cell.name, cell)
        return list(found.values())

    def _paths(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        paths = {name: self.folder / settings[name] for name in _FILES if name in settings}
        return {**settings, **paths}


def _cells(
    entry: Entry, space: str, settings: dict[str, Any], cache: Path | None, mark: str
) -> Iterator[Cell]:
    given = dict(settings)
    order, epochs = given.pop("order", "fixed"), given.pop("retrain_epochs", None)
    truth = given.pop("oracle", OracleSettings())
    common: dict[str, Any] = {"space": space, "seeds": entry.seeds, "oracle": truth, "cache": cache}
    runs: Sequence[Run]
    if entry.kind == "search":
        more = {"order": order} if "order" in settings else {}
        search = SearchSettings(methods=entry.policies, **common, **given, **more)
        runs = search_units(search.resolved())
    else:
        scoring = ScoringSettings(policies=entry.policies, **common, **given)
        if entry.kind == "initial":
            # Cells are alone: what they leave in a memo that they shared would change their times.
            found = units(with_truth(scoring, ORACLE_POLICIES))
            runs = [replace(unit, memo=Memo()) for unit in found]
        else:
            runs = progressive_units(with_truth(scoring, [REFERENCE]), order, epochs)
    for run in runs:
        key = run.key()
        policy, seed = str(key.get("policy") or key.get("method")), key.get("seed")
        label = progress.label(f"{entry.kind} {space} {policy}{mark}", seed)
        yield Cell(run, key, run.piece_key(), entry.kind, space, policy, seed, label)


def _parse(content: Mapping[str, Any], folder: Path, where: str) -> Grid:
    _only(content, ("name", "settings", "grid"), where)
    shared = _table(content.get("settings", {}), f"{where}: settings")
    for name in shared:
        if not any(name in _settings_of(kind) for kind in KINDS):
            raise _in(where, unknown("setting", name, {n for k in KINDS for n in _settings_of(k)}))
    blocks = content.get("grid", [])
    if not isinstance(blocks, Sequence) or isinstance(blocks, str) or not blocks:
        raise UserError(f"{where} has no [[grid]] block that says what to run")
    entries = tuple(
        _entry(block, shared, f"{where}, block {place}") for place, block in enumerate(blocks, 1)
    )
    cells = sum(len(e.spaces) * len(e.policies) * len(e.seeds) * len(e.settings) for e in entries)
    if cells > MOST_CELLS:
        raise UserError(f"{where} has {cells:,} cells; {MOST_CELLS:,} are the most")
    return Grid(entries, folder)


def _entry(block: Any, shared: Mapping[str, Any], where: str) -> Entry:
    block = _table(block, where)
    kind = block.get("kind", "search" if "methods" in block else "initial")
    if kind not in KINDS:
        raise _in(where, unknown("kind", str(kind), KINDS))
    word = "methods" if kind == "search" else "policies"
    _only(block, ("kind", "spaces", word, "seeds", "settings"), where)
    points = block.get("settings", [{}])
    points = points if isinstance(points, list) else [points]
    if not points:
        raise UserError(f"{where}: settings is an empty list")
    fitting = {name: value for name, value in shared.items() if name in _settings_of(kind)}
    settings = tuple(
        _settings({**fitting, **_table(point, f"{where}: settings")}, kind, where)
        for point in points
    )
    spaces = _names(block.get("spaces", DEFAULT_SPACE), f"{where}: spaces")
    policies = _names(block.get(word), f"{where}: {word}")
    with _at(where):
        seeds = _seeds(block.get("seeds", [0]))
    return Entry(kind, spaces, policies, seeds, settings, where)


def _settings(given: Mapping[str, Any], kind: str, where: str) -> dict[str, Any]:
    allowed = _settings_of(kind)
    found = {}
    for name, value in given.items():
        if name not in allowed:
            raise _in(where, unknown("setting", name, allowed))
        with _at(where):
            found[name] = typed(name, value, allowed[name])
    return found


def _settings_of(kind: str) -> dict[str, Any]:
    """The settings that a kind of run has, with their types."""
    cls = SearchSettings if kind == "search" else ScoringSettings
    names = [each.name for each in fields(cls) if each.name not in _ELSEWHERE]
    own = {name: type_of(cls, name) for name in names}
    return own | _PROGRESSIVE if kind == "progressive" else own


def _names(value: Any, where: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not values:
        raise UserError(f"{where} is a list of names, got {shown(value)}")
    for each in values:
        if not isinstance(each, str):
            raise UserError(f"{where} is a list of names, got {shown(each)} in it")
    return tuple(dict.fromkeys(values))


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        return parse_seeds(value)
    if not isinstance(value, list | tuple | range) or not value:
        raise UserError(f"seeds are '0-4' or a list of numbers, got {shown(value)}")
    if len(value) > MOST_CELLS:
        raise UserError(f"{len(value):,} seeds; {MOST_CELLS:,} are the most")
    return as_seeds(list(value))


def _only(table: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    for name in table:
        if name not in allowed:
            raise _in(where, unknown("entry", str(name), allowed))


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{where} is a table (name = value), got {shown(value)}")
    return value


def _in(where: str, error: UserError) -> UserError:
    return UserError(f"{where}: {error}")


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Say where in the file it is that something is wrong."""
    try:
        yield
    except UserError as error:
        raise _in(where, error) from None
