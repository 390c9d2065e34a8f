"""What the numbers of a truth are: larger is always better; errors count from the best value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A measure of quality.

    Attributes:
        name: what tables call it.
        ceiling: the best value there could be; an error is this minus the value.
        unit: '%' or ''.
    """

    name: str
    ceiling: float
    unit: str = ""


#: Share of the images that are classified correctly, percent.
ACCURACY = Metric("accuracy", 100.0, "%")
#: Structural similarity of two images.
SSIM = Metric("SSIM", 1.0)
#: A loss with its sign turned, so that larger is better.
NEGATIVE_LOSS = Metric("minus the loss", 0.0)
#: What a device needs for one image, with its sign turned, so that larger is better: the error is
#: the latency, or the energy, itself.
LATENCY = Metric("minus the latency", 0.0, "ms")
ENERGY = Metric("minus the energy", 0.0, "mJ")
