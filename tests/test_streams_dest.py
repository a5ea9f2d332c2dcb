"""Where streams go: files that are moved, full or full of others, descriptors, fifos, sockets;
readers that are slow, come late, go, and come again."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import HANG
from processes import field_of, tracer_of
from streaming import MLOG, objects, told_by

pytestmark = pytest.mark.sanitized

LOST = re.compile(r"alloctrace: (?P<where>.+): (?P<count>\d+) events were dropped: (?P<why>.*)\n")


def events_of(lines):
    """The calls in a log of mlog's, each line of which is whole."""
    calls = [line for line in lines if not line.startswith("#") and line[:1] == "+"]
    found = [MLOG.match(line) for line in calls if not line.startswith(("+ INIT", "+ FINI"))]
    assert all(found), calls[:5]
    return [match.groupdict() for match in found]


@pytest.fixture
def start(start_plainly, alloctrace, target):
    """start(options..., of=("many", "1000")): streamed under alloctrace."""
    def go(*options, of=("mix",), **how):
        return start_plainly(alloctrace, *options, "--", target("streamed"), *of, **how)
    return go


@pytest.fixture
def many(start):
    """many(COUNT, options...): the Run of that many calls of malloc, and of free."""
    return lambda count, *options, **how: start(*options, of=("many", str(count)), **how).finish()


class Reader:
    """Reads from what open_it opens, to its end."""

    def __init__(self, open_it):
        self.pieces = []
        self.thread = threading.Thread(target=self.read, args=(open_it,), daemon=True)
        self.thread.start()

    def read(self, open_it):
        with open_it() as source:
            while piece := source.read(65536):
                self.pieces.append(piece)

    def lines(self):
        self.thread.join(120)
        data = b"".join(self.pieces)
        assert data.endswith(b"\n")
        return data.decode().splitlines()


class Listener:
    """A socket that takes one connection after the other."""

    def __init__(self, family, address):
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(address)
        self.socket.listen()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def reader(self):
        return Reader(lambda: self.socket.accept()[0].makefile("rb"))


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


# ---- each kind -------------------------------------------------------------


def test_row_76_a_descriptor(many, tmp_path):
    with open(tmp_path / "out", "w", encoding="utf-8") as out:
        run = many(500, "-o", f"mlog:fd:{out.fileno()}", pass_fds=[out.fileno()])
    assert (run.status, run.err) == (3, "")
    assert len(events_of((tmp_path / "out").read_text().splitlines())) == 1000


def test_row_76_a_descriptor_that_is_a_pipe(many):
    readable, writable = os.pipe()
    reader = Reader(lambda: open(readable, "rb"))
    run = many(500, "-o", f"mlog:fd:{writable}", pass_fds=[writable])
    os.close(writable)
    assert len(events_of(reader.lines())) == 1000
    assert (run.status, run.err) == (3, "")


def test_row_76_a_descriptor_that_is_a_socket(many):
    ours, theirs = socket.socketpair()
    reader = Reader(lambda: ours.makefile("rb"))
    run = many(500, "-o", f"mlog:fd:{theirs.fileno()}", pass_fds=[theirs.fileno()])
    theirs.close()
    assert len(events_of(reader.lines())) == 1000
    assert (run.status, run.err) == (3, "")


def test_row_76_a_fifo(many, fifo):
    reader = Reader(lambda: open(fifo, "rb"))
    run = many(500, "-o", f"mlog:pipe:{fifo}")
    assert len(events_of(reader.lines())) == 1000
    assert (run.status, run.err) == (3, "")


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_row_76_a_socket(many, tmp_path, family):
    path = str(tmp_path / "socket")
    listener = Listener(socket.AF_INET, ("127.0.0.1", 0)) if family == "tcp" else \
        Listener(socket.AF_UNIX, path)
    reader = listener.reader()
    where = f"tcp:127.0.0.1:{listener.port}" if family == "tcp" else f"unix:{path}"
    run = many(500, "-o", f"mlog:{where}")
    assert len(events_of(reader.lines())) == 1000
    assert (run.status, run.err) == (3, "")


