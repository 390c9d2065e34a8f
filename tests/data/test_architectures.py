from __future__ import annotations

import pandas as pd
import pytest

import opscore
from opscore.errors import Note, UserError

FORMAT = (
    "Genotype(normal=[{normal}], normal_concat=range(2, 6), "
    "reduce=[{reduce}], reduce_concat=range(2, 6))"
)


def genotype(first="sep_conv_3x3", sources=(0, 1, 0, 1, 0, 1, 0, 1), op="skip_connect"):
    """A cell of one operation but for the first edge of the normal cell."""
    pairs = [(op, source) for source in sources]
    normal = [(first, sources[0]), *pairs[1:]]
    return FORMAT.format(normal=str(normal)[1:-1], reduce=str(pairs)[1:-1])


@pytest.mark.filterwarnings("ignore::opscore.errors.Note")
def test_equal_architectures_are_averaged_and_others_left_out():
    one, other = genotype(), genotype("dil_conv_3x3")
    same = genotype().replace(
        "('sep_conv_3x3', 0), ('skip_connect', 1)", "('skip_connect', 1), ('sep_conv_3x3', 0)", 1
    )
    table = pd.DataFrame(
        {
            "genotype": [one, same, other, genotype(sources=(0, 0, 0, 1, 0, 1, 0, 1)), "x"],
            "accuracy": [90.0, 92.0, 80.0, 70.0, 60.0],
        }
    )
    with pytest.warns(Note, match=r"2 of 5 rows are left out \(node 2 of the normal cell reads 0"):
        found = opscore.read_architectures("darts", table)
    assert found.to_dict() == {one: 91.0, other: 80.0}


def test_a_file_is_read_and_what_is_not_clear_is_asked_for(tmp_path):
    path = tmp_path / "cells.csv"
    pd.DataFrame({"cell": [genotype()], "epochs10": [70.0], "epochs50": [90.0]}).to_csv(path)
    read = opscore.read_architectures
    with pytest.raises(UserError, match="which column has the architectures"):
        read("darts", path)
    with pytest.raises(UserError, match=r"columns of numbers are .*epochs10, epochs50"):
        read("darts", path, architecture="cell")
    with pytest.raises(UserError, match="epochs50"):
        read("darts", path, architecture="cell", accuracy="epochs5")
    found = read("darts", path, architecture="cell", accuracy="epochs50")
    assert found.tolist() == [90.0]
    with pytest.raises(UserError, match=r"none of 1 rows is an architecture of s2: s2 has no"):
        read("s2", pd.DataFrame({"arch": [genotype("dil_conv_3x3")], "accuracy": [1.0]}))
    with pytest.raises(UserError, match="there is no file"):
        read("darts", tmp_path / "other.csv")
    with pytest.raises(UserError, match=r"a \.parquet or \.csv file"):
        read("darts", tmp_path / "cells.json")


def test_architectures_of_a_csv_file_keep_their_zeros(tmp_path):
    """Also behind the mark with which editors of Windows begin a file."""
    frame = pd.DataFrame({"architecture": ["22212220", "02212220"], "accuracy": [93.0, 92.0]})
    frame.to_csv(tmp_path / "a.csv", index=False, encoding="utf-8-sig")
    found = opscore.read_architectures("nasbench-macro", tmp_path / "a.csv")
    assert found.to_dict() == {"22212220": 93.0, "02212220": 92.0}
    with pytest.raises(UserError, match="leading zeros are lost"):
        opscore.read_architectures("nasbench-macro", frame.astype({"architecture": int}))


@pytest.mark.parametrize(
    ("name", "column", "cells"),
    [("darts_trained_545", "test_acc50", 526), ("darts_trained_1000", None, 189)],
)
@pytest.mark.filterwarnings("ignore::opscore.errors.Note")
def test_tables_of_trained_cells(data_dir, name, column, cells):
    path = data_dir / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    found = opscore.read_architectures("darts-none", path, accuracy=column)
    assert len(found) == cells
    assert found.between(10, 100).all()
