"""Running a command as a user does, in this process, and proxies that fail on the way."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from opscore.cli import main
from opscore.proxies import register_proxy, unregister_proxy


def run(capture: pytest.CaptureFixture[str], *arguments: object) -> tuple[Any, str, str]:
    """The exit code of ``opscore ARGUMENTS``, what it printed, and what it said beside that."""
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    captured = capture.readouterr()
    return stopped.value.code, captured.out, captured.err


@contextmanager
def failing_proxy(
    name: str,
    at: Container[int],
    error: type[BaseException] = MemoryError,
    *,
    higher_is_better: bool = True,
) -> Iterator[list[int]]:
    """A proxy that raises at these of its calls, counted from 1, and has the call's number else.

    Yields the list of the calls so far.
    """
    calls: list[int] = []

    @register_proxy(name, higher_is_better=higher_is_better, source="a test")
    def failing(network: Any, batch: Any) -> float:
        calls.append(len(calls) + 1)
        if calls[-1] in at:
            raise error
        return float(calls[-1])

    try:
        yield calls
    finally:
        unregister_proxy(name)
