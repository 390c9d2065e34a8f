"""The networks of every space: sizes, states, stand-alone networks, checkpoints."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from cases import supernet_of

from opscore.errors import UserError
from opscore.published.genotypes import genotypes
from opscore.rng import torch_generator
from opscore.spaces import SPACES, get_space
from opscore.supernets import (
    SUPERNETS,
    build_network,
    build_supernet,
    images_for,
    load_checkpoint,
    network_size,
)
from opscore.supernets.darts import DARTSSupernet

#: Spaces that differ from another in their operations only, and large ones:
VARIANTS = ("darts", "darts-none", "s2", "s3", "nb1shot1-3", "transnas-macro")
EACH = [
    pytest.param(name, marks=pytest.mark.exhaustive if name in VARIANTS else ()) for name in SPACES
]
OTHERS = [each for each in EACH if each.values != ("nasbench201",)]


def images(space, count=2):
    side = SUPERNETS[space].side("smoke")
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("space", "count"),
    [
        ("nb1shot1-1", 1_101_402),
        ("nb1shot1-2", 1_101_402),
        ("nb1shot1-3", 1_509_594),
        ("darts", 1_930_618),
    ],
)
def test_parameters_at_paper_size_are_as_published(space, count):
    assert sum(p.numel() for p in build_supernet(space).parameters()) == count


def test_the_supernet_of_searches_on_imagenet_has_three_stems():
    """The stems' weights and the narrower first inputs, counted by hand."""
    supernet = build_supernet("darts", "imagenet", n_classes=1000)
    stem = 8 * 27 + 16 + 16 * 72 + 32 + 16 * 144 + 32
    stem -= 48 * 27 + 96 + 3 * (48 - 16) * 16
    classes = 990 * 257
    assert sum(p.numel() for p in supernet.parameters()) == 1_930_618 + stem + classes
    state = get_space("darts").initial_state()
    with torch.no_grad():
        logits = supernet(torch.zeros(1, 3, 64, 64), supernet.weights(state))
    assert logits.shape == (1, 1000)
    assert SUPERNETS["darts"].side("imagenet") == 224


def counted(network, *inputs, **options):
    """Sites that the authors' hooks see, classes whose name contains ReLU, and their units."""
    found = []
    for module in network.modules():
        if "ReLU" in type(module).__name__:
            module.register_forward_pre_hook(lambda _, seen: found.append(seen[0][0].numel()))
    with torch.no_grad():
        network(*inputs, **options)
    return len(found), sum(found)


@pytest.mark.parametrize(
    ("space", "size", "decided", "sites", "units"),
    [
        ("nasbench201", "paper", True, 369, 3_518_464),  # whatever is masked
        ("darts", {"channels": 4, "cells": 8}, False, 718, 2_158_592),
        ("nb1shot1-1", "paper", False, 120, 1_537_024),
    ],
)
def test_counted_units_are_those_of_the_authors_code(space, size, decided, sites, units):
    supernet = build_supernet(space, size)
    state = supernet.space.initial_state()
    if decided:
        state = state.perturb(0, 3).discretize(4, 0)
    weights = supernet.weights(state)
    found = counted(supernet, torch.zeros(1, 3, 32, 32), weights, run_removed=True)
    assert found == (sites, units)


def test_counted_units_of_a_darts_candidate_are_those_of_the_authors_code():
    genotype = genotypes()["init_pt_s5_C10_0_100_N10"]
    state = get_space("darts").parse(str(genotype))
    network = build_network(state, {"channels": 4, "cells": 8}, seed=0)
    assert counted(network, torch.zeros(1, 3, 32, 32)) == (158, 646_144)


def test_mobilenet_candidates_are_drawn_by_default_and_the_supernet_by_fan_out():
    state = get_space("mobilenet").initial_state()
    supernet = build_supernet("mobilenet", "smoke", seed=0)
    for edge in state.open_edges:
        state = state.discretize(edge, state.remaining(edge)[0])
    network = build_network(state, "smoke", seed=0)
    last = network.last[0].weight
    assert abs(last.detach()).max() <= 1 / last[0].numel() ** 0.5
    assert supernet.last[0].weight.detach().std() == pytest.approx(
        (2 / last.shape[0]) ** 0.5, rel=0.05
    )


