"""alloctrace ctl: a running session is asked and changed, and each figure is the program's own."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ctl import Stepper, folder

pytestmark = pytest.mark.sanitized


@pytest.fixture
def stepper(start_plainly, alloctrace, target, tmp_path):
    """stepper(options..., threads=False): at "ready"."""
    def start(*options, threads=False, by=()):
        report = tmp_path / "report.json"
        live = start_plainly(*by, alloctrace, "-o", f"json:{report}", *options, "--",
                             target("stepper"), *(["thread"] if threads else []))
        return Stepper(live, alloctrace, report)
    return start


def ended_well(stepper):
    run = stepper.finish()
    assert (run.status, run.err) == (0, "")
    return json.loads(stepper.report.read_text())


# ---- row 37 to 40: malloc-stat ---------------------------------------------------------------


def six(stepper):
    """allocs, allocated, deallocs, deallocated, in use, peak, as the box has them."""
    told = stepper.json("stat")
    freed = {key: told["freed"][key] + told["freed_earlier"][key] for key in told["freed"]}
    return (told["allocated"]["count"], told["allocated"]["usable_bytes"],
            freed["count"], freed["usable_bytes"],
            told["in_use"]["usable_bytes"], told["peak"]["usable_bytes"])


def test_row_37_one_malloc(stepper):
    step = stepper()
    usable = step.do("m 1 32")
    assert six(step) == (1, usable, 0, 0, usable, usable)
    ended_well(step)


def test_row_37_malloc_and_free(stepper):
    step = stepper()
    usable = step.do("m 1 32")
    step.do("f 1")
    assert six(step) == (1, usable, 1, usable, 0, usable)
    ended_well(step)


def test_row_37_realloc_alloc_inplace_moved_and_free(stepper):
    """The last one is mapped for itself, which is more than the rule for its size says."""
    step = stepper()
    first = step.do("r 1 32")
    assert six(step) == (1, first, 0, 0, first, first)
    second = step.do("r 1 64")
    assert six(step) == (2, first + second, 1, first, second, second)
    third = step.do("r 1 1048576")
    assert third > 1048576 + 4000
    assert six(step) == (3, first + second + third, 2, first + second, third, third)
    step.do("r 1 0")
    total = first + second + third
    assert six(step) == (3, total, 3, total, 0, third)
    ended_well(step)


@pytest.mark.parametrize("steps", [
    ["m 1 300000", "r 1 301000", "r 1 900000", "f 1", "m 1 300000", "f 1"],
    ["c 1 200000", "m 2 0", "m 3 1", "m 4 24", "m 5 25", "f 3", "r 1 100", "f 1"],
])
def test_usable_bytes_are_those_the_program_is_told(stepper, steps):
    step = stepper()
    usable = {}
    for line in steps:
        words = line.split()
        told = step.do(line)
        usable[words[1]] = told if words[0] != "f" else 0
        assert step.json("stat")["in_use"]["usable_bytes"] == sum(usable.values()), line
    report = ended_well(step)
    assert report["totals"]["usable_live_bytes"] in (None, sum(usable.values()))


RULE = "+" + 74 * "=" + "+\n"


def box(caption, allocs, allocated, deallocs, deallocated, in_use, peak):
    return (f"{caption}:\n{RULE}"
            f"| allocs  : {allocs:<14}| deallocs: {deallocs:<14}| inuse: {in_use:<14}|\n"
            f"| AL bytes: {allocated:<14}| DE bytes: {deallocated:<14}| peak : {peak:<14}|\n{RULE}")


def test_row_38_box(stepper, target):
    step = stepper()
    step.do("m 1 4096")
    assert step.tell("stat", "--box") == box(target("stepper"), 1, 4104, 0, 0, 4104, 4104)
    assert step.tell("stat", "--box").splitlines()[2] == \
        "| allocs  : 1             | deallocs: 0             | inuse: 4104          |"
    ended_well(step)


def test_row_38_box_at_the_end(run_plainly, alloctrace, target, tmp_path):
    out = tmp_path / "at_end"
    run = run_plainly("/bin/sh", "-c", 'printf "m 1 10\\nf 1\\nm 2 4096\\n" | "$@"', "sh",
                      alloctrace, "-o", f"box:{out}", "--", target("stepper"))
    assert run.status == 0
    assert out.read_text() == box(target("stepper"), 2, 4128, 1, 24, 4104, 4104)


def numbers(value, at=""):
    """Every number in it, by where it is."""
    if isinstance(value, dict):
        for key in value:
            yield from numbers(value[key], f"{at}/{key}")
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from numbers(one, f"{at}/{i}")
    elif isinstance(value, int):
        yield at, value


def test_row_39_reset(stepper):
    step = stepper()
    step.do("m 1 100", "m 2 200", "c 3 300", "p 10 5")
    step.tell("reset")
    told = step.json("stat")
    assert (told["resets"], six(step)) == (1, (0, 0, 0, 0, 0, 0))
    assert told["functions"] == {} and told["by_thread"] == [] and told["sizes"] == []
    assert told["live"] == {"blocks": 3, "bytes": 600}
    step.do("f 1", "f 2", "n")
    told = step.json("stat")
    assert told["freed"]["count"] == told["in_use"]["count"] == 0
    assert told["freed_earlier"] == {"count": 2, "bytes": 300, "usable_bytes": 104 + 200}
    assert told["functions"]["free"] == {"calls": 3, "failed": 0, "null": 1, "bytes": 0,
                                         "bytes_freed": 300}
    step.do("m 1 50", "r 3 40")
    told = step.json("stat")
    assert told["in_use"] == {"count": 2, "bytes": 90, "usable_bytes": 56 + 40}
    assert told["peak"]["bytes"] == 90
    assert [place for place, number in numbers(told) if number < 0] == []
    totals = ended_well(step)["totals"]
    assert (totals["allocs"], totals["frees"], totals["live_blocks"]) == (10, 8, 2)


def test_row_39_resets_in_a_row_are_exact(stepper):
    step = stepper()
    for i in range(10):
        step.do(f"m {i} {i + 1}")
        step.tell("reset")
        step.do(f"f {i}", f"m {i} 16", f"f {i}")
        told = step.json("stat")
        assert (told["freed"]["bytes"], told["freed_earlier"]["bytes"]) == (16, i + 1)
        assert told["in_use"]["bytes"] == 0 and told["resets"] == i + 1
    ended_well(step)


def test_row_40_marks_and_differences(stepper):
    step = stepper()
    step.do("m 1 100", "c 2 1000")
    step.tell("mark", "a")
    step.do("m 3 11", "m 4 12", "f 2")
    step.tell("mark", "the second")
    step.do("c 5 7", "p 30 4")
    assert step.tell("mark").splitlines() == ["a", "the second"]
    grown = {site["stack"][0]["function"]: site for site in step.json("diff", "a")["sites"]}
    keys = "blocks", "bytes", "allocs", "frees", "bytes_allocated"
    assert {name: tuple(site[key] for key in keys) for name, site in grown.items()} == {
        "leak_one": (2, 23, 2, 0, 23), "by_calloc": (0, -993, 1, 1, 7), "pass": (0, 0, 4, 4, 120)}
    between = step.json("diff", "a", "the second")["sites"]
    assert [(site["stack"][0]["function"], site["bytes"]) for site in between] == \
        [("leak_one", 23), ("by_calloc", -1000)]
    text = step.tell("diff", "a").splitlines()
    assert text[0] == "-970 bytes in +2 blocks, at 3 sites"
    assert re.fullmatch(r" +\d+ +\+23 +\+2 +2 +0  malloc, leak_one stepper.c:\d+", text[2])
    step.tell("mark", "a")
    assert step.json("diff", "a")["sites"] == []
    ended_well(step)


def test_marks_that_cannot_be(stepper):
    step = stepper()
    assert step.refused("diff", "none") == "none: there is no such mark; mark none makes one"
    step.tell("mark", "a")
    assert step.refused("diff", "a", "b") == "b: there is no such mark; mark b makes one"
    assert step.refused("mark", "x" * 64) == "a mark's name has at most 63 bytes"
    step.tell("mark", "x" * 63)
    for i in range(62):
        step.tell("mark", i)
    assert "64 marks already" in step.refused("mark", "one more")
    step.tell("mark", "a")
    ended_well(step)


# ---- row 42 to 45: the counts -----------------------------------------------------------------


def test_row_42_live_count_and_bytes_at_any_time(stepper):
    step = stepper()
    step.do("m 1 104857600", "m 2 10485760", "c 3 100")
    assert step.json("stat")["live"] == {"blocks": 3, "bytes": 104857600 + 10485760 + 100}
    step.do("f 1")
    assert step.json("stat")["live"] == {"blocks": 2, "bytes": 10485760 + 100}
    ended_well(step)


def test_row_43_calls_and_bytes_by_function(stepper):
    step = stepper()
    step.do("m 1 100", "m 2 50", "c 3 1000", "r 2 70", "r 2 30", "f 1", "n", "p 10 3")
    assert step.json("stat")["functions"] == {
        "malloc": {"calls": 5, "failed": 0, "null": 0, "bytes": 180, "bytes_freed": 0},
        "calloc": {"calls": 1, "failed": 0, "null": 0, "bytes": 1000, "bytes_freed": 0},
        "realloc": {"calls": 2, "failed": 0, "null": 0, "bytes": 100, "bytes_freed": 120},
        "free": {"calls": 5, "failed": 0, "null": 1, "bytes": 0, "bytes_freed": 130}}
    text = step.tell("stat").splitlines()
    assert text[:6] == [
        ">>>There are 1 live (out of 1 total) threads.<<<", "Mem Count Stats:", 45 * "=",
        "mem_count: 1040 (1.016 KB)", "net mallocs: 2",
        "allocated: 8 : 1280 (1.250 KB), usable 1344"]
    for line in ("mem_count_mallocs: 5 (180)", "mem_count_callocs: 1 (1000)",
                 "mem_count_reallocs: 2 (100 / -120)", "mem_count_frees: 5 (-130), 1 of NULL",
                 "temporary: 4"):
        assert line in text, text
    ended_well(step)


def test_row_44_and_45_maps_and_the_triple(stepper):
    step = stepper()
    step.do("m 1 100")
    before = step.json("stat")
    step.do("M 1048576")
    after = step.json("stat")
    assert after["maps"]["mmap"]["calls"] == before["maps"]["mmap"]["calls"] + 1
    assert after["maps"]["mmap"]["bytes"] == before["maps"]["mmap"]["bytes"] + 1048576
    assert after["maps"]["net_bytes"] == before["maps"]["net_bytes"] + 1048576
    assert after["asm_stats"] == {"mem_count": 104, "net_shm": 0,
                                  "net_mmaps": before["asm_stats"]["net_mmaps"] + 1048576}
    step.do("u 0")
    last = step.json("stat")
    assert last["maps"]["munmap"]["calls"] == before["maps"]["munmap"]["calls"] + 1
    assert last["maps"]["net_bytes"] == before["maps"]["net_bytes"]
    mmaps = last["maps"]["mmap"]
    assert f"mmaps: {mmaps['calls']} ({mmaps['bytes']})" in step.tell("stat").splitlines()
    ended_well(step)


def test_row_45_growth_of_shared_memory_is_told(run_plainly, alloctrace, target):
    """The triple's third, where nothing is attached, and without maps none of it."""
    run = run_plainly("/bin/sh", "-c", '"$@" </dev/null', "sh", alloctrace, "--no-maps", "-o",
                      "json:-", "--", target("stepper"))
    report = json.loads(run.out.splitlines()[-1])
    assert report["maps"] is None and report["counters"]["allocated"]["count"] == 0


