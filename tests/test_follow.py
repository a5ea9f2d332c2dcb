"""With --follow every process has a table and a report of its own, which hold what the
process itself states; and all of them run as if nobody watched."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import HANG, Report, Run
from recordings import TRACK, blocks_of
from test_children import KINDS, PIPELINE

FOLLOW = ["-f"]
THREADED = ["fork-threads", "fork-among-threads"]  # libc allocates for threads beside
COPIES = [kind for kind in KINDS if kind.startswith(("fork", "orphan")) or kind == "clone"]
COPIES.remove("fork-exec")
HEAVY = ["fork-malloc", *THREADED]


def kin_of(folder):
    """Process -> its report, of all but the first."""
    reports = [Report(json.loads(path.read_text())) for path in folder.glob("report.*.json")]
    kin = {report["pid"]: report for report in reports}
    names = {f"report.{pid}.json" for pid in kin}
    assert names == {path.name for path in folder.glob("report.*.json")}
    return kin


def truths_of(folder):
    return {int(path.suffix[1:]): json.loads(path.read_text())
            for path in folder.glob("truth.json.*")}


@pytest.fixture
def kin(tmp_path):
    return lambda: kin_of(tmp_path)


@pytest.fixture
def stated(tmp_path):
    """Process -> the Run of a child that stated the truth about itself."""
    def read():
        reports, truths = kin_of(tmp_path), truths_of(tmp_path)
        assert truths.keys() <= reports.keys(), "a child was not reported"
        return {pid: Run(None, "", "", reports[pid], truth) for pid, truth in truths.items()}
    return read


def assert_alike(traced, plain):
    assert (traced.status, traced.out, traced.err) == (plain.status, plain.out, plain.err)


@pytest.fixture
def children_of_kind(target):
    """The command that makes them, and how many times it does."""
    def command(kind):
        times = 1 if kind in HEAVY else 10
        return [target("children"), kind, str(times)], times
    return command


# ---- children of every kind ---------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", KINDS)
def test_children_end_as_without_us(trace, run_plainly, children_of_kind, kind):
    command, _ = children_of_kind(kind)
    plain = run_plainly(*command)
    assert plain.status == 0 and plain.out
    assert_alike(trace(*command, options=FOLLOW), plain)


@pytest.mark.parametrize("kind", KINDS)
def test_the_parents_table_is_its_own(trace, children_of_kind, kind):
    run = trace(*children_of_kind(kind)[0], options=FOLLOW)
    run.assert_marker_true("parent_take")
    run.assert_marker_true("thread_take")
    run.assert_marker_true("child_take")  # what a child did in memory that was the parent's
    run.report.assert_consistent()
    assert run.report["ledger"]["unknown_frees"] == 0
    assert run.report["ledger"]["double_frees"] == 0
    assert run.report["ledger"]["notes"] == []


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", COPIES)
def test_each_child_is_reported_as_it_states_itself(trace, children_of_kind, stated, kind):
    command, times = children_of_kind(kind)
    trace(*command, options=FOLLOW)
    children = stated()
    assert len(children) >= times
    for child in children.values():
        for marker in ("child_take", "child_resize", "child_clear", "parent_take"):
            child.assert_marker_true(marker)
        child.report.assert_consistent()
        child.report.assert_unblemished()
        if kind not in THREADED:
            child.assert_totals_true()
            child.assert_functions_true()


@pytest.mark.parametrize("kind, count", [("fork-exec", 10), ("vfork-exec", 10), ("spawn", 10),
                                         ("vfork-malloc-exec", 10), ("system", 10),
                                         ("clone-vm", 20), ("popen", 10)])
def test_what_a_child_executes_is_reported(trace, target, kin, kind, count):
    trace(target("children"), kind, options=FOLLOW)
    shells = kin()
    assert len(shells) == count
    for report in shells.values():
        assert report["exe"] == os.path.realpath("/bin/sh")
        assert report["cmdline"][:2] == ["sh", "-c"]
        assert report["totals"]["allocs"] > 0
        assert report["totals"]["inherited_blocks"] == 0
        report.assert_consistent()
        report.assert_unblemished()


def test_a_call_that_a_handler_forks_in_goes_on_in_the_child(trace, target, stated, kin):
    run = trace(target("kin"), "handler", "30", options=FOLLOW)
    assert run.status == 0
    run.assert_all_true()
    assert len(stated()) == len(kin()) == 30
    for child in stated().values():
        assert child.sums_of("kin_take")["live_blocks"] == 0
        assert child.report["functions"]["malloc"]["calls"] >= 1
        child.report.assert_unblemished()


# A child whose parent is killed as it forks is nobody's any more.
@pytest.mark.sanitized
def test_children_of_killed_parents_hold_nobody_up(trace, target, kin):
    run = trace(target("kin"), "killed", "200", options=FOLLOW)
    assert (run.status, run.err) == (0, "")
    run.assert_all_true()
    for report in kin().values():
        assert report["ledger"]["unknown_frees"] == report["ledger"]["double_frees"] == 0


# ---- shells, tools, crowds ------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_shell_and_its_pipelines_run_as_without_us(trace, run_plainly, kin, shell):
    plain = run_plainly(shell, "-c", PIPELINE)
    assert_alike(trace(shell, "-c", PIPELINE, options=FOLLOW), plain)
    programs = [os.path.basename(report["exe"]) for report in kin().values()]
    for program in ("seq", "sort", "head"):
        assert programs.count(program) == 10
    assert programs.count("sleep") == 1
    for report in kin().values():
        assert set(report["ledger"]["unsymbolised_modules"]) == nameless_modules(report)


def nameless_modules(report):
    """Whatever an image before, or another process, has lacked."""
    return {frame["module"] for site in report["sites"] for frame in site["stack"]
            if frame["build_id"] and not frame["function"]}


def test_five_hundred_short_children_end_as_without_us(trace, run_plainly, kin):
    script = 'i=0; while [ $i -lt 250 ]; do (exit $i); echo $?; /bin/true; i=$((i + 1)); done'
    plain = run_plainly("/bin/sh", "-c", script)
    assert_alike(trace("/bin/sh", "-c", script, options=FOLLOW), plain)
    assert len(kin()) == 500


MAKEFILE = """
all: one two three
one two three: %: %.in
\t@sort $< | uniq > $@; $(MAKE) -s --no-print-directory -f $(firstword $(MAKEFILE_LIST)) $@.sum
%.sum: %
\t@cksum < $< | cut -d' ' -f1 > $@; cat $@
"""


def test_make_makes_the_same(trace, run_plainly, installed, kin, tmp_path):
    make = installed("make")

    def prepare(name):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Makefile").write_text(MAKEFILE)
        for number, stem in enumerate(("one", "two", "three")):
            (folder / f"{stem}.in").write_text("".join(f"{i * number % 7}\n" for i in range(50)))
        return folder

    plain = run_plainly(make, "-s", cwd=prepare("plain"))
    traced = trace(make, "-s", cwd=prepare("traced"), options=FOLLOW)
    assert plain.status == 0 and len(plain.out.split()) == 3
    assert_alike(traced, plain)
    programs = [os.path.basename(report["exe"]) for report in kin().values()]
    assert programs.count("uniq") == programs.count("cksum") == 3
    assert programs.count("make") == 3


# Each live process takes a few descriptors of ours; its own limit is left alone.
def test_a_crowd_of_children_lives_at_the_same_time(run_plainly, alloctrace, target, stated,
                                                    tmp_path):
    traced = run_plainly("/bin/sh", "-c", 'ulimit -Sn 100; exec "$@"', "sh", alloctrace, "-f",
                         "-o", tmp_path / "report.json", "--", target("kin"), "crowd", "150")
    assert (traced.status, traced.out, traced.err) == (0, "files 100\n", "")
    assert len(stated()) == 150
    for child in stated().values():
        child.assert_all_true()


def test_a_crowd_that_is_too_large_is_followed_in_part(run_plainly, alloctrace, target, kin,
                                                       read_report, tmp_path):
    report = tmp_path / "report.json"
    traced = run_plainly("/bin/sh", "-c", 'ulimit -n 400; exec "$@"', "sh", alloctrace, "-f",
                         "-o", report, "--", target("kin"), "crowd", "150")
    assert (traced.status, traced.out, traced.err) == (0, "files 400\n", "")
    assert 0 < len(kin()) < 150
    assert read_report(report)["ledger"]["notes"] == \
        ["a child was not followed: Too many open files"]


@pytest.mark.parametrize("way", ["plain", "thread"])
def test_children_exec_in_chains(trace, target, kin, tmp_path, way):
    script = f'for i in 1 2 3; do TRUTH=$TRUTH.link$i "$0" 5 {way}; echo $?; done'
    run = trace("/bin/sh", "-c", script, target("exec_chain"), options=FOLLOW)
    assert run.out.split() == ["41"] * 3
    truths = [json.loads(path.read_text()) for path in tmp_path.glob("truth.json.link*")]
    assert len(truths) == len(kin()) == 3
    for report in kin().values():
        assert report["cmdline"][1:] == ["0", way]
        Run(0, "", "", report, truths[0]).assert_all_true()


# ---- to the end of all, and before ----------------------------------------------------


class Fifo:
    def __init__(self, path):
        os.mkfifo(path)
        self.path, self.file = str(path), None

    def open(self):
        """Returns when a reader has it open."""
        self.file = os.open(self.path, os.O_WRONLY)

    def say(self, count=1):
        os.write(self.file, b"x" * count)

    def close(self):
        os.close(self.file)


@pytest.fixture
def fifo(tmp_path):
    return Fifo(tmp_path / "fifo")


@pytest.fixture
def start_daemon(start_traced, target, fifo, until, children):
    """The traced run of which only the daemon is left, and the daemon's number."""
    def start(*options):
        live = start_traced(target("kin"), "daemon", fifo.path, options=[*FOLLOW, *options])
        fifo.open()
        pid = live.await_ready()
        until(lambda: Path(live.report).exists(), "the first process's report")
        return live, pid
    return start


