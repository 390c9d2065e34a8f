"""Settings have the types that their fields declare, whoever gives the values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import opscore
from opscore.errors import UserError
from opscore.experiments import OracleSettings, ScoringSettings
from opscore.search import SearchSettings
from opscore.supernets.recipes import Recipe

RANDOM = {"policies": ("random",)}


@pytest.mark.parametrize(
    ("kind", "given", "found"),
    [
        (ScoringSettings, {"batch_size": np.int64(8)}, 8),
        (ScoringSettings, {"batch_size": 8.0}, 8),
        (ScoringSettings, {"seeds": np.arange(2)}, (0, 1)),
        (ScoringSettings, {"policies": ["random"]}, ("random",)),
        (ScoringSettings, {"policies": "random, zc-pt(nwot)"}, ("random", "zc-pt(nwot)")),
        (ScoringSettings, {"seeds": "0-2"}, (0, 1, 2)),
        (ScoringSettings, {"seeds": 3}, (3,)),
        (ScoringSettings, {"data_dir": "data"}, Path("data")),
        (ScoringSettings, {"oracle": {"seeds": 1}}, OracleSettings(seeds=1)),
        (SearchSettings, {"race": 1}, 1.0),
    ],
)
def test_natural_forms_become_the_declared_type(kind, given, found):
    ((name, _),) = given.items()
    base = RANDOM if kind is ScoringSettings else {}
    value = getattr(kind(**{**base, **given}), name)
    assert value == found
    assert type(value) is type(found)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (ScoringSettings, {"batch_size": True}, "batch_size is a whole number, got True"),
        (ScoringSettings, {"batch_size": "8"}, "batch_size is a whole number, got '8'"),
        (ScoringSettings, {"image_size": 8.5}, "image_size is a whole number, got 8.5"),
        (ScoringSettings, {"size": None}, "size is a text, got nothing"),
        (ScoringSettings, {"policies": [1]}, r"policies is a list of texts, got \(1,\)"),
        (ScoringSettings, {"policies": 1}, "policies is a list of texts, got 1"),
        (ScoringSettings, {"cache": 3}, "cache is a path, got 3"),
        (ScoringSettings, {"meaning": "cleann"}, "unknown meaning 'cleann'; did you mean clean"),
        (ScoringSettings, {"oracle": {"sources": "x"}}, "unknown setting 'sources'; did you mean"),
        (ScoringSettings, {"training": 3}, "training is a text or a table, got 3"),
        (SearchSettings, {"race": "x"}, "race is a number, got 'x'"),
        (Recipe, {"cutout": "x"}, "cutout is a whole number, got 'x'"),
    ],
)
def test_another_type_is_one_line(kind, given, said):
    base = {
        ScoringSettings: RANDOM,
        SearchSettings: {},
        Recipe: {"name": "mine", "epochs": 1, "batch_size": 2, "learning_rate": 0.1},
    }[kind]
    with pytest.raises(UserError, match=said):
        kind(**{**base, **given})


def test_equal_settings_are_one_run_whatever_types_they_came_in(tmp_path):
    given = {"size": "smoke", "images": "noise", "oracle": {"source": "none"}}
    for seeds, batch_size in (([0], 4), (np.array([0.0]), np.float64(4))):
        opscore.initial(["random"], seeds, batch_size=batch_size, store=str(tmp_path), **given)
        assert len(list(tmp_path.glob("initial-*/run.json"))) == 1
