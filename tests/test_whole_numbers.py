"""Numbers that equal each other are one setting: 3, np.int64(3) and 3.0; True is none of them."""

import numpy as np
import pytest

import opscore
from opscore.errors import UserError
from opscore.experiments import OracleSettings, ProgressiveSettings, ScoringSettings, resolve
from opscore.experiments.progressive.iterations import progressive_units
from opscore.grids.grid import Grid
from opscore.rng import as_seeds, derive_seed
from opscore.search.base import SearchSettings
from opscore.settings.profiles import find_profile

POLICIES = ("random",)

#: How each setting that is a whole number is given, and read again.
SETTINGS = {
    "a seed": lambda value: as_seeds([value])[0],
    "a seed of a network": lambda value: derive_seed(value, "supernet"),
    "batch_size": lambda value: ScoringSettings(policies=POLICIES, batch_size=value).batch_size,
    "image_size": lambda value: ScoringSettings(policies=POLICIES, image_size=value).image_size,
    "seeds": lambda value: OracleSettings(seeds=value).seeds,
    "epochs": lambda value: OracleSettings(epochs=value).epochs,
    "proposals": lambda value: SearchSettings(proposals=value).proposals,
    "validation": lambda value: SearchSettings(validation=value).validation,
    "evaluations": lambda value: SearchSettings(evaluations=value).evaluations,
    "tuning_epochs": lambda value: find_profile("smoke").with_tuning(value).tuning_epochs,
    "retrain_epochs": lambda value: (
        progressive_units(
            resolve(
                ProgressiveSettings(
                    policies=("disc-acc",), size="smoke", images="noise", retrain_epochs=value
                )
            )
        )[0].settings.profile.tuning_epochs
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_equal_numbers_are_one_setting(name):
    read = SETTINGS[name]
    plain = read(3)
    for value in (np.int64(3), np.uint8(3), 3.0, np.float32(3), np.array(3)):
        found = read(value)
        assert found == plain
        assert type(found) is int
    texts = [] if name in {"seeds", "retrain_epochs"} else ["3"]
    for value in (True, np.True_, 3.5, float("nan"), [3], *texts):
        with pytest.raises(UserError, match=r"is a whole number( or a (text|table))?, got"):
            read(value)


@pytest.mark.usefixtures("data_dir")
def test_a_trial_of_an_oracle_is_one_whatever_its_type():
    plain = opscore.load_oracle("nasbench-macro", seeds=0)
    for value in (np.int64(0), 0.0):
        found = opscore.load_oracle("nasbench-macro", seeds=value)
        assert found.describe() == plain.describe()
        assert (found.values == plain.values).all()
    for value in (np.int64(-1), 99):
        with pytest.raises(UserError, match="no trial"):
            opscore.load_oracle("nasbench-macro", seeds=value)
    with pytest.raises(UserError, match="whole number or a text, got True"):
        opscore.load_oracle("nasbench-macro", seeds=True)


BLOCKS = (
    {"seeds": [True]},
    {"settings": {"batch_size": True}},
    {"settings": {"oracle": {"seeds": True}}},
)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_true_is_no_number_of_a_grid(block):
    with pytest.raises(UserError, match=r"(is|are) .*whole number"):
        Grid.of({"grid": [{"policies": ["random"], **block}]}).cells()
