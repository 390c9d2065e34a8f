"""Weights of operations along a training, read from what the training keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from running import run

from opscore.errors import UserError
from opscore.images import load_images
from opscore.paper.alphas import alphas
from opscore.settings.profiles import find_profile
from opscore.supernets import build_supernet
from opscore.supernets.training import train


def trained(path: Path, seed: int = 0, space: str = "nasbench201") -> torch.Tensor:
    """The alphas that a short training ends on."""
    supernet = build_supernet(space, "smoke", seed=seed)
    train(supernet, load_images("noise"), find_profile("smoke"), seed, checkpoint=path)
    return supernet.alphas


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    path = tmp_path_factory.mktemp("training") / "supernet.pt"
    return path, trained(path)


def test_the_last_epoch_has_the_weights_of_the_supernet(
    checkpoint: tuple[Path, torch.Tensor], tmp_path: Path
) -> None:
    path, ended = checkpoint
    found = alphas([path])
    assert sorted(set(found.curves["epoch"])) == [1, 2]
    last = found.curves[found.curves["epoch"] == 2].pivot_table("weight", "edge", "op", sort=False)
    np.testing.assert_allclose(last, torch.softmax(ended, 1), rtol=1e-6)
    by_edge = last.rank(axis=1, ascending=False)
    summary = found.summary.query("epoch == 2").set_index("op")
    assert summary["rank"].to_dict() == pytest.approx(by_edge.mean().to_dict())
    assert summary["weight"].to_dict() == pytest.approx(last.mean().to_dict())
    assert all(written.stat().st_size for written in found.save(tmp_path))


def test_the_command_shows_them(
    checkpoint: tuple[Path, torch.Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "alphas", str(checkpoint[0]))
    assert code == 0
    assert "skip_connect" in out
    assert "seed 0, 2 epochs" in out


def test_seeds_are_averaged_and_their_range_is_told(
    checkpoint: tuple[Path, torch.Tensor], tmp_path: Path
) -> None:
    path, ended = checkpoint
    other = trained(tmp_path / "1.pt", seed=1)
    found = alphas([path, tmp_path / "1.pt"]).summary.query("epoch == 2").set_index("op")
    each = torch.stack([torch.softmax(own, 1).mean(0) for own in (ended, other)])
    np.testing.assert_allclose(found["weight"], each.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found["weight_low"], each.min(0).values, rtol=1e-6)
    np.testing.assert_allclose(found["weight_high"], each.max(0).values, rtol=1e-6)
    assert (found["rank_low"] < found["rank_high"]).any()


def test_what_is_no_training_of_the_space_is_refused(
    checkpoint: tuple[Path, torch.Tensor], tmp_path: Path
) -> None:
    path, _ = checkpoint
    with pytest.raises(UserError, match="not a training of a whole supernet of space 'darts'"):
        alphas([path], "darts")
    with pytest.raises(UserError, match="one training for each seed"):
        alphas([path, path])
    with pytest.raises(UserError, match="no checkpoint of a training was given"):
        alphas(tmp_path.glob("*.pt"))
    with pytest.raises(UserError, match=r"none\.pt"):
        alphas([tmp_path / "none.pt"])


def test_the_shipped_training_is_whole() -> None:
    found = alphas()
    sums = found.curves.groupby(["seed", "epoch", "edge"])["weight"].sum()
    np.testing.assert_allclose(sums, 1)
    assert found.curves["epoch"].max() == 64
    assert "medium" in " ".join(found.notes())