@pytest.mark.sanitized
def test_a_daemon_is_followed_to_its_end(start_daemon, fifo, stated, kin, process_state):
    live, pid = start_daemon()
    assert live.process.poll() is None and process_state(pid) not in (None, "Z")
    assert pid not in kin()
    fifo.say()
    run = live.finish()
    assert run.status == 5 and run.err == ""
    run.assert_all_true()
    assert len(stated()) == 2
    for child in stated().values():
        child.assert_all_true()
    assert stated()[pid].report["totals"]["inherited_blocks"] == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_left_of_a_program_is_let_go_when_asked(start_daemon, fifo, kin, tmp_path, until,
                                                       process_state, number):
    live, pid = start_daemon()
    live.kill(number)
    live.process.wait(HANG)
    assert live.process.returncode == 5
    report = kin()[pid]
    assert report["reason"] == "detach"
    assert report["ledger"]["text_identical"] is True
    fifo.say()
    until(lambda: process_state(pid) in (None, "Z"), "the daemon's end")
    assert truths_of(tmp_path)[pid]["totals"]["allocs"] > report["totals"]["allocs"]


@pytest.fixture
def start_pair(start_traced, target, fifo):
    """A parent and a child that wait; both their numbers, the parent's first."""
    def start(*options, **how):
        live = start_traced(target("kin"), "wait", fifo.path, options=[*FOLLOW, *options], **how)
        fifo.open()
        pids = {live.await_ready(), live.await_ready()}
        parent, = [pid for pid in pids if parent_is(pid, live.pid)]
        return live, parent, (pids - {parent}).pop()
    return start