# ---- row 52: threads and sites ----------------------------------------------------------------


def site_of(step, function, *words):
    site, = step.json("site", function, *words)["sites"]
    return site


def threads_of(step, function, *words):
    """By thread; each has a stack of its own here, so each has a site."""
    sites = step.json("site", function, *words)["sites"]
    return {one["tid"]: one for site in sites for one in site["threads"]}


def test_row_52_by_thread_and_site(stepper):
    step = stepper(threads=True)
    step.do("m 1 100", "tm 2 1000", "tm 3 500", "f 3")
    threads = threads_of(step, "leak_one")
    keys = "live_blocks", "live_bytes", "allocs", "last_delta"
    assert {tid: tuple(one[key] for key in keys) for tid, one in threads.items()} == {
        step.pid: (1, 100, 1, 100), step.other: (1, 1000, 2, -500)}
    one = threads[step.other]
    assert threads_of(step, "leak_one", "--tid", step.other) == {step.other: one}
    assert step.other != step.pid and one["last_ms"] >= threads[step.pid]["last_ms"]
    step.do("tf 1")
    one = threads_of(step, "leak_one", f"--tid={step.pid}")[step.pid]
    assert (one["live_bytes"], one["last_delta"]) == (0, -100)
    assert f"thread {step.other}: total 1000 in 1 block, last change -500 after " in \
        step.tell("site", "leak_one")
    assert "of thread 1" in step.refused("site", "leak_one", "--tid", 1)
    ended_well(step)


