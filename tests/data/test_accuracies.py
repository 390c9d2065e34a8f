"""Tables of accuracies that people bring: what is taken, and what is refused in one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from opscore.data.accuracies import read_accuracies
from opscore.errors import UserError
from opscore.spaces import NASBENCH201

COLUMN = "cifar10_test_200ep_seed777"


@pytest.fixture
def table(tmp_path):
    """Writes a small table, changed by a function of the frame, and returns its path."""

    def write(change=lambda frame: frame):
        states = [NASBENCH201.architecture((op,) * 6) for op in range(4)]
        frame = pd.DataFrame(
            {
                "arch_str": [NASBENCH201.format(state) for state in states],
                COLUMN: [10.0, 50.5, 94.25, np.nan],
            }
        )
        change(frame).to_parquet(tmp_path / "nasbench201.parquet", index=False)
        return tmp_path / "nasbench201.parquet"

    return write


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame,
        lambda frame: frame.assign(arch_str=frame["arch_str"].str.encode("ascii")),
        lambda frame: frame.assign(arch_str=" " + frame["arch_str"] + "\n"),
        lambda frame: frame.assign(**{COLUMN: ["10", "50.5", "94.25", None]}),
        lambda frame: frame.astype({COLUMN: "float32"}),
    ],
)
def test_natural_forms_are_taken(table, change):
    frame, indices = read_accuracies(table(change))
    np.testing.assert_array_equal(frame[COLUMN], [10.0, 50.5, 94.25, np.nan])
    assert frame[COLUMN].dtype == np.float64
    assert indices.tolist() == [[op] * 6 for op in range(4)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(**{COLUMN: f[COLUMN] / 100}), "fractions (the largest is 0.9425)"),
        (lambda f: f.assign(**{COLUMN: [1.0, np.inf, 2.0, 3.0]}), "of row 1 is 'inf'"),
        (lambda f: f.assign(**{COLUMN: [1.0, 2.0, -1.0, -1.0]}), "row 2 is '-1.0' (and 1 more)"),
        (lambda f: f.assign(**{COLUMN: ["85,86", "1", "2", "3"]}), "row 0 is '85,86'"),
        (lambda f: f.assign(arch_str=f["arch_str"].where(f.index != 3)), "row 3 has no arch_str"),
        (lambda f: pd.concat([f, f[:1]]), "rows 0 and 4 name the same architecture"),
        (lambda f: f.assign(arch_str="|oops~0|"), "|oops~0|"),
        (lambda f: f.rename(columns={COLUMN: "accuracy"}), "cifar10_test_200ep_seed777"),
        (lambda f: f.drop(columns="arch_str"), "no arch_str column"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(table, change, message):
    path = table(change)
    with pytest.raises(UserError) as caught:
        read_accuracies(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
