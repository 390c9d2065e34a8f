"""Progress of worker processes: each writes lines into a file, which the parent process reads."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from opscore.progress.base import Listener, Step, current, listening

#: Seconds between two looks at the file, and between two lines of one unit.
_INTERVAL = 0.25


@contextmanager
def relaying() -> Iterator[Path | None]:
    """A file through which workers reach the listener of this context; None if nobody listens."""
    listener = current()
    if listener is None:
        yield None
        return
    handle, name = tempfile.mkstemp(prefix="opscore-progress-")
    os.close(handle)
    path = Path(name)
    reader = _Reader(path, listener)
    reader.start()
    try:
        yield path
    finally:
        reader.finish()
        path.unlink(missing_ok=True)


@contextmanager
def relayed(path: Path | None) -> Iterator[None]:
    """In a worker: everything computed inside is heard in the process that made the file."""
    with listening(None if path is None else _Writer(path)):
        yield


class _Writer:
    """A listener that writes a line for each thing it hears."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0

    def planned(self, units: Sequence[str]) -> None:
        """The parent process plans."""

    def started(self, unit: str) -> None:
        """The worker has begun with a unit; where it begins is said whenever that is."""
        self._last = 0.0
        self._write("started", unit)

    def reached(self, unit: str, share: float, where: str, step: Step) -> None:
        """So much of it is done; said a few times a second at most."""
        now = time.monotonic()
        if now - self._last >= _INTERVAL:
            self._last = now
            self._write("reached", unit, share, where, step)

    def finished(self, unit: str, *, found: bool) -> None:
        """The worker has done a unit."""
        self._write("finished", unit, found)

    def stopped(self, unit: str) -> None:
        """The unit failed in the worker."""
        self._write("stopped", unit)

    def _write(self, *message: object) -> None:
        # One write of one short line to a file that is opened to append is not torn apart.
        try:
            with self._path.open("ab", buffering=0) as file:
                file.write(json.dumps(message).encode() + b"\n")
        except OSError:
            pass  # progress never stops a computation


class _Reader(threading.Thread):
    """Hands what workers wrote to a listener until it is told to finish."""

    def __init__(self, path: Path, listener: Listener) -> None:
        super().__init__(name="opscore-progress", daemon=True)
        self._path = path
        self._listener = listener
        self._end = threading.Event()
        self._position = 0

    def run(self) -> None:
        """Look at the file every now and then."""
        while not self._end.wait(_INTERVAL):
            self._read()
        self._read()

    def finish(self) -> None:
        """Read what is left, and end."""
        self._end.set()
        self.join()

    def _read(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._position)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            kind, unit, *rest = json.loads(line)
            if kind == "started":
                self._listener.started(unit)
            elif kind == "reached":
                share, where, step = rest
                self._listener.reached(unit, share, where, Step(*step))
            elif kind == "finished":
                self._listener.finished(unit, found=rest[0])
            else:
                self._listener.stopped(unit)
