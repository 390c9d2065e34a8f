"""A network that a user hands over is never run or altered, and a score depends on it alone.

The networks here keep book of what happens to them: a layer that sets itself up on the first
images, one that counts, one that keeps what it saw, one that draws random numbers, hooks.
"""

from __future__ import annotations

import random
import threading
import weakref
from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm

from opscore.engine import CannotTraceError, coverage
from opscore.errors import UserError
from opscore.images import Batch, NoiseImages
from opscore.isolation import own_generators
from opscore.proxies import How, get_proxy, list_proxies, operation_sensitivities
from opscore.proxies.architectures import nwot_of_architectures, synflow_of_architectures
from opscore.proxies.first_order import DIFFERENTIABLE, value_and_slopes
from opscore.spaces import SearchSpace
from opscore.supernets import Choice, Supernet, network_size, operation_rows
from opscore.supernets.copying import copy_network
from opscore.supernets.measure import accuracy

OPS = ("skip_connect", "conv_1x1", "conv_3x3")
SPACE = SearchSpace("booby-trapped", ("a", "b"), (OPS, OPS))
BATCH = NoiseImages().minibatch(8, 0, "handed over")


class Trapped(nn.Module):
    """Sets itself up on the first images, counts, and keeps what it saw."""

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.register_buffer("ready", torch.tensor(False))
        self.register_buffer("mean", torch.zeros(channels, dtype=torch.float64))
        self.calls, self.last, self.seen, self.settings = 0, None, [], {"drop": 0.3}
        # Closes over the layer itself, as layers that write down features do.
        self.register_forward_hook(lambda module, inputs, output: self.seen.append(output))

    def forward(self, x):
        if not self.ready:
            self.scale.data.copy_(1 / (x.std((0, 2, 3), keepdim=True) + 1e-3))
            self.ready.fill_(True)
        self.calls += 1
        self.mean.lerp_(x.detach().double().mean((0, 2, 3)), 0.1)
        self.last = x * self.scale
        return self.last


class Drawing(nn.Module):
    """Draws from every global generator there is, in both modes."""

    def forward(self, x):
        factor = 1 + 0.1 * random.random() + 0.1 * np.random.rand()  # noqa: NPY002 - the global one
        x = nn.functional.dropout(x, 0.2, training=True)
        return x * factor + 0.1 * torch.randn(x.shape).to(x)


def candidates(width):
    def conv(kernel):
        layers = nn.ReLU(), nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=False)
        return nn.Sequential(*layers, nn.BatchNorm2d(width))

    return Choice({0: nn.Identity(), 1: conv(1), 2: conv(3)})


class TrappedSupernet(Supernet):
    """The traps between two edges."""

    def __init__(self, width=4, trap=Trapped):
        super().__init__(SPACE)
        self.stem, self.head = nn.Conv2d(3, width, 3, stride=4), nn.Linear(width, 10)
        self.a, self.b = candidates(width), candidates(width)
        self.trap = trap(width) if trap is Trapped else trap()

    def forward(self, images, weights, *, run_removed=False):
        row_a, row_b = operation_rows(weights)
        x = self.trap(self.a(self.stem(images), row_a, run_removed))
        return self.head(self.b(x, row_b, run_removed).mean((2, 3)))


def stand_alone(trap):
    """A network with a trap, a batch norm in eval mode, a frozen weight and one with a gradient."""
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=4), nn.BatchNorm2d(4), trap, nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10),
    )  # fmt: skip
    net[1].eval()
    net[0].weight.requires_grad_(False)
    net[-1].weight.grad = torch.ones(10, 4)
    return net


def condition(network):
    """All that can be seen of a network, as something that can be compared."""
    book = {}
    for name, module in network.named_modules():
        for key, value in vars(module).items():
            book[name, key] = repr(value)  # settings, hooks by id, and plain attributes
        book[name, "mode"] = module.training
        book[name, "id"] = id(module)
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        grad = None if tensor.grad is None else tensor.grad.tolist()
        numbers = tensor.detach().clone()
        book[name] = (id(tensor), tensor._version, tensor.requires_grad, grad, numbers.tolist())
    return book


