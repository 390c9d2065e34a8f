"""What can be chosen: search spaces, and the states of a search. Nothing here needs torch."""

from opscore.registry import Registry
from opscore.spaces.base import SearchSpace, State
from opscore.spaces.nasbench201 import NASBENCH201

#: Search spaces by name; other packages add theirs through the entry-point group.
SPACES: Registry[SearchSpace] = Registry("space", entry_points="opscore.spaces")
SPACES.add(NASBENCH201.name, NASBENCH201)


def list_spaces() -> list[str]:
    """Names of the registered search spaces."""
    return list(SPACES)


def get_space(name: str) -> SearchSpace:
    """The space of this name; UserError with the near names when there is none."""
    return SPACES[name]


__all__ = ["NASBENCH201", "SPACES", "SearchSpace", "State", "get_space", "list_spaces"]
