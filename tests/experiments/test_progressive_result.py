from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.stats import spearmanr

import opscore
from opscore.errors import UserError
from opscore.experiments import OracleSettings
from opscore.settings.profiles import TrainingProfile

PROFILE = TrainingProfile(
    "tiny", epochs=1, steps=1, images=64, validation=8, tuning_epochs=1, batch_size=4
)
#: Means over trainings, whichever table is found: then best-acc's optimum has rank 1.
SMALL = {
    "size": "smoke",
    "batch_size": 16,
    "images": "digits",
    "training": PROFILE,
    "oracle": OracleSettings(seeds="mean"),
}


@pytest.fixture(scope="module")
def result():
    return opscore.progressive(["zc-pt(nwot)", "random"], seeds=(0, 1), **SMALL)


def scores_of(result):
    return result.scores.drop(columns="seconds")


def test_scores_and_decisions_of_every_iteration(result):
    counts = result.scores.groupby(["policy", "iteration"], sort=False).size()
    assert counts["best-acc"].tolist() == [30, 25, 20, 15, 10, 5]
    assert counts["zc-pt(nwot)"].tolist() == [60, 50, 40, 30, 20, 10]
    decisions = result.decisions
    assert list(decisions) == ["policy", "seed", "iteration", "edge", "op", "state"]
    assert len(decisions) == 6 * (1 + 2 + 2)
    one = decisions[(decisions.policy == "random") & (decisions.seed == 1)]
    assert one.edge.tolist() == [0, 1, 2, 3, 4, 5]
    assert one.state.iloc[1].startswith(f"0->1: {one.op.iloc[0]};"), "edge 0 is decided"


def test_best_acc_reaches_the_optimum_of_the_oracle(result):
    rows = result.architectures
    best = rows[(rows.policy == "best-acc") & (rows.dataset == "cifar10")]
    assert best["rank"].tolist() == [1]
    assert best.seed.isna().all()
    oracle = opscore.load_oracle(seeds="mean")
    assert best.architecture.tolist() == [
        opscore.get_space("nasbench201").format(oracle.top(1)[0][0])
    ]


def test_architectures_are_where_the_decisions_lead(result):
    space = opscore.get_space("nasbench201")
    rows = result.architectures
    for row in rows[rows.dataset == "cifar10"].itertuples():
        own = result.decisions[result.decisions.policy == row.policy]
        if not pd.isna(row.seed):
            own = own[own.seed == row.seed]
        assert space.format(space.architecture(own.op.tolist())) == row.architecture
        assert row.error == pytest.approx(
            opscore.load_oracle(seeds="mean").error(space.parse(row.architecture))
        )


def test_agreement_of_two_policies_by_hand(result):
    pair = result.agreement
    pair = pair[(pair.policy == "zc-pt(nwot)") & (pair.reference == "random")]
    assert pair.iteration.tolist() == [0, 1, 2, 3, 4, 5]
    own, other = (
        result.scores[result.scores.policy == name].set_index(["iteration", "seed", "edge", "op"])
        for name in ("zc-pt(nwot)", "random")
    )
    both = own.join(other, rsuffix="_other").loc[2]
    expected = [
        spearmanr(rows.strength, rows.strength_other).statistic
        for _, rows in both.groupby(["seed", "edge"])
    ]
    assert pair.rho.iloc[2] == pytest.approx(np.mean(expected))
    decisions = {
        name: result.decisions[result.decisions.policy == name] for name in ("best-acc", "random")
    }
    best = decisions["best-acc"].set_index("edge").op
    alike = [best[row.edge] == row.op for row in decisions["random"].itertuples()]
    assert result.same_choices("best-acc", "random") == pytest.approx(np.mean(alike))


def rho_by_hand(result, policy, seed, iteration, truth):
    """Mean Spearman over the open edges between strengths and the values that truth gives."""
    rows = result.scores[
        (result.scores.policy == policy)
        & (result.scores.seed == seed)
        & (result.scores.iteration == iteration)
    ]
    return np.mean([
        spearmanr(own.strength, [truth(edge, op) for op in own.op]).statistic
        for edge, own in rows.groupby("edge")
    ])  # fmt: skip


