"""``opscore doctor``: what it finds on a sound machine, and what it says of a broken one."""

from __future__ import annotations

import json
import shutil
import sys
from collections import namedtuple
from importlib import metadata

import pytest
import running

from opscore.doctor import can_run, golden_checks, golden_scores, table_of
from opscore.doctor.checks import (
    TOO_LITTLE,
    Check,
    devices,
    files,
    folder,
    guarded,
    packages,
    sources,
    threads,
    trial,
    versions,
)

AREAS = ["versions", "threads", "devices", "folders", "data", "main job"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OPSCORE_DATA", raising=False)


def run(capsys, *arguments):
    return running.run(capsys, "doctor", *arguments)


def named(checks):
    return {check.name: check for check in checks}


def test_without_any_data_the_main_job_can_run(capsys, tmp_path):
    code, out, err = run(capsys, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["can_run"] is True
    assert list(dict.fromkeys(check["area"] for check in found["checks"])) == AREAS
    checks = {check["name"]: check for check in found["checks"]}
    assert checks["torch"]["detail"] == found["settings"]["versions"]["torch"]
    assert checks["opscore initial"]["status"] == "ok"
    assert "agrees with best-acc at 0." in checks["opscore initial"]["detail"]
    assert checks["nasbench201"]["status"] == "missing"
    assert "opscore data fetch nasbench201" in checks["nasbench201"]["remedy"]
    assert "in place of CIFAR-10" in checks["images"]["detail"]
    assert "opscore data fetch cifar10" in checks["images"]["remedy"]
    assert checks["truth of nasbench201"]["status"] == "ok"  # that of the PyPI package
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_truth_keeps_the_main_job_from_running(capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "nasbench201.parquet").write_bytes(b"PAR1 and nothing more")
    code, out, _ = run(capsys, "--data-dir", "mine")
    assert code == 1
    assert "the main job cannot run here" in out
    (file,) = [c for c in files(tmp_path / "mine") if c.name == "nasbench201"]
    assert (file.status, "not a readable Parquet file" in file.detail) == ("warning", True)
    assert file.remedy.startswith("remove it, then run 'opscore data fetch")


def test_with_the_data_folder_all_is_said_to_be_there(data_dir):
    found = named([*files(data_dir), *sources(data_dir)])
    assert found["nasbench201"].status == "ok"
    assert found["images"].detail.startswith("CIFAR-10")
    assert found["truth of transnas-micro"].status == "ok"


def test_a_data_folder_that_is_none(capsys, monkeypatch):
    assert run(capsys, "--data-dir", "nowhere") == (
        2,
        "",
        "opscore: --data-dir (data_dir in Python) names nowhere, which is not a folder\n",
    )
    monkeypatch.setenv("OPSCORE_DATA", "nowhere")
    (check,) = files()
    assert check.status == "problem"
    assert "$OPSCORE_DATA names nowhere" in check.detail
    assert "unset" in check.remedy


def test_a_device_that_is_not_there():
    found = named(devices("cuda:99"))["--device cuda:99"]
    assert found.status == "problem"
    assert "not available" in found.detail
    assert not can_run(guarded("main job", "opscore initial", lambda: trial(None, "cuda:99")))


def test_a_driver_that_torch_cannot_use(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert named(devices())["cuda"].status in {"missing", "warning"}
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert named(devices())["cuda"].status == "warning"
    assert "NVIDIA driver" in named(devices())["cuda"].detail


def test_packages_that_are_missing_or_too_old(monkeypatch):
    wanted = ["numpy>=1", "torch>=999", "no-such-package>=2", 'not-asked-for; extra == "dev"']
    found = named(packages(wanted))
    assert {name: check.status for name, check in found.items()} == {
        "numpy": "ok",
        "torch": "problem",
        "no-such-package": "problem",
    }
    assert found["torch"].remedy == "run 'pip install \"torch>=999\"'"
    assert "needed is >=999" in found["torch"].detail

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    assert named(versions())["opscore"].status == "warning"


def test_python_that_is_too_old(monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: "3.8.1")
    found = named(versions())["python"]
    assert found.status == "problem"
    assert "3.8.1; needed is >=3." in found.detail


def test_a_package_that_cannot_be_imported_is_a_finding(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (found,) = guarded("threads", "threads", threads)
    assert found.status == "problem"
    assert "torch" in found.detail


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for needed, status in ((True, "problem"), (False, "warning")):
        found = folder("runs", tmp_path / "file" / "runs", needed=needed, remedy="another one")
        assert (found.status, found.remedy) == (status, "another one")
        assert "cannot be written" in found.detail
    found = folder("runs", tmp_path / "file", needed=True, remedy="")
    assert found.detail.endswith("it is a file")


@pytest.mark.parametrize(
    ("free", "status"), [(TOO_LITTLE - 1, "problem"), (500 * 2**20, "warning"), (2**40, "ok")]
)
def test_room_that_is_left(monkeypatch, tmp_path, free, status):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2**41, 0, free))
    found = folder("runs", tmp_path / "not" / "there", needed=True, remedy="another one")
    assert found.status == status
    assert not (tmp_path / "not").exists()


def test_a_folder_of_runs_that_is_a_file_is_a_problem(capsys, tmp_path):
    (tmp_path / "runs").touch()
    code, out, _ = run(capsys, "--runs", "runs", "--json")
    assert code == 1
    problems = [c for c in json.loads(out)["checks"] if c["status"] == "problem"]
    assert [c["name"] for c in problems] == ["runs"]


def test_a_table_of_findings():
    frame = table_of([Check("data", "images", "missing", "none", "fetch some")])
    assert frame.to_dict("records")[0]["remedy"] == "fetch some"
    assert list(table_of([]).columns) == ["area", "name", "status", "detail", "remedy"]


def test_golden_scores_come_out_here_and_other_values_are_told(capsys, monkeypatch, tmp_path):
    code, out, _ = run(capsys, "--golden", "--json")
    found = json.loads(out)
    assert code == 0
    assert len(found["golden"]) == 10
    assert all(row["difference"] < 1e-4 < row["tolerance"] for row in found["golden"])
    scores = golden_scores().assign(difference=lambda table: table["difference"] + [0.01, *[0] * 9])
    first, *others = golden_checks(scores)
    assert (first.status, {check.status for check in others}) == ("warning", {"ok"})
    assert "other weights are drawn" in first.remedy
    lost, *_ = golden_checks(scores.assign(here=float("nan"), difference=float("nan")))
    assert lost.status == "warning"
