"""NAS-Bench-201 (Dong and Yang 2020): six edges between four nodes, five operations on each.

Edges and operations are in the order of the authors' code, which is also the order in which the
benchmark's string names them: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``.
"""

from __future__ import annotations

from dataclasses import dataclass

from opscore.errors import UserError, unknown
from opscore.spaces.base import SPACES, SearchSpace, State

#: (source, target) of each edge.
NODES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

_TEMPLATE = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"


@dataclass(frozen=True)
class NASBench201Space(SearchSpace):
    """The space with its official architecture strings."""

    def parse(self, text: str) -> State:
        """The architecture of an official string.

        Raises UserError that says which part is wrong.
        """
        groups = [group.strip() for group in text.strip().split("+")]
        if len(groups) != 3:
            raise UserError(
                f"bad NAS-Bench-201 string '{text}': it has {len(groups)} group(s) joined by '+', "
                f"not 3; the form is {_TEMPLATE}"
            )
        choices: list[str] = []
        for node, group in enumerate(groups, start=1):
            choices.extend(_parse_group(text, node, group))
        return self.architecture(choices)

    def format(self, state: State) -> str:
        """The official string of an architecture."""
        groups: list[list[str]] = [[], [], []]
        for (source, target), op in zip(NODES, state.architecture_indices, strict=True):
            groups[target - 1].append(f"{OPERATIONS[op]}~{source}")
        return "+".join(f"|{'|'.join(group)}|" for group in groups)


def _parse_group(text: str, node: int, group: str) -> list[str]:
    """Operation names of the edges into one node, from ``|op~0|...|``."""
    parts = group.split("|")
    if len(parts) != node + 2 or parts[0] or parts[-1]:
        raise UserError(
            f"bad NAS-Bench-201 string '{text}': the group of node {node}, '{group}', must hold "
            f"{node} operation(s), each between '|'; the form is {_TEMPLATE}"
        )
    names = []
    for source, part in enumerate(part.strip() for part in parts[1:-1]):
        name, _, origin = part.partition("~")
        if origin != str(source):
            raise UserError(
                f"bad NAS-Bench-201 string '{text}': '{part}' in the group of node {node} "
                f"must end in '~{source}'"
            )
        if name not in OPERATIONS:
            raise unknown(f"operation in '{text}':", name, OPERATIONS)
        names.append(name)
    return names


NASBENCH201 = NASBench201Space(
    name="nasbench201",
    edges=tuple(f"{source}->{target}" for source, target in NODES),
    operations=(OPERATIONS,) * len(NODES),
    weightless=("none", "skip_connect", "avg_pool_3x3"),
    identity="skip_connect",
)
SPACES.add(NASBENCH201.name, NASBENCH201, source="dong2020")
