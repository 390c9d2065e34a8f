from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

from opscore.analysis import (
    Correlation,
    correlation_bars,
    correlation_lines,
    correlation_matrix,
)
from opscore.answers.look import Look, looking
from opscore.answers.style import SERIES, figure_of, reach, save_figure
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


def test_the_matrix_writes_every_pair_once_in_the_order_of_the_table(frame):
    axes = correlation_matrix(frame, note="measured; smoke size")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["best-acc", "zc-pt(nwot)"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["zc-pt(nwot)", "darts"]
    assert [text.get_text() for text in axes.texts] == [".50", "-1.00", ".00"]
    assert figure_of(axes).caption == "1-2 seeds, 2 edges; measured; smoke size"


def test_a_pair_without_rho_stays_empty(frame):
    frame.loc[frame["policy"] == "darts", "rho"] = float("nan")
    axes = correlation_matrix(frame)
    assert [text.get_text() for text in axes.texts] == [".50"]


def test_above_the_axes_is_a_title_and_reduced_settings_are_in_it(frame):
    axes = correlation_bars(frame, note="measured; cpu size (reduced)")
    assert axes.get_title() == "Agreement with best-acc (reduced settings)"
    assert correlation_bars(frame, note="paper size").get_title() == "Agreement with best-acc"
    assert not axes.texts


def test_intervals_end_where_values_can_be():
    rows = pd.DataFrame({"rho": [0.5, 0.5], "ci_low": [-3, np.nan], "ci_high": [2, np.nan]})
    assert reach(rows).tolist() == [[1.5, 0], [0.5, 0]]
    assert reach(rows.assign(sd=0.75), spread="sd").tolist() == [[1.5, 0.75], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("style", "width", "inches", "points"),
    [("paper", "column", 3.35, 8), ("paper", "page", 7.0, 8), ("talk", "page", 11.5, 14)],
)
def test_a_figure_is_as_large_as_it_is_printed(frame, style, width, inches, points):
    with looking(Look(style, width)):
        axes = correlation_bars(frame)
    assert figure_of(axes).get_figwidth() == inches
    assert {label.get_fontsize() for label in axes.get_yticklabels()} == {points}


def test_series_differ_in_grey_and_in_shape():
    """Rec. 601 luma, as a printer in grey shows it."""
    weights = np.array([0.299, 0.587, 0.114])
    luma = [weights @ to_rgb(colour) for colour, _ in SERIES]
    assert len({marker for _, marker in SERIES}) == len(SERIES)
    assert min(np.abs(np.diff(luma))) > 0.05, "neighbours"
    assert abs(luma[0] - luma[1]) > 0.3, "measured and published"


def test_many_policies_have_a_panel_each(score_table):
    names = [f"p{number}" for number in range(7)]
    table = {("best-acc", None, 0): [UP]} | {(name, 0, 0): [UP] for name in names}
    frame = Correlation(n_bootstrap=50)(score_table(table), references=["best-acc"])
    axes = correlation_lines(frame)
    assert [each.get_title() for each in figure_of(axes).axes] == names
    with looking(Look(width="column")):
        assert len(figure_of(correlation_lines(frame)).axes) == 7


def test_bars_show_intervals_and_published_values(frame):
    axes = correlation_bars(frame, published={"darts": 0.2, "unmeasured": 0.9})
    assert [label.get_text() for label in axes.get_yticklabels()] == ["darts", "zc-pt(nwot)"]
    assert [bar.get_width() for bar in axes.containers[0]] == [-1, 0.5]
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


def test_saving_writes_numbers_and_caption_beside_the_pictures_and_into_them(frame, tmp_path):
    figure = correlation_matrix(frame, note="measured; smoke size").figure
    with looking(Look(formats=("png", "pdf", "svg"))):
        paths = save_figure(figure, tmp_path / "new" / "figure2.left", frame)
    forms = ("png", "pdf", "svg", "csv", "txt")
    assert [path.name for path in paths] == [f"figure2.left.{form}" for form in forms]
    assert sorted((tmp_path / "new").iterdir()) == sorted(paths)
    content = [path.read_bytes() for path in paths]
    assert content[0].startswith(b"\x89PNG")
    assert content[1].startswith(b"%PDF")
    assert b"CreationDate" not in content[1], "equal figures are equal bytes"
    title, caption = b"Spearman between policies", b"1-2 seeds, 2 edges; measured; smoke size"
    assert content[4].startswith(title)
    assert all(title in each and caption in each for each in (*content[:3], content[4]))
    read = pd.read_csv(paths[3])
    np.testing.assert_array_equal(read["rho"], frame["rho"])
    assert [path.suffix for path in save_figure(figure, tmp_path / "b", frame)] == [
        *(".png", ".pdf", ".csv", ".txt"),
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"style": "papr"}, "unknown style of figures 'papr'; did you mean paper"),
        ({"width": "wide"}, "unknown width of figures 'wide'; known: column, page"),
        ({"formats": ("bmp",)}, "unknown format of figures 'bmp'"),
        ({"formats": ()}, "one or more of png, pdf, svg"),
    ],
)
def test_an_unknown_look_is_one_line(wrong, message):
    with pytest.raises(UserError, match=message):
        Look(**wrong)


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