def test_row_73_nothing_of_ours_on_the_programs_streams(start, tmp_path):
    run = start("-o", f"mlog:{tmp_path}/out").finish()
    assert (run.status, run.err) == (3, "")
    assert len(told_by(run.out)) == len(run.out.splitlines())


def test_row_73_standard_error_and_output_when_they_are_asked_for(start):
    run = start("-o", "mlog:fd:2", "-o", "mtrace:-").finish()
    assert len(events_of(run.err.splitlines())) == len(told_by(run.out))
    assert sum(line.startswith("calloc: ") for line in run.out.splitlines()) == 1


# ---- files -----------------------------------------------------------------


def test_row_74_a_file_is_appended_to(many, tmp_path):
    path = tmp_path / "out.mlog"
    path.write_text("what was there\n")
    many(10, "-o", path)
    many(10, "-o", path)
    lines = path.read_text().splitlines()
    assert lines[0] == "what was there" and len(events_of(lines)) == 40


def test_row_74_a_file_that_is_moved_comes_again(start, tmp_path, until):
    path, moved = tmp_path / "out.mlog", tmp_path / "out.1"
    live = start("-o", path, of=("idle",))
    live.await_ready()
    until(lambda: "+ malloc" in path.read_text(), "the first block")
    path.rename(moved)
    live.say("")
    live.await_ready()
    until(path.exists, "the file again")
    live.say("")
    live.await_ready()
    run = live.finish("\n")
    first, last = (events_of(part.read_text().splitlines()) for part in (moved, path))
    assert [one["type"] for one in first] == ["malloc"]
    assert [one["type"] for one in last] == ["malloc", "free"] and run.err == ""


def test_row_74_sighup_opens_the_file_again(start_plainly, attach, target, tmp_path, until):
    path = tmp_path / "out.mlog"
    live = start_plainly(target("streamed"), "idle")
    traced = live.await_ready()
    attached = attach(traced, "-o", path)
    attached.dump()
    assert "+ INIT" in path.read_text()
    path.rename(tmp_path / "out.1")
    attached.kill(signal.SIGHUP)
    until(path.exists, "the file again")
    live.say("")
    live.await_ready()
    until(lambda: "+ malloc" in path.read_text(), "the block")
    assert attached.detach().status == 0
    assert path.read_text().splitlines()[-1].endswith("detached")
    live.say("")
    live.await_ready()
    assert live.finish("\n").status == 3


def test_row_74_sighup_is_passed_on_to_a_program_we_started(start, tmp_path, until,
                                                              process_state):
    live = start("-o", f"mlog:{tmp_path}/out", of=("idle",))
    pid = live.await_ready()
    live.kill(signal.SIGHUP)
    until(lambda: process_state(pid) is None, "its end")
    assert live.finish().status == 128 + signal.SIGHUP


def test_row_75_a_full_file_is_truncated(many, tmp_path):
    path = tmp_path / "out.mtrace"
    run = many(2000, "--no-maps", "--max-size", "64K", "-o", path)
    text = path.read_text()
    assert 0 < len(text) <= 65536 and text.endswith("\n") and run.status == 3
    assert all(line.startswith(("malloc: 0x", "free: 0x")) for line in text.splitlines())
    assert os.listdir(tmp_path).count("out.mtrace.1") == 0


def test_row_75_a_full_file_is_rotated(many, tmp_path):
    path = tmp_path / "out.mtrace"
    many(1500, "--no-maps", "--max-size", "64K", "--on-full", "rotate:9", "-o", path)
    parts = [tmp_path / f"out.mtrace.{n}" for n in range(9, 0, -1)] + [path]
    there = [part for part in parts if part.exists()]
    assert len(there) > 3 and all(part.stat().st_size <= 65536 for part in there)
    lines = [line for part in there for line in part.read_text().splitlines()]
    assert [line.split(":")[0] for line in lines] == ["malloc", "free"] * 1500
    many(1500, "--no-maps", "--max-size", "64K", "--on-full", "rotate:2", "-o",
         tmp_path / "few.mtrace")
    assert sorted(part.name for part in tmp_path.glob("few*")) == \
           ["few.mtrace", "few.mtrace.1", "few.mtrace.2"]


