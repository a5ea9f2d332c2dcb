"""alloctrace ctl PID off, on: what is not seen is said to be unknown, and nothing else is told
wrongly for it."""

import json
import os
import signal
import subprocess

import pytest

from conftest import HANG, Report, read_json
from ctl import Stepper
from processes import changed_text
from sqling import QUERIES, ask_sqlite

pytestmark = pytest.mark.sanitized


@pytest.fixture
def stepper(start_plainly, alloctrace, target, tmp_path):
    """stepper(options..., by=[...]): at "ready", reporting as JSON and text."""
    def start(*options, by=(), threads=False):
        report = tmp_path / "report.json"
        live = start_plainly(alloctrace, "-o", f"json:{report}", "-o", f"text:{tmp_path}/text",
                             *options, "--", *(by or [target("stepper")]),
                             *(["thread"] if threads else []))
        return Stepper(live, alloctrace, report)
    return start


def ended_well(step):
    run = step.finish()
    assert (run.status, run.err) == (0, "")
    report = read_json(step.report, Report)
    report.assert_consistent()
    return report


def live(report):
    return report["totals"]["live_blocks"], report["totals"]["live_bytes"]


def forgotten(report):
    return report["totals"]["forgotten_blocks"], report["totals"]["forgotten_bytes"]


def dumped(step):
    report = Report(json.loads(step.tell("dump", "json:-")))
    report.assert_consistent()
    return report


def count(changed):
    return sum(map(len, changed.values()))


# ---- the traps ---------------------------------------------------------------------------------


def test_off_takes_the_traps_out_and_on_puts_the_same_back(stepper):
    """What stays is in the loader, and where threads begin and the program ends."""
    step = stepper("--no-maps")
    before = changed_text(step.pid)
    step.tell("off")
    off = changed_text(step.pid)
    assert count(off) < 8 < 24 < count(before)
    assert all(set(off[path]) <= set(before[path]) for path in off)
    step.tell("on")
    assert changed_text(step.pid) == before
    assert ended_well(step)["totals"]["allocs"] == 0


def test_while_it_is_off_no_call_stops(stepper):
    step = stepper()
    step.do("p 10 100")
    step.tell("off")
    step.do("p 10 20000")
    step.tell("on")
    step.do("p 10 100")
    report = ended_well(step)
    assert report["totals"]["allocs"] == 200
    assert 400 <= report["cost"]["stops"] < 2000


def test_off_and_on_are_asked_for_twice(stepper):
    step = stepper()
    assert step.tell("on") == step.tell("on") == "on\n"
    assert step.tell("off") == step.tell("off")
    assert step.tell("on") == step.tell("on") == "on\n"
    assert ended_well(step)["ledger"]["off_times"] == 1


def test_there_is_nothing_to_switch_under_growth(stepper):
    step = stepper("--growth")
    assert step.refused("off") == "with --growth there is nothing to switch"
    assert step.finish().status == 0


LOADS = """
import ctypes, os, sys
print("ready", os.getpid(), 0, flush=True)
for line in sys.stdin:
    word, path, count = line.split()
    if word == "load":
        pool = ctypes.CDLL(path)
        take = pool.malloc
        take.restype = ctypes.c_void_p
    for _ in range(int(count)):
        take(48)
    print("done", 0, flush=True)
"""


def test_a_library_that_is_loaded_meanwhile_is_traced_then(stepper, target):
    """Not from the moment it is loaded, but from the one when it is on again."""
    library = target("plugin_pool.so")
    step = stepper(by=["/usr/bin/python3", "-I", "-c", LOADS])
    step.tell("off")
    step.do(f"load {library} 5")
    step.tell("on")
    step.do("take - 7")
    report = ended_well(step)
    calls, = [one["calls"] for one in report["allocators"]
              if one["module"] == str(library) and one["function"] == "malloc"]
    assert calls == 7


def test_it_is_let_go_while_it_is_off(attach, start_plainly, alloctrace, target):
    program = start_plainly(target("churning"), "2")
    program.await_ready()
    live = attach(program.pid)
    live.dump()  # it is there
    subprocess.run([alloctrace, "ctl", str(live.pid), "off"], check=True, timeout=HANG,
                   stdout=subprocess.DEVNULL)
    run = live.detach()
    assert (run.status, run.err) == (0, "")
    run.report.assert_consistent()
    assert run.report["ledger"]["text_identical"] is True and run.report["ledger"]["off"]
    assert changed_text(program.pid) == {}
    program.kill(signal.SIGTERM)
    assert program.finish().out.endswith("harmed 0\n")


