"""``opscore data add``: recognise a file that a user has, and make it usable once and for all."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from opscore import progress
from opscore.data.accuracies import read_accuracies
from opscore.data.catalogue import FILES, ORIGINALS, DataFile, with_hash
from opscore.data.convert.nasbench201 import read_authors
from opscore.data.convert.nb1shot1 import tables_of_tfrecord
from opscore.data.convert.tfrecord import is_tfrecord
from opscore.data.files import atomic_write, file_hash
from opscore.data.layout import parse_column, write_table
from opscore.data.locate import destination
from opscore.data.make import MADE_TABLES, SOURCE_HASHES, Added, describe, make_all
from opscore.data.official import (
    Benchmark,
    is_nats_folder,
    load_nats_file,
    load_nats_folder,
    load_pth,
)
from opscore.data.tables import read_metadata, write_checked
from opscore.data.truths import read_truth
from opscore.data.verify import Corrupted, check
from opscore.errors import UserError

_KINDS = (
    "an official NAS-Bench-201 .pth file, a NATS-Bench tss .pickle.pbz2 file or -simple folder, "
    "NAS-Bench-101's .tfrecord file, any file that 'opscore data fetch' downloads or a folder of "
    "them, the CIFAR-10 python archive, a table of opscore (.parquet)"
)
#: How old torch files begin: a pickle of this number.
_TORCH_MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
_TFRECORD = "nasbench101-official"
#: Known files that are tables.
_TABLES = tuple(name for name in FILES if FILES[name].path.endswith(".parquet"))
_OFFICIAL = {
    "nasbench201-official": load_pth,
    "nats-tss": load_nats_file,
    "nats-tss-simple": load_nats_folder,
}


def add(
    file: Path | str,
    *,
    data_dir: Path | str | None = None,
    overwrite: bool = False,
) -> Added:
    """Take a file into the user cache, or into ``data_dir``.

    Tables of accuracies become small Parquet files, whatever their form (for NAS-Bench-201 see
    :mod:`opscore.data.layout`); the CIFAR-10 archive is verified and copied. A file is read and
    checked before anything that is there is replaced.

    Args:
        file: a file, or a folder of originals; what it is is seen from its content.
        data_dir: the folder that the result goes to; without it the user cache.
        overwrite: replace a table that was made of another file.

    Raises:
        UserError: the file is missing, damaged, not trusted, not recognised or not usable, or a
            table of another file is there already.
    """
    file, data_dir = Path(file), None if data_dir is None else Path(data_dir)
    if not file.exists():
        raise UserError(f"no such file: {file}")
    folder = destination(data_dir)
    if file.is_dir() and not is_nats_folder(file):
        return _add_folder(file, data_dir, overwrite)
    sha256 = None if file.is_dir() else file_hash(file)
    kind = recognise(file, sha256)
    if kind == "cifar10":
        return _copy(kind, file, folder / FILES[kind].path, "verified by its sha256")
    if kind == _TFRECORD:
        return _add_tfrecord(file, folder, sha256, data_dir, overwrite)
    known = with_hash(sha256) if sha256 else None
    if known is not None and known.source_only:
        return _add_original(known, file, data_dir, overwrite)
    table = kind if kind in _TABLES else "nasbench201"
    target = folder / FILES[table].path
    if target.exists() and not overwrite:
        if not _same(target, sha256):
            raise UserError(_another(target, file))
        return replace(describe(FILES[table], target, data_dir, "it was there already"), kind=kind)
    if kind in _TABLES:
        _add_table(kind, file, target)
    elif kind == "nasbench201-authors":
        write_checked(target, read_authors(file), _metadata(file, kind, sha256))
    else:
        load = _OFFICIAL[kind]
        _convert_benchmark(load(file), target, _metadata(file, kind, sha256))
    return replace(describe(FILES[table], target, data_dir), kind=kind)


def recognise(file: Path, sha256: str | None = None) -> str:
    """What a file is, from its content: a known file's short name, or 'nats-tss-simple'.

    UserError that lists what can be added when it is nothing of that, or is damaged.
    """
    if file.is_dir():
        if is_nats_folder(file):
            return "nats-tss-simple"
        raise UserError(f"{file} is a folder without meta.pickle.pbz2; what can be added: {_KINDS}")
    known = with_hash(sha256) if sha256 else None
    if known is not None:
        return known.name
    with file.open("rb") as opened:
        start = opened.read(16)
    if start.startswith(b"\x1f\x8b"):
        raise UserError(
            f"{file} is a gzip file, but not CIFAR-10's python archive: its sha256 is another one "
            "(an incomplete download?)"
        )
    if start.startswith(b"PAR1"):
        return _recognise_parquet(file)
    for kind, recognised in (
        (_TFRECORD, is_tfrecord(file)),
        ("nats-tss", start.startswith(b"BZh")),
        ("nasbench201-official", start.startswith(_TORCH_MAGIC[:12]) or _is_torch_zip(file)),
        ("nasbench201-authors", start.startswith((b"\x80", b"(d", b"}"))),
    ):
        if recognised:
            return kind
    if file.name in {Path(ORIGINALS[name].path).name for name in ORIGINALS}:
        raise UserError(
            f"{file} has the name of a file that opscore knows, but another content (an incomplete "
            "or a later download?); 'opscore data fetch' gets the one that is meant"
        )
    raise UserError(f"{file} is not recognised; what can be added: {_KINDS}")


def _recognise_parquet(file: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(file).names
        says = read_metadata(file).get("table")
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{file} is a damaged Parquet file ({error})") from None
    if says is not None and says in FILES:
        return says
    fitting = [name for name in _TABLES if name != "nasbench201" and FILES[name].fits(names)]
    if len(fitting) > 1:  # spaces of one benchmark: the file's name says which
        fitting = [name for name in fitting if Path(FILES[name].path).name == file.name]
    if fitting:
        return fitting[0]
    if "arch_str" not in names or not any(parse_column(name) for name in names):
        raise UserError(
            f"{file} has no arch_str column and accuracy columns such as "
            "cifar10_test_200ep_seed777: not a NAS-Bench-201 table"
        )
    return "nasbench201"


def _is_torch_zip(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith("/data.pkl") for name in archive.namelist())


def _copy(kind: str, file: Path, target: Path, note: str) -> Added:
    if not (target.exists() and target.samefile(file)):
        with atomic_write(target) as temporary:
            shutil.copyfile(file, temporary)
    return Added(kind, target, note=note)


def _convert_benchmark(benchmark: Benchmark, target: Path, metadata: Mapping[str, str]) -> None:
    columns: dict[str, list[float]] = {}
    with progress.steps(len(benchmark.infos), "architectures"):
        for index, accuracies in benchmark.accuracies():
            for name, value in accuracies.items():
                if name not in columns:
                    columns[name] = [float("nan")] * len(benchmark.strings)
                columns[name][index] = value
            progress.advance()
    if not columns:
        raise UserError(f"{metadata['source']} holds no accuracies of NAS-Bench-201")
    write_table(target, benchmark.strings, dict(sorted(columns.items())), metadata)


def _add_table(table: str, file: Path, target: Path) -> None:
    """Copy a Parquet table of a known kind, if it can be read."""
    if table == "nasbench201":
        read_accuracies(file)
    if FILES[table].layout is not None:
        read_truth(table, file)
    try:
        check(FILES[table], file)
    except Corrupted as error:
        raise UserError(f"{file} cannot be used as {table}: {error}") from None
    _copy(table, file, target, "")


def _add_original(known: DataFile, file: Path, data_dir: Path | None, overwrite: bool) -> Added:
    """Keep an original, and make the tables that it is enough for."""
    kept = _copy(known.name, file, destination(data_dir) / known.path, "").path
    made = make_all(known.name, kept, tables_with(known.name), data_dir, overwrite)
    return _together(known.name, made)


def _add_folder(folder: Path, data_dir: Path | None, overwrite: bool) -> Added:
    """Keep the originals of a folder, and make the tables that they are enough for."""
    found = dict(_originals_in(folder))
    if not found:
        raise UserError(
            f"{folder} is a folder without meta.pickle.pbz2, and has none of the files that "
            f"'opscore data fetch' downloads; what can be added: {_KINDS}"
        )
    made: dict[str, Added] = {}
    failed: list[UserError] = []
    for known, file in found.items():
        _copy(known.name, file, destination(data_dir) / known.path, "")
    for known in found:
        kept = destination(data_dir) / known.path
        tables = [table for table in tables_with(known.name) if table.name not in made]
        try:
            made_now = make_all(known.name, kept, tables, data_dir, overwrite) if tables else []
        except UserError as error:
            failed.append(error)
            continue
        made.update((added.kind, added) for added in made_now)
    if not made:
        raise failed[0]
    answer = _together(f"{len(found)} originals", made.values())
    notes = dict.fromkeys([answer.note, *map(str, failed)])
    return replace(answer, note="; ".join(filter(None, notes)))


def _originals_in(folder: Path) -> Iterator[tuple[DataFile, Path]]:
    """The originals in a folder and those below it; only files of a known size are read."""
    sizes = {ORIGINALS[name].size for name in ORIGINALS}
    sizes |= {FILES[name].size for name in FILES if FILES[name].source_only}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size in sizes:
            known = with_hash(file_hash(path))
            if known is not None and known.source_only and tables_with(known.name):
                yield known, path


def tables_with(source: str) -> list[DataFile]:
    """The tables that an original is part of."""
    return [table for table in MADE_TABLES.values() if source in table.made_of]


def _together(kind: str, made: Iterable[Added]) -> Added:
    """One answer for several tables: the first one, and the others with it."""
    first, *others = made
    return replace(first, kind=kind, also=tuple(others))


def _add_tfrecord(
    file: Path,
    folder: Path,
    sha256: str | None,
    data_dir: Path | None,
    overwrite: bool,
) -> Added:
    """The tables of NAS-Bench-1Shot1 from NAS-Bench-101's file; those that are there stay."""
    names = {space: f"nb1shot1-{space}" for space in (1, 2, 3)}
    targets = {space: folder / FILES[name].path for space, name in names.items()}
    wanted = [space for space, path in targets.items() if overwrite or not path.exists()]
    if wanted:
        for space, table in tables_of_tfrecord(file, wanted).items():
            metadata = {"table": names[space], **_metadata(file, _TFRECORD, sha256)}
            write_checked(targets[space], table, metadata)
    made = [
        describe(FILES[names[s]], path, data_dir, "" if s in wanted else "it was there already")
        for s, path in targets.items()
    ]
    return _together(_TFRECORD, made)


def _same(target: Path, sha256: str | None) -> bool:
    """Whether a table was made of the file of this hash, or is it."""
    recorded = read_metadata(target).get(SOURCE_HASHES, "")
    return sha256 is not None and sha256 in {*recorded.split(","), file_hash(target)}


def _another(target: Path, file: Path) -> str:
    return (
        f"{target} is there already and was not made of {file.name}; use --overwrite to replace "
        "it, or --data-dir to keep both"
    )


def _metadata(file: Path, kind: str, sha256: str | None) -> dict[str, str]:
    return {"source": file.name, "kind": kind, **({SOURCE_HASHES: sha256} if sha256 else {})}
