"""NAS-Bench-Macro (Su et al. 2021): eight layers, one of three blocks in each.

An architecture is a string of eight digits, front to back: 0 identity, 1 inverted residual of
kernel 3 and expansion 3, 2 inverted residual of kernel 5 and expansion 6. Layers come in stages of
2, 3 and 3; the first layer of a stage halves the resolution and doubles the width, so that its
identity is a convolution. The other identities of a stage do nothing, wherever they stand: 6,561
strings are 3,969 networks, and the benchmark trained each of these once (three times over).
"""

from __future__ import annotations

from dataclasses import dataclass

from opscore.errors import UserError
from opscore.spaces.base import SPACES, SearchSpace, State

OPERATIONS = ("identity", "mb_k3_e3", "mb_k5_e6")

#: Number of layers in each stage of resolution.
STAGES = (2, 3, 3)
N_LAYERS = sum(STAGES)


@dataclass(frozen=True)
class NASBenchMacroSpace(SearchSpace):
    """The space with its official architecture strings."""

    def parse(self, text: str) -> State:
        """The architecture of an official string; UserError if it is malformed."""
        digits = text.strip()
        if len(digits) != N_LAYERS or not set(digits) <= set("012"):
            raise UserError(
                f"bad NAS-Bench-Macro string '{text}': it is {N_LAYERS} digits of 0, 1 and 2, "
                "such as 22212220"
            )
        return self.architecture([int(digit) for digit in digits])

    def format(self, state: State) -> str:
        """The official string of an architecture."""
        return "".join(map(str, state.architecture_indices))

    def canonical(self, architecture: State) -> State:
        """The same network with the identities of each stage moved to its end.

        The first layer of a stage stays where it is: its identity changes width and resolution.
        """
        digits, moved = list(architecture.architecture_indices), []
        for count in STAGES:
            first, *rest = digits[:count]
            digits = digits[count:]
            blocks = [digit for digit in rest if digit]
            moved += [first, *blocks, *[0] * (len(rest) - len(blocks))]
        return self.architecture(moved)


NASBENCH_MACRO = NASBenchMacroSpace(
    name="nasbench-macro",
    edges=tuple(f"layer {number}" for number in range(N_LAYERS)),
    operations=(OPERATIONS,) * N_LAYERS,
    weightless=("identity",),
    identity="identity",
)
SPACES.add(NASBENCH_MACRO.name, NASBENCH_MACRO, source="su2021")
