"""How commands end: one line on stderr and an exit code, for all that can go wrong."""

from __future__ import annotations

import errno
import pickle
import sys
from pathlib import Path

import pytest
import torch
import typer

import opscore
from opscore.cli import main
from opscore.cli.ending import ended
from opscore.data.files import atomic_write
from opscore.errors import OpscoreError, UserError, WriteError
from opscore.supernets.recipes import find_recipe

SMALL = "--size smoke --batch-size 8 --images digits --policies random --no-baselines --quiet"
ARCHITECTURE = "|none~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|"


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main(command.split() if isinstance(command, str) else command)
    captured = capsys.readouterr()
    return stopped.value.code, captured.out, captured.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"initial {SMALL} --image-size 20000 --batch-size 4096", "4,096 images of 20,000 x"),
        (f"initial {SMALL} --image-size 1000000", "need 96,000 GB of memory; this machine has"),
        (f"initial {SMALL} --space foo", "unknown space 'foo'"),
        (f"initial {SMALL} --space darts --dataset cifar10", "no table of accuracies"),
        (f"initial {SMALL} --space mobilenet --image-size 5", "images of 8 pixels or more"),
        (f"search --space mobilenet {SMALL[:38]} --race 2", "race"),
        ("compare-spaces --live --spaces ,", "nothing stands before a comma"),
        ("compare-spaces --live --spaces darts", "space 'darts' has no table of accuracies"),
        ("doctor --device foo", "unknown device 'foo'"),
        ("runs list --status foo --runs .", "unknown status 'foo'"),
        ("runs list --kind foo --runs .", "no run has the kind 'foo': the store is empty"),
        ("runs sync . .", "is the store itself"),
        ("data fetch transnas --mirror foo", "begins with https:// or http://, got 'foo'"),
        ("data fetch cifar10 --url ftp://x/y", "begins with https:// or http://"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_computed(capsys, tmp_path, command, said):
    code, out, err = run(capsys, command)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("opscore: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


class Runs:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize(
    "command",
    [
        ["export", ARCHITECTURE, "--weights", "evil.pt"],
        ["initial", *SMALL.split(), "--checkpoint", "evil.pt"],
        ["data", "add", "evil.pt"],
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("write", [torch.save, lambda o, p: Path(p).write_bytes(pickle.dumps(o))])
def test_a_file_that_could_run_code_is_refused_in_our_own_words(capsys, recwarn, command, write):
    write({"a": Runs()}, "evil.pt")
    code, _, err = run(capsys, command)
    assert code == 2
    assert err.count("\n") == 1
    assert "weights_only" not in err
    assert "safe_globals" not in err
    assert not list(recwarn)
    assert not Path("ran").exists()


@pytest.mark.parametrize("command", ["policies --json", f"initial {SMALL}"])
def test_an_output_that_takes_no_more_is_one_line(capsys, monkeypatch, command):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, _, err = run(capsys, command)
        monkeypatch.undo()
    assert code == 1
    assert err == "opscore: cannot write: No space left on device\n"


def raising(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("bad\ninput"), 2, "opscore: bad\\ninput\n"),
        (OpscoreError("not done"), 1, "opscore: not done\n"),
        (WriteError(errno.ENOSPC, "No space left", "a.csv"), 1, "cannot write a.csv: No space"),
        (PermissionError(errno.EACCES, "x", "a.csv"), 1, "opscore: a.csv: Permission denied\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, ""),
        (MemoryError(), 1, "not enough memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), 1, "not enough memory"),
        (RuntimeError("... DefaultCPUAllocator: can't allocate"), 1, "not enough memory"),
        (typer.Abort(), 2, "the input ended early"),
        (KeyboardInterrupt(), 130, "stopped; what was finished is kept"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_kind_of_error_has_its_line_and_code(capsys, monkeypatch, error, code, said):
    with Path("out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert ended(raising(error)) == code
        monkeypatch.undo()
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == bool(said)


def test_a_fault_of_the_package_stays_one():
    with pytest.raises(KeyError):
        ended(raising(KeyError("x")))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), RuntimeError("unexpected pos")])
def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path, monkeypatch, error):
    monkeypatch.setattr(
        "opscore.data.files.refusal_of", lambda folder: OSError(errno.ENOSPC, "full")
    )
    with (
        pytest.raises(WriteError, match=r"cannot write .*a\.csv: No space left"),
        atomic_write(tmp_path / "a.csv"),
    ):
        raise error
    assert not list(tmp_path.iterdir())
    again = pickle.loads(pickle.dumps(WriteError(errno.ENOSPC, "full", "a.csv")))  # from a worker
    assert (str(again), again.errno) == ("cannot write a.csv: full", errno.ENOSPC)


def test_a_batch_of_more_images_than_there_are_is_noted(tmp_path):
    recipe = find_recipe("smoke").changed(epochs=1, batch_size=10**9)
    with pytest.warns(UserWarning, match="batches of 1,000,000,000 images were asked for; there"):
        opscore.train_network(
            "nasbench201",
            ARCHITECTURE,
            recipe=recipe,
            images="digits",
            image_size=8,
            store=tmp_path,
        )
