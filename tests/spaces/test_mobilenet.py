"""The MobileNet-like space: strings, skipped layers, supernet, images of several sizes."""

from __future__ import annotations

import pytest
import torch

from opscore.errors import UserError
from opscore.experiments import ScoringSettings, resolve
from opscore.experiments.dependencies import image_size_key
from opscore.experiments.settings import image_set
from opscore.spaces.mobilenet import FIRST, MOBILENET
from opscore.supernets import SUPERNETS, build_supernet, find_target, images_for

STRING = "1 3 5 -1 1 3 5 -1 1 3 5 -1 1 3 5 -1 1 3 5 -1 5"


def test_it_has_six_groups_whose_first_layers_cannot_be_skipped():
    assert FIRST == (0, 4, 8, 12, 16, 20)
    assert sum(MOBILENET.shape) == 6 * 6 + 15 * 7
    assert MOBILENET.parse(STRING).architecture_indices[:5] == (1, 3, 5, 6, 1)


def test_skipped_layers_of_a_group_do_nothing_wherever_they_stand():
    moved = MOBILENET.parse("1 -1 3 5 1 -1 3 5 1 -1 3 5 1 -1 3 5 1 -1 3 5 5")
    assert MOBILENET.format(MOBILENET.canonical(moved)) == STRING
    other = MOBILENET.parse("1 5 3 -1 " + STRING[9:])
    assert MOBILENET.canonical(other) != MOBILENET.parse(STRING), "the order of blocks matters"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", "it is 21 numbers of 0 to 5, or -1 for a skipped layer"),
        (" ".join(["6"] * 21), "it is 21 numbers of 0 to 5"),
        (" ".join(["a"] * 21), "it is 21 numbers of 0 to 5"),
        (" ".join(["0"] * 20 + ["-1"]), "layer 20 of mobilenet changes width or resolution"),
    ],
)
def test_a_bad_string_says_what_is_wrong(text, message):
    with pytest.raises(UserError, match=message):
        MOBILENET.parse(text)


def test_candidates_are_summed_as_they_are_and_training_can_weigh_them():
    supernet = build_supernet("mobilenet", "smoke", seed=0)
    state = MOBILENET.initial_state().perturb(1, 2).discretize(4, 3)
    weights = supernet.weights(state)
    assert torch.equal(weights, torch.tensor(state_rows(state)))
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = supernet.stem(x)
    by_hand = sum(candidate(before) for candidate in supernet.layers[0].values())
    summed = supernet.layers[0](before, [1.0] * 6)
    assert torch.allclose(summed, by_hand, rtol=1e-5, atol=1e-6)
    supernet.alphas.requires_grad_(True)
    (gradient,) = torch.autograd.grad(
        supernet(x, supernet.weights(MOBILENET.initial_state())).sum(), [supernet.alphas]
    )
    assert gradient.abs().sum() > 0


def state_rows(state):
    width = state.space.max_operations
    return [[*map(float, row), *[0.0] * (width - len(row))] for row in state.mask]


def test_the_largest_network_is_a_little_larger_than_those_of_table_7():
    largest = find_target("mobilenet").size(MOBILENET.parse(" ".join(["5"] * 21)))
    assert largest.params == 8_382_408
    assert 8.1e6 < largest.params < 1.05 * 8.1e6


def test_images_are_as_large_as_their_size_or_the_option_says():
    family = SUPERNETS["mobilenet"]
    assert [family.side(size) for size in ("paper", "cpu", "smoke")] == [224, 64, 32]
    found = images_for("mobilenet", "noise", size="cpu", image_size=48)
    assert found.minibatch(2, 0, "test").images.shape == (2, 3, 48, 48)
    assert found.describe().endswith("scaled to 48 x 48")
    with pytest.raises(UserError, match="images of 8 pixels or more are needed, got 4"):
        images_for("mobilenet", "noise", image_size=4)


def test_image_size_is_part_of_a_run_only_where_it_is_not_the_networks_own():
    settings = ScoringSettings(
        policies=("random",), space="mobilenet", size="smoke", images="noise"
    )
    assert image_size_key(resolve(settings)) == {}
    from dataclasses import replace

    assert image_size_key(resolve(replace(settings, image_size=32))) == {}
    other = resolve(replace(settings, image_size=64))
    assert image_size_key(other) == {"image_size": 64}
    assert image_set(other).describe().endswith("scaled to 64 x 64")