def test_counts_by_thread(stepper):
    step = stepper(threads=True)
    step.tell("reset")
    step.do("m 1 100", "tm 2 1000", "tp 8 3", "f 2")
    counts = {one["tid"]: one for one in step.json("stat")["by_thread"]}
    keys = "allocs", "bytes", "frees", "bytes_freed", "temporary"
    assert {tid: tuple(one[key] for key in keys) for tid, one in counts.items()} == {
        step.pid: (1, 100, 1, 1000, 0), step.other: (4, 1024, 3, 24, 3)}
    report = ended_well(step)
    ended = [one for one in report["counters"]["by_thread"] if "ended" in one]
    assert sum(one["allocs"] for one in ended) == 5


def test_temporary_blocks_are_freed_by_the_next_call(stepper):
    step = stepper(threads=True)
    step.tell("reset")
    step.do("p 8 10", "m 1 1", "m 2 2", "f 2", "f 1", "m 3 3", "tp 4 1", "f 3", "m 4 4", "n", "f 4")
    told = step.json("stat")
    # ten, the one in slot 2, the other thread's, and the one that the other's did not come between
    assert told["temporary"] == 10 + 1 + 1 + 1
    assert sum(site["temporary"] for site in step.json("site", "pass")["sites"]) == 11
    assert site_of(step, "leak_one")["temporary"] == 2
    ended_well(step)


