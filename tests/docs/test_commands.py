"""The commands and the Python of README and docs are what the package has, and they run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from click.exceptions import ClickException
from PIL import Image

from opscore import cli
from opscore.data.records import read_record
from opscore.policies import POLICIES
from opscore.proxies import list_proxies, unregister_proxy

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
TREE = typer.main.get_command(cli.app)


def blocks(page, language):
    """The code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.DOTALL | re.MULTILINE)


def lines(page):
    """The lines of a page's shell blocks, without comments, as lists of words."""
    texts = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [words for text in texts if (words := shlex.split(text, comments=True))]


def command_of(words):
    """The command that words after 'opscore' name, and those that are left."""
    command, left = TREE, list(words)
    while left and left[0] in getattr(command, "commands", {}):
        command = command.commands[left.pop(0)]
    return command, left


def commands(tree=TREE, name=()):
    """Every command that does something, by its name."""
    children = getattr(tree, "commands", {})
    if name and (not children or tree.invoke_without_command):
        yield " ".join(name), tree
    for word, child in children.items():
        yield from commands(child, (*name, word))


def options_of(command):
    return {option for parameter in command.params for option in parameter.opts}


TYPED = [(page, words) for page in PAGES for words in lines(page)]
OPSCORE = [(page, words) for page, words in TYPED if words[0] == "opscore"]


def test_there_are_commands_to_look_at():
    assert len(OPSCORE) > 40
    assert len({page for page, _ in OPSCORE}) > 8


@pytest.mark.parametrize(("page", "words"), OPSCORE, ids=lambda value: str(value)[:60])
def test_a_command_line_is_understood(page, words):
    command, arguments = command_of(words[1:])
    try:
        command.make_context(command.name, list(arguments)).close()
    except ClickException as error:
        pytest.fail(f"{page}: {' '.join(words)}: {error.format_message()}")


def test_targets_and_scripts_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, words in TYPED:
        if words[0] == "make":
            assert set(words[1:]) <= targets, page
        elif words[0] == "python":
            assert (ROOT / words[1]).is_file(), page


