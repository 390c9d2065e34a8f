"""The whole examination, which ends with the main job itself on the smallest networks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from opscore.doctor.check import Check, guarded

#: The policy that is tried.
_POLICY = "zc-pt(nwot)"


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
    yield from guarded("versions", "packages", _versions)
    yield from guarded("threads", "threads", _threads)
    yield from guarded("devices", "devices", partial(_devices, device))
    yield from guarded("folders", "folders", partial(_folders, Path(runs), asked, folder))
    yield from guarded("data", "files", partial(_files, folder))
    yield from guarded("data", "images and truths", partial(_sources, folder))
    yield from guarded("main job", "opscore initial", partial(trial, folder, device))


def trial(data_dir: Path | None = None, device: str = "auto") -> Iterator[Check]:
    """The main job, ``opscore initial``, at its smallest: scores, correlations, files, figures."""
    from opscore.experiments.initial.result import initial
    from opscore.progress import shown

    begun = time.perf_counter()
    small: dict[str, Any] = {"size": "smoke", "batch_size": 8, "baselines": False}
    with shown(quiet=True):
        result = initial(_POLICY, data_dir=data_dir, device=device, **small)
    with tempfile.TemporaryDirectory() as folder:
        written = len(result.save(folder))
    spent = time.perf_counter() - begun
    rho = result.against("best-acc").set_index("policy")["rho"][_POLICY]
    detail = (
        f"ran at its smallest in {spent:.1f} s on {result.settings.device}, with images "
        f"{result.settings.images}: {_POLICY} agrees with best-acc at {rho:.2f}; {written} files "
        "written"
    )
    yield Check("main job", "opscore initial", "ok", detail)


def _versions() -> Iterator[Check]:
    from opscore.doctor.versions import versions

    return versions()


def _threads() -> Iterator[Check]:
    from opscore.doctor.machine import threads

    return threads()


def _devices(device: str) -> Iterator[Check]:
    from opscore.doctor.machine import devices

    return devices(device)


def _folders(runs: Path, out: Path | None, data_dir: Path | None) -> Iterator[Check]:
    from opscore.doctor.folders import folders

    return folders(runs, out, data_dir)


def _files(data_dir: Path | None) -> Iterator[Check]:
    from opscore.doctor.files import files

    return files(data_dir)


def _sources(data_dir: Path | None) -> Iterator[Check]:
    from opscore.doctor.files import sources

    return sources(data_dir)
