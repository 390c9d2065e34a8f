"""``opscore build`` and the other commands for one architecture's network."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from opscore.cli import main
from opscore.errors import UserError
from opscore.spaces import get_space
from opscore.supernets import export, find_target


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


def test_build_takes_other_sizes_as_python_does(capsys):
    size = ("--target", "cifar10", "--cells", 8, "--channels", 16)
    assert run("build", "random_max_0", *size, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    architecture = get_space("darts").parse(found["settings"]["architecture"])
    expected = find_target("darts", "cifar10", cells=8, channels=16).size(architecture)
    assert [row["params"] for row in found["sizes"]] == [expected.params]
    assert run("build", "22212220", "--space", "nasbench-macro", "--cells", 8) == 2
    assert "unknown argument of the networks of nasbench-macro 'cells'" in capsys.readouterr().err


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


@pytest.mark.parametrize("suffix", ["png", "dot"])
def test_show_draws_cells_layers_and_blocks(suffix, tmp_path, capsys):
    given = {
        "darts": "random_max_0",
        "mobilenet": "1 3 5 -1 1 3 5 -1 1 3 5 -1 1 3 5 -1 1 3 5 -1 5",
        "nasbench201": "|none~0|+|none~0|none~1|+|none~0|none~1|avg_pool_3x3~2|",
    }
    for space, text in given.items():
        path = tmp_path / f"{space}.{suffix}"
        assert run("show", text, "--space", space, "--out", path) == 0
        assert "wrote" in capsys.readouterr().out
        if suffix == "png":
            assert path.read_bytes()[:4] == b"\x89PNG"
        else:
            assert path.read_text().startswith("digraph")
    if suffix == "dot":
        assert path.read_text().count("->") == 6
        assert (tmp_path / "darts.dot").read_text().count("sep_conv_5x5") == 16


def test_export_reads_back_what_it_writes(tmp_path, capsys):
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
    assert run("export", text, "--out", tmp_path, "--json") == 0
    found = json.loads(capsys.readouterr().out)["exported"]
    assert [row["format"] for row in found] == ["json", "torch"]
    assert all(row["difference"] <= 1e-4 for row in found)
    content = json.loads((tmp_path / "nasbench201-cifar10.json").read_text())
    assert content["architecture"] == text
    assert content["size"]["params"] > 0
    program = torch.export.load(tmp_path / "nasbench201-cifar10.pt2").module()
    assert program(torch.zeros(5, 3, 32, 32)).shape == (5, 10)


class Amplifying(nn.Module):
    """A network whose rounding in single precision is a thousandth of its logits."""

    def forward(self, images):
        return (images.mean((2, 3)) + 3000) - 3000


@pytest.mark.parametrize(("factor", "kept"), [(1.0, True), (1.01, False)])
def test_a_file_may_be_off_by_what_rounding_makes_and_no_more(tmp_path, monkeypatch, factor, kept):
    def write(network, built, architecture, images, path):
        path.write_text("")
        return factor * network.double()(images.double())

    monkeypatch.setitem(export.FORMATS, "json", write)
    built = find_target("nasbench-macro")
    state = get_space("nasbench-macro").parse("22212220")
    with nullcontext() if kept else pytest.raises(UserError, match=r"is not kept: .* rounding"):
        found = export.export(Amplifying(), built, state, tmp_path, "json")
        assert found.difference > export.TOLERANCE
        assert found.rounding > export.TOLERANCE
    assert len(list(tmp_path.iterdir())) == kept


def test_train_then_export_its_weights(tmp_path, capsys):
    folder, text = tmp_path / "trained", "22212220"
    arguments = ("train", text, "--space", "nasbench-macro", "--recipe", "smoke", "--images")
    assert (
        run(*arguments, "digits", "--epochs", 1, "--runs", tmp_path, "--out", folder, "--json") == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert len(found["log"]) == 1
    weights = folder / "network.pt"
    out = tmp_path / "out"
    command = ("export", text, "--space", "nasbench-macro", "--out", out, "--format", "torch")
    assert run(*command, "--weights", weights) == 0
    program = torch.export.load(out / "nasbench-macro-paper.pt2")
    trained = torch.load(weights, weights_only=True)["state_dict"]
    assert torch.equal(program.state_dict["classifier.weight"], trained["classifier.weight"])
    capsys.readouterr()
    assert run("export", "02012100", *command[2:], "--weights", weights) == 2
    assert "is of another architecture: 22212220" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "22212220", "--space", "nasbench-macro", "--out", "a.bmp"], "should end in one"),
        (["export", "random_max_0", "--format", "tflite"], "unknown format 'tflite'"),
        (["train", "random_max_0", "--recipe", "cifra"], "did you mean cifar"),
        (["train", "random_max_0", "--epochs", "0"], "1 epoch or more, got 0"),
        (["train", "random_max_0", "--precision", "half"], "unknown precision 'half'"),
    ],
)
def test_bad_input_of_the_other_commands_is_one_line(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_onnx_is_written_and_checked_or_says_what_is_missing(tmp_path, capsys):
    import importlib.util

    text = "|nor_conv_1x1~0|+|none~0|none~1|+|none~0|none~1|nor_conv_1x1~2|"
    code = run("export", text, "--format", "onnx", "--out", tmp_path)
    if importlib.util.find_spec("onnx") is None:
        assert code == 2
        assert "need the package onnx, which is not installed" in capsys.readouterr().err
    else:
        assert code == 0
        assert (tmp_path / "nasbench201-cifar10.onnx").is_file()
