"""Scores that are known already, for policies of one run that ask for the same states."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from itertools import chain

import torch

from opscore.images import Batch
from opscore.proxies.score import Score
from opscore.spaces import State
from opscore.supernets import Supernet


class Memo:
    """Scores of one supernet on one minibatch, the latest that it was asked for.

    What they are of is told by content: every parameter, buffer, pixel and label. A supernet that
    was retrained in place, or by any other way, is another one, and so the scores are dropped.
    Reading 10 MB for that takes some ten milliseconds, where a score takes more.
    """

    def __init__(self) -> None:
        self._of = b""
        self._tables: dict[Hashable, dict[State, Score]] = {}

    def table(self, supernet: Supernet, batch: Batch, *key: Hashable) -> dict[State, Score]:
        """The known scores by state, to read and to add to.

        key: what else they depend on: the proxy, its meaning, its precision, ...
        """
        of = fingerprint(supernet, batch)
        if of != self._of:
            self._of, self._tables = of, {}
        return self._tables.setdefault(key, {})


def fingerprint(supernet: Supernet, batch: Batch) -> bytes:
    """A hash of all numbers that a score can depend on, of where they are, and of their types."""
    digest = hashlib.sha256(supernet.space.name.encode())
    given = (("images", batch.images), ("labels", batch.labels))
    for name, tensor in chain(supernet.named_parameters(), supernet.named_buffers(), given):
        about = f"{name} {tensor.dtype} {tuple(tensor.shape)} {tensor.device}"
        digest.update(about.encode())
        flat = tensor.detach().reshape(-1).contiguous().view(torch.uint8)
        digest.update(flat.cpu().numpy().data)
    return digest.digest()
