"""Attaching to a running program and letting it go: it is not harmed and does not
notice, and what it does meanwhile is counted exactly."""

import os
import signal

import pytest

from attaching import (assert_churning_goes_on, assert_detached, assert_exact, assert_untouched,
                       end_unharmed, ready_ids)
from processes import (PTRACE_CONT, PTRACE_INTERRUPT, PTRACE_SEIZE, WALL, ptrace, states_of,
                       threads_of, tracer_of)

# ---- again and again -------------------------------------------------------


def test_a_program_that_churns_is_not_harmed(attach, start_plainly, target, cycles):
    assert_churning_goes_on(attach, start_plainly(target("churning"), "4"), cycles(25, 500), "0.05")


# In the middle of its start, before it has planted anything, while it is at it, and after.
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_detaching_at_any_moment(attach, start_plainly, target, cycles, until, number):
    live = start_plainly(target("churning"), "4")
    live.await_ready()
    for _ in range(cycles(10, 100)):
        attached = attach(live.pid)
        until(lambda: tracer_of(live.pid), "a tracer")
        run = attached.detach(number)
        assert (run.status, run.out, run.err) == (0, "", "")
        assert live.process.poll() is None
        assert_untouched(live.pid)
    end_unharmed(live)


# A child may stop before the event of its parent that tells of it, and be let go before.
@pytest.mark.parametrize("parents", [1, 4])
def test_detaching_while_threads_are_born(attach, start_plainly, target, cycles, parents):
    live = start_plainly(target("births"), str(parents))
    live.await_ready()
    for _ in range(cycles(20, 100)):
        attached = attach(live.pid)
        attached.dump()
        assert_detached(attached.detach())
        assert_untouched(live.pid)
    assert live.finish("\n").status == 0


# The front signals its tracer until a command is obeyed, and once too often.
def test_detaching_under_signals(attach, start_plainly, target, cycles, until):
    live = start_plainly(target("churning"), "4")
    live.await_ready()
    for _ in range(cycles(20, 100)):
        attached = attach(live.pid)
        until(lambda: tracer_of(live.pid), "a tracer")
        tracer = tracer_of(live.pid)
        attached.dump()
        attached.kill(signal.SIGINT)
        while attached.process.poll() is None:
            try:
                os.kill(tracer, signal.SIGUSR2)
            except ProcessLookupError:
                break
        assert attached.finish().status == 0
        assert live.process.poll() is None
        assert_untouched(live.pid)
    end_unharmed(live)


# ---- asleep ----------------------------------------------------------------

WAITS = ("epoll_wait", "semop", "sigtimedwait", "io_getevents", "nanosleep", "futex", "poll",
         "read")


@pytest.fixture
def start_blocked(start_plainly, target, until):
    def start():
        live = start_plainly(target("blocked"))
        live.await_ready()
        until(lambda: states_of(live.pid) == 9 * "S", "all to be blocked")
        return live
    return start


def disturbances(run):
    """{name: (EINTR, early returns)} of `blocked`."""
    words = [line.split() for line in run.out.splitlines() if " eintr " in line]
    return {line[0]: (int(line[2]), int(line[4])) for line in words}


def test_no_call_that_waits_returns_early(attach, start_blocked, cycles):
    live = start_blocked()
    for _ in range(cycles(25, 500)):
        run = attach(live.pid, "--duration", "0.02").finish()
        assert_detached(run)
        assert run.report["ledger"]["text_identical"] is True
        assert run.report["threads"]["live"] == 9
        assert_untouched(live.pid)
    run = live.finish("\n")
    assert disturbances(run) == dict.fromkeys(("main", *WAITS), (0, 0))
    assert run.status == 0


def interrupt_all(pid):
    """What a careless debugger does."""
    child = os.fork()
    if not child:
        try:
            tids = threads_of(pid)
            for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
                for tid in tids:
                    ptrace(request, tid)
            for tid in tids:
                os.waitpid(tid, WALL)
                ptrace(PTRACE_CONT, tid)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_calls_that_wait_can_be_disturbed(start_blocked):
    """Of the target, not of alloctrace: it would notice."""
    live = start_blocked()
    interrupt_all(live.pid)
    noticed = disturbances(live.finish("\n"))
    assert {name for name in WAITS if noticed[name][0]} >= {"epoll_wait", "semop", "io_getevents"}


