from __future__ import annotations

import numpy as np
import pytest

from opscore import published
from opscore.published import published_initial

TABLES = [
    published.table1,
    published.table2,
    published.table5,
    published.stated_correlations,
    published.correlation_matrix,
    published.other_correlations,
    published.progressive_correlations,
    published.disc_acc_scores,
]


@pytest.mark.parametrize("table", TABLES)
def test_every_number_has_its_source(table):
    frame = table()
    assert len(frame) > 0
    assert frame["source"].str.len().gt(0).all()
    assert not frame.drop(columns="std", errors="ignore").isna().any(axis=None)


def test_a_table_that_is_changed_does_not_change_the_next():
    frame = published.table1()
    frame.loc[0, "rank"] = 99
    assert published.table1().loc[0, "rank"] == 1


def test_the_correlation_matrix_is_symmetric():
    frame = published.correlation_matrix()
    square = frame.pivot_table(index="policy", columns="reference", values="rho")
    np.testing.assert_array_equal(square.to_numpy(), square.to_numpy().T)
    assert len(frame) == 90


def test_text_and_notebook_agree_to_the_digits_of_the_text():
    stated = published.stated_correlations()
    matrix = published_initial("best-acc")
    for row in stated[stated["iteration"] == 0].itertuples():
        assert abs(matrix[row.policy] - row.rho) < 0.02


def test_known_values():
    table1 = published.table1().set_index("policy")
    assert table1.loc["zc-pt(nwot)", ["error", "rank"]].tolist() == [5.81, 14]
    table2 = published.table2().set_index("method")
    assert table2.loc["nwot", ["cifar10", "cifar100", "imagenet16"]].tolist() == [
        5.97,
        27.47,
        53.82,
    ]
    table5 = published.table5().set_index("order")
    assert table5["cifar10"].idxmin() == "global-op-iter"
    assert table5.loc["random", "cifar10"] == table2.loc["nwot", "cifar10"]
    assert published_initial("avg-acc")["zc-pt(nwot)"] == 0.833
    assert published_initial()["tenas"] == 0.435
    assert published_initial("nothing") == {}
    disc_acc = published.disc_acc_scores()
    assert len(disc_acc) == 4 * 6 * 5
    assert disc_acc.query("seed == 1 and edge == 0")["score"].iloc[0] == 83.27
