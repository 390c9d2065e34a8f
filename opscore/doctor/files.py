"""Data files: which are here and intact, what stands in for those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from opscore.data import FILES, search_path, verify
from opscore.doctor.check import Check
from opscore.errors import UserError

AREA = "data"


def files(data_dir: Path | None = None) -> Iterator[Check]:
    """Where data is looked for, and each known file that commands read."""
    try:
        places = search_path(data_dir)
    except UserError as error:
        remedy = "make that folder, or unset the variable"
        yield Check(AREA, "search path", "problem", str(error), remedy)
        return
    yield Check(AREA, "search path", "ok", ", ".join(str(place) for place in places))
    for row in verify(data_dir).to_dict("records"):
        name, status = str(row["name"]), str(row["status"])
        if not (status == "missing" and FILES[name].source_only):
            yield _file(name, status, str(row["detail"]), str(row["path"]))


def sources(data_dir: Path | None = None) -> Iterator[Check]:
    """The images that commands would take, and the truth of each space that has one."""
    from opscore.oracles import list_oracles, load_accuracies

    yield _images(data_dir)
    for space in list_oracles():
        try:
            found = load_accuracies(space, data_dir=data_dir).source
        except UserError as error:
            what, _, remedy = str(error).partition("; ")
            yield Check(AREA, f"truth of {space}", "missing", what, remedy)
        else:
            yield Check(AREA, f"truth of {space}", "ok", found)


def _images(data_dir: Path | None) -> Check:
    from opscore.images import load_images, resolve_images

    name = resolve_images("auto", data_dir)
    described = load_images(name, data_dir).describe()
    if name == "cifar10":
        return Check(AREA, "images", "ok", described)
    remedy = f"for the paper's images, {FILES['cifar10'].how}"
    return Check(AREA, "images", "missing", f"{described}, in place of CIFAR-10", remedy)


def _file(name: str, status: str, detail: str, path: str) -> Check:
    if status == "missing":
        return Check(AREA, name, "missing", FILES[name].purpose, detail)
    told = f"{path}: {detail}"
    if status == "corrupted":
        remedy = f"remove it, then {FILES[name].how}"
        return Check(AREA, name, "warning", told, remedy)
    return Check(AREA, name, "ok", told if status == "ok" else f"{told} (not checked)")