@pytest.mark.parametrize("mode", ["initial", "conditional"])
def test_correlations_by_hand(result, mode):
    space, oracle = opscore.get_space("nasbench201"), opscore.load_oracle(seeds="mean")
    frame = result.correlation(mode)
    assert frame.policy.unique().tolist() == ["zc-pt(nwot)", "random"]
    assert frame.reference.unique().tolist() == ["best-acc"]
    for iteration in range(6):
        expected = []
        for seed in (0, 1):
            own = result.decisions
            own = own[(own.policy == "zc-pt(nwot)") & (own.seed == seed)].iloc[:iteration]
            state = space.initial_state()
            for row in own.itertuples() if mode == "conditional" else ():
                state = state.discretize(int(row.edge), row.op)
            expected.append(
                rho_by_hand(
                    result,
                    "zc-pt(nwot)",
                    seed,
                    iteration,
                    lambda edge, op, state=state: oracle.best(state.discretize(edge, op)),
                )
            )
        row = frame[(frame.policy == "zc-pt(nwot)") & (frame.iteration == iteration)].iloc[0]
        assert row.rho == pytest.approx(np.mean(expected))
        assert (row.n_edges, row.n_seeds) == (6 - iteration, 2)


def test_the_two_oracles_agree_on_a_0_and_differ_later(result):
    initial, conditional = result.correlation("initial"), result.correlation("conditional")
    first = initial.iteration == 0
    pd.testing.assert_frame_equal(initial[first], conditional[first])
    assert (initial[~first].rho != conditional[~first].rho).any()
    pd.testing.assert_frame_equal(result.correlation(), initial)


def test_on_the_last_open_edge_avg_acc_is_the_conditional_truth():
    result = opscore.progressive(["avg-acc"], oracle_mode="conditional", **SMALL)
    last = result.correlation().set_index("iteration").rho[5]
    # A completion is one architecture there: best and mean are the same number.
    assert last == pytest.approx(1.0)


def test_a_random_order_is_drawn_for_each_seed():
    result = opscore.progressive(["random"], seeds=(0, 1), order="random", **SMALL)
    orders = result.decisions.groupby(["policy", "seed"]).edge.agg(tuple)
    assert orders["best-acc", 0] == orders["random", 0] != orders["random", 1]
    assert (result.correlation().n_seeds == 2).all()
    rows = result.architectures
    best = rows[(rows.policy == "best-acc") & (rows.dataset == "cifar10")]
    assert best["rank"].tolist() == [1, 1]


@pytest.mark.usefixtures("data_dir")
def test_the_curve_stands_beside_the_published_one(result):
    assert result.against_published().published.isna().all()  # of another size and batch
    truth = replace(result.settings.oracle, seeds="max")
    paper = {"size": "paper", "batch_size": 256, "images": "cifar10", "oracle": truth}
    settings = replace(result.settings, **paper)
    result = replace(result, settings=settings)
    assert result.against_published("conditional").published.isna().all()
    assert (
        replace(result, settings=replace(result.settings, order="random"))
        .against_published()
        .published.isna()
        .all()
    )
    rows = result.against_published()
    ours = rows[rows.policy == "zc-pt(nwot)"].sort_values("iteration")
    assert ours.published.tolist() == [0.758, 0.705, 0.725, 0.617, 0.738, 0.700]
    assert rows[rows.policy == "random"].published.isna().all()


@pytest.mark.exhaustive  # initial scoring, searches and grids have the like
def test_the_result_does_not_depend_on_the_number_of_jobs(tmp_path):
    options = {"policies": ["zc-pt(nwot)", "darts"], "seeds": (0, 1), **SMALL}
    alone = opscore.progressive(**options)
    together = opscore.progressive(**options, jobs=2, store=tmp_path)
    pd.testing.assert_frame_equal(scores_of(alone), scores_of(together), check_exact=True)
    pd.testing.assert_frame_equal(alone.decisions, together.decisions)