@pytest.mark.parametrize("string", ["02012100", "11111221", "22212220", "00000000"])
def test_macro_networks_have_the_benchmarks_parameters(data_dir, string):
    import pandas as pd

    table = pd.read_parquet(data_dir / "nasbench_macro.parquet").set_index("arch")
    network = build_network(get_space("nasbench-macro").parse(string))
    assert sum(p.numel() for p in network.parameters()) == table.loc[string, "params"]


def macro_size(code, classes):
    """Parameters and multiplications of the authors' residual network, by hand.

    For images of 64 x 64. A module has four convolutions of 3x3, and one of 1x1 where it changes
    width or resolution, each with a batch norm.
    """
    width, side = 64, 16
    params = 3 * 32 * 9 + 2 * 32 + 32 * 64 * 9 + 2 * 64
    flops = 3 * 32 * 9 * 32**2 + 32 * 64 * 9 * side**2
    for digit in code:
        changes = digit != "1"
        old, width = width, width * (2 if digit in "24" else 1)
        side //= 2 if digit in "34" else 1
        weights = (old + 3 * width) * width * 9 + old * width * changes
        params += weights + 2 * width * (4 + changes)
        flops += weights * side**2
    return params + (width + 1) * classes, flops + width * classes


@pytest.mark.parametrize(("code", "classes"), [("1113", 75), ("41414", 75), ("224131", 47)])
def test_transnas_macro_networks_are_the_benchmarks(code, classes):
    state = get_space("transnas-macro").parse(f"64-{code}-basic")
    size = network_size(build_network(state, n_classes=classes), 64)
    assert (size.params, size.flops) == macro_size(code, classes)
    assert macro_size("41414", 75) == (14_029_163, 181_802_496)


@pytest.mark.parametrize("space", OTHERS)
def test_every_state_has_logits_and_a_decided_supernet_runs_what_is_kept(space):
    supernet, x = build_supernet(space, "smoke", seed=1, n_classes=7), images(space)
    state = get_space(space).initial_state()
    with torch.no_grad():
        while state.next_edges:
            edge = state.next_edges[0]
            assert supernet(x, supernet.weights(state)).shape == (2, 7)
            state = state.discretize(edge, state.space.choices[edge][-1])
        weights = supernet.weights(state)
        logits = supernet(x, weights)
        assert torch.isfinite(logits).all()
    assert set(weights.unique().tolist()) == {0.0, 1.0}
    for edge, kept in enumerate(state.space.keeps):
        # DARTS: an edge that no node keeps weighs nothing.
        left_out = not weights[edge].any() and state.space.canonical(state) != state
        assert left_out or int(weights[edge].sum()) == kept
    ran = supernet(x, weights, run_removed=True)
    assert torch.equal(ran, logits), "removed operations play no part in the output"


@pytest.mark.parametrize("space", OTHERS)
def test_a_stand_alone_network_is_the_supernet_with_one_choice_on_every_edge(space):
    """With the supernet's weights it gives the supernet's logits."""
    supernet, x = build_supernet(space, "smoke", seed=1), images(space)
    this = get_space(space)
    state = this.canonical(this.architecture([count - 1 for count in this.choice_counts]))
    network = build_network(state, "smoke", seed=2)
    known = supernet.state_dict()
    own = network.state_dict()
    norms = {name for name in own if name.rpartition(".")[2] in ("weight", "bias")} - known.keys()
    if isinstance(
        supernet, DARTSSupernet
    ):  # its batch norms have weights only when it stands alone
        assert all(own[name].unique().numel() == 1 for name in norms)
        known |= {name: own[name] for name in norms}
    network.load_state_dict({name: known[name] for name in own})
    with torch.no_grad():
        assert torch.allclose(
            network(x), supernet(x, supernet.weights(state)), rtol=1e-4, atol=1e-6
        )


def test_macro_weighs_every_block_alike_and_stays_so():
    supernet = build_supernet("nasbench-macro", "smoke", seed=3)
    supernet.redraw_alphas(torch_generator(0, "test"))
    assert torch.equal(supernet.theta(), torch.full((8, 3), 1 / 3))
    other = build_supernet("nb1shot1-1", "smoke", seed=3)
    before = other.alphas.clone()
    other.redraw_alphas(torch_generator(0, "test"))
    assert not torch.equal(other.alphas, before)


