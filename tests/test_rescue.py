"""alloctrace rescue PID: what was killed with its tracer has left traps, and these are
taken out before the program meets them."""

import ctypes
import errno
import os
import signal
import struct

import pytest

from attaching import assert_untouched, ready_ids, tracer_process
from processes import changed_text, state_of, traced_threads, tracer_of

SYS_CLONE3 = 435
AS_NOBODY = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def rescue(run_plainly, alloctrace):
    def run(*arguments, by=(), binary=alloctrace):
        return run_plainly(*by, binary, "rescue", *map(str, arguments))
    return run


@pytest.fixture
def refused(rescue):
    """refused(pid, status=125): the sentence."""
    def run(*arguments, status=125, **how):
        ended = rescue(*arguments, **how)
        assert (ended.status, ended.out) == (status, "")
        assert ended.err.count("\n") == 1 and ended.err.startswith("alloctrace: "), ended.err
        return ended.err.removeprefix("alloctrace: ").rstrip("\n")
    return run


def kill_both(front, pid, until):
    """Neither can clean up for the other: the front is stopped when the tracer dies."""
    tracer = tracer_process(front)
    os.kill(front, signal.SIGSTOP)
    until(lambda: state_of(front) == "T", "the front to stop")
    for victim in (tracer, front):
        os.kill(victim, signal.SIGKILL)
    until(lambda: not traced_threads(pid), "the tracer to be gone")


@pytest.fixture
def left_with_traps(start_plainly, attach, target, until, rescue):
    """`known`, asleep, and how many traps a killed session has left in it."""
    pids = []

    def start(*arguments):
        live = start_plainly(target("known"), *arguments)
        pid, _ = ready_ids(live)
        attached = attach(pid)
        attached.dump()
        kill_both(attached.pid, pid, until)
        attached.process.communicate()
        pids.append(pid)
        traps = sum(len(offsets) for offsets in changed_text(pid).values())
        assert traps > 0
        return live, traps
    yield start
    for pid in pids:
        rescue(pid)  # of the dead, too: what is known of them is forgotten


def saved(pid, traps, name="known"):
    return f"{pid} ({name}): {traps} traps taken out, its text is as it was\n"


def finish_right(live):
    """It does its work and comes to its end."""
    live.say("")
    live.await_line("done")
    assert live.finish("\n").status == 0


# ---- saved -------------------------------------------------------------------


@pytest.mark.sanitized
def test_a_program_with_traps_is_saved(rescue, left_with_traps):
    live, traps = left_with_traps()
    run = rescue(live.pid)
    assert (run.status, run.out, run.err) == (0, saved(live.pid, traps), "")
    assert_untouched(live.pid)
    finish_right(live)


def test_without_it_the_program_dies(left_with_traps):
    """Or the test above would say nothing."""
    live, _ = left_with_traps()
    assert live.finish("\n").status == -signal.SIGTRAP


def test_a_thread_s_number_will_do(rescue, start_plainly, attach, target, until):
    live = start_plainly(target("known"))
    pid, tid = ready_ids(live)
    attached = attach(tid, of=pid)
    attached.dump()
    kill_both(attached.pid, pid, until)
    attached.process.communicate()
    assert rescue(tid).status == 0
    assert_untouched(pid)
    finish_right(live)


def test_a_program_that_was_launched(rescue, start_traced, target, until, children):
    front = start_traced(target("known"))
    pid, _ = ready_ids(front)
    kill_both(front.pid, pid, until)
    front.process.wait()
    assert pid in children(os.getpid())
    assert changed_text(pid)
    assert rescue(pid).status == 0
    assert_untouched(pid)
    front.say("")
    front.await_line("done")
    front.finish("\n")
    until(lambda: pid not in children(os.getpid()) or state_of(pid) == "Z", "its end")
    assert os.waitpid(pid, 0)[1] == 0


def test_saved_once_it_can_be_attached_to_again(rescue, refused, left_with_traps, attach):
    live, _ = left_with_traps()
    assert rescue(live.pid).status == 0
    assert "no session of this user has left anything in it" in refused(live.pid)
    attached = attach(live.pid)
    attached.dump()
    run = attached.detach()
    assert (run.status, run.err) == (0, "")
    assert run.report["ledger"]["text_identical"] is True
    assert_untouched(live.pid)
    finish_right(live)


