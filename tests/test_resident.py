"""How much of what is mapped is in memory, whose it is, and what it is used for."""

import os
import signal
from pathlib import Path

import pytest

from test_maps import PAGE, assert_identical, dumps, site_of  # noqa: F401

NAMES = ["VmPeak", "VmSize", "VmLck", "VmPin", "VmHWM", "VmRSS", "RssAnon", "RssFile",
         "RssShmem", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap"]


@pytest.fixture
def await_reading(until):
    """Waits until the process reads, and so touches nothing."""
    def wait(pid):
        call = Path(f"/proc/{pid}/syscall")
        until(lambda: call.read_text().startswith("0 0x0 "), f"{pid} to read")
    return wait


def status_of(pid):
    lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return {line[0][:-1]: int(line[1]) * 1024 for line in lines if line[0][:-1] in NAMES}


def resident_of(report, function):
    return [(site["bytes"] // PAGE, site["resident"] // PAGE) for site in report["map_sites"]
            if function in [frame["function"] for frame in site["stack"]]]


def rss_in_all(pid):
    line, = [line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
             if line.startswith("Rss:")]
    return int(line.split()[1]) * 1024


def assert_pages_known(report):
    assert resident_of(report, "map_lower") == [(8, 3)]
    assert resident_of(report, "map_upper") == [(8, 5)]
    assert resident_of(report, "map_read") == [(20, 0)]
    assert resident_of(report, "map_file") == [(6, 2)]
    assert resident_of(report, "map_shared") == [(9, 4)]


def assert_parts_known(before, after, of_block):
    """What the program says it has touched, and nothing else but stack and page tables."""
    more = {key: after["rss"]["parts"][key] - before["rss"]["parts"][key]
            for key in after["rss"]["parts"]}
    block = -(-(of_block + 16) // PAGE) * PAGE  # with the allocator's header before it
    assert more["app"] == 8 * PAGE
    assert more["shared_memory"] == 4 * PAGE
    assert more["live"] - of_block == small_blocks(before, after)
    assert more["allocator"] <= block - of_block
    assert after["rss"]["live_absent"] - before["rss"]["live_absent"] == 50 * PAGE - of_block


def small_blocks(before, after):
    """Bytes of the blocks allocated in between, but for the large one."""
    return (after["totals"]["live_bytes"] - before["totals"]["live_bytes"]) - 50 * PAGE


def assert_accounted(report, pid):
    rss = report["rss"]
    assert sum(rss["parts"].values()) == rss_in_all(pid)
    assert rss["bytes"] == report["vm"]["VmRSS"]["bytes"] == status_of(pid)["VmRSS"]
    assert rss["unaccounted"] == rss["bytes"] - sum(rss["parts"].values())


@pytest.mark.sanitized
def test_what_is_in_memory(start_traced, target, dumps, await_reading):  # noqa: F811
    live = start_traced(target("resident"), options=["--rss"])
    pid = live.await_ready()
    await_reading(pid)
    dump = dumps(live)
    before = dump()
    assert_accounted(before, pid)
    live.say("touch")
    of_block = int(live.await_line("done ").split()[1])
    await_reading(pid)
    after = dump()
    assert_identical(after)
    assert_pages_known(after)
    assert_parts_known(before, after, of_block)
    assert_accounted(after, pid)
    resident = after["maps"]["resident_by_origin"]
    assert resident["app"] >= 14 * PAGE and resident["libc-malloc"] >= of_block
    assert sum(resident.values()) == rss_in_all(pid)
    run = live.finish("\n")
    assert run.status == 0
    assert_identical(run.report)
    assert_pages_known(run.report)
    assert sum(run.report["rss"]["parts"].values()) > 0


def test_what_is_in_memory_since_the_attach(attach, start_plainly, target,
                                                 await_reading):
    live = start_plainly(target("resident"))
    pid = live.await_ready()
    await_reading(pid)
    attached = attach(pid, "--rss")
    before = attached.dump()
    live.say("touch")
    of_block = int(live.await_line("done ").split()[1])
    await_reading(pid)
    after = attached.dump()
    assert_pages_known(after)
    assert_parts_known(before, after, of_block)
    assert_accounted(after, pid)
    assert attached.detach().status == 0
    assert live.finish("\n").status == 0


def test_row_46_the_kernels_figures(start_traced, target, dumps, await_reading):  # noqa: F811
    live = start_traced(target("resident"))
    pid = live.await_ready()
    await_reading(pid)
    dump = dumps(live)
    first = dump()["vm"]
    assert list(first) == NAMES
    assert {name: first[name]["bytes"] for name in NAMES} == status_of(pid)
    live.say("touch")
    live.await_line("done ")
    await_reading(pid)
    second = dump()["vm"]
    assert {name: second[name]["bytes"] for name in NAMES} == status_of(pid)
    for name in NAMES:
        change = second[name]["bytes"] - first[name]["bytes"]
        assert second[name]["since_last"] == change
        assert second[name]["since_start"] == first[name]["since_start"] + change
    assert second["VmSize"]["since_last"] >= (18 + 20 + 6 + 9 + 50) * PAGE
    assert live.finish("\n").report["vm"]["VmPeak"]["bytes"] >= second["VmPeak"]["bytes"]


def test_stacks_from_before_the_attach(attach, start_plainly, target, until):
    live = start_plainly(target("resident"), "sleepers")
    pid = live.await_ready()
    states = Path(f"/proc/{pid}/task")
    until(lambda: [(task / "syscall").read_text().split()[0] for task in states.iterdir()
                   if task.name != str(pid)] == ["34"] * 3, "three to pause")
    attached = attach(pid, "--rss")
    report = attached.dump()
    assert_identical(report)
    assert report["maps"]["by_origin"]["thread-stack"] == 3 * 64 * PAGE  # beside their guards
    assert report["rss"]["parts"]["stacks"] >= 3 * PAGE
    assert attached.detach().status == 0
    assert live.finish("\n\n").status == 0


def test_row_55_by_library(start_traced, target, dumps):  # noqa: F811
    live = start_traced(target("resident"))
    live.await_ready()
    dump = dumps(live)
    live.say("touch")
    live.await_line("done ")
    report = dump()
    by_path = {Path(row["path"]).name: row for row in report["libraries"]}
    own = by_path["resident"]
    # what it maps itself, and what malloc maps for it: the neighbours' reserve has lost 16
    assert own["mapped_bytes"] - report["maps"]["brk"]["bytes"] == (18 + 20 + 51) * PAGE
    assert own["mapped_resident"] >= (8 + 10) * PAGE
    assert 0 < by_path["libc.so.6"]["file_resident"] <= by_path["libc.so.6"]["file_bytes"]
    total = sum(row["mapped_resident"] + row["file_resident"] for row in report["libraries"])
    assert total <= report["vm"]["VmRSS"]["bytes"]
    live.finish("\n")


def test_nothing_is_told_of_the_memory_of_the_killed(start_traced, target, dumps):  # noqa: F811
    live = start_traced(target("resident"), options=["--rss"])
    pid = live.await_ready()
    assert dumps(live)()["rss"]["bytes"] > 0
    os.kill(pid, signal.SIGKILL)
    run = live.finish()
    assert run.status == 128 + signal.SIGKILL
    report = run.report
    assert (report["rss"], report["vm"], report["maps"]["resident_by_origin"]) == (None, {}, None)
    assert report["maps"]["identical"] is None


def test_an_exit_in_the_midst_of_mapping(trace, target, cycles):
    for _ in range(cycles(10, 200)):
        run = trace(target("resident"), "exits")
        assert run.status == 7
        assert_identical(run.report)


def test_blocks_that_lie_over_each_other_count_once(trace, target):
    run = trace(target("overlapping"), options=["--rss"])
    assert run.status == 0
    rss = run.report["rss"]
    assert rss["unaccounted"] == rss["bytes"] - sum(rss["parts"].values())
    assert 4 << 20 > rss["parts"]["live"] >= (4 << 20) - 20 * PAGE
    assert rss["parts"]["allocator"] < rss["bytes"]
