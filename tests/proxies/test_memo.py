"""The memo: nothing twice, and nothing stale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch import Tensor

import opscore
from opscore.experiments import ScoringContext, ScoringSettings, resolve
from opscore.images import Batch, load_images
from opscore.policies import make_policy
from opscore.proxies import How, Memo, Proxy, get_proxy, nwot
from opscore.settings.profiles import TrainingProfile
from opscore.spaces import NASBENCH201
from opscore.supernets import Supernet, build_supernet
from opscore.supernets.training import tune

A0 = NASBENCH201.initial_state()
STATES = [A0.perturb(0, op) for op in range(5)]
SMALL = {"size": "smoke", "batch_size": 16, "images": "digits", "device": "cpu"}


def counting(calls: list[object], name: str = "counted") -> Proxy:
    """A proxy that notes what it is asked for; its score is the sum of weights, images, labels."""

    def engine(
        supernet: Supernet, weights: Tensor, batch: Batch, how: How
    ) -> Iterator[tuple[list[int], float]]:
        calls.extend(table.tolist() for table in weights)
        shared = sum(float(p.detach().double().sum()) for p in supernet.parameters())
        shared += sum(float(b.double().sum()) for b in supernet.buffers())
        shared += float(batch.images.double().sum()) + float(batch.labels.sum())
        for place, table in enumerate(weights):
            yield [place], shared + int((table != 0).sum())

    return Proxy(name, lambda network, batch: 0.0, True, "this test", engine=engine)


@pytest.fixture
def supernet() -> Supernet:
    return build_supernet(size="smoke")


@pytest.fixture
def batch() -> Batch:
    return load_images("digits").minibatch(8, 0, "memo")


def test_what_is_known_is_not_computed_and_costs_nothing(supernet: Supernet, batch: Batch) -> None:
    calls: list[object] = []
    proxy, memo = counting(calls), Memo()
    first = proxy.scores(supernet, STATES[:3], batch, memo=memo)
    again = proxy.scores(supernet, [*STATES[1:], STATES[1]], batch, memo=memo)
    assert calls == [supernet.weights(state).tolist() for state in STATES]
    assert [s.value for s in again[:2]] == [s.value for s in first[1:]]
    assert [s.seconds == 0 for s in again] == [True, True, False, False, True]
    assert min(s.seconds for s in first) > 0
    plain = proxy.scores(supernet, STATES[:1], batch)
    assert plain[0].seconds > 0
    assert len(calls) == 6, "without the memo nothing is known"


def retrain(supernet: Supernet, batch: Batch) -> None:
    profile = TrainingProfile(
        "quick", epochs=1, steps=1, images=64, validation=16, tuning_steps=1, batch_size=8
    )
    tune(supernet, load_images("digits"), profile, 0, state=A0, measure=False)


def change_data(supernet: Supernet, batch: Batch) -> None:
    supernet.get_parameter("cells.0.edges.1<-0.3.op.1.weight").data[0, 0, 0, 0] += 0.5


def change_by_numpy(supernet: Supernet, batch: Batch) -> None:
    supernet.get_parameter("stem.0.weight").detach().numpy()[0, 0, 0, 0] += 0.5


def replace_parameter(supernet: Supernet, batch: Batch) -> None:
    convolution = supernet.get_submodule("stem.0")
    convolution.weight = torch.nn.Parameter(convolution.weight.detach() * 2)  # type: ignore[assignment]


def change_alphas(supernet: Supernet, batch: Batch) -> None:
    supernet.alphas[2, 1] += 1


def change_statistics(supernet: Supernet, batch: Batch) -> None:
    supernet.get_buffer("cells.1.conv_a.op.2.running_mean").add_(1)


def change_a_pixel(supernet: Supernet, batch: Batch) -> None:
    batch.images[3, 0, 5, 5] += 1


def change_a_label(supernet: Supernet, batch: Batch) -> None:
    batch.labels[3] += 1


@pytest.mark.parametrize(
    "change",
    [
        retrain,
        change_data,
        change_by_numpy,
        replace_parameter,
        change_alphas,
        change_statistics,
        change_a_pixel,
        change_a_label,
    ],
)
def test_no_score_is_stale(
    change: Callable[[Supernet, Batch], None], supernet: Supernet, batch: Batch
) -> None:
    calls: list[object] = []
    proxy, memo = counting(calls), Memo()
    before = proxy.scores(supernet, STATES, batch, memo=memo)
    change(supernet, batch)
    after = proxy.scores(supernet, STATES, batch, memo=memo)
    assert len(calls) == 2 * len(STATES)
    assert [s.value for s in after] == [s.value for s in proxy.scores(supernet, STATES, batch)]
    assert after[0].value != before[0].value


def test_another_precision_of_the_supernet_is_another_supernet(batch: Batch) -> None:
    calls: list[object] = []
    proxy, memo = counting(calls), Memo()
    supernet = build_supernet(size="smoke")
    proxy.scores(supernet, STATES[:1], batch, memo=memo)
    proxy.scores(supernet.double(), STATES[:1], batch, memo=memo)
    assert len(calls) == 2


def test_scores_are_told_apart_by_all_they_depend_on(supernet: Supernet, batch: Batch) -> None:
    memo, nwot = Memo(), get_proxy("nwot")
    ways = [
        How(meaning, precision=precision)
        for meaning in ("faithful", "clean")
        for precision in ("full", "bf16")
    ]
    for _ in range(2):
        for way in (*ways, How(fast=False)):
            own = nwot.scores(supernet, STATES, batch, way, memo=memo)
            fresh = nwot.scores(supernet, STATES, batch, way)
            assert [s.value for s in own] == [s.value for s in fresh]
    calls: list[object] = []
    for proxy in (counting(calls), counting(calls), counting(calls, "other")):
        proxy.scores(supernet, STATES[:1], batch, memo=memo)
    assert len(calls) == 3, "another function of the same name is another proxy"


def test_failures_are_tried_again(supernet: Supernet, batch: Batch) -> None:
    values = iter([math.nan, 2.0])
    proxy = replace(counting([]), engine=lambda *_: [((0,), next(values))])
    memo = Memo()
    found = [proxy.scores(supernet, STATES[:1], batch, memo=memo)[0] for _ in range(3)]
    assert [s.status == "ok" for s in found] == [False, True, True]
    assert found[2].seconds == 0


@pytest.fixture
def asked_of_nwot(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many weightings each call of nwot's engine was given."""
    asked: list[int] = []
    own = nwot.activation_kernels

    def noted(network, weights, images, **more):  # type: ignore[no-untyped-def]
        asked.append(len(weights))
        return own(network, weights, images, **more)

    monkeypatch.setattr(nwot, "activation_kernels", noted)
    return asked


