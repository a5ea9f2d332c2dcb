"""What a program maps and unmaps: the same as the kernel's own list at any moment, and
who it was."""

import itertools
import os
import signal
import subprocess
from pathlib import Path

import pytest

from attaching import assert_untouched, tracer_process
from processes import tracer_of

PAGE = 4096


@pytest.fixture
def dumps(until, tmp_path, read_report):
    """dumps(live, name)(): the next report of alloctrace, on demand."""
    def of(live, name="report"):
        numbers = itertools.count(1)

        def dump():
            path = tmp_path / f"{name}.{next(numbers)}.json"
            live.kill(signal.SIGUSR1)
            until(lambda: path.exists() or live.process.poll() is not None, "a dump")
            assert path.exists(), live.process.communicate()
            return read_report(path)
        return dump
    return of


def assert_identical(report):
    maps = report["maps"]
    assert (maps["identical"], maps["differences"], maps["unordered_calls"]) == (True, 0, 0), \
        report["ledger"]["notes"]


def site_of(report, function):
    """(call, origin, pages, maps) of what is mapped through the function."""
    return sorted((site["call"], site["origin"], site["bytes"] // PAGE, site["maps"])
                  for site in report["map_sites"]
                  if function in [frame["function"] for frame in site["stack"]])


def assert_known(report):
    """Of `mapper`, when it is done."""
    assert_identical(report)
    assert site_of(report, "map_three") == [("mmap", "app", 30, 3)]
    assert site_of(report, "map_whole") == [("mmap", "app", 8, 3)]
    assert site_of(report, "map_over") == [("mmap", "app", 4, 1)]
    assert site_of(report, "map_small") == []
    assert site_of(report, "resize") == [("mremap", "app", 50, 1)]
    assert site_of(report, "map_file") == [("mmap", "app", 3, 1)]
    assert site_of(report, "map_shared") == [("shmat", "app", 5, 1)]
    assert site_of(report, "map_directly") == [("mmap", "app", 6, 1)]
    assert site_of(report, "map_twice") == [("mmap", "app", 1, 1), ("mmap", "app", 2, 1)]
    assert site_of(report, "allocate_large") == [("mmap", "libc-malloc", 257, 1)]
    stacks = [site for site in site_of(report, "start_threads") if site[1] == "thread-stack"]
    assert {site[0] for site in stacks} == {"mmap"}
    assert sum(site[3] for site in stacks) == 4  # each has a guard
    assert site_of(report, "fail") == []
    assert report["maps"]["mmap"]["failed"] == 2 and report["maps"]["munmap"]["failed"] == 1
    assert report["maps"]["shmat"]["calls"] == 2 and report["maps"]["shmdt"]["calls"] == 1


@pytest.mark.sanitized
def test_rows_8_9_10_11_28_29_who_has_mapped_what(start_traced, target, dumps):
    live = start_traced(target("mapper"))
    live.await_ready()
    dump = dumps(live)
    before = dump()
    assert_identical(before)
    live.say("map")
    live.await_line("done")
    report = dump()
    assert_known(report)
    assert report["maps"]["by_origin"]["kernel"] > 0
    assert report["maps"]["by_origin"]["earlier"] == 0
    assert sum(report["maps"]["by_origin"].values()) == report["maps"]["bytes"]
    assert report["maps"]["net_bytes"] > before["maps"]["net_bytes"]
    assert any("of 1,000 system calls there none maps" in note
               for note in report["ledger"]["notes"])
    run = live.finish("\n")
    assert run.status == 0
    assert_identical(run.report)


def mappings_of(report, function):
    """What is mapped through the function, each by itself."""
    ids = [site["id"] for site in report["map_sites"]
           if function in [frame["function"] for frame in site["stack"]]]
    return [mapping for mapping in report["mappings"] if mapping["site"] in ids]


def told_of(mapping):
    return (mapping["size"] // PAGE, mapping["permissions"], mapping["offset"],
            mapping["origin"], mapping["block"])


@pytest.mark.sanitized
def test_each_mapping(start_traced, target, dumps):
    live = start_traced(target("mapper"), options=["--blocks"])
    pid = live.await_ready()
    dump = dumps(live)
    live.say("map")
    live.await_line("done")
    report = dump()
    kernel = [line.split()[0] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
              if "[vsyscall]" not in line]
    assert sum(mapping["size"] for mapping in report["mappings"]) == \
        sum(int(end, 16) - int(begin, 16) for begin, end in (row.split("-") for row in kernel))
    over, = mappings_of(report, "map_over")
    assert told_of(over) == (4, "r--p", 0, "app", None) and over["file"] is None
    assert over["tid"] == pid and over["grows_down"] is False
    shared, = mappings_of(report, "map_shared")
    assert told_of(shared)[1] == "rw-s" and shared["file"].startswith("/SYSV")
    file, = mappings_of(report, "map_file")
    assert Path(file["file"].removesuffix(" (deleted)")).is_absolute()
    large, = mappings_of(report, "allocate_large")
    block, = [block for block in report["blocks"] if block["address"] == large["block"]]
    assert told_of(large)[:4] == (257, "rw-p", 0, "libc-malloc")
    assert 256 * PAGE <= block["size"] < 257 * PAGE
    stack, = [mapping for mapping in report["mappings"] if mapping["grows_down"]]
    assert (stack["origin"], stack["site"]) == ("kernel", None)
    assert live.finish("\n").status == 0


@pytest.mark.sanitized
def test_who_has_mapped_what_since_the_attach(attach, start_plainly, target, dumps):
    live = start_plainly(target("mapper"))
    pid = live.await_ready()
    attached = attach(pid)
    before = attached.dump()
    assert_identical(before)
    assert before["maps"]["net_bytes"] == 0 and before["map_sites"] == []
    assert before["maps"]["by_origin"]["earlier"] > 0
    live.say("map")
    live.await_line("done")
    assert_known(attached.dump())
    run = attached.detach()
    assert (run.status, run.err) == (0, "")
    assert_identical(run.report)
    assert run.report["ledger"]["text_identical"] is True
    assert_untouched(pid)
    assert live.finish("\n").status == 0


@pytest.mark.parametrize("threads", [1, 4])
def test_a_storm(start_traced, target, dumps, cycles, threads):
    live = start_traced(target("mapstorm"), str(threads), str(cycles(12000, 100000)))
    live.await_ready()
    dump = dumps(live)
    assert_identical(dump())
    live.say("storm")
    for _ in range(cycles(20, 200)):
        assert_identical(dump())
    live.await_line("done")
    assert_identical(dump())
    assert live.finish("\n").status == 0


def test_a_storm_in_an_attached_program(attach, start_plainly, target, cycles):
    live = start_plainly(target("mapstorm"), "4", "1000000000")
    pid = live.await_ready()
    live.say("storm")
    for _ in range(cycles(5, 50)):
        attached = attach(pid)
        for _ in range(3):
            assert_identical(attached.dump())
        run = attached.detach()
        assert run.status == 0
        assert_identical(run.report)
        assert_untouched(pid)
    live.kill(signal.SIGKILL)
    live.finish()


def test_signals_in_the_middle(start_traced, target, dumps):
    live = start_traced(target("mapper"), "signals")
    live.await_ready()
    dump = dumps(live)
    for _ in range(20):
        assert_identical(dump())
    assert live.finish("\n").status == 0


def test_other_system_calls_are_not_stopped(trace, target):
    run = trace(target("reader"), "100000")
    assert run.status == 0 and run.report["cost"]["stops"] < 1000


def test_nothing_of_it_when_not_wanted(trace, target):
    run = trace(target("reader"), "10", options=["--no-maps"])
    assert run.status == 0 and run.report["maps"] is None
    assert run.report["cost"]["stops"] < trace(target("reader"), "10").report["cost"]["stops"]


def test_it_maps_on_when_alloctrace_is_killed(attach, start_plainly, target, until):
    live = start_plainly(target("mapper"))
    pid = live.await_ready()
    attached = attach(pid)
    attached.dump()
    attached.kill(signal.SIGKILL)
    until(lambda: not tracer_of(pid), "the tracer's end")
    live.say("map")
    live.await_line("done")
    assert_untouched(pid)
    assert live.finish("\n").status == 0


def test_what_leads_to_a_call_is_done_once(trace, target):
    run = trace(target("mapodd"), "counted", stdin=subprocess.PIPE)
    assert run.out.splitlines()[1:] == 4 * ["counted 2000"]
    assert any("what leads to it cannot be trapped" in note
               for note in run.report["ledger"]["notes"])


def test_a_call_that_a_filter_refuses_is_none(start_traced, target, dumps):
    live = start_traced(target("mapodd"), "refused")
    assert live.read_line() == "refused\n"
    live.await_ready()
    assert_identical(dumps(live)())
    assert live.finish("\n").status == 0


def test_a_call_that_does_not_return_keeps_nobody_waiting(start_traced, target, dumps):
    live = start_traced(target("mapodd"), "blocked")
    line = live.process.stdout.readline()
    if not line and live.process.wait() == 77:
        pytest.skip("userfaultfd is not permitted here")
    dump = dumps(live)
    for _ in range(3):
        report = dump()
        assert report["maps"]["identical"] is None and report["maps"]["differences"] == 0
        os.kill(tracer_process(live.pid), signal.SIGUSR2)  # it may be called upon meanwhile
    run = live.finish("\n")
    assert (run.status, run.out) == (0, "unmapped\n")


# ---- only what is mapped -----------------------------------------------------------


@pytest.mark.sanitized
def test_growth_tells_who_maps_without_a_trap_in_malloc(start_traced, target, dumps):
    live = start_traced(target("mapper"), options=["--growth"])
    live.await_ready()
    dump = dumps(live)
    dump()
    live.say("map")
    live.await_line("done")
    report = dump()
    assert_known(report)
    assert report["totals"]["allocs"] == 0 and report["sites"] == []
    assert {one["traps"] for one in report["allocators"]} == {0}
    assert live.finish("\n").status == 0


def test_growth_does_not_stop_malloc(trace, target):
    run = trace(target("churn"), options=["--growth"])
    calls = sum(counts["calls"] for counts in run.truth["functions"].values())
    maps = run.report["maps"]
    mapping = sum(row["calls"] for row in maps.values() if isinstance(row, dict) and "calls" in row)
    allowed = 2 * mapping + 1000 * maps["any_places"] + 100  # the last: the loader, the start
    assert run.status == 0 and run.report["cost"]["stops"] < allowed < calls / 4
    assert run.report["maps"]["by_origin"]["libc-malloc"] > 0


def test_growth_as_text(run_plainly, alloctrace, target):
    run = run_plainly(alloctrace, "--growth", "--top", "1", "--", target("reader"), "1")
    head, _, mapped, *rest = run.err.splitlines()
    assert head.startswith("alloctrace report: reader ") and run.status == 0
    assert "Mapped: " in "".join([mapped, *rest]) and "  Sites that map the most (1 of " in run.err
    assert "\n  1. " in run.err and "_dl_map" in run.err