def test_lifetimes_of_freed_blocks(stepper):
    step = stepper()
    step.do("p 8 100", "m 1 1")
    assert "lifetimes" not in site_of(step, "leak_one")
    lifetimes = site_of(step, "pass")["lifetimes"]
    assert lifetimes["count"] == 100 == sum(lifetimes["below_us"].values())
    assert 0 < lifetimes["min_ns"] <= lifetimes["mean_ns"] <= lifetimes["max_ns"]
    longest = max(int(below) for below in lifetimes["below_us"])
    shortest = min(int(below) for below in lifetimes["below_us"])
    assert longest // 2 <= lifetimes["max_ns"] // 1000 < longest
    assert shortest // 2 <= lifetimes["min_ns"] // 1000 < shortest
    first = step.json("stat")["time_ms"]
    step.do("m 2 1")
    middle = step.json("stat")["time_ms"]
    while step.json("stat")["time_ms"] < middle + 20:
        pass
    step.do("f 2")
    lived = site_of(step, "leak_one")["lifetimes"]
    assert 19 <= lived["min_ns"] / 1e6 <= step.json("stat")["time_ms"] - first + 1
    assert lived["min_ns"] == lived["max_ns"] and lived["count"] == 1
    ended_well(step)


def test_sizes_by_powers_of_two(stepper):
    step = stepper()
    step.do("m 1 0", "m 2 1", "m 3 2", "m 4 3", "m 5 4", "m 6 1023", "m 7 1024", "c 8 1025")
    assert step.json("stat")["sizes"] == [
        {"to": 0, "allocs": 1}, {"to": 1, "allocs": 1}, {"to": 3, "allocs": 2},
        {"to": 7, "allocs": 1}, {"to": 1023, "allocs": 1}, {"to": 2047, "allocs": 2}]
    ended_well(step)


def test_by_library_and_function(stepper, target):
    step = stepper()
    step.do("m 1 100", "c 2 1000", "p 5 2")
    report = ended_well(step)
    assert report["by_library"] == [
        {"name": target("stepper"), "live_blocks": 2, "live_bytes": 1100, "allocs": 4,
         "frees": 2, "bytes_allocated": 1110}]
    assert [(one["name"], one["live_bytes"], one["allocs"]) for one in report["by_function"]] == \
        [("by_calloc", 1000, 1), ("leak_one", 100, 1), ("pass", 0, 2)]
    for key in ("allocs", "frees", "bytes_allocated", "temporary"):
        assert [site[key] for site in report["sites"] if site["function"] == "calloc"] == \
            [{"allocs": 1, "frees": 0, "bytes_allocated": 1000, "temporary": 0}[key]]


