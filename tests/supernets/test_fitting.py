"""Training the network that was found: recipes, what is drawn, resuming."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hearing import heard, steps_done, stopped_at

import opscore
from opscore.errors import UserError
from opscore.images import Batch, NoiseImages, load_images
from opscore.images.base import cutout
from opscore.published.genotypes import genotypes
from opscore.supernets import build, find_target
from opscore.supernets.epochs import read_checkpoint
from opscore.supernets.fitting import Fitter, split_images
from opscore.supernets.recipes import RECIPES, find_recipe

TEXT = str(genotypes()["init_pt_s5_C10_0_100_N10"])
SMALL = {"channels": 2, "cells": 3}
SMOKE = replace(RECIPES["smoke"], cutout=8)
BUILT = find_target("darts", "cifar10", **SMALL)


def trained(recipe=SMOKE, checkpoint=None):
    network = build("darts", TEXT, "cifar10", **SMALL)
    split = split_images(load_images("digits"))
    log = Fitter(network, split, recipe, 0, BUILT, TEXT).run(checkpoint)
    return network, log


def test_recipes_are_those_of_darts():
    cifar, imagenet = RECIPES["cifar"], RECIPES["imagenet"]
    assert (cifar.epochs, cifar.batch_size, cifar.cutout, cifar.drop_path) == (600, 96, 16, 0.2)
    assert cifar.rate(0) == 0.025
    assert cifar.rate(300) == pytest.approx(0.0125)
    assert cifar.drop(300) == pytest.approx(0.1)
    assert (imagenet.epochs, imagenet.batch_size, imagenet.label_smoothing) == (250, 128, 0.1)
    assert imagenet.rate(2) == pytest.approx(0.1 * 0.97**2)
    assert imagenet.drop(100) == 0
    with pytest.raises(UserError, match="unknown recipe 'cifra'; did you mean cifar"):
        find_recipe("cifra")
    with pytest.raises(UserError, match="a training needs 1 epoch or more, got 0"):
        cifar.changed(epochs=0)


def test_an_epoch_goes_through_all_images_once():
    split = split_images(load_images("digits"))
    recipe = replace(SMOKE, steps=None, batch_size=50, cutout=0)
    fitter = Fitter(build("darts", TEXT, "cifar10", **SMALL), split, recipe, 0, BUILT, TEXT)
    labels = torch.cat([draw().labels for draw in fitter.batches(0)])
    pool = split.train.pool
    whole = split.train.labels[pool]
    assert len(labels) == len(pool)
    assert np.array_equal(np.bincount(labels), np.bincount(whole))
    again = torch.cat([draw().labels for draw in fitter.batches(1)])
    assert not torch.equal(labels, again)


def test_cutout_blanks_a_square_of_each_image():
    batch = Batch(torch.ones(64, 3, 32, 32), torch.zeros(64, dtype=torch.int64), "ones")
    found = cutout(batch, 16, np.random.default_rng(0)).images
    blank = (found == 0).sum(dim=(2, 3))
    assert (blank[:, 0] == blank[:, 2]).all()
    assert blank.max() == 256
    assert 64 <= blank.min() < 256, "at the border a part of it is outside"


def test_a_stopped_training_goes_on_to_the_same_bytes(tmp_path):
    whole, log = trained()

    path = tmp_path / "network.pt"
    with stopped_at("epochs", 1), pytest.raises(KeyboardInterrupt):
        trained(checkpoint=path)
    assert len(read_checkpoint(path)["log"]) == 1
    resumed, log_resumed = trained(checkpoint=path)
    ours, theirs = whole.state_dict(), resumed.state_dict()
    assert all(ours[name].numpy().tobytes() == theirs[name].numpy().tobytes() for name in ours)
    pd.testing.assert_frame_equal(log.drop(columns="seconds"), log_resumed.drop(columns="seconds"))
    with pytest.raises(UserError, match=r"of another training \(other recipe\)"):
        trained(replace(SMOKE, epochs=3), checkpoint=path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        trained(checkpoint=path)


def test_global_generators_stay_as_they_are():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trained(replace(SMOKE, epochs=1, steps=1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.exhaustive
def test_it_learns(tmp_path):
    """Digits, in 120 steps of a very small network."""
    recipe = replace(
        SMOKE,
        epochs=4,
        steps=30,
        batch_size=16,
        measured=200,
        learning_rate=0.1,
        cutout=0,
        drop_path=0.0,
    )
    found = opscore.train_network(
        "nasbench201",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        recipe=recipe,
        images="digits",
        store=tmp_path / "runs",
    )
    assert found.log["train_accuracy"].iloc[-1] > 25, "one in ten by chance"
    assert found.log["test_accuracy"].iloc[-1] > 20
    assert found.log["train_loss"].is_monotonic_decreasing
    folder = tmp_path / "saved"
    assert {path.name for path in found.save(folder)} == {p.name for p in folder.iterdir()}
    assert {p.name for p in folder.iterdir()} == {
        *("log.csv", "log.pdf", "log.png", "log.txt", "network.pt", "training.json"),
    }
    assert (folder / "network.pt").read_bytes() == found.checkpoint.read_bytes()
    assert "trained on one half, measured on the other" in found.settings["images"]


def test_a_training_is_a_run(tmp_path):
    """Found when it is finished, gone on with when it was stopped, refused when it is damaged."""
    asked = {"recipe": "smoke", "images": "digits", "image_size": 8, "store": tmp_path}

    def train(**more):
        return opscore.train_network("nasbench-macro", "22212220", **asked, **more)

    with stopped_at("epochs", 1), pytest.raises(KeyboardInterrupt):
        train()
    with heard() as events:
        found = train()
    assert [event.done for event in steps_done(events, "epochs")] == [2]
    with heard() as events:
        pd.testing.assert_frame_equal(train().log, found.log)
    assert not steps_done(events, "epochs"), "it was there"
    assert train(seed=1).checkpoint != found.checkpoint
    found.checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match=r"network\.pt is not what was written"):
        train()


def test_cifar10_is_measured_on_its_test_images(data_dir):
    split = split_images(load_images("cifar10", data_dir), data_dir)
    assert split.train.n_images >= 10_000
    assert "of its test images" in split.description
    assert split.test.n_images >= 1000


def test_noise_needs_a_number_of_steps():
    network = build("darts", TEXT, "cifar10", **SMALL)
    split = split_images(NoiseImages())
    with pytest.raises(UserError, match="'noise' has no end: a number of steps is needed"):
        Fitter(network, split, replace(SMOKE, steps=None), 0, BUILT, TEXT).run()
