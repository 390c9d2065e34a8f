"""Policies that are set beside others: references, and bars that need no network to be cleared.

They are known by the names of their families, whatever stands between the parentheses. Nobody asks
whether a bar agrees with the truth by chance, so that it is no test of a table's family of tests.
"""

from __future__ import annotations

from collections.abc import Collection

from opscore.oracles.references import is_reference

#: The baseline that is chosen to agree with best-acc: a test of its agreement would mean nothing.
HINDSIGHT = "best-fixed-order"

#: Families of policies that score without a network.
BARS = (HINDSIGHT, "fixed-order", "op-params", "op-flops", "residual")


def is_bar(policy: str) -> bool:
    """Whether a policy is one of :data:`BARS`."""
    return policy.partition("(")[0].strip() in BARS


def in_family(policy: str, asked: Collection[str] | None) -> bool:
    """Whether a policy's tests belong to the family that Holm's adjustment is over.

    asked: the policies that the user named, in whose family bars are too; None for a table of which
    nothing is known but its names. References never belong to it.
    """
    if is_reference(policy):
        return False
    return not is_bar(policy) if asked is None else policy in asked
