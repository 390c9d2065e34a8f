"""How fast the neural tangent kernel is, beside one backward pass for each sample.

    python benchmarks/ntk.py [--sizes cpu paper] [--batch 32] [--repeats 3] [--threads 1]

For each supernet size and each meaning: CPU seconds of the plain loop and of opscore (the least of
the repeats), their ratio, and the relative difference of the two kernels. Forward passes count on
both sides. CPU seconds rather than wall time, so that other work on the machine matters less.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from opscore.images import NoiseImages
from opscore.proxies.ntk import condition_number, coupled_kernel, gram, separate_kernel
from opscore.proxies.per_sample import freeze_batch_statistics
from opscore.supernets import StateNetwork, build_supernet

Kernel = Callable[[nn.Module, Tensor], Tensor]


def plain_loop(network: nn.Module, images: Tensor) -> Tensor:
    """The kernel as TE-NAS computes it: one backward pass per sample, gradients kept in a list."""
    outputs = network(images)
    rows = []
    for output in outputs:
        network.zero_grad()
        output.sum().backward(retain_graph=True)
        rows.append(
            torch.cat(
                [
                    parameter.grad.flatten().clone()
                    for name, parameter in network.named_parameters()
                    if "weight" in name and parameter.grad is not None
                ]
            )
        )
    return gram(torch.stack(rows))


def frozen(kernel: Kernel) -> Kernel:
    """A kernel with the batch's statistics held fixed; fixing them counts in its time."""

    def compute(network: nn.Module, images: Tensor) -> Tensor:
        freeze_batch_statistics(network, images)
        return kernel(network, images)

    return compute


#: Our kernel and the loop, by meaning.
PAIRS: dict[str, tuple[Kernel, Kernel]] = {
    "clean": (frozen(separate_kernel), frozen(plain_loop)),
    "faithful": (coupled_kernel, plain_loop),
}


def measure(kernel: Kernel, size: str, batch: int, repeats: int) -> tuple[float, Tensor]:
    """The least CPU seconds of some repeats, and the kernel."""
    images = NoiseImages().minibatch(batch, 0, "ntk benchmark").images
    seconds = []
    for _ in range(repeats):
        supernet = build_supernet(size=size)
        weights = supernet.weights(supernet.space.initial_state())
        network = StateNetwork(supernet, weights, run_removed=True).train()
        start = time.process_time()
        found = kernel(network, images)
        seconds.append(time.process_time() - start)
    return min(seconds), found


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["cpu", "paper"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the table to this CSV file")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for size in options.sizes:
        for meaning, pair in PAIRS.items():
            (ours, kernel), (loop, expected) = (
                measure(part, size, options.batch, options.repeats) for part in pair
            )
            rows.append(
                {
                    "size": size,
                    "batch": options.batch,
                    "meaning": meaning,
                    "loop_seconds": round(loop, 3),
                    "opscore_seconds": round(ours, 3),
                    "times_faster": round(loop / ours, 2),
                    "kernel_difference": float((kernel - expected).norm() / expected.norm()),
                    "condition_loop": condition_number(expected),
                    "condition_opscore": condition_number(kernel),
                }
            )
            print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
