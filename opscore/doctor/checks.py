"""What is looked at: versions, machine, folders and data, and at last the main job on trial.

What is broken may be a package: each look imports what it needs itself, so that an error of that is
a finding too.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from opscore.errors import UserError, in_a_line

#: 'missing' is what may be there and is not; 'problem' alone keeps the main job from running.
Status = Literal["ok", "missing", "warning", "problem"]

#: The policy that is tried.
_POLICY = "zc-pt(nwot)"

#: What the package asks of Python, where it was not installed and carries no metadata.
_PYTHON = ">=3.11"

#: Free bytes below which a run could not be kept, and below which room is short.
TOO_LITTLE, LITTLE = 50 * 2**20, 2**30

_GIB = 2**30

#: Memory in GiB below which the main job may not get through.
_LITTLE_MEMORY = 1.5


@dataclass(frozen=True)
class Check:
    """What was found of one thing.

    Attributes:
        area: versions, threads, devices, folders, data or main job.
        name: the thing.
        status: see :data:`Status`.
        detail: what was found.
        remedy: what to do about it; '' where nothing is to be done.
    """

    area: str
    name: str
    status: Status
    detail: str
    remedy: str = ""


def can_run(checks: Iterable[Check]) -> bool:
    """Whether the main job can run: no finding is a problem."""
    return all(check.status != "problem" for check in checks)


def table_of(checks: Sequence[Check]) -> pd.DataFrame:
    """One row for each finding; its columns are the attributes of :class:`Check`."""
    return pd.DataFrame([vars(check) for check in checks], columns=list(Check.__annotations__))


def examine(
    *,
    runs: Path | str = "runs",
    out: Path | str | None = None,
    data_dir: Path | str | None = None,
    device: str = "auto",
) -> Iterator[Check]:
    """Findings, as they come in: the machine first, then data, then the main job on trial.

    ::

        from opscore.doctor import can_run, examine
        can_run(examine())

    Nothing is left behind in any folder. An error of whatever kind is a finding, one that comes up
    while a package is imported too.

    Args:
        runs: folder of finished runs, which may not be there yet.
        out: folder for tables and figures; None does not ask.
        data_dir: where data is looked for first.
        device: that the main job would be asked to use.
    """
    folder = None if data_dir is None else Path(data_dir)
    asked = None if out is None else Path(out)
    yield from guarded("versions", "packages", versions)
    yield from guarded("threads", "threads", threads)
    yield from guarded("devices", "devices", partial(devices, device))
    yield from guarded("folders", "folders", partial(folders, Path(runs), asked, folder))
    yield from guarded("data", "files", partial(files, folder))
    yield from guarded("data", "images and truths", partial(sources, folder))
    yield from guarded("main job", "opscore initial", partial(trial, folder, device))


def guarded(area: str, name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """What ``look`` finds; an error that it stumbles over is a problem, and ends it."""
    try:
        yield from look()
    except UserError as error:
        yield Check(area, name, "problem", str(error))
    except Exception as error:  # whatever is broken here is what is looked for
        yield Check(area, name, "problem", in_a_line(error))


def versions() -> Iterator[Check]:
    """Python, opscore, and each package that opscore needs, with the version that is here."""
    from opscore._version import __version__

    area = "versions"
    try:
        installed = metadata.distribution("opscore")
    except metadata.PackageNotFoundError:
        yield _python(_PYTHON)
        detail = f"{__version__}, run from its folder without being installed"
        remedy = "run 'pip install --editable .' in that folder"
        yield Check(area, "opscore", "warning", detail, remedy)
        return
    yield _python(installed.metadata["Requires-Python"] or _PYTHON)
    yield Check(area, "opscore", "ok", __version__)
    yield from packages(installed.requires or ())


def packages(requirements: Sequence[str]) -> Iterator[Check]:
    """The packages that these requirements name, without those of extras."""
    from packaging.requirements import Requirement

    for wanted in map(Requirement, requirements):
        name, remedy = wanted.name, f"run 'pip install \"{wanted.name}{wanted.specifier}\"'"
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check("versions", name, "problem", "not installed", remedy)
            continue
        if wanted.specifier.contains(found, prereleases=True):
            yield Check("versions", name, "ok", found)
        else:
            detail = f"{found}; needed is {wanted.specifier}"
            yield Check("versions", name, "problem", detail, remedy)


def _python(wanted: str) -> Check:
    from packaging.specifiers import SpecifierSet

    found = platform.python_version()
    if SpecifierSet(wanted).contains(found, prereleases=True):
        return Check("versions", "python", "ok", f"{found} ({sys.executable})")
    remedy = f"make an environment with Python {wanted} and install opscore in it"
    return Check("versions", "python", "problem", f"{found}; needed is {wanted}", remedy)


def threads() -> Iterator[Check]:
    """Cores that this process may use, threads that tensors are computed with, memory."""
    import torch

    from opscore.runs.workers import LIMIT, available_cores

    cores, whole = available_cores(), os.cpu_count() or 1
    yield Check("threads", "cores", "ok", f"{cores} of {whole} may be used")
    limit = os.environ.get(LIMIT)
    told = f"{LIMIT} is {limit}" if limit else f"{LIMIT} is not set"
    yield Check("threads", "threads", "ok", f"{torch.get_num_threads()}; {told}")
    memory = _free_memory()
    if memory is not None:
        little = memory < _LITTLE_MEMORY
        remedy = "use a smaller --batch-size, and --jobs 1" if little else ""
        detail = f"{memory:.1f} GiB free"
        yield Check("threads", "memory", "warning" if little else "ok", detail, remedy)


def _free_memory() -> float | None:
    """GiB that can be had without swapping; None where the system does not say."""
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024 / _GIB
    return None


def devices(wanted: str = "auto") -> Iterator[Check]:
    """The CPU, GPUs, and the device that a command would use."""
    import torch

    from opscore.experiments.settings import resolve_device

    area, kind = "devices", torch.backends.cpu.get_cpu_capability()
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    yield Check(area, "cpu", "ok", f"{kind}, {'with' if has_onednn else 'without'} oneDNN")
    if torch.cuda.is_available():
        for place in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(place)
            detail = f"{about.name}, {about.total_memory / _GIB:.0f} GiB"
            yield Check(area, f"cuda:{place}", "ok", detail)
    elif shutil.which("nvidia-smi"):
        built = "was built without CUDA" if torch.version.cuda is None else "cannot use it"
        detail = f"this machine has an NVIDIA driver, but torch {torch.__version__} {built}"
        remedy = "install a torch that fits the driver (https://pytorch.org/get-started)"
        yield Check(area, "cuda", "warning", detail, remedy)
    else:
        yield Check(area, "cuda", "missing", "no GPU; everything runs on the CPU")
    try:
        yield Check(area, f"--device {wanted}", "ok", resolve_device(wanted))
    except UserError as error:
        yield Check(area, f"--device {wanted}", "problem", str(error), "use --device auto")


def folders(runs: Path, out: Path | None, data_dir: Path | None) -> Iterator[Check]:
    """The run store, the folder of results, that of fetched data, and that of temporary files."""
    from opscore.data import cache_folder

    yield folder("runs", runs, needed=True, remedy="name another folder with --runs")
    if out is not None:
        yield folder("out", out, needed=True, remedy="name another folder with --out")
    target = cache_folder() if data_dir is None else data_dir
    remedy = "name another folder with --data-dir or $OPSCORE_CACHE before data is fetched"
    yield folder("fetched data", target, needed=False, remedy=remedy)
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        remedy = "name a folder that can be written with $TMPDIR"
        yield Check("folders", "temporary files", "problem", str(error.strerror), remedy)
    else:
        remedy = "name another folder with $TMPDIR"
        yield folder("temporary files", temporary, needed=True, remedy=remedy)


def folder(name: str, path: Path, *, needed: bool, remedy: str) -> Check:
    """Whether a folder can be written, and how much room is left in it; nothing is left behind.

    needed: whether the main job cannot do without it.
    """
    from opscore.data.files import try_to_write

    bad: Status = "problem" if needed else "warning"
    try:
        try_to_write(path)
    except OSError as error:
        why = "it is a file" if path.is_file() else error.strerror or str(error)
        return Check("folders", name, bad, f"{path} cannot be written: {why}", remedy)
    place = path.absolute()
    there = next(each for each in (place, *place.parents) if each.is_dir())
    free = shutil.disk_usage(there).free
    detail = f"{place} can be written; {free / _GIB:,.1f} GiB free"
    if free >= LITTLE:
        return Check("folders", name, "ok", detail)
    return Check("folders", name, bad if free < TOO_LITTLE else "warning", detail, remedy)


def files(data_dir: Path | None = None) -> Iterator[Check]:
    """Where data is looked for, and each known file that commands read."""
    from opscore.data import FILES, search_path, verify

    try:
        places = search_path(data_dir)
    except UserError as error:
        remedy = "make that folder, or unset the variable"
        yield Check("data", "search path", "problem", str(error), remedy)
        return
    yield Check("data", "search path", "ok", ", ".join(str(place) for place in places))
    for row in verify(data_dir).itertuples():
        name, status, known = str(row.name), str(row.status), FILES[str(row.name)]
        told = f"{row.path}: {row.detail}"
        if status == "corrupted":
            yield Check("data", name, "warning", told, f"remove it, then {known.how}")
        elif status != "missing":
            yield Check("data", name, "ok", told if status == "ok" else f"{told} (not checked)")
        elif not known.source_only:
            yield Check("data", name, "missing", known.purpose, str(row.detail))


def sources(data_dir: Path | None = None) -> Iterator[Check]:
    """The images that commands would take, and the truth of each space that has one."""
    from opscore.data import FILES
    from opscore.images import load_images, resolve_images
    from opscore.oracles import list_oracles, load_accuracies

    images = resolve_images("auto", data_dir)
    described = load_images(images, data_dir).describe()
    if images == "cifar10":
        yield Check("data", "images", "ok", described)
    else:
        remedy = f"for the paper's images, {FILES['cifar10'].how}"
        yield Check("data", "images", "missing", f"{described}, in place of CIFAR-10", remedy)
    for space in list_oracles():
        try:
            found = load_accuracies(space, data_dir=data_dir).source
        except UserError as error:
            what, _, remedy = str(error).partition("; ")
            yield Check("data", f"truth of {space}", "missing", what, remedy)
        else:
            yield Check("data", f"truth of {space}", "ok", found)


def trial(data_dir: Path | None = None, device: str = "auto") -> Iterator[Check]:
    """The main job, ``opscore initial``, at its smallest: scores, correlations, files, figures."""
    from opscore.experiments.initial.result import initial
    from opscore.progress import shown

    begun = time.perf_counter()
    small: dict[str, Any] = {"size": "smoke", "batch_size": 8, "baselines": False}
    with shown(quiet=True):
        result = initial(_POLICY, data_dir=data_dir, device=device, **small)
    with tempfile.TemporaryDirectory() as scratch:
        written = len(result.save(scratch))
    spent = time.perf_counter() - begun
    rho = result.against("best-acc").set_index("policy")["rho"][_POLICY]
    detail = (
        f"ran at its smallest in {spent:.1f} s on {result.settings.device}, with images "
        f"{result.settings.images}: {_POLICY} agrees with best-acc at {rho:.2f}; {written} files "
        "written"
    )
    yield Check("main job", "opscore initial", "ok", detail)
