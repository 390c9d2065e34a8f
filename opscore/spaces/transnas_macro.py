"""TransNAS-Bench-101, macro (Duan et al. 2021): where a residual network gets wider and coarser.

A network is four to six modules of two residual blocks, a digit each: 1 changes nothing, 2 doubles
the width, 3 halves the resolution, 4 does both. The benchmark trained all 3,256 networks whose
width is doubled one to three times and whose resolution is halved one to four times, and writes
them ``64-4222-basic``: base width, digits, kind of block.

Here the first four modules are one of these, and the last two may be absent. What the benchmark
does not have is the same network as one that it has: a fourth doubling keeps the width, a fifth
halving the resolution, and a module whose predecessor is absent moves forward. What never gets
wider, or never coarser, is no architecture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from opscore.errors import UserError
from opscore.spaces.base import SPACES, SearchSpace, State
from opscore.spaces.transnas import WIDTH

#: An operation's number is 1 if it doubles the width, plus 2 if it halves the resolution.
MODULES = ("plain", "wider", "coarser", "wider_coarser")
ABSENT = "absent"

#: So many modules there may be, and so many there must be.
MOST, LEAST = 6, 4

#: How often the width can be doubled and the resolution halved; once is the least.
MOST_WIDER, MOST_COARSER = 3, 4

_FORM = re.compile(rf"{WIDTH}-([1-4]{{{LEAST},{MOST}}})-basic")


@dataclass(frozen=True)
class Module:
    """A module, and what it reads.

    Attributes:
        wider, coarser: how often the width was doubled and the resolution halved before it.
        doubles, halves: whether it does so itself.
    """

    wider: int
    coarser: int
    doubles: bool
    halves: bool

    @property
    def output(self) -> tuple[int, int]:
        """How often the width was doubled and the resolution halved after it."""
        return self.wider + self.doubles, self.coarser + self.halves


def module_of(operation: int, wider: int, coarser: int) -> Module:
    """What an operation that is not absent makes where the network is so wide and coarse."""
    return Module(
        wider,
        coarser,
        doubles=operation % 2 == 1 and wider < MOST_WIDER,
        halves=operation >= 2 and coarser < MOST_COARSER,
    )


@dataclass(frozen=True)
class TransNASMacroSpace(SearchSpace):
    """The space with its official architecture strings."""

    def modules(self, architecture: State) -> list[Module]:
        """The modules that there are, front to back."""
        found: list[Module] = []
        shape = (0, 0)
        for operation in architecture.architecture_indices:
            if operation < len(MODULES):
                found.append(module_of(operation, *shape))
                shape = found[-1].output
        return found

    def canonical(self, architecture: State) -> State:
        """The network with each module named by what it changes, and absent ones at its end."""
        operations = [module.doubles + 2 * module.halves for module in self.modules(architecture)]
        return self.architecture([*operations, *[len(MODULES)] * (MOST - len(operations))])

    def is_valid(self, architecture: State) -> bool:
        """Whether the network gets wider and coarser: the benchmark has no others."""
        return min(self.modules(architecture)[-1].output) > 0

    def parse(self, text: str) -> State:
        """The architecture of an official string; UserError if it is malformed."""
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise UserError(
                f"bad TransNAS-Bench-101 macro string '{text}'; the form is {WIDTH}-DIGITS-basic, "
                f"{LEAST} to {MOST} digits 1 to 4, such as 64-411214-basic"
            )
        operations = [int(digit) - 1 for digit in match[1]]
        return self.architecture([*operations, *[len(MODULES)] * (MOST - len(operations))])

    def format(self, state: State) -> str:
        """The official string of an architecture."""
        operations = self.canonical(state).architecture_indices
        digits = "".join(str(op + 1) for op in operations if op < len(MODULES))
        return f"{WIDTH}-{digits}-basic"


TRANSNAS_MACRO = TransNASMacroSpace(
    name="transnas-macro",
    edges=tuple(f"module {number}" for number in range(1, MOST + 1)),
    operations=(*(MODULES,) * LEAST, *((*MODULES, ABSENT),) * (MOST - LEAST)),
    weightless=(ABSENT,),
    identity=ABSENT,
)
SPACES.add(TRANSNAS_MACRO.name, TRANSNAS_MACRO, source="duan2021")