# ---- what is told ------------------------------------------------------------------------------


def test_what_lived_is_forgotten_when_it_is_on_again(stepper, tmp_path):
    step = stepper()
    step.do("m 1 100", "m 2 200", "m 5 50", "f 5")
    step.tell("mark", "early")
    step.tell("off")
    step.do("f 1", "m 3 3000", "r 2 20000")
    off = dumped(step)
    assert live(off) == (2, 300) and forgotten(off) == (0, 0)
    assert off["ledger"]["off"] and off["ledger"]["off_times"] == 0
    assert step.json("stat")["off"] and "switched off: as of then" in step.tell("stat")
    told = step.tell("on")
    assert told == "on: what became of 2 blocks (300 bytes) that lived when it was switched off " \
                   "is not known\n"
    on = dumped(step)
    assert live(on) == (0, 0) and forgotten(on) == (2, 300)
    assert not on["ledger"]["off"] and not step.json("stat")["off"]
    assert "no such mark" in step.refused("diff", "early")
    step.do("f 2", "f 3", "m 4 400", "m 6 60", "f 6")
    report = ended_well(step)
    assert (report["totals"]["allocs"], report["totals"]["frees"]) == (5, 2)
    assert live(report) == (1, 400) and forgotten(report) == (2, 300)
    assert report["totals"]["peak_live_bytes"] == 460
    ledger = report["ledger"]
    assert (ledger["earlier_frees"], ledger["unknown_frees"], ledger["double_frees"]) == (2, 0, 0)
    assert report["errors"] == [] and ledger["missed_calls"] == 0
    assert (ledger["off"], ledger["off_times"]) == (False, 1) and len(ledger["notes"]) == 1
    assert ledger["notes"][0].endswith("2 blocks (300 bytes) that lived before")
    text = (tmp_path / "text").read_text()
    assert "not known       300 B in 2 blocks" in text and "Nothing was missed" not in text
    assert "2 frees of blocks from before it was switched on." in " ".join(text.split())


def test_an_address_that_was_handed_out_meanwhile_is_no_block_of_before(stepper):
    step = stepper()
    step.do("m 1 100")
    step.tell("off")
    step.do("f 1", "m 2 100")
    step.tell("on")
    step.do("f 2", "m 3 100")
    report = ended_well(step)
    assert live(report) == (1, 100) and forgotten(report) == (1, 100)
    assert report["ledger"]["earlier_frees"] == 1 and report["totals"]["frees"] == 0


def test_it_ends_while_it_is_off(stepper):
    step = stepper()
    step.do("m 1 100")
    step.tell("off")
    step.do("f 1", "m 2 5")
    report = ended_well(step)
    assert live(report) == (1, 100) and report["ledger"]["off"]
    assert report["maps"]["identical"]
    assert len(report["ledger"]["notes"]) == 1
    assert report["ledger"]["notes"][0].startswith("switched off after 0.")


def test_many_times(stepper):
    step = stepper(threads=True)
    begin = dumped(step)["totals"]
    for i in range(20):
        step.do(f"m 1 {i + 1}", f"tm 2 {i + 1}")
        step.tell("off")
        step.do("f 1", "tf 2", "p 10 10", "tp 10 10")
        step.tell("on")
    step.do("m 1 7", "tp 8 5")
    report = ended_well(step)
    assert report["totals"]["allocs"] - begin["allocs"] == 46 and live(report) == (1, 7)
    assert forgotten(report) == (begin["live_blocks"] + 40, begin["live_bytes"] + 420)
    assert report["ledger"]["off_times"] == 20 and len(report["ledger"]["notes"]) == 1


def test_each_time_it_is_told_of_that_time_alone(stepper):
    step = stepper()
    step.do("m 1 10", "m 2 20")
    told = []
    for _ in range(2):
        step.tell("off")
        told.append(step.tell("on"))
    step.do("m 3 30")
    step.tell("off")
    told += [step.tell("on"), step.tell("on")]
    assert [line.partition(" that")[0] for line in told] == [
        "on: what became of 2 blocks (30 bytes)", "on\n",
        "on: what became of 1 block (30 bytes)", "on\n"]
    assert forgotten(ended_well(step)) == (3, 60)


