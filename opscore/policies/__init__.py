"""Operation-scoring policies f(A_t, e, o): one short file for each family, one registry."""

from importlib import import_module
from pkgutil import iter_modules

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

for _file in iter_modules(__path__):  # each registers its policies
    import_module(f"{__name__}.{_file.name}")


def list_policies() -> list[str]:
    """Names of the registered policy families; some take a proxy, as in 'zc-pt(nwot)'."""
    return list(POLICIES)


__all__ = [
    "POLICIES",
    "Context",
    "EdgeScores",
    "Policy",
    "PolicyFamily",
    "find_family",
    "list_policies",
    "make_policy",
    "register_policy",
]
