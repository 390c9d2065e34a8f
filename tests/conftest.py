"""Shared fixtures."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
import torch


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The name of a case, the same in every process that collects: bytes may hold a time."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_finish() -> None:
    """What is imported and collected stays: garbage collection need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; tests that need it run wherever $OPSCORE_DATA names one."""
    folder = os.environ.get("OPSCORE_DATA")
    if not folder:
        pytest.skip("needs the data folder: set OPSCORE_DATA")
    path = Path(folder)
    assert path.is_dir(), f"$OPSCORE_DATA names {path}, which is not a folder"
    return path


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The device under test: $OPSCORE_DEVICE, else the CPU."""
    return torch.device(os.environ.get("OPSCORE_DEVICE", "cpu"))