# ---- row 54: what is told ----------------------------------------------------------------------


def test_row_54_sections_are_set(stepper):
    step = stepper("--stats=threads")
    assert step.tell("stat") == ">>>There are 1 live (out of 1 total) threads.<<<\n"
    assert step.tell("set", "stats=vm,count").splitlines()[-1] == "stats=count,vm"
    text = step.tell("stat")
    assert text.startswith("Mem Count Stats:\n") and "threads.<<<" not in text
    peak = int(re.search(r"^   VmPeak = (\d+)$", text, re.MULTILINE)[1])
    status = Path(f"/proc/{step.pid}/status").read_text()
    assert peak == int(re.search(r"VmPeak:\s+(\d+) kB", status)[1])
    assert re.search(rf"\d+ \w+ \d+ @ \d\d:\d\d:\d\d:  Proc {step.pid} did not change", text)
    step.do("M 104857600")
    assert f"Proc {step.pid} grew by 102400 KB (net change: 102400 KB)\n" in step.tell("stat")
    step.tell("set", "stats=date")
    assert re.fullmatch(r"\n\w{3} \d\d 20\d\d \d\d:\d\d:\d\d GMT:\n\n", step.tell("stat"))
    ended_well(step)


def test_row_54_bad_settings(stepper):
    step = stepper()
    before = step.tell("set")
    for text in ("stats=", "stats=vm,", "stats=vm,nonsense", "top=-1", "top=x", "min-size=1X",
                 "min-age=never", "interval=-3", "sort=nothing", "blocks=perhaps", "top"):
        assert step.refused("set", text, status=2) == f"{text}: not a value that it takes"
    for text in ("pid=1", "=", "top =1", "x" * 500 + "=1", "output=text:-", "metrics=1"):
        assert "no such setting" in step.refused("set", text, status=2)
    assert "not a value" in step.refused("set", "top=7", "sort=bad", status=2)
    assert step.tell("set") == before
    ended_well(step)


def test_settings_change_what_reports_show(stepper):
    step = stepper()
    step.do("m 1 10", "c 2 100000", "p 7 9")
    assert len(step.json("top")["sites"]) == 3
    step.tell("set", "top=1", "sort=calls")
    assert [site["allocs"] for site in step.json("sites")["sites"]] == [9]
    step.tell("set", "top=0", "sort=bytes", "min-size=1K")
    assert [site["live_bytes"] for site in step.json("top")["sites"]] == [100000]
    step.tell("set", "blocks=on")
    assert [block["size"] for block in json.loads(step.tell("dump", "json:-"))["blocks"]] == \
        [100000]
    ended_well(step)


def test_an_interval_is_begun_and_ended(stepper, until, tmp_path):
    step = stepper()
    step.tell("set", "interval=0.05")
    until((tmp_path / "report.3.json").exists, "the third report")
    assert json.loads((tmp_path / "report.1.json").read_text())["reason"] == "interval"
    step.tell("set", "interval=0")
    step.tell("dump")
    count = len(list(tmp_path.glob("report.*.json")))
    step.tell("dump")
    assert len(list(tmp_path.glob("report.*.json"))) == count + 1
    ended_well(step)


# ---- row 56 -------------------------------------------------------------------------------------


def test_row_56_what_the_allocator_holds_beyond_what_is_tracked(stepper):
    step = stepper()
    usable = step.do("m 1 1000") + step.do("m 2 2000000")
    told = step.json("stat")["allocator"]
    heap = [line for line in Path(f"/proc/{step.pid}/maps").read_text().splitlines()
            if line.endswith("[heap]")]
    begin, end = (int(number, 16) for number in heap[0].split()[0].split("-"))
    mapped = (2000000 + 16 + 4095) // 4096 * 4096
    assert told == {"held_bytes": end - begin + mapped, "tracked_bytes": usable,
                    "difference": end - begin + mapped - usable}
    step.tell("set", "stats=allocator")
    assert step.tell("stat") == (f"held_by_allocator: {told['held_bytes']} ; tracked: {usable} ; "
                                 f"diff: {told['difference']}\n")
    ended_well(step)


