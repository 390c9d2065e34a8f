"""What a user brings in a file or an installed package: a proxy, a policy, a space, a truth."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from running import run

import opscore
from opscore.errors import UserError
from opscore.oracles import ORACLES, Accuracies
from opscore.policies import POLICIES, Policy
from opscore.proxies import PROXIES, Score
from opscore.testing import ConformanceError, check_oracle, check_policy
from opscore.user_code import find_object, load_file

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"
SMALL = ["--size", "smoke", "--batch-size", "8", "--images", "digits", "--no-baselines", "--json"]

PLUGIN = """
from opscore import register_policy, register_proxy
from opscore.policies import Policy
from opscore.proxies import Score


@register_proxy("mine", higher_is_better=True, source="here")
def mine(network, batch):
    return {factor} * float(batch.images.sum())


@register_policy("first-listed", summary="operations as they are listed")
class FirstListed(Policy):
    higher_is_better = False

    def __init__(self, context):
        pass

    def scores(self, state, edges):
        return {{edge: [Score.of(op, 0.0) for op in state.remaining(edge)] for edge in edges}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder; what files register in it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    PROXIES.remove("mine")
    POLICIES.remove("first-listed")
    sys.modules.pop("plugin_file", None)


def test_an_installed_package_keeps_the_promises_and_works_in_commands(tmp_path):
    source, target = tmp_path / "plugin", tmp_path / "installed"
    shutil.copytree(EXAMPLE, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--target", target, source], check=True)
    environment = {**os.environ, "PYTHONPATH": f"{target}:{Path(opscore.__file__).parents[1]}"}

    def out_of(*command):
        done = subprocess.run(
            [sys.executable, *command],
            check=False,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert out_of(str(source / "check.py")) == "all promises are kept\n"
    policies = "zc-pt(logit-spread),lightest(params)"
    space = ["--space", "example-chain", "--policies", policies]
    found = json.loads(out_of("-m", "opscore", "initial", *space, *SMALL))
    names = {row["policy"] for row in found["scores"]}
    assert names >= {"zc-pt(logit-spread)", "lightest(params)", "avg-acc"}


def test_a_file_on_the_command_line(here, capsys):
    (here / "plugin.py").write_text(PLUGIN.format(factor=1))
    asked = ["initial", *SMALL, "--plugin", "plugin.py", "--policies"]
    code, out, _ = run(capsys, *asked, "disc-zc(mine),first-listed")
    assert code == 0
    scores = json.loads(out)["scores"]
    assert {row["policy"] for row in scores} >= {"disc-zc(mine)", "first-listed"}
    listed = [row["score"] for row in scores if row["policy"] == "first-listed"]
    assert listed[:5] == [0, 1, 2, 3, 4]
    code, _, err = run(capsys, *asked, "disc-zc(min)")
    assert (code, err.startswith("opscore: unknown proxy 'min'; did you mean mine")) == (2, True)
    check_policy("first-listed", ["nasbench201", "nb1shot1-1"])


def test_workers_have_what_a_file_registers_and_another_version_is_another_result(here, capsys):
    sums = []
    for factor in (1, 2):
        (here / "plugin.py").write_text(PLUGIN.format(factor=factor))
        PROXIES.remove("mine")
        POLICIES.remove("first-listed")
        sys.modules.pop("plugin_file", None)
        arguments = ["--policies", "disc-zc(mine)", "--seeds", "0-1", "--jobs", "2"]
        code, out, _ = run(capsys, "initial", *SMALL, *arguments, "--plugin", "plugin.py")
        assert code == 0
        sums.append(
            [r["score"] for r in json.loads(out)["scores"] if r["policy"] == "disc-zc(mine)"]
        )
    assert np.allclose(np.multiply(sums[0], 2), sums[1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "unknown file of Python 'plugin.py'; did you mean plugins.py?"),
        ("1 / 0", "plugin.py cannot be run (ZeroDivisionError: division by zero)"),
        ("import no_such_thing", "plugin.py cannot be run (ModuleNotFoundError"),
        ("raise SystemExit(3)", "plugin.py cannot be run (SystemExit: 3)"),
    ],
)
def test_a_file_that_cannot_be_run_is_one_line(here, capsys, text, said):
    (here / "plugins.py").touch()
    if text is not None:
        (here / "plugin.py").write_text(text)
    code, out, err = run(capsys, "initial", "--plugin", "plugin.py", *SMALL)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_file_stands_in_for_no_module(here):
    (here / "json.py").write_text("name = 1")
    assert load_file(here / "json.py").name == 1
    assert find_object("json.py:name") == 1
    assert find_object("json:dumps") is json.dumps
    with pytest.raises(UserError, match="the form is module:name"):
        find_object("json")


def test_a_policy_that_looks_at_more_than_it_declares_is_told_so():
    @opscore.register_policy("careless", summary="does not say what it depends on")
    class Careless(Policy):
        higher_is_better = True

        def __init__(self, context):
            self.context = context

        def scores(self, state, edges):
            draw = self.context.seed
            return {e: [Score.of(draw + op, 0.0) for op in state.remaining(e)] for e in edges}

    try:
        with pytest.raises(ConformanceError, match="looks at seed, and does not declare it"):
            check_policy("careless", ["nasbench201"])
    finally:
        POLICIES.remove("careless")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            lambda ops: [1.0] * len(ops),
            r"gives \[1.0, .* for edge 0; .* 5 scores, Score.of",
        ),
        (lambda ops: [Score.of(1.0)], "for edge 0; it has to give 5 scores"),
        (None, "for edge 1; it has to give 5 scores"),
    ],
)
def test_a_policy_that_gives_no_score_for_each_operation_is_told_so(row, said):
    @opscore.register_policy("careless", summary="gives something else")
    class Careless(Policy):
        def __init__(self, context):
            pass

        def scores(self, state, edges):
            if row is None:
                return {0: [Score.of(1.0)] * len(state.remaining(0))}
            return {edge: row(state.remaining(edge)) for edge in edges}

    try:
        with pytest.raises(UserError, match=said):
            opscore.initial(["careless"], [0], size="smoke", images="noise", baselines=False)
    finally:
        POLICIES.remove("careless")


