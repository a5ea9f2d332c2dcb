"""Dumps are written by a process of their own: whatever becomes of it, the program and the
trace go on."""

import json
import os
import signal
import threading
import time

import pytest

from ctl import Stepper
from processes import name_of

pytestmark = pytest.mark.sanitized

WRITERS = 8  # that may wait, src/writers.h


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def start(start_plainly, alloctrace, target, fifo):
    """goes_on under alloctrace, which reports to the fifo that nobody reads; at "ready"."""
    def go(*options):
        live = start_plainly(alloctrace, *(options or ("-o", f"json:pipe:{fifo}")), "--",
                             target("goes_on"))
        live.await_ready()
        return live
    return go


@pytest.fixture
def writers(children):
    """Those that write a report, or wait for their turn."""
    return lambda live: [pid for pid in children(live.pid) if name_of(pid) == "at-writer"]


@pytest.fixture
def dump(writers, until):
    """Asks for a dump; the number of the process that writes it."""
    def ask(live):
        live.kill(signal.SIGUSR1)
        return until(lambda: writers(live), "a writer")[0]
    return ask


class Reader:
    """Reads a fifo to the last report, from now on; and has it open all the time, for whoever comes
    to a fifo while its reader goes writes to nobody."""

    def __init__(self, path, reports):
        self.lines = []
        self.thread = threading.Thread(target=self.read, args=(path, reports), daemon=True)
        self.thread.start()

    def read(self, path, reports):
        with open(path, encoding="utf-8") as fifo:
            while len(self.lines) < reports:
                line = fifo.readline()
                if line:
                    self.lines.append(line)
                else:
                    time.sleep(0.01)

    def reports(self):
        self.thread.join(60)
        return [json.loads(line) for line in self.lines]


def seen(reports):
    return [(report["reason"], report["totals"]["live_blocks"]) for report in reports]


def test_the_program_goes_on_while_nobody_reads(start, dump, fifo):
    live = start()
    dump(live)
    live.say("")
    live.await_line("done")
    reader = Reader(fifo, 2)
    run = live.finish("\n")
    reports = reader.reports()
    assert (run.status, run.err) == (0, "")
    assert seen(reports)[0] == ("dump", 20)
    assert reports[1]["reason"] == "exit" and reports[1]["totals"]["live_blocks"] >= 30
    assert reports[1]["ledger"]["stalls"] == reports[1]["ledger"]["missed_calls"] == 0


def test_reports_come_one_after_the_other(start, dump, fifo, process_state, until):
    live = start()
    dump(live)
    live.kill(signal.SIGUSR1)
    live.say("")
    pid = int(live.await_line("done").split()[1])
    reader = Reader(fifo, 2)
    until(lambda: len(reader.lines) == 2, "the second dump")
    live.say("")
    until(lambda: process_state(pid) in ("Z", None), "the end")
    reader = [*reader.reports(), *Reader(fifo, 1).reports()]
    run = live.finish()
    assert (run.status, run.err) == (0, "")
    assert [report["reason"] for report in reader] == ["dump", "dump", "exit"]
    assert reader[0]["totals"]["live_blocks"] == 20 < reader[1]["totals"]["live_blocks"]


def test_the_last_report_waits_for_a_dump(start, dump, fifo, process_state, until):
    live = start()
    dump(live)
    live.say("\n")
    pid = int(live.await_line("done").split()[1])
    until(lambda: process_state(pid) in ("Z", None), "the end")
    reader = Reader(fifo, 2)
    run = live.finish()
    assert run.status == 0
    assert [report["reason"] for report in reader.reports()] == ["dump", "exit"]


def test_a_dump_that_cannot_be_written(start, tmp_path):
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()
    live = start("-o", f"json:{folder}/report.json")
    folder.rename(away)
    live.kill(signal.SIGUSR1)
    line = live.process.stderr.readline()
    assert line == f"alloctrace: cannot write the report to {folder}/report.1.json: " \
                   "No such file or directory\n"
    away.rename(folder)
    live.say("\n")
    run = live.finish()
    assert run.status == 125 and "done" in run.out
    assert json.loads((folder / "report.json").read_text())["reason"] == "exit"


def test_one_that_cannot_be_written_takes_no_other_along(start, tmp_path, until):
    folder = tmp_path / "folder"
    folder.mkdir()
    live = start("--interval", "0.1", "--duration", "1", "-o", f"json:{folder}/report.json",
                 "-o", f"json:{tmp_path}/other.json")
    folder.rename(tmp_path / "away")
    until(lambda: (tmp_path / "other.json").exists(), "the last report")
    run = live.finish("\n\n")
    assert run.status == 125 and "done" in run.out
    assert json.loads((tmp_path / "other.json").read_text())["reason"] == "detach"


def test_nobody_waits_when_a_child_ends_meanwhile(start, dump, fifo):
    live = start("-f", "-o", f"json:pipe:{fifo}")
    dump(live)
    live.say("")
    live.await_line("done")
    reader = Reader(fifo, 4)
    run = live.finish("\n")
    assert (run.status, run.err) == (0, "")
    assert [report["reason"] for report in reader.reports()] == ["dump", "exit", "exit", "exit"]


