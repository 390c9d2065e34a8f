"""linear_regions: how many linear pieces of the network small random inputs fall into.

    S = number of different activation patterns among 3,000 inputs

(Chen et al. 2021: TE-NAS; as the authors of operation scoring use it). Larger is better.
Labels are not used.

A pattern is the signs of all rectifiers' inputs for one input, and two inputs with the same pattern
lie in the same linear region. Eval mode: batch norm is a fixed affine map.

TE-NAS takes a copy of the network with one input channel and crops of 3x3 pixels, of which one
random channel is kept. Here the crop goes into the first channel and the others are zero, which is
the same network: without biases the scale of the first weights changes no sign. Crops are drawn
from the minibatch; they are not padded further, as its images have been already. Patterns of
removed operations are constant and make no regions, so they are not run.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from opscore.images import Batch
from opscore.proxies.base import register_proxy
from opscore.proxies.common import by_image, draw_of, run, skip_removed
from opscore.proxies.failures import is_failure
from opscore.proxies.nwot import is_relu
from opscore.supernets.counting import hooked

SAMPLES = 3000
CROP = 3

#: Inputs that go through the network together.
_TOGETHER = 1000


@register_proxy("linear_regions", higher_is_better=True, source="chen2021", engine="unaltered")
def linear_regions(network: nn.Module, batch: Batch) -> float:
    """S of a network."""
    skip_removed(network)
    crops = thin_crops(batch, SAMPLES, CROP)
    try:
        return float(count_regions(network, crops))
    except RuntimeError as error:
        if is_failure(error):
            raise
        why = str(error).strip().splitlines()[0]
        raise ArithmeticError(f"crops of {CROP} x {CROP} do not go through it ({why})") from None


def thin_crops(batch: Batch, count: int, size: int) -> Tensor:
    """Random crops [count, channels, size, size] with one random channel, moved to the first."""
    draw = draw_of(batch, "linear_regions")
    n_images, channels, height, width = batch.images.shape
    size = min(size, height, width)
    limits = (n_images, channels, height - size + 1, width - size + 1)
    image, channel, row, column = (
        torch.randint(limit, (count, 1, 1), generator=draw) for limit in limits
    )
    steps = torch.arange(size)
    crops = torch.zeros(count, channels, size, size, dtype=batch.images.dtype)
    crops[:, 0] = batch.images.detach().cpu()[image, channel, row + steps[:, None], column + steps]
    return crops.to(batch.images.device)


def count_regions(network: nn.Module, inputs: Tensor) -> int:
    """Number of different patterns of the rectifiers over the inputs [N, ...]."""
    codes = [activation_codes(network, part) for part in torch.split(inputs, _TOGETHER)]
    return len(np.unique(np.concatenate(codes), axis=0))


@torch.no_grad()
def activation_codes(network: nn.Module, inputs: Tensor) -> NDArray[np.uint8]:
    """The signs of all rectifiers' inputs, packed eight to a byte: [N, bytes]."""
    bits: list[NDArray[np.uint8]] = []

    def note(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        signs = by_image(given[0], len(inputs), module) > 0
        bits.append(np.packbits(signs.cpu().numpy(), axis=1))

    with hooked([m.register_forward_pre_hook(note) for m in network.modules() if is_relu(m)]):
        run(network, inputs)
    if not bits:
        raise ArithmeticError("the network has no rectifier, so it is one linear region")
    return np.concatenate(bits, axis=1)
