"""Which architectures compute the same, and what nwot counts of their live parts.

What follows from zeros alone is mostly zero: of a convolution without a bias, or where batch norm
takes off the mean of what is constant. Without it, and without what the logits do not depend on,
architectures that differ in dead parts, or in the place of an identity, are one expression.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from opscore.engine.algebra.expressions import Atom, Value, below
from opscore.engine.algebra.networks import Networks
from opscore.engine.execute.gradient import Pass
from opscore.engine.execute.layers import affine_map, call, fold_batch_norm
from opscore.engine.schedule.steps import Step, Steps
from opscore.engine.trace.graph import Rectifier, modules_of, shape_of
from opscore.engine.trace.known import trace
from opscore.supernets.base import Supernet
from opscore.supernets.signs import SignKernel

#: Operation weights by edge, as numbers.
Rows = list[list[float]]


class Forms:
    """What the architectures of a supernet compute.

    CannotTraceError where the supernet cannot be read.

    Args:
        supernet: its own modules are used, in the mode that they are in.
        image_shape: [channels, height, width].
    """

    def __init__(self, supernet: Supernet, image_shape: Sequence[int]) -> None:
        self.modules = modules_of(supernet)
        self.trace = trace(supernet, image_shape)
        self.networks = Networks(self.trace, self.modules, nothing_from_nothing=self._gives_nothing)
        self.steps = Steps(self.modules)
        self._seen: dict[Atom, bool] = {}
        self._nothing: dict[Hashable, bool] = {}

    def _gives_nothing(self, kind: str, layer: Any, shapes: list[tuple[int, ...]]) -> bool:
        """Whether a layer gives zeros of zeros."""
        key = (kind, layer)
        if key not in self._nothing:
            with torch.no_grad():
                self._nothing[key] = _gives_nothing(kind, layer, shapes, self.modules)
        return self._nothing[key]

    @torch.no_grad()
    def logits(self, tables: Sequence[Tensor], images: Tensor) -> Tensor:
        """Those of each table of weights, [tables, N, classes], equal forms computed once."""
        found: dict[Hashable, Tensor] = {}
        for table in tables:
            form = self.form(table)
            if form not in found:
                output = self.networks.output(table.tolist())
                value = self.networks.builder.tensor(output, shape_of(self.trace.output))
                found[form] = Pass(self.modules).run(self.steps.of(value), images)
        return torch.stack([found[self.form(table)] for table in tables])

    def form(self, weights: Tensor) -> Hashable:
        """The same for tables of weights [edges, operations] under which the logits are the same.

        Zero where the logits do not depend on the images.
        """
        output = self.networks.output(weights.tolist())
        return output if self._reads_images(output) else ()

    def live_counts(self, rows: Rows) -> tuple[Value, dict[Atom, int]]:
        """The logits, and the rectified values that they depend on with how often each counts."""
        output = self.networks.output(rows)
        reached = set(below(output))
        values = self.networks.values(rows)
        times: dict[Atom, int] = {}
        for rectifier in self.trace.rectifiers:
            if not rectifier.real or not _runs(rectifier, rows):
                continue
            value = values.tensor(rectifier.input)
            atom = self.networks.builder.rectified(value, rectifier.input.meta["shape"][1:])
            carried = values[rectifier.carrier]
            live = isinstance(carried, Value) and any(part in reached for _, part in carried)
            if value and live and atom in reached and self._reads_images(value):
                times[atom] = times.get(atom, 0) + 1
        return output, times

    @torch.no_grad()
    def live_kernels(self, tables: Sequence[Tensor], images: Tensor) -> Iterator[Tensor | None]:
        """The kernel of each table of weights: pairs of images, live rectifiers' equal signs.

        Yields float64 [N, N]; None where no image reaches the logits. images: [N, C, H, W].
        """
        for table in tables:
            output, times = self.live_counts(table.tolist())
            if not self._reads_images(output):
                yield None
                continue
            counting = _CountingPass(self, times, images)
            counting.run(self.steps.of(output), images)
            yield counting.kernel.value

    def _reads_images(self, value: Value) -> bool:
        return any(self._sees_images(atom) for _, atom in value)

    def _sees_images(self, atom: Atom) -> bool:
        if atom not in self._seen:
            found = atom.kind == "images" or any(map(self._reads_images, atom.inputs))
            self._seen[atom] = found
        return self._seen[atom]


class _CountingPass(Pass):
    """A pass that counts the signs of rectified values."""

    def __init__(self, forms: Forms, times: dict[Atom, int], images: Tensor) -> None:
        super().__init__(forms.modules, first_order=True)
        self.kernel = SignKernel(len(images), images.device)
        self._times = {forms.steps.of_atom(atom): count for atom, count in times.items()}

    def computed(self, step: Step, value: Tensor) -> None:
        if step in self._times:
            codes = value > 0
            # Batch, height, width, channels is the order in memory, so nothing is moved about.
            codes = codes.permute(0, 2, 3, 1) if codes.ndim == 4 else codes
            self.kernel.add(codes.flatten(1), self._times[step])


def _gives_nothing(
    kind: str, layer: Any, shapes: list[tuple[int, ...]], modules: dict[str, nn.Module]
) -> bool:
    if kind == "conv":
        conv, norm = modules[layer[0]], None if layer[1] is None else modules[layer[1]]
        if norm is None or not norm.training:
            return not fold_batch_norm(conv, norm)[1].any()
        return not _shifts(norm)  # it takes off the mean of what is constant
    if kind == "affine":
        norm = modules[layer]
        return not (_shifts(norm) if norm.training else affine_map(norm)[1].any())
    if kind != "call":
        return True
    module = modules.get(str(layer.node.target))
    if module is not None and next(module.buffers(), None) is not None:
        return False  # it may change what it holds
    like = next((p for m in modules.values() for p in m.parameters()), torch.zeros(()))
    given = call(layer, [like.new_zeros(2, *shape) for shape in shapes], modules)
    return not given.any()


def _shifts(norm: nn.Module) -> bool:
    bias = norm.bias
    return isinstance(bias, Tensor) and bool(bias.any())


def _runs(rectifier: Rectifier, rows: Rows) -> bool:
    candidate = rectifier.candidate
    return candidate is None or rows[candidate.edge][candidate.op] != 0
