"""The page of a run store: what is on it, what names may be, and that a browser shows it."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import unquote

import pandas as pd
import pytest

import opscore
from opscore.answers.words import short_dataset
from opscore.cli import main
from opscore.errors import UserError
from opscore.oracles import load_truth
from opscore.proxies import unregister_proxy
from opscore.report.page import report, write_report
from opscore.runs import RunStore
from opscore.runs.upkeep import merge

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Initial scores, a search and a failed run."""
    root = tmp_path_factory.mktemp("report") / "runs"
    small = {"size": "smoke", "batch_size": 4, "images": "digits", "store": root}
    opscore.initial(["zc-pt(nwot)", "random"], seeds=(0, 1), **small)
    opscore.run_search(["random"], seeds=(0,), **small)
    error = UserError("<script>alert('x')</script> & \"quotes\"")
    RunStore(root).keep_error({"kind": "initial", "policy": "<b>bold</b>", "seed": 3}, error)
    return root


@pytest.fixture(scope="module")
def page(store):
    path, _ = write_report(store)
    return path


class Links(HTMLParser):
    """Whatever a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "action"} and not value.startswith("#"):
                self.found.append(f"{tag} {name}={value}")


def test_the_page_needs_no_other_file(page):
    text = page.read_text()
    links = Links()
    links.feed(text)
    assert [one for one in links.found if "data:" not in one] == []
    assert "@import" not in text
    assert len(text.encode()) < 3_000_000


def test_names_and_errors_of_others_are_text(page):
    text = page.read_text()
    assert "<script>alert" not in text
    assert "<b>bold</b>" not in text
    assert "&lt;script&gt;alert" in text


def test_numbers_are_those_of_the_calls(store, page):
    again = opscore.initial(
        ["zc-pt(nwot)", "random"], seeds=(0, 1), size="smoke", batch_size=4, images="digits",
        store=store,
    )  # fmt: skip
    rho = again.against("best-acc").set_index("policy")["rho"]
    text = re.sub(r"\s+", " ", page.read_text())
    table = text[text.index("Spearman with best-acc") :]
    rows = re.findall(r"<tr>.*?</tr>", table[: table.index("</table>")])
    for policy in ("zc-pt(nwot)", "random"):
        (row,) = [one for one in rows if f">{policy}<" in one]
        assert f">{rho[policy]:+.2f}<" in row
        (anchor,) = re.findall(r'href="#(initial-[^"]+)"', row)
        assert f'<tr id="{anchor}">' in text
    assert table.index("edge-specific") < table.index("</table>")


def test_calls_that_differ_in_policies_and_seeds_are_one_study(tmp_path):
    small = {"size": "smoke", "batch_size": 4, "images": "noise", "store": tmp_path / "a"}
    opscore.initial(["random"], seeds=(0,), baselines=False, **small)
    opscore.initial(["op-params"], seeds=(0, 1), baselines=False, **small)
    opscore.initial(["op-params"], baselines=False, **{**small, "dtype": "float64"})
    found = report(tmp_path / "a")
    first = max(found.sections, key=lambda section: len(section.links))
    assert set(first.links) == {"best-acc", "avg-acc", "random", "op-params"}
    merge(tmp_path / "a", tmp_path / "b")
    again = report(tmp_path / "b")
    assert [each.settings for each in again.sections] == [each.settings for each in found.sections]


def test_another_truth_is_none(store, tmp_path, data_dir):
    table = pd.read_parquet(data_dir / "nasbench201.parquet")
    numbers = [name for name in table if name.startswith("cifar10_test")]
    table[numbers] = table[numbers] / 2
    table.to_parquet(tmp_path / "nasbench201.parquet")
    initial = next(one for one in report(store, data_dir=tmp_path).sections if "nwot" in str(one))
    assert any("another one than these runs had" in note for note in initial.notes)
    assert initial.tables[0].title.startswith("No truth")


MINE = """
from opscore import register_proxy

@register_proxy("mine", higher_is_better=True, source="here")
def mine(network, batch):
    return float(sum(weight.numel() for weight in network.parameters()))
"""


def test_what_is_not_registered_here_is_left_out(tmp_path, capsys):
    store, code = tmp_path / "runs", tmp_path / "registers_mine.py"
    code.write_text(MINE)
    exec(MINE, {"__name__": "here"})
    try:
        opscore.initial(["zc-pt(mine)"], images="noise", size="smoke", store=store)
    finally:
        unregister_proxy("mine")
    (section,) = report(store).sections
    assert any(note.startswith("zc-pt(mine) is left out") for note in section.notes)
    assert section.tables
    try:
        with pytest.raises(SystemExit):
            main(["report", "--runs", str(store), "--plugin", str(code), "--json"])
    finally:
        unregister_proxy("mine")
    (study,) = json.loads(capsys.readouterr().out)["studies"]
    assert not any("left out" in note for note in study["notes"])


def test_tables_can_be_taken_as_csv(store, page):
    (address,) = re.findall(r'href="data:text/csv[^,]*,([^"]+)"', page.read_text())[-1:]
    rows = pd.read_csv(io.StringIO(unquote(address)))
    assert set(rows["run"]) == {run.name for run in report(store).runs}


def test_errors_are_of_the_table_that_is_named(tmp_path, monkeypatch, data_dir):
    """The page judges with the table of --data-dir, as the search did, and says which it is."""
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    small = {"size": "smoke", "batch_size": 4, "images": "noise", "data_dir": data_dir}
    searched = opscore.run_search(["random"], seeds=(0, 1), store=tmp_path, **small)
    (section,) = report(tmp_path, data_dir=data_dir).sections
    (summary,) = [one for one in section.tables if one.title.startswith("Test error")]
    names = [column.name for column in summary.shown(detail=True)]
    rows = summary.rows(detail=True)
    for row, expected in zip(rows, searched.summary().itertuples(), strict=True):
        cells = dict(zip(names, row, strict=True))
        assert cells["dataset"].text == short_dataset(expected.dataset)
        assert cells["error"].text == f"{expected.error:.2f} ({expected.std:.2f})"
        assert cells["regret"].text == f"{expected.regret:.2f}"
    assert any(load_truth(data_dir=data_dir).describe() in note for note in section.notes)


def test_the_summary_counts_runs_by_state(store):
    found = report(store)
    assert found.counts["failed"] == 1
    assert found.counts["finished"] >= 5


def test_no_store_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--runs", str(tmp_path / "nowhere")])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_says_what_it_wrote(store, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--runs", str(store), "--out", str(tmp_path / "page.html"), "--json"])
    assert stopped.value.code == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == (tmp_path / "page.html").stat().st_size


@pytest.mark.skipif(BROWSER is None, reason="no chromium to open the page in")
@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_shows_it_without_an_error(page, tmp_path, width):
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
        f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "CONSOLE" not in shown.stderr
    assert re.search(r"<output[^>]*>", shown.stdout)
    assert '<button type="button">policy' in shown.stdout  # the script ran: headings sort
