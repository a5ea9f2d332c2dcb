"""Processes behind a wall of the kernel's: in a PID namespace of their own, under a
seccomp filter of theirs, and alloctrace itself where text cannot be written the usual way."""

import json
import os
import shutil
import signal

import pytest

from attaching import assert_detached, assert_exact, assert_untouched, end_unharmed, ready_ids
from processes import children_of, field_of, tracer_of


# ---- a PID namespace of its own ------------------------------------------------


@pytest.fixture
def start_as_init(start_plainly):
    """start_as_init(command...): the program is process 1 of its namespace; the Live and
    the process's number here."""
    def start(*command):
        if os.geteuid() != 0 or not shutil.which("unshare"):
            pytest.skip("a PID namespace is root's to make, with util-linux's unshare")
        live = start_plainly("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *command)
        inner, _ = ready_ids(live)
        assert inner == 1
        pid, = children_of(live.pid)
        return live, pid
    return start


def test_into_another_pid_namespace(attach, start_as_init, target):
    live, pid = start_as_init(target("known"))
    attached = attach(pid)
    assert attached.dump()["threads"]["live"] == 2
    live.say("")
    live.await_line("done")
    run = attached.detach()
    assert run.report["pid"] == pid
    assert run.report["ledger"]["text_identical"] is True
    assert_exact(run)
    assert_untouched(pid)
    assert live.finish("\n").status == 0


@pytest.fixture
def attach_within(attach):
    """attach_within(pid, options...): by an alloctrace in the process's namespace, where
    it is number 1."""
    return lambda pid, *options: attach(1, *options, of=pid, by=(
        "nsenter", f"--target={pid}", "--pid", "--mount"))


def test_process_1_of_a_namespace_is_init(attach_within, start_as_init, target):
    live, pid = start_as_init(target("known"))
    run = attach_within(pid).finish()
    assert (run.status, run.out) == (125, "")
    assert run.err.startswith("alloctrace: 1 (known): is init: ") and run.err.count("\n") == 1
    assert_untouched(pid)
    live.say("")
    live.await_line("done")
    assert live.finish("\n").status == 0


def test_process_1_of_a_namespace_when_asked_for(attach_within, start_as_init, target, until):
    live, pid = start_as_init(target("known"))
    attached = attach_within(pid, "--init")
    until(lambda: tracer_of(pid), "a tracer")
    front, = children_of(attached.pid)  # nsenter waits for it
    attached.kill = lambda number: os.kill(front, number)
    attached.dump()
    live.say("")
    live.await_line("done")
    run = attached.detach()
    assert run.report["pid"] == 1
    assert_exact(run)
    assert_untouched(pid)
    assert live.finish("\n").status == 0


# ---- text that cannot be written through /proc -----------------------------------


def test_the_seal_holds(run_plainly, target):
    """Of the wrapper, not of alloctrace."""
    code = "import os; os.pwrite(os.memfd_create('x'), b'x', 0)"
    run = run_plainly(target("sealed"), "/usr/bin/python3", "-c", code)
    assert run.status == 1 and "Input/output error" in run.err


def test_launched_where_text_is_sealed(start_plainly, alloctrace, target, tmp_path, read_report):
    front = start_plainly(target("sealed"), alloctrace, "-o", f"json:{tmp_path}/report.json",
                          "--", target("family"))
    run = front.finish()
    assert (run.status, run.err) == (0, "")
    run.report = read_report(f"{tmp_path}/report.json")
    run.truth = json.loads((tmp_path / "truth.json").read_text())
    run.assert_all_true()


def test_let_go_where_text_is_sealed(start_plainly, alloctrace, target, tmp_path, read_report,
                                     until):
    front = start_plainly(target("sealed"), alloctrace, "-o", f"json:{tmp_path}/report.json",
                          "--duration", "0.2", "--", target("churning"), "4")
    pid = front.await_ready()
    until((tmp_path / "report.json").exists, "the report")
    until(lambda: not tracer_of(pid), "the detach")
    assert read_report(f"{tmp_path}/report.json")["ledger"]["text_identical"] is True
    assert_untouched(pid)
    os.kill(pid, signal.SIGTERM)
    run = front.finish()
    assert (run.status, run.err) == (0, "") and run.out.endswith("harmed 0\n")


@pytest.mark.parametrize("kind", ["fork-malloc", "fork-threads", "fork-exec", "vfork-malloc-exec"])
def test_children_where_text_is_sealed(run_plainly, alloctrace, target, tmp_path, kind):
    plain = run_plainly(target("children"), kind)
    run = run_plainly(target("sealed"), alloctrace, "-o", f"json:{tmp_path}/report.json", "--",
                      target("children"), kind)
    assert (run.status, run.out, run.err) == (plain.status, plain.out, plain.err)


def test_attached_where_text_is_sealed(attach, start_plainly, target):
    live = start_plainly(target("known"))
    pid, _ = ready_ids(live)
    attached = attach(pid, by=[target("sealed")])
    attached.dump()
    live.say("")
    live.await_line("done")
    run = attached.detach()
    assert run.report["ledger"]["text_identical"] is True
    assert_exact(run)
    assert_untouched(pid)
    assert live.finish("\n").status == 0


def test_again_and_again_where_text_is_sealed(attach, start_plainly, target, cycles):
    live = start_plainly(target("churning"), "4")
    live.await_ready()
    counted = 0
    for _ in range(cycles(10, 200)):
        attached = attach(live.pid, by=[target("sealed")])
        attached.dump()
        run = attached.detach()
        assert_detached(run)
        assert run.report["ledger"]["text_identical"] is True
        assert_untouched(live.pid)
        counted += run.report["totals"]["allocs"]
    assert end_unharmed(live) > counted > 0


# ---- a filter of its own -----------------------------------------------------------

SECCOMP = {"strict": "1", "filter": "2"}


def truth_in(out):
    line, = [line for line in out.splitlines() if line.startswith("{")]
    return json.loads(line)


@pytest.mark.parametrize("kind", SECCOMP)
def test_a_confined_program_is_counted(attach, start_plainly, target, until, kind):
    live = start_plainly(target("confined"), kind)
    pid = live.await_ready()
    until(lambda: field_of(pid, "Seccomp") == SECCOMP[kind], "the filter")
    attached = attach(pid)
    attached.dump()
    live.say("")
    line = live.await_line("{")
    run = attached.detach()
    run.truth = truth_in(line)
    assert run.report["ledger"]["text_identical"] is True
    assert_exact(run)
    assert_untouched(pid)
    assert live.finish("\n").status == 0


@pytest.mark.parametrize("kind", SECCOMP)
def test_a_confined_program_again_and_again(attach, start_plainly, target, until, cycles, kind):
    live = start_plainly(target("confined"), kind)
    pid = live.await_ready()
    until(lambda: field_of(pid, "Seccomp") == SECCOMP[kind], "the filter")
    for _ in range(cycles(10, 100)):
        assert_detached(attach(pid, "--duration", "0.02").finish())
        assert_untouched(pid)
    live.say("")
    live.await_line("{")
    assert live.finish("\n").status == 0


@pytest.mark.parametrize("kind", SECCOMP)
def test_a_confined_program_that_is_launched(start_traced, target, kind):
    front = start_traced(target("confined"), kind)
    front.await_ready()
    front.say("")
    told = truth_in(front.await_line("{"))
    run = front.finish("\n")
    assert (run.status, run.err) == (0, "")
    for marker in ("confined_take", "confined_clear"):
        run.truth = told
        run.assert_marker_true(marker)