def test_a_class_that_gives_no_scores_is_no_policy():
    with pytest.raises(UserError, match=r"policy 'careless' defines no scores\(\)"):

        @opscore.register_policy("careless", summary="has another method")
        class Careless(Policy):
            def score(self, state, edges):
                return {}

    assert "careless" not in POLICIES


def test_oracles_of_this_package_keep_the_promises_and_broken_ones_are_told(data_dir, monkeypatch):
    monkeypatch.setenv("OPSCORE_DATA", str(data_dir))
    for space in ("nasbench201", "nb1shot1-1", "transnas-micro"):
        check_oracle(space)
    shape = opscore.get_space("nasbench-macro").choice_counts
    draw = np.random.default_rng(0)
    key = ("mine", "test", 0)

    def loader(make):
        monkeypatch.setitem(
            ORACLES._entries,
            "nasbench-macro",
            lambda source, folder: Accuracies({key: make()}, "made up", None, default=key),
        )

    loader(lambda: draw.uniform(60, 90, (*shape, 1)))
    with pytest.raises(ConformanceError, match="other accuracies each time"):
        check_oracle("nasbench-macro")
    for wrong, said in ((400, "holds 400; wanted: percent"), (np.inf, "holds inf; wanted")):
        loader(lambda wrong=wrong: np.full((*shape, 1), float(wrong)))
        with pytest.raises(UserError, match=said):
            check_oracle("nasbench-macro")
    loader(lambda: np.full((*shape, 1), 0.9))
    with pytest.raises(UserError, match="holds fractions"):
        opscore.load_oracle("nasbench-macro")
