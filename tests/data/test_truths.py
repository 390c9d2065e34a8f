"""Tables of the other benchmarks that people bring: what is taken, what is refused in one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from opscore.data import FILES, add, find
from opscore.data.catalogue import Text
from opscore.data.truths import read_truth
from opscore.data.values import ENERGY, FRACTION, LATENCY, NEGATIVE_LOSS, PERCENT, SSIM
from opscore.errors import UserError

CELLS = [
    f"[('{op}', 0), ('skip_connect', 1)" + ", ('skip_connect', 0), ('max_pool_3x3', 1)" * 3 + "]"
    for op in ("sep_conv_3x3", "sep_conv_5x5", "max_pool_3x3")
]
GENOTYPES = [
    f"Genotype(normal={cell}, normal_concat=range(2, 6), reduce={CELLS[0]}, "
    "reduce_concat=range(2, 6))"
    for cell in CELLS
]
TEXTS = {
    **dict.fromkeys(("genotype", "architecture"), GENOTYPES),
    **dict.fromkeys(("normal", "reduce"), CELLS),
    "arch": ["22212220", "00000000", "01201201"],
    "adjacency": ["01" * 24 + "0", "0" * 49, "1" * 49],
    "micro": ["64-41414-0_00_000", "64-41414-3_32_132", "64-41414-1_00_100"],
    "arch_str": [
        f"|{op}~0|+|none~0|none~1|+|none~0|none~1|none~2|"
        for op in ("none", "skip_connect", "nor_conv_3x3")
    ],
    "macro": ["64-111114-basic", "64-11114-basic", "64-4111-basic"],
}
NUMBERS = {
    PERCENT: [10.0, 50.5, 94.25],
    FRACTION: [0.05, 0.5, 0.9],
    SSIM: [0.001, 0.5, -0.25],
    NEGATIVE_LOSS: [-1.5, -0.5, -2.0],
    LATENCY: [0.5, 1.5, 100.0],
    ENERGY: [0.5, 1.5, 100.0],
}


LAYOUTS = {name: FILES[name].layout for name in FILES if FILES[name].layout}


def frame_of(name):
    layout = LAYOUTS[name]
    columns = {}
    for column in layout.texts:
        if column.startswith("node"):
            columns[column] = ["maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu"]
        else:
            columns[column] = TEXTS[name.rpartition("-")[2] if "transnas" in name else column]
    return pd.DataFrame({**columns, **{key: NUMBERS[kind] for key, kind in layout.numbers.items()}})


@pytest.fixture(params=sorted(LAYOUTS))
def name(request):
    return request.param


def test_natural_forms_are_taken(name, tmp_path):
    expected = frame_of(name)
    given = expected.copy()
    for column, wanted in {**LAYOUTS[name].texts, **LAYOUTS[name].numbers}.items():
        if isinstance(wanted, Text):
            given[column] = (" " + given[column] + "\n").str.encode("ascii")
        else:
            given[column] = given[column].map("{:.3f}".format)
    given.assign(more=1.0).to_parquet(tmp_path / "t.parquet")
    found = read_truth(name, tmp_path / "t.parquet")
    assert list(found) == list(expected)
    for column in expected:
        assert found[column].tolist() == expected[column].tolist()


def test_missing_numbers_are_no_error(name, tmp_path):
    frame = frame_of(name)
    last = frame.columns[-1]
    frame.loc[1, last] = np.nan
    frame.to_parquet(tmp_path / "t.parquet")
    assert np.isnan(read_truth(name, tmp_path / "t.parquet")[last]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f, key, value: pd.concat([f, f[:1]]), "rows 0 and 3 name the same architecture"),
        (lambda f, key, value: f.drop(columns=value), "lacks the columns {value}"),
        (lambda f, key, value: f.assign(**{key: ["zz", "yy", "xx"]}), "{key} of row 0 is 'zz'"),
        (lambda f, key, value: f.assign(**{key: f[key].where(f.index != 2)}), "row 2 has no {key}"),
        (
            lambda f, key, value: f.assign(**{value: f[value].where(f.index != 1, np.inf)}),
            "{value} of row 1 is 'inf'; wanted: ",
        ),
        (
            lambda f, key, value: f.assign(**{value: ["0,1", "0,2", "0.3"]}),
            "{value} of row 0 is '0,1' (and 1 more); wanted: a number, with a decimal point",
        ),
        (lambda f, key, value: f.assign(**{value: f[value] * -1e4}), "{value} of row 0 is '"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(name, tmp_path, cache, change, message):
    layout = LAYOUTS[name]
    key, value = next(iter(layout.texts)), next(iter(layout.numbers))
    path = tmp_path / "t.parquet"
    change(frame_of(name), key, value).to_parquet(path)
    if message.startswith("rows") and layout.sample_of:
        assert len(read_truth(name, path)) == 4, "a sample may have an architecture twice"
        return
    with pytest.raises(UserError) as caught:
        read_truth(name, path)
    found = str(caught.value)
    assert found.startswith(f"{path} is not a table of {layout.benchmark}")
    assert message.format(key=key, value=value) in found
    assert "\n" not in found


@pytest.mark.parametrize("name", ["nasbench-macro", "transnas-micro"], indirect=True)
def test_fractions_in_place_of_percent_are_refused(name, tmp_path):
    frame = frame_of(name)
    value = next(iter(LAYOUTS[name].numbers))
    frame[value] /= 100
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=rf"{value} holds fractions \(the largest is 0\.9425\)"):
        read_truth(name, tmp_path / "t.parquet")


def test_nothing_that_cannot_be_read_is_added(tmp_path, cache):
    frame = frame_of("nasbench-macro")
    frame.assign(test_acc_1=-1.0).to_parquet(tmp_path / "nasbench_macro.parquet")
    with pytest.raises(UserError, match=r"test_acc_1 of row 0 is '-1\.0' \(and 2 more\)"):
        add(tmp_path / "nasbench_macro.parquet", overwrite=True)
    assert find("nasbench-macro") is None


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_text("arch,test_acc_0\n")
    with pytest.raises(UserError, match=r"not a table of NAS-Bench-Macro .*not a readable Parquet"):
        read_truth("nasbench-macro", tmp_path / "t.parquet")
