from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from opscore.errors import UserError
from opscore.supernets import build_supernet, load_batch, load_checkpoint


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
        ("net.pkl", b"", "a checkpoint is .npz, .pt or .pth, not '.pkl'"),
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
    batch = load_batch(tmp_path / "batch.npz")
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
