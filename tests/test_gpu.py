"""On a GPU: the numbers of the CPU, the same each time, in every space, to a search's end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hearing import stopped_at

import opscore
from opscore.engine import activation_kernels
from opscore.engine.execute import kernels
from opscore.experiments import OracleSettings
from opscore.experiments.network_training import train_network
from opscore.images import NoiseImages
from opscore.proxies import How, get_proxy
from opscore.proxies.nwot import activation_kernel, hooked_by_the_authors
from opscore.published.genotypes import genotypes
from opscore.settings.profiles import TrainingProfile
from opscore.supernets import SUPERNETS, StateNetwork, build_supernet
from opscore.supernets.recipes import RECIPES

if not torch.cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)

TINY = TrainingProfile(
    "tiny", epochs=1, steps=2, images=64, validation=8, tuning_epochs=1, batch_size=4
)
SMALL = {"size": "smoke", "batch_size": 8, "images": "digits", "training": TINY}
EVERY_KIND = (
    *("zc-pt(nwot)", "zc-pt(synflow)", "disc-zc(snip)", "zc-pt(grasp)", "zc-pt(ntk)", "tenas"),
    *("darts", "disc-acc", "darts-pt", "sensitivity", "random"),
)


@pytest.fixture
def supernets():
    """A space's supernet on the CPU and its copy on the GPU, in double precision."""

    def pair(space):
        here = build_supernet(space, "smoke", seed=1).double()
        there = build_supernet(space, "smoke", seed=1).double().to("cuda")
        return here, there

    return pair


def some_states(supernet):
    whole = supernet.space.initial_state()
    edges = (0, len(whole.space.edges) - 1)
    return [whole.perturb(e, op) for e in edges for op in range(whole.space.shape[e])]


@pytest.mark.parametrize("proxy", ["nwot", "synflow", "snip", "fisher"])
@pytest.mark.parametrize("space", SUPERNETS)
def test_scores_are_those_of_the_cpu(space, proxy, supernets):
    batch = NoiseImages().minibatch(4, 0, "gpu").to("cpu", torch.float64)
    here, there = supernets(space)
    expected = get_proxy(proxy).scores(here, some_states(here), batch)
    for fast in (True, False):
        moved = batch.to("cuda", torch.float64)
        found = get_proxy(proxy).scores(there, some_states(there), moved, How(fast=fast))
        for one, other in zip(found, expected, strict=True):
            assert one.value == pytest.approx(other.value, rel=1e-7, nan_ok=True), (fast, one)


@pytest.mark.parametrize("states_bytes", [0, kernels.STATES_BYTES["cuda"]])
@pytest.mark.parametrize("space", SUPERNETS)
def test_kernels_are_those_of_the_plain_path(space, states_bytes, supernets, monkeypatch):
    monkeypatch.setitem(kernels.STATES_BYTES, "cuda", states_bytes)
    _, supernet = supernets(space)
    x = NoiseImages().minibatch(4, 0, "gpu").to("cuda", torch.float64).images
    tables = torch.stack([supernet.weights(state) for state in some_states(supernet)])
    found = activation_kernels(supernet, tables, x, run_removed=True)
    for positions, kernel in found:
        for place in positions:
            network = StateNetwork(supernet, tables[place], run_removed=True)
            plain = activation_kernel(network, x, hooked_by_the_authors)
            assert torch.equal(kernel, plain)


def without_times(table):
    return table.drop(columns="seconds")


def test_a_run_of_every_kind_of_policy_comes_out_the_same_each_time_and_as_on_the_cpu():
    first, again = (opscore.initial(EVERY_KIND, device="cuda", **SMALL).scores for _ in (1, 2))
    pd.testing.assert_frame_equal(without_times(first), without_times(again))
    cpu = opscore.initial(EVERY_KIND, device="cpu", **SMALL).scores
    key = ["policy", "seed", "edge", "op"]
    both = first.merge(cpu, on=key, suffixes=("_gpu", "_cpu"))
    assert len(both) == len(cpu)
    # Trainings go apart with the rounding of their steps; untrained scores do not.
    untrained = both[~both.policy.isin(["darts", "disc-acc", "darts-pt"])]
    near = np.isclose(untrained.strength_gpu, untrained.strength_cpu, rtol=2e-2, equal_nan=True)
    assert near.all(), untrained.loc[~near, [*key, "strength_gpu", "strength_cpu"]].to_string()


@pytest.mark.parametrize("policy", ["zc-pt(nwot)", "darts-pt"])
def test_a_progressive_run_goes_on_as_if_it_had_not_been_stopped(policy, tmp_path):
    whole = opscore.progressive(policy, device="cuda", **SMALL)
    with stopped_at("iterations", 4), pytest.raises(KeyboardInterrupt):
        opscore.progressive(policy, device="cuda", store=tmp_path, **SMALL)
    resumed = opscore.progressive(policy, device="cuda", store=tmp_path, **SMALL)
    pd.testing.assert_frame_equal(without_times(resumed.scores), without_times(whole.scores))


@pytest.mark.parametrize("space", ["nasbench201", "nasbench-macro", "nb1shot1-1", "darts"])
def test_a_search_ends_where_it_ends_on_the_cpu(space):
    small = {"size": "smoke", "batch_size": 4, "images": "digits", "space": space}
    small |= {
        "oracle": OracleSettings(source="none"),
        "proposals": 2,
        "validation": 2,
        "dtype": "float64",
    }
    found = {
        device: opscore.run_search("zero-cost-pt(synflow)", device=device, **small).architectures
        for device in ("cpu", "cuda")
    }
    assert found["cuda"].architecture.tolist() == found["cpu"].architecture.tolist()


def test_a_training_goes_on_as_if_it_had_not_been_stopped(tmp_path):
    text = str(genotypes()["init_pt_s5_C10_0_100_N10"])
    recipe = replace(RECIPES["smoke"], epochs=3)

    def train(folder):
        return train_network(
            *("darts", text),
            recipe=recipe,
            images="digits",
            store=folder,
            device="cuda",
        )

    whole = train(tmp_path / "whole")
    assert whole.settings["precision"] == "bf16"
    with stopped_at("epochs", 1), pytest.raises(KeyboardInterrupt):
        train(tmp_path / "torn")
    resumed = train(tmp_path / "torn")
    pd.testing.assert_frame_equal(without_times(whole.log), without_times(resumed.log))


def test_tf32_of_the_caller_changes_nothing_and_stays():
    before = opscore.initial("zc-pt(snip)", device="cuda", **SMALL).scores
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    after = opscore.initial("zc-pt(snip)", device="cuda", **SMALL).scores
    pd.testing.assert_frame_equal(without_times(before), without_times(after))
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_the_doctor_is_content_with_it():
    from opscore.doctor.checks import devices

    found = {check.name: check.status for check in devices("cuda")}
    assert {status for name, status in found.items() if "cuda" in name} == {"ok"}, found
