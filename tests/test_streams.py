"""Streams of every event: each format's lines against what the program printed of its calls."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from conftest import Run
from streaming import (MLOG, MTRACE, functions_of, number, objects,
                       odd_program, realloc_kind, told_by)  # noqa: F401: a fixture

pytestmark = pytest.mark.sanitized


@pytest.fixture
def stream(start_plainly, alloctrace, target, tmp_path):
    """stream(FORMAT, ARGUMENTS of streamed, options=...): the Run and the stream's lines."""
    def run(form, *arguments, options=(), program="streamed"):
        path = tmp_path / "stream"
        path.unlink(missing_ok=True)
        done = start_plainly(alloctrace, "-o", f"{form}:{path}", *options, "--",
                             target(program), *arguments).finish()
        return done, path.read_text().splitlines()
    return run


def matches(pattern, lines):
    found = [pattern.match(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found) if not match]
    return [match.groupdict() for match in found]


def base_of(header, program):
    """Where the program begins in memory, by the maps a stream begins with."""
    return min(int(line.split("-")[0], 16) for line in header
               if line.endswith(" " + program) and line[0] != "#")


# ---- mtrace ----------------------------------------------------------------


def as_mtrace(call):
    """(function, address, size or None) of the lines that a call is to have."""
    if call.function in ("realloc", "reallocarray"):
        kind = realloc_kind(call)
        if kind == "fail":
            return []
        return [("free(realloc)", call.old, None)] * bool(call.old) + \
               [("malloc(realloc)", call.address, call.size)] * bool(call.address)
    size = None if call.function == "free" else call.size
    return [(call.function, call.address, size)]


def test_rows_1_2_6_18_mtrace_has_a_line_for_each_call(stream, target):
    run, lines = stream("mtrace", "mix", options=["-o", "mlog:/dev/null", "--no-maps"])
    assert (run.status, run.err) == (3, "")
    found = matches(MTRACE, lines)
    told = [line for call in told_by(run.out) for line in as_mtrace(call)]
    assert [(one["function"], number(one["address"]), one["size"] and number(one["size"]))
            for one in found] == told
    assert {one["library"] for one in found} == {target("streamed")}


def test_row_18_mtrace_names_the_function_that_called(stream, target, tmp_path):
    head = tmp_path / "head"
    run, lines = stream("mtrace", "mix", options=["-o", f"mlog:{head}", "--no-maps"])
    base = base_of(head.read_text().splitlines(), target("streamed"))
    own = functions_of(target("streamed"))
    callers = Counter()
    for one in matches(MTRACE, lines):
        begin, end = own[one["symbol"]]
        assert begin < number(one["caller"]) - base <= end
        callers[one["symbol"]] += 1
    calls = told_by(run.out)
    assert callers["do_free"] == sum(call.function == "free" for call in calls)
    assert callers["do_calloc"] == sum(call.function == "calloc" for call in calls)
    assert callers["do_aligned"] == 6 and callers["do_strings"] == 2


def test_row_25_mtrace_logs_a_caller_without_symbols(stream, start_plainly, alloctrace, target,
                                                     tmp_path):
    path = tmp_path / "jit"
    live = start_plainly(alloctrace, "-o", f"mtrace:{path}", "--", target("jitted"), "framed")
    live.await_ready()
    run = live.finish("\n")
    truth = json.loads((tmp_path / "truth.json").read_text())
    lines = [line for line in path.read_text().splitlines() if f" {truth['address']:#x}" in line]
    assert [line.split()[2:] for line in lines] == \
           [["0x4d", "[anon]", "(null)", f"{truth['address']:#x}"]], run.err


def test_row_25_mtrace_logs_a_caller_that_has_lost_its_name(run_plainly, alloctrace, target,
                                                            tmp_path):
    program = tmp_path / "stripped"
    subprocess.run(["strip", target("swelling"), "-o", program], check=True)
    run = run_plainly(alloctrace, "-o", "mtrace:-", "--", program, "+77")
    line, = [line.split() for line in run.out.splitlines() if " 0x4d " in line]
    assert (line[0], line[2:5]) == ("malloc:", ["0x4d", str(program), "(null)"])


