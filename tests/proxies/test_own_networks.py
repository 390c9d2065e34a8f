"""Networks as people write them: attention, folded patches, masks, writes in place."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from opscore.engine import ships
from opscore.errors import UserError
from opscore.images import Batch
from opscore.proxies import How, get_proxy
from opscore.proxies.ntk import gram
from opscore.spaces import SearchSpace
from opscore.supernets import Choice, Supernet, build_supernet, network_size

PLAIN = How(fast=False)


def batch_of(count=6, side=8, classes=4):
    draw = torch.Generator().manual_seed(3)
    images = torch.randn(count, 3, side, side, generator=draw)
    return Batch(images, torch.arange(count) % classes, "own")


def made(build):
    torch.manual_seed(0)
    return build().eval()


def value(proxy, network, how=PLAIN, batch=None):
    score = get_proxy(proxy).score_network(network, batch or batch_of(), how)
    assert score.status == "ok", score.status
    return score.value


class Net(nn.Module):
    """conv, what a test puts there, and a linear layer on the mean."""

    def __init__(self, middle=None, before=None, after=None):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4)
        self.middle = middle or nn.ReLU()
        self.before, self.after = before, after or (lambda x: x)

    def forward(self, x):
        x = x if self.before is None else self.before(x)
        x = self.middle(self.after(self.conv(x)))
        return self.head(x.flatten(2).mean(2))


class Folded(Net):
    """Four patches of each image, one after the other in the batch."""

    def forward(self, x):
        n = len(x)
        x = functional.unfold(x, 4, stride=4).mT.reshape(n * 4, 3, 4, 4)
        x = self.middle(self.conv(x)).mean((2, 3))
        return self.head(x.reshape(n, 4, 8).mean(1))


class Attention(nn.Module):
    """A weight that no layer of its own is called with; tokens first if asked."""

    def __init__(self, batch_first=True):
        super().__init__()
        self.embed, self.head = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(8, 4)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=batch_first)
        self.relu, self.first = nn.ReLU(), batch_first

    def forward(self, x):
        x = self.embed(x).flatten(2).mT
        x = x if self.first else x.transpose(0, 1)
        x = self.relu(self.attend(x, x, x, need_weights=False)[0])
        return self.head((x if self.first else x.transpose(0, 1)).mean(1))


class Standardised(nn.Conv2d):
    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return functional.conv2d(x, weight, self.bias, padding=self.padding)


def standardised():
    network = Net()
    network.conv = Standardised(3, 8, 3, padding=1)
    return network


def gradients(network, batch, values_of, names):
    weights = [p for name, p in network.named_parameters() if names(name)]
    for weight in weights:
        weight.requires_grad_()
    rows = []
    for one in values_of(network(batch.images)):
        found = torch.autograd.grad(one, weights, retain_graph=True, materialize_grads=True,
                                    allow_unused=True)  # fmt: skip
        rows.append(torch.cat([each.flatten() for each in found]))
    return torch.stack(rows)


OWN = [Folded, Attention, standardised, lambda: Net(nn.GroupNorm(2, 8))]


@pytest.mark.parametrize("build", OWN)
def test_gradients_of_each_image_are_those_of_a_loop(build):
    network, batch = made(build), batch_of()
    rows = gradients(network, batch, lambda x: x.sum(1), lambda name: "weight" in name)
    kernel = torch.linalg.eigvalsh(gram(rows))
    found = value("ntk", network, How("clean", fast=False))
    assert found == pytest.approx(float(kernel[-1] / kernel[0]), rel=1e-3)

    def losses(logits):
        return functional.cross_entropy(logits, batch.labels, reduction="none")

    counted = {
        f"{n}.weight" for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)
    }
    rows = gradients(network, batch, losses, lambda name: name in counted)
    assert value("gradsign", network) == float(rows.sign().sum(0).abs().sum())


@pytest.mark.parametrize("proxy", ["nwot", "swap"])
def test_parts_of_an_image_are_counted_as_the_image(proxy):
    class Seen(nn.Module):
        def __init__(self, fold):
            super().__init__()
            self.relu, self.fold = nn.ReLU(), fold

        def forward(self, x):
            rows = x.reshape(len(x) * 4, -1) if self.fold else x
            return self.relu(rows).reshape(len(x), -1)

    assert value(proxy, Seen(True)) == value(proxy, Seen(False))


@pytest.mark.parametrize("proxy", ["nwot", "swap"])
def test_what_does_not_begin_with_the_images_is_one_line(proxy):
    with pytest.raises(
        UserError, match=r"a ReLU sees a tensor of shape .* images have to come first"
    ):
        value(proxy, made(lambda: Attention(batch_first=False)))


def test_multiplications_of_all_parts_of_an_image_count():
    assert network_size(made(Folded), 8).flops == 4 * (8 * 16 * 27) + 8 * 4
    network = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    whole = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(2), Turned(), network, Mean())
    assert network_size(whole, 8).flops >= 4 * 2 * 8 * 16, "its fast path calls no layer"


class Turned(nn.Module):
    def forward(self, x):
        return x.mT


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


WRITING = ("jacob_cov", "epe_nas", "gradsign", "zen_score", "snip", "nwot", "ntk")


@pytest.mark.parametrize("proxy", WRITING)
@pytest.mark.parametrize("meaning", ["faithful", "clean"])
def test_a_network_that_writes_into_its_images_has_the_same_scores(proxy, meaning):
    networks = [made(lambda b=b: Net(before=b)) for b in (lambda x: x.sub_(0.5), lambda x: x - 0.5)]
    found = [value(proxy, network, How(meaning, fast=False)) for network in networks]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_fisher_reads_outputs_before_they_are_overwritten():
    networks = [made(lambda f=f: Net(after=f)) for f in (lambda y: y.add_(0.5), lambda y: y + 0.5)]
    one, other = (value("fisher", network) for network in networks)
    assert one == pytest.approx(other, rel=1e-6)


def test_features_are_those_before_the_pooling_however_it_is_written():
    pooled = Net(nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)))
    plain = Net(nn.Sequential(nn.BatchNorm2d(8), nn.ReLU()))
    assert value("zen_score", pooled) == pytest.approx(value("zen_score", plain))


def test_a_norm_that_stands_twice_is_taken_out_twice():
    found = []
    for variance in (1.0, 4.0):
        norm = nn.BatchNorm2d(8)
        norm.running_var.fill_(variance)
        found.append(value("synflow", made(lambda n=norm: Net(nn.Sequential(n, nn.ReLU(), n)))))
        torch.manual_seed(0)
    assert found[0] == found[1]


def test_a_mask_is_no_value_that_is_not_finite():
    network = made(Net)
    network.register_buffer("mask", torch.full((4, 4), -math.inf).triu(1))
    assert value("params", network) == 8 * 27 + 8 + 8 * 4 + 4
    network.mask[0, 0] = math.nan
    assert get_proxy("params").score_network(network, batch_of()).status.startswith("not finite")


def test_crops_that_do_not_go_through_are_a_status():
    network = nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))
    network(batch_of().images)
    score = get_proxy("linear_regions").score_network(network, batch_of())
    assert "crops of 3 x 3 do not go through it" in score.status


def test_complex_numbers_are_computed_by_the_plain_modules():
    class Complex(Net):
        def __init__(self):
            super().__init__()
            self.register_buffer("turn", torch.polar(torch.ones(8, 1, 1), torch.rand(8, 1, 1)))

        def forward(self, x):
            x = (self.conv(x) * self.turn + 0.2j).abs() - 0.5
            return self.head(self.middle(x).mean((2, 3)))

    network = made(Complex)
    with pytest.warns(UserWarning, match="has complex numbers"):
        assert value("nwot", network, How()) == value("nwot", network)


SPACE = SearchSpace("own networks", ("a",), (("skip", "conv", "pool"),))


class Writing(Supernet):
    """Alters its images, or a count, in its forward pass."""

    def __init__(self, what):
        super().__init__(SPACE)
        conv = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.a = Choice({0: nn.Identity(), 1: conv, 2: nn.AvgPool2d(3, 1, 1)})
        self.stem, self.relu, self.head = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Linear(8, 4)
        self.what = what
        self.register_buffer("count", torch.zeros(()))

    def logits(self, images, rows, run_removed):
        if self.what == "images":
            images = images.sub_(0.5)
        else:
            self.count += 1
            images = images + self.count
        return self.head(self.relu(self.a(self.stem(images), rows[0], run_removed)).mean((2, 3)))


@pytest.mark.parametrize("what", ["images", "buffer"])
def test_states_do_not_see_what_others_have_altered(what):
    network, start = made(lambda: Writing(what)), SPACE.initial_state()
    states = [start.perturb(0, op) for op in range(3)]
    batch, swap = batch_of(16), get_proxy("swap")
    together = [score.value for score in swap.scores(network, states, batch)]
    assert together == [swap.scores(network, [state], batch)[0].value for state in states]
    assert together == [score.value for score in swap.scores(network, states, batch, PLAIN)]


def test_a_shipped_network_with_other_layers_is_proved_like_any_other():
    network = build_supernet("nasbench201", "smoke")
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.ReLU:
                setattr(module, name, nn.Sequential(nn.ReLU(), nn.Dropout(0.2)))
    assert not ships(network)
    batch, states = batch_of(4, 32), [network.space.initial_state()]
    with pytest.warns(UserWarning, match="draws random numbers"):
        (fast,) = get_proxy("snip").scores(network, states, batch)
    assert fast.value == get_proxy("snip").scores(network, states, batch, PLAIN)[0].value


def test_a_table_of_another_shape_is_one_line():
    network = build_supernet("nasbench201", "smoke")
    with pytest.raises(UserError, match=r"a table \[6, 5\], not \[6, 4\]"):
        get_proxy("params").scores_under(network, [torch.ones(6, 4)], batch_of(4, 32))


def test_grasp_differentiates_attention_twice():
    assert math.isfinite(value("grasp", made(Attention)))


def test_labels_of_any_whole_type_are_labels():
    network, batch = made(Net), batch_of()
    small = Batch(batch.images, batch.labels.to(torch.int32), "own")
    for proxy in ("snip", "gradsign"):
        assert value(proxy, network, batch=small) == value(proxy, network, batch=batch)


def test_tensors_of_single_precision_within_are_one_line():
    kernel = torch.ones(8, 3, 3, 3)

    class Constant(Net):
        def forward(self, x):
            return self.head(self.middle(functional.conv2d(x, kernel)).mean((2, 3)))

    with pytest.raises(UserError, match="make them like its inputs"):
        value("synflow", made(Constant))


@pytest.mark.parametrize("proxy", ["ntk", "grasp"])
def test_a_network_without_weights_is_a_status(proxy):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return self.scale * x.mean((2, 3))

    status = get_proxy(proxy).score_network(Scaled(), batch_of(classes=3)).status
    assert status.startswith("ArithmeticError: ")


def test_a_weight_that_is_computed_counts_beside_a_layer_of_ones_own():
    class Twice(nn.Linear):
        def forward(self, x):
            return super().forward(x)

    def normed(kind, norm):
        torch.manual_seed(0)
        conv = nn.Conv2d(3, 8, 3, padding=1)
        network = Net()
        network.conv = nn.utils.parametrizations.weight_norm(conv) if norm else conv
        network.head = kind(8, 4)
        return network.eval()

    plain = value("gradsign", normed(nn.Linear, norm=False))
    for kind in (nn.Linear, Twice):
        assert value("gradsign", normed(kind, norm=True)) == plain


@pytest.mark.parametrize("proxy", ["nwot", "swap"])
def test_a_rectifier_of_a_parameter_is_the_same_for_all_images(proxy):
    class Gated(Net):
        def __init__(self):
            super().__init__()
            self.gate, self.relu = nn.Parameter(torch.randn(1, 8, 1, 1)), nn.ReLU()

        def forward(self, x):
            return self.head((self.middle(self.conv(x)) * self.relu(self.gate)).mean((2, 3)))

    assert math.isfinite(value(proxy, made(Gated)))
