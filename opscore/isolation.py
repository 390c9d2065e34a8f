"""Independence of the caller's globals.

torch and NumPy have switches that hold for a whole process: the default type and device, whether
gradients are recorded, mixed precision, what a division by zero does. They, and Python, have random
generators that anyone may draw from. A number must not depend on how the caller has left them, and
they must be afterwards as they were.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.random import mtrand


@contextmanager
def isolated() -> Iterator[None]:
    """A block, or a decorated function, that sees torch and NumPy as they are when they start.

    Inside, the default type is float32 and the default device the CPU, gradients are recorded
    (``no_grad``, ``inference_mode`` and ``set_grad_enabled`` of the caller do not count), there is
    no autocast, and floating-point errors are warnings. A GPU multiplies float32 as float32 (no
    TF32) and convolves by algorithms that give the same sums each time. Attention calls its layers.
    What draws from the global random generators draws from seeded ones (:func:`own_generators`).
    Blocks inside it may of course set their own.
    """
    import torch

    with ExitStack() as stack:
        if torch.get_default_dtype() != torch.float32:
            stack.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float32)
        # A default device slows every call down, so one is set only where the caller's is another.
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        for switches, name, value in (
            (torch.backends.cuda.matmul, "allow_tf32", False),
            (torch.backends.cudnn, "allow_tf32", False),
            (torch.backends.cudnn, "deterministic", True),
            (torch.backends.cudnn, "benchmark", False),
        ):
            if getattr(switches, name) != value:
                stack.callback(setattr, switches, name, getattr(switches, name))
                setattr(switches, name, value)
        if torch.backends.mha.get_fastpath_enabled():  # it calls no layer that hooks could see
            stack.callback(torch.backends.mha.set_fastpath_enabled, True)
            torch.backends.mha.set_fastpath_enabled(False)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        # NumPy's own settings: tell of what went wrong, but go on.
        stack.enter_context(np.errstate(all="warn", under="ignore"))
        stack.enter_context(own_generators(0))
        yield


@contextmanager
def own_generators(seed: int) -> Iterator[None]:
    """A block whose draws from the global generators depend on a seed alone.

    The global generators are those of torch, on the CPU and on GPUs, of NumPy (``numpy.random``)
    and of Python (``random``). Afterwards they are as they were.

    Args:
        seed: from 0; :func:`opscore.rng.derive_seed` makes one for a purpose.
    """
    import torch

    with ExitStack() as stack:
        generator = torch.default_generator
        stack.callback(generator.set_state, generator.get_state())
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            stack.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
        # The caller's, of whatever kind, is put aside: its state need not be copied.
        stack.callback(mtrand.set_bit_generator, mtrand.get_bit_generator())
        mtrand.set_bit_generator(np.random.MT19937())
        stack.callback(random.setstate, random.getstate())
        seed_generators(seed)
        yield


def generator_states() -> tuple[object, ...]:
    """Where the global generators are: equal as long as nothing is drawn from them."""
    import torch

    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    states = (torch.default_generator.get_state(), *on_gpus)
    drawn = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - the global one
    return (
        *(state.numpy().tobytes() for state in states),
        (drawn["pos"], drawn["key"].tobytes()),
        random.getstate(),
    )


def seed_generators(seed: int) -> None:
    """Seed the global generators, within :func:`own_generators`."""
    import torch

    # Not torch.manual_seed: it would seed a GPU's generator for good, once there is one.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
    np.random.seed([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF])  # noqa: NPY002 - the global one
    random.seed(seed)
