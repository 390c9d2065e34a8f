"""Options in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from opscore.cli.options import NetworkOptions, OracleOptions, RunOptions, grouped
from opscore.errors import UserError
from opscore.experiments import OracleSettings, ScoringSettings
from opscore.search import SearchSettings


@dataclass(frozen=True)
class Pair:
    """Two options."""

    left: Annotated[int, typer.Option(help="The left one.")] = 1
    right: Annotated[str, typer.Option("--right", "-r", help="The right one.")] = "b"


def app(seen):
    @grouped
    def command(
        first: Annotated[str, typer.Option(help="The first.")] = "a",
        *,
        pair: Pair,
        last: Annotated[bool, typer.Option("--last", help="The last.")] = False,
    ) -> None:
        """What it does."""
        seen.append((first, pair, last))

    made = typer.Typer()
    made.command()(command)
    return made


def test_a_group_stands_for_its_fields_and_comes_as_one_object():
    seen = []
    assert CliRunner().invoke(app(seen), []).exit_code == 0
    arguments = ["--left", "5", "-r", "c", "--last", "--first", "z"]
    assert CliRunner().invoke(app(seen), arguments).exit_code == 0
    assert seen == [("a", Pair(), False), ("z", Pair(5, "c"), True)]
    assert CliRunner().invoke(app(seen), ["--left", "many"]).exit_code == 2


def test_help_shows_the_fields_where_the_group_stands():
    shown = CliRunner(env={"COLUMNS": "120", "TERM": "dumb"}).invoke(app([]), ["--help"]).output
    names = ["What it does", "The first", "The left", "The right", "The last"]
    assert sorted(names, key=shown.index) == names
    assert "pair" not in shown


def test_defaults_are_those_of_the_library():
    scoring, searching = ScoringSettings(policies=()), SearchSettings()
    for name, value in vars(NetworkOptions()).items():
        assert getattr(scoring, name) == getattr(searching, name) == value
    assert OracleOptions().settings() == OracleSettings()
    assert OracleOptions(oracle_seeds="1").settings() == OracleSettings(seeds=1)
    assert RunOptions(seeds="0-2").seed_list == (0, 1, 2)


def test_where_no_truth_is_found_the_way_on_is_an_option_that_exists(tmp_path):
    with pytest.raises(UserError, match=r"; --oracle-source none does without a truth$") as refused:
        OracleSettings().resolved("nasbench201", tmp_path / "nowhere")
    option = refused.value.args[0].rpartition("; ")[2].split()[0]
    command = typer.Typer()
    command.command()(grouped(_with_oracle))
    assert option in CliRunner(env={"COLUMNS": "120"}).invoke(command, ["--help"]).output


def _with_oracle(*, oracle: OracleOptions) -> None:
    """A command with a truth."""
