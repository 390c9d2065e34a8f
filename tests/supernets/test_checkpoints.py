from __future__ import annotations

import argparse
import datetime
import os

import numpy as np
import pytest
import torch

import opscore
from opscore.errors import UserError
from opscore.supernets import build_supernet, load_batch, load_checkpoint
from opscore.supernets.checkpoints import ALPHA_NAMES


def save_npz(supernet, path, **extra):
    arrays = {f"param:{name}": p.detach().numpy() for name, p in supernet.named_parameters()}
    np.savez(path, arch_parameters=supernet.alphas.numpy(), **arrays, **extra)


@pytest.fixture
def supernet():
    return build_supernet(size="cpu", seed=7)


def assert_same(found, supernet):
    for name, value in supernet.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name


def test_npz_checkpoints_come_back_whole(tmp_path, supernet):
    save_npz(supernet, tmp_path / "net.npz")
    assert_same(load_checkpoint(tmp_path / "net.npz"), supernet)


def test_torch_checkpoints_come_back_whole(tmp_path, supernet):
    state = dict(supernet.named_parameters())
    state["arch_parameters"] = supernet.alphas
    # The authors' convolutions carry masks of ones, which say nothing.
    state["stem.0.weight_mask"] = torch.ones(8, 3, 3, 3)
    torch.save({"state_dict": state}, tmp_path / "net.pth")
    assert_same(load_checkpoint(tmp_path / "net.pth"), supernet)


