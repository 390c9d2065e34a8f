"""Zero-Cost-PT (section 4 of the paper) and the search methods that it is compared with."""

# Each of these registers its methods.
from opscore.search import evolution, pruning, reference, sampling, trained_methods
from opscore.search.base import (
    CANDIDATES,
    METHODS,
    ORDERS,
    TRACE,
    Cost,
    Method,
    MethodFamily,
    SearchOutcome,
    SearchTask,
    find_method,
    resolve_search,
)
from opscore.search.perturbation import ZeroCostSearch, zero_cost_pt
from opscore.settings import SearchSettings

__all__ = [
    "CANDIDATES",
    "METHODS",
    "ORDERS",
    "TRACE",
    "Cost",
    "Method",
    "MethodFamily",
    "SearchOutcome",
    "SearchSettings",
    "SearchTask",
    "ZeroCostSearch",
    "evolution",
    "find_method",
    "pruning",
    "reference",
    "resolve_search",
    "sampling",
    "trained_methods",
    "zero_cost_pt",
]
