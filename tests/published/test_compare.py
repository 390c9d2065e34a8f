from __future__ import annotations

import pandas as pd
import pytest

from opscore import schema
from opscore.published import published_correlations, side_by_side


def measured(*rows):
    frame = pd.DataFrame(rows, columns=["policy", "reference", "iteration", "rho"])
    other = {"ci_low": 0.5, "ci_high": 0.9, "p_value": 0.1}
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


def test_no_pair_is_published_twice():
    assert not published_correlations().duplicated(["policy", "reference", "iteration"]).any()