# ---- exactly ---------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("by_thread", [False, True])
def test_what_happens_since_is_counted_exactly(attach, start_plainly, target, by_thread):
    live = start_plainly(target("known"))
    pid, tid = ready_ids(live)
    attached = attach(tid if by_thread else pid, of=pid)
    before = attached.dump()
    assert before["totals"]["allocs"] == before["totals"]["frees"] == 0
    assert before["threads"] == {"live": 2, "total": 2}
    live.say("")
    live.await_line("done")
    run = attached.detach()
    assert run.report["pid"] == pid
    assert run.report["ledger"]["text_identical"] is True
    assert run.report["ledger"]["earlier_calls"] == 0
    assert_exact(run)
    assert_untouched(pid)
    assert live.finish("\n").status == 0


@pytest.mark.sanitized
def test_a_dump_while_attached(attach, start_plainly, target, tmp_path):
    live = start_plainly(target("known"))
    live.await_line("ready ")
    attached = attach(live.pid)
    first = attached.dump()
    assert first["reason"] == "dump" and first["sites"] == []
    assert first["ledger"]["text_identical"] is None
    live.say("")
    live.await_line("done")
    second = attached.dump()
    run = attached.detach()
    assert second["totals"] == run.report["totals"]
    assert second["functions"] == run.report["functions"]
    assert_exact(run)
    live.finish("\n")


@pytest.mark.sanitized
def test_a_program_that_ends_by_itself(attach, start_plainly, target):
    live = start_plainly(target("known"), "end")
    live.await_line("ready ")
    attached = attach(live.pid)
    attached.dump()
    ended = live.finish("\n")
    run = attached.finish()
    assert ended.status == 0
    assert run.report["reason"] == "exit"
    assert_exact(run)


@pytest.mark.parametrize("status, number", [(7, None), (0, signal.SIGKILL), (0, signal.SIGSEGV)])
def test_its_end_is_no_failure_of_ours(attach, start_plainly, target, status, number):
    code = f"import sys; sys.stdin.readline(); sys.exit({status})"
    live = start_plainly("/usr/bin/python3", "-c", code)
    attached = attach(live.pid)
    attached.dump()
    if number:
        live.kill(number)
    assert live.finish("\n").status == (-number if number else status)
    assert_detached(attached.finish(), "exit")


@pytest.mark.sanitized
def test_stacks_have_names(attach, start_plainly, target):
    live = start_plainly(target("known"))
    live.await_line("ready ")
    attached = attach(live.pid)
    attached.dump()
    live.say("")
    live.await_line("done")
    report = attached.detach().report
    for marker, caller in (("main_take", "main"), ("thread_take", "start_thread")):
        for stack in report.stacks_through(marker):
            assert caller in stack
    live.finish("\n")


def count_whole(run):
    """Takes the malloc that had begun into the truth where it is seen; the calls left."""
    whole = sum(row["one_stop"] for row in run.report["allocators"] if row["function"] == "malloc")
    truth, size = run.truth, 5000
    truth["functions"]["malloc"]["calls"] += whole
    truth["functions"]["malloc"]["bytes"] += whole * size
    for key, more in (("allocs", 1), ("frees", 1), ("bytes_allocated", size), ("bytes_freed", size)):
        truth["totals"][key] += whole * more
    truth["earlier_frees"] -= whole
    return truth["earlier_calls"] - whole


@pytest.mark.sanitized
def test_calls_that_had_begun_before(attach, start_plainly, target):
    """Of these only the ends are seen; what they hand out is a block from before. But a malloc
    that stops once, at its end, is seen whole."""
    live = start_plainly(target("midcall"))
    live.await_ready()
    attached = attach(live.pid)
    assert attached.dump()["threads"]["live"] == 5
    live.say("")
    live.await_line("done")
    run = attached.detach()
    assert run.report["ledger"]["earlier_calls"] == count_whole(run) >= 1
    assert_exact(run)
    assert live.finish("\n").status == 0


def test_threads_that_come_and_go(attach, start_plainly, target):
    live = start_plainly(target("crowd"))
    live.await_ready()
    attached = attach(live.pid)
    assert attached.dump()["threads"] == {"live": 257, "total": 257}
    live.say("")
    live.await_line("done")
    run = attached.detach()
    run.assert_markers_true()
    run.report.assert_unblemished()
    assert run.report["threads"] == {"live": 1, "total": run.truth["threads"]}
    assert_detached(run)
    assert live.finish("\n").status == 0