def parent_is(pid, parent):
    status = Path(f"/proc/{pid}/status").read_text()
    return f"PPid:\t{parent}\n" in status


@pytest.mark.sanitized
def test_a_dump_is_of_every_process(start_pair, fifo, until, read_report, stated, tmp_path):
    live, parent, child = start_pair()
    live.kill(signal.SIGUSR1)
    dumps = [tmp_path / "report.1.json", tmp_path / f"report.{child}.1.json"]
    until(lambda: all(path.exists() for path in dumps), "both dumps")
    for path, pid in zip(dumps, (parent, child)):
        report = read_report(path)
        assert (report["reason"], report["pid"]) == ("dump", pid)
        assert report["totals"]["live_blocks"] == 1
        path.unlink()
    fifo.say(2)
    run = live.finish()
    assert run.status == 6
    run.assert_all_true()
    assert stated().keys() == {child}
    stated()[child].assert_all_true()


@pytest.fixture
def at_moment(alloctrace, tmp_path, read_report):
    """at_moment(ms): the reasons of the reports of r.trace then, by process."""
    def read(ms):
        done = subprocess.run([alloctrace, "report", "r.trace", "--at", str(ms / 1000), "-o",
                               "json:then-%p.json"], cwd=tmp_path, timeout=HANG, check=False)
        assert done.returncode == 0
        reports = [read_report(path) for path in tmp_path.glob("then-*.json")]
        for report in reports:
            (tmp_path / f"then-{report['pid']}.json").unlink()
        return {report["pid"]: report["reason"] for report in reports}
    return read