def generators():
    kind, key, *rest = np.random.get_state()  # noqa: NPY002 - the global one
    return torch.get_rng_state().tolist(), random.getstate(), (kind, key.tolist(), *rest)


def built(make):
    with own_generators(1):
        return make()


def entries():
    """What reads a network: by name, a network and a call."""
    start = SPACE.initial_state()
    states = [start, start.perturb(0, 1)]
    for name in list_proxies():
        proxy = get_proxy(name)
        for fast in (True, False):
            yield (
                f"{name} of states, {'fast' if fast else 'plain'}",
                lambda net, p=proxy, f=fast: p.scores(net, states, BATCH, How(fast=f)),
                TrappedSupernet,
            )
            yield (
                f"{name} of a network, {'fast' if fast else 'plain'}",
                lambda net, p=proxy, f=fast: p.score_network(net, BATCH, How(fast=f)),
                lambda: stand_alone(Trapped(4)),
            )
    weights = torch.full((2, 3), 1 / 3)
    yield "accuracy", lambda net: accuracy(net, BATCH, weights), TrappedSupernet
    yield "coverage", coverage, TrappedSupernet
    yield "coverage of a network", coverage, lambda: stand_alone(Trapped(4))
    yield "size", network_size, lambda: stand_alone(Trapped(4))
    yield "sensitivity", lambda n: operation_sensitivities(n, start, BATCH), TrappedSupernet
    for name in DIFFERENTIABLE:
        yield (
            f"slopes of {name}",
            lambda net, n=name: value_and_slopes(n, net, start, BATCH),
            TrappedSupernet,
        )
    cells = [SPACE.architecture([1, 2]), SPACE.architecture([0, 1])]
    for call, last in (
        (nwot_of_architectures, BATCH.images),
        (synflow_of_architectures, (3, 8, 8)),
    ):
        yield call.__name__, lambda n, c=call, x=last: _or_refused(c, n, cells, x), TrappedSupernet


def _or_refused(call, *given):
    """A network that is refused is left as it was, too."""
    with suppress(UserError, CannotTraceError):
        call(*given)


@pytest.mark.parametrize(("name", "call", "make"), [pytest.param(*e, id=e[0]) for e in entries()])
def test_what_reads_a_network_leaves_it_and_the_generators_as_they_were(name, call, make):
    network = built(make)
    before, drawn = condition(network), generators()
    call(network)
    assert condition(network) == before
    assert generators() == drawn


@pytest.mark.parametrize("name", list_proxies())
def test_a_score_of_a_network_that_draws_depends_on_weights_and_batch_alone(name):
    supernet, start = built(lambda: TrappedSupernet(trap=Drawing)), SPACE.initial_state()
    network = built(lambda: stand_alone(Drawing()))
    states, proxy = [start.perturb(0, 1), start.perturb(1, 2)], get_proxy(name)

    def numbers():
        torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002 - the global one
        found = [
            *proxy.scores(supernet, states, BATCH),
            *proxy.scores(supernet, states[::-1], BATCH)[::-1],
            *proxy.scores(supernet, states, BATCH, How(fast=False)),
            *(proxy.scores(supernet, [state], BATCH)[0] for state in states),
        ]
        alone = [
            proxy.score_network(network, BATCH, How(fast=fast)).value for fast in (True, False)
        ]
        return [score.value for score in found], alone

    (several, alone), again = numbers(), numbers()
    np.testing.assert_array_equal(several, again[0])
    np.testing.assert_array_equal(alone, again[1])
    for other in (several[2:4], several[4:6], several[6:8]):
        np.testing.assert_allclose(several[:2], other, rtol=1e-5)
    np.testing.assert_allclose(*alone, rtol=1e-5)
    other = proxy.score_network(network, NoiseImages().minibatch(8, 1, "handed over"))
    assert name in ("params", "flops", "l2_norm") or other.value != alone[0]


