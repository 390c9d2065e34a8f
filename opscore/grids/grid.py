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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from opscore import progress
from opscore.data.files import read_text
from opscore.errors import UserError, one_of
from opscore.experiments import progressive_units, units
from opscore.experiments.initial.result import with_truth
from opscore.experiments.progressive.result import REFERENCE
from opscore.images.own import folder_of
from opscore.oracles.references import USUAL
from opscore.proxies import Memo
from opscore.rng import as_seeds
from opscore.runs.run import Run
from opscore.runs.store import run_name
from opscore.search import resolve_search
from opscore.search.call import search_units
from opscore.settings import ProgressiveSettings, ScoringSettings, SearchSettings, Settings
from opscore.spaces import DEFAULT_SPACE
from opscore.typed import helps_of, made, shown, types_of

#: Cells of one grid; more are a slip of the hand.
MOST_CELLS = 100_000

#: The settings of each kind of run, and what they call the policies or methods.
KINDS: dict[str, tuple[type[Settings], str]] = {
    "initial": (ScoringSettings, "policies"),
    "progressive": (ProgressiveSettings, "policies"),
    "search": (SearchSettings, "methods"),
}

#: Settings that blocks give by themselves, or that say how a result is shown.
_OWN = frozenset({"policies", "methods", "seeds", "space", "oracle_mode"})


@dataclass(frozen=True)
class GridCell:
    """One run of a grid.

    Attributes:
        run: what is computed.
        key: what its result depends on.
        piece_key: what its pieces depend on, where that is less.
        kind, space, policy, seed: of the run; ``policy`` is the method of a search.
        label: what progress calls it.
        asked: the resolved settings of its block, for all policies and seeds.
    """

    run: Run
    key: Mapping[str, Any]
    piece_key: Mapping[str, Any] | None
    kind: str
    space: str
    policy: str
    seed: int | None
    label: str
    asked: Settings | None = None

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

    def cells(self, cache: Path | None = None) -> list[GridCell]:
        """Its cells, each once, in the file's order; the truth's policies beside the others.

        cache: where trained supernets are kept.

        UserError for the first setting or name that is wrong.
        """
        found: dict[str, GridCell] = {}
        for entry in self.entries:
            for number, given in enumerate(entry.settings):
                mark = f" [{number + 1}]" if len(entry.settings) > 1 else ""
                for space in entry.spaces:
                    with _at(entry.where):
                        for cell in _cells(entry, space, given, cache, mark):
                            found.setdefault(cell.name, cell)
        return list(found.values())


def _cells(
    entry: Entry, space: str, given: Mapping[str, Any], cache: Path | None, mark: str
) -> Iterator[GridCell]:
    kind, word = KINDS[entry.kind]
    own = {word: entry.policies, "space": space, "seeds": entry.seeds, "cache": cache}
    asked, runs = _runs(made(kind, {**given, **own}))
    for run in runs:
        key = run.key()
        policy, seed = str(key.get("policy") or key.get("method")), key.get("seed")
        label = progress.label(f"{entry.kind} {space} {policy}{mark}", seed)
        yield GridCell(run, key, run.piece_key(), entry.kind, space, policy, seed, label, asked)


def _runs(settings: Settings) -> tuple[Settings, Sequence[Run]]:
    """The settings with every 'auto' decided, and what is to be computed for them."""
    if isinstance(settings, SearchSettings):
        searched = resolve_search(settings)
        return searched, search_units(searched)
    if isinstance(settings, ProgressiveSettings):
        followed = with_truth(settings, [REFERENCE])
        return followed, progressive_units(followed)
    assert isinstance(settings, ScoringSettings)
    scored = with_truth(settings, USUAL)
    # Cells are alone: what they leave in a memo that they shared would change their times.
    return scored, [replace(unit, memo=Memo()) for unit in units(scored)]


def _parse(content: Mapping[str, Any], folder: Path, where: str) -> Grid:
    with _at(where):
        _only(content, ("name", "settings", "grid"))
    shared = _table(content.get("settings", {}), f"{where}: settings")
    known = {name for kind in KINDS for name in _settings_of(kind)}
    with _at(where):
        _only(shared, known, "setting")
    blocks = content.get("grid", [])
    if not isinstance(blocks, Sequence) or isinstance(blocks, str) or not blocks:
        raise UserError(f"{where} has no [[grid]] block that says what to run")
    entries = tuple(
        _entry(block, shared, folder, f"{where}, block {place}")
        for place, block in enumerate(blocks, 1)
    )
    cells = sum(len(e.spaces) * len(e.policies) * len(e.seeds) * len(e.settings) for e in entries)
    if cells > MOST_CELLS:
        raise UserError(f"{where} has {cells:,} cells; {MOST_CELLS:,} are the most")
    return Grid(entries, folder)


def _entry(block: Any, shared: Mapping[str, Any], folder: Path, where: str) -> Entry:
    block = _table(block, where)
    kind = block.get("kind", "search" if "methods" in block else "initial")
    with _at(where):
        kind = one_of("kind", str(kind), KINDS)
        word = KINDS[kind][1]
        _only(block, ("kind", "spaces", word, "seeds", "settings"))
        seeds = as_seeds(block.get("seeds", [0]))
    points = block.get("settings", [{}])
    points = points if isinstance(points, list) else [points]
    if not points:
        raise UserError(f"{where}: settings is an empty list")
    known = _settings_of(kind)
    settings = []
    for point in points:
        own = _table(point, f"{where}: settings")
        with _at(where):
            _only(own, known, "setting")
        given = {name: value for name, value in shared.items() if name in known} | dict(own)
        settings.append(
            {name: _beside(folder, name, value, known[name]) for name, value in given.items()}
        )
    spaces = _names(block.get("spaces", DEFAULT_SPACE), f"{where}: spaces")
    policies = _names(block.get(word), f"{where}: {word}")
    return Entry(kind, spaces, policies, seeds, tuple(settings), where)


def _settings_of(kind: str) -> dict[str, Any]:
    """The settings that blocks of a kind may give, with their types."""
    of = KINDS[kind][0]
    helps = helps_of(of)
    return {n: t for n, t in types_of(of).items() if n not in _OWN and helps[n].option}


def _beside(folder: Path, name: str, value: Any, kind: Any) -> Any:
    """A path as one that is relative to the grid's file; images may be in a file or a folder."""
    if name == "images" and (folder / folder_of(str(value))[0]).exists():
        return str(folder / value)
    return folder / value if isinstance(value, str) and Path in get_args(kind) else value


def _names(value: Any, where: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not values:
        raise UserError(f"{where} is a list of names, got {shown(value)}")
    for each in values:
        if not isinstance(each, str):
            raise UserError(f"{where} is a list of names, got {shown(each)} in it")
    return tuple(dict.fromkeys(values))


def _only(table: Mapping[str, Any], allowed: Iterable[str], what: str = "entry") -> None:
    for name in table:
        one_of(what, str(name), allowed)


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{where} is a table (name = value), got {shown(value)}")
    return value


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Say where in the file it is that something is wrong."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
