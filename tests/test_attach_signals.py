"""Signals reach a program that is attached to as they reach it without us."""

import signal

import pytest

from attaching import assert_detached, assert_untouched, end_unharmed, ready_ids
from processes import states_of


def story_of(live):
    """What `signals` tells, which is the same every time but for its number."""
    run = live.finish("\n")
    assert run.status in (0, 3)
    return run.status, [line for line in run.out.splitlines() if not line.startswith("ready ")]


@pytest.mark.parametrize("way", ["launched", "attached"])
def test_signals_are_what_they_are_without_us(attach, start_plainly, start_traced, target, way):
    plain = story_of(start_plainly(target("signals"), process_group=0))
    assert plain[0] == 3 and plain[1][-1] == "done"
    if way == "launched":
        assert story_of(start_traced(target("signals"), process_group=0)) == plain
        return
    live = start_plainly(target("signals"), process_group=0)
    attached = attach(live.await_ready())
    attached.dump()
    assert story_of(live) == plain
    run = attached.finish()
    assert_detached(run, "exit")
    assert run.report["totals"]["allocs"] > 1000


@pytest.mark.parametrize("way", ["launched", "parent", "child"])
def test_a_parent_sees_stops_as_without_us(attach, start_plainly, start_traced, target, way):
    plain = story_of(start_plainly(target("signals"), "watched", process_group=0))
    assert plain[1][0] == "stopped 40 continued 40"
    if way == "launched":
        assert story_of(start_traced(target("signals"), "watched", process_group=0)) == plain
        return
    live = start_plainly(target("signals"), "watched", process_group=0)
    parent, child = ready_ids(live)
    attached = attach(child if way == "child" else parent)
    attached.dump()
    assert story_of(live) == plain
    assert_detached(attached.finish(), "exit")


def test_detached_while_it_is_stopped_it_stays_stopped(attach, start_plainly, target, until,
                                                       process_state):
    live = start_plainly(target("churning"), "4")
    live.await_ready()
    attached = attach(live.pid)
    attached.dump()
    live.kill(signal.SIGSTOP)
    until(lambda: set(states_of(live.pid)) <= {"t", "T"}, "all to stop")
    assert_detached(attached.detach())
    assert states_of(live.pid) == 5 * "T"
    assert_untouched(live.pid)
    live.kill(signal.SIGCONT)
    end_unharmed(live)


def test_attached_while_it_is_stopped_it_stays_stopped(attach, start_plainly, target, until):
    live = start_plainly(target("churning"), "4")
    live.await_ready()
    live.kill(signal.SIGSTOP)
    until(lambda: states_of(live.pid) == 5 * "T", "all to stop")
    attached = attach(live.pid)
    attached.dump()
    assert set(states_of(live.pid)) <= {"t", "T"}
    assert_detached(attached.detach())
    assert states_of(live.pid) == 5 * "T"
    assert_untouched(live.pid)
    live.kill(signal.SIGCONT)
    end_unharmed(live)
