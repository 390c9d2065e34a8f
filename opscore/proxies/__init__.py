"""Zero-cost proxies S: one short file each, found through one registry."""

from opscore.proxies import nwot, synflow
from opscore.proxies.base import (
    MEANINGS,
    PROXIES,
    Meaning,
    Proxy,
    Score,
    check_meaning,
    register_proxy,
)


def list_proxies() -> list[str]:
    """Names of the registered proxies."""
    return list(PROXIES)


def get_proxy(name: str) -> Proxy:
    """The proxy of this name; UserError with the near names when there is none."""
    return PROXIES[name]


__all__ = [
    "MEANINGS",
    "PROXIES",
    "Meaning",
    "Proxy",
    "Score",
    "check_meaning",
    "get_proxy",
    "list_proxies",
    "nwot",
    "register_proxy",
    "synflow",
]