def plain_net():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10),
    )  # fmt: skip


@pytest.mark.parametrize("name", list_proxies())
def test_frozen_weights_count_as_weights(name):
    network = built(plain_net)
    value = get_proxy(name).score_network(network, BATCH).value
    assert get_proxy(name).score_network(network.requires_grad_(False), BATCH).value == value
    assert not any(p.requires_grad for p in network.parameters())


def _weight_norm(layer):
    parametrizations.weight_norm(layer)


def _spectral_norm(layer):
    spectral_norm(layer)
    layer.eval()(torch.zeros(1, 6, 4, 4))  # its weight is that of the last pass
    layer.train()


def _pruned(layer):
    prune.l1_unstructured(layer, "weight", amount=0.4)


@pytest.mark.parametrize("compute", [_weight_norm, _spectral_norm, _pruned])
@pytest.mark.parametrize("name", ["snip", "grad_norm", "grasp", "plain", "zico", "synflow"])
def test_a_weight_that_is_computed_counts_by_its_value(name, compute):
    network = built(plain_net)
    with own_generators(3):
        compute(network[3])
    expected = built(plain_net)
    expected[3].weight.data.copy_(network[3].weight.detach())
    proxy = get_proxy(name)
    found = proxy.score_network(network, BATCH).value
    assert found == pytest.approx(proxy.score_network(expected, BATCH).value, rel=1e-5)


def test_a_weight_that_layers_share_counts_once():
    """snip of two tied layers by hand: the gradient of a shared weight is the sum of both uses."""
    torch.manual_seed(0)
    first, second, last = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 10)
    second.weight = first.weight
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), first, nn.Tanh(), second, last)
    loss = nn.functional.cross_entropy(network(BATCH.images), BATCH.labels)
    weights = [first.weight, last.weight]
    by_hand = sum(
        float((w.detach() * g).abs().sum())
        for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True)
    )
    found = get_proxy("snip").score_network(network, BATCH).value
    assert found == pytest.approx(by_hand, rel=1e-5)


class Returns(nn.Module):
    """Two outputs, as of a network with an auxiliary head."""

    def __init__(self, output):
        super().__init__()
        self.body, self.output = plain_net(), output

    def forward(self, images):
        return self.output(self.body(images))


@pytest.mark.parametrize("name", list_proxies())
@pytest.mark.parametrize(
    ("output", "said"),
    [
        (lambda x: (x, x), "returns a tuple of 2"),
        (lambda x: {"logits": x}, "returns a dict of 1"),
        (lambda x: x.to(torch.complex64), "complex64 tensor"),
        (lambda x: x.sum(1), r"of shape \[\d\]"),
        (lambda x: None, "returns a NoneType"),
    ],
)
def test_what_is_not_logits_is_one_line_where_logits_are_needed(name, output, said):
    network = built(lambda: Returns(output))
    needs_none = {
        "nwot",
        "swap",
        "linear_regions",
        "params",
        "flops",
        "l2_norm",
        "meco",
        "zen_score",
    }
    if name in needs_none:
        assert name == "zen_score" or get_proxy(name).score_network(network, BATCH).status == "ok"
        return
    with pytest.raises(UserError, match=rf"Returns returns a.*{said}|{said}"):
        get_proxy(name).score_network(network, BATCH)


def test_labels_that_are_no_classes_are_one_line():
    batch = Batch(BATCH.images, torch.arange(8) + 5, "")
    with pytest.raises(UserError, match="labels are 5 to 12, and the network has 10 classes"):
        get_proxy("snip").score_network(built(plain_net), batch)


