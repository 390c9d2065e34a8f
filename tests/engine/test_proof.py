"""A fast path proves itself on a network that it has not seen, or steps aside and says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import opscore
from opscore.engine import proof, proving, ships
from opscore.engine.algebra import rules
from opscore.errors import UserError, keeping_notes
from opscore.images import Batch, NoiseImages
from opscore.proxies import How, get_proxy
from opscore.spaces import SPACES, SearchSpace
from opscore.supernets import (
    SUPERNETS,
    Choice,
    Family,
    Supernet,
    build_supernet,
    operation_rows,
)

SPACE = SearchSpace("proven", ("a",), (("skip", "conv", "pool"),))


class Own(Supernet):
    """A choice, and a hyperbolic tangent, of which the tests give the engine a wrong rule."""

    def __init__(self, channels: int = 4, *, in_channels: int = 3, n_classes: int = 10) -> None:
        super().__init__(SPACE)
        conv = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1))
        self.stem = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.a = Choice({0: nn.Identity(), 1: conv, 2: nn.AvgPool2d(3, 1, 1)})
        self.head = nn.Linear(channels, n_classes)

    def forward(self, images: Tensor, weights: Tensor, *, run_removed: bool = False) -> Tensor:
        (row,) = operation_rows(weights)
        x = self.stem(images).tanh()
        return self.head(self.a(x, row, run_removed).mean((2, 3)))


@pytest.fixture(autouse=True)
def nothing_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_verdicts", type(proof._verdicts)())
    monkeypatch.setattr(proof, "_told", set())


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is wrong: tanh is the identity."""
    monkeypatch.setitem(rules.FUNCTIONS, "tanh", rules.shapes.same)


@pytest.fixture
def space() -> Iterator[str]:
    SPACES.add("proven", SPACE)
    sizes: dict[str, dict[str, int]] = {n: {} for n in ("paper", "cpu", "smoke")}
    SUPERNETS.add("proven", Family(Own, Own, sizes))
    yield "proven"
    SPACES.remove("proven")
    SUPERNETS.remove("proven")


def batch() -> Batch:
    return NoiseImages().minibatch(8, 0, "proof")


A0 = SPACE.initial_state()
STATES = [A0.perturb(0, op) for op in range(3)]


def values(proxy: str, network: Supernet, **how: object) -> list[float]:
    return [score.value for score in get_proxy(proxy).scores(network, STATES, batch(), How(**how))]


@pytest.mark.parametrize("proxy", ["snip", "synflow", "jacob_cov"])
@pytest.mark.usefixtures("wrong")
def test_a_wrong_rule_is_noticed_and_named(proxy: str) -> None:
    network = Own()
    with pytest.warns(opscore.errors.Note, match=f"{proxy}: Own runs as it is.* first at 'tanh'"):
        found = values(proxy, network)
    assert found == values(proxy, network, fast=False)
    with keeping_notes() as notes:  # it is not proved again, but said for each record
        assert values(proxy, network) == found
    assert len(notes) == 1


@pytest.mark.usefixtures("wrong")
def test_without_proof_the_rule_is_believed() -> None:
    network = Own()
    with proving("never"), keeping_notes() as notes:
        assert values("snip", network) != pytest.approx(values("snip", network, fast=False), 1e-3)
    assert notes == []


def test_what_raises_in_the_engine_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> None:
        raise KeyError("inside")

    monkeypatch.setitem(rules.FUNCTIONS, "tanh", raises)
    network = Own()
    with pytest.warns(opscore.errors.Note, match="KeyError: 'inside'"):
        found = values("nwot", network)
    assert found == values("nwot", network, fast=False)


def test_an_error_of_the_network_itself_stays_its_own() -> None:
    class Broken(Own):
        def forward(self, images: Tensor, weights: Tensor, *, run_removed: bool = False) -> Tensor:
            raise LookupError("mine")

    with keeping_notes() as notes, pytest.raises(LookupError, match="mine"):
        values("snip", Broken())
    assert notes == []


def test_once_for_each_structure_and_always_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = []
    compared = proof._compared
    monkeypatch.setattr(proof, "_compared", lambda *a: (proofs.append(a), compared(*a))[1])
    values("nwot", Own())
    values("nwot", Own())
    assert len(proofs) == 1
    values("nwot", Own(channels=6))
    values("nwot", Own(), meaning="clean")
    assert len(proofs) == 3
    with proving("always"):
        values("nwot", Own())
    assert len(proofs) == 4
    with pytest.raises(UserError, match="time of proof"), proving("sometimes"):
        pass


def test_what_ships_needs_no_proof() -> None:
    network = build_supernet(size="smoke")
    assert ships(network)
    network.classifier.register_forward_hook(lambda module, inputs, output: 2 * output)
    assert not ships(network)
    assert not ships(Own())


