"""Making tables of originals, which are downloaded (:func:`fetch_tables`) or here already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from opscore import progress
from opscore.data.catalogue import COLLECTIONS, FILES, DataFile, get_source
from opscore.data.fetch import check_address, fetch
from opscore.data.files import file_hash
from opscore.data.layout import parse_column
from opscore.data.locate import destination, find
from opscore.data.tables import read_checked, read_metadata, write_checked
from opscore.data.verify import Corrupted, check
from opscore.errors import UserError, unknown
from opscore.spaces import NASBENCH201

if TYPE_CHECKING:
    import pandas as pd

#: Tables that are made of originals, by name.
MADE_TABLES: dict[str, DataFile] = {name: FILES[name] for name in FILES if FILES[name].made_of}

#: What a table's metadata say of the files that it was made of, separated by commas.
SOURCE_HASHES = "source_sha256"


@dataclass(frozen=True)
class Added:
    """What became of a file, or of a download.

    Attributes:
        kind: what it was recognised as, or the name of the table.
        path: where its usable form is.
        n_architectures: how many architectures (rows, for other tables) it has.
        n_missing: how many of NAS-Bench-201's architectures have no accuracy.
        columns: the accuracy columns of a table of NAS-Bench-201.
        note: what the user should know.
        also: further tables that were made of the same file.
    """

    kind: str
    path: Path
    n_architectures: int | None = None
    n_missing: int | None = None
    columns: tuple[str, ...] = ()
    note: str = ""
    also: tuple[Added, ...] = ()

    @property
    def counted(self) -> str:
        """What ``n_architectures`` counts."""
        of_rows = self.kind.startswith(("published", "nasbench201-"))
        return "rows" if of_rows else "architectures"


def fetch_tables(
    name: str,
    *,
    mirror: str | None = None,
    data_dir: Path | None = None,
    overwrite: bool = False,
) -> list[Added]:
    """Download what a collection, or one table, is made of, and make all its tables.

    What is there already and intact is kept. A table that was made of other files is kept too,
    with a note, unless ``overwrite`` says otherwise.

    Args:
        name: a collection (``nasbench201-datasets``) or a table (``transnas-micro``).
        mirror: an address under which the originals lie by their names; their own addresses by
            default.
        data_dir: the folder that tables and originals go to; without it the user cache.
        overwrite: replace tables that were made of other files.

    Returns:
        What became of each table.

    Raises:
        UserError: no such collection, or an original cannot be had intact. Tables that could be
            made before stay.
    """
    return list(each_table(name, mirror, data_dir=data_dir, overwrite=overwrite))


def each_table(
    name: str,
    mirror: str | None = None,
    *,
    data_dir: Path | None = None,
    overwrite: bool = False,
) -> Iterator[Added]:
    """As :func:`fetch_tables`, one table at a time: those before an error are made."""
    tables, sources = _wanted(name)
    if mirror is not None:  # it may be that nothing has to be downloaded
        check_address(mirror)
    for table in map(FILES.__getitem__, tables):
        if not table.made_of:  # it comes with the package
            path = find(table.name, data_dir)
            if path is not None:
                yield describe(table, path, data_dir, "it comes with opscore")
            continue
        files = {
            source: _fetch_source(source, mirror, data_dir)
            for source in table.made_of
            if source in sources
        }
        yield make(table, _with_others(table, files, data_dir), data_dir, overwrite)


def make(
    file: DataFile,
    files: Mapping[str, Path],
    data_dir: Path | None = None,
    overwrite: bool = False,
    *,
    strict: bool = False,
) -> Added:
    """Make a table of originals, unless the one that is there has all that they have.

    Args:
        file: the table, which is made of originals.
        files: the originals by name.
        data_dir: the folder that it goes to; without it the user cache.
        overwrite: replace a table that was made of other files.
        strict: a table that was made of other files is an error, and not kept with a note.

    Raises:
        UserError: an original is not what its name says, or, with ``strict``, another table is
            there.
    """
    target = destination(data_dir) / file.path
    hashes = {name: file_hash(path) for name, path in files.items()}
    if target.exists() and not overwrite:
        there = _made_of(file, target)
        if there is not None and set(hashes.values()) <= there:
            return describe(file, target, data_dir, "it was there already")
        if there is not None and not (there and there < set(hashes.values())):
            kept = f"{target} is there already and was not made of {', '.join(files)}"
            if strict:
                raise UserError(
                    f"{kept}; use --overwrite to replace it, or --data-dir to keep both"
                )
            return describe(file, target, data_dir, f"{kept}; --overwrite replaces it")
    metadata = {
        "table": file.name,
        "source": ", ".join(path.name for path in files.values()),
        SOURCE_HASHES: ",".join(hashes.values()),
        "licence": file.licence,
    }
    write_checked(target, converted(file, files), metadata)
    return describe(file, target, data_dir)


def make_all(
    source: str, path: Path, tables: Iterable[DataFile], data_dir: Path | None, overwrite: bool
) -> list[Added]:
    """Make every table that an original is enough for, together with those that are here.

    UserError when none can be made; it names what is lacking.
    """
    made, lacking = [], []
    for table in tables:
        files = _with_others(table, {source: path}, data_dir)
        missing = [name for name in table.made_of if name not in files]
        if missing and not table.any_source:
            lacking.append((table.name, missing))
            continue
        made.append(make(table, files, data_dir, overwrite, strict=True))
    if not made:
        name, missing = lacking[0]
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise UserError(
            f"{name} is made of {len(missing)} more files ({some}); add the folder that has them "
            "all, or run 'opscore data fetch'"
        )
    return made


def converted(table: DataFile, files: Mapping[str, Path]) -> pd.DataFrame:
    """A table, made of originals by their names; UserError when one is something else.

    A converter of a single original is given its path, one of several all of them by name. It
    takes them for what they are; whatever it stumbles over is said here.
    """
    module, _, function = table.made_by.partition(":")
    convert = getattr(import_module(f"opscore.data.convert.{module}"), function)
    given = files if len(table.made_of) > 1 else files[table.made_of[0]]
    try:
        found: pd.DataFrame = convert(given, **table.made_with)
    except UserError:
        raise
    except Exception as error:
        named = ", ".join(map(str, files.values()))
        raise UserError(f"{table.name} cannot be made of {named} ({error!r})") from None
    return found


def _wanted(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tables that a name stands for, and the originals that it takes."""
    if name in COLLECTIONS:
        return COLLECTIONS[name].tables, COLLECTIONS[name].sources
    if name in MADE_TABLES:
        return (name,), MADE_TABLES[name].made_of
    if name in FILES:
        raise UserError(f"{name} cannot be fetched; {FILES[name].how}")
    raise unknown("collection or data file", name, {*COLLECTIONS, *FILES})