def test_a_moment_of_a_recording_counts_from_its_begin(start_pair, at_moment, fifo, kin, tmp_path):
    """A child's own time does not."""
    live, parent, child = start_pair("--record", tmp_path / "r.trace")
    fifo.say(2)
    assert live.finish().status == 6
    lived = kin()[child]["time_ms"]
    assert at_moment(lived)[parent] == "dump"
    began, forked = [block.first_ns for block in blocks_of(tmp_path / "r.trace")
                     if block.kind == TRACK]
    end = (forked - began) // 1000000 + lived
    if at_moment(end)[child] == "dump":
        end += 1
    assert at_moment(end).keys() == {parent, child}
    assert at_moment(end)[child] == "exit"


def test_the_moment_in_which_one_ends_is_one_of_the_others_too(start_daemon, at_moment, fifo,
                                                               tmp_path):
    live, pid = start_daemon("--record", tmp_path / "r.trace")
    fifo.say()
    run = live.finish()
    then = at_moment(run.report["time_ms"])
    assert then.keys() == {run.report["pid"], pid}
    assert then[run.report["pid"]] == "exit"


def test_after_the_duration_all_are_let_go(start_pair, fifo, until, kin, tmp_path):
    live, _, child = start_pair("--duration", "0.5")
    until(lambda: live.report.exists() and child in kin(), "both reports")
    for report in (json.loads(live.report.read_text()), kin()[child]):
        assert report["reason"] == "detach"
        assert report["ledger"]["text_identical"] is True
    fifo.say(2)
    assert live.finish().status == 6
    assert truths_of(tmp_path).keys() == {child}


# ---- names and forms ------------------------------------------------------------------


def run_pair(start_plainly, fifo, *command):
    live = start_plainly(*command)
    fifo.open()
    pids = {live.await_ready(), live.await_ready()}
    fifo.say(2)
    return live.finish(), pids


@pytest.mark.parametrize("name, others", [
    ("of-%p.json", "of-{pid}.json"),
    ("dir.d/plain", "dir.d/plain.{pid}"),
    (".hidden", ".hidden.{pid}"),
    ("two.dots.csv", "two.dots.{pid}.csv"),
])
def test_no_report_takes_anothers_place(start_plainly, alloctrace, target, fifo, tmp_path, name,
                                        others):
    (tmp_path / "dir.d").mkdir()
    run, pids = run_pair(start_plainly, fifo, alloctrace, "-f", "-o", tmp_path / name, "--",
                         target("kin"), "wait", fifo.path)
    assert (run.status, run.err) == (6, "")
    names = {tmp_path / others.format(pid=pid) for pid in pids}
    there = {path for path in names | {tmp_path / name} if path.exists()}
    assert len(there) == 2 and all(path.stat().st_size for path in there)
    assert ((tmp_path / name) in there) == ("%p" not in name)


def test_a_device_is_no_file_to_put_others_beside(trace, target):
    before = os.listdir("/dev")
    run = trace(target("children"), "fork", options=[*FOLLOW, "-o", "text:/dev/null"])
    assert run.status == 0
    assert os.listdir("/dev") == before


def test_text_says_what_was_inherited(run_plainly, alloctrace, target):
    run = run_plainly(alloctrace, "-f", "--", target("children"), "fork")
    heads = re.findall(r"^alloctrace report: children \(pid \d+\) exited with status (\d)",
                       run.err, re.MULTILINE)
    assert sorted(heads) == ["0"] + ["3"] * 10
    assert heads[-1] == "0"
    assert len(re.findall(r"^  inherited +100 B in 1 block$", run.err, re.MULTILINE)) == 1
    assert len(re.findall(r"^  inherited ", run.err, re.MULTILINE)) == 10


def test_a_stream_gets_every_report(run_plainly, alloctrace, target, tmp_path):
    stream = tmp_path / "stream"
    with open(stream, "w", encoding="utf-8") as file:
        run = run_plainly(alloctrace, "-f", "-o", f"json:fd:{file.fileno()}", "--",
                          target("children"), "fork", pass_fds=[file.fileno()])
    assert run.status == 0
    assert len([json.loads(line) for line in stream.read_text().splitlines()]) == 11


@pytest.mark.parametrize("blocks, options, status", [
    (0, [], 0), (3, [], 77), (3, ["--suppressions"], 0)])
def test_leaks_of_all_processes_are_judged(trace, target, tmp_path, blocks, options, status):
    known = tmp_path / "known.supp"
    known.write_text("leak:kin_take\n")
    options = [*options, str(known)] if options else []
    run = trace(target("kin"), "leak", str(blocks),
                options=[*FOLLOW, "--leak-exitcode", "77", *options])
    assert run.status == status
    assert run.report["totals"]["live_blocks"] == 0


