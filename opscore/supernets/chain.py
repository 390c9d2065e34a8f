"""The toy model of the paper's section 3.2: a chain of mixed edges, as deep as is asked for.

    stem (3x3 convolution, batch norm) -> edge 1 -> ... -> edge L -> batch norm, ReLU, pool, linear

Every edge has four operations of NAS-Bench-201 (all but 'none') and weighs them 1/4 each. Being a
space and a supernet like any other, it can be scored by every policy that takes a fresh supernet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from opscore.errors import UserError
from opscore.isolation import own_generators
from opscore.rng import torch_generator
from opscore.spaces import SearchSpace
from opscore.supernets.base import Supernet, conv_bn
from opscore.supernets.choice import Choice, Row
from opscore.supernets.nasbench201 import ReLUConvBN, make_operation
from opscore.supernets.signs import SignKernel

OPERATIONS = ("skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
IDENTITY = "skip_connect"
WEIGHTLESS = (IDENTITY, "avg_pool_3x3")

#: Width of every layer.
CHANNELS = 16


@lru_cache(maxsize=32)
def chain_space(length: int) -> SearchSpace:
    """The space of a chain of so many edges, 4^length architectures; UserError below one edge."""
    if length < 1:
        raise UserError(f"a chain has 1 edge or more, got {length}")
    edges = tuple(f"{node}->{node + 1}" for node in range(length))
    return SearchSpace(
        f"chain-{length}", edges, (OPERATIONS,) * length, weightless=WEIGHTLESS, identity=IDENTITY
    )


def build_chain(length: int, seed: int, *, channels: int = CHANNELS) -> ChainSupernet:
    """A fresh chain in eval mode, on the CPU; each length and seed is a model of its own."""
    with own_generators(0):
        chain = ChainSupernet(length, channels=channels)
    chain.reset_parameters(torch_generator(seed, "chain", length))
    return chain.eval()


@dataclass(frozen=True)
class SubnetworkKernel:
    """The activation kernels of one architecture, its weights those of the supernet.

    Attributes:
        choices: the operation index of each edge.
        clean: K with each rectifier that runs counted once, float64 [N, N].
        faithful: K as the authors' hooks would count it.
    """

    choices: tuple[int, ...]
    clean: Tensor
    faithful: Tensor


class ChainSupernet(Supernet):
    """A chain of edges with all operations; batch norm inside the edges has no affine parameters.

    Args:
        length: number of edges.
        channels: width of every layer.
    """

    #: Each operation weighs exactly 1/4.
    has_alphas = False

    def __init__(
        self, length: int, *, channels: int = CHANNELS, in_channels: int = 3, n_classes: int = 10
    ) -> None:
        super().__init__(chain_space(length))
        self.stem = nn.Sequential(*conv_bn(in_channels, channels, 3))
        self.edges = nn.ModuleList(
            Choice(
                {
                    place: make_operation(name, channels, affine=False)
                    for place, name in enumerate(OPERATIONS)
                }
            )
            for _ in range(length)
        )
        self.lastact = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(channels, n_classes)

    def logits(self, images: Tensor, rows: Sequence[Row], run_removed: bool) -> Tensor:
        """See :meth:`Layers.logits`."""
        x = self.stem(images)
        for edge, row in zip(self.edges, rows, strict=True):
            x = edge(x, row, run_removed)
        logits: Tensor = self.classifier(self.lastact(x).mean(dim=(2, 3)))
        return logits

    @torch.no_grad()
    def subnetwork_kernels(self, images: Tensor) -> Iterator[SubnetworkKernel]:
        """The kernels of all 4^length architectures, in eval mode.

        K is a sum over layers, and architectures that begin alike share their first layers: each
        beginning is computed once, 4^length * 4/3 of them rather than 4^length * length layers.

        Args:
            images: [N, channels, height, width].

        Yields the architectures in the order of their choices.
        """
        nothing = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)
        start = self.stem(images)
        yield from self._below((), start, self._signs(start), nothing, nothing)

    def _below(
        self, choices: tuple[int, ...], x: Tensor, signs: Tensor, clean: Tensor, faithful: Tensor
    ) -> Iterator[SubnetworkKernel]:
        """All architectures that begin with these choices.

        x, signs: the activations that they lead to, and their kernel. clean, faithful: the kernels
        of the layers before.
        """
        depth = len(choices)
        if depth == len(self.edges):
            # The last batch norm is fresh: it scales by a positive constant, so signs stay.
            yield SubnetworkKernel(choices, clean + signs, faithful + signs)
            return
        units = x[0].numel()
        candidates: Iterable[nn.Module] = self.edges[depth].children()
        for place, operation in enumerate(candidates):
            chosen = isinstance(operation, ReLUConvBN)
            changed = not isinstance(operation, nn.Identity)
            after = operation(x) if changed else x
            # Two convolutions hang on each edge. The authors' hooks count each one's input at its
            # wrapper, removed or not, and again at its rectifier: the input, or zeros if removed.
            yield from self._below(
                (*choices, place),
                after,
                self._signs(after) if changed else signs,
                clean + signs if chosen else clean,
                faithful + (3 * signs + units if chosen else 2 * signs + 2 * units),
            )

    @staticmethod
    def _signs(x: Tensor) -> Tensor:
        kernel = SignKernel(len(x), x.device)
        kernel.add((x > 0).flatten(1))
        return kernel.value
