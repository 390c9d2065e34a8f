"""Showing progress: a bar on a terminal, a line rewritten in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from opscore.progress.base import Event, is_decided, listening
from opscore.progress.tally import Tally, clock_text

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds between two lines where lines cannot be rewritten.
LINE_EVERY = 30.0

_BAR_WIDTH = 24


@contextmanager
def shown(what: str = "", *, quiet: bool = False, lines: bool = True) -> Iterator[None]:
    """Show the progress of everything that is computed inside, on stderr or in the notebook.

    Nothing is shown before there is something to say.

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
    with ExitStack() as stack:
        later = [display]

        def hear(event: Event) -> None:
            while later:
                stack.enter_context(later.pop())
            tally(event)

        with listening(hear):
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


def _display(tally: Tally, what: str, lines: bool) -> AbstractContextManager[None] | None:
    shell = sys.modules.get("IPython")
    if shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell":
        return _notebook(tally, what)
    if sys.stderr.isatty():
        return _terminal(tally, what)
    return _plain(tally, what) if lines else None


@contextmanager
def _repeated(show: Callable[[], object], seconds: float) -> Iterator[None]:
    """Show something every so often, from a thread of its own."""
    end = threading.Event()

    def run() -> None:
        while not end.wait(seconds):
            show()

    thread = threading.Thread(target=run, name="opscore-shown", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _count(tally: Tally) -> str:
    """How many units are done, such as '3/8'; empty before any is planned."""
    return f"{tally.done}/{tally.total}" if tally.total else ""


def _details(tally: Tally) -> str:
    """Time, how much is left where that is known, and the place in the unit."""
    left = tally.seconds_left()
    rest = "" if left is None else f", about {clock_text(left)} left"
    return _joined(clock_text(tally.seconds) + rest, tally.position())


def _joined(*parts: str) -> str:
    return "  ".join(filter(None, parts))


def _line(tally: Tally, what: str) -> str:
    """Everything that is known, in one line."""
    return _joined(_count(tally), tally.running() or what, _details(tally))


@contextmanager
def _plain(tally: Tally, what: str) -> Iterator[None]:
    """A line every half minute."""
    stream = sys.stderr

    def show() -> None:
        print(f"opscore: {_line(tally, what)}", file=stream, flush=True)

    with _repeated(show, LINE_EVERY):
        yield


@contextmanager
def _terminal(tally: Tally, what: str) -> Iterator[None]:
    """A bar of rich's that goes away at the end; what does not fit is cut at the right."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR_WIDTH),
        TextColumn("{task.fields[rest]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = bar.add_task(what, total=1.0, rest="")

    def show() -> None:
        rest = _joined(_count(tally), _details(tally))
        name = tally.running() or what
        bar.update(task, completed=tally.share, description=name, rest=rest, refresh=True)

    with bar, _repeated(show, 0.2):
        yield


@contextmanager
def _notebook(tally: Tally, what: str) -> Iterator[None]:
    """A line in the cell's output that is rewritten; it needs no widgets."""
    from IPython.display import display

    def text(line: str) -> dict[str, str]:
        return {"text/plain": line}

    make: Any = display
    handle = make(text(what), raw=True, display_id=True)
    try:
        with _repeated(lambda: handle.update(text(_line(tally, what)), raw=True), 0.5):
            yield
    finally:
        done = f"{tally.done} done in {clock_text(tally.seconds)}"
        handle.update(text(done), raw=True)
