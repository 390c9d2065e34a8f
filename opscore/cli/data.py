"""``opscore data``: which files there are, and getting, adding and checking them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from opscore import progress
from opscore.answers import Answer, Column, Listing, Table
from opscore.cli.common import DataDirOption
from opscore.cli.present import answering
from opscore.errors import UserError, unknown

if TYPE_CHECKING:
    from opscore.data import Added

app = typer.Typer(no_args_is_help=True, help="Data files: list, verify, fetch, add.")


@app.command(name="list")
@answering()
def list_(data_dir: DataDirOption = None) -> Answer:
    """The files that opscore knows, what each is for, and where they are."""
    from opscore.data import COLLECTIONS, FILES, find, search_path

    found = {name: find(name, data_dir) for name in FILES}
    rows = [
        (
            name,
            "yes" if found[name] else "no",
            f"{file.purpose}\nlicence: {file.licence}" + ("" if found[name] else f"\n{file.how}"),
        )
        for name, file in ((name, FILES[name]) for name in FILES)
    ]
    columns = (
        Column("name"),
        Column("here", kind="status"),
        Column("about", "what for, licence, how to get it"),
    )
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    folders = ", ".join(str(folder) for folder in search_path(data_dir))
    return Listing(
        [Table("", columns, frame, sections="name")],
        {
            "files": [{**asdict(FILES[name]), "found": found[name]} for name in FILES],
            "collections": [asdict(COLLECTIONS[name]) for name in COLLECTIONS],
            "search_path": search_path(data_dir),
        },
        said=[
            f"opscore data fetch NAME makes the tables of {', '.join(COLLECTIONS)}; --all makes "
            "all of them"
        ],
        then=[f"looked in: {folders}"],
    )


@app.command()
@answering()
def verify(data_dir: DataDirOption = None) -> Answer:
    """Check the files that are here; exit code 1 if one is corrupted."""
    from opscore import data

    frame = data.verify(data_dir)
    columns = (
        Column("name"),
        Column("status", kind="status"),
        Column("detail", missing=""),
        Column("path", missing=""),
    )
    corrupted = (frame["status"] == "corrupted").any()
    return Listing([Table("", columns, frame)], {"files": frame}, wrong="" if corrupted else None)


@app.command()
@answering(formats=False)
def fetch(
    name: Annotated[
        str | None,
        typer.Argument(help="A collection or a file; see 'opscore data list'.", show_default=False),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every collection: all tables, from 24 MB of downloads.")
    ] = False,
    url: Annotated[
        str | None, typer.Option(help="Download a file from here instead of its own address.")
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(help="A server that has the originals of collections under their names."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace tables made of other files.")
    ] = False,
    data_dir: DataDirOption = None,
) -> Answer:
    """Download what tables are made of, or a file; check it, and make it ready for use.

    Names are those of 'opscore data list'. Originals are compared with their sha256, and kept.
    """
    from opscore import data
    from opscore.data.fetch import check_address

    if (name is None) != all_:
        raise UserError("give the name of a collection or file, or --all and no name")
    if mirror is not None:
        check_address(mirror)
    if name is not None and name not in data.COLLECTIONS and name not in data.MADE_TABLES:
        return _fetch_file(name, url, data_dir)
    if url is not None:
        raise UserError(
            f"{name or '--all'} is made of files with addresses of their own; --mirror names a "
            "server that has them"
        )
    added: dict[str, list[Added]] = {}
    failed: dict[str, str] = {}
    lines: list[str] = []
    for wanted in [name] if name is not None else data.COLLECTIONS:
        made = added.setdefault(wanted, [])
        lines += _about(wanted)
        try:
            for table in data.each_table(wanted, mirror, data_dir=data_dir, overwrite=overwrite):
                made.append(table)
                lines += _told(table)
        except UserError as error:
            if name is not None and not made:
                raise
            failed[wanted] = str(error)
            lines.append(str(error))
    tables = {wanted: [asdict(table) for table in made] for wanted, made in added.items()}
    values = {"name": name or "all", "tables": tables, "failed": failed}
    why = f"could not make all of {', '.join(failed)}; what was made stays" if failed else None
    return Listing([], values, said=lines, wrong=why)


def _fetch_file(name: str, url: str | None, data_dir: Path | None) -> Answer:
    """A file; of one that is an input of ``data add``, also its table if there is none yet."""
    from opscore import data
    from opscore.data.catalogue import TABLE

    if name not in data.FILES:
        raise unknown("collection or data file", name, {*data.COLLECTIONS, *data.FILES})
    with progress.shown(lines=False), progress.unit(f"fetching {name}"):
        path = data.fetch(name, url=url, data_dir=data_dir)
    added = None
    if data.FILES[name].source_only and data.find(TABLE, data_dir) is None:
        added = data.add(path, data_dir=data_dir)
    values = {"name": name, "path": path, "added": asdict(added) if added else None}
    return Listing([], values, said=[f"{name}: {path}", *(_told(added) if added else [])])


def _about(name: str) -> list[str]:
    """What a collection, or a table, is for, and the originals that it is made of."""
    from opscore.data import COLLECTIONS, FILES, get_source

    known = COLLECTIONS[name] if name in COLLECTIONS else FILES[name]
    lines = [f"{name}: {known.purpose}"]
    for source in COLLECTIONS[name].sources if name in COLLECTIONS else FILES[name].made_of:
        if "/" not in source:  # many small ones of a folder
            file = get_source(source)
            size = f"{file.size / 1e6:.2f} MB, " if file.size else ""
            lines.append(f"  made of {source} ({size}licence: {file.licence})")
    return lines


@app.command()
@answering(formats=False)
def add(
    file: Annotated[Path, typer.Argument(help="A file or folder that you have.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a table made of another file.")
    ] = False,
    data_dir: DataDirOption = None,
) -> Answer:
    """Recognise a file that you have, and convert or copy it once and for all.

    Known are the official NAS-Bench-201 file, NATS-Bench's topology file or folder, NAS-Bench-101's
    tfrecord file, everything that 'opscore data fetch' downloads (or a folder of it), the CIFAR-10
    python archive, and the tables themselves.
    """
    from opscore import data

    with progress.shown(lines=False), progress.unit(f"reading {file.name}"):
        added = data.add(file, data_dir=data_dir, overwrite=overwrite)
    return Listing([], asdict(added), said=_told(added))


def _told(added: Added) -> list[str]:
    """What became of a file, and of those made with it."""
    what = "" if added.n_architectures is None else f" ({added.n_architectures:,} {added.counted})"
    columns = f"columns: {', '.join(added.columns)}" if added.columns else ""
    first = f"{added.kind} -> {added.path}{what}"
    return [*filter(None, (first, columns, added.note)), *(t for a in added.also for t in _told(a))]
