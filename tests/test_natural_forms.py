"""Forms that are natural to a user are taken; others are one line."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pandas as pd
import pytest

import opscore
from opscore.data import add
from opscore.errors import Note, UserError
from opscore.settings import ScoringSettings

SPACE = opscore.get_space("nasbench201")
TEXT = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+"
    "|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
)
CHOICES = (3, 3, 4, 1, 3, 1)
SMALL = {"size": "smoke", "images": "noise", "batch_size": 4}


@pytest.mark.parametrize(
    "form",
    [
        TEXT,
        TEXT.replace("+", " + "),
        TEXT.replace("|", " | ").strip(),
        CHOICES,
        list(CHOICES),
        np.array(CHOICES),
        dict(zip(SPACE.edges, CHOICES, strict=True)),
        SPACE.parse(TEXT),
    ],
)
def test_an_architecture_comes_in_many_forms(form):
    form = list(form) if isinstance(form, np.ndarray) else form
    assert SPACE.as_architecture(form) == SPACE.parse(TEXT)
    found = opscore.evaluate_proxies("nasbench201", [form], "params", **SMALL)
    assert found["architecture"].tolist() == [TEXT]


def test_functions_take_the_string(data_dir):
    oracle = opscore.load_oracle(data_dir=str(data_dir))
    assert oracle.accuracy(TEXT) == oracle.accuracy(SPACE.parse(TEXT))
    assert oracle.rank(TEXT) == oracle.rank(SPACE.parse(TEXT))
    assert opscore.build_network(TEXT, "smoke") is not None
    assert len(opscore.evaluate_search(TEXT, data_dir=data_dir)) == 3


def test_masks_of_lists_and_arrays_are_states_like_any_other():
    start = SPACE.initial_state()
    for mask in ([[True] * 5] * 6, np.ones((6, 5), dtype=bool)):
        state = opscore.State(SPACE, mask)
        assert state == start
        assert hash(state) == hash(start)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ([3.7, 3, 4, 1, 3, 1], "an operation is given by index or name, not by 3.7"),
        ({"0->1": 1}, "no operation for edge 0->2, 1->2, 0->3, 1->3, 2->3"),
        ([9, 3, 4, 1, 3, 1], "operation index 9 is outside 0..4"),
        ([None] * 6, "not by None"),
    ],
)
def test_what_is_no_architecture_is_one_line(choices, message):
    with pytest.raises(UserError, match=message):
        SPACE.architecture(choices)


def test_one_name_or_seed_stands_for_a_list():
    one = opscore.initial("random", 3, baselines=False, **SMALL).scores
    assert one[one["policy"] == "random"]["seed"].unique().tolist() == [3]
    many = opscore.initial(["random"], [3], baselines=False, **SMALL).scores
    assert one.drop(columns="seconds").equals(many.drop(columns="seconds"))
    assert set(opscore.initial("random,zc-pt(nwot)", baselines=False, **SMALL).scores["policy"]) > {
        "random"
    }
    assert opscore.run_search("random", 2).settings.methods == ("random",)


def test_what_is_asked_for_twice_is_taken_once_with_a_note():
    with pytest.warns(Note, match="taken once: random"):
        opscore.initial(["random", "random"], baselines=False, **SMALL)
    with pytest.warns(Note, match=r"taken once: zc-pt\(nwot, by=cell\)$"):
        cells = ScoringSettings(policies="random,zc-pt(nwot, by=cell),zc-pt(nwot,by=cell)")
    assert cells.policies == ("random", "zc-pt(nwot, by=cell)")
    with pytest.warns(Note, match="taken once: 0"):
        opscore.initial("random", (0, 0), baselines=False, **SMALL)


def test_paths_come_as_text(tmp_path):
    missing = str(tmp_path / "nowhere")
    for call in (
        lambda: opscore.load_checkpoint(missing + ".pt"),
        lambda: opscore.load_batch(missing),
        lambda: opscore.load_images("cifar10", missing),
        lambda: opscore.load_oracle(data_dir=missing),
        lambda: opscore.evaluate_search(TEXT, data_dir=missing),
        lambda: add(missing),
    ):
        with pytest.raises(UserError, match="nowhere"):
            call()
    store = str(tmp_path / "runs")
    opscore.evaluate_proxies("nasbench201", TEXT, "params", store=store, **SMALL)
    assert (tmp_path / "runs").is_dir()


def test_accuracies_that_match_no_name_are_an_error_and_missing_ones_a_note():
    names = [SPACE.format(s) for s in islice(SPACE.initial_state().completions(), 12)]
    values = opscore.evaluate_proxies("nasbench201", names, "params", **SMALL)
    accuracy = {name: float(place) for place, name in enumerate(names)}
    whole = opscore.proxy_correlations(values, accuracy, top=())
    spaced = {" " + name.replace("+", " + "): value for name, value in accuracy.items()}
    for given in (spaced, pd.Series(accuracy), pd.Series(accuracy).to_frame()):
        assert opscore.proxy_correlations(values, given, top=()).equals(whole)
    half = dict(list(accuracy.items())[:6])
    with pytest.warns(Note, match="6 of 12 architectures have no accuracy and are left out: "):
        assert opscore.proxy_correlations(values, half, top=())["n"].tolist() == [6]
    with pytest.raises(UserError, match="no accuracy is of one of the 12 architectures"):
        opscore.proxy_correlations(values, {"other": 1.0}, top=())
