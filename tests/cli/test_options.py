"""Options that are fields of settings, and one declaration for all who read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import click
import pytest
import typer
from typer.testing import CliRunner

import opscore
from opscore.cli import app
from opscore.cli.options import Only, grouped
from opscore.errors import UserError
from opscore.experiments.settings import resolve_oracle
from opscore.grids import grid
from opscore.settings import OracleSettings, RunSettings, ScoringSettings, SearchSettings, takes
from opscore.typed import Help, helps_of, take_types, types_of


@dataclass(frozen=True)
class Deep:
    """Depths."""

    left: Annotated[int | None, Help("The deep one.", "--deep-left")] = None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Pairs. Two options and a group."""

    left: Annotated[int, Help("The left one.")] = 1
    right: Annotated[tuple[str, ...], Help("The right one.", "--right", "-r", read=tuple)] = ("b",)
    deep: Annotated[Deep, Help("A group.")] = field(default_factory=Deep)
    hidden: Annotated[Path | None, Help("Not asked for.", option=False)] = None

    def __post_init__(self) -> None:
        take_types(self)


def invoke(command, *arguments):
    made = typer.Typer()
    made.command()(grouped(command))
    return CliRunner(env={"COLUMNS": "120", "TERM": "dumb"}).invoke(made, list(arguments))


def test_a_group_stands_for_its_fields_and_comes_as_one_object():
    seen = []

    def command(
        first: Annotated[str, typer.Option(help="The first.")] = "a",
        *,
        pair: Pair,
        last: Annotated[bool, typer.Option("--last", help="The last.")] = False,
    ) -> None:
        """What it does."""
        seen.append((first, pair, last))

    assert invoke(command).exit_code == 0
    arguments = ["--left", "5", "-r", "cd", "--last", "--first", "z", "--deep-left", "7"]
    assert invoke(command, *arguments).exit_code == 0
    assert seen == [
        ("a", Pair(), False),
        ("z", Pair(left=5, right=("c", "d"), deep=Deep(7)), True),
    ]
    assert invoke(command, "--left", "many").exit_code == 2
    shown = invoke(command, "--help").output
    names = ["What it does", "The first", "The last", "Pairs", "The left", "The right", "Depths"]
    assert sorted(names, key=shown.index) == names
    assert "Not asked for" not in shown


def test_a_command_may_take_some_with_other_defaults_and_flags():
    seen = []

    def command(pair: Annotated[Pair, Only("left", flags={"left": ("--l",)}, left=4)]) -> None:
        seen.append(pair.left)

    assert invoke(command).exit_code == 0
    assert invoke(command, "--l", "3").exit_code == 0
    assert seen == [4, 3]
    assert invoke(command, "--right", "b").exit_code == 2


@dataclass(frozen=True, kw_only=True)
class Coloured(ScoringSettings):
    """Colours. A setting that is declared here, and nowhere else."""

    colour: Annotated[Literal["red", "green"], Help("Of the numbers.")] = "red"


def test_a_new_setting_is_declared_once(monkeypatch, tmp_path):
    """The command line, Python's keywords, their help and TOML have it from its field."""
    seen = []

    def command(settings: Coloured) -> None:
        seen.append(settings.colour)

    assert "--colour" in (shown := invoke(command, "--help").output)
    assert "Of the numbers" in shown
    assert invoke(command, "--colour", "green").exit_code == 0
    assert seen == ["green"]
    assert "did you mean green" in str(invoke(command, "--colour", "gren").exception)

    @takes(Coloured, "policies")
    def function(settings: Coloured, run: RunSettings, *, own: int = 1) -> tuple[str, int]:
        """Do something."""
        return settings.colour, own

    assert function(["random"], colour="green", own=2) == ("green", 2)
    assert "colour: Of the numbers." in function.__doc__
    with pytest.raises(UserError, match=r"^unknown setting 'color'; did you mean colour"):
        function(color="green")

    monkeypatch.setitem(grid.KINDS, "initial", (Coloured, "policies"))
    monkeypatch.setattr(
        grid, "_runs", lambda settings: (settings, seen.append(settings.colour) or [])
    )
    for colour, said in (("green", ""), ("gren", "did you mean green"), (3, "got 3")):
        path = tmp_path / "grid.toml"
        path.write_text(f"[[grid]]\npolicies = ['random']\nsettings.colour = {colour!r}\n")
        if said:
            with pytest.raises(UserError, match=said):
                grid.Grid.of(path).cells()
        else:
            grid.Grid.of(path).cells()
    assert seen == ["green", "green"]


def test_keywords_are_flat_and_a_settings_object_is_a_start():
    @takes(ScoringSettings, "policies", "seeds", batch_size=7)
    def function(
        settings: ScoringSettings, run: RunSettings
    ) -> tuple[ScoringSettings, RunSettings]:
        return settings, run

    settings, run = function("random,darts", 3, store="runs", jobs=2)
    assert (settings.policies, settings.seeds, settings.batch_size) == (
        ("random", "darts"),
        (3,),
        7,
    )
    assert run == RunSettings(store=Path("runs"), jobs=2)
    assert settings.cache == Path("runs/supernets")
    assert function(store=opscore.RunStore("r"))[1].store == Path("r")
    again, _ = function(SearchSettings(size="smoke"), batch_size=4)
    assert (again.size, again.batch_size, again.policies) == ("smoke", 4, ("zc-pt(nwot)",))
    with pytest.raises(UserError, match="jobs is a whole number, got 'two'"):
        function(jobs="two")
    with pytest.raises(TypeError):
        function("random", 0, "more")


def test_a_function_may_take_some_fields_and_fix_others():
    @takes(ScoringSettings, "seeds", only=("seeds", "size"), policies=("darts",), store="here")
    def function(
        settings: ScoringSettings, run: RunSettings
    ) -> tuple[ScoringSettings, RunSettings]:
        return settings, run

    for given in ((), (ScoringSettings(policies=("random",), size="cpu", images="noise"),)):
        settings, run = function(*given, size="smoke")
        assert (settings.policies, settings.size, settings.images) == (("darts",), "smoke", "auto")
        assert run.store == Path("here")
    with pytest.raises(UserError, match="unknown setting 'policies'"):
        function(policies="random")


@pytest.mark.parametrize("kind", [ScoringSettings, SearchSettings, OracleSettings, RunSettings])
def test_every_setting_says_what_it_is(kind):
    assert list(helps_of(kind)) == list(types_of(kind))
    assert all(help.text.endswith(".") for help in helps_of(kind).values())


def flags_of(command, name=""):
    if isinstance(command, click.Group):
        return [pair for n, each in command.commands.items() for pair in flags_of(each, n)]
    return [(name, [f for option in command.params for f in option.opts if f.startswith("-")])]


@pytest.mark.parametrize(("name", "flags"), flags_of(typer.main.get_command(app)))
def test_no_option_of_a_command_stands_twice(name, flags):
    assert len(flags) == len(set(flags))


def test_where_no_truth_is_found_the_way_on_is_an_option_that_exists(tmp_path):
    with pytest.raises(UserError, match=r"; --oracle-source none, in Python .* does") as refused:
        resolve_oracle(OracleSettings(), "nasbench201", tmp_path / "nowhere")
    option = refused.value.args[0].rpartition("; ")[2].split()[0]

    def command(oracle: OracleSettings) -> None:
        """A command with a truth."""

    assert option in invoke(command, "--help").output
