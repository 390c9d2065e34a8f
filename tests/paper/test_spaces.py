"""Comparing spaces: what ships as measured, and what somebody computes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from running import run

import opscore
from opscore.analysis import is_bar
from opscore.analysis.side_by_side import task_panels
from opscore.data.records import read_record
from opscore.errors import UserError
from opscore.experiments import OracleSettings, ScoringSettings, resolve
from opscore.experiments.initial.result import InitialResult
from opscore.experiments.initial.tasks import TASKS
from opscore.paper.spaces import SpacesResult

TABLES = ("nasbench201", "nasbench-macro", "nb1shot1-1", "nb1shot1-2", "transnas-micro")
MACRO, SAMPLES = "transnas-macro", ("darts (trained)", "darts (nb301)")


@pytest.fixture(scope="module")
def shipped() -> SpacesResult:
    return opscore.compare_spaces()


def test_five_spaces_ship_as_measured_at_paper_size_with_four_seeds(shipped: SpacesResult) -> None:
    assert set(shipped.tasks["space"]) == {*TABLES, MACRO, *SAMPLES}
    assert shipped.tasks["space"].iloc[0] == "nasbench201"
    assert {shipped.settings[name]["size"] for name in (*TABLES, *SAMPLES)} == {"paper"}
    assert shipped.settings[MACRO]["size"] == "cpu"
    seeds = {name: len(own["seeds"]) for name, own in shipped.settings.items()}
    assert seeds == {**dict.fromkeys((*TABLES, MACRO), 4), **dict.fromkeys(SAMPLES, 2)}
    tasks = shipped.tasks[["space", "dataset"]].drop_duplicates()
    # Three datasets, twice seven tasks, two samples, one of each other space.
    assert len(tasks) == 22
    truths = shipped.tasks["policy"].isin(["best-acc", "avg-acc"])
    drawn = shipped.tasks[~truths & ~shipped.tasks["policy"].map(is_bar)]
    assert drawn["rho"].notna().all()
    assert (drawn["n_seeds"] == drawn["space"].map(seeds)).all()


def test_samples_are_compared_with_their_means_alone(shipped: SpacesResult) -> None:
    """The best of a sample is better the more of its cells have an operation."""
    sampled = shipped.tasks[shipped.tasks["space"].isin(SAMPLES)]
    assert set(sampled["reference"]) == {"avg-acc"}
    assert "best-acc" not in set(sampled["policy"])


def test_what_ships_is_what_scoring_and_its_truth_would_give(
    shipped: SpacesResult, data_dir: Path
) -> None:
    """Shipped scores and shipped truths, against the tables themselves."""
    scores, settings = read_record("initial_nasbench201")
    asked = resolve(ScoringSettings(policies=tuple(settings["policies"]), data_dir=data_dir))
    found = InitialResult(asked, scores).tasks
    tasks = shipped.tasks
    keys = ["dataset", "policy", "reference"]
    own = tasks[(tasks["space"] == "nasbench201")].set_index(keys)["rho"]
    pd.testing.assert_series_equal(
        own.loc[found.set_index(keys).index], found.set_index(keys)["rho"]
    )
    assert shipped.settings["nasbench201"]["truth"]["split"] == "test"


def test_bars_stand_beside_the_policies_on_every_truth(shipped: SpacesResult) -> None:
    """Counts of parameters are above zc-pt(nwot) on all truths by avg-acc: others' computation."""
    mean, best = (shipped.against(name).loc[list(TABLES)] for name in ("avg-acc", "best-acc"))
    assert (mean["op-params"] > mean["zc-pt(nwot)"]).sum() == 13
    assert (best["op-params"] > best["zc-pt(nwot)"]).sum() == 7
    has_rule = best["residual(params)"].notna()
    assert set(best.index[has_rule].get_level_values("space")) == {"nasbench201", "transnas-micro"}
    assert best.loc[("nasbench201", "cifar10"), "residual(params)"] == pytest.approx(
        0.82, abs=0.005
    )


def test_the_order_in_hindsight_is_of_each_task(shipped: SpacesResult) -> None:
    """One for all tasks would fall far behind; an order by size has ties, which are no order."""
    best = shipped.against("best-acc").loc[list(TABLES)]
    assert (best["best-fixed-order"] >= best["op-params"] - 0.03).all()
    assert best.loc[("transnas-micro", "autoencoder"), "best-fixed-order"] > 0.3


