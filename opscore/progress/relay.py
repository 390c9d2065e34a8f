"""Progress of worker processes: each writes lines into a file, which the parent process reads."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opscore.progress.base import Event, Listener, current, listening

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
    path, end = Path(name), threading.Event()
    reader = threading.Thread(target=_read, args=(path, listener, end), daemon=True)
    reader.start()
    try:
        yield path
    finally:
        end.set()
        reader.join()
        path.unlink(missing_ok=True)


def _read(path: Path, listener: Listener, end: threading.Event) -> None:
    """Hand what workers wrote to a listener, until the end and what was written by then."""
    with path.open("rb") as file:
        rest, last = b"", False
        while not last:
            last = end.wait(_INTERVAL)
            *lines, rest = (rest + file.read()).split(b"\n")
            for line in lines:
                listener(Event(*json.loads(line)))


@contextmanager
def relayed(path: Path | None) -> Iterator[None]:
    """In a worker: everything computed inside is heard in the process that made the file."""
    with listening(None if path is None else _Writer(path)):
        yield


class _Writer:
    """A listener that writes a line for each thing it hears, a few a second at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        if event.kind == "planned":
            return  # the parent process plans
        if event.kind == "reached":
            if now - self._last < _INTERVAL:
                return
            self._last = now
        elif event.kind == "started":
            self._last = 0.0  # where it begins is said whenever that is
        # One write of one short line to a file that is opened to append is not torn apart.
        try:
            with self._path.open("ab", buffering=0) as file:
                file.write(json.dumps(event).encode() + b"\n")
        except OSError:
            pass  # progress never stops a computation
