"""``opscore data add``: recognise a file that a user has, and make it usable once and for all."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opscore.data.catalogue import FILES, TABLE, with_hash
from opscore.data.fetch import Progress
from opscore.data.files import atomic_write, file_hash
from opscore.data.layout import column_name, parse_column, read_metadata, write_table
from opscore.data.locate import destination, find
from opscore.data.official import (
    Benchmark,
    is_nats_folder,
    load_nats_file,
    load_nats_folder,
    load_pth,
)
from opscore.data.pickles import load_restricted
from opscore.errors import UserError
from opscore.spaces import NASBENCH201

_KINDS = (
    "an official NAS-Bench-201 .pth file, a NATS-Bench tss .pickle.pbz2 file or -simple folder, "
    "nb2_test_acc_cf10.p, the CIFAR-10 python archive, a nasbench201.parquet"
)
#: How old torch files begin: a pickle of this number.
_TORCH_MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)


@dataclass(frozen=True)
class Added:
    """What became of a file.

    Attributes:
        kind: what it was recognised as.
        path: where its usable form is.
        n_architectures: how many architectures have an accuracy, for a table.
        n_missing: how many of the space's architectures have none.
        columns: the table's accuracy columns.
        note: what the user should know.
    """

    kind: str
    path: Path
    n_architectures: int | None = None
    n_missing: int | None = None
    columns: tuple[str, ...] = ()
    note: str = ""


def add(
    file: Path | str,
    *,
    data_dir: Path | str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Added:
    """Take a file into the user cache, or into ``data_dir``.

    Tables of accuracies become one small Parquet file (see :mod:`opscore.data.layout`), whatever
    their form; the CIFAR-10 archive is verified and copied.

    Args:
        file: a file or folder; what it is is seen from its content.
        data_dir: the folder that the result goes to; without it the user cache.
        overwrite: replace a table that was made of another file.
        progress: called with the number of architectures read and their total.

    Raises:
        UserError: the file is missing, damaged, not trusted or not recognised, or a table of
            another file is there already.
    """
    file = Path(file)
    data_dir = None if data_dir is None else Path(data_dir)
    if not file.exists():
        raise UserError(f"no such file: {file}")
    folder = destination(data_dir)
    sha256 = None if file.is_dir() else file_hash(file)
    kind = recognise(file, sha256)
    if kind == "cifar10":
        return _copy(kind, file, folder / FILES[kind].path, "verified by its sha256")
    target = folder / TABLE
    if target.exists() and not overwrite:
        same = sha256 is not None and sha256 in {
            read_metadata(target).get("source_sha256"),
            file_hash(target),
        }
        if not same:
            raise UserError(
                f"{target} is there already and was not made of {file.name}; use --overwrite to "
                "replace it, or --data-dir to keep both"
            )
        return _describe(kind, target, data_dir, "it was there already")
    if kind == "nasbench201":
        _copy(kind, file, target, "")
    elif kind == "nasbench201-authors":
        _convert_authors(file, target, _metadata(file, kind, sha256))
    else:
        load = {
            "nasbench201-official": load_pth,
            "nats-tss": load_nats_file,
            "nats-tss-simple": load_nats_folder,
        }[kind]
        _convert_benchmark(load(file), target, _metadata(file, kind, sha256), progress)
    return _describe(kind, target, data_dir)


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
    if start.startswith(b"BZh"):
        return "nats-tss"
    if start.startswith(_TORCH_MAGIC[:12]) or _is_torch_zip(file):
        return "nasbench201-official"
    if start.startswith(b"\x80") or start.startswith((b"(d", b"}")):
        return "nasbench201-authors"
    raise UserError(f"{file} is not recognised; what can be added: {_KINDS}")


def _recognise_parquet(file: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(file).names
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{file} is a damaged Parquet file ({error})") from None
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


def _convert_benchmark(
    benchmark: Benchmark, target: Path, metadata: Mapping[str, str], progress: Progress | None
) -> None:
    total = len(benchmark.infos)
    columns: dict[str, list[float]] = {}
    for done, (index, accuracies) in enumerate(benchmark.accuracies(), start=1):
        for name, value in accuracies.items():
            if name not in columns:
                columns[name] = [float("nan")] * len(benchmark.strings)
            columns[name][index] = value
        if progress is not None:
            progress(done, total)
    if not columns:
        raise UserError(f"{metadata['source']} holds no accuracies of NAS-Bench-201")
    write_table(target, benchmark.strings, dict(sorted(columns.items())), metadata)


def _convert_authors(file: Path, target: Path, metadata: Mapping[str, str]) -> None:
    """A dictionary from operation indices (our order of edges and operations) to accuracies."""
    with file.open("rb") as opened:
        content = load_restricted(opened)
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"{file} is not the authors' table: a dictionary of accuracies")
    try:
        strings = [NASBENCH201.format(NASBENCH201.architecture(key)) for key in content]
        trials = [[float(value) for value in values] for values in content.values()]
    except (TypeError, ValueError) as error:
        raise UserError(f"{file} is not the authors' table ({error})") from None
    columns = {
        column_name("cifar10", "test", 200, f"trial{number}"): [
            values[number] if number < len(values) else float("nan") for values in trials
        ]
        for number in range(max(len(values) for values in trials))
    }
    write_table(target, strings, columns, metadata)


def _metadata(file: Path, kind: str, sha256: str | None) -> dict[str, str]:
    return {"source": file.name, "kind": kind, **({"source_sha256": sha256} if sha256 else {})}


def _describe(kind: str, target: Path, data_dir: Path | None, note: str = "") -> Added:
    import pandas as pd

    first = find(TABLE, data_dir) or target
    hidden = "" if first.samefile(target) else f"{first} is found before it, and used instead"

    frame = pd.read_parquet(target)
    columns = [name for name in frame.columns if parse_column(str(name))]
    known = int(frame.loc[frame[columns].notna().any(axis=1), "arch_str"].nunique())
    missing = NASBENCH201.size - known
    notes = (
        note,
        hidden,
        f"{missing:,} of {NASBENCH201.size:,} architectures have no accuracy" if missing else "",
    )
    return Added(
        kind, target, known, missing, tuple(columns), "; ".join(part for part in notes if part)
    )
