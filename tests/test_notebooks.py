"""Every notebook runs from top to bottom in a fresh kernel, without the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"


#: 'make test-all' has these.
LONG = ("api_tour", "darts", "figure2", "search", "spaces", "toy_model")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=pytest.mark.exhaustive if path.stem in LONG else ())
        for path in sorted(FOLDER.glob("*.ipynb"))
    ],
)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_notebooks_are_there() -> None:
    names = {path.stem for path in FOLDER.glob("*.ipynb")}
    assert {"figure2", "table1", "api_tour", "toy_model", "spaces", "search", "darts"} <= names
