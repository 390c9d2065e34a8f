"""What is shown: counts, rates and estimates, and on which kind of output."""

import io
import sys

import pytest

from opscore import progress
from opscore.experiments import units
from opscore.progress import Event, clock_text
from opscore.progress.tally import Tally
from opscore.settings import ScoringSettings


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


class Told(Tally):
    """A tally that is told in fewer words."""

    def planned(self, units):
        for unit in units:
            self(Event("planned", unit))

    def started(self, unit):
        self(Event("started", unit))

    def reached(self, unit, share, where, *steps):
        self(Event("reached", unit, share, where, *steps))

    def finished(self, unit, *, found=False):
        self(Event("found" if found else "finished", unit))


@pytest.fixture
def tally(clock):
    return Told(clock)


def test_the_running_unit_is_named_and_counted(tally, clock):
    tally.planned(["zc-pt(nwot), seed 0", "zc-pt(nwot), seed 1", "best-acc"])
    assert (tally.done, tally.total) == (0, 3)
    tally.finished("best-acc", found=True)
    tally.started("zc-pt(nwot), seed 0")
    assert (tally.done, tally.total) == (1, 3)
    assert tally.running() == "zc-pt(nwot), seed 0"
    tally.started("zc-pt(nwot), seed 1")
    assert tally.running() == "zc-pt(nwot), seed 0 and 1 more"


def test_place_inside_a_unit(tally):
    tally.planned(["a"])
    tally.started("a")
    assert tally.position() == ""
    tally.reached("a", 0.1, "iteration 2 of 6", 5, 25, "states")
    assert tally.position() == "iteration 2 of 6, 5 of 25 states"
    assert tally.share == pytest.approx(0.1)


def test_units_that_take_no_time_do_not_count_in_an_estimate(tally, clock):
    tally.planned(["slow, seed 0", "slow, seed 1"])
    tally(Event("planned", "random, seed 0", 1.0))
    tally.started("slow, seed 0")
    clock.now = 100
    tally.finished("slow, seed 0")
    assert tally.seconds_left() == pytest.approx(100)


def test_policies_that_score_no_network_take_no_time():
    settings = ScoringSettings(policies=("zc-pt(nwot)", "random", "best-acc", "op-params"))
    assert [unit.light for unit in units(settings)] == [False, True, True, True]


def test_an_estimate_rests_on_units_of_the_same_kind(tally, clock):
    tally.planned(["slow, seed 0", "slow, seed 1", "quick, seed 0", "quick, seed 1"])
    assert tally.seconds_left() is None
    tally.started("slow, seed 0")
    assert tally.seconds_left() is None
    clock.now = 100
    tally.finished("slow, seed 0")
    tally.started("quick, seed 0")
    clock.now = 101
    tally.finished("quick, seed 0")
    assert tally.seconds_left() == pytest.approx(101)
    tally.started("slow, seed 1")
    tally.reached("slow, seed 1", 0.0, "", 0, 2, "states")
    tally.reached("slow, seed 1", 0.5, "", 1, 2, "states")
    clock.now = 121
    # at this rate the unit takes 40 s in all
    assert tally.seconds_left() == pytest.approx(20 + 1)


def test_what_was_done_before_took_no_time_now(tally, clock):
    tally.planned(["training, seed 0", "training, seed 1"])
    tally.started("training, seed 0")
    tally.reached("training, seed 0", 0.5, "", 300, 600, "epochs")
    assert tally.seconds_left() is None
    clock.now = 30
    tally.reached("training, seed 0", 0.55, "", 330, 600, "epochs")
    assert tally.seconds_left() == pytest.approx(270 + 600)


def test_where_nothing_is_counted_nothing_is_foretold(tally, clock):
    clock.now = 30
    assert tally.seconds_left() is None


def test_an_instant_unit_says_nothing_about_others(tally, clock):
    tally.planned(["best-acc", "zc-pt(nwot), seed 0"])
    tally.started("best-acc")
    clock.now = 0.1
    tally.finished("best-acc")
    tally.started("zc-pt(nwot), seed 0")
    assert tally.seconds_left() is None


def test_found_units_cost_nothing_and_count(tally, clock):
    tally.planned(["a, seed 0", "a, seed 1", "a, seed 2"])
    tally.finished("a, seed 0", found=True)
    tally.started("a, seed 1")
    clock.now = 10
    tally.finished("a, seed 1")
    assert tally.seconds_left() == pytest.approx(10)
    assert (tally.done, tally.total) == (2, 3)


def test_workers_share_what_is_left(tally, clock):
    tally.planned([f"a, seed {seed}" for seed in range(4)])
    for seed in (0, 1):
        tally.started(f"a, seed {seed}")
        tally.reached(f"a, seed {seed}", 0.0, "", 0, 2, "states")
        tally.reached(f"a, seed {seed}", 0.5, "", 1, 2, "states")
    clock.now = 10
    assert tally.seconds_left() == pytest.approx((10 + 10 + 20 + 20) / 2)


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.2, "0:07"), (75, "1:15"), (3725, "1:02:05"), (59.9, "1:00")]
)
def test_clock(seconds, text):
    assert clock_text(seconds) == text


@pytest.fixture
def often(monkeypatch):
    """Lines come a hundred times a second in place of twice a minute."""
    monkeypatch.setattr(sys.modules["opscore.progress.shown"], "LINE_EVERY", 0.01)
    return progress.shown


def test_plain_lines_where_there_is_no_terminal(often, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with often("scoring"):
        progress.plan(["a, seed 0", "a, seed 1"])
        with progress.unit("a, seed 0"), progress.steps(4, "states"):
            progress.advance()
            while "1 of 4 states" not in stream.getvalue():
                pass
    line = next(line for line in stream.getvalue().splitlines() if "1 of 4" in line)
    assert line.startswith("opscore: 0/2  a, seed 0  0:0")


def test_quiet_says_nothing(often, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with often("scoring", quiet=True):
        progress.plan(["a"])
        with progress.unit("a"):
            for _ in progress.each(range(10), "states"):
                pass
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.shown("scoring"):
        progress.plan(["a, seed 0", "a, seed 1"])
        with progress.unit("a, seed 0"), progress.steps(4, "states"):
            progress.advance()
            while "1 of 4 states" not in stream.getvalue():
                pass
    assert "a, seed 0" in stream.getvalue()
    assert "0/2" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")  # the line is erased


def test_the_library_is_silent_where_nobody_sees_it(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)

    @progress.shows_progress
    def work():
        with progress.unit("a"):
            return 1

    assert work() == 1
    assert stream.getvalue() == ""
