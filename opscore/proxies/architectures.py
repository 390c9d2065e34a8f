"""nwot and synflow of many architectures, each a one-hot state of one supernet.

Networks that compute the same are scored once. CannotTraceError, which says why, where the engine
cannot read the supernet, or reads it wrong.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch

from opscore.engine import CannotTraceError, Claim, Forms, doubt, synaptic_flows
from opscore.images import Batch
from opscore.isolation import isolated
from opscore.proxies.nwot import log_determinant
from opscore.proxies.synflow import log_flow
from opscore.rng import torch_generator
from opscore.spaces import State
from opscore.supernets import Supernet
from opscore.supernets.copying import copy_network
from opscore.supernets.measure import one_thread


@isolated()
def forms_of(
    supernet: Supernet, architectures: Sequence[State], shape: Sequence[int]
) -> list[Hashable]:
    """For each architecture what is the same for those whose logits are the same.

    Dead parts play no part in it, nor does the place of an identity
    (:class:`opscore.engine.Forms`). Such architectures have the same nwot and the same synflow,
    but not always the same params and flops. shape: [channels, height, width] of the images.
    """
    forms = _read(copy_network(supernet), architectures, shape)
    return [forms.form(supernet.weights(state)) for state in architectures]


@isolated()
def nwot_of_architectures(
    supernet: Supernet, architectures: Sequence[State], images: torch.Tensor
) -> list[float]:
    """NASWOT's score of each architecture; minus infinity where no image reaches the logits.

    Train mode, and every rectifier counts that the logits depend on. The weights are the
    supernet's, which is left as it is. images: [N, channels, height, width].
    """
    own = copy_network(supernet).train()
    own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    forms = _read(own, architectures, images.shape[1:])
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
    weights = torch.stack([supernet.weights(state) for state in architectures])
    flows = synaptic_flows(copy_network(supernet), weights, shape)
    return [log_flow(flow) for flow in flows]


def _read(supernet: Supernet, architectures: Sequence[State], shape: Sequence[int]) -> Forms:
    """What a supernet computes, once that has been proved."""
    forms = Forms(supernet, shape)
    tables = [supernet.weights(state) for state in architectures]
    reason = doubt(supernet, _two_alike(forms, tables), _noise(supernet, shape), _SAME_LOGITS)
    if reason is not None:
        raise CannotTraceError(reason)
    return forms


def _two_alike(forms: Forms, tables: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Two architectures that are taken for the same, if there are any; else the ends."""
    seen: dict[Hashable, torch.Tensor] = {}
    for table in tables:
        if (form := forms.form(table)) in seen:
            return [seen[form], table]
        seen[form] = table
    return [tables[0], tables[-1]] if tables else []


def _noise(supernet: Supernet, shape: Sequence[int]) -> Batch:
    images = torch.randn(5, *shape, generator=torch_generator(0, "forms"))
    return Batch(images.to(supernet.alphas), torch.zeros(5, dtype=torch.int64), "noise")


def _read_logits(supernet: Supernet, tables: list[torch.Tensor], batch: Batch) -> list[float]:
    found = Forms(supernet, batch.images.shape[1:]).logits(tables, batch.images)
    return list(found.flatten().tolist())


@torch.no_grad()
def _plain_logits(supernet: Supernet, tables: list[torch.Tensor], batch: Batch) -> list[float]:
    found = [supernet(batch.images, table.to(batch.images)) for table in tables]
    return list(torch.stack(found).flatten().tolist())


#: That what is taken for one network gives the logits of the plain modules.
_SAME_LOGITS = Claim("the same logits", _read_logits, _plain_logits)