def test_without_it_a_childs_leaks_are_its_own(trace, target):
    run = trace(target("kin"), "leak", "3", options=["--leak-exitcode", "77"])
    assert run.status == 0


# ---- attached to ------------------------------------------------------------------------


# From the first on, though the traps may not stand yet when it is born.
@pytest.mark.sanitized
def test_attached_to_children_born_since_are_followed_whole(start_plainly, alloctrace, target, fifo,
                                                      until, kin, tmp_path):
    live = start_plainly(target("kin"), "late", fifo.path)
    fifo.open()
    pid = live.await_ready()
    fifo.say()
    live.await_ready()
    before = truths_of(tmp_path).keys()
    report = tmp_path / "report.json"
    attached = start_plainly(alloctrace, "-f", "-o", report, "-p", str(pid))
    until(lambda: not is_untraced(pid), "the attach")
    for _ in range(3):
        fifo.say()
        live.await_ready()
    attached.kill(signal.SIGINT)
    end = attached.finish()
    assert (end.status, end.out, end.err) == (0, "", "")
    truths = {child: truth for child, truth in truths_of(tmp_path).items() if child not in before}
    assert truths.keys() == kin().keys() and len(truths) == 3
    for child, truth in truths.items():
        Run(0, "", "", kin()[child], truth).assert_marker_true("kin_take")
    assert json.loads(report.read_text())["ledger"]["text_identical"] is True
    fifo.say()
    live.await_ready()
    fifo.close()
    assert live.finish().status == 0


# ---- killed ------------------------------------------------------------------------------


def tracer_of(live, children):
    pid, = [pid for pid in children(live.pid)
            if Path(f"/proc/{pid}/comm").read_text() == "at-tracer\n"]
    return pid


def is_untraced(pid):
    return "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text()


def journals():
    folder = Path(f"/tmp/alloctrace-{os.geteuid()}")
    return {int(path.name) for path in folder.glob("[0-9]*")}


def assert_both_work_on(pids, fifo, until, process_state, tmp_path):
    fifo.say(2)
    until(lambda: all(process_state(pid) in (None, "Z") for pid in pids), "their ends")
    for path in (tmp_path / "truth.json", tmp_path / f"truth.json.{pids[1]}"):
        assert json.loads(path.read_text())["totals"]["allocs"] >= 100


@pytest.mark.sanitized
def test_a_killed_front_leaves_no_trap_anywhere(start_pair, fifo, until, process_state, tmp_path):
    live, *pids = start_pair()
    assert journals() >= set(pids)
    live.kill(signal.SIGKILL)
    live.process.wait(HANG)
    until(lambda: all(map(is_untraced, pids)), "being let go")
    assert not journals() & set(pids)
    assert_both_work_on(pids, fifo, until, process_state, tmp_path)


def test_a_killed_tracers_traps_are_taken_out_everywhere(start_pair, fifo, until, children,
                                                         process_state, tmp_path, kin):
    live, *pids = start_pair()
    os.kill(tracer_of(live, children), signal.SIGKILL)
    until(lambda: not journals() & set(pids), "their restoration")
    assert_both_work_on(pids, fifo, until, process_state, tmp_path)
    run = live.finish()
    assert run.status == 125
    assert "the tracer was killed: every trap is taken out" in run.err
    assert kin().keys() == {pids[1]} and kin()[pids[1]]["reason"] == "detach"


def test_processes_whose_session_was_killed_whole_are_rescued(
        start_pair, alloctrace, fifo, until, children, process_state, tmp_path):
    live, *pids = start_pair()
    tracer = tracer_of(live, children)
    os.kill(tracer, signal.SIGSTOP)
    until(lambda: process_state(tracer) == "T", "the tracer's stop")
    live.kill(signal.SIGKILL)
    live.process.wait(HANG)
    os.kill(tracer, signal.SIGKILL)
    until(lambda: all(map(is_untraced, pids)), "being left")
    for pid in pids:
        rescue = subprocess.run([alloctrace, "rescue", str(pid)], capture_output=True, text=True,
                                check=False)
        assert rescue.returncode == 0, rescue.stderr
        assert int(re.search(r"(\d+) traps taken out", rescue.stdout)[1]) > 10
    assert_both_work_on(pids, fifo, until, process_state, tmp_path)