def test_threads_that_never_pause(start_plainly, alloctrace, target, tmp_path):
    live = start_plainly(alloctrace, "-o", f"json:{tmp_path}/report.json", "--",
                         target("churning"), "4")
    pid = live.await_ready()
    for word in ["off", "on"] * 10:
        subprocess.run([alloctrace, "ctl", str(live.pid), word], check=True, timeout=HANG,
                       stdout=subprocess.DEVNULL)
    os.kill(pid, signal.SIGTERM)
    run = live.finish()
    assert run.status == 0 and run.out.endswith("harmed 0\n") and run.err == ""
    report = read_json(tmp_path / "report.json", Report)
    report.assert_consistent()
    ledger = report["ledger"]
    assert report["errors"] == [] and ledger["off_times"] == 10
    assert ledger["unknown_frees"] == ledger["double_frees"] == 0


# ---- what else there is of it --------------------------------------------------------------------


def test_a_recording_tells_the_same(stepper, alloctrace, tmp_path):
    step = stepper("--record", f"{tmp_path}/it.trace", "--blocks")
    step.do("m 1 100", "m 2 200")
    step.tell("off")
    step.do("f 1")
    step.tell("on")
    step.do("f 2", "m 3 300", "m 4 400", "f 4")
    ended_well(step)
    for form in ("json", "text"):
        again = subprocess.run([alloctrace, "report", f"{tmp_path}/it.trace", "--blocks", "-o",
                                f"{form}:-"], capture_output=True, timeout=HANG, check=True)
        live = step.report if form == "json" else tmp_path / "text"
        if form == "json":
            assert json.loads(again.stdout) == json.loads(live.read_text())
        else:
            assert again.stdout == live.read_bytes()


def test_a_database_and_a_stream_tell_it(stepper, tmp_path):
    step = stepper("-o", f"{tmp_path}/trace.db", "-o", f"{tmp_path}/events.jsonl")
    step.do("m 1 100", "m 2 200", "f 2")
    step.tell("off")
    step.do("f 1")
    step.tell("on")
    step.do("m 3 300")
    ended_well(step)
    ask = lambda question: ask_sqlite(tmp_path / "trace.db", question)
    assert ask("PRAGMA foreign_key_check") == []
    assert ask("SELECT b.size, b.free_event IS NULL, e.kind FROM blocks b LEFT JOIN events e "
               "ON e.id = b.forgotten_event ORDER BY b.size") == \
        [(100, 1, "on"), (200, 0, None), (300, 1, None)]
    assert [row[3:] for row in ask(QUERIES["top_sites"])] == [(1, 300)]
    assert ask(QUERIES["peak"])[0][1] == 300
    events = [json.loads(line)["event"] for line in
              (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event for event in events if event in ("off", "on")] == ["off", "on"]


def test_a_new_program_is_traced_from_its_begin(stepper, target):
    step = stepper(by=["/bin/sh", "-c", f'echo ready $$ 0; read line; exec "{target("stepper")}"'])
    step.tell("off")
    step.live.say("go")
    step.live.await_line("ready ")
    step.do("m 1 10")
    report = ended_well(step)
    assert live(report) == (1, 10) and not report["ledger"]["off"]
    assert report["ledger"]["notes"] == []


def test_a_child_is_off_as_its_parent_is(start_plainly, alloctrace, target, tmp_path, until):
    """The first one is born while it is off, the second one when it is on again."""
    fifo, born = tmp_path / "fifo", []
    os.mkfifo(fifo)
    live = start_plainly(alloctrace, "-f", "-o", f"json:{tmp_path}/report-%p.json", "--",
                         target("kin"), "late", str(fifo))

    def reported():
        return [path for path in tmp_path.glob("report-*.json") if path not in born]

    with open(fifo, "wb", buffering=0) as word:
        for turn in ("off", "on"):
            subprocess.run([alloctrace, "ctl", str(live.pid), turn], check=True, timeout=HANG,
                           stdout=subprocess.DEVNULL)
            word.write(b"x")
            born += until(reported, "the child's report")
    assert live.finish().status == 0
    first, second, parent = (read_json(path, Report) for path in born + reported())
    for report in (first, second, parent):
        report.assert_consistent()
    assert first["totals"]["allocs"] == 0 and first["ledger"]["off"]
    assert second["totals"]["allocs"] == 100 and not second["ledger"]["off"]
    assert not parent["ledger"]["off"] and parent["ledger"]["off_times"] == 1