def test_row_75_a_line_is_whole_in_a_file_too_small_for_it(many, tmp_path):
    path = tmp_path / "out.mtrace"
    run = many(20, "--no-maps", "--max-size", "10", "-o", path)
    assert run.status == 3 and re.fullmatch(r"free: 0x\S+ \S+ \S+ 0x\S+\n", path.read_text())


# ---- what cannot be --------------------------------------------------------


def test_row_77_a_closed_descriptor_is_one_clear_error(start):
    run = start("-o", "mlog:fd:77").finish()
    assert (run.status, run.out) == (125, "")
    assert run.err == "alloctrace: cannot stream to 77: Bad file descriptor\n"


@pytest.mark.parametrize("where,why", [
    ("/nowhere/at/all", "No such file or directory"),
    ("pipe:/nowhere/fifo", "No such file or directory"),
    ("tcp:nobody.invalid:99", "No route to host"),
    ("tcp:127.0.0.1:nothing", "Invalid argument"),
])
def test_row_77_what_cannot_be_there_is_one_clear_error(start, where, why):
    run = start("-o", f"mlog:{where}").finish()
    path = where.split(":", 1)[1] if where[0] != "/" else where
    assert (run.status, run.out, run.err) == \
           (125, "", f"alloctrace: cannot stream to {path}: {why}\n")


@pytest.mark.parametrize("option", [("--on-full", "rotate:0"), ("--on-full", "rotate:x"),
                                    ("--on-full", "burn"), ("--on-block", "never"),
                                    ("--max-size", "much"), ("--flush", "0")])
def test_values_that_mean_nothing_are_usage_errors(start, option, tmp_path):
    run = start(*option, "-o", f"mlog:{tmp_path}/out").finish()
    assert (run.status, run.out) == (2, "")
    assert run.err == f"alloctrace: {' '.join(option)}: not a value it takes; see --help\n"


def test_row_77_a_full_disk_loses_what_does_not_fit_and_says_so(start):
    run = start("-o", "mlog:/dev/full").finish()
    told, lost = run.err.splitlines(keepends=True)
    assert told == "alloctrace: cannot stream to /dev/full: No space left on device; " \
                   "it is tried again twice a second\n"
    assert LOST.match(lost)["why"] == "it could not be written"
    assert run.status == 125 and told_by(run.out)


def test_row_77_a_file_that_may_not_grow_has_whole_lines(many, tmp_path):
    path = tmp_path / "out.mtrace"
    run = many(2000, "--no-maps", "-o", path, preexec_fn=lambda: limit_files(8192))
    text = path.read_text()
    assert 8000 < len(text) <= 8192 and text.endswith("\n")
    lost = LOST.search(run.err)
    assert int(lost["count"]) + text.count("\n") == 4000
    assert run.status == 125