# ---- dumps ---------------------------------------------------------------------------------------


def test_dump_is_what_sigusr1_asks_for(stepper, until, tmp_path):
    step = stepper()
    step.do("m 1 100")
    assert step.tell("dump") == ""
    by_ctl = json.loads((tmp_path / "report.1.json").read_text())
    os.kill(step.session, signal.SIGUSR1)
    until((tmp_path / "report.2.json").exists, "the other dump")
    by_signal = json.loads((tmp_path / "report.2.json").read_text())
    for key in ("reason", "totals", "sites", "functions", "maps", "counters", "pid"):
        assert by_ctl[key] == by_signal[key], key
    assert by_ctl["reason"] == "dump" and by_ctl["totals"]["live_bytes"] == 100
    ended_well(step)


def test_dump_here_and_to_files(stepper, tmp_path):
    step = stepper()
    step.do("m 1 100")
    here = json.loads(step.tell("dump", "json:-"))
    assert (here["reason"], here["totals"]["live_bytes"]) == ("dump", 100)
    assert step.tell("dump", "-").startswith("alloctrace report: ")
    elsewhere = tmp_path / "else where%here%n%%"
    elsewhere.mkdir()
    assert step.tell("dump", "json:a b.json", cwd=elsewhere) == ""
    assert json.loads((elsewhere / "a b.json").read_text())["totals"] == here["totals"]
    assert step.tell("dump", f"{tmp_path}/x.csv") == ""
    assert (tmp_path / "x.csv").read_text().startswith("site,live_bytes,")
    assert not list(tmp_path.glob("report.*.json"))
    report = ended_well(step)
    assert report["totals"]["live_bytes"] == 100


def test_a_stream_is_sent_to_a_folder_that_is_no_pattern(stepper, tmp_path):
    step = stepper("-o", f"jsonl:{tmp_path}/events")
    elsewhere = tmp_path / "d%n%p"
    elsewhere.mkdir()
    step.tell("log", "to", "events-%p.jsonl", cwd=elsewhere)
    step.do("m 1 100")
    ended_well(step)
    last = [json.loads(line) for line in
            (elsewhere / f"events-{step.pid}.jsonl").read_text().splitlines()]
    assert [one["size"] for one in last if one["event"] == "alloc"] == [100]


def test_dump_that_cannot_be(stepper, tmp_path):
    step = stepper()
    assert step.refused("dump", "json:/nowhere/x") == \
        "cannot write the report to /nowhere/x: No such file or directory"
    assert step.refused("dump", "fd:1") == "a descriptor's number is the session's own; - is here"
    assert step.refused("dump", "tcp:nothing") == \
        "not a destination; see -o in alloctrace --help"
    assert step.refused("dump", "tcp:127.0.0.1:1").endswith(": Connection refused")
    assert step.refused("dump", "/dev/full").endswith(": No space left on device")
    assert json.loads(step.tell("dump", "json:-"))["reason"] == "dump"
    assert ended_well(step)["reason"] == "exit" and list(tmp_path.glob("*.tmp*")) == []


# ---- the commands ---------------------------------------------------------------------------------


def test_row_83_version(stepper, run_plainly, alloctrace):
    step = stepper()
    version = run_plainly(alloctrace, "--version").out.strip()
    assert step.tell("version") == f"{version}, control protocol 1\n"
    assert step.json("version") == {"alloctrace_ctl": 1, "version": version.split()[1],
                                    "protocol": 1}
    client, greeting = step.connect()
    assert greeting == f"alloctrace ctl 1 {step.session}"
    client.close()
    ended_well(step)