def test_rows_8_9_29_mtrace_tells_the_programs_maps_from_libcs(stream):
    run, lines = stream("mtrace", "maps")
    told = [line.split() for line in run.out.splitlines() if "m" in line.split()[0][:2]]
    told = [(words[0], number(words[1]), int(words[2])) for words in told if len(words) == 3]
    own = [match.groupdict() for match in map(MTRACE.match, lines)
           if match and match["symbol"] == "do_maps"]
    assert [(one["function"], number(one["address"]), number(one["size"])) for one in own] == told
    by_libc = [line.split() for line in lines if line.startswith(("mmap(syscall)",
                                                                  "munmap(syscall)"))]
    big = [call for call in told_by(run.out) if call.function == "malloc"][0]
    chunk = (big.address - 16, big.usable + 16)
    assert [(words[0], number(words[1]), number(words[2])) for words in by_libc[-2:]] == \
           [("mmap(syscall):", *chunk), ("munmap(syscall):", *chunk)]


def by_caller(lines, program):
    """{symbol: Counter of functions} of calls from the program itself that had a block."""
    callers = {}
    for one in matches(MTRACE, lines):
        if one["library"] == program and one["address"] != "(nil)":
            callers.setdefault(one["symbol"], Counter())[one["function"]] += 1
    return callers


@pytest.mark.parametrize("rows,program", [("3", "operators"), ("16", "constructor")])
def test_rows_3_16_calls_are_charged_to_who_made_them(stream, target, tmp_path, rows, program):
    _, lines = stream("mtrace", program=program, options=["--no-maps"])
    markers = json.loads((tmp_path / "truth.json").read_text())["markers"]
    callers = by_caller(lines, target(program))
    takers = {name: sums["allocs"] for name, sums in markers.items() if sums["allocs"]}
    assert {name: counts["malloc"] for name, counts in callers.items()
            if counts["malloc"]} == takers, rows
    assert sum(counts["free"] for counts in callers.values()) == \
           sum(sums["frees"] for sums in markers.values())


# ---- mlog ------------------------------------------------------------------


def as_mlog(call):
    """(type, size, address, old) of a call's line."""
    if call.function in ("realloc", "reallocarray"):
        kind = {"move": "realloc"}.get(realloc_kind(call), realloc_kind(call))
        return f"realloc-{kind}", call.usable, call.address, call.old
    if call.function == "free" and not call.address:
        return "free(NULL)", 0, 0, 0
    name = "malloc" if call.function.startswith("str") else call.function
    return name, call.usable, call.address, 0


def test_rows_1_2_4_5_7_24_mlog_has_usable_sizes_and_kinds(stream):
    run, lines = stream("mlog", "mix")
    events = [line for line in lines if line.startswith("+ ")]
    found = matches(MLOG, [line for line in events[1:-1]])
    calls = told_by(run.out)
    assert [(one["type"], int(one["size"]), number(one["address"]), number(one["old"]))
            for one in found] == [as_mlog(call) for call in calls]
    assert [int(one["tid"]) for one in found] == [call.tid for call in calls]
    assert {one["type"] for one in found} >= {"realloc-alloc", "realloc-inplace",
                                              "realloc-realloc", "realloc-free", "realloc-fail",
                                              "free(NULL)"}


def test_row_78_mlog_begins_and_ends_with_the_process(stream, target, tmp_path):
    run, lines = stream("mlog", "mix")
    pid = told_by(run.out)[0].tid
    assert lines[:5] == [f"# PID {pid}", f"# EXE {target('streamed')}", f"# CWD {tmp_path}",
                         f"# CMDLINE {target('streamed')} mix", "# MAPS"]
    maps = lines[5:lines.index(f"+ INIT 0 (nil) {pid} {pid}")]
    assert maps and all("-" in line.split()[0] for line in maps)
    assert any(line.endswith("[stack]") for line in maps)
    assert lines[-1] == f"+ FINI 0 (nil) {pid} {pid} exit 3"


