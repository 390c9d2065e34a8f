"""Showing progress: a bar on a terminal, a line rewritten in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TextIO, TypeVar

from opscore.progress.base import is_decided, listening
from opscore.progress.tally import Tally, clock_text

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds between two lines where lines cannot be rewritten.
LINE_EVERY = 30.0

_BAR_WIDTH = 24


@contextmanager
def shown(what: str = "", *, quiet: bool = False, lines: bool = True) -> Iterator[None]:
    """Show the progress of everything that is computed inside, on stderr or in the notebook.

    Args:
        what: what is being done, for the time until a unit says its name.
        quiet: show nothing, whatever is computed inside.
        lines: where stderr is no terminal, write a plain line every half minute.
    """
    if quiet:
        with listening(None):
            yield
        return
    tally = Tally()
    display = _display(tally, what, lines)
    if display is None:
        yield
        return
    with listening(tally), display:
        yield


def shows_progress(function: Callable[P, R]) -> Callable[P, R]:
    """A function of the library that shows its progress to whoever called it by hand.

    It does so on a terminal and in a notebook, and only where nobody listens already;
    ``with shown(quiet=True):`` keeps it silent there too.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_decided():
            return function(*args, **kwargs)
        with shown(lines=False):
            return function(*args, **kwargs)

    return call


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def _display(tally: Tally, what: str, lines: bool) -> _Display | None:
    if _in_notebook():
        return _Notebook(tally, what)
    if sys.stderr.isatty():
        return _Terminal(tally, what)
    return _Lines(tally, what, sys.stderr) if lines else None


class _Display(ABC):
    """Something that shows a tally every so often, from a thread of its own."""

    every: float

    def __init__(self, tally: Tally, what: str) -> None:
        self.tally = tally
        self.what = what
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opscore-shown", daemon=True)

    def __enter__(self) -> _Display:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.close()

    @abstractmethod
    def show(self) -> None:
        """Show what is known now."""

    def close(self) -> None:  # noqa: B027 - plain lines have nothing to clean up
        """Leave the screen as it is to stay."""

    def _run(self) -> None:
        while not self._end.wait(self.every):
            self.show()

    def line(self) -> str:
        """Everything that is known, in one line."""
        return "  ".join(filter(None, (self.count(), self.now(), *self.details())))

    def now(self) -> str:
        """What is going on."""
        return self.tally.running() or self.what

    def count(self) -> str:
        """How many units are done, such as '3/8'; empty before any is planned."""
        total = self.tally.total
        return f"{self.tally.done}/{total}" if total else ""

    def details(self) -> list[str]:
        """Time, place in the unit, and rate; those that are known."""
        tally = self.tally
        left = tally.seconds_left()
        rest = "" if left is None else f", about {clock_text(left)} left"
        known = (clock_text(tally.seconds) + rest, tally.position(), tally.rate())
        return [text for text in known if text]


class _Lines(_Display):
    """A line every half minute."""

    every = LINE_EVERY

    def __init__(self, tally: Tally, what: str, stream: TextIO) -> None:
        super().__init__(tally, what)
        self._stream = stream

    def show(self) -> None:
        """One more line."""
        print(f"opscore: {self.line()}", file=self._stream, flush=True)


class _Terminal(_Display):
    """A bar of rich's that goes away at the end."""

    every = 0.2

    def __init__(self, tally: Tally, what: str) -> None:
        super().__init__(tally, what)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR_WIDTH),
            TextColumn("{task.fields[rest]}", markup=False),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task(what, total=1.0, rest="")

    def __enter__(self) -> _Display:
        self._progress.start()
        return super().__enter__()

    def show(self) -> None:
        """The bar as it is now; what does not fit is cut at the right."""
        self._progress.update(
            self._task,
            completed=self.tally.share,
            description=self.now(),
            rest="  ".join(filter(None, (self.count(), *self.details()))),
        )
        self._progress.refresh()

    def close(self) -> None:
        """The bar goes away."""
        self._progress.stop()


class _Notebook(_Display):
    """A line in the cell's output that is rewritten; it needs no widgets."""

    every = 0.5

    def __init__(self, tally: Tally, what: str) -> None:
        super().__init__(tally, what)
        from IPython.display import display

        show: Any = display
        self._handle = show(self._bar(), display_id=True)

    def show(self) -> None:
        """Rewrite the line."""
        self._handle.update(self._bar())

    def close(self) -> None:
        """Say how much was done, and how long it took."""
        tally = self.tally
        self._handle.update(_Text(f"{tally.done} done in {clock_text(tally.seconds)}"))

    def _bar(self) -> _Text:
        full = round(_BAR_WIDTH * self.tally.share)
        return _Text(f"|{'#' * full}{' ' * (_BAR_WIDTH - full)}| {self.line()}")


class _Text:
    """Text that a notebook shows without quotation marks."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
