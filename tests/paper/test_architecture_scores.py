"""The scores of all architectures, at smoke size, against plain computations."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from architecture_scores import (
    ArchitectureScores,
    RecordSettings,
    architecture_scores,
    every_architecture,
    record_settings,
    sizes,
)
from hearing import stopped_at

from opscore.data import records
from opscore.errors import UserError
from opscore.images import load_images
from opscore.proxies import How, get_proxy
from opscore.proxies.architectures import forms_of, nwot_of_architectures, synflow_of_architectures
from opscore.proxies.nwot import activation_kernel, is_relu, log_determinant
from opscore.search import score_record
from opscore.search.score_record import COLUMNS, RECORD
from opscore.spaces import NASBENCH201
from opscore.supernets import SUPERNETS, StateNetwork, build_network, build_supernet

SMALL = RecordSettings(size="smoke", batch_size=6, images="digits")
NONE, SKIP, CONV1, CONV3, POOL = range(5)


@pytest.fixture(scope="module")
def supernet():
    return build_supernet(size="smoke", seed=3)


@pytest.fixture(scope="module")
def batch():
    return load_images("digits").minibatch(6, 0, "test")


@pytest.fixture(scope="module")
def sample():
    """Architectures with and without dead parts."""
    every = every_architecture()
    chosen = np.random.default_rng(0).choice(len(every), 24, replace=False)
    return [every[int(place)] for place in chosen]


def arch(*operations):
    return NASBENCH201.architecture(operations)


def test_dead_parts_play_no_part(supernet):
    for one, other in (
        # Node 1 has no input: what leaves it is dead.
        ((NONE, SKIP, CONV3, CONV1, CONV3, SKIP), (NONE, SKIP, NONE, CONV1, NONE, SKIP)),
        # Node 2 has no way out: what enters it is dead.
        ((CONV3, CONV3, CONV1, NONE, POOL, NONE), (CONV3, NONE, NONE, NONE, POOL, NONE)),
        # A dead part behind another: node 1 leads to node 2 only, which leads nowhere.
        ((CONV3, CONV1, CONV3, SKIP, NONE, NONE), (NONE, NONE, NONE, SKIP, NONE, NONE)),
        # An identity in another place: from node 0 to 3 by way of node 1, or of node 2.
        ((SKIP, NONE, NONE, NONE, SKIP, NONE), (NONE, SKIP, NONE, NONE, NONE, SKIP)),
    ):
        same, also = forms_of(supernet, [arch(*one), arch(*other)], (3, 32, 32))
        assert same == also
    whole = (CONV3, SKIP, POOL, CONV1, SKIP, CONV3)
    every = [arch(*whole[:e], op, *whole[e + 1 :]) for e in range(6) for op in range(5)]
    assert len(set(forms_of(supernet, every, (3, 32, 32)))) == 25


@pytest.mark.exhaustive
def test_there_are_as_many_functions_as_forms(supernet):
    # A third of the space; all of it are 8,239 functions (the benchmark counts 9,445 networks
    # without dead parts: some of these are the same by the place of an identity).
    third = every_architecture()[::3]
    assert len(set(forms_of(supernet, third, (3, 32, 32)))) == 2959


def test_architectures_of_one_form_have_the_same_logits(supernet, batch, sample):
    third = every_architecture()[::7]
    by_form = {}
    for form, state in zip(forms_of(supernet, third, (3, 32, 32)), third, strict=True):
        by_form.setdefault(form, []).append(state)
    several = [states for states in by_form.values() if len(states) > 1][:8]
    assert len(several) == 8
    net, images = deepcopy(supernet).double().train(), batch.images.double()
    for one, other, *_ in several:
        logits = [net(images, net.weights(state)) for state in (one, other)]
        assert torch.allclose(*logits, rtol=0, atol=1e-12)


def live_rectifiers(network, images):
    """The rectifiers whose input depends on the images and that the logits depend on."""
    seen, network = {}, network.train()

    def note(module, inputs, output):
        output.retain_grad()
        seen[module] = (inputs[0].detach().clone(), output)

    relus = [module for module in network.modules() if is_relu(module)]
    for relu in relus:
        relu.inplace = False
        relu.register_forward_hook(note)
    images = images.clone().requires_grad_()
    network(images).square().sum().backward()
    return [
        relu
        for relu in relus
        if relu in seen
        and float((seen[relu][0] - seen[relu][0][:1]).abs().max()) > 0
        and seen[relu][1].grad is not None
        and float(seen[relu][1].grad.abs().max()) > 0
    ]


def test_nwot_counts_the_rectifiers_that_gradients_reach(supernet, batch, sample):
    scored, sample = 0, sample[:14]
    for state, value in zip(
        sample, nwot_of_architectures(supernet, sample, batch.images), strict=True
    ):
        network = StateNetwork(deepcopy(supernet), supernet.weights(state))
        if not np.isfinite(value):
            assert forms_of(supernet, [state], batch.images.shape[1:]) == [()]
            continue
        live = live_rectifiers(network, batch.images)
        plain = StateNetwork(deepcopy(supernet), supernet.weights(state)).train()
        names = {name for name, module in network.named_modules() if module in live}
        counted = {module for name, module in plain.named_modules() if name in names}
        expected = log_determinant(activation_kernel(plain, batch.images, counted.__contains__))
        assert value == pytest.approx(expected, abs=0.05)
        scored += 1
    assert scored > 7


def test_synflow_is_the_proxys_with_and_without_dead_parts(supernet, batch, sample):
    values = synflow_of_architectures(supernet, sample, batch.images.shape[1:])
    plain = get_proxy("synflow").scores(supernet, sample, batch, How("clean", fast=False))
    for value, score in zip(values, plain, strict=True):
        if score.status == "ok":
            assert value == pytest.approx(score.value, rel=1e-9)
        else:
            assert value == -np.inf


def test_scoring_leaves_the_supernet_alone(supernet, batch, sample):
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    nwot_of_architectures(supernet, sample[:3], batch.images)
    assert not supernet.training
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


@pytest.mark.parametrize("proxy", ["params", "flops"])
def test_sizes_add_up(proxy, batch, sample):
    added = sizes(proxy, SMALL)
    for state in sample[:8]:
        network = build_network(state, "smoke")
        expected = get_proxy(proxy).score_network(network, batch).value
        found = sum(added[place] for place in enumerate(state.architecture_indices))
        assert added[-1, -1] + found == expected


@pytest.fixture(scope="module")
def short_space():
    """Six architectures, two of them one network and one of them without a way to the output."""
    return [
        arch(NONE, SKIP, CONV3, CONV1, CONV3, SKIP),
        arch(NONE, SKIP, NONE, CONV1, NONE, SKIP),
        arch(*[CONV3] * 6),
        arch(*[NONE] * 6),
        arch(*[POOL] * 6),
        arch(CONV1, NONE, NONE, NONE, CONV3, NONE),
    ]


def test_a_stopped_run_goes_on(tmp_path, short_space, monkeypatch):
    monkeypatch.setattr("architecture_scores.every_architecture", lambda: short_space)
    monkeypatch.setattr("architecture_scores.CHUNK", 2)
    with stopped_at("networks", 4), pytest.raises(KeyboardInterrupt):
        architecture_scores(SMALL, tmp_path)
    asked = []

    def counted(supernet, networks, images):
        asked.extend(networks)
        return nwot_of_architectures(supernet, networks, images)

    monkeypatch.setattr("architecture_scores.nwot_of_architectures", counted)
    found = architecture_scores(SMALL, tmp_path)
    assert len(asked) == 1  # four of five were there
    assert [path.name for path in tmp_path.rglob("*.parquet")] == ["scores.parquet"]
    assert found.equals(architecture_scores(SMALL, tmp_path))
    assert len(asked) == 1
    pd.testing.assert_frame_equal(found, architecture_scores(SMALL))
    assert list(found.columns) == list(COLUMNS)
    assert found["nwot"].iloc[0] == found["nwot"].iloc[1]
    assert found["params"].iloc[0] > found["params"].iloc[1]
    assert np.isnan(found["nwot"].iloc[3])
    assert np.isnan(found["synflow"].iloc[3])
    assert found.drop(index=3)["nwot"].notna().all()


def test_pieces_of_other_networks_are_not_found(monkeypatch):
    before = ArchitectureScores(SMALL.resolved()).key()
    family = SUPERNETS["nasbench201"]
    monkeypatch.setitem(SUPERNETS._entries, "nasbench201", replace(family, version=99))
    assert ArchitectureScores(SMALL.resolved()).key() != before


def test_a_record_is_written_and_read_by_seed(tmp_path, short_space, monkeypatch):
    monkeypatch.setattr("architecture_scores.every_architecture", lambda: short_space)
    settings = [RecordSettings(seed, "smoke", 6, "digits") for seed in (0, 1)]
    table = pd.concat([architecture_scores(one) for one in settings], ignore_index=True)
    records.write_record(RECORD, table, record_settings(settings), tmp_path)
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    read, said = records.read_record(RECORD)
    assert said["seeds"] == [0, 1]
    assert said["size"] == "smoke"
    monkeypatch.setattr(score_record, "record_table", lambda: read)
    first, second, third = (score_record.recorded_scores("nwot", seed) for seed in (0, 1, 2))
    assert not first.equals(second)
    assert first.equals(third)
    with pytest.raises(UserError, match="no record"):
        score_record.recorded_scores("snip")


def test_bad_input_is_one_line():
    with pytest.raises(UserError, match="two images"):
        RecordSettings(batch_size=1).resolved()