def test_row_78_mlog_tells_the_signal_it_was_killed_by(start_plainly, alloctrace, target, tmp_path):
    path = tmp_path / "out.mlog"
    live = start_plainly(alloctrace, "-o", path, "--", target("streamed"), "idle")
    pid = live.await_ready()
    os.kill(pid, signal.SIGSEGV)
    assert live.finish().status == 128 + signal.SIGSEGV
    assert path.read_text().splitlines()[-1] == f"+ FINI 0 (nil) {pid} {pid} signal SEGV"


def test_rows_19_80_mlog1_ends_each_call_with_its_stack_and_a_dash(stream):
    run, lines = stream("mlog1", "mix")
    body = lines[[line.startswith("+ INIT") for line in lines].index(True) + 1:-1]
    calls, stack = [], []
    for line in body:
        if line.startswith("+ "):
            calls.append((MLOG.match(line).groupdict(), stack := []))
        elif line != "-":
            stack.append(line)
    told = told_by(run.out)
    assert body.count("-") == len(calls) == len(told)
    for (found, stack), call in zip(calls, told):
        assert (found["type"], int(found["size"])) == as_mlog(call)[:2]
        assert found["pid"] is None
        assert "(do_" in stack[0] and "[0x" in stack[0]


# ---- jsonl -----------------------------------------------------------------


def test_rows_1_4_19_24_jsonl_has_all_of_a_call(stream, tmp_path):
    run, _ = stream("jsonl", "mix")
    calls = [one for one in objects(tmp_path / "stream")
             if one["event"] in ("alloc", "free", "realloc")]
    told = told_by(run.out)
    assert [(one["function"], number(one["address"]), one["tid"]) for one in calls] == \
           [(call.function, call.address, call.tid) for call in told]
    for one, call in zip(calls, told):
        assert one["alloctrace"] == 1 and one["pid"] == one["tid"]
        assert (one["usable"] or 0) == call.usable
        if one["event"] == "realloc":
            assert (number(one["old_address"]), one["kind"]) == (call.old, realloc_kind(call))
        if one["event"] != "free":
            assert one["size"] == call.size


def test_rows_21_22_jsonl_has_the_stack_with_file_and_line(stream, tmp_path):
    stream("jsonl", "mix")
    aligned = [one for one in objects(tmp_path / "stream") if one.get("function") == "memalign"][0]
    names = [frame["function"] for frame in aligned["stack"] if not frame["inlined"]]
    assert names[0] == "do_aligned" and "main" in names
    source = Path(__file__).parent / "targets" / "streamed.c"
    line = source.read_text().splitlines()[aligned["stack"][0]["line"] - 1]
    assert "memalign(256, 1000)" in line


def test_row_21_depth_bounds_the_stack(stream, tmp_path):
    stream("jsonl", "mix", options=["--depth", "2"])
    one = [one for one in objects(tmp_path / "stream") if one.get("function") == "calloc"][0]
    assert [frame["function"] for frame in one["stack"] if not frame["inlined"]] == \
           ["do_calloc", "main"]


def test_row_20_jsonl_has_the_time_of_day(stream, tmp_path):
    before = time.time_ns() // 1000
    stream("jsonl", "mix")
    after = time.time_ns() // 1000
    times = [one["time_us"] for one in objects(tmp_path / "stream")]
    assert before <= times[0] and times[-1] <= after and times == sorted(times)


def test_rows_8_9_jsonl_has_maps_with_their_origin(stream, tmp_path):
    run, _ = stream("jsonl", "maps")
    maps = [one for one in objects(tmp_path / "stream") if one["event"] == "map"]
    assert {"app", "loader", "libc-malloc"} <= {one["origin"] for one in maps}
    told = [line.split() for line in run.out.splitlines() if line.startswith("m")]
    mmaps = [(number(words[1]), int(words[2])) for words in told if words[0] == "mmap"]
    assert [(number(one["result"]), number(one["args"][1])) for one in maps
            if one["origin"] == "app" and one["call"] == "mmap"] == mmaps


