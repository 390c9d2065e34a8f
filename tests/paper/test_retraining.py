"""The retraining case study: same start for all operations, stopping and going on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hearing import heard, steps_done, stopped_at

from opscore.errors import UserError
from opscore.experiments import ScoringSettings, resolve
from opscore.paper.retraining.curves import CURVES, retraining_curves
from opscore.paper.retraining.result import retraining
from opscore.settings import RunSettings
from opscore.settings.profiles import TrainingProfile
from opscore.spaces.nasbench201 import OPERATIONS

QUICK = TrainingProfile(
    "quick", epochs=1, steps=1, images=64, validation=16, tuning_steps=1, batch_size=8
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ScoringSettings:
    cache = tmp_path_factory.mktemp("supernets")
    return resolve(
        ScoringSettings(
            policies=("disc-acc",),
            size="smoke",
            images="digits",
            cache=cache,
            device="cpu",
            training=QUICK,
        )
    )


@pytest.fixture(scope="module")
def whole(settings: ScoringSettings) -> pd.DataFrame:
    return retraining_curves(settings, 2, 2)


def test_curves_have_every_operation_and_epoch(whole: pd.DataFrame) -> None:
    assert list(whole.columns) == list(CURVES)
    assert list(dict.fromkeys(whole["op"])) == list(OPERATIONS)
    assert whole.groupby("op")["epoch"].apply(list).map(lambda e: e == [0, 1, 2]).all()
    assert whole["accuracy"].between(0, 100).all()
    assert whole.groupby("op")["best_acc"].nunique().eq(1).all()
    assert whole.loc[whole["epoch"] > 0, "train_loss"].notna().all()


def test_a_stopped_run_goes_on_to_the_same_numbers(
    settings: ScoringSettings, whole: pd.DataFrame, tmp_path: Path
) -> None:
    run = RunSettings(store=tmp_path)
    with stopped_at("epochs", 1, "operation 2 of 5"), pytest.raises(KeyboardInterrupt):
        retraining_curves(settings, "1->2", 2, run)
    with heard() as events:
        curves = retraining_curves(settings, 2, 2, run)
    again = steps_done(events, "epochs")
    assert (again[0].where, again[0].done) == ("operation 2 of 5", 2)
    assert len(again) == 7
    pd.testing.assert_frame_equal(curves.drop(columns="seconds"), whole.drop(columns="seconds"))
    assert not list(tmp_path.rglob("*.pt"))


def test_bad_input_is_refused(settings: ScoringSettings) -> None:
    with pytest.raises(UserError, match="1 epoch or more, got 0"):
        retraining_curves(settings, 0, 0)
    with pytest.raises(UserError, match="edge"):
        retraining_curves(settings, 9, 1)


def test_the_result_correlates_by_epoch_and_is_saved(tmp_path: Path) -> None:
    result = retraining(
        "all",
        1,
        [0, 1],
        size="smoke",
        images="digits",
        store=tmp_path / "runs",
        device="cpu",
        training=QUICK,
    )
    assert list(result.correlation["epoch"]) == [0, 1]
    assert len(result.by_edge) == 24
    by_seed = result.by_seed
    assert len(by_seed) == 4
    alone = retraining_curves(result.settings, 3, 1, RunSettings(store=tmp_path / "runs"))
    own = result.curves[result.curves["edge"] == 3].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone)
    mean = by_seed[by_seed["epoch"] == 1]["rho"].mean()
    assert result.correlation["rho"].iloc[1] == pytest.approx(mean, nan_ok=True)
    assert by_seed["spread"].ge(0).all()
    written = result.save(tmp_path / "out")
    assert all(path.stat().st_size for path in written)
