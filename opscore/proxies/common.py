"""What the proxies share: which layers count, the loss, gradients, their own random draws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

from opscore.errors import UserError
from opscore.images import Batch
from opscore.rng import torch_generator
from opscore.supernets import StateNetwork

#: What zero-cost-nas counts.
Layer = nn.Conv2d | nn.Linear


def counted_layers(network: nn.Module) -> list[Layer]:
    """The layers that zero-cost-nas counts: every convolution and linear layer, in order.

    Only their weights count; biases and batch norm never do.
    """
    return [m for m in network.modules() if isinstance(m, Layer)]


def counted_weights(network: nn.Module) -> list[Tensor]:
    """The weights of the counted layers, ready for autograd."""
    return [layer.weight.requires_grad_() for layer in counted_layers(network)]


def loss(network: nn.Module, batch: Batch) -> Tensor:
    """L: the mean softmax cross-entropy of a minibatch; ArithmeticError if it is not finite."""
    return finite(functional.cross_entropy(network(batch.images), batch.labels), "the loss")


def finite(value: Tensor, what: str) -> Tensor:
    """A tensor as it is; ArithmeticError that names it when one of its values is not finite.

    For proxies that look at signs or counts: there a NaN would pass for a number.
    """
    if not bool(torch.isfinite(value.detach()).all()):
        raise ArithmeticError(f"{what} is not finite")
    return value


def gradients(
    scalar: Tensor, tensors: Sequence[Tensor], *, create_graph: bool = False
) -> list[Tensor]:
    """d scalar / d tensor for each tensor; zeros for a tensor that plays no part."""
    return list(
        torch.autograd.grad(
            scalar, tensors, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )
    )


def channel_effects(network: nn.Module, batch: Batch) -> list[tuple[Layer, Tensor]]:
    """t_nk = sum over positions of a_nk dL/da_nk, [N, channels], of each counted layer that runs.

    a is the layer's output; a linear layer has no positions.
    """
    outputs: list[tuple[Layer, Tensor]] = []

    def keep(module: Layer, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append((module, output))

    with hooked([layer.register_forward_hook(keep) for layer in counted_layers(network)]):
        value = loss(network, batch)
    found = gradients(value, [output for _, output in outputs])
    return [
        (layer, _over_positions(output.detach() * gradient))
        for (layer, output), gradient in zip(outputs, found, strict=True)
    ]


def _over_positions(product: Tensor) -> Tensor:
    """[N, channels, ...] summed to [N, channels]."""
    return product.flatten(2).sum(dim=2) if product.ndim > 2 else product


def input_jacobian(network: nn.Module, batch: Batch) -> Tensor:
    """J [N, pixels]: row i is the gradient of the sum of all logits with respect to image i.

    ArithmeticError where J is zero but for rounding. So it is in train mode when a batch norm is
    the last step before the average over the image: it fixes the sum of what it returns.
    """
    images = batch.images.detach().clone().requires_grad_()
    logits = network(images)
    (jacobian,) = torch.autograd.grad(logits.sum(), images)
    rounding = 1000 * torch.finfo(logits.dtype).eps * logits.detach().abs().max()
    if jacobian.abs().max() * images.detach().abs().max() <= rounding:
        raise ArithmeticError("the sum of all logits does not depend on the images")
    return jacobian.flatten(1)


def skip_removed(network: nn.Module) -> nn.Module:
    """Let removed operations of a state not run at all, so that what runs is what is there."""
    if isinstance(network, StateNetwork):
        network.run_removed = False
    return network


@contextmanager
def hooked(handles: Sequence[RemovableHandle]) -> Iterator[None]:
    """Remove these hooks at the end, whatever happens."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def modules_that_run(network: nn.Module, images: Tensor) -> list[nn.Module]:
    """The modules that a forward pass calls, in the network's order, each once.

    In a state network these are the modules of the operations whose weight is not zero, and those
    around the cells.
    """
    modules = list(network.modules())
    called: set[nn.Module] = set()

    def note(module: nn.Module, inputs: Any) -> None:
        called.add(module)

    skip_removed(network)
    # One hook for all modules there are: setting one at each takes longer than the pass.
    with hooked([register_module_forward_pre_hook(note)]):
        network(images)
    return [module for module in modules if module in called]


def draw_of(batch: Batch, *purpose: str) -> torch.Generator:
    """A generator that depends on the images of a minibatch, and on nothing else.

    Proxies that draw noise draw the same noise again for the same images, and other noise for the
    minibatch of another seed.
    """
    pixels = batch.images.detach().to("cpu", torch.float32).contiguous().numpy().tobytes()
    seed = int.from_bytes(hashlib.sha256(pixels).digest()[:7], "big")
    return torch_generator(seed, *purpose)


def normal_like(images: Tensor, draw: torch.Generator) -> Tensor:
    """N(0, 1) noise with the shape, type and device of a tensor; drawn on the CPU."""
    return torch.randn(images.shape, generator=draw).to(images)


def require_images(batch: Batch, least: int, proxy: str) -> None:
    """UserError when a batch is too small for a proxy."""
    if len(batch) < least:
        raise UserError(f"{proxy} needs a batch of at least {least} images, got {len(batch)}")
