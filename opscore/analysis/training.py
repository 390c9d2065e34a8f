"""Picture of a training. Nothing is calculated here."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from opscore.answers.style import MEASURED, PUBLISHED, describe, drawn, panels


@drawn
def training_curves(log: pd.DataFrame, *, note: str = "") -> Axes:
    """Accuracy on the images trained on and on others, epoch by epoch.

    Args:
        log: epoch, train_accuracy and test_accuracy, percent.
        note: what the numbers are; the caption.
    """
    (axes,) = panels(1, 3.2)
    for column, label, colour, marker in (
        ("train_accuracy", "images that are trained on", MEASURED, "o"),
        ("test_accuracy", "other images", PUBLISHED, "D"),
    ):
        axes.plot(
            log["epoch"],
            log[column],
            marker=marker if len(log) < 30 else "",
            ls="-" if colour == MEASURED else "--",
            label=label,
            color=colour,
        )
    axes.set(xlabel="epoch", ylabel="accuracy, %")
    axes.legend()
    axes.grid()
    describe(axes, "Training of one network", note)
    return axes
