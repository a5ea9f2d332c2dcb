"""What cannot be attached to: one sentence, the right exit status, nothing changed."""

import os
import random
import signal
import subprocess
import time

import pytest

from attaching import assert_untouched
from processes import PTRACE_SEIZE, children_of, name_of, ptrace, state_of, tracer_of

NOBODY = 65534


@pytest.fixture
def refused(run_plainly, alloctrace):
    """refused(pid, status=125): what alloctrace -p says of it."""
    def attach(*arguments, status=125, by=(), binary=alloctrace):
        run = run_plainly(*by, binary, *arguments)
        assert (run.status, run.out) == (status, "")
        assert run.err.count("\n") == 1 and run.err.startswith("alloctrace: "), run.err
        return run.err.removeprefix("alloctrace: ").rstrip("\n")
    return attach


@pytest.fixture
def sleeper(start_plainly):
    """A process that waits for the end of its input."""
    def start(*command):
        return start_plainly(*(command or ["/usr/bin/cat"]))
    return start


# ---- not a process -----------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("text", ["0", "-1", "x", "", "12x", " 12", "1.5", "0x10", "2147483648",
                                  "99999999999999999999"])
def test_no_number_of_a_process(refused, text):
    assert refused("-p", text, status=2) == f"-p {text}: not a value it takes; see --help"


def test_no_number_at_all(refused):
    assert refused("-p", status=2).startswith("-p: wants a value: ")


def test_a_process_and_a_program(refused):
    words = refused("-p", str(os.getpid()), "--", "/bin/true", status=2)
    assert words == "/bin/true: a program to start, or -p PID: not both"


@pytest.mark.sanitized
def test_no_such_process(refused):
    pid = 2 ** 31 - 1  # above the kernel's limit
    assert refused("-p", str(pid)) == f"{pid}: no such process"


def test_one_that_was(refused):
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    assert refused("-p", str(child.pid)) == f"{child.pid}: no such process"


def test_one_that_has_ended(refused):
    child = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    words = refused("-p", str(child.pid))
    assert words == f"{child.pid} (true): has ended already; its parent has not collected it yet"
    assert state_of(child.pid) == "Z"
    assert child.wait() == 0


# ---- a process not to trace ----------------------------------------------------


def test_alloctrace_itself(refused, alloctrace):
    words = refused("-c", f"exec {alloctrace} -p $$", binary="/bin/sh")
    assert words.endswith(": is alloctrace itself")


def test_init(refused):
    if name_of(1) is None:
        pytest.skip("there is no process 1 here")
    words = refused("-p", "1")
    assert words.startswith(f"1 ({name_of(1)}): is init: ") and "--init" in words
    assert not tracer_of(1)


def test_a_kernel_thread(refused):
    if name_of(2) != "kthreadd":
        pytest.skip("no kernel thread is to be seen in this PID namespace")
    assert refused("-p", "2").startswith("2 (kthreadd): is a kernel thread")


def test_a_32_bit_program(refused, sleeper, tmp_path):
    source = tmp_path / "narrow.c"  # pause, for ever
    source.write_text('void _start(void) { for (;;) __asm__ volatile('
                      '"int $0x80" :: "a"(29) : "memory"); }\n')
    subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-O1", source,
                    "-o", tmp_path / "narrow"], check=True)
    live = sleeper(str(tmp_path / "narrow"))
    assert "a 32-bit program" in refused("-p", str(live.pid))
    live.kill(signal.SIGKILL)
    assert live.finish().status == -signal.SIGKILL


# ---- traced ----------------------------------------------------------------------


def test_one_that_is_traced_by_us(refused, attach, sleeper):
    live = sleeper()
    attached = attach(live.pid)
    attached.dump()
    tracer = tracer_of(live.pid)
    words = refused("-p", str(live.pid))
    assert words == (f"{live.pid} (cat): is traced already, by {tracer} (at-tracer): "
                     "a process has one tracer")
    assert tracer_of(live.pid) == tracer
    assert attached.detach().status == 0
    assert live.finish("x\n").out == "x\n"


def test_one_that_another_traces(refused, sleeper):
    live = sleeper()
    ptrace(PTRACE_SEIZE, live.pid)
    words = refused("-p", str(live.pid))
    assert words.startswith(f"{live.pid} (cat): is traced already, by {os.getpid()} (")
    assert tracer_of(live.pid) == os.getpid()
    assert live.finish("x\n").out == "x\n"


# ---- not permitted ---------------------------------------------------------------

AS_NOBODY = ("/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@pytest.fixture
def as_nobody():
    if os.geteuid() != 0:
        pytest.skip("to become another user is root's")
    return AS_NOBODY


def test_one_of_another_user(refused, sleeper, everybodys, as_nobody):
    live = sleeper()
    words = refused("-p", str(live.pid), by=as_nobody, binary=everybodys)
    assert words == f"{live.pid} (cat): belongs to root: attach as that user or as root"
    assert_untouched(live.pid)
    assert live.finish("x\n").out == "x\n"


UNDUMPABLE = """
import ctypes, sys
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
print("ready 0", flush=True)
sys.stdin.read()
"""


def test_one_that_protects_its_memory(refused, sleeper, everybodys, as_nobody):
    live = sleeper(*as_nobody, "/usr/bin/python3", "-c", UNDUMPABLE)
    live.await_line("ready")
    words = refused("-p", str(live.pid), by=as_nobody, binary=everybodys)
    assert words.startswith(f"{live.pid} (python3): not permitted: ")
    assert live.finish("").status == 0


def test_root_may(attach, sleeper, as_nobody):
    """The same process, that nothing is wrong with but the user who asks."""
    live = sleeper(*as_nobody, "/usr/bin/python3", "-c", UNDUMPABLE)
    live.await_line("ready")
    attached = attach(live.pid)
    attached.dump()
    run = attached.detach()
    assert (run.status, run.err) == (0, "")
    assert run.report["ledger"]["text_identical"] is True
    assert live.finish("").status == 0


# ---- gone meanwhile ----------------------------------------------------------------


def test_one_that_ends_while_we_attach(attach, start_plainly, target, cycles):
    """At any moment of the attach: it was traced to its end, or there was nothing to trace."""
    moments = random.Random(1)
    statuses = set()
    for _ in range(cycles(20, 200)):
        live = start_plainly(target("churning"), "4")
        live.await_ready()
        attached = attach(live.pid)
        time.sleep(moments.uniform(0, 0.1))
        live.kill(signal.SIGKILL)
        assert live.finish().status == -signal.SIGKILL
        run = attached.finish()
        statuses.add(run.status)
        if run.status == 0:
            assert (run.err, run.report["reason"]) == ("", "exit")
        else:
            assert run.status == 125 and run.report is None
            assert run.err.count("\n") == 1 and run.err.startswith(f"alloctrace: {live.pid}"), run.err
    assert 0 in statuses


def test_nothing_changes_where_nothing_may(refused, start_plainly, target, everybodys, as_nobody):
    """No thread of a program that was refused was ever stopped."""
    live = start_plainly(target("blocked"))
    live.await_ready()
    for _ in range(5):
        refused("-p", str(live.pid), by=as_nobody, binary=everybodys)
    assert_untouched(live.pid)
    assert children_of(live.pid) == []
    assert live.finish("\n").status == 0