@pytest.mark.parametrize("name", ["gradsign", "ntk"])
@pytest.mark.parametrize("padding", ["circular", "same", "tied"])
def test_gradients_of_each_image_of_any_convolution(name, padding):
    """Per-sample gradients against a loop over images."""
    torch.manual_seed(0)
    first, second = (
        nn.Conv2d(4, 4, 3, padding="same", padding_mode="zeros"),
        nn.Conv2d(4, 4, 3, padding="same", padding_mode="circular"),
    )
    if padding == "tied":
        first.weight = second.weight
    stem = nn.Conv2d(3, 4, 3, stride=4)
    last = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)
    network = nn.Sequential(stem, nn.Tanh(), first, nn.Tanh(), second, nn.Tanh(), *last)
    layers = dict.fromkeys(m.weight for m in network if hasattr(m, "weight"))

    def gradients(image, label):
        logits = network(image[None])
        objective = logits.sum()
        if name == "gradsign":
            objective = nn.functional.cross_entropy(logits, label[None])
        return torch.cat([g.flatten() for g in torch.autograd.grad(objective, list(layers))])

    rows = torch.stack([gradients(*pair) for pair in zip(BATCH.images, BATCH.labels, strict=True)])
    by_hand = float(rows.sign().sum(0).abs().sum())
    if name == "ntk":
        values = torch.linalg.eigvalsh(rows.double() @ rows.double().T)
        by_hand = float(values[-1] / values[0])
    found = get_proxy(name).score_network(network, BATCH, How("clean"))
    assert found.value == pytest.approx(by_hand, rel=2e-3), found.status


def test_images_that_meet_have_no_gradients_of_their_own():
    network = built(plain_net)
    network[1] = nn.BatchNorm2d(6, track_running_stats=False)
    found = get_proxy("gradsign").score_network(network, BATCH)
    assert "images see each other" in found.status


class WithoutGraph(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = plain_net()

    @torch.no_grad()
    def forward(self, images):
        return self.body(images)


@pytest.mark.parametrize("name", list_proxies())
def test_a_network_without_gradients_or_without_layers_has_a_status(name):
    needs = "gradients" in get_proxy(name).needs
    found = get_proxy(name).score_network(WithoutGraph(), BATCH)
    assert ("has no gradient" in found.status) == needs, found
    flat = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    batch = Batch(BATCH.images, BATCH.labels % 8, "")
    get_proxy(name).score_network(flat, batch)  # a number or a status, and no other error


class Watched(nn.Module):
    """A layer that knows the network that it is in, and a network that knows itself."""

    def __init__(self):
        super().__init__()
        self.body, self.calls = plain_net(), 0
        self.me, old = weakref.ref(self), self.body.forward
        object.__setattr__(self.body[0], "above", self)

        def forward(images):
            self.calls += 1
            return old(images)

        self.body.forward = forward

    def forward(self, images):
        self.me().calls += 1
        self.body[0].above.calls += 1
        return self.body(images)


def test_nothing_of_a_copy_leads_back():
    """By a weak reference, an attribute, a function that closes over the network."""
    network = built(Watched)
    copied = copy_network(network)
    copied(BATCH.images)
    assert (network.calls, copied.calls) == (0, 3)


def holding(**attributes):
    network = built(plain_net)
    for name, value in attributes.items():
        setattr(network[3], name, value)
    return network


class Refuses(nn.Identity):
    def __deepcopy__(self, memo):
        raise TypeError("not this one")


class Shares(nn.Identity):
    def __deepcopy__(self, memo):
        return self


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: holding(lock=threading.Lock()), "'lock' of Conv2d cannot be copied"),
        (lambda: nn.Sequential(Refuses(), plain_net()), "Refuses cannot be copied .*not this one"),
        (lambda: nn.Sequential(Shares(), plain_net()), "Shares cannot be copied .*shares"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "'1.weight' is lazy"),
        (lambda: plain_net().to("meta"), "'0.weight' is on the device 'meta'"),
        pytest.param(
            lambda: torch.jit.script(plain_net()),
            "a scripted network hides its layers",
            marks=pytest.mark.filterwarnings("ignore::DeprecationWarning"),
        ),
        (lambda: lambda images: images, "is a torch.nn.Module, not a function"),
    ],
)
def test_a_network_that_cannot_be_scored_is_one_line(make, said):
    with pytest.raises(UserError, match=said):
        get_proxy("snip").score_network(make(), BATCH)
