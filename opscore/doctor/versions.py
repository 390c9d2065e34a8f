"""Python and the packages that opscore asks for."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from opscore import __version__
from opscore.doctor.check import Check

AREA = "versions"

#: What the package asks of Python, where it was not installed and carries no metadata.
_PYTHON = ">=3.11"


def versions() -> Iterator[Check]:
    """Python, opscore, and each package that opscore needs, with the version that is here."""
    try:
        wanted = metadata.distribution("opscore").metadata["Requires-Python"] or _PYTHON
    except metadata.PackageNotFoundError:
        yield _python(_PYTHON)
        detail = f"{__version__}, run from its folder without being installed"
        remedy = "run 'pip install --editable .' in that folder"
        yield Check(AREA, "opscore", "warning", detail, remedy)
        return
    yield _python(wanted)
    yield Check(AREA, "opscore", "ok", __version__)
    yield from packages(metadata.requires("opscore") or ())


def packages(requirements: Sequence[str]) -> Iterator[Check]:
    """The packages that these requirements name, without those of extras."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement)


def _python(wanted: str) -> Check:
    found = platform.python_version()
    if SpecifierSet(wanted).contains(found, prereleases=True):
        return Check(AREA, "python", "ok", f"{found} ({sys.executable})")
    remedy = f"make an environment with Python {wanted} and install opscore in it"
    return Check(AREA, "python", "problem", f"{found}; needed is {wanted}", remedy)


def _package(requirement: Requirement) -> Check:
    remedy = f"run 'pip install \"{requirement.name}{requirement.specifier}\"'"
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Check(AREA, requirement.name, "problem", "not installed", remedy)
    if not requirement.specifier.contains(found, prereleases=True):
        detail = f"{found}; needed is {requirement.specifier}"
        return Check(AREA, requirement.name, "problem", detail, remedy)
    return Check(AREA, requirement.name, "ok", found)
