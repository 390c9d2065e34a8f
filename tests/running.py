"""Running a command as a user does, in this process."""

from __future__ import annotations

from typing import Any

import pytest

from opscore.cli import main


def run(capture: pytest.CaptureFixture[str], *arguments: object) -> tuple[Any, str, str]:
    """The exit code of ``opscore ARGUMENTS``, what it printed, and what it said beside that."""
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    captured = capture.readouterr()
    return stopped.value.code, captured.out, captured.err