def test_a_checkpoint_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch " + str(tmp_path / "ran"),)

    torch.save({"stem.0.weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_missing_and_surplus_parameters_are_named(tmp_path, supernet):
    arrays = {f"param:{name}": p.detach().numpy() for name, p in supernet.named_parameters()}
    arrays["param:cells.0.edges.1<-0.7.op.1.weight"] = arrays.pop("param:lastact.0.weight")
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(UserError, match=r"lacks 1 \(first: lastact.0.weight\) and has 1 unknown"):
        load_checkpoint(tmp_path / "net.npz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.npz", None, "no such file"),
        ("net.npz", b"not a zip", "not a readable npz"),
        ("net.pt", b"not a zip", "not a readable checkpoint"),
        ("net.pkl", b"", "a checkpoint is .npz, .pt, .pth, .pth.tar or .ckpt, not '.pkl'"),
    ],
)
def test_bad_files_are_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load_checkpoint(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_batches(tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "batch.npz", batch_x=x, batch_y=np.array([1, 2, 3, 4]))
    batch = load_batch(str(tmp_path / "batch.npz"))
    assert len(batch) == 4
    assert torch.equal(batch.images, torch.from_numpy(x))
    assert batch.labels.tolist() == [1, 2, 3, 4]
    np.savez(tmp_path / "other.npz", x=x)
    with pytest.raises(UserError, match="no array 'batch_x'"):
        load_batch(tmp_path / "other.npz")


def test_the_authors_own_supernet_loads(data_dir):
    path = data_dir / "golden" / "nasbench201_seed0.npz"
    supernet = load_checkpoint(path)
    assert sum(p.numel() for p in supernet.parameters()) == 1_686_106
    assert len(load_batch(path)) == 64
    with np.load(path) as arrays:
        assert np.array_equal(supernet.alphas.numpy(), arrays["arch_parameters"])


def weights_of(supernet):
    return {name: p.detach().clone() for name, p in supernet.named_parameters()}


ALPHAS = torch.arange(30.0).reshape(6, 5)


def prefixed(prefix):
    return lambda weights: {prefix + name: value for name, value in weights.items()}


@pytest.mark.parametrize(
    "layout",
    [
        prefixed("module."),
        prefixed("_orig_mod."),
        prefixed("module._orig_mod."),
        prefixed("model."),
        lambda weights: {"epoch": 1, "model": weights},
        lambda weights: {"state_dict": prefixed("module.")(weights), "best_acc": 93.2},
        lambda weights: {"state_dict": weights, "args": argparse.Namespace(lr=0.1)},
        lambda weights: {"state_dict": weights, "optimizer": {"state": {0: torch.ones(3)}}},
        lambda weights: {**weights, "epoch": 7},
    ],
)
def test_usual_layouts_load(tmp_path, supernet, layout):
    for suffix in (".pt", ".pth.tar", ".ckpt"):
        torch.save(layout(weights_of(supernet)), tmp_path / f"net{suffix}")
        found = load_checkpoint(tmp_path / f"net{suffix}")
        for name, value in supernet.named_parameters():
            assert torch.equal(found.get_parameter(name), value), name


@pytest.mark.parametrize("name", ALPHA_NAMES)
@pytest.mark.parametrize("listed", ["tensor", "list", "rows"])
@pytest.mark.parametrize("beside", [True, False])
def test_alphas_are_found_wherever_they_are(tmp_path, supernet, name, listed, beside):
    value = {"tensor": ALPHAS, "list": [ALPHAS], "rows": [ALPHAS[:2], ALPHAS[2:]]}[listed]
    weights = weights_of(supernet)
    content = (
        {"epoch": 3, "state_dict": weights, name: value}
        if beside
        else {"state_dict": {**weights, name: value}}
    )
    torch.save(content, tmp_path / "net.pt")
    assert torch.equal(load_checkpoint(tmp_path / "net.pt").alphas, ALPHAS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {**w, "alpha": ALPHAS.T}, "5 x 6, not 6 x 5 .*it looks transposed"),
        (lambda w: {**w, "alpha": ALPHAS[0]}, "arch_parameters is 5, not 6 x 5"),
        (lambda w: {**w, "alpha": torch.tensor(0.3)}, "arch_parameters is a number"),
        (lambda w: {**w, "alpha": ALPHAS / 0}, "'alpha' is not finite"),
        (lambda w: {**w, "alpha": ALPHAS, "alphas": ALPHAS}, "more than once: alphas, alpha"),
        (lambda w: {"state_dict": w, "theta": ALPHAS}, "beside 'state_dict' it holds 'theta'"),
        (lambda w: {"a": w, "b": w}, "parameters are in 2 places"),
        (lambda w: {**w, "classifier.bias": torch.zeros(3)}, "classifier.bias is 3, not 10"),
        (lambda w: {**w, "cells.foo.weight": torch.zeros(3)}, "unknown .first: cells.foo.weight"),
        (lambda w: {**w, "stem.0.weight": torch.zeros(4)}, "stem.0.weight is 4, not"),
        (lambda w: {**w, "stem.0.weight": w["stem.0.weight"] / 0}, "'stem.0.weight' is not finite"),
        (lambda w: [w], "not a list"),
        (lambda w: {"net": "text"}, "must hold a dictionary of tensors"),
        (lambda w: {"state_dict": w, "when": datetime.date(2026, 1, 1)}, "object of 'datetime"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path, supernet, change, message):
    torch.save(change(weights_of(supernet)), tmp_path / "net.pt")
    with pytest.raises(UserError, match=message) as caught:
        load_checkpoint(tmp_path / "net.pt")
    assert "\n" not in str(caught.value)


def test_alphas_beside_a_state_dictionary_that_has_some_are_what_is_meant(tmp_path):
    """As docs/data.md saves one: the supernet's own state has its alphas already."""
    network = build_supernet(size="smoke")
    torch.save({"state_dict": network.state_dict(), "alphas": ALPHAS}, tmp_path / "net.pt")
    assert torch.equal(load_checkpoint(tmp_path / "net.pt").alphas, ALPHAS)


def test_policies_that_rank_alphas_need_them(tmp_path, supernet):
    torch.save(weights_of(supernet), tmp_path / "net.pt")
    with pytest.raises(UserError, match="policy 'darts' ranks the alphas"):
        opscore.initial("darts", checkpoint=tmp_path / "net.pt", images="noise")
