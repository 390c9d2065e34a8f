"""Cores, threads, memory and devices."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress

from opscore.doctor.check import Check
from opscore.errors import UserError

#: Memory in GiB below which the main job may not get through.
_LITTLE_MEMORY = 1.5

_GIB = 2**30


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


def devices(wanted: str = "auto") -> Iterator[Check]:
    """The CPU, GPUs, and the device that a command would use."""
    import torch

    kind = torch.backends.cpu.get_cpu_capability()
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    with_onednn = "with" if has_onednn else "without"
    yield Check("devices", "cpu", "ok", f"{kind}, {with_onednn} oneDNN")
    if torch.cuda.is_available():
        for place in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(place)
            detail = f"{about.name}, {about.total_memory / _GIB:.0f} GiB"
            yield Check("devices", f"cuda:{place}", "ok", detail)
    elif shutil.which("nvidia-smi"):
        built = "was built without CUDA" if torch.version.cuda is None else "cannot use it"
        detail = f"this machine has an NVIDIA driver, but torch {torch.__version__} {built}"
        remedy = "install a torch that fits the driver (https://pytorch.org/get-started)"
        yield Check("devices", "cuda", "warning", detail, remedy)
    else:
        yield Check("devices", "cuda", "missing", "no GPU; everything runs on the CPU")
    yield _chosen(wanted)


def _chosen(wanted: str) -> Check:
    from opscore.experiments.settings import resolve_device

    name = f"--device {wanted}"
    try:
        return Check("devices", name, "ok", resolve_device(wanted))
    except UserError as error:
        return Check("devices", name, "problem", str(error), "use --device auto")


def _free_memory() -> float | None:
    """GiB that can be had without swapping; None where the system does not say."""
    with suppress(OSError), open("/proc/meminfo") as file:  # noqa: PTH123 - no file of the user
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024 / _GIB
    return None
