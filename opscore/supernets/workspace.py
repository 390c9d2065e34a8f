"""Memory that a network's passes use again, so that the operating system is not asked for it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor


class Workspace:
    """Buffers by name, and outputs of the last pass whose memory the next one may take.

    Pages that a process touches for the first time can cost more than the arithmetic on them. The
    passes of a supernet's states have the same shapes, so from the second one on all is here. What
    a pass keeps for its gradient is overwritten by the next pass; :meth:`check` finds that out.

    A copy of a workspace is the workspace itself: it holds nothing that anyone may rely on.

    Attributes:
        passes: how many were begun, which is the number of the present one.
    """

    def __init__(self) -> None:
        self._buffers: dict[Hashable, Tensor] = {}
        self._outputs: dict[Hashable, Tensor] = {}
        self._batch: tuple[object, ...] = ()
        self.passes = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> Workspace:
        return self

    def begin(self, images: Tensor) -> None:
        """Start the next pass; what was for images of another layout is let go."""
        if _layout(images) != self._batch:
            self._buffers.clear()
            self._outputs.clear()
            self._batch = _layout(images)
        self.passes += 1

    def check(self, number: int) -> None:
        """RuntimeError when a pass after this one has overwritten what it kept."""
        if number != self.passes:
            raise RuntimeError("a network's gradient must be taken before its next forward pass")

    def buffer(self, name: Hashable, like: Tensor) -> Tensor:
        """A tensor of this shape, type, device and memory format, with anything in it."""
        found = self._buffers.get(name)
        if found is None or _layout(found) != _layout(like):
            found = self._buffers[name] = torch.empty_like(like)
        return found

    def renew(self, name: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """What ``make`` returns, made after that of the last pass has been let go.

        For outputs that cannot be written into a buffer: the allocator hands out the same memory.
        """
        self._outputs.pop(name, None)
        made = self._outputs[name] = make()
        return made


class Spare:
    """Keeps a workspace of a CPU between calls; a process keeps one at most, the last.

    It lives as long as this does. A copy of this is the same one, and a process that it is sent to
    begins with none. A GPU's own allocator keeps memory already.
    """

    _last: ClassVar[weakref.ref[Spare] | None] = None

    def __init__(self) -> None:
        self._free: list[Workspace] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> Spare:
        return self

    def __reduce__(self) -> tuple[type[Spare], tuple[()]]:
        return Spare, ()

    @contextmanager
    def borrowed(self, device: torch.device) -> Iterator[Workspace]:
        """A workspace that nobody else has until it is given back; after an error it is gone."""
        memory = self._free.pop() if self._free else Workspace()
        yield memory
        if device.type == "cpu":
            self._keep(memory)

    def _keep(self, memory: Workspace) -> None:
        other = Spare._last() if Spare._last is not None else None
        if other is not None:
            other.release()
        self._free.append(memory)
        Spare._last = weakref.ref(self)

    def release(self) -> None:
        """Let the memory go."""
        self._free.clear()


def _layout(tensor: Tensor) -> tuple[object, ...]:
    return tensor.shape, tensor.stride(), tensor.dtype, tensor.device
