"""Picture of a training. Nothing is calculated here."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes

from opscore.analysis.drawn import Drawn

_TRAIN, _TEST = "#2f5d8a", "#c8553d"


def training_curves(log: pd.DataFrame, *, note: str = "") -> Axes:
    """Accuracy on the images trained on and on others, epoch by epoch.

    Args:
        log: epoch, train_accuracy and test_accuracy, percent.
        note: what the numbers are, in small print below.
    """
    figure = Drawn(6.4, 4.2)
    axes = figure.add_subplot()
    marker = "o" if len(log) < 30 else ""
    for column, label, colour in (
        ("train_accuracy", "images that are trained on", _TRAIN),
        ("test_accuracy", "other images", _TEST),
    ):
        axes.plot(log["epoch"], log[column], marker=marker, ms=3, label=label, color=colour)
    axes.set(xlabel="epoch", ylabel="accuracy, %", title="Training of one network")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    if note:
        figure.supxlabel("\n".join(textwrap.wrap(note, 110)), fontsize=6)
    return axes
