"""Steps of a supernet's training, plain and with less work, paired: they take turns in one process.

A step is that of the alphas and that of the weights, without their optimisers. Seconds are of one
thread's processor time, as a training uses one; on a machine that does other things meanwhile the
ratio says more than the seconds.
"""

from __future__ import annotations

import argparse
import time
from copy import deepcopy

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from opscore.engine import training_network
from opscore.supernets import SUPERNETS, Supernet, build_supernet
from opscore.supernets.measure import one_thread
from opscore.supernets.training import Forward


def step(supernet: Supernet, forward: Forward, images: Tensor, labels: Tensor) -> float:
    """Processor seconds of both gradients."""
    start = time.thread_time()
    state = supernet.space.initial_state()
    alphas = supernet.alphas.requires_grad_(True)
    loss = cross_entropy(forward(images, supernet.weights(state)), labels)
    torch.autograd.grad(loss, [alphas])
    alphas.requires_grad_(False)
    supernet.zero_grad()
    loss = cross_entropy(forward(images, supernet.weights(state)), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    return time.thread_time() - start


def measure(space: str, size: str, batch: int, repeats: int) -> pd.DataFrame:
    """Seconds of each pair of steps; the first pair, which sets things up, is left out."""
    plain = build_supernet(space, size).train()
    ours = deepcopy(plain)
    state = plain.space.initial_state()
    side = SUPERNETS[space].side(size)
    images = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(batch) % 10
    forward = training_network(ours, state)
    rows = []
    with one_thread():
        for _ in range(repeats + 1):
            slow = step(plain, plain, images, labels)
            rows.append({"plain": slow, "fast": step(ours, forward, images, labels)})
    frame = pd.DataFrame(rows[1:])
    return frame.assign(ratio=frame["plain"] / frame["fast"])


def main() -> None:
    """Print the pairs and their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="nasbench201")
    parser.add_argument("--size", default="paper")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    frame = measure(given.space, given.size, given.batch_size, given.repeats)
    print(frame.round(2).to_string(index=False))
    print("median:", frame.median().round(2).to_dict())


if __name__ == "__main__":
    main()