@pytest.mark.parametrize("page", PAGES)
def test_commands_within_sentences_have_these_options(page):
    text = re.sub(r"^```.*?^```$", "", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    for quoted in re.findall(r"`opscore ([a-z][^`]*)`", text):
        words = quoted.replace("\n", " ").split()
        command, left = command_of(words)
        assert command is not TREE, quoted
        told = {word.split("=")[0].strip('",') for word in left if word.startswith("--")}
        assert told <= options_of(command) | {"--help"}, f"{page}: {quoted}"


def test_the_page_on_json_has_every_command():
    page = PAGES["docs/json.md"]
    rows = set(re.findall(r"^\| `opscore ([^`]+)` \|", page, re.MULTILINE))
    with_json = {name for name, command in commands() if "--json" in options_of(command)}
    assert rows == with_json
    for name in {name for name, _ in commands()} - with_json:
        assert f"`opscore {name}`" in page


#: What takes longer than a test may, or needs a GPU, a network or files that a reader has.
NOT_RUN = re.compile(
    "make|data (fetch|add)|--checkpoint|-V 100|cuda|imagenet|scripts/records|found.txt|/scratch"
    "|exported|train |proxies check|--space mobilenet|benchmarks/|-N 1 -V 0|DIR|table1|--all-tasks"
    "|runs sync|batch|runs (list|export)|report|progressive|initial --policies|search"
    r"|\(mine\)|check mine|nets(.py)?:small|photos|my_data|scores.csv"
)
RUN = [(page, words) for page, words in OPSCORE if not NOT_RUN.search(" ".join(words))]


def in_a_shell(words, folder):
    environment = os.environ | {"COLUMNS": "100", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", "from opscore.cli import main; main()", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize(("page", "words"), RUN, ids=lambda value: str(value)[:60])
def test_a_command_runs_as_it_stands(page, words, tmp_path, data_dir):
    done = in_a_shell(words[1:], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


#: How a command that computes is made small: what it has of these options has this value.
AT_SMOKE = {
    "--size": "smoke", "--batch-size": "8", "--seeds": "0", "--images": "digits",
    "--proposals": "1", "--validation": "1", "--training": "smoke",
}  # fmt: skip

#: What needs files that a reader has, a graphics card, or large networks at any size.
NOT_SMALL = re.compile(
    "checkpoint|cuda|found.txt|/scratch|photos|my_data|nets|mine|imagenet|mobilenet|darts|s1|macro|exhaustive"
)
COMPUTES = [
    (page, words)
    for page, words in OPSCORE
    if words[1] in ("initial", "progressive", "search") and not NOT_SMALL.search(" ".join(words))
]


def made_small(words):
    """The command line with the smallest value of each option that decides how long it takes."""
    command, given = command_of(words)
    same = [parameter.opts for parameter in command.params if AT_SMOKE.keys() & set(parameter.opts)]
    dropped = {option for options in same for option in options}
    kept = [
        word
        for place, word in enumerate(given)
        if word not in dropped and (place == 0 or given[place - 1] not in dropped)
    ]
    small = [
        each for options in same for o in options if o in AT_SMOKE for each in (o, AT_SMOKE[o])
    ]
    return [words[0], *kept, *small]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("page", "words"), COMPUTES, ids=lambda value: str(value)[:60])
def test_a_command_that_computes_runs_at_a_small_size(page, words, tmp_path, data_dir):
    done = in_a_shell(made_small(words[1:]), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.exhaustive
def test_the_page_on_batches_runs_as_it_stands(tmp_path):
    """From the grid to the report, with the smallest of the example's spaces."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    pages = ("docs/batch.md", "docs/report.md")
    typed = [words for page, words in OPSCORE if page in pages]
    assert len(typed) > 8
    for words in typed:
        done = in_a_shell(words[1:], tmp_path)
        assert done.returncode == 0, (words, done.stderr)
    assert (tmp_path / "results.csv").is_file()
    assert (tmp_path / "grid.html").is_file()


#: Pages whose Python stands for itself, and how a test makes it small.
SMALL = (
    ("seeds=range(4)", "seeds=[0], images='digits', batch_size=8"),
    ('size="cpu"', 'size="smoke"'),
)


@pytest.fixture
def proxies_as_before():
    """What a page registers is gone afterwards."""
    before = set(list_proxies())
    yield
    for name in set(list_proxies()) - before:
        unregister_proxy(name)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "page", ["README.md", "docs/quickstart.md", "docs/doctor.md", "docs/statistics.md"]
)
def test_python_runs_as_it_stands_at_a_small_size(page, tmp_path, monkeypatch, proxies_as_before):
    monkeypatch.chdir(tmp_path)
    for text in blocks(page, "python"):
        for long, short in SMALL:
            text = text.replace(long, short)  # noqa: PLW2901
        if "seeds=" in text and "size=" not in text:
            text = text.replace("seeds=", 'size="smoke", seeds=')  # noqa: PLW2901
        exec(compile(text, page, "exec"), {"__name__": page})


@pytest.mark.exhaustive  # what it does: tests/experiments/test_own.py, tests/images/test_own.py
def test_the_page_on_what_is_your_own_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    """Its files are written, and those that it names beside them, and each command is run."""
    page, draw = "docs/own.md", np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    files = [text for text in blocks(page, "python") if text.startswith("# ")]
    for text in files:
        Path(text.splitlines()[0][2:]).write_text(text)
    pixels = draw.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    for place, image in enumerate(pixels):
        folder = tmp_path / "photos" / f"class{place % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{place}.png")
    np.save("pixels.npy", pixels)
    Path("my_data.py").write_text(
        "import numpy as np\n"
        "train = [(image, place % 2) for place, image in enumerate(np.load('pixels.npy'))]\n"
    )
    np.savez("batch.npz", batch_x=draw.random((4, 3, 16, 16)), batch_y=[0, 1, 2, 3])
    table = read_record("architecture_scores")[0]
    table.sample(20, random_state=0)[["architecture", "nwot"]].to_csv("scores.csv", index=False)
    for words in lines(page):
        with pytest.raises(SystemExit) as stopped:
            cli.main(words[1:])
        assert stopped.value.code == 0, (words, capsys.readouterr().err)
    (use,) = [text for text in blocks(page, "python") if text not in files]
    exec(compile(use, page, "exec"), {})
    unregister_proxy("mine")
    POLICIES.remove("smallest")
    for name in ("nets", "my_data"):
        sys.modules.pop(name)
