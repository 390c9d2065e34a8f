"""``make wheel-check``: the wheel works alone, on every Python that opscore supports.

It is built, checked as the package index would, and installed into a fresh environment for each of
python3.11, python3.12 and python3.13 on PATH. There commands run in another folder, without data,
and with a home that nobody can write to. A Python that is not there is said, and fails the check.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PYTHONS = ("3.11", "3.12", "3.13")

_SMALL = "--seeds 0 --size smoke --batch-size 8"

COMMANDS = (
    f"initial --policies zc-pt(nwot),random {_SMALL} --out out/initial",
    "figure2 --out out/figure2",
    "table1 --out out/table1",
    "leaderboard",
    "replay figure2",
    "doctor",
    f"search --proxy nwot -N 1 -V 1 {_SMALL}",
)

#: Below a file nobody can make a folder, root neither.
HOME = f"{os.devnull}/home"


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a command; what it printed is shown only if it fails, and then this ends."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout.decode()}")


def install(python: Path, *packages: str | Path) -> None:
    """Install packages by the versions that 'make' takes."""
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", *packages)


def build(folder: Path) -> Path:
    """The wheel, made from the source distribution, both fit for the package index."""
    venv.create(folder, with_pip=True)
    install(folder / "bin" / "python", "build", "twine")
    dist = folder / "dist"
    run(folder / "bin" / "python", "-m", "build", "--outdir", dist)
    run(folder / "bin" / "twine", "check", "--strict", *dist.iterdir())
    (wheel,) = dist.glob("*.whl")
    print(f"{wheel.name}: built and checked", flush=True)
    return wheel


def check(interpreter: str, wheel: Path, folder: Path) -> None:
    """Install the wheel for a Python and run the commands, in a folder of their own."""
    run(interpreter, "-m", "venv", folder / "venv")
    install(folder / "venv" / "bin" / "python", wheel)
    names = ("PATH", "LANG", "LD_LIBRARY_PATH")
    alone = {name: os.environ[name] for name in names if name in os.environ} | {"HOME": HOME}
    (folder / "work").mkdir()
    for command in COMMANDS:
        opscore = folder / "venv" / "bin" / "opscore"
        run(opscore, *command.split(), cwd=folder / "work", env=alone)
        print(f"{interpreter}: opscore {command.split()[0]}", flush=True)


def main() -> int:
    """Exit code 1 if a Python is missing."""
    found = {f"python{version}": shutil.which(f"python{version}") for version in PYTHONS}
    with tempfile.TemporaryDirectory() as name:
        wheel = build(Path(name) / "build")
        for interpreter, path in found.items():
            if path is None:
                print(f"{interpreter}: not on PATH, not checked", flush=True)
                continue
            folder = Path(name) / interpreter
            folder.mkdir()
            check(interpreter, wheel, folder)
            shutil.rmtree(folder)
    return int(None in found.values())


if __name__ == "__main__":
    sys.exit(main())