def test_two_programs_are_saved_apart(rescue, left_with_traps):
    first, second = left_with_traps(), left_with_traps()
    for live, traps in (second, first):
        assert rescue(live.pid).out == saved(live.pid, traps)
        finish_right(live)


# ---- nothing to save -----------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("arguments", [[], ["0"], ["-1"], ["x"], ["12x"], [""], ["1", "2"],
                                       ["99999999999999999999"]])
def test_it_wants_one_number(refused, arguments):
    assert refused(*arguments, status=2) == \
        "rescue wants one process's number; usage: alloctrace rescue PID"


def test_no_such_process(refused):
    pid = 2 ** 31 - 1
    assert refused(pid) == f"{pid}: no such process: there is nothing to rescue any more"


def test_a_program_nobody_has_traced(refused, start_plainly, target):
    live = start_plainly(target("known"))
    live.await_line("ready")
    assert refused(live.pid) == f"{live.pid} (known): no session of this user has left anything in it"
    finish_right(live)


@pytest.mark.parametrize("end", ["detach", "kill"])
def test_a_session_that_cleaned_up(refused, start_plainly, attach, target, until, end):
    live = start_plainly(target("known"))
    pid, _ = ready_ids(live)
    attached = attach(pid)
    attached.dump()
    if end == "detach":
        attached.detach()
    else:
        attached.kill(signal.SIGKILL)
        attached.process.communicate()
        until(lambda: not traced_threads(pid), "the tracer to leave")
    assert "no session of this user has left anything in it" in refused(pid)
    assert_untouched(pid)
    finish_right(live)


def test_a_session_that_lives(refused, start_plainly, attach, target):
    live = start_plainly(target("known"))
    pid, _ = ready_ids(live)
    attached = attach(pid)
    attached.dump()
    tracer, traps = tracer_of(pid), changed_text(pid)
    assert refused(pid) == (f"{pid} (known): is traced by {tracer}: end that session, "
                            "it cleans up itself")
    assert changed_text(pid) == traps
    run = attached.detach()
    assert (run.status, run.err) == (0, "")
    finish_right(live)


# ---- another program -----------------------------------------------------------


def start_as(pid, *command):
    """A child with this number, or None where the kernel does not let us choose."""
    choice = ctypes.c_int(pid)
    arguments = ctypes.create_string_buffer(struct.pack(
        "11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(choice), 1, 0))
    child = ctypes.CDLL(None, use_errno=True).syscall(SYS_CLONE3, arguments, 88)
    if child == 0:
        os.execv(command[0], command)
    return child if child > 0 else None


def test_another_process_with_its_number(refused, left_with_traps):
    live, _ = left_with_traps()
    live.kill(signal.SIGKILL)
    live.finish()
    if not start_as(live.pid, "/usr/bin/sleep", "1000"):
        pytest.skip(f"process numbers cannot be chosen here: {errno.errorcode[ctypes.get_errno()]}")
    assert "is another process than the one a session was killed in" in refused(live.pid)
    assert "no session of this user has left anything in it" in refused(live.pid)
    assert changed_text(live.pid) == {}
    os.kill(live.pid, signal.SIGKILL)
    os.waitpid(live.pid, 0)


def test_another_program_in_the_same_process(rescue, attach, start_plainly, target, until):
    """The same libc at the same addresses, without traps: not a byte is changed."""
    live = start_plainly("/usr/bin/setarch", "-R", target("turns"), target("known"))
    live.await_ready()
    attached = attach(live.pid)
    attached.dump()
    kill_both(attached.pid, live.pid, until)
    attached.process.communicate()
    assert changed_text(live.pid)
    live.say("")
    live.await_line("ready ")
    run = rescue(live.pid)
    assert (run.status, run.out, run.err) == (0, saved(live.pid, 0), "")
    assert_untouched(live.pid)
    finish_right(live)


def test_a_program_of_another_user(refused, left_with_traps, everybodys):
    if os.geteuid() != 0:
        pytest.skip("to become another user is root's")
    live, _ = left_with_traps()
    words = refused(live.pid, by=AS_NOBODY, binary=everybodys)
    assert words.startswith(f"{live.pid} (known): its memory cannot be written:")
    assert changed_text(live.pid)
    live.kill(signal.SIGKILL)
    live.finish()
