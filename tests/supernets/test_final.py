"""Networks as they are trained in the end: what is built, and how large it is."""

from __future__ import annotations

import pytest
import torch

import opscore
from opscore.errors import UserError
from opscore.published.genotypes import genotypes, space_of
from opscore.spaces import SPACES, get_space
from opscore.supernets import (
    SUPERNETS,
    build,
    build_network,
    find_target,
    list_targets,
    network_size,
)
from opscore.supernets.darts_final import AuxiliaryHead, DropPath

GENOTYPES = genotypes()
SMALL = {"channels": 4, "cells": 5}


def millions(name, target):
    space = space_of(name)
    return find_target(space, target).size(get_space(space).parse(str(GENOTYPES[name])))


def first_valid(space):
    this = get_space(space)
    for place in range(100):
        state = this.architecture([(place + edge) % n for edge, n in enumerate(this.choice_counts)])
        if this.is_valid(state):
            return state
    raise AssertionError(space)


def test_opscore_builds_what_it_says_of_every_space():
    for space in SPACES:
        family, state = SUPERNETS[space], first_valid(space)
        assert list_targets(space)
        smoke = {
            name: value
            for name, value in family.arguments("smoke").items()
            if name in find_target(space).arguments
        }
        network = opscore.build(space, state, seed=3, n_classes=7, **smoke)
        side = find_target(space).image_side
        with torch.no_grad():
            logits = network(torch.zeros(2, 3, side, side))
        assert logits.shape == (2, 7)
        assert not network.training
        again = opscore.build(space, space_text(state), seed=3, n_classes=7, **smoke)
        assert all(
            torch.equal(a, b)
            for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
        )


def space_text(state):
    return state.space.format(state.space.canonical(state))


@pytest.mark.parametrize(
    ("name", "published"),
    # Table 4: max-param-random; and within .05 M of the 4.7 M of Zero-Cost-PT, mean of the four.
    [("random_max_0", 5.14), ("random_max_3", 5.14)],
)
def test_published_genotypes_have_the_parameters_of_table_4(name, published):
    assert millions(name, "cifar10").params / 1e6 == pytest.approx(published, abs=0.005)


def test_the_network_of_table_6_has_its_parameters():
    assert millions("init_pt_s5_C10_3_100_N10", "imagenet").params / 1e6 == pytest.approx(
        6.3, abs=0.05
    )


def test_trained_cells_have_the_parameters_and_multiplications_of_their_table(data_dir):
    import pandas as pd

    table = pd.read_parquet(data_dir / "darts_trained_545.parquet").iloc[::180]
    for row in table.itertuples():
        state = get_space("darts-none").parse(row.architecture)
        size = find_target("darts-none", "cifar10").size(state)
        assert size.params == round(row.params * 1e6)
        # Theirs counts batch norms, activations and poolings too: 3 to 5 %.
        assert size.flops == pytest.approx(row.flop * 1e6, rel=0.06)


@pytest.mark.parametrize("string", ["02012100", "22212220"])
def test_macro_networks_have_the_benchmarks_size(data_dir, string):
    import pandas as pd

    row = pd.read_parquet(data_dir / "nasbench_macro.parquet").set_index("arch").loc[string]
    size = find_target("nasbench-macro").size(get_space("nasbench-macro").parse(string))
    assert size.params == row["params"]
    assert size.flops == row["flops"]


def test_nasbench201_networks_have_the_benchmarks_parameters(data_dir):
    import pandas as pd

    table = pd.read_parquet(data_dir / "nasbench201.parquet").iloc[::4000]
    for row in table.itertuples():
        state = get_space("nasbench201").parse(row.arch_str)
        size = find_target("nasbench201", "cifar10").size(state)
        assert size.params == row.params


def test_sizes_are_found_without_weights_as_with_them():
    state = get_space("darts").parse(str(GENOTYPES["random_max_0"]))
    built = find_target("darts", "cifar10", **SMALL)
    network = build("darts", state, "cifar10", **SMALL)
    assert network_size(network) == built.size(state)
    head = sum(p.numel() for p in network.auxiliary.parameters())
    assert network_size(network).auxiliary_params == head
    assert built.describe() == "5 cells, 4 channels, 10 classes, images of 32 x 32"


def test_the_auxiliary_head_and_drop_path_act_in_training_only():
    text, x = str(GENOTYPES["init_pt_s5_C10_0_100_N10"]), torch.randn(4, 3, 32, 32)
    network = build("darts", text, "cifar10", **SMALL)
    network.set_drop_path(0.5)
    assert {m.probability for m in network.modules() if isinstance(m, DropPath)} == {0.5}
    with torch.no_grad():
        assert torch.equal(network(x), network.outputs(x, auxiliary=True)[0])
        assert network.outputs(x)[1] is None
        plain = build_network(text, {"channels": 4, "cells": 5}, space="darts")
        named = dict(plain.named_parameters())
        assert sum(p.numel() for p in named.values()) == network_size(network).params
        torch.manual_seed(0)
        first = network.train()(x)
        torch.manual_seed(1)
        assert not torch.equal(first, network(x)), "paths are drawn anew"
    assert network.outputs(x, auxiliary=True)[1].shape == (4, 10)


def test_the_auxiliary_head_takes_features_of_any_size_that_it_can_pool():
    head = AuxiliaryHead(16, 10, imagenet=False)
    for side in (8, 9, 16):
        assert head(torch.zeros(2, 16, side, side)).shape == (2, 10)
    with pytest.raises(UserError, match="features of 8 x 8, not 7 x 7"):
        head(torch.zeros(2, 16, 7, 7))


def test_drop_path_keeps_the_mean():
    layer = DropPath().train()
    layer.probability = 0.25
    torch.manual_seed(0)
    out = layer(torch.ones(4000, 1, 2, 2))
    assert out.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert float(out.mean()) == pytest.approx(1, abs=0.05)
    assert torch.equal(out[:, :, 0, 0], out[:, :, 1, 1]), "whole images are dropped"


def test_imagenet_networks_take_large_images():
    text = str(GENOTYPES["init_pt_s5_C10_0_100_N10"])
    network = build("darts", text, "imagenet", channels=4, n_classes=5).train()
    logits, beside = network.outputs(torch.zeros(2, 3, 224, 224), auxiliary=True)
    assert logits.shape == beside.shape == (2, 5)
    norms = [m for m in network.auxiliary if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 1
    assert len([m for m in AuxiliaryHead(8, 2, imagenet=False) if type(m) is type(norms[0])]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": "dart"}, "unknown space 'dart'; did you mean"),
        ({"target": "cifar"}, "unknown target of darts 'cifar'; did you mean cifar10"),
        ({"cels": 8}, "unknown argument of the networks of darts 'cels'"),
        ({"cells": 0}, "a network needs cells of 1 or more, got 0"),
        ({"n_classes": 0}, "a network needs n_classes of 1 or more, got 0"),
        ({"architecture": "Genotype()"}, "a genotype has normal"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(arguments, message):
    given = {"space": "darts", "architecture": str(GENOTYPES["random_max_0"])} | arguments
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        build(**given)
