"""The public conformance suite, over everything that is registered; and that it notices."""

from __future__ import annotations

import pytest
import torch

from opscore.images import NoiseImages
from opscore.proxies import PROXIES, Proxy, get_proxy, list_proxies
from opscore.proxies.score import Score
from opscore.spaces import list_spaces
from opscore.testing import ConformanceError, check_proxy, proxy_checks

PAPER = {
    "grad_norm",
    "snip",
    "grasp",
    "synflow",
    "fisher",
    "zen_score",
    "nwot",
    "ntk",
    "linear_regions",
}


def test_the_proxies_of_the_paper_are_all_there():
    assert set(list_proxies()) >= PAPER
    assert get_proxy("tenas").grouped


CHECKED = [*list_proxies(), "vote(nwot,synflow)"]
#: What 'make test' has: every proxy on one space, and these on a second one.
FIRST, SECOND = "nasbench201", "nb1shot1-2"
TWICE = ("nwot", "snip", "synflow")


def promises():
    """Each promise of every proxy, as a test of its own."""
    pairs = [(name, FIRST) for name in CHECKED] + [(name, SECOND) for name in TWICE]
    for name, space in pairs:
        for promise, check in proxy_checks(name, space):
            yield pytest.param(check, id=f"{name}-{space}-{promise}")


@pytest.fixture(autouse=True)
def few_regions(monkeypatch):
    """A tenth of the crops whose patterns linear_regions counts, image by image."""
    monkeypatch.setattr("opscore.proxies.linear_regions.SAMPLES", 300)


@pytest.mark.parametrize("check", [*promises()])
def test_a_proxy_keeps_its_promise(check):
    check()


@pytest.mark.exhaustive
@pytest.mark.parametrize("space", [space for space in list_spaces() if space != FIRST])
@pytest.mark.parametrize("name", CHECKED)
def test_every_proxy_keeps_its_promises_on_every_space(name, space):
    check_proxy(name, [space])


def proxy(function, **changes):
    return Proxy(
        **{
            "name": "broken",
            "function": function,
            "higher_is_better": True,
            "source": "S = this test",
            **changes,
        }
    )


def constant(network, batch):
    """S = 1, says this test."""
    return 1.0


def changes_the_images(network, batch):
    """S = this test."""
    batch.images.add_(1)
    return 1.0


def draws_globally(network, batch):
    """S = this test."""
    return float(torch.rand(()))


def uses_labels(network, batch):
    """S = this test."""
    return float(batch.labels[0])


def uses_gradients(network, batch):
    """S = this test."""
    return float(network(batch.images).requires_grad)


def never(network, batch):
    """S = this test."""
    return float("nan")


def undocumented(network, batch):
    return 1.0


undocumented.__module__ = "nowhere"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (proxy(changes_the_images), "changed the minibatch"),
        (proxy(draws_globally), "global generator"),
        (proxy(uses_labels), "does not declare"),
        (proxy(constant, needs=frozenset({"labels"})), "they change nothing"),
        (proxy(uses_gradients), "depends on gradients"),
        (proxy(constant, needs=frozenset({"magic"})), "unknown needs"),
        (proxy(constant, source=""), "no source"),
        (proxy(undocumented), "no equation"),
        (proxy(never), "no score of the whole supernet"),
    ],
)
def test_what_is_broken_is_noticed(broken, message):
    with pytest.raises(ConformanceError, match=message):
        check_proxy(broken, ["nasbench201"])


def test_a_sound_proxy_passes():
    check_proxy(proxy(constant), ["nasbench201"])
    assert "broken" not in PROXIES


def test_linear_algebra_that_fails_is_a_status():
    def singular(network, batch):
        return float(torch.linalg.inv(torch.zeros(2, 2)).sum())

    def out_of_memory(network, batch):
        raise torch.OutOfMemoryError("no room")

    def wrong(network, batch):
        return float((torch.zeros(2) + torch.zeros(3)).sum())

    network, batch = torch.nn.Identity(), NoiseImages().minibatch(2, 0, "failures")
    score: Score = proxy(singular).score_network(network, batch)
    assert score.status.startswith("_LinAlgError")
    assert proxy(out_of_memory).score_network(network, batch).status == "OutOfMemoryError: no room"
    with pytest.raises(RuntimeError):
        proxy(wrong).score_network(network, batch)
