"""The files that opscore knows: what each is for, where it comes from, how it is checked."""

from __future__ import annotations

from dataclasses import dataclass

from opscore.registry import Registry

TABLE = "nasbench201.parquet"

_AUTHORS = (
    "https://raw.githubusercontent.com/zerocostptnas/zerocost_operation_score/"
    "48f48c90db3def7976c00cddea7c170dab9571c1/notebooks_201/"
)
_IMAGES = ("images", "labels", "index")
_CIFAR_LICENCE = "none stated (Krizhevsky 2009)"
_BY_HAND = "there is no download: put it in the folder that --data-dir or $OPSCORE_DATA names"


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
        source_only: only ever an input of ``opscore data add``, which makes ``nasbench201`` of it.
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


#: Data files by the short names that users type.
FILES: Registry[DataFile] = Registry("data file")


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
    """The known file that has this content."""
    return next((FILES[name] for name in FILES if FILES[name].sha256 == sha256), None)


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
        licence="that of the file it is made from",
        how="run 'opscore data fetch nasbench201-authors' (CIFAR-10 test accuracy), or "
        "'opscore data add FILE' with an official NAS-Bench-201 or NATS-Bench file",
        fields=("arch_str",),
    ),
    DataFile(
        name="nasbench201-authors",
        path="nb2_test_acc_cf10.p",
        purpose="CIFAR-10 test accuracies, 1-3 trainings each, published with the paper's code",
        licence="MIT",
        how="run 'opscore data fetch nasbench201-authors'",
        url=f"{_AUTHORS}nb2_test_acc_cf10.p",
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
    *(
        DataFile(
            name=f"published-{part}",
            path=f"published/{part}_scores.parquet",
            purpose=f"the authors' own raw {part} scores (derived from the figures in their "
            "repository zerocostptnas/zerocost_operation_score): 'opscore replay'",
            licence="MIT",
            how=_BY_HAND,
            fields=("policy", "edge", "op", "score"),
        )
        for part in ("initial", "progressive")
    ),
)
for _file in _KNOWN:
    FILES.add(_file.name, _file)
