"""nwot and synflow of many architectures, each a one-hot state of one supernet.

Networks that compute the same are scored once.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch

from opscore.engine import CannotTraceError, Forms, synaptic_flows
from opscore.errors import UserError
from opscore.isolation import isolated
from opscore.proxies.nwot import log_determinant
from opscore.proxies.synflow import log_flow
from opscore.spaces import State
from opscore.supernets import Supernet
from opscore.supernets.copying import copy_network
from opscore.supernets.measure import one_thread


def can_be_read(supernet: Supernet, shape: Sequence[int]) -> bool:
    """Whether the engine can trace a supernet, so that dead parts are known and networks shared."""
    try:
        Forms(supernet, shape)
    except CannotTraceError:
        return False
    return True


@isolated()
def forms_of(
    supernet: Supernet, architectures: Sequence[State], shape: Sequence[int]
) -> list[Hashable]:
    """For each architecture what is the same for those whose logits are the same.

    Dead parts play no part in it, nor does the place of an identity
    (:class:`opscore.engine.Forms`). Such architectures have the same nwot and the same synflow,
    but not always the same params and flops.

    Args:
        supernet: one of the space.
        architectures: states with one choice on every edge.
        shape: [channels, height, width] of the images.
    """
    forms = _read(supernet, shape)
    return [forms.form(supernet.weights(state)) for state in architectures]


@isolated()
def nwot_of_architectures(
    supernet: Supernet, architectures: Sequence[State], images: torch.Tensor
) -> list[float]:
    """NASWOT's score of each architecture; minus infinity where no image reaches the logits.

    Train mode, and every rectifier counts that the logits depend on.

    Args:
        supernet: its weights are those of the networks; left as it is.
        architectures: states with one choice on every edge.
        images: [N, channels, height, width].
    """
    own = copy_network(supernet).train()
    own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    forms = _read(own, images.shape[1:])
    tables: dict[Hashable, torch.Tensor] = {}
    places: dict[Hashable, list[int]] = {}
    for place, state in enumerate(architectures):
        table = own.weights(state)
        form = forms.form(table)
        tables.setdefault(form, table)
        places.setdefault(form, []).append(place)
    values = [math.nan] * len(architectures)
    with one_thread():
        kernels = forms.live_kernels(list(tables.values()), images)
        for form, kernel in zip(tables, kernels, strict=True):
            value = -math.inf if kernel is None else log_determinant(kernel)
            for place in places[form]:
                values[place] = value
    return values


@isolated()
def synflow_of_architectures(
    supernet: Supernet, architectures: Sequence[State], shape: Sequence[int]
) -> list[float]:
    """log S of each architecture; minus infinity where nothing flows."""
    weights = [supernet.weights(state) for state in architectures]
    flows = synaptic_flows(copy_network(supernet), weights, shape)
    if flows is None:
        raise UserError(f"{type(supernet).__name__} cannot be scored as many networks at once")
    return [log_flow(flow) for flow in flows]


def _read(supernet: Supernet, shape: Sequence[int]) -> Forms:
    try:
        return Forms(supernet, shape)
    except CannotTraceError as error:
        raise UserError(
            f"{type(supernet).__name__} cannot be scored as many networks at once: {error}"
        ) from None