def test_help_lists_every_command_without_a_session_too(stepper, run_plainly, alloctrace):
    step = stepper()
    text = step.tell("help")
    assert run_plainly(alloctrace, "ctl", "help").out == text
    commands = {line.split()[0] for line in text.splitlines() if line[0] != " "}
    assert commands >= {"stat", "reset", "mark", "diff", "dump", "top", "sites", "site", "set",
                        "version", "stop", "log", "help"}
    assert all(len(line) <= 100 for line in text.splitlines())
    for command in commands - {"stop"}:
        assert step.ask(command, "1", "2", "3", "4", *["x"] * 20).returncode == 2, command
    assert step.refused("nonsense", status=2) == "no such command; help lists what there is"
    assert step.refused("stat", "--xml", status=2) == "no such option of this command"
    assert step.refused("site", status=2) == "an argument is missing"
    assert step.refused("site", "1", "--tid", status=2) == "--tid wants a thread's number"
    assert step.refused("top", "--by=size", status=2) == "--by wants site, lib or func"
    ended_well(step)


def test_top_and_sites(stepper, target):
    step = stepper()
    step.do("m 1 100", "c 2 1000", "p 5 2")
    top = step.tell("top", 1)
    assert "Sites that hold the most bytes (1 of 2):" in top and "by_calloc" in top
    lines = step.tell("sites").splitlines()
    assert [line.split()[1:4] for line in lines[1:]] == \
        [["1000", "1", "1"], ["100", "1", "1"], ["0", "0", "2"]]
    assert re.search(r"  calloc, by_calloc stepper\.c:\d+$", lines[1])
    libraries = step.json("top", "--by=lib")["groups"]
    assert [(one["name"], one["live_bytes"]) for one in libraries] == [(target("stepper"), 1100)]
    functions = step.json("top", "--by=func")["groups"]
    assert [one["name"] for one in functions] == ["by_calloc", "leak_one", "pass"]
    number = step.json("sites")["sites"][0]["id"]
    assert step.json("site", number)["sites"][0]["function"] == "calloc"
    assert "no site has this number" in step.refused("site", number + 1000)
    ended_well(step)


def test_log_has_no_stream_to_switch(stepper):
    step = stepper()
    for words in (["maybe"], ["to"], ["on", "x"]):
        assert step.refused("log", *words, status=2) == "log wants on, off, or to DEST"
    ended_well(step)


def test_stop_lets_a_started_program_go_on(stepper, process_state):
    step = stepper()
    step.do("m 1 100")
    assert step.tell("stop") == "let go\n"
    assert "TracerPid:\t0\n" in Path(f"/proc/{step.pid}/status").read_text()
    report = json.loads(step.report.read_text())
    assert (report["reason"], report["totals"]["live_bytes"]) == ("detach", 100)
    step.do("m 2 100")
    assert step.json("stat")["live"] == {"blocks": 1, "bytes": 100}
    assert step.refused("dump") == "nothing is traced any more"
    assert process_state(step.session) is not None
    ended_well(step)


@pytest.fixture
def attached(start_plainly, target, alloctrace, attach):
    """`stepper`, started before, and a session that is attached to it."""
    def start(*options):
        live = start_plainly(target("stepper"), stdin=subprocess.PIPE)
        step = Stepper(live, alloctrace, None)
        session = attach(step.pid, *options)
        session.dump()
        step.session = session.pid
        return step, session
    return start


def test_stop_detaches(attached):
    step, session = attached()
    step.do("m 1 64")
    assert step.tell("stop", of=step.pid) == "let go\n"
    run = session.finish()
    assert (run.status, run.err, run.report["reason"]) == (0, "", "detach")
    assert run.report["totals"]["live_bytes"] == 64
    assert "no session with a control socket" in step.refused("stat", of=step.pid)
    assert step.do("f 1") == 0
    assert step.finish().status == 0


def test_found_by_the_number_of_either_or_of_a_thread(attached, stepper):
    step, session = attached()
    step.do("m 1 64")
    assert step.json("stat", of=step.pid)["live"] == step.json("stat", of=session.pid)["live"] == \
        {"blocks": 1, "bytes": 64}
    session.detach()
    step.finish()
    step = stepper(threads=True)
    assert step.json("stat", of=step.other)["pid"] == step.pid
    ended_well(step)


# ---- where the socket is --------------------------------------------------------------------------


def test_the_socket_is_private_and_goes_with_the_session(stepper):
    step = stepper()
    path = folder() / str(step.session)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_ISSOCK(path.stat().st_mode) and stat.S_IMODE(path.stat().st_mode) == 0o600
    ended_well(step)
    assert not path.exists()


