"""The MobileNet-like space (ProxylessNAS, Cai et al. 2019; the paper's section 5.3).

A network has 21 layers in six groups, and one inverted residual in each: kernel 3, 5 or 7, and
expansion 3 or 6. The first layer of a group changes width or resolution; the others may be skipped.

An architecture is written as the paper's authors write it: 21 numbers with spaces between them, 0
to 5 for (kernel, expansion) and -1 for a layer that is skipped. Skipped layers do nothing wherever
they stand in their group, so that architectures which differ there alone are one network.
"""

from __future__ import annotations

from dataclasses import dataclass

from opscore.errors import UserError
from opscore.spaces.base import SPACES, SearchSpace, State

#: (kernel, expansion) of the blocks, by operation index.
BLOCKS = ((3, 3), (3, 6), (5, 3), (5, 6), (7, 3), (7, 6))

#: Names of the blocks, by operation index.
BLOCK_NAMES = tuple(f"mb_k{kernel}_e{expansion}" for kernel, expansion in BLOCKS)

SKIP = "skip"

#: Number of layers in each group.
GROUPS = (4, 4, 4, 4, 4, 1)
N_LAYERS = sum(GROUPS)

#: Layers that change width or resolution, and cannot be skipped.
FIRST = tuple(sum(GROUPS[:group]) for group in range(len(GROUPS)))

#: What stands for a skipped layer in a string.
SKIPPED = -1


@dataclass(frozen=True)
class MobileNetSpace(SearchSpace):
    """The space with the strings of the paper's authors."""

    def parse(self, text: str) -> State:
        """The architecture of a string; UserError if it is malformed."""
        try:
            numbers = [int(part) for part in text.split()]
        except ValueError:
            numbers = []
        if len(numbers) != N_LAYERS or not all(SKIPPED <= n < len(BLOCKS) for n in numbers):
            shown = text if len(text) <= 60 else f"{text[:57]}..."
            raise UserError(
                f"bad mobilenet string '{shown}': it is {N_LAYERS} numbers of 0 to "
                f"{len(BLOCKS) - 1}, or {SKIPPED} for a skipped layer, with spaces between them"
            )
        skipped = [layer for layer in FIRST if numbers[layer] == SKIPPED]
        if skipped:
            raise UserError(
                f"layer {skipped[0]} of mobilenet changes width or resolution and cannot be "
                f"skipped; nor can the other first layers of groups, {', '.join(map(str, FIRST))}"
            )
        return self.architecture([len(BLOCKS) if n == SKIPPED else n for n in numbers])

    def format(self, state: State) -> str:
        """The string of an architecture."""
        return " ".join(
            str(SKIPPED if op == len(BLOCKS) else op) for op in state.architecture_indices
        )

    def canonical(self, architecture: State) -> State:
        """The same network with the skipped layers of each group at its end."""
        ops, moved = list(architecture.architecture_indices), []
        for count in GROUPS:
            group, ops = ops[:count], ops[count:]
            blocks = [op for op in group if op < len(BLOCKS)]
            moved += [*blocks, *[len(BLOCKS)] * (count - len(blocks))]
        return self.architecture(moved)


MOBILENET = MobileNetSpace(
    name="mobilenet",
    edges=tuple(f"layer {number}" for number in range(N_LAYERS)),
    operations=tuple(
        BLOCK_NAMES if layer in FIRST else (*BLOCK_NAMES, SKIP) for layer in range(N_LAYERS)
    ),
    weightless=(SKIP,),
    identity=SKIP,
)
SPACES.add(MOBILENET.name, MOBILENET, source="cai2019")
