"""Which readings of networks are known, and which networks are read anew.

What a forward pass does may depend on anything: its mode, a setting, a global of the notebook. So a
network is read anew each time that it is scored, in the mode that it is in. Networks that ship
(:func:`ships`) depend on their structure alone: one reading serves all of a structure.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor, nn

from opscore.engine.trace.graph import CannotTraceError, Trace, hooked, read
from opscore.errors import UserError
from opscore.isolation import generator_states, own_generators
from opscore.supernets.copying import copy_network

#: Traces that are kept, the latest ones.
KEPT = 64

#: Images that a network of one's own is read with: few, and no usual number of channels, so that
#: a tensor which does not begin with the images is told from one that does.
IMAGES = 5

#: The package whose networks and layers the tests prove, and layers of torch that they use.
_PROVED = "opscore.supernets."
_PROVED_LAYERS = frozenset({
    nn.AvgPool2d, nn.BatchNorm2d, nn.Conv2d, nn.Identity, nn.Linear, nn.MaxPool2d, nn.ModuleDict,
    nn.ModuleList, nn.ReLU, nn.ReLU6, nn.Sequential,
})  # fmt: skip


def trace(network: nn.Module, image_shape: Sequence[int]) -> Trace:
    """The trace of a supernet or of a stand-alone network for images [C, H, W].

    The network is left as it is. CannotTraceError when its forward pass cannot be read
    (:mod:`opscore.supernets.choice` tells how it must be written).
    """
    if len(image_shape) != 3:
        raise CannotTraceError(f"images have {len(image_shape)} dimensions where 3 are read")
    shape = tuple(image_shape)
    if ships(network):
        found = _kept(_known, (shape, structure(network)), network, shape)
    elif (readings := _readings.get()) is not None:
        found = _kept(readings, (shape, network, network.training), network, shape)
    else:
        found = _trace_or_reason(network, shape)
    if isinstance(found, str):
        raise CannotTraceError(found)
    return found


@contextmanager
def read_once() -> Iterator[None]:
    """A block in which nobody changes a network, so that each is read once."""
    token = _readings.set(OrderedDict())
    try:
        yield
    finally:
        _readings.reset(token)


def ships(network: nn.Module) -> bool:
    """Whether a network and all its layers are of kinds that ship, without hooks.

    The tests prove what the engine makes of those.
    """
    return type(network).__module__.startswith(_PROVED) and not any(
        hooked(module)
        or not (type(module) in _PROVED_LAYERS or type(module).__module__.startswith(_PROVED))
        for module in network.modules()
    )


def reading(network: nn.Module, image_shape: Sequence[int]) -> Hashable:
    """What networks have in common that compute the same but for weights and statistics.

    Of a network of one's own that is what is read of it now, or why it cannot be read.
    """
    if ships(network):
        return structure(network)
    try:
        traced = trace(network, image_shape)
    except CannotTraceError as error:
        return structure(network), str(error)
    steps = [(n.name, n.op, str(n.target), str(n.args), str(n.kwargs)) for n in traced.nodes]
    counted = [(str(r.input), r.real, r.candidate, r.wrapper) for r in traced.rectifiers]
    return structure(network), network.training, *steps, *counted


Known = OrderedDict[Hashable, "Trace | str"]


def _kept(known: Known, key: Hashable, network: nn.Module, shape: Sequence[int]) -> Trace | str:
    with _lock:
        found = known.get(key)
        if found is None:
            found = known[key] = _trace_or_reason(network, shape)
        known.move_to_end(key)
        while len(known) > KEPT:
            known.popitem(last=False)
    return found


_known: Known = OrderedDict()
_readings: ContextVar[Known | None] = ContextVar("readings", default=None)
_lock = threading.RLock()

#: What every module has beside what its own class sets.
_COMMON = frozenset(vars(nn.Module()))


def structure(network: nn.Module) -> Hashable:
    """What networks have in common that compute the same but for weights and statistics."""
    parts = []
    for name, module in network.named_modules(remove_duplicate=False):
        own = [(k, _frozen(v)) for k, v in vars(module).items() if k not in _COMMON]
        tensors = [(k, t is None) for k, t in module.named_parameters(recurse=False)]
        parts.append((name, type(module), *own, *tensors))
    return tuple(parts)


class _Same:
    """An object that equals itself alone, for settings that cannot be compared."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _frozen(value: object, depth: int = 8) -> Hashable:
    """A value by its content, as far as that can be had; an object's is what it holds."""
    if depth == 0 or isinstance(value, Tensor | nn.Module):
        return _Same(value)
    if isinstance(value, list | tuple):
        return (type(value), *(_frozen(item, depth - 1) for item in value))
    if isinstance(value, dict):
        return tuple((_frozen(k, depth - 1), _frozen(v, depth - 1)) for k, v in value.items())
    if isinstance(value, set):
        return frozenset(value)
    if isinstance(value, Hashable) and (
        callable(value) or type(value).__hash__ is not object.__hash__
    ):
        return value
    own = getattr(value, "__dict__", None)
    return _Same(value) if own is None else (type(value), _frozen(own, depth - 1))


def _trace_or_reason(network: nn.Module, image_shape: Sequence[int]) -> Trace | str:
    # Layers that set themselves up on what they first see, or count, do so in a copy.
    try:
        own = copy_network(network)
        if ships(network):
            return read(own.eval(), image_shape, 1)
        with own_generators(0):
            before = generator_states()
            traced = read(own, image_shape, IMAGES)
            drew = generator_states() != before
        return "its forward pass draws random numbers" if drew else traced
    except (CannotTraceError, UserError) as error:
        return str(error)
