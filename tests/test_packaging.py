"""What the package says of itself where others read it: setup.cfg, the index, conda, citations."""

from __future__ import annotations

import importlib.util
import re
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from opscore import __version__
from opscore.published.sources import THE_PAPER, entries

ROOT = Path(__file__).resolve().parents[1]

#: What conda calls differently.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base", "seaborn": "seaborn-base"}

#: What is on PyPI alone.
NOT_IN_CONDA = {"analog-nasbench", "nas-bench-201"}


@pytest.fixture(scope="module")
def config():
    found = ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def setup():
    spec = importlib.util.spec_from_file_location("setup_py", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recipe_asks_for_what_setup_cfg_asks_for(config):
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    needs = map(Requirement, config["options"]["install_requires"].split("\n")[1:])
    wanted = [
        f"{CONDA.get(need.name, need.name)} {need.specifier}"
        for need in needs
        if need.name not in NOT_IN_CONDA
    ]
    python = f"python {config['options']['python_requires']}"
    assert recipe["requirements"]["run"] == [python, *wanted]
    assert recipe["context"]["version"] == __version__
    (script,) = recipe["build"]["python"]["entry_points"]
    assert script in config["options.entry_points"]["console_scripts"]


def test_the_version_heads_the_changes_with_its_date():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
    assert versions[0][0] == __version__
    assert [date for _, date in versions] == sorted((date for _, date in versions), reverse=True)
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_index_shows_no_link_that_leads_nowhere(setup):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert setup.LINK.search(readme)
    assert not setup.LINK.search(setup.on_the_index(readme, ""))
    text = "![a picture](docs/a.png) of [pages](docs/a.md#b) and [elsewhere](https://b.org/c)"
    assert setup.on_the_index(text, "") == " of pages and [elsewhere](https://b.org/c)"
    assert setup.on_the_index(text, "https://host/us") == (
        "![a picture](https://host/us/raw/main/docs/a.png) of "
        "[pages](https://host/us/blob/main/docs/a.md#b) and [elsewhere](https://b.org/c)"
    )


def test_the_citation_file_names_the_paper():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    title = re.search(r"title = \{(.*)\},", entries()[THE_PAPER])[1]
    assert title in text


def test_pythons_are_those_that_are_checked(config):
    named = re.findall(r"Python :: (3\.\d+)$", config["metadata"]["classifiers"], re.MULTILINE)
    script = (ROOT / "scripts" / "wheel_check.py").read_text(encoding="utf-8")
    assert re.search(r"PYTHONS = \((.*)\)", script)[1] == ", ".join(f'"{each}"' for each in named)
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    assert all(f'"{each}"' in workflow for each in named)
