"""Zero-cost proxies S: one short file each, found through one registry."""

import re
from importlib import import_module
from pkgutil import iter_modules

from opscore.errors import UserError
from opscore.proxies.base import PROXIES, Proxy, register_proxy, unregister_proxy
from opscore.proxies.combine import ALIASES, COMBINATIONS, Combination, parse_combination
from opscore.proxies.engines import ENGINES, Engine
from opscore.proxies.how import FAITHFUL, MEANINGS, PRECISIONS, How
from opscore.proxies.memo import Memo
from opscore.proxies.score import Score, failed_now, may_pass
from opscore.proxies.sensitivity import operation_sensitivities
from opscore.settings import Meaning, Precision

for _file in iter_modules(__path__):  # each registers its proxy
    import_module(f"{__name__}.{_file.name}")


def list_proxies() -> list[str]:
    """Names of the registered proxies."""
    return list(PROXIES)


def get_proxy(name: str) -> Proxy:
    """The proxy of this name, or the combination, such as 'vote(nwot,synflow)'.

    UserError with the near names when there is none.
    """
    return parse_combination(name) or PROXIES[name]


def proxies_in(argument: str) -> tuple[Proxy, ...]:
    """The proxies that the argument of a policy or method names, of a combination each.

    It is a proxy or a combination, or has several with other text around them, such as
    'P)+c*residual(Q'; an argument of another kind, such as an order of operations, has none.
    """
    try:
        found = get_proxy(argument)
    except UserError:
        names = re.findall(r"[^()+*,\s]+", argument)
        return tuple(PROXIES[name] for name in names if name in PROXIES)
    return tuple(found.proxies) if isinstance(found, Combination) else (found,)


__all__ = [
    "ALIASES",
    "COMBINATIONS",
    "ENGINES",
    "FAITHFUL",
    "MEANINGS",
    "PRECISIONS",
    "PROXIES",
    "Combination",
    "Engine",
    "How",
    "Meaning",
    "Memo",
    "Precision",
    "Proxy",
    "Score",
    "failed_now",
    "get_proxy",
    "list_proxies",
    "may_pass",
    "operation_sensitivities",
    "proxies_in",
    "register_proxy",
    "unregister_proxy",
]
