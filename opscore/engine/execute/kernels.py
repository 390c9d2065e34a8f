"""The activation kernels of many states of a network in eval mode, with less work.

    K_ij = number of rectifier inputs whose signs agree between images i and j

What two states share is computed once and kept, its signs are counted once, and several rectifiers
of one value are one count. On a GPU several states go through the network side by side in the
channels, with grouped convolutions; on a CPU one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from opscore.engine.algebra.expressions import of_state, side_by_side
from opscore.engine.algebra.networks import Counted, Networks, neighbours
from opscore.engine.algebra.site import Rows
from opscore.engine.execute.layers import Layers
from opscore.engine.schedule.segments import Schedule, Segment, schedules
from opscore.engine.schedule.steps import Step, Steps, ordered
from opscore.engine.trace.graph import modules_of
from opscore.engine.trace.known import trace
from opscore.supernets.signs import SignKernel

#: Bytes of one activation of the images that go through a segment together. On a CPU a piece and
#: what is computed from it should stay in a cache, and yet be large beside the cost of a call.
PIECE_BYTES = {"cpu": 2**23, "cuda": 2**28}

#: Bytes of the largest activation of all states that go side by side, of the whole batch. On a CPU
#: one state after the other is faster; on a GPU a whole batch of one state is a small problem.
STATES_BYTES = {"cpu": 0, "cuda": 2**26}


_images_together: ContextVar[int | None] = ContextVar("images_together", default=None)


@contextmanager
def pieces_of(images: int) -> Iterator[None]:
    """A block in which at most so many images go through a segment together."""
    token = _images_together.set(images)
    try:
        yield
    finally:
        _images_together.reset(token)


def activation_kernels(
    network: nn.Module,
    weights: Tensor,
    images: Tensor,
    *,
    run_removed: bool,
    dtype: torch.dtype | None = None,
) -> Iterator[tuple[list[int], Tensor]]:
    """The distinct activation kernels of many weightings of a network, in eval mode.

    With ``run_removed`` it counts what the authors' hooks count: the inputs of all modules whose
    name contains 'ReLU', and those of removed operations where they run in this family.

    Args:
        network: a supernet, or a network without a choice; its running statistics are used,
            whatever its mode.
        weights: [n, edges, operations]; without a choice [1, 0, 0].
        images: [N, channels, height, width].
        run_removed: see above.
        dtype: precision of the forward pass; that of the images when None.

    Yields each kernel, float64 [N, N], with the positions in ``weights`` that it belongs to.
    CannotTraceError when the network cannot be read.
    """
    kernels = KernelPass(network, images, dtype or images.dtype)
    return kernels.run(kernels.distinct(weights.tolist(), run_removed), run_removed)


@dataclass
class _Distinct:
    """A network that differs from the others, and the positions of the weights that make it."""

    rows: Rows
    counted: Counted
    positions: list[int]


class KernelPass:
    """A network read for one minibatch.

    Args:
        network: a supernet or a stand-alone network.
        images: [N, C, H, W].
        dtype: precision of the pass.
    """

    def __init__(self, network: nn.Module, images: Tensor, dtype: torch.dtype) -> None:
        modules = modules_of(network)
        self.networks = Networks(trace(network, images.shape[1:]), modules)
        self.images = images.to(dtype, memory_format=torch.channels_last)
        self.steps = Steps(modules)
        self.layers = Layers(modules, dtype)
        self.device = images.device.type

    def distinct(self, tables: list[list[list[float]]], run_removed: bool) -> list[_Distinct]:
        """The networks of these weights; neighbours share much."""
        found: dict[object, _Distinct] = {}
        for place in neighbours(tables):
            counted = self.networks.counted(tables[place], run_removed)
            new = _Distinct(tables[place], counted, [])
            found.setdefault(counted.signature, new).positions.append(place)
        return list(found.values())

    @torch.no_grad()
    def run(
        self, found: Sequence[_Distinct], run_removed: bool
    ) -> Iterator[tuple[list[int], Tensor]]:
        """The kernels, each with its positions."""
        together = self._together(found)
        groups = [found[start : start + together] for start in range(0, len(found), together)]
        counts = [self._side_by_side(group, run_removed) for group in groups]
        wanted = [[self.steps.of_atom(atom) for atom in counted.times] for counted in counts]
        images = _Slices(self.images, self.layers, PIECE_BYTES.get(self.device, 2**28))
        for group, counted, steps, schedule in zip(
            groups, counts, wanted, schedules(wanted), strict=True
        ):
            self.layers.states = len(group)
            images.run(schedule, steps)
            if not images.finite:
                raise ArithmeticError("values in the network are not finite")
            for state, own in enumerate(group):
                kernel = SignKernel(len(self.images), self.images.device)
                for atom, times in counted.times.items():
                    agreeing = images.kernels[self.steps.of_atom(atom)]
                    one = agreeing[state] if len(agreeing) > 1 else agreeing[0]
                    kernel.value.add_(one, alpha=of_state(times, state))
                kernel.add_constant(int(of_state(counted.constant, state)))
                yield own.positions, kernel.value

    def _together(self, found: Sequence[_Distinct]) -> int:
        """How many states go side by side."""
        budget = STATES_BYTES.get(self.device, STATES_BYTES["cuda"])
        if not budget:
            return 1
        atoms = [atom for own in found for atom in own.counted.times]
        shapes = [s.shape for s in ordered(map(self.steps.of_atom, atoms)) if s.kind != "images"]
        largest = max((torch.Size(shape).numel() for shape in shapes), default=1)
        return max(1, budget // (largest * len(self.images) * self.images.element_size()))

    def _side_by_side(self, group: Sequence[_Distinct], run_removed: bool) -> Counted:
        """One graph for several states."""
        if len(group) == 1:
            return group[0].counted
        rows = [
            [side_by_side(list(weights)) for weights in zip(*edge, strict=True)]
            for edge in zip(*(own.rows for own in group), strict=True)
        ]
        return self.networks.counted(rows, run_removed)


class _Slices:
    """Runs schedules on pieces of a minibatch.

    Attributes:
        kernels: of the rectified values of the latest schedule: the activations that agree, float64
            [N, N] for each of the states that are side by side, or one if they have the same.
    """

    def __init__(self, images: Tensor, layers: Layers, budget: int) -> None:
        self.images = images
        self.layers = layers
        self.budget = budget
        self.kernels: dict[Step, list[Tensor]] = {}
        self._known: dict[Step, list[Tensor]] = {}
        wide = torch.promote_types(images.dtype, torch.float32)
        self._total = torch.zeros((), dtype=wide, device=images.device)

    @property
    def finite(self) -> bool:
        """Whether all values were, on the way from segment to segment."""
        return math.isfinite(self._total)

    def run(self, schedule: Schedule, wanted: Sequence[Step]) -> None:
        """Compute a schedule's steps; what no later schedule reads is let go."""
        place = 0
        self.kernels = {step: self.kernels[step] for step in wanted if step in self.kernels}
        for segment in schedule.segments():
            self._segment(segment, schedule.counted)
            place += len(segment.steps)
            for step in segment.sources:
                if step not in schedule.keep and schedule.last[step] < place:
                    del self._known[step]
        self._known = {step: x for step, x in self._known.items() if step in schedule.keep}
        self.layers.forget()

    def _segment(self, segment: Segment, counted: set[Step]) -> None:
        size = self._size(segment)
        for step in segment.sources:
            self._known[step] = _cut_anew(self._known[step], size)
        sources = {step: self._known[step] for step in segment.sources}
        outputs: dict[Step, list[Tensor]] = {step: [] for step in segment.outputs}
        codes: dict[Step, Tensor] = {}
        start = 0
        for number, piece in enumerate(torch.split(self.images, size)):
            env = {step: parts[number] for step, parts in sources.items()}
            for place, step in enumerate(segment.steps):
                env[step] = x = self._step(segment, place, env, piece, outputs)
                if step in counted:
                    self._note(codes, step, x, start)
                if step in outputs:
                    outputs[step].append(x)
                if step in outputs or step == segment.steps[-1]:
                    self._total += x.sum(dtype=self._total.dtype)
                for source in step.inputs:
                    if segment.last[source] == place:
                        env.pop(source, None)
            start += len(piece)
        self._known.update(outputs)
        for step, bits in codes.items():
            self.kernels[step] = [_agreeing(own) for own in bits]

    def _step(
        self,
        segment: Segment,
        place: int,
        env: dict[Step, Tensor],
        piece: Tensor,
        outputs: dict[Step, list[Tensor]],
    ) -> Tensor:
        step = segment.steps[place]
        if step.kind == "images":
            return piece
        if step.kind == "zeros":
            return piece.new_zeros(len(piece), *step.shape)
        inputs = [env[source] for source in step.inputs]
        first = step.inputs[0]
        read_again = segment.last[first] != place or first in segment.viewed
        read_again = read_again or first in outputs or first in segment.sources
        return self.layers.run(step, inputs, own=first.kind in _FRESH and not read_again)

    def _note(self, codes: dict[Step, Tensor], step: Step, x: Tensor, start: int) -> None:
        """Which activations of a piece are positive; a conversion is faster than a comparison."""
        states = self.layers.states if step.wide else 1
        if step not in codes:
            shape = (states, len(self.images), x[0].numel() // states)
            codes[step] = torch.empty(shape, dtype=torch.bool, device=x.device)
        for bits, own in zip(codes[step], x.chunk(states, dim=1), strict=True):
            flat = own.permute(0, 2, 3, 1).reshape(len(x), -1) if x.ndim == 4 else own.flatten(1)
            bits[start : start + len(x)].copy_(flat)

    def _size(self, segment: Segment) -> int:
        """How many images go through a segment together."""
        if any(_sees_all_images(step) for step in segment.steps):
            return len(self.images)
        if (together := _images_together.get()) is not None:
            return together
        states = self.layers.states
        sizes = [torch.Size(s.shape).numel() * (states if s.wide else 1) for s in segment.steps]
        return max(1, self.budget // (max(sizes) * self.images.element_size()))


#: Steps whose output is a tensor of its own.
_FRESH = frozenset({"sum", "affine", "pool", "max_pool"})


def _sees_all_images(step: Step) -> bool:
    return step.atom is not None and step.kind == "call" and not step.atom.layer.per_image


def _agreeing(bits: Tensor) -> Tensor:
    kernel = SignKernel(len(bits), bits.device)
    kernel.add(bits)
    return kernel.value


def _cut_anew(parts: list[Tensor], size: int) -> list[Tensor]:
    if all(len(part) == size for part in parts[:-1]) and len(parts[-1]) <= size:
        return parts
    whole = torch.cat(parts) if len(parts) > 1 else parts[0]
    return list(torch.split(whole, size))
