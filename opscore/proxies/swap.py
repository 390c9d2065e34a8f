"""swap: how many different ways the rectifiers respond to a minibatch.

    S = number of different columns of the binary matrix of signs [images, rectifier units]

(Peng et al. 2024: SWAP-score, without regularisation). Larger is better. Labels are not
used.

Where nwot compares images by what all units say of them, swap compares units by what they say of
all images: a column holds the signs of one unit's input for every image. Every rectifier that runs
counts; units that see the same input have the same column and count once. Eval mode.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import by_image, run, skip_removed
from opscore.proxies.nwot import is_relu
from opscore.supernets.counting import hooked


@register_proxy("swap", higher_is_better=True, source="peng2024", engine="unaltered")
@torch.no_grad()
def swap(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    found: list[NDArray[np.void]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        signs = (by_image(inputs[0], len(batch), module) > 0).cpu().numpy()
        found.append(distinct_columns(signs))

    skip_removed(network)
    with hooked([m.register_forward_pre_hook(note) for m in network.modules() if is_relu(m)]):
        run(network, batch.images)
    if not found:
        raise ArithmeticError("the network has no rectifier")
    return float(len(np.unique(np.concatenate(found))))


def distinct_columns(signs: NDArray[np.bool_]) -> NDArray[np.void]:
    """The different columns of a matrix of bits [images, units], each packed into one item."""
    packed = np.ascontiguousarray(np.packbits(signs, axis=0).T)
    return np.unique(packed.view(np.dtype((np.void, packed.shape[1]))).ravel())
