"""How far a computation is: said where the work is done, heard by whoever shows it.

A run loop says which units it will compute, and which one it is at::

    progress.plan(["zc-pt(nwot), seed 0", "zc-pt(nwot), seed 1"])
    progress.found("zc-pt(nwot), seed 0")           # it was there already
    with progress.unit("zc-pt(nwot), seed 1"):      # in this process or in a worker
        ...

Code inside a unit says what it goes through; steps within steps fill one step of the outer ones::

    for state in progress.each(states, "states"):
        ...

Nobody need listen: then all of it does nothing. ``with progress.shown():`` shows a bar on a
terminal and in a notebook, and plain lines elsewhere. A program that wants to be called itself, as
each unit ends, with each epoch, listens with a function of an :class:`Event`::

    def hear(event):
        if event.kind == "reached" and event.what == "epochs":
            print(event.unit, event.done, "of", event.total)

    with progress.listening(hear):
        opscore.train_network(space, architecture)
"""

from opscore.progress.base import (
    Event,
    Listener,
    advance,
    each,
    found,
    label,
    listening,
    outline,
    plan,
    reach,
    steps,
    unit,
)
from opscore.progress.relay import relayed, relaying
from opscore.progress.shown import shown, shows_progress
from opscore.progress.tally import clock_text

__all__ = [
    "Event",
    "Listener",
    "advance",
    "clock_text",
    "each",
    "found",
    "label",
    "listening",
    "outline",
    "plan",
    "reach",
    "relayed",
    "relaying",
    "shown",
    "shows_progress",
    "steps",
    "unit",
]
