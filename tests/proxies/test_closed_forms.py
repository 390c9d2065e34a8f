"""Values worked out by hand, for linear networks and networks with one layer of rectifiers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from opscore.images import Batch
from opscore.proxies import How, get_proxy
from opscore.proxies.common import draw_of, normal_like
from opscore.proxies.jacob_cov import eigenvalue_score
from opscore.proxies.linear_regions import count_regions, thin_crops
from opscore.proxies.meco import smallest_eigenvalue
from opscore.proxies.swap import distinct_columns
from opscore.proxies.zen_score import MIXUP, last_features
from opscore.search.sampling import draw_architectures
from opscore.spaces import NASBENCH201, get_space
from opscore.supernets import SUPERNETS, StateNetwork, build_network, build_supernet

LN3 = math.log(3)


def linear(weight):
    """A network x -> W x."""
    weight = torch.tensor(weight, dtype=torch.float64)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=torch.float64)
    layer.weight = nn.Parameter(weight)
    return nn.Sequential(layer)


def rectified(first, second):
    """A network x -> V relu(W x)."""
    return nn.Sequential(linear(first), nn.ReLU(), linear(second))


def batch(images, labels=None):
    images = torch.tensor(images, dtype=torch.float64)
    labels = torch.tensor(labels or [0] * len(images))
    return Batch(images, labels, "by hand")


def value(proxy, network, images, meaning="faithful"):
    score = get_proxy(proxy).score_network(network, images, How(meaning))
    assert score.status == "ok"
    return score.value


# One image x = (1, 2) of class 0; logits W x = (0, ln 3), so p = (1/4, 3/4) and
# dL/dlogits = p - y = (-3/4, 3/4), dL/dW = (p - y) x^T.
W = [[0.0, 0.0], [LN3, 0.0]]
ONE = batch([[1.0, 2.0]], [0])


@pytest.mark.parametrize(
    ("proxy", "meaning", "expected"),
    [
        # || (p - y) x^T || = |p - y| |x| = 3/4 sqrt 2 . sqrt 5
        ("grad_norm", "faithful", 0.75 * math.sqrt(10)),
        # the only weight that is not zero is W_21, with gradient 3/4 . 1
        ("snip", "faithful", 0.75 * LN3),
        ("plain", "faithful", 0.75 * LN3),
        # H g = |x|^2 (diag p - p p^T)(p - y) x^T = 5 . 3/16 (-3/2, 3/2) x^T
        ("grasp", "faithful", -LN3 * 5 * 3 / 16 * 1.5),
        # a dL/da = (0, 3/4 ln 3), and two weights for each output
        ("fisher", "faithful", 2 * 0.5 * (0.75 * LN3) ** 2),
        ("fisher", "clean", 0.5 * (0.75 * LN3) ** 2),
        ("l2_norm", "faithful", LN3),
        ("params", "faithful", 4),
        ("flops", "faithful", 4),
        # R = sum |W| 1, and every weight passes on its own share
        ("synflow", "faithful", math.log(LN3)),
        ("log_synflow", "faithful", LN3 * math.log(2)),  # dR/dW is 1 everywhere
    ],
)
def test_a_linear_network(proxy, meaning, expected):
    assert value(proxy, linear(W), ONE, meaning) == pytest.approx(expected, rel=1e-6)


def test_snip_and_grad_norm_through_a_rectifier():
    # Hidden units (x1, -x1) at x1 = 2: the first is active with h = 2, the second is not.
    # logits V h = (0, 2 a) with 2 a = ln 3: p - y = (-3/4, 3/4).
    a = LN3 / 2
    network = rectified([[1.0], [-1.0]], [[0.0, 5.0], [a, 7.0]])
    image = batch([[2.0]], [0])
    # dV = (p - y) h^T = [[-3/2, 0], [3/2, 0]]; dW = relu' V^T (p - y) x = [3/4 a . 2, 0]
    assert value("grad_norm", network, image) == pytest.approx(1.5 * math.sqrt(2) + 1.5 * a)
    # |V dV| = 3/2 a, |W dW| = 3/2 a
    assert value("snip", network, image) == pytest.approx(3 * a)


def test_grasp_is_zero_where_the_loss_is_flat():
    # A single class: the loss is zero whatever the weights are.
    assert value("grasp", linear([[1.0, 2.0]]), ONE) == 0.0


def test_synflow_counts_the_flow_once_per_layer():
    # R = 1^T |V| |W| 1 = (2 + 3) (1 + 4); each of the two layers carries all of it.
    network = rectified([[1.0, -4.0]], [[2.0], [-3.0]])
    assert value("synflow", network, ONE) == pytest.approx(math.log(2 * 25))
    # Every gradient is 5; the absolute weights add up to 10.
    assert value("log_synflow", network, ONE) == pytest.approx(10 * math.log(1 + 5))


def test_nwot_is_the_log_determinant_of_agreements():
    # Units x and -x: codes of x = 1 and x = -1 are (1, 0) and (0, 1); K = [[2, 0], [0, 2]].
    network = rectified([[1.0], [-1.0]], [[1.0, 1.0]])
    assert value("nwot", network, batch([[1.0], [-1.0]])) == pytest.approx(math.log(4))
    same = get_proxy("nwot").score_network(network, batch([[1.0], [2.0]]))
    assert same.status != "ok"
    assert math.isnan(same.value)


@pytest.mark.parametrize("meaning", ["faithful", "clean"])
def test_ntk_of_a_linear_network_is_its_data_kernel(meaning):
    # d(sum of logits)/dW = 1 x^T, so K_ij = 2 x_i . x_j = 2 [[1, 1], [1, 2]].
    images = batch([[1.0, 0.0], [1.0, 1.0]])
    expected = (3 + math.sqrt(5)) / (3 - math.sqrt(5))
    assert value("ntk", linear(np.ones((2, 2))), images, meaning) == pytest.approx(expected)


@pytest.mark.parametrize("meaning", ["faithful", "clean"])
def test_ntk_through_a_rectifier(meaning):
    # f = 2 relu(x) + 3 relu(-x). x = 1: dV = (1, 0), dW = (2, 0). x = -2: dV = (0, 2),
    # dW = (0, 3 . -2). The active units differ, so K = diag(1 + 4, 4 + 36).
    network = rectified([[1.0], [-1.0]], [[2.0, 3.0]])
    assert value("ntk", network, batch([[1.0], [-2.0]]), meaning) == pytest.approx(8)


def test_linear_regions_of_two_kinks():
    # relu(x) and relu(x - 1) cut the line into three pieces.
    layer = nn.Linear(1, 2)
    layer.weight.data = torch.ones(2, 1)
    layer.bias.data = torch.tensor([0.0, -1.0])
    network = nn.Sequential(layer, nn.ReLU())
    inputs = torch.tensor([[-3.0], [-1.0], [0.5], [0.7], [2.0], [5.0]])
    assert count_regions(network, inputs) == 3
    assert count_regions(network, inputs[:2]) == 1


def test_linear_regions_of_hyperplanes_through_the_origin():
    # Two lines through the origin cut the plane into four pieces.
    images = torch.randn(4, 1, 1, 2, generator=torch.Generator().manual_seed(0))
    network = nn.Sequential(nn.Flatten(), linear(np.eye(2)).float(), nn.ReLU())
    crops = images.reshape(4, 2).repeat(100, 1)
    signs = torch.cartesian_prod(torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0]))
    found = count_regions(network, (crops.abs().reshape(100, 4, 2) * signs).reshape(-1, 1, 1, 2))
    assert found == 4


def test_thin_crops_keep_one_channel():
    images = torch.arange(2 * 3 * 5 * 5, dtype=torch.float32).reshape(2, 3, 5, 5)
    crops = thin_crops(Batch(images, torch.zeros(2, dtype=torch.int64), "ramp"), 50, 3)
    assert crops.shape == (50, 3, 3, 3)
    assert (crops[:, 1:] == 0).all()
    differences = crops[:, 0, 1:, :] - crops[:, 0, :-1, :]
    assert (differences == 5).all()
    assert (crops[:, 0, :, 1:] - crops[:, 0, :, :-1] == 1).all()


def test_zen_score_of_one_weight():
    # F(x) = w x: the features differ by |w| a |e| at each of four positions.
    network = nn.Conv2d(1, 1, 1, bias=False).double()
    images = batch(np.zeros((3, 1, 2, 2)))
    draw = draw_of(images, "zen_score")
    weight, _, noise = (normal_like(part, draw) for part in (network.weight, *[images.images] * 2))
    expected = math.log(MIXUP * float((weight * noise).abs().sum()) / 3)
    assert value("zen_score", network, images) == pytest.approx(expected)


def test_zen_score_puts_back_what_batch_norm_divides_out():
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1)).double()
    images = batch(np.zeros((3, 1, 2, 2)))
    draw = draw_of(images, "zen_score")
    parts = (network[0].weight, images.images, images.images)
    weight, first, noise = (normal_like(part, draw) for part in parts)
    features = [(weight * x).flatten() for x in (first, first + MIXUP * noise)]
    variances = [float(part.var(correction=0)) for part in features]
    normed = [
        (part - part.mean()) / math.sqrt(variance + network[1].eps)
        for part, variance in zip(features, variances, strict=True)
    ]
    reaction = float((normed[0] - normed[1]).abs().sum()) / 3
    # Two steps of momentum 0.1 from a variance of one; running variances are unbiased.
    running = 0.81 + (0.09 * variances[0] + 0.1 * variances[1]) * 12 / 11
    expected = math.log(reaction) + 0.5 * math.log(running)
    assert value("zen_score", network, images) == pytest.approx(expected)


@pytest.mark.parametrize("space", SUPERNETS)
def test_the_features_of_zen_score_are_what_is_pooled(space):
    """Pooled and given to the classifier they are the logits, in every space."""
    (architecture,) = draw_architectures(get_space(space), 1, np.random.default_rng(1))
    network = build_network(architecture, "smoke", seed=1).train()
    side = SUPERNETS[space].side("smoke")
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = last_features(network, images)
        expected = network(images)
    assert features.ndim == 4
    classifier = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    torch.testing.assert_close(classifier(features.mean(dim=(2, 3))), expected)


def test_jacob_cov_of_independent_and_of_equal_images():
    k = 1e-5
    one = math.log(1 + k) + 1 / (1 + k)
    assert eigenvalue_score(torch.eye(4, dtype=torch.float64)) == pytest.approx(-4 * one)
    # A linear network has the same Jacobian everywhere: eigenvalues 2 and 0.
    expected = -(math.log(2 + k) + 1 / (2 + k)) - (math.log(k) + 1 / k)
    images = batch([[1.0, 2.0], [3.0, 5.0]])
    assert value("jacob_cov", linear([[1.0, 2.0]]), images) == pytest.approx(expected)


def test_epe_nas_adds_classes():
    # Equal Jacobians: every correlation is one, so a class of n images has n^2 log(1 + k).
    images = batch([[1.0, 2.0], [3.0, 5.0], [1.0, 1.0]], [0, 1, 0])
    expected = (4 + 1) * math.log(1 + 1e-5)
    assert value("epe_nas", linear([[1.0, 2.0], [0.0, 1.0]]), images) == pytest.approx(expected)


def test_gradsign_adds_signs():
    # W = 0: p = (1/2, 1/2). Signs of (p - y) x^T: [[-, -], [+, +]] and [[+, -], [-, +]].
    images = batch([[1.0, 2.0], [1.0, -1.0]], [0, 1])
    assert value("gradsign", linear(np.zeros((2, 2))), images) == 4


def test_zico_compares_the_halves():
    # W = 0: gradients of the halves are (p - y) x^T with x = 1, then 3 (two equal images each):
    # |g| = 1/2 and 3/2, mean 1, deviation 1/2, for both weights.
    images = batch([[1.0], [1.0], [3.0], [3.0]], [0, 0, 0, 0])
    network = linear(np.zeros((2, 1)))
    assert value("zico", network, images) == pytest.approx(math.log(2 * 2))
    assert value("zico", network, images, "clean") == pytest.approx(math.log(2 * 2))
    # Opposite gradients vary, their sizes do not: the clean meaning leaves the layer out.
    opposite = batch([[1.0], [1.0], [1.0], [1.0]], [0, 0, 1, 1])
    assert value("zico", network, opposite) == pytest.approx(math.log(2))
    assert value("zico", network, opposite, "clean") == 0


def test_meco_of_two_channels():
    draw = torch.Generator().manual_seed(0)
    channels = torch.randn(2, 50, generator=draw)
    r = float(torch.corrcoef(channels)[0, 1])
    assert smallest_eigenvalue(channels) == pytest.approx(1 - abs(r), abs=1e-6)
    assert smallest_eigenvalue(torch.stack([channels[0], torch.ones(50)])) == pytest.approx(0)


def test_swap_counts_different_columns():
    signs = np.array([[1, 0, 1, 1], [0, 1, 0, 1]], dtype=bool)
    assert len(distinct_columns(signs)) == 3
    network = rectified([[1.0], [-1.0], [2.0]], [[1.0, 1.0, 1.0]])
    assert value("swap", network, batch([[1.0], [-1.0]])) == 2


def test_size_counts_what_a_state_keeps():
    supernet = build_supernet(size="smoke")
    state = NASBENCH201.parse(
        "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    )
    images = Batch(torch.zeros(2, 3, 32, 32), torch.zeros(2, dtype=torch.int64), "zeros")
    alone = build_network(state, "smoke")
    for run_removed in (False, True):
        inside = StateNetwork(supernet, supernet.weights(state), run_removed=run_removed)
        assert value("flops", inside, images) == value("flops", alone, images)
        # Batch norm in the supernet's cells has no parameters: three cells of 4, 8, 16 channels,
        # three convolutions each, two parameters a channel.
        norms = 2 * 3 * (4 + 8 + 16)
        assert value("params", inside, images) == value("params", alone, images) - norms
    assert value("params", alone, images) == sum(p.numel() for p in alone.parameters())


def test_parameters_are_those_of_the_benchmark(data_dir):
    import pandas as pd

    table = pd.read_parquet(data_dir / "nasbench201.parquet", columns=["arch_str", "params"])
    images = Batch(torch.zeros(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64), "zeros")
    for row in table.iloc[[3, 1000, 6111, 15000]].itertuples():
        network = build_network(NASBENCH201.parse(row.arch_str), "paper")
        assert value("params", network, images) == row.params
