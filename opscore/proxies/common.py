"""What the proxies share: which layers count, the loss, gradients, their own random draws."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Sized
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from opscore.errors import UserError
from opscore.images import Batch
from opscore.rng import derive_seed
from opscore.supernets import StateNetwork
from opscore.supernets.counting import hooked

#: What zero-cost-nas counts.
Layer = nn.Conv2d | nn.Linear


def counted_layers(network: nn.Module) -> list[Layer]:
    """The layers that zero-cost-nas counts: every convolution and linear layer, in order.

    Only their weights count; biases and batch norm never do.
    """
    return [m for m in network.modules() if isinstance(m, Layer)]


def counted_weights(network: nn.Module) -> list[Tensor]:
    """The weights of the counted layers, ready for autograd; one that layers share, once.

    Ask before the forward pass: a weight that a layer computes (weight norm, spectral norm,
    pruning, any parametrization) is made a plain one of the same value, in place.
    """
    weights = dict.fromkeys(map(plain_weight, counted_layers(network)))
    return [weight.requires_grad_() for weight in weights]


def plain_weight(layer: Layer) -> Tensor:
    """The weight of a layer as a parameter of its own; in place where it is computed from others.

    UserError where it is not known how.
    """
    if "weight" not in layer._parameters:
        if parametrize.is_parametrized(layer, "weight"):
            _class_of_its_own(layer)
            with torch.enable_grad():  # else torch takes the weight for a constant
                parametrize.remove_parametrizations(layer, "weight")
        for key, hook in list(layer._forward_pre_hooks.items()):
            if isinstance(hook, WeightNorm | SpectralNorm | BasePruningMethod):
                hook.remove(layer)
                del layer._forward_pre_hooks[key]
    if not isinstance(layer._parameters.get("weight"), nn.Parameter):
        raise UserError(
            f"the weight of a {type(layer).__name__} is no parameter of it but is computed in an "
            "unknown way, so that there is no gradient with respect to it"
        )
    return layer.weight


def _class_of_its_own(layer: Layer) -> None:
    """Torch takes a parametrization out of the class, which copies of a layer share."""
    kind: Any = type(layer)
    own = {k: v for k, v in vars(kind).items() if k not in ("__dict__", "__weakref__")}
    layer.__class__ = type(kind)(kind.__name__, kind.__bases__, own)


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """What a network returns for images; UserError where that is not one tensor of numbers."""
    found = network(images)
    if isinstance(found, Tensor):
        if found.is_floating_point() and found.ndim > 1 and len(found) == len(images):
            return found
        kind = str(found.dtype).removeprefix("torch.")
        what = f"a {kind} tensor of shape {[*found.shape]} for {len(images)} images"
    else:
        count = f" of {len(found)}" if isinstance(found, Sized) else ""
        what = f"a {type(found).__name__}{count}"
    owner = network.supernet if isinstance(network, StateNetwork) else network
    raise UserError(
        f"a network returns its logits, one real tensor [images, classes]; "
        f"{type(owner).__name__} returns {what}: wrap it in a module that returns the logits alone"
    )


def run(network: nn.Module, images: Tensor) -> None:
    """A forward pass for what hooks see of it, whatever the network returns.

    ArithmeticError where it returns numbers that are not finite.
    """
    output = network(images)
    if isinstance(output, Tensor):
        finite(output, "the network's output")


def by_image(x: Tensor, count: int, module: nn.Module) -> Tensor:
    """[N, units] of what a module sees of N images: rows are images, or parts of them in turn.

    One row is the same for all of them, such as a parameter. UserError where rows cannot be that.
    """
    if x.ndim > 1 and len(x) == 1:
        x = x.expand(count, *x.shape[1:])
    if x.ndim < 2 or len(x) % count:
        raise UserError(
            f"a {type(module).__name__} sees a tensor of shape {[*x.shape]} for {count} images; "
            "images have to come first"
        )
    return x.reshape(count, -1)


def loss(network: nn.Module, batch: Batch) -> Tensor:
    """L: the mean softmax cross-entropy of a minibatch; ArithmeticError if it is not finite."""
    logits = logits_of(network, batch.images)
    labels = checked_labels(logits, batch.labels)
    return finite(functional.cross_entropy(logits, labels), "the loss")


def checked_labels(logits: Tensor, labels: Tensor) -> Tensor:
    """Labels as the loss takes them, int64.

    UserError where logits are not [N, classes], or labels are not classes of theirs.
    """
    if logits.ndim != 2 or len(logits) != len(labels):
        raise UserError(
            f"a loss needs logits [images, classes] for {len(labels)} images, "
            f"got them of shape {[*logits.shape]}"
        )
    least, most = (int(end) for end in labels.aminmax())
    if least < 0 or most >= logits.shape[1]:
        raise UserError(
            f"the labels are {least} to {most}, and the network has {logits.shape[1]} classes"
        )
    return labels.long()


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
    """d scalar / d tensor for each tensor; zeros for a tensor that plays no part.

    ArithmeticError where the scalar depends on nothing that has a gradient.
    """
    check_graph(scalar)
    if not tensors:
        return []
    return list(
        torch.autograd.grad(
            scalar, tensors, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )
    )


def weight_gradients(
    network: nn.Module, batch: Batch, *, create_graph: bool = False
) -> list[tuple[Tensor, Tensor]]:
    """Each counted weight w, and dL/dw."""
    weights = counted_weights(network)
    found = gradients(loss(network, batch), weights, create_graph=create_graph)
    return list(zip(weights, found, strict=True))


def check_graph(output: Tensor) -> None:
    """ArithmeticError where nothing that has a gradient leads to a tensor."""
    if not output.requires_grad:
        raise ArithmeticError(
            "the network's output has no gradient: no weight leads to it, or its forward pass "
            "detaches or is under torch.no_grad"
        )


def channel_effects(network: nn.Module, batch: Batch) -> list[tuple[Layer, Tensor]]:
    """t_nk = sum over positions of a_nk dL/da_nk, [N, channels], of each counted layer that runs.

    a is the layer's output; a linear layer has no positions.
    """
    outputs, value = _outputs_and_loss(network, batch, copied=False)
    if any(output._version for _, output in outputs):  # something after a layer wrote into it
        outputs, value = _outputs_and_loss(network, batch, copied=True)
    found = gradients(value, [output for _, output in outputs])
    products = [output.detach() * g for (_, output), g in zip(outputs, found, strict=True)]
    return [
        (layer, each.flatten(2).sum(dim=2) if each.ndim > 2 else each)
        for (layer, _), each in zip(outputs, products, strict=True)
    ]


def _outputs_and_loss(
    network: nn.Module, batch: Batch, *, copied: bool
) -> tuple[list[tuple[Layer, Tensor]], Tensor]:
    """What the counted layers give, and L; copied: the network goes on with copies of that."""
    outputs: list[tuple[Layer, Tensor]] = []

    def keep(module: Layer, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        outputs.append((module, output))
        return output.clone() if copied else None

    with hooked([layer.register_forward_hook(keep) for layer in counted_layers(network)]):
        return outputs, loss(network, batch)


#: Where :func:`input_jacobian` is zero in train mode.
WITHOUT_JACOBIAN = (
    "no value where a batch norm is the last step before the average over the image: in train mode "
    "it fixes the sum of what it returns, so that the sum of all logits does not depend on the "
    "images"
)


def input_jacobian(network: nn.Module, batch: Batch) -> Tensor:
    """J [N, pixels]: row i is the gradient of the sum of all logits with respect to image i.

    ArithmeticError where J is zero but for rounding. So it is in train mode when a batch norm is
    the last step before the average over the image: it fixes the sum of what it returns.
    """
    images = batch.images.detach().clone().requires_grad_()
    logits = logits_of(network, images.clone())  # which it may write into
    check_graph(logits)
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
    return torch.Generator().manual_seed(seed_of(batch, *purpose))


def seed_of(batch: Batch, *purpose: str) -> int:
    """The seed of :func:`draw_of`."""
    pixels = batch.images.detach().to("cpu", torch.float32).contiguous().numpy().tobytes()
    seed = int.from_bytes(hashlib.sha256(pixels).digest()[:7], "big")
    return derive_seed(seed, *purpose)


def normal_like(images: Tensor, draw: torch.Generator) -> Tensor:
    """N(0, 1) noise with the shape, type and device of a tensor; drawn on the CPU."""
    return torch.randn(images.shape, generator=draw).to(images)


def require_images(batch: Batch, least: int, proxy: str) -> None:
    """UserError when a batch is too small for a proxy."""
    if len(batch) < least:
        raise UserError(f"{proxy} needs a batch of at least {least} images, got {len(batch)}")