def limit_files(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


# ---- readers ---------------------------------------------------------------


def held_up(pid):
    """Becomes true when the process has stopped for nothing new for fifty looks."""
    stops = []

    def look():
        stops.append(field_of(pid, "voluntary_ctxt_switches"))
        return len(set(stops[-50:])) == 1 and len(stops) > 50
    return look


MANY = 130000  # calls of malloc: more than pipe, queue and ring hold


def test_row_77_a_slow_reader_is_waited_for_and_nothing_is_lost(start, fifo, tmp_path, until):
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    live = start("--on-block", "wait", "-o", f"mlog1:pipe:{fifo}",
                 "-o", f"json:{tmp_path}/report.json", of=("waits", str(MANY)))
    pid = live.await_ready()
    live.say("")
    until(held_up(pid), "the brake")
    reader = Reader(lambda: open(fifo, "rb"))
    run = live.finish()
    os.close(held)
    types = [one["type"] for one in events_of(reader.lines())]
    assert types == ["malloc", "free"] * MANY
    assert json.loads((tmp_path / "report.json").read_text())["ledger"]["stalls"] > 0
    assert (run.status, run.err) == (3, "")


def test_row_77_a_slow_reader_loses_what_does_not_fit_and_it_is_counted(start, fifo, tmp_path,
                                                                         until, process_state):
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    live = start("-o", f"jsonl:pipe:{fifo}", "--no-maps", "-o", f"json:{tmp_path}/report.json",
                 of=("waits", "20000"))
    pid = live.await_ready()
    live.say("")
    until(lambda: process_state(pid) is None, "the program's end")
    reader = Reader(lambda: open(fifo, "rb"))
    run = live.finish()
    os.close(held)
    lines = [json.loads(line)["event"] for line in reader.lines()]
    lost = LOST.fullmatch(run.err)
    assert lost["why"] == "its reader was too slow; --on-block wait makes the program wait for it"
    assert len(lines) + int(lost["count"]) == 40003  # and the begin, and the end
    assert run.status == 3
    note, = [note for note in json.loads((tmp_path / "report.json").read_text())["ledger"]["notes"]
             if "jsonl" in note]
    assert note.endswith(f"events are missing in the jsonl stream to {fifo}")


def test_row_77_the_waiting_ends_with_ctrl_c(start_plainly, attach, target, fifo, until):
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    live = start_plainly(target("streamed"), "waits", str(MANY))
    pid = live.await_ready()
    attached = attach(pid, "--on-block", "wait", "-o", f"jsonl:pipe:{fifo}")
    attached.dump()
    live.say("")
    until(held_up(pid), "the brake")
    run = attached.detach()
    lost = LOST.fullmatch(run.err)
    assert (run.status, lost["where"], lost["why"]) == \
           (0, str(fifo), "the waiting for its reader was ended")
    assert live.finish().status == 3
    os.close(held)


@pytest.mark.parametrize("ask", ["duration", "stop"])
def test_row_77_the_waiting_ends_when_the_program_is_let_go(start, alloctrace, fifo, until, ask):
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    live = start("--on-block", "wait", "-o", f"mlog1:pipe:{fifo}", "--duration",
                 "1" if ask == "duration" else "1000", of=("waits", str(MANY)))
    pid = live.await_ready()
    live.say("")
    if ask == "stop":
        until(held_up(pid), "the brake")
        subprocess.run([alloctrace, "ctl", str(live.pid), "stop"], check=True, timeout=HANG)
    until(lambda: tracer_of(pid) == 0, "being let go")
    run = live.finish()
    os.close(held)
    assert run.status == 3 and LOST.search(run.err)


def test_row_77_the_program_can_be_ended_while_a_reader_is_waited_for(start, fifo, until):
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    live = start("--on-block", "wait", "-o", f"mlog1:pipe:{fifo}", of=("waits", str(MANY)))
    pid = live.await_ready()
    live.say("")
    until(held_up(pid), "the brake")
    live.kill(signal.SIGTERM)
    live.kill(signal.SIGTERM)
    run = live.finish()
    assert run.status == 128 + signal.SIGTERM and LOST.search(run.err)
    os.close(held)


def test_row_77_a_reader_that_has_gone_is_told_once(start, until):
    readable, writable = os.pipe()
    live = start("-o", f"mlog:fd:{writable}", of=("waits", "3000"), pass_fds=[writable])
    os.close(writable)
    live.await_ready()
    os.close(readable)
    live.say("")
    run = live.finish()
    told, lost = run.err.splitlines(keepends=True)
    assert told == f"alloctrace: cannot stream to descriptor {writable}: Broken pipe; " \
                   "what would be told there is lost\n"
    assert LOST.match(lost)["where"] == f"descriptor {writable}" and run.status == 125


def test_row_76_a_fifo_whose_reader_comes_late_loses_nothing(start, fifo):
    live = start("-o", f"mlog:pipe:{fifo}", of=("waits", "300"))
    live.await_ready()
    reader = Reader(lambda: open(fifo, "rb"))
    live.say("")
    assert (live.finish().status, len(events_of(reader.lines()))) == (3, 600)


def test_row_77_a_fifo_that_nobody_reads_is_told_at_the_end(many, fifo):
    run = many(30, "-o", f"mlog:pipe:{fifo}")
    assert LOST.fullmatch(run.err)["why"] == "it could not be written"
    assert run.status == 125


@pytest.mark.parametrize("form", ["mlog", "jsonl"])
def test_row_76_a_connection_is_made_again_with_whole_lines(start, until, form):
    listener = Listener(socket.AF_INET, ("127.0.0.1", 0))
    live = start("-o", f"{form}:tcp:127.0.0.1:{listener.port}", of=("idle",))
    live.await_ready()
    first = listener.socket.accept()[0]
    lines = first.makefile("rb")
    while b"malloc" not in (line := lines.readline()):
        assert line
    lines.close()
    first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    first.close()
    reader = listener.reader()
    live.say("")
    live.await_ready()
    live.say("")
    live.await_ready()
    run = live.finish("\n")
    last = reader.lines()
    assert run.status == 3
    assert last[-1].startswith("+ FINI" if form == "mlog" else '{"alloctrace":1,"event":"exit"')
    if form == "jsonl":
        assert [json.loads(line)["event"] for line in last]
    else:
        events_of(last)


def test_row_77_a_line_that_a_lost_connection_cut_is_sent_again(start, tmp_path):
    path = tmp_path / "socket"
    listener = Listener(socket.AF_UNIX, str(path))
    live = start("--no-maps", "-o", f"jsonl:unix:{path}", of=("waits", "600"))
    live.await_ready()
    first = listener.socket.accept()[0]
    live.say("")
    cut = first.recv(5000)
    first.close()
    lines = listener.reader().lines()
    live.finish()
    assert cut.startswith(b'{"alloctrace":1,"event":"exec"')
    assert {json.loads(line)["alloctrace"] for line in lines} == {1}
    assert json.loads(lines[-1])["event"] == "exit" and len(lines) > 100


def test_row_77_a_reader_that_never_comes_is_waited_for_until_ctrl_c(start, fifo):
    live = start("--on-block", "wait", "-o", f"mlog:pipe:{fifo}", of=("many", "10"))
    line = live.process.stderr.readline()
    assert line == f"alloctrace: {fifo}: a reader is waited for, as --on-block wait says; " \
                   "Ctrl-C gives it up\n"
    live.kill(signal.SIGINT)
    run = live.finish()
    assert LOST.fullmatch(run.err) and run.status == 125


def test_row_76_a_listener_that_comes_late_is_found(start, tmp_path):
    path = tmp_path / "socket"
    live = start("-o", f"mlog:unix:{path}", of=("idle",))
    live.await_ready()
    listener = Listener(socket.AF_UNIX, str(path))
    reader = listener.reader()
    live.say("")
    live.await_ready()
    live.say("")
    live.await_ready()
    run = live.finish("\n")
    assert run.status == 3
    assert run.err in ("", f"alloctrace: cannot stream to {path}: No such file or directory; "
                           "it is tried again twice a second\n")
    assert [one["type"] for one in events_of(reader.lines())] == ["malloc", "malloc", "free"]


def test_row_85_one_slow_reader_harms_no_other(start, fifo, tmp_path):
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    run = start("-o", f"jsonl:pipe:{fifo}", "-o", f"mlog:{tmp_path}/whole",
                "-o", f"jsonl:{tmp_path}/all.jsonl", of=("many", "20000")).finish()
    os.close(held)
    assert len(events_of((tmp_path / "whole").read_text().splitlines())) == 40000
    events = [one["event"] for one in objects(Path(tmp_path / "all.jsonl"))]
    assert events.count("free") == 20000 and LOST.fullmatch(run.err)
