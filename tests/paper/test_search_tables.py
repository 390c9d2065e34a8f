"""Tables of searches: the numbers, their published neighbours, and the commands."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import sampling
import typer
from typer.testing import CliRunner

import opscore
from opscore import published
from opscore.cli import search_tables as commands
from opscore.data import records
from opscore.errors import UserError
from opscore.oracles import Oracle
from opscore.paper import table2, table5
from opscore.paper.expected import EXPECTATIONS, EXPECTED
from opscore.paper.figure4 import ablation, ablation_table, figure4_points, proposals_of
from opscore.paper.live import live_searches
from opscore.paper.search_cost import error_against_cost, search_cost
from opscore.paper.searches import (
    AS_PUBLISHED,
    SEARCHES,
    beside,
    recorded_searches,
    with_settings,
)
from opscore.rng import numpy_generator
from opscore.search.base import Cost
from opscore.search.sampling import draw_architectures
from opscore.settings import RunSettings, SearchSettings
from opscore.spaces import NASBENCH201


def searches(method, errors, *, dataset="cifar10", order="random", size="paper", **cost):
    rows = [
        {
            "method": method,
            "seed": seed,
            "architecture": NASBENCH201.format(NASBENCH201.architecture([3] * 6)),
            "dataset": dataset,
            "error": error,
            "order": order,
            "proposals": 10,
            "validation": 100,
            "size": size,
            "batch_size": 256,
            **{name: float(cost.get(name, 0)) for name in Cost.__dataclass_fields__},
        }
        for seed, error in enumerate(errors)
    ]
    return pd.DataFrame(rows).astype(SEARCHES)


@pytest.fixture
def rows():
    return pd.concat(
        [
            searches("zero-cost-pt(nwot)", [5.8, 6.0, 6.2], forward_passes=1300),
            searches("zero-cost-pt(nwot)", [27.0, 28.0], dataset="cifar100"),
            searches("naswot(nwot)", [7.0, 7.5], forward_passes=1000),
            searches("darts", [45.7], training_steps=3200),
            searches("max-params", [6.24]),
        ],
        ignore_index=True,
    )


def test_table2_sets_each_method_beside_its_own_published_row(rows):
    table = table2.tabulate(rows).set_index(["method", "dataset"])
    own = table.loc["zero-cost-pt(nwot)", "cifar10"]
    assert own["mean"] == pytest.approx(6.0)
    assert own["std"] == pytest.approx(0.2)
    assert own["n_seeds"] == 3
    assert own["ci_low"] < 6.0 < own["ci_high"]
    assert (own["published"], own["published_std"]) == (5.97, 0.17)
    assert table.loc["zero-cost-pt(nwot)", "cifar100"]["published"] == 27.47
    assert table.loc["naswot(nwot)", "cifar10"]["published"] == 7.04
    assert table.loc["darts", "cifar10"]["published"] == 45.70
    assert np.isnan(table.loc["darts", "cifar10"]["std"])  # one seed
    assert np.isnan(table.loc["max-params", "cifar10"]["published"])


def test_searches_with_other_settings_are_a_row_of_their_own(rows):
    reduced = searches("zero-cost-pt(nwot)", [9.0, 9.0], size="cpu").assign(batch_size=64)
    quick = searches("zero-cost-pt(nwot)", [8.0, 8.0]).assign(proposals=5, validation=1)
    table = table2.tabulate(pd.concat([rows, reduced, quick], ignore_index=True))
    own = table[(table["method"] == "zero-cost-pt(nwot)") & (table["dataset"] == "cifar10")]
    assert own.set_index("setting")["mean"].to_dict() == {
        "": pytest.approx(6.0),
        "cpu size, batch 64": 9.0,
        "N = 5, V = 1": 8.0,
    }
    # The published number is of one of them.
    assert own.set_index("setting")["published"].dropna().to_dict() == {"": 5.97}


def test_a_published_number_of_other_settings_has_a_row_of_its_own():
    quick = searches("zero-cost-pt(nwot)", [6.58], size="smoke").assign(proposals=1, validation=1)
    table = table2.tabulate(quick).set_index("method").loc["zero-cost-pt(nwot)"]
    table = table.set_index("setting")
    measured, published = table.loc["smoke size, N = 1, V = 1"], table.loc[AS_PUBLISHED]
    assert (measured["mean"], measured["published_n"]) == (6.58, 0)
    assert np.isnan(measured["published"])
    assert (published["published"], published["published_n"], published["n_seeds"]) == (5.97, 4, 0)
    assert np.isnan(published["mean"])


def test_every_published_row_is_there_whether_it_was_measured_or_not():
    table = table2.tabulate(searches("max-params", [6.24]))
    theirs = published.table2()
    own = table[table["setting"] == AS_PUBLISHED]
    assert len(own) == len(theirs) == 16
    assert own["published"].tolist() == theirs["cifar10"].tolist()
    assert own["mean"].isna().all()
    assert set(own["n_seeds"]) == {0}
    everywhere = opscore.table2().table
    assert (everywhere["published"].notna().groupby(everywhere["dataset"]).sum() == 16).all()


def test_table5_goes_by_order_and_counts_perturbations():
    orders = {"fixed": 300, "global-op-iter": 1050}
    rows = pd.concat(
        [
            searches("zero-cost-pt(nwot)", [6.0, 6.1], order=order, perturbations=count)
            for order, count in orders.items()
        ]
    )
    table = table5.tabulate(rows).set_index("order")
    assert table["perturbations"].to_dict() == {"fixed": 30.0, "global-op-iter": 105.0}
    assert table["published"].to_dict() == {"fixed": 5.98, "global-op-iter": 5.69}
    with pytest.raises(UserError, match="no search"):
        table5.tabulate(rows.assign(method="other"))


def test_error_against_cost_has_a_row_for_each_method(rows):
    table = error_against_cost(rows).set_index("method")
    assert table["forward_passes"].to_dict() == {
        "zero-cost-pt(nwot)": 1300,
        "naswot(nwot)": 1000,
        "darts": 0,
        "max-params": 0,
    }
    assert table.loc["darts", "training_steps"] == 3200


def test_repeated_sampling_is_the_method_seed_by_seed(monkeypatch):
    strengths = {s: float(np.dot(s, (1, 7, 3, 11, 5, 2))) for s in np.ndindex(NASBENCH201.shape)}
    monkeypatch.setattr(sampling, "recorded_strengths", lambda proxy, seed: strengths)
    accuracies = numpy_generator(0, "test").uniform(10, 95, size=(*NASBENCH201.shape, 1))
    oracle = Oracle(NASBENCH201, accuracies, "cifar10", "test", 200, "mean", "made for a test")
    found = sampling.repeated_sampling("nwot", {"cifar10": oracle}, 3, 40)
    for seed, row in enumerate(found.itertuples()):
        draw = numpy_generator(seed, "search", "naswot")
        drawn = draw_architectures(NASBENCH201, 40, draw)
        best = max(drawn, key=lambda state: strengths[state.architecture_indices])
        assert row.architecture == NASBENCH201.format(best)
        assert row.error == pytest.approx(oracle.error(best))
    random = sampling.repeated_sampling(None, {"cifar10": oracle}, 5)
    assert random["forward_passes"].eq(0).all()
    assert len(set(random["architecture"])) > 1


def test_what_is_drawn_is_what_is_expected(monkeypatch):
    strengths = {s: float(np.dot(s, (1, 7, 3, 11, 5, 2))) for s in np.ndindex(NASBENCH201.shape)}
    monkeypatch.setattr(sampling, "recorded_strengths", lambda proxy, seed: strengths)
    accuracies = numpy_generator(0, "test").uniform(10, 95, size=(*NASBENCH201.shape, 1))
    oracle = Oracle(NASBENCH201, accuracies, "cifar10", "test", 200, "mean", "made for a test")
    exact = sampling.expectations(["nwot"], {"cifar10": oracle}, 40).set_index("method")
    for proxy, method in ((None, "random"), ("nwot", "naswot(nwot)")):
        drawn = sampling.repeated_sampling(proxy, {"cifar10": oracle}, 300, 40)["error"]
        row = exact.loc[method]
        assert drawn.mean() == pytest.approx(
            row["expected"], abs=4 * row["expected_std"] / 300**0.5
        )
        assert drawn.std() == pytest.approx(row["expected_std"], rel=0.2)


def test_the_tables_that_ship_say_what_is_expected_and_each_datasets_own_optimum():
    table = opscore.table2().table
    optimum = table[table["method"] == "optimum"].set_index("dataset")["mean"].round(2)
    assert optimum.to_dict() == {"cifar10": 5.63, "cifar100": 26.49, "imagenet16-120": 52.69}
    drawn = table[table["method"].isin(["random", "naswot(nwot)"])]
    random = drawn[(drawn["method"] == "random") & (drawn["dataset"] == "cifar10")].iloc[0]
    assert random["expected"] == pytest.approx(12.94, abs=5e-3)
    # 500 draws lie within three standard errors.
    assert (abs(drawn["mean"] - drawn["expected"]) < 3 * drawn["expected_std"] / 500**0.5).all()
    assert table.loc[table["method"].str.startswith("zero-cost"), "expected"].isna().all()


@pytest.fixture
def long_search():
    """Four proposals of one seed, on architectures x, y, x, z."""
    x, y, z = (NASBENCH201.format(NASBENCH201.architecture([op] * 6)) for op in (1, 2, 3))
    proposals = pd.DataFrame({"seed": 0, "proposal": range(4), "architecture": [x, y, x, z]})
    scores = pd.DataFrame(
        {
            "seed": 0,
            "validation": [1, 1, 1, 10, 10, 10],
            "architecture": [x, y, z] * 2,
            "score": [3.0, 2.0, 1.0, 10.0, 20.0, 30.0],
        }
    )
    return proposals, scores, {x: 90.0, y: 80.0, z: 70.0}


def test_proposals_come_from_the_decisions(long_search):
    proposals = long_search[0]
    trace = pd.DataFrame(
        {
            "seed": 0,
            "proposal": row.proposal,
            "edge": edge,
            "op": NASBENCH201.operations[edge][op],
            "decided": op == NASBENCH201.parse(row.architecture).architecture_indices[edge],
        }
        for row in proposals.itertuples()
        for edge in range(6)
        for op in range(5)
    )
    pd.testing.assert_frame_equal(proposals_of(trace), proposals, check_dtype=False)
    unfinished = trace[~((trace["proposal"] == 2) & (trace["edge"] == 5))]
    assert proposals_of(unfinished)["proposal"].tolist() == [0, 1, 3]


def test_the_ablation_picks_within_blocks(long_search):
    proposals, scores, accuracy = long_search
    found = ablation(proposals, scores, accuracy, (1, 2, 4))
    ends = found.set_index(["N", "V", "block"])["accuracy"]
    assert [ends[1, 0, block] for block in range(4)] == [90.0, 80.0, 90.0, 70.0]
    assert [ends[2, 1, block] for block in range(2)] == [90.0, 90.0]  # the higher score at V = 1
    assert [ends[2, 10, block] for block in range(2)] == [80.0, 70.0]
    assert ends[4, 0, 0] == 90.0  # V = 0 takes the first
    table = ablation_table(found).set_index(["N", "V"])
    assert table.loc[(4, 10), "distinct"] == 3
    assert table.loc[(2, 10), "mean"] == pytest.approx(25.0)
    assert table.loc[(2, 10), "n_searches"] == 2
    points = figure4_points(proposals, scores[scores["validation"] == 10], accuracy, (1, 4, 100))
    assert points.groupby("N").size().to_dict() == {1: 1, 4: 3}
    assert points.query("N == 4 and accuracy == 90")["times"].item() == 2
    with pytest.raises(UserError, match="fewer proposals"):
        figure4_points(proposals, scores, accuracy, (100,))


def run(command, *arguments):
    app = typer.Typer()
    app.command()(command)
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, [*map(str, arguments)])


def test_commands_write_tables_and_figures_from_records(rows, tmp_path, monkeypatch):
    folder = tmp_path / "records"
    records.write_record("search", rows, {"note": "images: none; made for a test"}, folder)
    more = searches("zero-cost-pt(snip)", [7.0, 7.2], size="cpu")
    records.write_record("search_proxies", more, {"note": "images: none; by others"}, folder)
    orders = searches("zero-cost-pt(nwot)", [6.0, 6.1], order="fixed", perturbations=300)
    records.write_record("search_orders", orders, {}, folder)
    exact = pd.DataFrame([("random", "cifar10", 1, 12.9, 13.0)], columns=list(EXPECTED))
    records.write_record(EXPECTATIONS, exact, {}, folder)
    monkeypatch.setattr(records, "FOLDER", folder)
    found = run(commands.table2, "--out", tmp_path, "--json")
    payload = json.loads(found.stdout)
    assert payload["settings"]["note"] == "images: none; made for a test; by others"
    means = {(row["method"], row["setting"]): row["mean"] for row in payload["table2"]}
    assert {method for method, _ in means} > set(rows["method"])
    assert means["zero-cost-pt(snip)", "cpu size"] == pytest.approx(7.1)
    for name in ("table2_cifar10.png", "table2_cifar10.csv", "table2.csv", "table2.parquet"):
        assert (tmp_path / name).stat().st_size > 0
    found = run(commands.table5, "--out", tmp_path)
    assert "5.98 (0.50)" in found.stdout
    found = run(commands.search_cost, "--out", tmp_path)
    assert found.exit_code == 0
    assert (tmp_path / "error_against_cost.png").is_file()


def test_figure4_command(long_search, tmp_path, monkeypatch, data_dir):
    proposals, scores, _ = long_search
    folder = tmp_path / "records"
    records.write_record("search_proposals", proposals, {"note": "made for a test"}, folder)
    records.write_record("search_scores", scores, {}, folder)
    monkeypatch.setattr(records, "FOLDER", folder)
    found = run(commands.figure4, "--out", tmp_path, "--counts", "1,2,4", "--data-dir", data_dir)
    assert found.exit_code == 0
    assert (tmp_path / "figure4.png").is_file()
    assert (tmp_path / "ablation.csv").is_file()


def test_a_missing_record_and_bad_numbers_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    with pytest.raises(UserError, match="--live"):
        recorded_searches("search")
    with pytest.raises(UserError, match="bad numbers"):
        commands._numbers("1,x")


def test_searches_made_now_stand_beside_what_was_published_of_their_settings_alone():
    """All settings count, as in a result of run_search: images, meaning, training, ..."""
    small = SearchSettings(methods=("random", "optimum"), size="smoke", seeds=(0,))
    usual = live_searches(small, RunSettings(), ["random"])
    assert set(with_settings(usual)["setting"]) == {""}, "they depend on no setting"
    asked = {"size": "smoke", "batch_size": 4, "evaluations": 3, "images": "noise", "seeds": (0,)}
    naswot = SearchSettings(methods=("naswot(params)",), **asked)
    told = with_settings(live_searches(naswot, RunSettings(), ["random"]))["setting"].iloc[0]
    for word in ("smoke", "noise", "3 evaluations"):
        assert word in told
    assert beside(with_settings(usual).drop_duplicates(["method", "dataset"]))["published"].any()


@pytest.mark.parametrize("method", ["zero-cost-pt(nwot)", "random"])
def test_a_figure_of_one_kind_of_method_is_drawn(method):
    cost = {"forward_passes": 1300} if "nwot" in method else {}
    report = search_cost((searches(method, [6.0, 6.5, 7.0], **cost), "made for a test"))
    assert report.pictures()[0].draw() is not None


def test_a_candidate_without_a_score_wins_no_block():
    proposals = pd.DataFrame({"seed": 0, "proposal": [0, 1], "architecture": ["good", "failed"]})
    scores = proposals.assign(validation=1, score=[5.0, np.nan]).drop(columns="proposal")
    found = ablation(proposals, scores, {"good": 90.0, "failed": 10.0}, [2])
    assert found[found["V"] == 1]["error"].tolist() == [10.0]


def test_numbers_of_proposals_begin_at_one():
    with pytest.raises(UserError, match="N"):
        opscore.figure4(counts=(0,))
