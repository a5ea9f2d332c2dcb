"""Calls that map and are refused, or refused half way, and what the kernel does on its own:
nothing wrong is kept of them, and the program is none the worse."""

import re
import signal
from pathlib import Path

import pytest

from attaching import assert_untouched
from processes import threads_of
from test_maps import assert_identical, dumps, site_of  # pylint: disable=unused-import

UNSUPPORTED = 77

# What is left, by the function that has mapped it: (call, origin, pages, maps).
KNOWN = {
    "failures": {"map_known": [("mmap", "app", 6, 3)], "fail_to_map": [], "fail_to_unmap": [],
                 "fail_to_move": [], "fail_to_protect": []},
    "gap": {"map_known": [("mmap", "app", 12, 2)], "fail_half_way": []},
    "half": {"map_known": [("mmap", "app", 14, 5)], "protect_half": [("mmap", "app", 1, 1)]},
    "break": {"move_break": [("brk", "app", 2, 1), ("mmap", "app", 1, 1)]},
    "shm": {"attach_shared": [("shmat", "app", 6, 1)]},
    "truncated": {"map_file": [("mmap", "app", 4, 1), ("mmap", "app", 15, 2)]},
    "stack": {"map_over_stack": [("mmap", "app", 2, 1)], "cut_stack": [
        ("mmap", "app", 2, 1), ("mremap", "app", 1, 1)]},
    "deep": {"map_over_stack": [("mmap", "app", 2, 1)]},
    "grows": {"map_growing": [("mmap", "app", 48, 5)]},
    "dontfork": {"map_known": [("mmap", "app", 8, 1)]},
    "huge": {"map_huge": [("mmap", "app", 1024, 1)], "map_huge_file": [("mmap", "app", 1024, 2)]},
    "virgin": {"break_first": [("brk", "libc", 3, 1)]},
    "leader": {"map_alone": [("mmap", "app", 7, 1)]},
}
FAILED = {"mmap": 13, "munmap": 6, "mremap": 8, "mprotect": 7}
IN_A_CHILD = [kind for kind in KNOWN if kind != "dontfork"]


def thread_of(pid):
    """One that lives: the first may have ended."""
    return max(threads_of(pid), key=lambda tid: len(Path(f"/proc/{tid}/maps").read_text()))


def mapped_in(pid):
    """Bytes, by the kernel's own list."""
    lines = [line for line in Path(f"/proc/{thread_of(pid)}/maps").read_text().splitlines()
             if not line.endswith("[vsyscall]")]
    ranges = [re.match("([0-9a-f]+)-([0-9a-f]+) ", line) for line in lines]
    return sum(int(one[2], 16) - int(one[1], 16) for one in ranges)


def assert_known(report, known):
    assert_identical(report)
    assert report["maps"]["bytes"] == mapped_in(report["pid"])
    assert sum(report["maps"]["by_origin"].values()) == report["maps"]["bytes"]
    assert {function: site_of(report, function) for function in known} == known


def failed(report):
    return {call: report["maps"].get(call, {"failed": 0})["failed"] for call in FAILED}


@pytest.fixture
def do_in(until):
    """do_in(live): has the program do what it is to do; skips what cannot be done here."""
    def work(live):
        live.say("do it")
        try:
            live.await_line("done")
        except AssertionError:
            if live.finish().status == UNSUPPORTED:
                pytest.skip("there are no huge pages here")
            raise
    return work


