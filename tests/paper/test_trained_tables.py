"""Tables 3, 4, 6 and 7: what was published, and the sizes of the same architectures."""

import pytest

from opscore.answers import render
from opscore.data.records import read_record
from opscore.errors import UserError
from opscore.paper.trained_tables import (
    OWN,
    RECORD,
    TITLES,
    table3,
    table4,
    table6,
    trained_table,
)
from opscore.published import trained
from opscore.published.genotypes import genotypes
from opscore.spaces import get_space
from opscore.supernets import find_target


@pytest.mark.parametrize(("number", "rows"), [(3, 4), (4, 15), (6, 9), (7, 6)])
def test_every_published_row_is_there(number, rows):
    found = trained_table(number)
    assert len(found.table) == len(trained(number)) == rows
    assert set(found.table["measured"]) == {"not trained"}
    assert found.tables()[0].title == f"Table {number}: {TITLES[number]}"
    assert render(found, "csv").count("not trained") == rows


def test_the_sizes_of_the_authors_genotypes_are_near_what_they_say():
    rows = table4().table.set_index("method")
    assert rows.loc["max-param-random", "counted_params"] == pytest.approx(5.14, abs=5e-3)
    ours = rows.loc["zero-cost-pt(nwot), random"]
    assert (ours["params"], ours["counted_params"]) == (4.7, pytest.approx(4.664, abs=1e-3))
    assert ours["n_genotypes"] == 4
    assert rows.loc["DARTS", ["n_genotypes", "error"]].tolist() == [0, 3.0]
    assert table6().table["counted_params"].max() == pytest.approx(6.443, abs=1e-3)


def test_more_minibatches_of_validation_make_a_better_mean_in_table_3():
    """What the paper reads from it: V = 100 is better on average, the best network is not."""
    table = table3().table.set_index(["proposals", "validation"])
    assert table.loc[(10, 100), "error"] < table.loc[(10, 10), "error"] < table.loc[10, 1]["error"]
    assert table.loc[(10, 100), "best"] == table.loc[(1, 0), "best"]


def test_the_shipped_sizes_are_what_is_counted():
    sizes, _ = read_record(RECORD)
    row = sizes[(sizes["name"] == "sample_2500_0") & (sizes["target"] == "cifar10")].iloc[0]
    state = get_space("darts").parse(str(genotypes()["sample_2500_0"]))
    size = find_target("darts", "cifar10").size(state)
    assert (size.params, size.flops) == (row["params"], row["flops"])


def test_searches_of_our_own_stand_beside_those_of_table_3():
    """One set of proposals: with N = 1 the first is taken, and more minibatches cost more."""
    table = table3().table.set_index(["proposals", "validation"])
    assert list(table.index) == [(1, 0), (10, 1), (10, 10), (10, 100)]
    assert table["own_passes"].is_monotonic_increasing
    assert table.loc[(1, 0), "own_passes"] == 220  # 7 x 28 operations and 2 x (3 + 4 + 5) inputs
    assert "searched here" in table3().tables()[1].title


def test_sizes_of_found_cells_are_what_is_counted():
    own, _ = read_record(OWN)
    cells = own.query("method == 'zero-cost-pt(nwot)' and proposals == 1")["architecture"]
    sizes, _ = read_record(RECORD)
    known = sizes[sizes["target"] == "cifar10"].set_index("name").loc[cells]
    size = find_target("darts", "cifar10").size(get_space("darts").parse(cells.iloc[0]))
    assert (size.params, size.flops) == tuple(known.iloc[0][["params", "flops"]])
    table = table3().table.set_index(["proposals", "validation"])
    assert table.loc[(1, 0), "own_params"] == pytest.approx(known["params"].mean() / 1e6)


def test_other_tables_are_refused():
    with pytest.raises(UserError, match="unknown table of trained networks '5'; known: 3, 4, 6, 7"):
        trained_table(5)
