"""The files that opscore knows: what each is for, where it comes from, how it is checked and read.

Three kinds: *tables*, which commands read; *originals*, as their authors publish them, which
tables are made of; and *collections*, the names that ``opscore data fetch`` takes. Each is
described once: originals in ``originals.csv``, the others in ``catalogue.toml``, whose keys are
the attributes of :class:`DataFile`, :class:`Layout`, :class:`Truth` and :class:`Collection`
(``like`` names a file whose keys count where one's own are not given; ``each`` makes one truth of
each dataset, {} in the names of its columns). Catalogue, converters, readers and oracles all
read that description.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

from opscore.data.values import KINDS, Kind
from opscore.registry import Registry

TABLE = "nasbench201.parquet"

#: The folder of a data folder, and of the cache, that originals are kept in.
ORIGINALS_FOLDER = "originals"


@dataclass(frozen=True)
class Text:
    """What a column of text has: a regular expression, and the same in words."""

    pattern: str
    form: str


@dataclass(frozen=True)
class TruthColumns:
    """Columns that are the trainings of one truth.

    Attributes:
        dataset: the dataset or task.
        split: 'test' or 'valid'.
        columns: one for each training.
        kind: what their numbers are, of :data:`opscore.data.values.KINDS`.
        epochs: length of the trainings; 0 where the benchmark does not say.
    """

    dataset: str
    split: str
    columns: tuple[str, ...]
    kind: str = "percent"
    epochs: int = 0


@dataclass(frozen=True)
class Layout:
    """The columns of a table of accuracies.

    Attributes:
        benchmark: what messages call it.
        texts: the columns that name an architecture together.
        truths: what the other columns are; the first one is meant where nobody says which.
        space: the space whose own strings the one text column has; '' where a loader of the
            space's own finds the architectures.
        sample_of: the spaces of which the table has some architectures; it is then never meant
            when nobody says.
        note: what one value of a sample is, where it is not one training.
        noise: the file with two trainings of other architectures by the same protocol, if there is
            one.
        source: what ``source`` must be for this table to be the space's truth, where it is not
            the one that is meant when nobody says.
    """

    benchmark: str
    texts: Mapping[str, Text]
    truths: tuple[TruthColumns, ...]
    space: str = ""
    source: str = "table"
    sample_of: tuple[str, ...] = ()
    note: str = ""
    noise: str = ""

    def string(self, row: Mapping[str, str]) -> str:
        """The architecture's string from the columns of text of a row.

        Columns called normal and reduce are the cells of a genotype of DARTS.
        """
        if len(row) == 1:
            (only,) = row.values()
            return only
        concat = "range(2, 6)"
        return (
            f"Genotype(normal={row['normal']}, normal_concat={concat}, "
            f"reduce={row['reduce']}, reduce_concat={concat})"
        )

    @property
    def numbers(self) -> dict[str, Kind]:
        """What each column of numbers holds."""
        return {name: KINDS[truth.kind] for truth in self.truths for name in truth.columns}


@dataclass(frozen=True)
class DataFile:
    """A file that opscore can use.

    Attributes:
        name: what a user types.
        path: its place inside a data folder or the cache.
        purpose: what opscore does with it.
        licence: the licence that its source states.
        how: how to get it, as an instruction.
        url: where ``opscore data fetch`` downloads it; None where that is not possible.
        sha256: its published or recorded hash; None where it is unknown or there are many such
            files.
        size: bytes, where known.
        fields: columns (Parquet) or arrays (npz) that it must have.
        package: the installed distribution that carries it, for a file in no data folder.
        source_only: only ever an input of ``opscore data add``, which makes a table of it.
        editions: (sha256, size in bytes) of copies that are known to be whole, for a table that
            may also have another content.
        layout: its columns, for a table of accuracies.
        made_of: names of the originals that a table is made of.
        made_by: what makes it: 'MODULE:FUNCTION' in :mod:`opscore.data.convert`.
        made_with: further arguments of that function.
        any_source: some of ``made_of`` are enough for a smaller table.
        cite: what it is cited for, keys of ``sources.bib`` (:mod:`opscore.published`).
    """

    name: str
    path: str
    purpose: str
    licence: str
    how: str
    url: str | None = None
    sha256: str | None = None
    size: int | None = None
    fields: tuple[str, ...] = ()
    package: str | None = None
    source_only: bool = False
    editions: tuple[tuple[str, int], ...] = ()
    layout: Layout | None = field(default=None, hash=False)
    made_of: tuple[str, ...] = ()
    made_by: str = ""
    made_with: Mapping[str, Any] = field(default_factory=dict, hash=False)
    any_source: bool = False
    cite: str = ""

    def fits(self, names: Iterable[str]) -> bool:
        """Whether columns of these names may be this table's; a damaged one may lack a few."""
        if self.layout is None:
            return bool(self.fields) and set(self.fields) <= set(names)
        return set(self.layout.texts) <= set(names) and not set(self.layout.numbers).isdisjoint(
            names
        )


