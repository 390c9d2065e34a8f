"""What commands say when something is asked for that cannot be had, or is had only in part."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import failing_proxy, run

import opscore
from opscore.answers.text import text_of
from opscore.cli.common import notes_as_lines, parse_lengths, writable
from opscore.errors import UserError, note
from opscore.experiments.tables import missing_scores
from opscore.proxies import PROXIES
from opscore.rng import as_seeds, parse_seeds
from opscore.schema import Whole

SMALL = ["--size", "smoke", "--batch-size", "8", "--images", "digits"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("group", ["data", "replay"])
def test_a_group_without_a_command_prints_its_help_only(capsys, group):
    code, out, err = run(capsys, group)
    assert code == 2
    assert "Usage" in out
    assert err == ""


@pytest.mark.parametrize(
    ("command", "form"), [("initial", ["--no-baselines"]), ("progressive", ["--json"])]
)
def test_memory_that_ran_out_is_exit_code_1_and_no_finished_run(capsys, command, form):
    with failing_proxy("test_memory", {1}):
        code, out, err = run(
            capsys, command, "--policies", "zc-pt(test_memory)", "--runs", "runs", *SMALL, *form
        )
    assert code == 1
    assert "rows failed for a reason that may pass (MemoryError" in err
    assert out
    records = [path.read_text() for path in Path("runs").glob("*/run.json")]
    assert sum('"status": "failed"' in record for record in records) == 1


@pytest.mark.parametrize(
    "command",
    [
        *("table2 --seeds 99", "figure2 --policies zzz", "toy-model --lengths 7"),
        *("table5 --size smoke", "table1 --seeds 0", "figure4 --batch-size 8"),
        *("compare-spaces --spaces zzz", "leaderboard --batch-size 7"),
    ],
)
def test_settings_that_the_record_cannot_follow_are_refused(capsys, command):
    name, option, value = command.split()
    code, out, err = run(capsys, name, option, value)
    assert (code, out) == (2, "")
    assert f"{option} is for --live; without it {name} shows what comes with the package" in err
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("command", "now"),
    [
        ("batch grid.toml --out runs", "the run store is named by --runs"),
        ("batch grid.toml --backend local", "--jobs; on several: --shard"),
        ("report runs", "the run store is named by --runs"),
        ("runs diff a b", "compare what 'opscore runs export' gives of each store"),
    ],
)
def test_what_is_gone_is_answered_with_what_to_use(capsys, command, now):
    code, out, err = run(capsys, *command.split())
    assert (code, out) == (2, "")
    assert err.endswith(f"{now}\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "command", [pytest.param("table2", marks=pytest.mark.exhaustive), "search-cost"]
)
def test_committed_figures_are_not_overwritten_by_looking(capsys, command):
    assert run(capsys, command)[0] == 0
    assert [path.name for path in Path().iterdir()] == ["out"]


def test_an_interrupt_says_that_what_was_finished_is_kept(capsys, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("opscore.paper.records.describe_records", interrupted)
    code, _, err = run(capsys, "records")
    assert code == 130
    assert err.startswith("stopped; what was finished is kept")
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", ["--out", "--runs"])
@pytest.mark.parametrize("place", ["file", "file/below"])
def test_folders_are_tried_before_anything_is_computed(capsys, tmp_path, option, place):
    (tmp_path / "file").write_text("")
    code, out, err = run(capsys, "initial", *SMALL, option, place)
    assert (code, out) == (2, "")
    assert err.startswith(f"opscore: cannot write into the folder {place}: ")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_trying_a_folder_leaves_nothing(tmp_path):
    (tmp_path / "here").mkdir()
    assert writable(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert writable(tmp_path / "here") == tmp_path / "here"
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_seeds_have_bounds_and_are_taken_once():
    assert parse_seeds(str(2**63 - 1)) == (2**63 - 1,)
    for text in (str(2**63), "99999999999999999999", "0-99999999999999999999"):
        with pytest.raises(UserError, match=r"seeds are 0 to 2\^63 - 1"):
            parse_seeds(text)
    with pytest.raises(UserError, match="more than 100,000"):
        parse_seeds("0-100000000")
    with pytest.warns(UserWarning, match="taken once: 0"):
        assert parse_seeds("0,0,1") == (0, 1)


@pytest.mark.parametrize("one", [1, 1.0, np.int64(1), np.array(1)])
def test_a_seed_is_one_number_whatever_its_type(one):
    (seed,) = as_seeds(one)
    assert seed == 1
    assert type(seed) is int
    assert as_seeds(np.arange(3)) == (0, 1, 2)


@pytest.mark.parametrize("wrong", [-1, 2**63, 1.5, "one", [None], float("nan"), True])
def test_what_is_no_seed(wrong):
    with pytest.raises(UserError, match="seed"):
        as_seeds(wrong)


def test_a_chain_that_cannot_be_scored_whole_is_refused(capsys):
    assert parse_lengths("1-3") == (1, 2, 3)
    code, _, err = run(capsys, "toy-model", "--live", "--lengths", "1,30", "--images", "digits")
    assert code == 2
    assert "lengths go up to 10" in err
    assert "1.2e+18" in err


def test_notes_are_lines_of_the_command_even_under_w_error(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with notes_as_lines():
            note("taken once")
    assert capsys.readouterr().err == "opscore: taken once\n"
    with pytest.warns(DeprecationWarning, match="other"), notes_as_lines():
        warnings.warn("other", DeprecationWarning, stacklevel=1)


def test_twice_the_same_is_noted_in_one_line(capsys):
    code, _, err = run(
        capsys, "initial", "--policies", "random,random", *SMALL, "--quiet", "--no-baselines"
    )
    assert code == 0
    assert err == "opscore: asked for more than once, and taken once: random\n"


def test_scores_that_are_missing_are_told_under_the_notes(capsys):
    @opscore.register_proxy("fails_at_conv", higher_is_better=True, source="a test")
    def fails(network, batch):
        raise ArithmeticError("no conv")

    try:
        code, out, _ = run(
            capsys, "initial", "--policies", "zc-pt(fails_at_conv)", *SMALL, "--no-baselines"
        )
    finally:
        PROXIES.remove("fails_at_conv")
    assert code == 0
    assert "zc-pt(fails_at_conv): 30 of 30 scores are missing" in out
    assert "no conv" in out


def test_missing_scores_count_reasons():
    scores = pd.DataFrame(
        {"policy": ["a", "a", "a", "b"], "status": ["ok", "x failed", "x failed", "ok"]}
    )
    assert missing_scores(scores) == ["a: 2 of 3 scores are missing (x failed)"]


@pytest.fixture(scope="module")
def found():
    return opscore.run_search(
        ["zero-cost-pt(nwot)", "zero-cost-disc(synflow)", "random"],
        [0, 1],
        size="smoke",
        images="digits",
        batch_size=8,
        proposals=1,
        validation=0,
    )


def test_tables_of_searches_show_methods_and_numbers_at_80_columns(found):
    text = text_of(found, width=80)
    ends, summary = text.split("Test error %")
    for method in ("zero-cost-pt(nwot)", "random"):
        assert method in ends
    for method in ("zero-cost-pt(", "zero-cost-disc", "random"):
        assert method in summary
    assert "…" not in text
    for error in found.summary()["error"]:
        assert f"{error:.2f}" in summary


def test_a_frame_of_correlations_is_printed_whole():
    result = opscore.initial(["random"], size="smoke", images="noise", batch_size=8)
    rows = result.against("best-acc")
    with pd.option_context("display.width", 80, "display.max_columns", 0):
        text = str(rows)
    for column in rows.columns:
        assert column in text
    assert str(rows["rho"].iloc[0])[:5] in text
    assert type(rows.head(1)) is pd.DataFrame
    assert isinstance(rows, Whole)


def test_a_method_that_does_not_fit_is_left_out_of_a_comparison(capsys):
    code, out, err = run(
        capsys, "search", "--methods", "random,exhaustive(nwot)", *SMALL, "--quiet"
    )
    assert code == 0
    assert err.startswith("opscore: exhaustive(nwot), seed 0 is left out: ")
    assert "random" in out


def test_a_method_without_its_truth_is_left_out_too(capsys):
    arguments = ["search", *SMALL, "--oracle-source", "none", "--quiet", "--methods"]
    code, _, err = run(capsys, *arguments, "random,optimum")
    assert code == 0
    assert "opscore: optimum is left out: method 'optimum' needs a truth" in err
    code, _, err = run(capsys, *arguments, "optimum")
    assert code == 2
    assert err.count("\n") <= 2


def test_figures_use_nothing_that_is_deprecated(capsys, tmp_path):
    arguments = ["initial", "--policies", "random", *SMALL, "--out", "drawn", "--quiet"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, _, err = run(capsys, *arguments)
    assert code == 0, err
    assert (tmp_path / "drawn" / "best_acc.png").exists()
