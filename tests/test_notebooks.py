"""Every notebook runs from top to bottom, without the data folder."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

FOLDER = Path(__file__).parents[1] / "notebooks"


def code_of(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_code_of_the_shortest_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSCORE_SMOKE", "1")
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    with mpl.rc_context({"backend": "agg"}):
        for text in code_of(FOLDER / "table1.ipynb"):
            exec(compile(text, "table1.ipynb", "exec"), names)
    assert list(tmp_path.rglob("table1.png"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_in_a_fresh_kernel(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Imported here: collecting the tests need not wait seconds for what only this one uses.
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("OPSCORE_SMOKE", "1")
    monkeypatch.delenv("OPSCORE_DATA", raising=False)
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
    assert all(cell.execution_count for cell in code)


def test_an_error_of_the_users_is_one_line() -> None:
    shell = InteractiveShell()
    with capture_output() as shown:
        shell.run_cell("import opscore\nopscore.get_proxy('nwott')")
    line = "UserError: unknown proxy 'nwott'; did you mean nwot or ntk?\n"
    assert shown.stderr + shown.stdout == line
