"""What a listener hears, from one process and from workers."""

from collections.abc import Sequence

import pytest

from opscore import progress
from opscore.progress import Step
from opscore.runs.workers import in_workers


class Heard:
    """A listener that writes everything down."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []
        self.shares: list[float] = []

    def planned(self, units: Sequence[str]) -> None:
        self.lines.append(("planned", *units))

    def started(self, unit: str) -> None:
        self.lines.append(("started", unit))

    def reached(self, unit: str, share: float, where: str, step: Step) -> None:
        self.lines.append(("reached", unit, where, step))
        self.shares.append(share)

    def finished(self, unit: str, *, found: bool) -> None:
        self.lines.append(("finished", unit, found))

    def stopped(self, unit: str) -> None:
        self.lines.append(("stopped", unit))


def test_plan_found_and_computed_units():
    heard = Heard()
    with progress.listening(heard):
        progress.plan(["a", "b"])
        progress.found("a")
        with progress.unit("b"):
            assert list(progress.each([1, 2], "states")) == [1, 2]
    assert heard.lines[0] == ("planned", "a", "b")
    assert ("finished", "a", True) in heard.lines
    assert heard.lines[2] == ("started", "b")
    steps = [line[3] for line in heard.lines if line[0] == "reached"]
    assert steps == [Step(0, 2, "states"), Step(1, 2, "states"), Step(2, 2, "states")]
    assert heard.lines[-1] == ("finished", "b", False)


def test_a_loop_goes_on_after_what_an_earlier_run_did():
    heard = Heard()
    with progress.listening(heard), progress.unit("a"), progress.steps(4, "epochs", 3):
        progress.advance()
    assert heard.shares == [0.75, 1.0]


def test_inner_loops_fill_a_step_of_the_outer_one():
    heard = Heard()
    with progress.listening(heard), progress.unit("a"):
        for _ in progress.each([0, 1], "iterations"):
            for _ in progress.each([0, 1, 2, 3], "states"):
                pass
    assert heard.shares == sorted(heard.shares)
    assert heard.shares[-1] == 1.0
    assert 0.125 in heard.shares
    assert ("reached", "a", "iteration 2 of 2", Step(1, 4, "states")) in heard.lines


def test_a_share_moves_the_outer_loop_alone():
    heard = Heard()
    with progress.listening(heard), progress.unit("search"), progress.steps(1):
        list(progress.each([0, 1], "states"))
        assert max(heard.shares) == 0
        progress.reach(0.5, "proposal 3")
        assert heard.shares[-1] == 0.5
        list(progress.each([0], "states"))
    assert heard.lines[-2] == ("reached", "search", "proposal 3", Step(1, 1, "states"))


def test_a_unit_inside_a_unit_is_a_part_of_it():
    heard = Heard()
    with progress.listening(heard), progress.unit("outer"):
        progress.plan(["inner"])
        progress.found("inner")
        with progress.unit("inner"):
            pass
    assert [line[:2] for line in heard.lines] == [("started", "outer"), ("finished", "outer")]


def test_an_outline_plans_once_for_several_loops():
    heard = Heard()
    with progress.listening(heard), progress.outline(["a", "a"]):
        for _ in range(2):
            progress.plan(["a"])
    assert heard.lines == [("planned", "a", "a")]


def test_a_failure_stops_the_unit():
    heard = Heard()

    def fail():
        with progress.unit("a"):
            raise ValueError("no")

    with progress.listening(heard):
        with pytest.raises(ValueError, match="no"):
            fail()
        with progress.unit("b"):
            pass
    assert ("stopped", "a") in heard.lines
    assert ("finished", "a", False) not in heard.lines
    assert heard.lines[-1] == ("finished", "b", False)


def test_nobody_listens():
    progress.plan(["a"])
    progress.found("a")
    progress.advance()
    progress.reach(0.5, "a")
    with progress.unit("a"):
        assert list(progress.each("xy", "letters")) == ["x", "y"]


def work_in(module=progress):
    """What a worker does; made here, so that it is sent by value and not by this file's name."""

    def work(number):
        with module.unit(f"unit {number}"):
            for _ in module.each(range(3), "states"):
                pass
        return number

    return work


@pytest.mark.parametrize("in_order", [True, False])
def test_workers_are_heard(in_order):
    heard = Heard()
    with progress.listening(heard):
        found = list(in_workers(2, work_in(), [(0,), (1,), (2,)], in_order=in_order))
    assert sorted(found) == [0, 1, 2]
    for number in range(3):
        own = [line for line in heard.lines if line[1] == f"unit {number}"]
        assert own[0] == ("started", f"unit {number}")
        assert own[-1] == ("finished", f"unit {number}", False)


def test_workers_without_a_listener():
    assert list(in_workers(2, work_in(), [(0,), (1,)], in_order=True)) == [0, 1]