def test_childrens_last_reports_that_nobody_reads_stop_nobody(start, fifo):
    live = start("-f", "-o", f"json:pipe:{fifo}")
    live.say("")
    live.await_line("done")
    reader = Reader(fifo, 3)
    run = live.finish("\n")
    assert (run.status, run.err) == (0, "")
    assert [report["reason"] for report in reader.reports()] == ["exit"] * 3


def test_a_signal_ends_the_waiting_for_a_reader(start, writers, until):
    live = start()
    live.say("\n")
    until(lambda: writers(live), "the last report")
    live.kill(signal.SIGINT)
    run = live.finish()
    assert (run.status, run.err) == \
           (125, "alloctrace: 1 report is given up, as nobody has read it\n")


def test_whoever_waits_for_a_reader_is_told_how_to_end_it(start):
    live = start()
    live.say("\n")
    assert live.process.stderr.readline() == \
           "alloctrace: a report is waited for: nobody reads it, or its names take long; " \
           "Ctrl-C gives it up\n"
    live.kill(signal.SIGTERM)
    assert live.finish().status == 125


def test_a_dump_tells_the_time_of_its_moment(start, dump, fifo, until, tmp_path):
    live = start("-o", f"json:pipe:{fifo}", "-o", f"json:{tmp_path}/report.json")
    dump(live)
    live.say("")
    live.await_line("done")  # later than the dump
    reader = Reader(fifo, 1)
    until(lambda: (tmp_path / "report.1.json").exists(), "the dump")
    first, = reader.reports()
    last = Reader(fifo, 1)
    live.say("")
    run = live.finish()
    second = json.loads((tmp_path / "report.1.json").read_text())
    assert run.status == 0 and last.reports()[0]["reason"] == "exit"
    assert first["time_ms"] == second["time_ms"]


def test_a_writer_that_is_killed(start, dump, fifo):
    live = start()
    os.kill(dump(live), signal.SIGKILL)
    assert live.process.stderr.readline() == \
        "alloctrace: the report is lost: its writer was killed by signal 9\n"
    reader = Reader(fifo, 1)
    live.say("\n")
    run = live.finish()
    report, = reader.reports()
    assert run.status == 125 and report["reason"] == "exit"


def test_a_writer_ends_with_the_front(start, dump, until, process_state):
    live = start()
    writer = dump(live)
    live.kill(signal.SIGKILL)
    until(lambda: process_state(writer) in ("Z", None), "the writer's end")
    live.say("\n")
    live.finish()


# ---- in the midst of what the program does ------------------------------------------------------


@pytest.fixture
def stepper(start_plainly, alloctrace, target, tmp_path):
    """stepper(options...): a dump at each block it keeps."""
    def start(*options):
        live = start_plainly(alloctrace, *options, "--", target("stepper"))
        return Stepper(live, alloctrace, None)
    return start


@pytest.mark.parametrize("options", [["--at", "leak_one=dump"],
                                     ["--alert-block", "1", "--alert-dump",
                                      "--on-alert", "true"]], ids=["at", "alert"])
def test_dumps_that_nobody_reads_stop_nobody(stepper, fifo, options):
    """As many as may wait are told, each of its own moment; the others are said to be left out."""
    step, reports = stepper("-o", f"json:pipe:{fifo}", *options), []
    for i in range(12):
        step.do(f"m {i} {i + 2}")
    assert step.json("stat")["live"]["blocks"] == 12
    with open(os.open(fifo, os.O_RDWR), encoding="utf-8") as lines:  # open for all of them
        reader = threading.Thread(target=lambda: reports.extend(
            json.loads(lines.readline()) for _ in range(WRITERS + 1)), daemon=True)
        reader.start()
        run = step.finish()
        reader.join(60)
    assert run.status == 125
    assert [line for line in run.err.splitlines() if "left out" in line] == [
        "alloctrace: reports are left out: 8 before them are not written yet, as nobody reads them",
        "alloctrace: 4 reports were left out"]
    first = 0 if "--at" in options else 1
    assert seen(reports) == [("dump", first + i) for i in range(WRITERS)] + [("exit", 12)]
    assert reports[-1]["ledger"]["missed_calls"] == 0


def test_files_get_every_dump(stepper, tmp_path):
    step = stepper("-o", f"json:{tmp_path}/report.json", "--at", "leak_one=dump")
    for i in range(30):
        step.do(f"m {i} 10")
    assert step.finish().status == 0
    assert [json.loads((tmp_path / f"report.{i + 1}.json").read_text())["totals"]["live_blocks"]
            for i in range(30)] == list(range(30))


def test_a_block_that_is_being_moved_lives(start_traced, target, until, tmp_path):
    live = start_traced(target("midcall"), options=["--blocks"])
    live.await_ready()
    live.kill(signal.SIGUSR1)
    path = tmp_path / "report.1.json"
    until(path.exists, "a dump")
    report = json.loads(path.read_text())
    assert len(report["blocks"]) == report["totals"]["live_blocks"]
    assert sum(block["size"] for block in report["blocks"]) == report["totals"]["live_bytes"]
    live.say("")
    live.await_line("done")
    assert live.finish("\n").status == 0
