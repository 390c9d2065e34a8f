from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from opscore.analysis import (
    Correlation,
    correlation_bars,
    correlation_lines,
    correlation_matrix,
)
from opscore.answers.pictures import save_figure
from opscore.errors import UserError

UP, DOWN = [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]


@pytest.fixture
def frame(score_table):
    scores = score_table(
        {
            ("best-acc", None, 0): [UP, UP],
            ("zc-pt(nwot)", 0, 0): [UP, DOWN],
            ("zc-pt(nwot)", 1, 0): [UP, UP],
            ("darts", 0, 0): [DOWN, DOWN],
        }
    )
    return Correlation(n_bootstrap=50)(scores)


def test_the_matrix_writes_every_pair_in_the_order_of_the_table(frame):
    axes = correlation_matrix(frame, note="measured; smoke size")
    names = ["best-acc", "zc-pt(nwot)", "darts"]
    assert [label.get_text() for label in axes.get_xticklabels()] == names
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    texts = [text.get_text() for text in axes.texts]
    assert texts[:6] == ["0.50", "-1.00", "0.50", "0.00", "-1.00", "0.00"]
    assert "1-2 seeds, 2 edges; measured; smoke size" in texts[-1]


def test_a_pair_without_rho_stays_empty(frame):
    frame.loc[frame["policy"] == "darts", "rho"] = float("nan")
    axes = correlation_matrix(frame)
    assert [text.get_text() for text in axes.texts][:-1] == ["0.50", "-1.00", "0.50", "0.00"]


def test_bars_show_intervals_and_published_values(frame):
    axes = correlation_bars(frame, published={"darts": 0.2, "unmeasured": 0.9})
    assert [label.get_text() for label in axes.get_yticklabels()] == ["darts", "zc-pt(nwot)"]
    assert [bar.get_width() for bar in axes.patches] == [-1, 0.5]
    (published,) = (c for c in axes.collections if isinstance(c, PathCollection))
    assert np.asarray(published.get_offsets()).tolist() == [[0.2, 0]]
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["measured, 95 % interval", "published"]


def test_lines_follow_the_iterations(score_table):
    scores = score_table(
        {("best-acc", None, 0): [UP], ("p", 0, 0): [UP], ("p", 0, 1): [DOWN], ("q", 0, 0): [UP]}
    )
    frame = Correlation(n_bootstrap=50, reference_iteration=0)(scores, references=["best-acc"])
    axes = correlation_lines(frame)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["p", "q"]
    assert axes.containers[0].lines[0].get_ydata().tolist() == [1, -1]


def test_saving_writes_the_numbers_beside_the_pictures(frame, tmp_path):
    paths = save_figure(correlation_matrix(frame).figure, tmp_path / "new" / "figure2.left", frame)
    assert [path.name for path in paths] == [f"figure2.left.{s}" for s in ("png", "pdf", "csv")]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(
        path.name for path in paths
    )
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")
    assert b"CreationDate" not in paths[1].read_bytes(), "equal figures are equal bytes"
    read = pd.read_csv(paths[2])
    np.testing.assert_array_equal(read["rho"], frame["rho"])


def test_given_axes_are_used_and_no_figure_is_left_in_pyplot(frame):
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    before, backend = pyplot.get_fignums(), mpl.rcParams._get_backend_or_none()
    assert correlation_matrix(frame, axes) is axes
    assert correlation_bars(frame).figure is not figure
    assert pyplot.get_fignums() == before
    assert mpl.rcParams._get_backend_or_none() == backend


def test_nothing_to_draw_is_said(frame):
    with pytest.raises(UserError, match="no row of iteration 3"):
        correlation_matrix(frame, iteration=3)
    with pytest.raises(UserError, match="no correlation with 'avg-acc'"):
        correlation_bars(frame, "avg-acc")
    with pytest.raises(UserError, match="no correlation with 'avg-acc'"):
        correlation_lines(frame, "avg-acc")
