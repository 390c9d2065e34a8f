"""scikit-learn's handwritten digits at CIFAR-10's size: real images that need no download."""

from __future__ import annotations

import numpy as np
import torch

from opscore.images.base import PixelImages


def load_digits() -> PixelImages:
    """1,797 digits of 8x8 pixels, scaled bilinearly to 32x32 and repeated in three channels.

    Normalised by their own mean and standard deviation. All of them may be drawn for scoring.
    """
    from sklearn.datasets import load_digits as load_sklearn_digits

    data = load_sklearn_digits()
    small = torch.from_numpy(data.images.astype(np.float32) * (255 / 16))[:, None]
    large = torch.nn.functional.interpolate(small, size=(32, 32), mode="bilinear")
    pixels = large.round().to(torch.uint8).repeat(1, 3, 1, 1).permute(0, 2, 3, 1).numpy()
    mean, std = float(pixels.mean() / 255), float(pixels.std() / 255)
    return PixelImages(
        name="digits",
        pixels=pixels,
        labels=data.target.astype(np.int64),
        mean=(mean, mean, mean),
        std=(std, std, std),
        pool=np.arange(len(pixels)),
        n_classes=10,
        description="scikit-learn's 1,797 handwritten digits, scaled to 32x32x3",
    )