def test_a_vote_asks_for_nothing_that_zc_pt_knows(asked_of_nwot: list[int]) -> None:
    settings = resolve(ScoringSettings(policies=("zc-pt(nwot)",), **SMALL))  # type: ignore[arg-type]
    context = ScoringContext(settings, 0)
    make_policy("zc-pt(nwot)", context).scores(A0, A0.open_edges)
    vote = make_policy("zc-pt(vote(nwot,synflow))", context).scores(A0, A0.open_edges)
    assert asked_of_nwot == [30]
    fresh = ScoringContext(settings, 0)
    alone = make_policy("zc-pt(vote(nwot,synflow))", fresh).scores(A0, A0.open_edges)
    assert asked_of_nwot == [30, *[5] * 6]
    assert [[s.value for s in row] for row in vote.values()] == [
        [s.value for s in row] for row in alone.values()
    ]
    # Other images are another question, also for a context that was made from the first.
    drawn = context.redrawn("again")
    make_policy("zc-pt(nwot)", drawn).scores(A0, [0])
    assert asked_of_nwot[-1] == 5
    assert len(asked_of_nwot) == 8


def test_the_policies_of_a_run_share_what_they_know(asked_of_nwot: list[int]) -> None:
    both = ("zc-pt(nwot)", "zc-pt(vote(nwot,synflow))")
    together = opscore.initial(both, seeds=(0, 1), baselines=False, **SMALL).scores
    assert asked_of_nwot == [30, 30], "one for each seed"
    apart = pd.concat(
        [opscore.initial([p], seeds=(0, 1), baselines=False, **SMALL).scores for p in both]
    )
    assert len(asked_of_nwot) == 16, "runs share nothing"
    for policy in both:
        one, other = (t[t["policy"] == policy].drop(columns="seconds") for t in (together, apart))
        pd.testing.assert_frame_equal(
            one.reset_index(drop=True), other.reset_index(drop=True), check_exact=True
        )