def test_policies_share_one_training(tmp_path):
    policies = ["darts", "darts-pt"]
    result = opscore.progressive(policies, retrain_epochs={"darts-pt": 0}, store=tmp_path, **SMALL)
    assert result.correlation().policy.unique().tolist() == policies
    assert (result.scores[result.scores.policy == "darts-pt"].status == "ok").all()
    opscore.initial(["darts"], store=tmp_path, **SMALL)
    assert len(list((tmp_path / "supernets").rglob("*.pt"))) == 1
    names = [path.name for path in tmp_path.glob("progressive-*")]
    assert len(names) == 3
    for name in names:
        record = json.loads((tmp_path / name / "run.json").read_text())
        assert record["key"]["kind"] == "progressive"
        assert "versions" in record


def test_results_are_saved_as_tables_and_a_figure(tmp_path, result):
    names = {path.name for path in result.save(tmp_path)}
    assert names == {
        "scores.parquet", "decisions.parquet", "correlation.parquet", "architectures.parquet",
        "figure2_right.png", "figure2_right.pdf", "figure2_right.csv",
        "figure2_right.txt", "croissant.json",
    }  # fmt: skip
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "scores.parquet"), result.scores)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "decisions.parquet"), result.decisions)


def test_a_figure_is_matplotlibs_and_a_notebook_shows_it(tmp_path, result):
    figure = result.figure("conditional")
    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "mine.svg")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.svg"]


def test_the_record_is_plain_and_says_how_supernets_were_trained():
    result = opscore.progressive(["darts"], retrain_epochs={"darts": 0}, **SMALL)
    record = json.loads(opscore.schema.dumps(result.facts()))
    assert record["retrain_epochs"] == {"darts": 0}
    assert record["training"]["name"] == "tiny"
    assert any(
        "1 epochs of 1 steps of 4 images; retraining: darts 0 epochs" in n for n in record["notes"]
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": "sideways"}, "unknown order 'sideways'"),
        ({"order": [0, 1]}, "each of the 6 edges once"),
        ({"oracle_mode": "final"}, "unknown oracle_mode 'final'"),
        ({"retrain_epochs": {"darts": 1}}, "unknown policy with retraining epochs 'darts'"),
        ({"retrain_epochs": -1}, "retraining 0 or more"),
        ({"training": "smok"}, "unknown training profile 'smok'; did you mean smoke"),
        ({"jobs": 0}, "the number of jobs is 1 or more"),
        ({"seeds": ()}, "no seed was asked for"),
    ],
)
def test_bad_settings_are_one_line(settings, message):
    with pytest.raises(UserError) as caught:
        opscore.progressive(["random"], **(SMALL | settings))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


SCRIPT = """
import sys, opscore
from opscore.settings.profiles import TrainingProfile
profile = TrainingProfile("tiny", epochs=1, steps=1, images=64, validation=8, tuning_epochs=2,
                          batch_size=4)
opscore.progressive(["darts-pt"], seeds=(0, 1), store=sys.argv[1], size="smoke", images="digits",
                    batch_size=64, training=profile)
"""


@pytest.mark.exhaustive  # initial scoring, training and grids have the like
def test_a_killed_run_resumes_to_identical_scores(tmp_path):

    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)])
    deadline = time.monotonic() + 60
    # In the middle of the second policy: best-acc has six iterations, darts-pt at least two.
    while len(list(tmp_path.glob("*/iteration-*"))) < 8 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/iteration-*")}
    assert 8 <= len(finished) < 18
    settings = {**SMALL, "batch_size": 64, "training": replace(PROFILE, tuning_epochs=2)}
    resumed = opscore.progressive(["darts-pt"], seeds=(0, 1), store=tmp_path, **settings)
    for path, date in finished.items():
        assert path.stat().st_mtime_ns == date, "not redone"
    fresh = opscore.progressive(["darts-pt"], seeds=(0, 1), **settings)
    pd.testing.assert_frame_equal(scores_of(resumed), scores_of(fresh), check_exact=True)
    pd.testing.assert_frame_equal(resumed.decisions, fresh.decisions)
