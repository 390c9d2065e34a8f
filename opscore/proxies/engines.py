"""Engines of proxies: the same numbers with less work, and the engines that have a name.

An engine is given a network and tables of operation weights, and says which of them are the same
network. For each that differs it gives the proxy's value, or a network that computes the same with
less work, of which the proxy's function then takes the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from opscore.engine import shared_networks
from opscore.images import Batch
from opscore.proxies.how import How
from opscore.supernets import StateNetwork, Supernet

#: (network, weights, batch, how) -> (positions in the weights, value or network) for each that
#: differs; CannotTraceError where there is no such way for this network. weights: [n, edges,
#: operations].
Engine = Callable[[Any, Tensor, Batch, How], Iterable[tuple[Sequence[int], float | nn.Module]]]

#: The weights of a network that has no choice: one table without edges.
NO_CHOICE = torch.empty(1, 0, 0)


def state_networks(
    supernet: Supernet, weights: Tensor, batch: Batch, how: How
) -> Iterable[tuple[Sequence[int], nn.Module]]:
    """The plain networks of all tables, of one supernet's modules."""
    for place, table in enumerate(weights):
        yield (place,), StateNetwork(supernet, table, run_removed=how.meaning == "faithful")


def _shared(
    supernet: Supernet, weights: Tensor, batch: Batch, how: How, *, first_order: bool
) -> Iterable[tuple[Sequence[int], nn.Module]]:
    return shared_networks(supernet, weights, batch.images.shape[1:], first_order=first_order)


#: Engines by name. 'shared': for a function that looks at nothing but logits, convolution and
#: linear modules, and does not alter them, so that it may be given the same network computed with
#: less work, its weights shared by all states. 'gradient': for one that besides takes one gradient
#: of a forward pass, and looks at layers' outputs by
#: :func:`opscore.proxies.common.channel_effects` if at all. 'unaltered': for a function that
#: leaves the modules of the network as they were: all states share one copy of them.
ENGINES: dict[str, Engine] = {
    "shared": partial(_shared, first_order=False),
    "gradient": partial(_shared, first_order=True),
    "unaltered": state_networks,
}