@pytest.mark.usefixtures("wrong")
def test_the_record_keeps_the_note(space: str, tmp_path: Path) -> None:
    settings = {"space": space, "size": "smoke", "images": "digits", "batch_size": 8}
    for _ in range(2):  # computed, and found
        result = opscore.initial(["zc-pt(snip)"], store=tmp_path, **settings)
        assert any("first at 'tanh'" in line for line in result.notes())
    records = [p.read_text() for p in tmp_path.glob("initial-*/run.json")]
    assert any("first at 'tanh'" in text for text in records)
    unproved = opscore.initial(["zc-pt(snip)"], prove="never", **settings)
    assert unproved.remarks == ()


@pytest.mark.usefixtures("wrong")
def test_a_network_of_its_own_is_proved_as_well() -> None:
    class Alone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 10)

        def forward(self, images: Tensor) -> Tensor:
            x = self.stem(images)
            x = x.sum((2, 3), keepdim=True).tanh() * 0.5 - 0.2 + x
            return self.head(self.relu(x).mean((2, 3)))

    torch.manual_seed(0)
    network, nwot = Alone(), get_proxy("nwot")
    with pytest.warns(opscore.errors.Note, match="first at 'tanh'"):
        score = nwot.score_network(network, batch())
    assert score.value == nwot.score_network(network, batch(), How(fast=False)).value


class Forgetful(Own):
    """That removed operations run, for hooks to see, is not handed on to the choice."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, images: Tensor, weights: Tensor, *, run_removed: bool = False) -> Tensor:
        (row,) = operation_rows(weights)
        return self.head(self.a(self.relu(self.stem(images)), row).mean((2, 3)))


class Normalised(Choice):
    """A choice whose weights add up to one."""

    def forward(self, x: Tensor, weights: Tensor, run_removed: bool = False) -> Tensor:
        return super().forward(x, [weight / sum(weights) for weight in weights], run_removed)


def normalised() -> Supernet:
    network = Own()
    network.a = Normalised({int(index): each for index, each in network.a.items()})
    return network


@pytest.mark.parametrize(
    ("proxy", "make", "first"),
    [
        ("nwot", Forgetful, [A0]),
        ("grad_norm", normalised, [SPACE.architecture([op]) for op in range(3)]),
    ],
)
def test_what_is_proved_for_some_states_holds_for_all(proxy, make, first) -> None:
    torch.manual_seed(0)
    network = make()
    with keeping_notes():
        get_proxy(proxy).scores(network, first, batch())
        found = values(proxy, network)
    assert found == pytest.approx(values(proxy, network, fast=False), 1e-5, nan_ok=True)


NONE = SearchSpace("with none", ("a",), (("none", "conv"),))


class Zeros(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0.0


class WithNone(Supernet):
    """A half of it has no operation: nothing arrives, and no derivative can be taken."""

    def __init__(self) -> None:
        super().__init__(NONE)
        self.a = Choice({0: Zeros(), 1: nn.Conv2d(3, 3, 3, padding=1)}, removed="absent")
        self.head = nn.Linear(3, 10, bias=False)

    def forward(self, images: Tensor, weights: Tensor, *, run_removed: bool = False) -> Tensor:
        (row,) = operation_rows(weights)
        return self.head(self.a(images, row, run_removed).tanh().mean((2, 3)))


@pytest.mark.usefixtures("wrong")
def test_a_state_without_a_fast_way_does_not_end_the_proof() -> None:
    with pytest.warns(opscore.errors.Note, match="first at 'tanh'"):
        get_proxy("snip").scores(WithNone(), [NONE.initial_state()], batch())


class Beginning(Own):
    """A part that begins with a factor of zero, as some blocks do."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor, weights: Tensor, *, run_removed: bool = False) -> Tensor:
        (row,) = operation_rows(weights)
        x = self.stem(images)
        x = x + self.gamma * x.tanh()
        return self.head(self.a(x, row, run_removed).mean((2, 3)))


@pytest.mark.usefixtures("wrong")
def test_a_proof_looks_at_other_weights_than_those_of_a_fresh_network() -> None:
    with pytest.warns(opscore.errors.Note, match="first at"):
        values("snip", Beginning())


def test_that_there_is_no_fast_way_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = []
    compared = proof._compared
    monkeypatch.setattr(proof, "_compared", lambda *a: (proofs.append(a), compared(*a))[1])
    network = Own()
    found = [values("ntk", network, meaning="clean") for _ in range(2)]
    first = len(proofs)
    assert first > 1, "each of its states was asked for alone"
    assert values("ntk", network, meaning="clean") == pytest.approx(found[0], nan_ok=True)
    assert len(proofs) == first


def test_hooks_of_the_backward_pass_count() -> None:
    network = build_supernet(size="smoke")
    network.stem[1].register_full_backward_hook(lambda module, before, after: (before[0] * 0.5,))
    assert not ships(network)
    states = [network.space.initial_state()]
    snip = get_proxy("snip")
    fast, plain = (snip.scores(network, states, batch(), How(fast=fast)) for fast in (True, False))
    assert fast[0].value == pytest.approx(plain[0].value, 1e-5)