def test_row_23_jsonl_demangles_names(stream, tmp_path):
    stream("jsonl", program="operators")
    functions = {one["function"] for one in objects(tmp_path / "stream") if "function" in one}
    assert "operator new(unsigned long)" in functions and not any(
        name.startswith("_Z") for name in functions)


# ---- threads, children -----------------------------------------------------


def test_row_13_no_event_of_many_threads_is_lost_or_crossed(stream, tmp_path):
    threads, count = 8, 2000
    run, lines = stream("mlog", "threads", str(threads), str(count),
                        options=["-o", f"mtrace:{tmp_path}/other", "-o", f"json:{tmp_path}/r.json"])
    found = matches(MLOG, [line for line in lines if line.startswith("+ ")][1:-1])
    live, seen = {}, Counter()
    for one in found:
        if one["type"] == "free":
            assert live.pop(one["address"])["size"] == one["size"]
        elif one["type"] != "free(NULL)":
            assert one["address"] not in live
            live[one["address"]] = one
        seen[one["tid"], one["type"]] += 1
    totals = json.loads((tmp_path / "r.json").read_text())["totals"]
    assert totals["live_blocks"] == len(live)
    by_threads = [seen[tid, "malloc"] for tid, kind in seen if kind == "malloc"]
    assert sorted(by_threads)[-threads:] == [count] * threads
    other = matches(MTRACE, [line for line in (tmp_path / "other").read_text().splitlines()
                             if "syscall" not in line and "do_free" in line])
    assert len(other) == threads * count + 1


def test_row_14_a_free_by_a_thread_that_never_allocated_is_told(stream):
    run, lines = stream("mlog", "threads", "1", "1")
    malloc, free = told_by(run.out)
    assert malloc.tid != free.tid
    assert f"+ free {free.usable} {free.address:#x} {lines[0].split()[2]} {free.tid}" in lines


@pytest.mark.parametrize("form", ["mtrace", "mlog", "mlog1", "jsonl", "csv-orphan"])
def test_row_15_children_are_told_apart_in_one_stream(stream, form, tmp_path):
    run, lines = stream(form, "forks", options=["-f", "--min-age", "0.001"])
    calls = told_by(run.out)
    child = [call for call in calls if call.size == 90][0]
    assert child.tid != calls[0].tid
    if form == "jsonl":
        events = objects(tmp_path / "stream")
        fork = [one for one in events if one["event"] == "fork"][0]
        assert (fork["pid"], fork["parent_tid"]) == (child.tid, calls[0].tid)
        assert [one["status"] for one in events if one["event"] == "exit"] == [5, 3]
        of_child = [one for one in events if one["event"] in ("free", "alloc")
                    and one["pid"] == child.tid]
        assert [number(one["address"]) for one in of_child][:2] == [calls[0].address,
                                                                   child.address]
        return
    address = str(child.address) if form == "csv-orphan" else f"{child.address:#x}"
    kind = "malloc" if form == "csv-orphan" else "malloc"
    line = [line for line in lines if address in line and kind in line and str(child.tid) in line]
    assert len(line) == 1, lines


def test_row_15_a_file_for_each_child(start_plainly, alloctrace, target, tmp_path):
    run = start_plainly(alloctrace, "-f", "-o", f"mlog:{tmp_path}/%p.log", "--",
                        target("streamed"), "forks").finish()
    pids = {call.tid for call in told_by(run.out)}
    assert {path.name for path in tmp_path.glob("*.log")} == {f"{pid}.log" for pid in pids}
    for pid in pids:
        lines = (tmp_path / f"{pid}.log").read_text().splitlines()
        assert lines[0] == f"# PID {pid}" and lines[-1].startswith(f"+ FINI 0 (nil) {pid}")


def test_a_new_program_begins_anew(start_plainly, alloctrace, target, tmp_path):
    path = tmp_path / "out.jsonl"
    run = start_plainly(alloctrace, "-o", path, "--", "/usr/bin/env", target("streamed"),
                        "mix").finish()
    events = objects(path)
    assert [one["exe"] for one in events if one["event"] == "exec"] == \
           [os.path.realpath("/usr/bin/env"), target("streamed")]
    assert len([one for one in events if one["event"] == "exit"]) == 1
    assert isinstance(run, Run)


