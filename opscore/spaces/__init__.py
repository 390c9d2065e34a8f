"""What can be chosen: search spaces, and the states of a search. Nothing here needs torch.

Every file of this room is imported, and registers the spaces that it has.
"""

from importlib import import_module
from pkgutil import iter_modules

from opscore.spaces.base import SPACES, SearchSpace, State
from opscore.spaces.darts import DARTS_SPACES, Genotype
from opscore.spaces.mobilenet import MOBILENET
from opscore.spaces.nasbench201 import NASBENCH201
from opscore.spaces.nasbench_macro import NASBENCH_MACRO
from opscore.spaces.nb1shot1 import NB1SHOT1
from opscore.spaces.transnas import TRANSNAS_MICRO

for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")

#: The space of all tables of the paper, which calls are about that name no other.
DEFAULT_SPACE = NASBENCH201.name


def list_spaces() -> list[str]:
    """Names of the registered search spaces."""
    return list(SPACES)


def get_space(name: str) -> SearchSpace:
    """The space of this name; UserError with the near names when there is none."""
    return SPACES[name]


__all__ = [
    "DARTS_SPACES",
    "DEFAULT_SPACE",
    "MOBILENET",
    "NASBENCH201",
    "NASBENCH_MACRO",
    "NB1SHOT1",
    "SPACES",
    "TRANSNAS_MICRO",
    "Genotype",
    "SearchSpace",
    "State",
    "get_space",
    "list_spaces",
]