def test_its_table_has_a_row_for_each_task_and_a_column_for_each_policy(
    shipped: SpacesResult,
) -> None:
    wide = shipped.against("avg-acc")
    assert wide.shape == (22, 10)
    assert "avg-acc" not in wide.columns
    with pytest.raises(UserError, match="best-acc"):
        shipped.against("bestacc")


def _initial(space: str, source: str = "auto") -> opscore.runs.InitialResult:
    return opscore.initial(
        ["disc-zc(params)", "random"],
        [0, 1],
        space=space,
        size="smoke",
        images="noise",
        batch_size=4,
        oracle=OracleSettings(source=source),
        baselines=False,
    )


def test_results_of_ones_own_are_compared(tmp_path: Path) -> None:
    mine = _initial("nasbench201")
    result = opscore.compare_spaces([mine])
    pd.testing.assert_frame_equal(result.tasks, mine.tasks)
    assert any("smoke size (reduced)" in note for note in result.notes())
    assert result.notes()[0] == "computed now"
    names = {path.name for path in result.save(tmp_path)}
    ends = ("parquet", "png", "pdf", "csv", "txt")
    assert names == {"croissant.json", *(f"spaces.{end}" for end in ends)}
    with pytest.raises(UserError, match="one result for each space"):
        opscore.compare_spaces([mine, mine])


def test_spaces_without_a_truth_are_left_out_and_alone_are_an_error() -> None:
    bare = _initial("nasbench-macro", "none")
    assert set(opscore.compare_spaces([_initial("nasbench201"), bare]).settings) == {"nasbench201"}
    with pytest.raises(UserError, match="opscore data fetch"):
        opscore.compare_spaces([bare])


def test_the_figure_shows_each_rho_at_its_task() -> None:
    frame = pd.DataFrame(
        {
            "space": ["a", "a", "b"],
            "dataset": ["x", "x", "y"],
            "reference": "best-acc",
            "policy": ["p", "avg-acc", "p"],
            "rho": [0.5, 0.9, -0.25],
            "ci_low": [0.25, float("nan"), -0.5],
            "ci_high": [0.75, float("nan"), 0.0],
        }
    )
    figure = task_panels(frame)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a:\nx", "b:\ny"]
    points = axes.containers[0].lines[0]
    assert list(points.get_xdata()) == [0.5, -0.25]
    assert list(points.get_ydata()) == [0, 1]
    (legend,) = figure.legends
    labels = {text.get_text() for text in legend.get_texts()}
    assert labels == {"p", "best-acc and avg-acc with each other"}


def test_settings_are_told_apart_where_spaces_differ_in_them() -> None:
    own = {"size": "paper", "seeds": [0], "notes": ["images: noise; batch 4"]}
    own["truth"] = {"digest": "0123456789abcdef"}
    result = SpacesResult(
        pd.DataFrame({name: [] for name in TASKS}), {"a": own, "b": {**own, "size": "cpu"}}, False
    )
    assert "supernets: paper size (a); cpu size (reduced) (b)" in result.notes()
    assert "images: noise; batch 4" in result.notes()


def test_the_command_prints_every_task_and_json_holds_the_table(
    shipped: SpacesResult,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opscore.paper.spaces._shipped", lambda: shipped)
    code, out, _ = run(capsys, "compare-spaces")
    assert code == 0
    assert "room_layout" in out
    answer = json.loads(run(capsys, "compare-spaces", "--json")[1])
    assert set(answer) == {"tasks", "settings"}
    assert len(answer["tasks"]) == len(shipped.tasks)


def test_the_command_computes_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--size", "smoke", "--batch-size", "4", "--seeds", "0", "--runs", str(tmp_path))
    live = ("compare-spaces", "--live", "--policies", "disc-zc(params)", *small, "--json")
    _, out, _ = run(capsys, *live, "--spaces", "nasbench201")
    assert {row["space"] for row in json.loads(out)["tasks"]} == {"nasbench201"}
    code, _, err = run(capsys, *live, "--spaces", "nasbench-makro")
    assert code == 2
    assert "nasbench-macro" in err