def test_row_85_several_streams_and_reports_at_once(start_plainly, alloctrace, target, tmp_path):
    outputs = {name: tmp_path / name for name in ("a.mtrace", "b.mlog", "c.jsonl", "d.json")}
    run = start_plainly(alloctrace, *(word for path in outputs.values() for word in ("-o", path)),
                        "-o", f"mlog1:{tmp_path}/e", "--", target("streamed"), "mix").finish()
    report = json.loads(outputs["d.json"].read_text())
    allocs = [one for one in objects(outputs["c.jsonl"])
              if one["event"] in ("alloc", "realloc") and one["address"]]
    assert report["totals"]["allocs"] == len(allocs)
    mlog = outputs["b.mlog"].read_text().splitlines()
    mlog1 = (tmp_path / "e").read_text().splitlines()
    assert len([line for line in mlog if line.startswith("+ ")]) == \
           len([line for line in mlog1 if line.startswith("+ ")]) == len(told_by(run.out)) + 2
    assert run.err == ""


# ---- attached to -----------------------------------------------------------


def test_what_is_from_before_the_attach_is_told_as_such(start_plainly, attach, target, tmp_path):
    live = start_plainly(target("streamed"), "idle")
    pid = live.await_ready()
    old = told_by("".join(live.lines))[0]
    attached = attach(pid, "-o", f"{tmp_path}/out.jsonl", "-o", f"csv-orphan:{tmp_path}/orphans",
                      "-o", f"{tmp_path}/out.mlog", "-o", f"{tmp_path}/out.mtrace")
    attached.dump()
    for _ in range(2):
        live.say("")
        live.await_ready()
    attached.detach()
    live.say("")
    events = objects(tmp_path / "out.jsonl")
    assert (events[0]["event"], events[-1]["event"]) == ("attach", "detach")
    free, = [one for one in events if one["event"] == "free"]
    assert (number(free["address"]), free["state"], free["usable"]) == \
           (old.address, "earlier", old.usable)
    row, = (tmp_path / "orphans").read_text().splitlines()
    assert row.startswith(f'"free";{pid};{old.address};0;')
    log = (tmp_path / "out.mlog").read_text().splitlines()
    assert f"+ free {old.usable} {old.address:#x} {pid} {pid}" in log
    assert log[-1] == f"+ FINI 0 (nil) {pid} {pid} detached"
    frees = [line for line in (tmp_path / "out.mtrace").read_text().splitlines() if "free" in line]
    assert [line.split()[3] for line in frees] == ["do_free"]
    assert live.finish().status == 3


# ---- names -----------------------------------------------------------------


def test_row_81_odd_names_leave_lines_whole(start_plainly, alloctrace, odd_program, tmp_path):
    outputs = [f"{form}:{tmp_path}/{form}" for form in ("jsonl", "mtrace", "mlog", "mlog1")]
    start_plainly(alloctrace, *(word for output in outputs for word in ("-o", output)), "--",
                  odd_program.path).finish()
    alloc, = [one for one in objects(tmp_path / "jsonl") if one.get("size") == 77]
    assert alloc["stack"][0]["function"] == odd_program.function
    assert alloc["stack"][0]["file"] == odd_program.file
    assert alloc["stack"][0]["module"] == odd_program.path
    line, = [line for line in (tmp_path / "mtrace").read_text().splitlines() if " 0x4d " in line]
    path = odd_program.path.replace("\\", "\\134")
    assert line.split(" 0x4d ")[1].rsplit(" ", 1)[0] == f"{path} {odd_program.function}"
    for form in ("mlog", "mlog1"):
        lines = (tmp_path / form).read_text().splitlines()
        assert lines[1] == f"# EXE {path}" and lines[-1].startswith("+ FINI")


def test_a_stream_has_no_number(run_plainly, alloctrace):
    run = run_plainly(alloctrace, "-o", "jsonl:it-%n", "--", "/bin/true")
    assert (run.status, run.err) == (2, "alloctrace: -o it-%n: %n is a dump's number, and a stream "
                                        "has none; %p is the process, %t the time\n")
