"""Errors of the program: what it frees twice, or inside a block, or never had; and by the wrong
function."""

import re
import subprocess

import pytest

from attaching import assert_untouched

pytestmark = pytest.mark.sanitized

LATE = 3  # the status of `bad_frees`


def functions_of(place):
    return [frame["function"] for frame in place["stack"]] if place else None


@pytest.fixture
def only_error(trace, target):
    """only_error(kind, options...): the one error of `bad_frees KIND`."""
    def run(kind, *options):
        run = trace(target("bad_frees"), kind, options=options)
        assert run.status == LATE
        run.report.assert_consistent()
        error, = run.report["errors"]
        return error, run.report
    return run


@pytest.mark.parametrize("options", [[], ["--free-stacks"]], ids=["", "free-stacks"])
def test_a_double_free(only_error, options):
    error, report = only_error("double", *options)
    assert (error["kind"], error["count"], error["function"]) == ("double_free", 2, "free")
    assert report["ledger"]["double_frees"] == 2
    assert functions_of(error["at"])[:2] == ["drop_badly", "main"]
    assert functions_of(error["allocated"])[:3] == ["take", "freed", "main"]
    freed = ["drop", "freed", "main"] if options else None
    assert (functions_of(error["freed"]) or [])[:3] == (freed or [])
    assert error["freed_ms"] <= error["time_ms"]
    assert error["block"] == error["address"]


def test_a_double_free_of_another_thread(only_error):
    error, report = only_error("thread")
    assert error["kind"] == "double_free"
    assert error["tid"] != report["pid"]
    assert functions_of(error["at"])[:2] == ["drop_badly", "in_a_thread"]


def test_a_free_inside_a_block(only_error):
    error, report = only_error("middle")
    assert (error["kind"], error["count"], error["size"]) == ("middle_free", 1, 100)
    assert int(error["address"], 16) - int(error["block"], 16) == 32
    assert functions_of(error["at"])[:2] == ["drop_badly", "main"]
    assert functions_of(error["allocated"])[:2] == ["take", "main"]
    assert error["freed"] is None
    assert report["ledger"]["unknown_frees"] == 1


@pytest.mark.parametrize("kind", ["data", "stack"])
def test_a_free_of_what_was_not_allocated(only_error, kind):
    error, _ = only_error(kind)
    assert (error["kind"], error["block"]) == ("wild_free", None)
    assert functions_of(error["at"])[:2] == ["drop_badly", "main"]
    assert (error["allocated"], error["freed"]) == (None, None)


def test_a_program_without_is_told_none(trace, target):
    assert trace(target("family")).report["errors"] == []


# libc ends such a program before the call returns, so that it is not known what would be.
def test_a_realloc_inside_a_block_that_never_returns(trace, target):
    run = trace(target("bad_frees"), "realloc")
    assert run.status == LATE
    assert run.report["ledger"]["missed_calls"] == 1


@pytest.mark.parametrize("kind", ["earlier", "double", "middle"])
def test_attached_to_it_is_silent_about_blocks_from_before(attach, start_plainly, target, kind):
    live = start_plainly(target("bad_frees"), kind, "wait")
    pid = live.await_ready()
    attached = attach(pid)
    attached.dump()
    assert live.finish("\n").status == LATE
    run = attached.finish()
    assert (run.status, run.err) == (0, "")
    told = [error["kind"] for error in run.report["errors"]]
    assert told == (["double_free"] if kind == "double" else [])
    assert run.report["ledger"]["earlier_frees"] == (kind != "double")


# ---- at once -------------------------------------------------------------------------------

AT_ONCE = r"""alloctrace: bad_frees \(pid \d+\): double free of 0x[0-9a-f]+, by free in thread \d+ after .*
 +drop_badly .*bad_frees\.c:\d+
 +main .*bad_frees\.c:\d+
(?: .*\n)*?    allocated:
 +take .*
(?: .*\n)*?    freed before, after .*:
 +drop .*
"""


def test_it_is_told_before_the_program_ends(start_plainly, alloctrace, target):
    live = start_plainly(alloctrace, "--free-stacks", "--", target("bad_frees"), "double", "wait")
    live.await_ready()
    run = live.finish("\n")
    assert run.status == LATE
    assert re.match(AT_ONCE, run.err), run.err
    head, _, rest = run.err.partition("alloctrace report: ")
    assert head.count("double free") == 1
    assert ", 2 times" in rest and "Errors of the program (1):" in rest


@pytest.mark.parametrize("options", [[], ["-f"]], ids=["", "follow"])
def test_each_program_of_an_exec_is_told(run_plainly, alloctrace, target, options):
    run = run_plainly(alloctrace, *options, "--", target("bad_frees"), "exec")
    assert run.status == LATE
    at_once, _, rest = run.err.partition("alloctrace report: ")
    assert at_once.count(": free of what was not allocated of 0x") == 2
    assert "Errors of the program (1):" in rest


def test_a_report_elsewhere_leaves_stderr_alone(trace, target):
    assert trace(target("bad_frees"), "double").err == ""


# ---- the wrong function --------------------------------------------------------------------

MISMATCHES = {
    "new_by_free": ("free", 10),
    "array_by_delete": ("operator delete(void*)", 20),
    "new_by_array_delete": ("operator delete[](void*)", 30),
    "malloc_by_delete": ("operator delete(void*)", 40),
    "array_by_realloc": ("realloc", 50),
}


def test_mismatches_are_told_with_both_stacks(trace, target):
    run = trace(target("mismatched"), options=["--mismatches"])
    assert (run.status, run.err) == (0, "")
    run.report.assert_unblemished()
    told = {}
    for error in run.report["errors"]:
        assert (error["kind"], error["count"]) == ("mismatch", 1)
        freed, allocated = functions_of(error["at"]), functions_of(error["allocated"])
        assert freed[0] == allocated[0] and freed[1] == "main"
        told[freed[0].removesuffix("()")] = (error["function"], error["size"])
    assert told == MISMATCHES


@pytest.mark.parametrize("name", ["replaced", "containers"])
def test_rightly_freed_is_no_mismatch(trace, target, name):
    """An operator of the program's own may be put where it is called: its call is then malloc's."""
    run = trace(target(name), options=["--mismatches"])
    assert (run.status, run.err, run.report["errors"]) == (0, "", [])
    assert run.report["totals"]["frees"] > 0


def test_without_being_asked_for_they_are_not(trace, target):
    assert trace(target("mismatched"), options=["--operators"]).report["errors"] == []


def test_as_valgrind_has_them(target, installed, tmp_path):
    """An independent judge of the target."""
    log = tmp_path / "log"
    subprocess.run([installed("valgrind"), f"--log-file={log}", target("mismatched")], check=True,
                   capture_output=True)
    assert log.read_text().count("Mismatched free()") == len(MISMATCHES)
