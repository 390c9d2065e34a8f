from __future__ import annotations

import signal
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import replace

import pandas as pd
import pytest
import torch
from hearing import heard, steps_done, stopped_at
from torch.nn.functional import cross_entropy

from opscore.errors import UserError
from opscore.images import Batch, load_images
from opscore.settings.profiles import PROFILES, TrainingProfile, find_profile
from opscore.spaces import NASBENCH201
from opscore.supernets import build_supernet, load_checkpoint
from opscore.supernets.epochs import read_checkpoint
from opscore.supernets.measure import accuracy, draw_validation
from opscore.supernets.training import Trainer, train, tune

INITIAL = NASBENCH201.initial_state()
IMAGES = load_images("digits")
TINY = TrainingProfile(
    "tiny", epochs=2, steps=2, images=64, validation=16, tuning_epochs=1, batch_size=8
)
#: Cheap to run: five edges are zero, and one is a convolution.
THIN = NASBENCH201.architecture([3, 0, 0, 3, 0, 0])


def tensors(supernet):
    return {name: value.clone() for name, value in supernet.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_training_lowers_the_loss_on_digits_and_moves_the_alphas():
    supernet = build_supernet(size="smoke")
    before = supernet.alphas.clone()
    profile = replace(TINY, epochs=5, steps=3, batch_size=16, images=None, learning_rate=0.1)
    with heard() as events:
        log = train(supernet, IMAGES, profile, 0)
    assert list(log) == ["epoch", "train_loss", "train_accuracy", "valid_accuracy", "seconds"]
    assert log.epoch.tolist() == [1, 2, 3, 4, 5]
    assert log.train_loss.iloc[-1] < log.train_loss.iloc[0] - 0.05
    assert [event.done for event in steps_done(events, "epochs")] == log.epoch.tolist()
    # Adam moves every alpha by about its learning rate at each of 15 steps.
    moved = (supernet.alphas - before).abs()
    assert 3e-4 < float(moved.mean()) < 15 * 4e-4
    assert not supernet.alphas.requires_grad
    assert not supernet.training


def test_one_step_by_hand():
    profile = replace(TINY, epochs=1, steps=1, clip=1e-3)
    supernet, by_hand = build_supernet(size="smoke"), build_supernet(size="smoke").train()
    train(supernet, IMAGES, profile, seed=3)
    halves = IMAGES.halves(64)
    batches = {
        which: half.minibatch(8, 3, "training", which, 0)
        for which, half in zip(("train", "valid"), halves, strict=True)
    }

    def loss_of(batch):
        return cross_entropy(by_hand(batch.images, by_hand.weights(INITIAL)), batch.labels)

    by_hand.alphas.requires_grad_(True)
    (slope,) = torch.autograd.grad(loss_of(batches["valid"]), [by_hand.alphas])
    slope = slope + 1e-3 * by_hand.alphas.detach()
    by_hand.alphas.requires_grad_(False)
    # Adam's first step is the learning rate times the sign of the gradient.
    by_hand.alphas -= 3e-4 * slope / (slope.abs() + 1e-8)
    torch.testing.assert_close(supernet.alphas, by_hand.alphas, rtol=1e-4, atol=1e-7)
    loss_of(batches["train"]).backward()
    gradients = [p.grad for p in by_hand.parameters()]
    norm = torch.sqrt(sum((g**2).sum() for g in gradients))
    with torch.no_grad():
        for parameter, gradient in zip(by_hand.parameters(), gradients, strict=True):
            step = gradient * 1e-3 / (norm + 1e-6) + 3e-4 * parameter
            parameter.sub_(0.025 * step)
    for found, expected in zip(supernet.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_the_learning_rate_follows_half_a_cosine_and_is_constant_in_retraining():
    rates = PROFILES["paper"].learning_rates()
    assert len(rates) == 100
    assert rates[0] == 0.025
    assert rates[50] == pytest.approx(0.013)
    assert 0.001 < rates[-1] < 0.0011
    assert PROFILES["paper"].tuning_rates() == [0.0025] * 5
    assert PROFILES["paper"].with_tuning(25).tuning_epochs == 25


def test_halves_share_no_image_and_follow_the_authors_split():
    train_half, valid_half = IMAGES.halves()
    assert not set(train_half.pool) & set(valid_half.pool)
    assert train_half.n_images + valid_half.n_images == len(IMAGES.pixels)
    half_pool = replace(IMAGES, pool=IMAGES.pool[:800])
    given = half_pool.halves(limit=10)
    assert given[0].pool.tolist() == list(range(10))
    assert given[1].pool.tolist() == list(range(800, 810))
    noise = load_images("noise").halves(4)[1]
    with pytest.raises(UserError, match="number of validation images is needed"):
        draw_validation(noise, replace(TINY, validation=None), 0)
    assert len(draw_validation(noise, TINY, 0)) == 16


def test_validation_is_the_same_draw_for_the_same_purpose():
    one, same = (draw_validation(IMAGES, TINY, 0, "a") for _ in range(2))
    other = draw_validation(IMAGES, TINY, 0, "b")
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)
    assert len(draw_validation(IMAGES, replace(TINY, validation=None), 0)) == 64


@pytest.mark.parametrize("batch_statistics", [True, False])
def test_accuracy_by_hand_and_nothing_changes(batch_statistics):
    supernet = build_supernet(size="smoke")
    tune(supernet, IMAGES, TINY, 0, state=THIN)
    batch = draw_validation(IMAGES, replace(TINY, validation=24), 0)
    weights = supernet.weights(THIN)
    before = tensors(supernet)
    found = accuracy(supernet, batch, weights, batch_statistics=batch_statistics, chunk=16)
    assert_same(before, tensors(supernet))
    assert not supernet.training
    by_hand = deepcopy(supernet).train(batch_statistics)
    with torch.no_grad():
        logits = torch.cat(
            [by_hand(batch.images[part], weights) for part in (slice(16), slice(16, 24))]
        )
    right = (logits.argmax(1) == batch.labels).sum()
    assert found == pytest.approx(100 * float(right) / 24)


def test_accuracy_counts_in_percent():
    supernet = build_supernet(size="smoke")
    images = torch.randn(10, 3, 32, 32)
    weights = supernet.weights(THIN)
    with torch.no_grad():
        labels = supernet(images, weights).argmax(1)
    labels[:3] = (labels[:3] + 1) % 10
    batch = Batch(images, labels, "made up")
    assert accuracy(supernet, batch, weights, batch_statistics=False) == 70


def test_a_state_trains_what_it_has_left():
    state = INITIAL.discretize(0, 3).perturb(1, 0)
    supernet = build_supernet(size="smoke")
    before = tensors(supernet)
    profile = replace(TINY, alpha_weight_decay=0.0)
    Trainer(supernet, IMAGES, profile, 0, [0.01], steps=1, state=state).run()
    changed = {name for name, value in tensors(supernet).items() if (value != before[name]).any()}
    weights = {name for name in changed if name.endswith("weight") and "cells.0." in name}
    assert not any("1<-0.0" in name or "1<-0.2" in name for name in weights), "edge 0 has op 3 only"
    assert any("1<-0.3" in name for name in weights)
    moved = supernet.alphas != before["alphas"]
    assert not moved[0].any(), "no choice, no slope"
    assert moved[2].all()


def test_an_architecture_leaves_the_alphas_alone():
    supernet = build_supernet(size="smoke")
    before = supernet.alphas.clone()
    log = tune(supernet, IMAGES, TINY, 0, state=THIN, measure=False)
    assert torch.equal(before, supernet.alphas)
    assert log.valid_accuracy.isna().all()


def test_no_retraining_is_a_checkpoint_of_what_is_there(tmp_path):
    supernet = build_supernet(size="smoke")
    path = tmp_path / "none.pt"
    log = tune(supernet, IMAGES, TINY.with_tuning(0), 0, state=THIN, checkpoint=path)
    assert log.empty
    assert_same(tensors(supernet), read_checkpoint(path)["state_dict"])


def test_other_purposes_and_seeds_give_other_batches():
    results = []
    for seed, purpose in ((0, "a"), (0, "a"), (0, "b"), (1, "a")):
        supernet = build_supernet(size="smoke")
        tune(supernet, IMAGES, TINY, seed, state=THIN, purpose=(purpose,), measure=False)
        results.append(float(supernet.classifier.weight.detach().abs().sum()))
    assert results[0] == results[1]
    assert len(set(results)) == 3


def test_global_generators_and_threads_stay_as_they_are():
    torch.manual_seed(0)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train(build_supernet(size="smoke"), IMAGES, replace(TINY, epochs=1, steps=1), 0)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads


SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from opscore.images import load_images
from opscore.supernets import build_supernet
from opscore.settings.profiles import TrainingProfile
from opscore.supernets.training import train
profile = TrainingProfile("kill", epochs=int(sys.argv[2]), steps=2, images=64, validation=16,
                          batch_size=8)
train(build_supernet(size="smoke"), load_images("digits"), profile, 0, checkpoint=Path(sys.argv[1]))
"""


def stopped(path, epochs):
    with stopped_at("epochs", 1), pytest.raises(KeyboardInterrupt):
        profile = replace(TINY, epochs=epochs)
        train(build_supernet(size="smoke"), IMAGES, profile, 0, checkpoint=path)


def killed(path, epochs):
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path), str(epochs)])
    while not path.is_file() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(
    ("ended", "epochs"), [(stopped, 3), pytest.param(killed, 8, marks=pytest.mark.exhaustive)]
)
def test_a_training_that_ended_early_resumes_to_the_same_bytes(ended, epochs, tmp_path):
    path = tmp_path / "ended.pt"
    ended(path, epochs)
    done = len(read_checkpoint(path)["log"])
    assert 1 <= done < epochs
    profile = replace(TINY, epochs=epochs)
    resumed, whole = build_supernet(size="smoke", seed=9), build_supernet(size="smoke")
    with heard() as events:
        log = train(resumed, IMAGES, profile, 0, checkpoint=path)
    computed = steps_done(events, "epochs")
    assert len(computed) == epochs - done, "what was finished is not redone"
    expected = train(whole, IMAGES, profile, 0, checkpoint=tmp_path / "whole.pt")
    assert_same(tensors(resumed), tensors(whole))
    pd.testing.assert_frame_equal(
        log.drop(columns="seconds"), expected.drop(columns="seconds"), check_exact=True
    )
    one, other = read_checkpoint(path), read_checkpoint(tmp_path / "whole.pt")
    for optimizer in ("sgd", "adam"):
        assert str(one[optimizer]) == str(other[optimizer])
    assert len(one["alphas"]) == epochs
    assert torch.equal(torch.stack(one["alphas"]), torch.stack(other["alphas"]))
    assert torch.equal(one["alphas"][-1], whole.alphas)
    loaded = load_checkpoint(path)
    assert torch.equal(loaded.alphas, whole.alphas)
    assert torch.equal(loaded.stem[0].weight, whole.stem[0].weight)


def test_a_checkpoint_of_another_training_or_a_broken_one_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    supernet = build_supernet(size="smoke")
    tune(supernet, IMAGES, TINY, 0, state=THIN, checkpoint=path)
    with pytest.raises(UserError, match=r"of another training \(other seed\)"):
        tune(supernet, IMAGES, TINY, 1, state=THIN, checkpoint=path)
    path.write_bytes(b"broken")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        tune(supernet, IMAGES, TINY, 0, state=THIN, checkpoint=path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps of 1 or more"),
        ({"validation": 0}, "validation of 1 or more"),
        ({"epochs": 0}, "1 epoch or more"),
        ({"tuning_epochs": -1}, "retraining 0 or more"),
        ({"batch_size": 1}, "at least two images"),
    ],
)
def test_bad_profiles_are_one_line(change, message):
    with pytest.raises(UserError, match=message):
        replace(TINY, **change)


def test_profiles_by_name():
    assert find_profile("cpu").name == "cpu"
    assert "100 epochs of one pass over the train half" in find_profile("paper").describe()
    with pytest.raises(UserError, match="unknown training profile 'smok'; did you mean smoke"):
        find_profile("smok")
    one, other = PROFILES["cpu"], replace(PROFILES["cpu"], tuning_epochs=9, validation=7)
    assert one.training_key() == other.training_key()
    assert one.training_key() != replace(one, steps=41).training_key()


def test_what_layers_drop_depends_on_the_seed_alone():
    """Dropout draws from the global generators; a step seeds them, and leaves them as they were."""

    def trained(seed, drawn_before):
        supernet = build_supernet(size="smoke")
        supernet.classifier = torch.nn.Sequential(torch.nn.Dropout(0.5), supernet.classifier)
        torch.manual_seed(drawn_before)
        before = torch.get_rng_state()
        train(supernet, IMAGES, replace(TINY, epochs=1), seed, state=THIN)
        assert torch.equal(torch.get_rng_state(), before)
        return tensors(supernet)

    assert_same(trained(0, 1), trained(0, 2))
