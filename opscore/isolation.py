"""Independence of the caller's globals.

torch and NumPy have switches that hold for a whole process: the default type and device, whether
gradients are recorded, mixed precision, what a division by zero does. A number must not depend on
how the caller has set them, and they must be afterwards as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np


@contextmanager
def isolated() -> Iterator[None]:
    """A block, or a decorated function, that sees torch and NumPy as they are when they start.

    Inside, the default type is float32 and the default device the CPU, gradients are recorded
    (``no_grad``, ``inference_mode`` and ``set_grad_enabled`` of the caller do not count), there is
    no autocast, and floating-point errors are warnings. A GPU multiplies float32 as float32 (no
    TF32) and convolves by algorithms that give the same sums each time. Blocks inside it may of
    course set their own.
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
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        # NumPy's own settings: tell of what went wrong, but go on.
        stack.enter_context(np.errstate(all="warn", under="ignore"))
        yield
