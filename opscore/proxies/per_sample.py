"""Gradients of each sample's own function, all samples together, layer by layer.

Where samples do not meet (batch norm in eval mode), one backward pass gives the gradient of every
layer's output for all samples. A sample's weight gradient follows from its own input a and output
gradient d of the layer:

    linear: d a^T        convolution: sum over positions of d (patches of a)^T
    batch norm weight: sum over positions of d times the normalised a

That is one backward pass and a small product per layer, instead of one backward pass per sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from opscore.proxies.common import check_graph, counted_weights, gradients, logits_of
from opscore.supernets.counting import hooked

Layer = nn.Conv2d | nn.Linear | _BatchNorm


def per_sample_gradients(
    network: nn.Module, images: Tensor, objective: Callable[[Tensor], Tensor], *, batch_norm: bool
) -> Iterator[Tensor]:
    """Weight gradients [N, size of the weight] of one layer after the other.

    Args:
        network: a network in which samples do not meet: batch norm must be in eval mode.
            ArithmeticError where they do.
        images: [N, ...].
        objective: logits [N, classes] to one number for each sample, [N].
        batch_norm: whether batch norm weights count, beside convolution and linear weights.

    A layer that runs several times, or layers that share a weight, give the sum of its uses;
    layers that do not run, and layers that the objective does not depend on, give nothing. Where a
    layer is none of torch's own, sees something else than a row for each image, or lends its
    weight to what is no layer, there is one backward pass for each image.
    """
    check_apart(network, images)
    calls: dict[object, list[tuple[Layer, Tensor, Tensor]]] = {}
    usual = True

    def keep(module: Layer, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        nonlocal usual
        # A copy, so that what works in place after the layer leaves the output as it is.
        if not output.requires_grad:
            output.requires_grad_()
        weight = module._parameters.get("weight", module)
        seen = inputs[0].detach()
        usual = usual and _is_torchs(module) and len(seen) == len(output) == len(images)
        if isinstance(module, _BatchNorm):  # with the statistics of this call
            statistics = module.running_mean, module.running_var
            seen = functional.batch_norm(seen, *statistics, eps=module.eps)
        calls.setdefault(weight, []).append((module, seen, output))
        return output.clone()

    counted = [m for m in network.modules() if _counts(m, batch_norm)]
    with hooked([layer.register_forward_hook(keep) for layer in counted]):
        values = objective(logits_of(network, images.clone()))
    wanted = _wanted(network, batch_norm)
    if not usual or (_leaves(values) & wanted.keys()) - calls.keys():
        weights = list(wanted) if batch_norm else counted_weights(network)
        yield from _one_by_one(network, images, objective, weights)
        return
    outputs = [output for uses in calls.values() for *_, output in uses]
    found = iter(gradients(values.sum(), outputs))
    for uses in calls.values():
        parts = [_weight_gradient(layer, seen, next(found)) for layer, seen, _ in uses]
        yield parts[0] if len(parts) == 1 else torch.stack(parts).sum(dim=0)


def _one_by_one(
    network: nn.Module,
    images: Tensor,
    objective: Callable[[Tensor], Tensor],
    weights: Sequence[Tensor],
) -> Iterator[Tensor]:
    """The same by one backward pass for each image; all gradients are kept at once."""
    for weight in weights:
        weight.requires_grad_()
    values = objective(logits_of(network, images.clone()))
    check_graph(values)
    rows = [
        torch.autograd.grad(
            value, weights, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for value in values
    ]
    for each in zip(*rows, strict=True):
        yield torch.stack([gradient.flatten() for gradient in each])


def _wanted(network: nn.Module, batch_norm: bool) -> dict[Tensor, None]:
    """Parameters that count: with batch norm all that are called weights, as in ntk."""
    if batch_norm:
        return {p: None for name, p in network.named_parameters() if "weight" in name}
    own = (m._parameters.get("weight") for m in network.modules() if _counts(m, batch_norm))
    return {weight: None for weight in own if weight is not None}


def _leaves(output: Tensor) -> set[object]:
    """The tensors that a gradient of an output arrives at."""
    found: set[object] = set()
    seen, nodes = set[object](), [output.grad_fn]
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            found.add(getattr(node, "variable", None))
            nodes += [before for before, _ in node.next_functions]
    return found


def _is_torchs(layer: Layer) -> bool:
    """Whether a layer computes what torch's own of its kind does."""
    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    own = next((kind for kind in kinds if isinstance(layer, kind)), None)
    return own is not None and type(layer).forward is own.forward


def check_apart(network: nn.Module, images: Tensor) -> None:
    """ArithmeticError where the logits of one image depend on another image."""
    pair = images[:2].detach().clone().requires_grad_()
    output = logits_of(network, pair.clone())[0].sum()
    check_graph(output)
    (found,) = torch.autograd.grad(output, pair, allow_unused=True, materialize_grads=True)
    if bool(found[1:].any()):
        raise ArithmeticError(
            "images see each other in this network in eval mode too, so that none has gradients "
            "of its own"
        )


def freeze_batch_statistics(network: nn.Module, images: Tensor) -> None:
    """Put batch norm in eval mode with the statistics of these images, in place.

    The output for these images is that of train mode, but samples no longer meet in it. A batch
    norm that runs several times in a pass has the statistics of each, in turn: hooks that stay on
    the network see to it.
    """
    noted: dict[_BatchNorm, list[tuple[Tensor, Tensor]]] = {
        module: [] for module in network.modules() if isinstance(module, _BatchNorm)
    }

    def note(module: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        others = [place for place in range(inputs[0].ndim) if place != 1]
        variance, mean = torch.var_mean(inputs[0], dim=others, correction=0)
        module.running_mean, module.running_var = mean, variance
        noted[module].append((mean, variance))

    network.eval()
    with torch.no_grad(), hooked([norm.register_forward_pre_hook(note) for norm in noted]):
        network(images.clone())
    for norm, calls in noted.items():
        if len(calls) > 1:
            norm.register_forward_pre_hook(partial(_set_next, cycle(calls)))


def _set_next(
    statistics: Iterator[tuple[Tensor, Tensor]], module: _BatchNorm, inputs: tuple[Tensor, ...]
) -> None:
    module.running_mean, module.running_var = next(statistics)


def _counts(module: nn.Module, batch_norm: bool) -> bool:
    if isinstance(module, _BatchNorm):
        return batch_norm and module.weight is not None
    return isinstance(module, nn.Conv2d | nn.Linear)


def _weight_gradient(layer: Layer, seen: Tensor, gradient: Tensor) -> Tensor:
    """[N, size of the weight] from a layer's input and the gradient of its output."""
    if isinstance(layer, nn.Linear):
        return torch.einsum("n...o,n...i->noi", gradient, seen).flatten(1)
    if isinstance(layer, _BatchNorm):
        return torch.einsum("nc...->nc", gradient * seen)
    return _convolution_gradient(layer, seen, gradient)


def _convolution_gradient(layer: nn.Conv2d, seen: Tensor, gradient: Tensor) -> Tensor:
    count, groups = len(seen), layer.groups
    if layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.padding == (0, 0):
        patches = seen.flatten(2)
    else:
        kind = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        wide = functional.pad(seen, layer._reversed_padding_repeated_twice, mode=kind)
        patches = functional.unfold(wide, layer.kernel_size, layer.dilation, 0, layer.stride)
    positions = patches.shape[2]
    patches = patches.reshape(count * groups, -1, positions)
    own = gradient.reshape(count * groups, -1, positions)
    return (own @ patches.mT).reshape(count, -1)
