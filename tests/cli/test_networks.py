"""``opscore build`` and the other commands for one architecture's network."""

from __future__ import annotations

import json

import pytest

from opscore.cli import main


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


def test_build_tells_the_sizes(capsys):
    assert run("build", "random_max_0", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["target"]: row for row in found["sizes"]}
    assert list(rows) == ["cifar10", "cifar100", "imagenet"]
    assert rows["cifar10"]["params"] == 5_144_086
    assert rows["cifar10"]["network"] == "20 cells, 36 channels, 10 classes, images of 32 x 32"
    assert found["settings"]["space"] == "darts"


def test_build_reads_a_file(tmp_path, capsys):
    path = tmp_path / "found.txt"
    path.write_text("22212220\n")
    assert run("build", path, "--space", "nasbench-macro") == 0
    out = capsys.readouterr().out
    assert out.startswith("22212220")
    assert "1.986" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["22212229", "--space", "nasbench-macro"], "8 digits of 0, 1 and 2"),
        (["random_max_0", "--space", "s1"], "s1 has no sep_conv_5x5"),
        (["22212220", "--space", "nasbench-makro"], "did you mean nasbench-macro"),
        (["random_max_0", "--target", "imagenette"], "did you mean imagenet"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert run("build", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
