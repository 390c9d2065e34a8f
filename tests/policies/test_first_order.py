from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from opscore.errors import UserError
from opscore.experiments import ScoringContext, ScoringSettings
from opscore.images import load_images
from opscore.policies import find_family, integrated, make_policy
from opscore.proxies import get_proxy
from opscore.proxies.first_order import DIFFERENTIABLE, value_and_slopes
from opscore.proxies.sensitivity import operation_sensitivities
from opscore.spaces import NASBENCH201
from opscore.supernets import build_supernet

INITIAL = NASBENCH201.initial_state()
SETTINGS = ScoringSettings(
    policies=("sensitivity",), size="smoke", batch_size=8, images="digits", device="cpu"
)


@pytest.fixture(scope="module")
def parts():
    batch = load_images("digits").minibatch(6, 0, "taylor").to("cpu", torch.float64)
    return build_supernet(size="smoke").double(), batch


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_the_value_is_the_proxys_own(parts, name):
    supernet, batch = parts
    value, _, _ = value_and_slopes(name, supernet, INITIAL, batch)
    assert value == pytest.approx(get_proxy(name).scores(supernet, [INITIAL], batch)[0].value)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_slopes_are_those_of_finite_differences(parts, name, monkeypatch):
    supernet, batch = parts
    _, weights, slopes = value_and_slopes(name, supernet, INITIAL, batch)
    # Smaller than the distance to the next kink: there the gradients inside S jump.
    step = 1e-7
    for edge, op in [(0, 3), (3, 1), (5, 2)]:
        values = []
        for sign in (1, -1):
            moved = weights.clone()
            moved[edge, op] += sign * step
            monkeypatch.setattr(supernet, "weights", lambda state, moved=moved: moved)
            values.append(value_and_slopes(name, supernet, INITIAL, batch)[0])
        monkeypatch.undo()
        assert float(slopes[edge, op]) == pytest.approx(
            (values[0] - values[1]) / (2 * step), rel=1e-3, abs=1e-6
        )


def test_estimates_are_the_tangent_of_the_exact_scores():
    context = ScoringContext(SETTINGS, 0)
    state = INITIAL.discretize(0, 3)
    value, weights, slopes = value_and_slopes("synflow", context.supernet, state, context.batch)
    removed = make_policy("taylor-pt(synflow)", context)
    chosen = make_policy("taylor-disc(synflow)", context)
    assert not removed.higher_is_better
    assert chosen.higher_is_better
    product = weights * slopes
    assert removed.scores(state, [2])[2][3].value == pytest.approx(value - float(product[2, 3]))
    expected = value + float(slopes[2, 3]) - float(product[2].sum())
    assert chosen.scores(state, [2])[2][3].value == pytest.approx(expected)


def test_attributions_along_the_way_add_up_to_the_difference(parts):
    """Completeness, for a proxy that grows smoothly on the way."""
    supernet, batch = parts
    context = SimpleNamespace(supernet=supernet, batch=batch)
    found = integrated.attributions("synflow", context, INITIAL)
    ends = [
        value_and_slopes("synflow", supernet, INITIAL, batch, scale=scale)[0]
        for scale in (integrated.START, 1)
    ]
    assert float(found.sum()) == pytest.approx(ends[1] - ends[0], rel=1e-6)


def test_attributions_of_a_chain_by_hand(monkeypatch):
    """S = log(a b + c): what grows with the weights, each by its own slope."""

    def slopes(name, supernet, state, batch, *, scale):
        a, b, c = weights = scale * torch.tensor([0.5, 0.4, 0.3], dtype=torch.float64)
        total = a * b + c
        return float(total.log()), weights, torch.stack([b, a, torch.ones(())]) / total

    monkeypatch.setattr(integrated, "value_and_slopes", slopes)
    context = SimpleNamespace(supernet=None, batch=None)
    found = integrated.attributions("synflow", context, INITIAL)
    # of a: integral of .2 t / (.2 t + .3) dt / t = log((.2 + .3) / (.2 t0 + .3))
    of_a = math.log(0.5 / 0.302)
    of_c = math.log(0.5 / (0.302 * 0.01)) - 2 * of_a
    torch.testing.assert_close(
        found, torch.tensor([of_a, of_a, of_c], dtype=torch.float64), rtol=1e-6, atol=0
    )


def test_sensitivity_is_one_table_for_all_edges():
    context = ScoringContext(SETTINGS, 0)
    scores = make_policy("sensitivity", context).scores(INITIAL, range(6))
    table = operation_sensitivities(context.supernet, INITIAL, context.batch)
    found = torch.tensor([[score.value for score in row] for row in scores.values()])
    torch.testing.assert_close(found.float(), table.float())


def test_a_proxy_without_a_slope_is_refused():
    with pytest.raises(UserError, match="unknown differentiable proxy 'nwot'"):
        find_family("taylor-pt(nwot)")
