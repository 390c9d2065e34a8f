"""A supernet under weights that change, for training: the same function with less work.

Rectified and pooled values are computed once for all operations that read them, operations without
a weight leave nothing behind, and what a node adds up is one step, batch norms and weights of
operations included. Gradients reach the layers' parameters and the operation weights. Batch norms
keep their running statistics, as on the plain path.

The trace is read once: coefficients are polynomials in the operation weights, whose values are put
in at each pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from opscore.engine.algebra.expressions import Coefficient
from opscore.engine.execute.batch_norm import channel_map, moments, normed_sums, through_norm
from opscore.engine.execute.gradient import Graphs, Pass
from opscore.engine.schedule.steps import Step
from opscore.engine.trace.graph import CannotTraceError
from opscore.engine.trace.known import ships
from opscore.spaces import State
from opscore.supernets.base import Supernet
from opscore.supernets.training import Forward


class Symbol(float):
    """A coefficient that has its value only in a pass; equal to another where it is made alike.

    Attributes:
        key: ('w', edge, place) for an operation's weight, ('+', a, b) or ('*', a, b).
    """

    key: tuple[Any, ...]

    def __new__(cls, *key: Any) -> Symbol:
        """A symbol; as a number it is not known."""
        made = super().__new__(cls, "nan")
        made.key = key
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and self.key == other.key

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.key)

    def __add__(self, other: float) -> Symbol:
        return Symbol("+", self, other)

    def __mul__(self, other: float) -> Symbol:
        return self if other == 1 else Symbol("*", self, other)

    __radd__, __rmul__ = __add__, __mul__

    def at(self, weights: Tensor) -> Tensor:
        """The value, a scalar tensor, under a table of weights [edges, operations]."""
        kind, a, b = self.key
        if kind == "w":
            return weights[a, b]
        one, other = (part.at(weights) if isinstance(part, Symbol) else part for part in (a, b))
        found: Tensor = one + other if kind == "+" else one * other
        return found


def training_network(supernet: Supernet, state: State) -> Forward:
    """What computes a supernet's logits under a state in a training.

    With less work on a CPU, for networks that ship: the tests prove those. Another is called as it
    is.
    """
    fast = supernet.alphas.device.type == "cpu" and ships(supernet)
    return TrainingNetwork(supernet, state) if fast else supernet


class TrainingNetwork:
    """The logits of a supernet under a state, for training on a CPU.

    Args:
        supernet: its modules are used; in train mode. Where it cannot be read, it is called itself.
        state: what is left on each edge.
    """

    def __init__(self, supernet: Supernet, state: State) -> None:
        self.graphs = Graphs(supernet, first_order=True)
        present = (supernet.weights(state).detach() != 0).tolist()
        self._rows = [
            [Symbol("w", edge, op) if there else 0.0 for op, there in enumerate(row)]
            for edge, row in enumerate(present)
        ]
        self._ends: dict[tuple[int, ...], Step | None] = {}

    def __call__(self, images: Tensor, weights: Tensor) -> Tensor:
        """Logits [N, classes].

        images: [N, channels, height, width]. weights: [edges, operations], zero where the state
        has no operation.
        """
        shape = tuple(images.shape[1:])
        if shape not in self._ends:
            self._ends[shape] = self._end(shape)
        end = self._ends[shape]
        if end is None:
            found: Tensor = self.graphs.supernet(images, weights)
            return found
        return TrainingPass(self.graphs.modules, weights).run(end, images)

    def _end(self, shape: tuple[int, ...]) -> Step | None:
        """The step that gives the logits; None where they cannot be read."""
        try:
            return self.graphs.end(self._rows, shape)
        except CannotTraceError:
            return None


class TrainingPass(Pass):
    """One pass of images under a table of weights.

    Args:
        modules: layers by name, in train mode.
        weights: [edges, operations].
    """

    def __init__(self, modules: dict[str, nn.Module], weights: Tensor) -> None:
        super().__init__(modules, first_order=True)
        self.weights = weights

    def _step(self, step: Step, known: dict[Step, Tensor], images: Tensor) -> Tensor:
        if step.atom is not None:
            return super()._step(step, known, images)
        normed: list[tuple[Tensor, Coefficient]] = []
        norms: list[nn.BatchNorm2d] = []
        rest: list[tuple[Tensor, Coefficient]] = []
        for source, terms in step.convolutions:
            for c, atom in terms:
                conv, name = atom.layer
                x = self.modules[conv](known[source])
                norm = None if name is None else self.modules[name]
                if isinstance(norm, nn.BatchNorm2d) and not norm.affine:
                    normed.append((x, c))
                    norms.append(norm)
                else:
                    rest.append((x if norm is None else norm(x), c))
        rest += [(known[source], c) for source, c in step.linear]
        terms_of_sum = normed + rest
        if not norms and len(rest) == 1 and rest[0][1] == 1:
            return rest[0][0]
        coefficients = torch.stack([self._coefficient(c) for _, c in terms_of_sum])
        inputs = [x for x, _ in terms_of_sum]
        found: Tensor = NodeSum.apply(norms, coefficients, *inputs)  # type: ignore[no-untyped-call]
        return found

    def _coefficient(self, c: Coefficient) -> Tensor:
        return c.at(self.weights) if isinstance(c, Symbol) else self.weights.new_tensor(c)

    def _norm(self, name: str, x: Tensor, weight: float) -> Tensor:
        """A batch norm that stands for itself: nothing weighs it here."""
        assert weight == 1
        out: Tensor = self.modules[name](x)
        return out


class NodeSum(torch.autograd.Function):
    """sum_k c_k norm_k(x_k) + sum_i c_i x_i, with batch norms that have no weights, in train mode.

    With n_k = norm_k(x_k) = (x_k - mean(x_k)) / s_k, means over images and positions, and
    g = dL/dout,

        dL/dc_k = sum g n_k,    dL/dx_k = c_k / s_k (g - mean(g) - n_k mean(g n_k)),
        dL/dc_i = sum g x_i,    dL/dx_i = c_i g.

    Arguments: the batch norms, which take the batch into their running statistics; c, [terms];
    and the terms' x, [N, C, H, W], those of the batch norms first.
    """

    @staticmethod
    def forward(ctx: Any, norms: Sequence[nn.BatchNorm2d], c: Tensor, *inputs: Tensor) -> Tensor:
        inputs = tuple(x.contiguous(memory_format=torch.channels_last) for x in inputs)
        numbers = c.detach().double()
        found = [batch_statistics(norm, x) for norm, x in zip(norms, inputs, strict=False)]
        scales = [n * inverse for n, (_, inverse) in zip(numbers, found, strict=False)]
        rest = list(zip(inputs, numbers.tolist(), strict=True))[len(norms) :]
        if norms:
            shift = -sum(mean * scale for (mean, _), scale in zip(found, scales, strict=True))
            terms = [(x, channel_map(scale, x)) for x, scale in zip(inputs, scales, strict=False)]
            out = torch.addcmul(channel_map(shift, inputs[0]), *terms[0])
            for x, scale in terms[1:]:
                out.addcmul_(x, scale)
        else:
            (x, number), *rest = rest
            out = x * number
        for x, number in rest:
            out.add_(x, alpha=number)
        ctx.save_for_backward(c, *inputs, *(part for pair in found for part in pair))
        ctx.n_norms = len(norms)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        c, *saved = ctx.saved_tensors
        inputs, statistics = saved[: len(c)], saved[len(c) :]
        g = gradients[0].contiguous(memory_format=torch.channels_last)
        numbers = c.double()
        slopes: list[Tensor] = []
        found: list[Tensor | None] = []
        for k, (x, number) in enumerate(zip(inputs, numbers, strict=True)):
            wanted = ctx.needs_input_grad[2 + k]
            if k < ctx.n_norms:
                mean, inverse = statistics[2 * k : 2 * k + 2]
                sums, products = normed_sums(g, x, mean, inverse)
                slopes.append(products.sum())
                found.append(
                    through_norm(g, x, mean, number * inverse, inverse, sums, products)
                    if wanted
                    else None
                )
            else:
                if ctx.needs_input_grad[1]:
                    slopes.append(torch.dot(_flat(g), _flat(x)).double())
                found.append(g * float(number) if wanted else None)
        dc = torch.stack(slopes).to(c.dtype) if ctx.needs_input_grad[1] else None
        return None, dc, *found


def _flat(x: Tensor) -> Tensor:
    """[N, C, H, W] in channels last as a vector, without a copy."""
    return x.permute(0, 2, 3, 1).reshape(-1)


@torch.no_grad()
def batch_statistics(norm: nn.BatchNorm2d, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of a batch and one over its deviation, float64 [C]; running statistics follow them."""
    count = x.numel() // x.shape[1]
    mean, variance = moments(x)
    if norm.track_running_stats and norm.running_mean is not None:
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        share = norm.momentum
        if share is None:
            share = 1 / float(norm.num_batches_tracked)
        norm.running_mean.lerp_(mean.to(norm.running_mean), share)
        unbiased = variance * (count / (count - 1))
        norm.running_var.lerp_(unbiased.to(norm.running_var), share)
    return mean, (variance + norm.eps).rsqrt()
