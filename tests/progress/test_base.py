"""What a listener hears, from one process and from workers."""

import pytest

from opscore import progress
from opscore.progress import Event
from opscore.runs.workers import in_workers


@pytest.fixture
def heard():
    events = []
    with progress.listening(events.append):
        yield events


def shares(events):
    return [event.share for event in events if event.kind == "reached"]


def test_plan_found_and_computed_units(heard):
    progress.plan(["a", "b"])
    progress.found("a")
    with progress.unit("b"):
        assert list(progress.each([1, 2], "states")) == [1, 2]
    assert heard == [
        Event("planned", "a"),
        Event("planned", "b"),
        Event("found", "a"),
        Event("started", "b"),
        Event("reached", "b", 0, "", 0, 2, "states"),
        Event("reached", "b", 0.5, "", 1, 2, "states"),
        Event("reached", "b", 1, "", 2, 2, "states"),
        Event("finished", "b"),
    ]


def test_a_loop_goes_on_after_what_an_earlier_run_did(heard):
    with progress.unit("a"), progress.steps(4, "epochs", 3):
        progress.advance()
    assert shares(heard) == [0.75, 1.0]


def test_inner_loops_fill_a_step_of_the_outer_one(heard):
    with progress.unit("a"):
        for _ in progress.each([0, 1], "iterations"):
            for _ in progress.each([0, 1, 2, 3], "states"):
                pass
    assert shares(heard) == sorted(shares(heard))
    assert shares(heard)[-1] == 1.0
    assert Event("reached", "a", 0.625, "iteration 2 of 2", 1, 4, "states") in heard


def test_a_share_moves_the_outer_loop_alone(heard):
    with progress.unit("search"), progress.steps(1):
        list(progress.each([0, 1], "states"))
        assert max(shares(heard)) == 0
        progress.reach(0.5, "proposal 3")
        assert shares(heard)[-1] == 0.5
        list(progress.each([0], "states"))
    assert heard[-2] == Event("reached", "search", 0.5, "proposal 3", 1, 1, "states")


def test_a_unit_inside_a_unit_is_a_part_of_it(heard):
    with progress.unit("outer"):
        progress.plan(["inner"])
        progress.found("inner")
        with progress.unit("inner"):
            pass
    assert heard == [Event("started", "outer"), Event("finished", "outer")]


def test_an_outline_plans_once_for_several_loops(heard):
    with progress.outline(["a", "a"]):
        for _ in range(2):
            progress.plan(["a"])
    assert heard == [Event("planned", "a")] * 2


def test_a_failure_stops_the_unit(heard):
    def fail():
        with progress.unit("a"):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with progress.unit("b"):
        pass
    assert [(event.kind, event.unit) for event in heard] == [
        ("started", "a"),
        ("stopped", "a"),
        ("started", "b"),
        ("finished", "b"),
    ]


def test_what_a_listener_raises_stops_the_computation():
    def stop(event):
        if event.done == 2:
            raise KeyboardInterrupt

    done = []
    with progress.listening(stop), pytest.raises(KeyboardInterrupt), progress.unit("a"):
        for number in progress.each(range(5), "states"):
            done.append(number)
    assert done == [0, 1]


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
def test_workers_are_heard(heard, in_order):
    found = list(in_workers(2, work_in(), [(0,), (1,), (2,)], in_order=in_order))
    assert sorted(found) == [0, 1, 2]
    for number in range(3):
        own = [event for event in heard if event.unit == f"unit {number}"]
        assert own[0] == Event("started", f"unit {number}")
        assert own[-1] == Event("finished", f"unit {number}")


def test_workers_without_a_listener():
    assert list(in_workers(2, work_in(), [(0,), (1,)], in_order=True)) == [0, 1]