def test_no_socket_where_none_is_wanted(stepper):
    step = stepper("--ctl", "no")
    assert not (folder() / str(step.session)).exists()
    assert step.refused("stat").endswith("no session with a control socket is this process, or "
                                         "traces it")
    ended_well(step)


IN_A_MOUNT = ("/usr/bin/unshare", "--mount", "--propagation", "private")


def test_a_session_without_a_place_for_a_socket_goes_on(start_plainly, run_plainly, alloctrace,
                                                        target, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a file system wants root")
    script = 'mount -t tmpfs -o ro none /tmp && exec "$@"'
    copy = Path("/var/tmp") / f"stepper.{os.getpid()}"
    copied = run_plainly("/bin/sh", "-c", f"cp $0 {copy} && cp $1 {copy}.at", target("stepper"),
                         alloctrace)
    assert copied.status == 0
    for option, status in (("auto", 0), ("need", 125)):
        run = run_plainly(*IN_A_MOUNT, "/bin/sh", "-c", script, "sh", f"{copy}.at", "--ctl",
                          option, "-o", "text:/dev/null", "--", copy)
        assert run.status == status, run.err
        assert run.err == ("" if status == 0 else "alloctrace: there is no place for a control "
                           f"socket in /tmp/alloctrace-ctl-{os.geteuid()}: Read-only file "
                           "system\n")
    for path in (copy, Path(f"{copy}.at")):
        path.unlink()


def test_a_folder_of_somebody_elses_is_not_used(run_plainly, everybodys, target):
    if os.geteuid() != 0:
        pytest.skip("a folder of another user's wants root")
    user = 1000000 + os.getpid()  # nobody's
    mine = Path(f"/tmp/alloctrace-ctl-{user}")
    mine.mkdir(mode=0o700)
    try:
        run = run_plainly("/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}",
                          "--clear-groups", everybodys, "--ctl", "need", "--", "/bin/true")
        assert (run.status, run.err) == (125, "alloctrace: there is no place for a control socket "
                                         f"in {mine}: Operation not permitted\n")
    finally:
        mine.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="a user whom nobody else is wants root")
def test_folders_that_go_with_another_session(start_plainly, everybodys, target):
    """Just when they are there: whoever begins makes them again."""
    user = 2000000 + os.getpid()
    places = [Path(f"/tmp/alloctrace{kind}-{user}") for kind in ("", "-ctl")]
    script = "import os, sys, time\nwhile True:\n for path in sys.argv[1:]:\n" \
             "  try: os.rmdir(path)\n  except OSError: pass\n time.sleep(0.0001)"
    remover = subprocess.Popen([sys.executable, "-c", script, *places])
    program = shutil.copy(target("swelling"), Path(everybodys).parent)
    try:
        for _ in range(20):
            live = start_plainly("/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}",
                                 "--clear-groups", everybodys, "--ctl", "need", "-o",
                                 "json:/dev/null", "--", program, "pause")
            live.await_line("paused")
            assert len(list(places[0].iterdir())) == 1 and (places[1] / str(live.pid)).exists()
            run = live.finish("\n")
            assert (run.status, run.err) == (0, "")
    finally:
        remover.kill()
        remover.wait()
    assert not any(place.exists() for place in places)


def test_a_killed_sessions_socket(stepper, until, process_state):
    step = stepper()
    path = folder() / str(step.session)
    os.kill(step.session, signal.SIGKILL)
    until(lambda: process_state(step.session) in ("Z", None), "its end")
    assert path.exists()
    assert step.refused("stat").endswith("the session was killed: its control socket is left")
    step.finish()
    path.unlink(missing_ok=True)
    assert "no such process" in step.refused("stat", of=step.session)


def test_bad_numbers(stepper):
    step = stepper()
    for number in ("0", "-1", "x", "99999999999", "12x"):
        assert "not a process's number" in step.refused("stat", of=number, status=2)
    assert step.refused("stat", of=2 ** 22 + 1) == f"{2 ** 22 + 1}: no such process"
    assert step.refused("stat", of=os.getpid()).startswith(f"{os.getpid()}: no session ")
    assert "usage" in subprocess.run([step.alloctrace, "ctl", str(step.session)],
                                     capture_output=True, text=True, check=False).stderr
    ended_well(step)