@dataclass(frozen=True)
class Collection:
    """What ``opscore data fetch NAME`` downloads together, and the tables it makes of it.

    Attributes:
        name: what a user types.
        purpose: what the tables are for.
        sources: names of the originals.
        tables: names of the tables (data files).
    """

    name: str
    purpose: str
    sources: tuple[str, ...]
    tables: tuple[str, ...]


#: Data files by the short names that users type.
FILES: Registry[DataFile] = Registry("data file")

#: Files as their authors publish them, by their place in the originals folder.
ORIGINALS: Registry[DataFile] = Registry("original file")

#: What ``opscore data fetch`` takes beside the name of a file that has a download.
COLLECTIONS: Registry[Collection] = Registry("collection")

#: Tables of proxies' values that others published (:mod:`opscore.paper.proxy_values`).
PROXY_VALUES = (
    "nasbench201-proxies",
    "nasbench201-zen",
    "transnas-micro",
    "transnas-macro",
    "darts-proxies",
    "darts-operations",
)


def at_path(path: str) -> DataFile | None:
    """The known file that has this place inside a data folder."""
    return next((FILES[name] for name in FILES if FILES[name].path == path), None)


def with_hash(sha256: str) -> DataFile | None:
    """The known file, original or table, that has this content."""
    for registry in (FILES, ORIGINALS):
        for name in registry:
            known = {registry[name].sha256, *(edition for edition, _ in registry[name].editions)}
            if sha256 in known:
                return registry[name]
    return None


def get_source(name: str) -> DataFile:
    """The original of this name; UserError with the near names when there is none."""
    return FILES[name] if name in FILES else ORIGINALS[name]


def _read_originals() -> list[DataFile]:
    """The originals that are listed in ``originals.csv``."""
    return [
        DataFile(
            name=row["path"],
            path=f"{ORIGINALS_FOLDER}/{row['path']}",
            purpose="an original that tables are made of",
            licence=row["licence"],
            how="run 'opscore data fetch' with the name of its collection",
            url=row["url"],
            sha256=row["sha256"],
            size=int(row["size"]),
            source_only=True,
        )
        for row in csv.DictReader(_text("originals.csv").splitlines())
    ]


def _text(name: str) -> str:
    return (resources.files("opscore.data") / name).read_text(encoding="utf-8")


def _file(name: str, entry: Mapping[str, Any], originals: list[str]) -> DataFile:
    """The file that an entry of ``catalogue.toml`` describes."""
    layout = None
    if "texts" in entry:
        texts = {column: Text(**text) for column, text in entry["texts"].items()}
        truths = tuple(truth for each in entry["truths"] for truth in _truths(each))
        named = {key: entry[key] for key in ("space", "source", "note", "noise") if key in entry}
        named["sample_of"] = tuple(entry.get("sample_of", ()))
        layout = Layout(entry["benchmark"], texts, truths, **named)
    own = {key: entry[key] for key in entry.keys() & {f.name for f in fields(DataFile)}}
    return DataFile(
        **{
            **own,
            "name": name,
            "fields": (*layout.texts, *layout.numbers)
            if layout
            else tuple(entry.get("fields", ())),
            "editions": tuple((sha256, size) for sha256, size in entry.get("editions", ())),
            "layout": layout,
            "made_of": _named(entry.get("made_of", ()), originals),
        }
    )


def _truths(entry: Mapping[str, Any]) -> Iterator[TruthColumns]:
    """One truth, or one of each dataset that ``each`` names."""
    shared = {key: value for key, value in entry.items() if key not in ("each", "columns")}
    for dataset in entry.get("each", (entry.get("dataset"),)):
        columns = tuple(column.format(dataset) for column in entry["columns"])
        yield TruthColumns(**{**shared, "dataset": dataset, "columns": columns})


def _named(patterns: Iterable[str], originals: list[str]) -> tuple[str, ...]:
    """Names of originals; a pattern with * stands for all that it fits."""
    found: list[str] = []
    for pattern in patterns:
        fitting = [name for name in originals if fnmatchcase(name, pattern)]
        found += fitting if "*" in pattern else [pattern]
    return tuple(found)


def _fill() -> None:
    """Read the two descriptions into the registries."""
    content = tomllib.loads(_text("catalogue.toml"))
    originals = _read_originals()
    names = [file.name for file in originals]
    for name, entry in content["file"].items():
        like = content["file"].get(entry.get("like"), {})
        FILES.add(name, _file(name, {**like, **entry}, names))
    known = {FILES[name].sha256 for name in FILES}
    for file in originals:
        if file.sha256 not in known:
            ORIGINALS.add(file.name, file)
    for name, entry in content["collection"].items():
        sources = _named(entry["sources"], names)
        COLLECTIONS.add(name, Collection(name, entry["purpose"], sources, tuple(entry["tables"])))


_fill()
