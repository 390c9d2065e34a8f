"""Operation-scoring policies f(A_t, e, o): one short file for each family, one registry."""

from opscore.policies import (
    baselines,
    by_cell,
    completions,
    integrated,
    log_rank,
    main_residual,
    oracle,
    pairwise,
    random,
    residual,
    shapley,
    taylor,
    tenas,
    trained,
    zero_cost,
)
from opscore.policies.base import (
    POLICIES,
    Context,
    EdgeScores,
    Policy,
    PolicyFamily,
    find_family,
    make_policy,
    register_policy,
)


def list_policies() -> list[str]:
    """Names of the registered policy families; some take a proxy, as in 'zc-pt(nwot)'."""
    return list(POLICIES)


__all__ = [
    "POLICIES",
    "Context",
    "EdgeScores",
    "Policy",
    "PolicyFamily",
    "baselines",
    "by_cell",
    "completions",
    "find_family",
    "integrated",
    "list_policies",
    "log_rank",
    "main_residual",
    "make_policy",
    "oracle",
    "pairwise",
    "random",
    "register_policy",
    "residual",
    "shapley",
    "taylor",
    "tenas",
    "trained",
    "zero_cost",
]
