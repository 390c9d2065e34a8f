"""The files that opscore knows: what each is for, where it comes from, how it is checked.

Three kinds: *tables*, which commands read; *originals*, as their authors publish them, which
tables are made of; and *collections*, the names that ``opscore data fetch`` takes.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources

from opscore.registry import Registry

TABLE = "nasbench201.parquet"

#: The folder of a data folder, and of the cache, that originals are kept in.
ORIGINALS_FOLDER = "originals"

_IMAGES = ("images", "labels", "index")
_CIFAR_LICENCE = "none stated (Krizhevsky 2009)"
_BY_HAND = "there is no download: put it in the folder that --data-dir or $OPSCORE_DATA names"
_AUTHORS = "zerocostptnas/zerocost_operation_score"


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
PROXY_VALUES = ("nasbench201-proxies", "nasbench201-zen", "transnas-micro")


def list_files() -> list[str]:
    """Names of the files that opscore knows."""
    return list(FILES)


def get_file(name: str) -> DataFile:
    """The file of this name; UserError with the near names when there is none."""
    return FILES[name]


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
    text = (resources.files("opscore.data") / "originals.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
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
        for row in rows
    ]


_KNOWN = (
    DataFile(
        name="cifar10",
        path="cifar-10-python.tar.gz",
        purpose="CIFAR-10 images, the official python archive: minibatches for scoring",
        licence=_CIFAR_LICENCE,
        how="run 'opscore data fetch cifar10'",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        size=170_498_071,
    ),
    DataFile(
        name="nasbench201",
        path=TABLE,
        purpose="NAS-Bench-201 accuracies of all 15,625 architectures: the truth",
        licence="that of the files it is made from",
        how="run 'opscore data fetch nasbench201' (CIFAR-10 test accuracy) or 'opscore data fetch "
        "nasbench201-datasets' (three datasets, test and validation), or 'opscore data add FILE' "
        "with an official NAS-Bench-201 or NATS-Bench file",
        fields=("arch_str",),
        editions=(("ed8f78cee511b9aeee238f4c6c23db5f465172470f4cb273468eb6d9bd719dc9", 1_272_994),),
    ),
    DataFile(
        name="nasbench201-authors",
        path="nb2_test_acc_cf10.p",
        purpose="CIFAR-10 test accuracies, 1-3 trainings each, published with the paper's code",
        licence="MIT",
        how="run 'opscore data fetch nasbench201'",
        url=f"https://raw.githubusercontent.com/{_AUTHORS}/"
        "48f48c90db3def7976c00cddea7c170dab9571c1/notebooks_201/nb2_test_acc_cf10.p",
        sha256="6d48694bf618ea6c38b57ed09d79209ab2de9b6f7090fbfc9a10d864fa691e4f",
        size=751_797,
        source_only=True,
    ),
    DataFile(
        name="nasbench201-official",
        path="NAS-Bench-201-v1_1-096897.pth",
        purpose="the official NAS-Bench-201 file: all datasets, splits and trainings",
        licence="MIT",
        how="follow the links at https://github.com/D-X-Y/NAS-Bench-201, then run "
        "'opscore data add FILE'",
        source_only=True,
    ),
    DataFile(
        name="nats-tss",
        path="NATS-tss-v1_0-3ffb9.pickle.pbz2",
        purpose="the official NATS-Bench topology file (or its -simple folder): as above",
        licence="MIT",
        how="follow the links at https://github.com/D-X-Y/NATS-Bench, then run "
        "'opscore data add FILE'",
        source_only=True,
    ),
    DataFile(
        name="analog-nasbench",
        path="analognasbench/data.anb",
        purpose="CIFAR-10 accuracies of the same architectures, trained once each by another "
        "group: the truth where no NAS-Bench-201 table is found",
        licence="none stated in the package",
        how="run 'pip install analog-nasbench'",
        package="analog-nasbench",
    ),
    *(
        DataFile(
            name=f"cifar10-{part}",
            path=f"cifar10/{part}.npz",
            purpose=f"{what}: minibatches where the official archive is not there",
            licence=_CIFAR_LICENCE,
            how=_BY_HAND,
            fields=_IMAGES,
        )
        for part, what in (
            ("train", "part of the CIFAR-10 training images"),
            ("valid", "further CIFAR-10 training images, held out"),
            ("test", "part of the CIFAR-10 test images"),
        )
    ),
    DataFile(
        name="nasbench201-zen",
        path="nb201_zen.parquet",
        purpose="zen scores of all NAS-Bench-201 architectures as others published them",
        licence="Apache-2.0",
        how="run 'opscore data fetch nasbench201-datasets'",
        fields=("arch_str", "zen_cifar10", "zen_cifar100", "zen_ImageNet16-120"),
        editions=(("e761807ac4aa9d857ea07d69e036c7e7b44d3c39474deed2ec87375955056984", 494_197),),
    ),
    DataFile(
        name="nasbench201-proxies",
        path="nb201_zeroproxies_sample725.parquet",
        purpose="values of twelve zero-cost proxies on some 725 NAS-Bench-201 architectures as "
        "others published them: 'opscore proxies check'",
        licence="Apache-2.0",
        how="run 'opscore data fetch published'",
        fields=("dataset", "arch_str", "params", "synflow", "nwot", "snip"),
        editions=(("147edbdb467f7174b909aac644c43f3ecc32fa26ccad886146c8841bbaed3454", 389_299),),
    ),
    DataFile(
        name="nasbench-macro",
        path="nasbench_macro.parquet",
        purpose="NAS-Bench-Macro: CIFAR-10 test accuracy of 6,561 architectures, 3 trainings each",
        licence="Apache-2.0",
        how="run 'opscore data fetch nasbench-macro'",
        fields=("arch", "test_acc_0", "test_acc_1", "test_acc_2"),
        editions=(("ee2d1facda8159882a6bde966b7e29a1f1cf2b73097554ce077a1059e3944d66", 140_646),),
    ),
    *(
        DataFile(
            name=f"nb1shot1-{number}",
            path=f"nb1shot1_space{number}.parquet",
            purpose=f"NAS-Bench-1Shot1 space {number}: CIFAR-10 errors of {rows} cells without "
            "loose ends, 108 epochs, 3 trainings each",
            licence="MIT" if editions else "Apache-2.0",
            how="run 'opscore data fetch nb1shot1'"
            if editions
            else "there is no small download: get nasbench_full.tfrecord (1.9 GB; see "
            "https://github.com/google-research/nasbench), then run 'opscore data add FILE'",
            fields=("adjacency", "node1", "node5", "test_error_0", "val_error_0"),
            editions=editions,
        )
        for number, rows, editions in (
            (
                1,
                "2,487",
                (("8833296843ae771965e08f6ad94331014df6f15bf3d40cf80c79fc8a4f74cd85", 121_744),),
            ),
            (
                2,
                "3,609",
                (("47dfc96c18e07e72aa756dd45b74ff3543470fd4cc4af8ae15fb21430c590ae2", 170_267),),
            ),
            (3, "24,066", ()),
        )
    ),
    DataFile(
        name="transnas-micro",
        path="transnas_micro.parquet",
        purpose="TransNAS-Bench-101 micro: 4,096 cells on 7 tasks, one training each",
        licence="Apache-2.0",
        how="run 'opscore data fetch transnas'",
        fields=("arch_str", "val_class_scene", "val_jigsaw"),
        editions=(("8cee486fda6fbe7c14da77b10078a0841487e7d6387839412c91fce8c2f0a5b2", 594_885),),
    ),
    DataFile(
        name="transnas-macro",
        path="transnas_macro.parquet",
        purpose="TransNAS-Bench-101 macro: 3,256 networks on 7 tasks, one training each",
        licence="Apache-2.0",
        how="run 'opscore data fetch transnas'",
        fields=("arch_str", "val_class_scene", "val_jigsaw"),
        editions=(("21cc2e166ed579693238757d81074154841eccf5717fcefc1f30ad733388363f", 481_544),),
    ),
    *(
        DataFile(
            name=f"published-{part}",
            path=f"published/{part}_scores.parquet",
            purpose=f"the authors' own raw {what} scores (from {_AUTHORS}): 'opscore replay'",
            licence="MIT",
            how=how,
            fields=("policy", "edge", "op", "score"),
            editions=editions,
        )
        for part, what, how, editions in (
            (
                "initial",
                "initial",
                "it comes with opscore",
                (("f929aa8e70a336104330ab5db012fae4bf73792c41c044f5682eefca92618373", 9_866),),
            ),
            (
                "progressive",
                "progressive",
                "it comes with opscore",
                (("c9b24a3b06a8b81cfcb33a272eac5329194e82e2157ce1f9089393bc9a4f53c0", 23_266),),
            ),
            ("nb1shot1", "NAS-Bench-1Shot1", "run 'opscore data fetch published'", ()),
        )
    ),
)

_LOGS = tuple(file.name for file in _read_originals() if file.name.startswith("logs_1shot1/"))
_COLLECTIONS = (
    Collection(
        name="nasbench201",
        purpose="NAS-Bench-201: CIFAR-10 test accuracy, 1-3 trainings each",
        sources=("nasbench201-authors",),
        tables=("nasbench201",),
    ),
    Collection(
        name="nasbench201-datasets",
        purpose="NAS-Bench-201: the same, with validation accuracy, CIFAR-100, ImageNet16-120, "
        "and published zen scores",
        sources=("nasbench201-authors", "nats_bench.csv", "nb201_zen.zip"),
        tables=("nasbench201", "nasbench201-zen"),
    ),
    Collection(
        name="nasbench-macro",
        purpose="NAS-Bench-Macro",
        sources=("nas-bench-macro_cifar10.json",),
        tables=("nasbench-macro",),
    ),
    Collection(
        name="nb1shot1",
        purpose="NAS-Bench-1Shot1, spaces 1 and 2",
        sources=("search_space1.pkl", "search_space2.pkl"),
        tables=("nb1shot1-1", "nb1shot1-2"),
    ),
    Collection(
        name="transnas",
        purpose="TransNAS-Bench-101, micro and macro",
        sources=("all_benchmarks_zen.zip", "tnb101_macro_zen.zip"),
        tables=("transnas-micro", "transnas-macro"),
    ),
    Collection(
        name="published",
        purpose="raw scores of the paper's authors, and proxy values of NAS-Bench-Suite-Zero",
        sources=(*_LOGS, "zc_nasbench201.json"),
        tables=(
            "published-initial",
            "published-progressive",
            "published-nb1shot1",
            "nasbench201-proxies",
        ),
    ),
)
for _file in _KNOWN:
    FILES.add(_file.name, _file)
for _file in _read_originals():
    if _file.sha256 not in {known.sha256 for known in _KNOWN}:
        ORIGINALS.add(_file.name, _file)
for _collection in _COLLECTIONS:
    COLLECTIONS.add(_collection.name, _collection)
