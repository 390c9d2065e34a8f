"""Why there is no number: failures as statuses, and returns that are no numbers named."""

from __future__ import annotations

import math
import numbers
import re
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import get_total_norm

from opscore.errors import UserError
from opscore.images import Batch
from opscore.proxies.score import Score

#: What messages say that mean: there is no number, or no memory to compute it. Libraries raise
#: ValueError or RuntimeError for that as well as for a mistake in the code that called them.
_NO_NUMBER = re.compile(
    r"math (domain|range) error|expected a (positive|nonnegative|noninteger) (input|argument)"
    r"|\b(nans?|infs?|infinity|infinite|singular|not positive definite|converge[ds]?)\b"
    r"|more than 1 value per channel"
    r"|can't allocate memory|not enough memory|out of memory",
    re.IGNORECASE,
)


def attempt(name: str, compute: Callable[[], object], undefined: str = "") -> Score:
    """The score that a computation gives, with its seconds, or why there is none.

    undefined: what it means when the number is infinite or NaN, for the status. UserError, which
    names the proxy, when what is returned is no number; a mistake in the code raises what it does.
    """
    start = time.perf_counter()
    try:
        value = number(name, compute())
    except Exception as error:
        if not is_failure(error):
            raise
        return Score(math.nan, reason_of(error), time.perf_counter() - start)
    return Score.of(value, time.perf_counter() - start, undefined)


def number(name: str, value: object) -> float:
    """A proxy's return as a float; UserError that names it when it is not one real number.

    An array or a tensor with a single element is a number.
    """
    if isinstance(value, Tensor | np.ndarray | np.generic) and math.prod(value.shape) == 1:
        value = value.item()
    if isinstance(value, numbers.Real):
        return float(value)
    shape = getattr(value, "shape", None)
    what = type(value).__name__ if shape is None else f"{type(value).__name__} of shape {[*shape]}"
    shown = "None" if value is None else f"a {what}"
    raise UserError(f"proxy '{name}' returned {shown}; it has to return one real number")


def is_failure(error: Exception) -> bool:
    """Whether an error says that there is no number, rather than that the code is wrong."""
    if isinstance(error, UserError):
        return False
    if isinstance(error, ArithmeticError | MemoryError | torch.OutOfMemoryError):
        return True
    # NumPy's and SciPy's class; torch's has no public name.
    if isinstance(error, np.linalg.LinAlgError) or type(error).__name__ == "_LinAlgError":
        return True
    return isinstance(error, ValueError | RuntimeError) and bool(_NO_NUMBER.search(str(error)))


def reason_of(error: Exception) -> str:
    """An error as a status: its kind and the first line of its message."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"


def unfit(network: nn.Module, batch: Batch) -> str | None:
    """Why a network has no scores on a minibatch: a value of either is not finite; None if all are.

    A NaN among them need not reach the number: where signs are counted it looks like any value
    that is not positive.

    Args:
        network: its parameters and buffers count.
        batch: its images count.

    UserError for what is no network of layers that can be seen, and for one that has no values:
    lazy layers that saw no image yet, or a network on the device 'meta'.
    """
    if not isinstance(network, nn.Module):
        raise UserError(f"a network is a torch.nn.Module, not a {type(network).__name__}")
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise UserError("a scripted network hides its layers; hand over the module it was made of")
    if not all_finite([batch.images]):
        return "not finite: the images"
    named = [*network.named_parameters(), *network.named_buffers()]
    for name, tensor in named:
        if is_lazy(tensor) or tensor.is_meta:
            why = "lazy: run it on some images once" if is_lazy(tensor) else "on the device 'meta'"
            raise UserError(f"the network has no weights yet: '{name}' is {why}")
    if all_finite(tensor for _, tensor in named):
        return None
    masks = {
        name
        for name, tensor in network.named_buffers()
        if "running_" not in name and _is_mask(tensor)
    }
    bad = (name for name, tensor in named if name not in masks and not all_finite([tensor]))
    first = next(bad, None)
    return None if first is None else f"not finite: '{first}' of the network"


def _is_mask(buffer: Tensor) -> bool:
    """Whether a buffer's values are zero or minus infinity, as those are that attention adds."""
    return buffer.is_floating_point() and bool(((buffer == 0) | (buffer == -math.inf)).all())


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no floating-point value is infinite or NaN."""
    inexact = (t.detach() for t in tensors if t.is_floating_point() or t.is_complex())
    found = [_real(tensor) for tensor in inexact if tensor.numel()]
    return not found or math.isfinite(float(get_total_norm(found, math.inf)))


def _real(tensor: Tensor) -> Tensor:
    """Real numbers of a type that norms are taken of."""
    if tensor.is_complex():
        return torch.view_as_real(tensor.resolve_conj())
    return tensor if tensor.element_size() > 1 else tensor.float()