def _fetch_source(source: str, mirror: str | None, data_dir: Path | None) -> Path:
    entry = get_source(source)
    if mirror is not None:
        inside = entry.path.removeprefix("originals/")
        entry = replace(entry, url=f"{mirror.rstrip('/')}/{inside}")
    with progress.unit(f"fetching {source}"):
        return fetch(entry, data_dir=data_dir)


def _with_others(
    table: DataFile, files: Mapping[str, Path], data_dir: Path | None
) -> dict[str, Path]:
    """These originals, and intact ones of the same table that are here, in its order."""
    found = {}
    for source in table.made_of:
        entry = get_source(source)
        path = files.get(source) or find(entry.path, data_dir)
        if path is not None and (source in files or file_hash(path) == entry.sha256):
            found[source] = path
    return found


def _made_of(file: DataFile, table: Path) -> set[str] | None:
    """Hashes of the files that a table was made of; None when it is damaged."""
    try:
        check(file, table)
    except Corrupted:
        return None
    recorded = read_metadata(table).get(SOURCE_HASHES, "")
    return set(filter(None, recorded.split(",")))


def describe(file: DataFile, target: Path, data_dir: Path | None, note: str = "") -> Added:
    """What a known table holds."""
    frame = read_checked(target)
    first = find(file.path, data_dir) or target
    hidden = "" if first.samefile(target) else f"{first} is found before it, and used instead"
    if file.name != "nasbench201":
        notes = "; ".join(part for part in (note, hidden) if part)
        return Added(file.name, target, len(frame), note=notes)
    columns = [name for name in map(str, frame.columns) if parse_column(name)]
    known = int(frame.loc[frame[columns].notna().any(axis=1), "arch_str"].nunique())
    missing = NASBENCH201.size - known
    lacking = f"{missing:,} of {NASBENCH201.size:,} architectures have no accuracy"
    parts = (note, hidden, lacking if missing else "")
    return Added(
        file.name, target, known, missing, tuple(columns), "; ".join(part for part in parts if part)
    )