def test_transnas_draws_as_its_benchmark_does():
    convolution = build_supernet("transnas-micro", "cpu", seed=0).stem[2].op[1]
    fan_out = convolution.out_channels * 9
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)


def test_images_are_scaled_where_a_family_needs_it():
    plain, scaled = (images_for(s, "noise") for s in ("nb1shot1-1", "transnas-micro"))
    assert plain.minibatch(2, 0, "test").images.shape[2:] == (32, 32)
    batch = scaled.minibatch(2, 0, "test")
    assert batch.images.shape[2:] == (64, 64)
    assert torch.equal(batch.labels, plain.minibatch(2, 0, "test").labels)
    assert scaled.describe().endswith("scaled to 64 x 64")
    assert scaled.halves(8)[0].minibatch(2, 0, "test").images.shape[2:] == (64, 64)


#: Spaces of one family read their files alike.
FAMILIES = ("nasbench201", "nb1shot1-1", "nasbench-macro", "transnas-micro", "s1")


@pytest.mark.parametrize(
    "space",
    [pytest.param(s, marks=() if s in FAMILIES else pytest.mark.exhaustive) for s in SPACES],
)
def test_checkpoints_belong_to_a_space(space, tmp_path):
    supernet = build_supernet(space, "smoke", seed=5, n_classes=4)
    path = tmp_path / "net.pt"
    torch.save({**supernet.state_dict(), "arch_parameters": supernet.alphas}, path)
    content = torch.load(path, weights_only=True)
    del content["alphas"]
    torch.save(content, path)
    loaded = load_checkpoint(path, space)
    assert torch.equal(loaded.alphas, supernet.alphas)
    for mine, theirs in zip(loaded.parameters(), supernet.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    for other in ("nasbench201", "nasbench-macro"):
        if other != space:
            with pytest.raises(UserError, match=f"not a supernet of {other}"):
                load_checkpoint(path, other)


@pytest.mark.exhaustive  # tests/supernets/test_final.py has some of them
def test_trained_darts_cells_have_the_parameters_of_their_table(data_dir):
    """At the size of the final networks, without an auxiliary head."""
    import pandas as pd

    table = pd.read_parquet(data_dir / "darts_trained_545.parquet").iloc[::60]
    for text, millions in zip(table["architecture"], table["params"], strict=True):
        architecture = get_space("darts-none").parse(text)
        with torch.device("meta"):
            network = SUPERNETS["darts-none"].network(architecture, channels=36, cells=20)
        count = sum(p.numel() for p in network.parameters())
        assert count == round(millions * 1e6)


def test_what_nothing_leads_to_is_not_run_in_a_macro_supernet():
    """So that a trained supernet gives an architecture what the same weights give it alone."""
    supernet = supernet_of("transnas-macro")
    state = get_space("transnas-macro").parse("64-21413-basic")
    x = images("transnas-macro").double()
    alone = build_network(state, "smoke").double()
    known = supernet.state_dict()
    alone.load_state_dict({name: known[name] for name in alone.state_dict()})
    with torch.no_grad():
        logits = supernet(x, supernet.weights(state))
        torch.testing.assert_close(alone(x), logits)
    ran = []
    handles = [
        module.register_forward_hook(lambda *_: ran.append(1))
        for module in supernet.modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    try:
        supernet(x, supernet.weights(state))
    finally:
        for handle in handles:
            handle.remove()
    # Two of the stem, four of each of five modules, a shortcut where a module changes something.
    assert len(ran) == 2 + 4 * 5 + 3


@pytest.mark.parametrize("space", ["nasbench201", "transnas-macro", "transnas-micro", "mobilenet"])
def test_a_family_says_whether_a_norm_runs_several_times(space):
    """The names of stored clean ntk scores rest on it."""
    supernet, runs = build_supernet(space, "smoke"), Counter()
    for module in supernet.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda norm, given, found: runs.update([norm]))
    supernet(images(space), supernet.weights(supernet.space.initial_state()))
    assert (max(runs.values()) > 1) == SUPERNETS[space].repeats_norms
