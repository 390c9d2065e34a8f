"""Proof before use: a fast path is believed on a network once it gave the plain path's numbers.

Networks that ship are proved by the tests. Any other goes both ways the first time that it is read
like this, for each proxy, mode, precision and kind of minibatch: some of its own states on a few
images, on copies in double precision, cut into pieces that are smaller still. Where the two ways
differ the plain path is taken, and a note says which layer is the first that differs.

:func:`proving` sets how often: 'first' as said, 'always', or 'never'.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from opscore.engine.algebra.expressions import Value
from opscore.engine.algebra.networks import Networks
from opscore.engine.execute.gradient import Pass
from opscore.engine.execute.kernels import pieces_of
from opscore.engine.schedule.steps import Steps
from opscore.engine.trace.graph import CannotTraceError, Trace, mix, modules_of, place_of, shape_of
from opscore.engine.trace.known import reading, ships, trace
from opscore.errors import note, note_for_record, one_of
from opscore.images import Batch
from opscore.settings import Prove
from opscore.supernets.base import Supernet
from opscore.supernets.copying import copy_network

PROOFS: tuple[Prove, ...] = get_args(Prove)

#: Images of a proof, and how many of them go through the network together.
IMAGES, PIECE = 5, 2

#: Relative difference that is rounding, by the precision of the proof.
ROUNDING = {torch.float64: 1e-6, torch.float32: 1e-3}

_NO_VALUE = "has no value by its plain modules on a few images"

#: Verdicts that are remembered, the latest ones.
KEPT = 4096

#: What a network is asked for: tables of weights.
Asked = TypeVar("Asked", Tensor, list[Tensor])
#: (network, what it is asked for, minibatch) -> values, NaN where there is none.
Way = Callable[[Any, Asked, Batch], list[float]]

_setting: ContextVar[Prove] = ContextVar("prove", default="first")
_verdicts: OrderedDict[Hashable, str | CannotTraceError | None] = OrderedDict()
_told: set[str] = set()


@dataclass(frozen=True)
class Claim(Generic[Asked]):
    """That two ways give the same numbers.

    Attributes:
        key: what the claim depends on beside network and minibatch.
        fast, plain: the two ways; each is given a copy of the network. CannotTraceError of the
            fast one says that there is none for what is asked.
    """

    key: Hashable
    fast: Way[Asked]
    plain: Way[Asked]


@contextmanager
def proving(when: str) -> Iterator[None]:
    """A block in which fast paths prove themselves 'first' (the default), 'always' or 'never'.

    UserError for another word.
    """
    token = _setting.set(check_prove(when))
    try:
        yield
    finally:
        _setting.reset(token)


def check_prove(when: str) -> Prove:
    """The setting of this name; UserError when there is none."""
    return one_of("time of proof", when, PROOFS)


def doubt(network: nn.Module, asked: Asked, batch: Batch, claim: Claim[Asked]) -> str | None:
    """Why the fast way is not to be taken; None where it has proved itself, or ships.

    asked: some of what the network will be asked for, so that between them everything that the
    engine does for its states is done. CannotTraceError where there is no fast way for any of it.
    """
    setting = _setting.get()
    if setting == "never" or ships(network):
        return None
    if any(t.is_complex() for t in (*network.parameters(), *network.buffers())):
        return "has complex numbers"
    images = batch.images
    key = (
        claim.key,
        images.shape[1:],
        images.dtype,
        images.device,
        reading(network, images.shape[1:]),
    )
    if setting == "always" or key not in _verdicts:
        try:
            _verdicts[key] = _compared(_as_trained(network), asked, batch, claim)
        except CannotTraceError as error:  # whose traceback holds the networks
            _verdicts[key] = CannotTraceError(str(error))
    _verdicts.move_to_end(key)
    while len(_verdicts) > KEPT:
        _verdicts.popitem(last=False)
    found = _verdicts[key]
    if isinstance(found, CannotTraceError):
        raise CannotTraceError(str(found))
    return found


def tell(network: nn.Module, name: str, reason: str) -> None:
    """Say once, and for each record, that the plain modules of a network run and why."""
    message = f"{name}: {type(network).__name__} runs as it is, which is slower: it {reason}"
    note_for_record(message)
    if message not in _told:
        _told.add(message)
        note(message)


def _compared(network: nn.Module, asked: Asked, batch: Batch, claim: Claim[Asked]) -> str | None:
    for few, dtype in _settings(batch):
        plain, fast = copy_network(network).to(dtype), copy_network(network).to(dtype)
        try:
            right = claim.plain(plain, asked, few)
        except Exception:  # too few images, or a layer of one precision
            continue
        if any(map(math.isfinite, right)):
            break
    else:
        return _NO_VALUE
    try:
        with pieces_of(PIECE):
            found = claim.fast(fast, asked, few)
    except CannotTraceError:
        if (reason := _unreadable(fast, few)) is not None:
            return reason
        if len(asked) == 1:
            raise
        return _one_by_one(network, asked, batch, claim)
    except Exception as error:
        return f"cannot be computed the fast way ({type(error).__name__}: {error})"
    for value, wanted in zip(found, right, strict=True):
        if not _agree(value, wanted, ROUNDING[dtype]):
            where = first_difference(fast, few)
            return f"gives {value:.6g} the fast way where its modules give {wanted:.6g}; {where}"
    return None


@torch.no_grad()
def _as_trained(network: nn.Module) -> nn.Module:
    """A copy with other weights and statistics, so that no two ways agree by accident.

    Fresh batch norms are nearly the identity, and some layers begin with zeros.
    """
    own, draw = copy_network(network), torch.Generator().manual_seed(0)

    def noise(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=draw).to(like)

    for module in own.modules():
        if isinstance(module, _BatchNorm) and module.running_var is not None:
            assert module.running_mean is not None
            module.running_mean += 0.1 * noise(module.running_mean)
            module.running_var *= (0.1 * noise(module.running_var)).exp()
    for weight in own.parameters():
        if weight.is_floating_point() and weight.numel():
            weight.add_(noise(weight), alpha=0.1 * float(weight.abs().mean() or 1.0))
    return own


def _one_by_one(network: nn.Module, asked: Asked, batch: Batch, claim: Claim[Asked]) -> str | None:
    """The same for what is asked one by one; what there is no fast way for proves nothing."""
    found: list[str | None] = []
    for place in range(len(asked)):
        with suppress(CannotTraceError):
            found.append(_compared(network, asked[place : place + 1], batch, claim))
    if not found:
        raise CannotTraceError("there is no fast way for any of its states")
    reasons = [reason for reason in found if reason != _NO_VALUE]
    return next(filter(None, reasons), None) if reasons else _NO_VALUE


def _unreadable(network: nn.Module, batch: Batch) -> str | None:
    """Why a network cannot be read; None where it can."""
    try:
        trace(network, batch.images.shape[1:])
    except CannotTraceError as error:
        return f"cannot be read ({error})"
    return None


def _settings(batch: Batch) -> Iterator[tuple[Batch, torch.dtype]]:
    """A few images in double precision; more, or as they are, for what cannot do with less."""
    own = batch.images.dtype
    few = Batch(batch.images[:IMAGES], batch.labels[:IMAGES], batch.source, batch.labelled)
    device = batch.images.device
    wide = own if device.type == "mps" else torch.float64
    for images, dtype in ((few, wide), (batch, wide), (few, own), (batch, own)):
        yield images.to(device, dtype), dtype


def _agree(found: float, wanted: float, rounding: float) -> bool:
    if not math.isfinite(found) or not math.isfinite(wanted):
        return not (math.isfinite(found) or math.isfinite(wanted))
    return abs(found - wanted) <= rounding * max(abs(wanted), 1e-4)


def first_difference(network: nn.Module, batch: Batch) -> str:
    """Which layer is the first whose output the engine computes otherwise, and by how much.

    The network runs whole: a supernet with all its operations.
    """
    try:
        with torch.no_grad():
            for node, own, plain in _outputs(network, batch.images):
                if own.shape != plain.shape:  # tensors that are stacked to be added
                    continue
                size, difference = (float(x.abs().max()) for x in (plain, own - plain))
                if not difference <= 1e-5 * max(size, 1e-8):
                    return f"first at {place_of(node)}, by {difference:.2g} of {size:.2g}"
    except Exception as error:  # what is only said need not be complete
        return f"where cannot be said ({type(error).__name__})"
    return "no layer alone differs"


def _outputs(network: nn.Module, images: Tensor) -> Iterator[tuple[fx.Node, Tensor, Tensor]]:
    """The output of each node as the engine computes it, and as the plain modules do."""
    traced = trace(network, images.shape[1:])
    modules = modules_of(network)
    rows: list[list[float]] = []
    if isinstance(network, Supernet):
        rows = network.weights(network.space.initial_state()).tolist()
    networks = Networks(traced, modules, dropout=network.training)
    values, steps, run = networks.values(rows), Steps(modules), Pass(modules)
    plainly = _Plainly(network, traced, rows)
    plainly.run(images)
    for node, plain in plainly.outputs.items():
        value = values.get(node)
        if isinstance(value, Value):
            step = steps.of(networks.builder.tensor(value, shape_of(node)))
            yield node, run.run(step, images), plain


class _Plainly(fx.Interpreter):
    """Runs a trace node by node, to see what its modules and functions give.

    Attributes:
        outputs: the tensors, as they were before anything was written into them.
    """

    def __init__(self, network: nn.Module, traced: Trace, rows: list[list[float]]) -> None:
        whole = nn.Module()
        whole.network = network
        for node in traced.nodes:
            if "constant" in node.meta:
                setattr(whole, str(node.target), node.meta["constant"])
        super().__init__(whole, graph=traced.output.graph)
        self.rows = rows
        self.outputs: dict[fx.Node, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        """What a node gives, noted."""
        found = super().run_node(n)
        if isinstance(found, Tensor):
            self.outputs[n] = found.clone()
        return found

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """What a function gives; of a choice, the weighted sum of its candidates."""
        if target is not mix:
            return super().call_function(target, args, kwargs)
        edge, weights, outputs = args
        factors = weights if edge is None else [self.rows[edge][place] for place in weights]
        return sum(factor * output for factor, output in zip(factors, outputs, strict=True))