# ---- what is left is right, however it is looked at -----------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", KNOWN)
def test_nothing_wrong_is_kept(start_traced, target, dumps, do_in, kind):
    live = start_traced(target("mapbad"), kind)
    live.await_ready()
    dump = dumps(live)
    before = dump()
    assert_identical(before)
    do_in(live)
    after = dump()
    assert_known(after, KNOWN[kind])
    if kind == "failures":
        counted = failed(before)
        assert {call: count - counted[call] for call, count in failed(after).items()} == FAILED
    assert_known(dump(), KNOWN[kind])
    run = live.finish("\n")
    assert run.status == 0
    assert_identical(run.report)


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", KNOWN)
def test_nothing_wrong_is_kept_since_the_attach(attach, start_plainly, target, do_in, kind):
    live = start_plainly(target("mapbad"), kind)
    pid = live.await_ready()
    attached = attach(pid)
    assert_identical(attached.dump())
    do_in(live)
    assert_known(attached.dump(), KNOWN[kind])
    run = attached.detach()
    assert (run.status, run.err) == (0, "")
    assert_identical(run.report)
    assert_untouched(thread_of(pid))
    assert live.finish("\n").status == 0


@pytest.fixture
def dumps_of(until, tmp_path, read_report):
    """dumps_of(live, child, number): the report of a followed child in that dump."""
    def dump(live, child, number):
        path = tmp_path / f"report.{child}.{number}.json"
        live.kill(signal.SIGUSR1)
        until(lambda: path.exists() or live.process.poll() is not None, "a dump")
        assert path.exists(), live.process.communicate()
        return read_report(path)
    return dump


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", IN_A_CHILD)
def test_nothing_wrong_is_kept_of_a_child(start_traced, target, dumps_of, do_in, kind):
    live = start_traced(target("mapbad"), "fork", kind, options=["-f"])
    child = live.await_ready()
    assert_identical(dumps_of(live, child, 1))
    do_in(live)
    assert_known(dumps_of(live, child, 2), KNOWN[kind])
    assert live.finish("\n").status == 0


# ---- what a child has not inherited ----------------------------------------------------


@pytest.mark.sanitized
def test_what_a_child_does_not_inherit_is_not_its_own(start_traced, target, dumps_of):
    live = start_traced(target("mapbad"), "fork", "dontfork", options=["-f"])
    child = live.await_ready()
    report = dumps_of(live, child, 1)
    assert_known(report, {"map_known": [("mmap", "app", 2, 1)]})
    assert report["maps"]["by_origin"]["earlier"] == 0
    live.say("map")
    live.await_line("done")
    assert_known(dumps_of(live, child, 2),
                 {"map_known": [("mmap", "app", 2, 1), ("mmap", "app", 8, 1)]})
    assert live.finish("\n").status == 0


# ---- replaced while we look ----------------------------------------------------------------


def pages_replaced(report):
    """By all who map there; each may hold a part of it, or nothing."""
    return sum(site["bytes"] // 4096 for site in report["map_sites"]
               if {"map_known", "replace"} & {frame["function"] for frame in site["stack"]})


@pytest.mark.sanitized
@pytest.mark.parametrize("options", [(), ("-f",)], ids=["one", "followed"])
def test_a_mapping_that_is_replaced_without_end(start_traced, target, dumps, dumps_of, cycles,
                                                options):
    live = start_traced(target("mapbad"), *["fork"][:len(options)], "replaced", options=options)
    pid = live.await_ready()
    live.say("begin")
    live.await_line("working")
    dump = dumps(live)
    for number in range(1, cycles(20, 200) + 1):
        report = dumps_of(live, pid, number) if options else dump()
        assert_identical(report)
        assert pages_replaced(report) == 8
    live.say("end")
    live.await_line("done")
    assert live.finish("\n").status == 0


def test_a_mapping_that_is_replaced_while_attached_to(attach, start_plainly, target, cycles):
    live = start_plainly(target("mapbad"), "replaced")
    pid = live.await_ready()
    live.say("begin")
    live.await_line("working")
    attached = attach(pid)
    for _ in range(cycles(20, 200)):
        assert_identical(attached.dump())
    run = attached.detach()
    assert run.status == 0
    assert_identical(run.report)
    assert_untouched(pid)
    live.say("end")
    live.await_line("done")
    assert live.finish("\n").status == 0
