from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import opscore
from opscore import schema
from opscore.experiments.settings import OracleSettings
from opscore.published import (
    Setting,
    differences,
    published_correlations,
    published_initial,
    published_progressive,
    side_by_side,
)


def measured(*rows):
    frame = pd.DataFrame(rows, columns=["policy", "reference", "iteration", "rho"])
    tests = dict.fromkeys([name for name in schema.CORRELATION if name.startswith("p_")], 0.1)
    other = {"ci_low": 0.5, "ci_high": 0.9, **tests}
    return schema.conform(frame.assign(**other, n_seeds=4, n_edges=6, n_excluded=0), "correlation")


def test_published_values_stand_beside_measured_ones():
    frame = side_by_side(
        measured(
            ("zc-pt(nwot)", "best-acc", 0, 0.7),
            ("zc-pt(mine)", "best-acc", 0, 0.6),
            ("zc-pt(nwot)", "best-acc", 1, 0.5),
            ("zc-pt(nwot)", "avg-acc", 0, 0.4),
        )
    )
    assert frame["policy"].tolist() == ["zc-pt(nwot)", "zc-pt(mine)", "zc-pt(nwot)"]
    assert frame["measured"].tolist() == [0.7, 0.6, 0.5]
    assert frame["published"].tolist() == pytest.approx([0.767, float("nan"), 0.705], nan_ok=True)
    assert "Figure 2" in frame["source"][0]


def test_another_reference_and_other_published_values():
    rows = measured(("zc-pt(nwot)", "avg-acc", 0, 0.4))
    assert side_by_side(rows, "avg-acc")["published"].tolist() == [0.833]
    mine = published_correlations().assign(rho=0.25)
    assert side_by_side(rows, "avg-acc", mine)["published"].tolist() == [0.25]


@pytest.mark.parametrize(
    ("policy", "made", "published"),
    [
        ("zc-pt(nwot)", {"size": "paper", "batch_size": 256, "images": "cifar10"}, 0.767),
        ("zc-pt(nwot)", {"size": "smoke"}, None),
        ("zc-pt(nwot)", {"batch_size": 64}, None),
        ("zc-pt(nwot)", {"images": "digits"}, None),
        ("zc-pt(nwot)", {"meaning": "clean"}, None),
        ("zc-pt(nwot)", {"reduction": "mean"}, None),
        ("tenas", {"batch_size": 64}, 0.435),
        ("tenas", {"batch_size": 256}, None),
        ("avg-acc", {}, 0.65),
    ],
)
def test_a_number_stands_beside_the_settings_that_it_was_published_of(policy, made, published):
    rows = measured((policy, "best-acc", 0, 0.7))
    (row,) = side_by_side(rows, made={policy: made}).itertuples()
    found = published_initial("best-acc", made={policy: made})
    if published is None:
        assert np.isnan(row.published)
        assert policy not in found
        assert differences(policy, made)
    else:
        assert row.published == pytest.approx(published, abs=1e-3)
        assert row.published_n == 1
        assert found[policy] == row.published
        assert not differences(policy, made)


def test_spaces_have_settings_of_their_own():
    setting = Setting("nb1shot1-2")
    for batch, known in ((128, True), (256, False)):
        made = {"zc-pt(nwot)": {"batch_size": batch}}
        assert ("zc-pt(nwot)" in published_initial("best-acc", setting, made)) == known


@pytest.mark.parametrize("space", ["nasbench201", "nb1shot1-1", "nb1shot1-2", "nb1shot1-3"])
def test_no_pair_is_published_twice(space):
    found = published_correlations(Setting(space))
    assert len(found)
    assert not found.duplicated(["policy", "reference", "iteration"]).any()


@pytest.mark.parametrize(
    "setting",
    [
        Setting("mine"),
        Setting("nasbench-macro"),
        Setting("nasbench201", dataset="cifar100"),
        Setting("nasbench201", split="valid"),
        Setting("nb1shot1-1", split="valid"),
    ],
)
def test_nothing_published_stands_beside_another_space_or_truth(setting):
    assert published_initial("best-acc", setting) == {}
    assert published_correlations(setting).empty
    assert published_progressive(setting).empty
    rows = measured(("zc-pt(nwot)", "best-acc", 0, 0.81), ("zc-pt(nwot)", "best-acc", 1, 0.7))
    beside = side_by_side(rows, setting=setting)
    assert beside["published"].isna().all()
    assert beside["measured"].tolist() == [0.81, 0.7]


def test_a_space_has_its_own_published_numbers():
    assert published_initial("best-acc", Setting("nb1shot1-2"))["zc-pt(nwot)"] == 0.375
    curve = published_progressive(Setting("nb1shot1-1")).query("policy == 'zc-pt(nwot)'")
    assert curve["rho"].tolist() == [0.562, 0.792, 0.688, 0.75]


def test_networks_trained_again_are_another_truth(data_dir):
    """analog-nasbench has NAS-Bench-201's networks, and accuracies that nothing published is of."""
    asked = {"seeds": [0], "size": "smoke", "batch_size": 8, "images": "digits"}
    policies = ["avg-acc", "random"]
    assert opscore.initial(policies, **asked).published()["avg-acc"] == pytest.approx(
        0.65, abs=0.01
    )
    result = opscore.initial(policies, **asked, oracle=OracleSettings(source="anb"))
    assert result.published() == {}
    assert any("trained again" in line for line in result.notes())
