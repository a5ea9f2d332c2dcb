"""--record and alloctrace report: what is read back is what was told live, to the byte, for
every moment that was reported, and up to wherever a recording ends."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BUILD, HANG, Report
from recordings import EVENTS, FACTS, MARK, STATE, blocks_of, events_of

BYTES_AN_EVENT = 12
CHURN = BUILD / "bench" / "churn"
FORMATS = ("json", "text", "csv", "folded")


@pytest.fixture
def read(alloctrace, environment, tmp_path):
    """alloctrace COMMAND...; what it printed."""
    def run(*command, status=0):
        done = subprocess.run([alloctrace, *map(str, command)], env=environment, cwd=tmp_path,
                              capture_output=True, timeout=HANG, check=False)
        assert done.returncode == status, done.stderr.decode()
        return done
    return run


@pytest.fixture
def recording(tmp_path):
    return tmp_path / "it.trace"


def outputs(folder, name, *formats):
    return [part for form in formats or FORMATS for part in ("-o", f"{form}:{folder}/{name}.{form}")]


@pytest.fixture
def record(start_plainly, alloctrace, recording, tmp_path):
    """Runs a program and records it, with reports live.FORMAT beside."""
    def run(*command, options=(), **how):
        live = start_plainly(alloctrace, "--record", recording, "--blocks",
                             *outputs(tmp_path, "live"), *options, "--", *command,
                             stdin=subprocess.DEVNULL, **how)
        done = live.finish()
        assert Path(tmp_path / "live.json").exists(), done.err
        return done
    return run


@pytest.fixture
def assert_same(read, recording, tmp_path):
    def compare(*options):
        read("report", recording, "--blocks", *options, *outputs(tmp_path, "again"))
        for form in FORMATS:
            live, again = (tmp_path / f"{name}.{form}" for name in ("live", "again"))
            assert again.read_bytes() == live.read_bytes()
    return compare


# ---- the final report ------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("program", ["realloc_cases", "bad_frees", "mapper", "crowd", "failures",
                                     "containers", "operators", "pools", "births"])
def test_a_recording_tells_what_was_told_live(record, assert_same, target, program):
    record(target(program))
    assert_same()


@pytest.mark.parametrize("options", [["--rss"], ["--growth"], ["--no-maps"], ["--operators"],
                                     ["--mismatches"], ["--free-stacks"], ["--raw-stacks"]],
                         ids=lambda options: options[0][2:])
def test_options_of_the_session_are_the_recordings(record, assert_same, target, options):
    record(target("mismatched"), options=options)
    assert_same()


def test_functions_that_a_user_names(record, assert_same, target):
    record(target("pools"), options=["--fn", "alloc:pool_get(size=2)", "--fn",
                                     "free:pool_put(ptr=2)"])
    assert_same()


@pytest.mark.parametrize("command", [
    ["/usr/bin/python3", "-c", "import json, re; print(len([str(i) for i in range(50000)]))"],
    ["git", "--version"],
    ["sqlite3", ":memory:", "create table t(x); insert into t values (1), (2); select * from t"],
], ids=lambda command: Path(command[0]).name)
def test_real_programs(record, assert_same, installed, command):
    record(installed(command[0]), *command[1:])
    assert_same()


def test_a_compiler(record, assert_same, tmp_path):
    compiler = subprocess.run(["gcc", "-print-prog-name=cc1"], text=True, check=True,
                              capture_output=True).stdout.strip()
    (tmp_path / "it.c").write_text("#include <stdio.h>\nint main(void) { return puts(\"\"); }\n")
    record(compiler, "-quiet", "it.c", "-o", "it.s", options=["--depth", "16"])
    assert_same()


def test_an_attach_and_a_detach(start_plainly, alloctrace, target, recording, tmp_path, until,
                                assert_same):
    program = start_plainly(target("goes_on"))
    program.await_ready()
    tracer = start_plainly(alloctrace, "--record", recording, "--blocks",
                           *outputs(tmp_path, "live"), "--interval", "0.1", "-p",
                           str(program.pid))
    until((tmp_path / "live.1.json").exists)
    tracer.kill(signal.SIGINT)
    assert tracer.finish().status == 0
    assert_same()
    program.process.kill()
    program.process.communicate()


@pytest.mark.sanitized
def test_each_process_of_a_tree(record, read, recording, tmp_path):
    record("/bin/sh", "-c", "ls / >/dev/null; (exec true); git --version", options=["-f"])
    read("report", recording, "--blocks", *outputs(tmp_path, "again"))
    live = {path.name[4:]: path for path in tmp_path.glob("live*")}
    again = {path.name[5:]: path for path in tmp_path.glob("again*")}
    assert live.keys() == again.keys() and len(live) > len(FORMATS)
    for name, path in live.items():
        assert path.read_bytes() == again[name].read_bytes(), name


def test_programs_that_follow_each_other_in_one_process(record, assert_same, target):
    record(target("exec_chain"), target("realloc_cases"))
    assert_same()


def test_names_are_in_the_recording(record, assert_same, target, tmp_path, recording):
    program = shutil.copy(target("realloc_cases"), tmp_path / "gone")
    record(program)
    Path(program).unlink()
    assert_same()


# ---- moments ---------------------------------------------------------------------------


def dumps_of(folder):
    return sorted(folder.glob("live.[0-9]*.json"), key=lambda path: int(path.name.split(".")[1]))


def test_a_moment_is_what_was_dumped_then(record, read, recording, tmp_path):
    record("/usr/bin/python3", "-c", "for i in range(30): x = [bytes(600) for i in range(2000)]",
           options=["--interval", "0.1", "--rss"])
    dumps = dumps_of(tmp_path)
    assert len(dumps) >= 3
    for dump in dumps:
        at = json.loads(dump.read_text())["time_ms"] / 1000
        read("report", recording, "--blocks", "--at", f"{at}s", "-o", "json:then.json")
        assert (tmp_path / "then.json").read_bytes() == dump.read_bytes()


def births_of(report):
    return {(block["address"], report["time_ms"] - block["age_ms"]) for block in report["blocks"]}


def test_a_moment_between_is_what_had_happened_by_then(record, read, recording, tmp_path):
    record("/usr/bin/python3", "-c",
           "import os\nkeep = []\n"
           "for i in range(40): keep.append([bytes(700) for i in range(500)])\nos._exit(0)")
    final = json.loads((tmp_path / "live.json").read_text())
    kept = births_of(final)
    assert len(kept) > 9000
    for part in range(1, 10):
        at = final["time_ms"] * part // 10
        read("report", recording, "--blocks", "--at", at / 1000, "-o", "json:then.json")
        then = Report(json.loads((tmp_path / "then.json").read_text()))
        then.assert_consistent()
        assert then["time_ms"] == at and then["reason"] == "dump"
        assert all(site["last_ms"] <= at for site in then["sites"])
        assert len(then["blocks"]) == then["totals"]["live_blocks"]
        there = births_of(then)
        assert {birth for birth in kept if birth[1] < at} <= there
        assert all(birth[1] <= at for birth in there)


def without_facts(recording, path):
    """All but what the last report of the session has put there."""
    blocks = blocks_of(recording)
    last = max(i for i, block in enumerate(blocks) if block.kind == MARK)
    facts = max(i for i, block in enumerate(blocks[:last]) if block.kind == FACTS)
    path.write_bytes(Path(recording).read_bytes()[:blocks[facts].offset])


@pytest.mark.parametrize("program", ["realloc_cases", "bad_frees", "crowd", "failures", "mapper"])
def test_events_alone_lead_to_the_same(record, read, recording, target, tmp_path, program):
    record(target(program))
    without_facts(recording, tmp_path / "short.trace")
    read("report", "short.trace", "--blocks", "-o", "json:short.json")
    live, short = (json.loads((tmp_path / f"{name}.json").read_text())
                   for name in ("live", "short"))
    for key in ("functions", "threads", "errors"):
        assert short[key] == live[key]
    for key in live["totals"]:
        if key != "usable_live_bytes":
            assert short["totals"][key] == live["totals"][key]
    counts = [[{key: value for key, value in site.items() if key != "stack"}
               for site in report["sites"]] for report in (live, short)]
    assert counts[0] == counts[1]
    assert {(block["address"], block["size"], block["site"]) for block in short["blocks"]} == \
           {(block["address"], block["size"], block["site"]) for block in live["blocks"]}
    assert [site["stack"] for site in short["sites"]] == [site["stack"] for site in live["sites"]]


# ---- what it costs ---------------------------------------------------------------------


def damage(recording, kinds, count):
    """A bit of each of these among the first blocks."""
    data = bytearray(recording.read_bytes())
    for block in blocks_of(recording)[:count]:
        if block.kind in kinds:
            data[block.end - 1] ^= 1
    recording.write_bytes(data)


@pytest.mark.alone
def test_a_million_events(record, read, recording, tmp_path, assert_same):
    """Small, without waiting, and any moment of it is there at once: in a fraction of the
    time that the program took. What leads to it is read alone: it may be damaged elsewhere."""
    count = os.environ.get("RECORDED", "600000")
    began = time.monotonic()
    record(CHURN, "-n", count)
    took = time.monotonic() - began
    live = json.loads((tmp_path / "live.json").read_text())
    events = live["totals"]["allocs"] + live["totals"]["frees"]
    assert events_of(recording) >= events >= 2 * int(count)
    assert recording.stat().st_size <= BYTES_AN_EVENT * events
    assert live["ledger"]["stalls"] <= live["cost"]["stops"] * 2 / 100
    assert live["ledger"]["missed_calls"] == 0
    assert_same()
    for part in (0.1, 0.5, 0.9):
        began = time.monotonic()
        read("report", recording, "--at", live["time_ms"] * part / 1000)
        assert time.monotonic() - began < took / 2
    blocks = blocks_of(recording)
    states = [i for i, block in enumerate(blocks) if block.kind == STATE]
    assert len(states) > 1 and any(block.kind == EVENTS for block in blocks[:states[-1]])
    damage(recording, (EVENTS, STATE), states[-1])
    assert_same()


# ---- ends before its time --------------------------------------------------------------


def test_a_kill_loses_the_last_block_only(start_plainly, alloctrace, recording, read, tmp_path,
                                          until, children):
    live = start_plainly(alloctrace, "--record", recording, "-o", "json:live.json", "--",
                         CHURN, "-n", "100000000")
    until(lambda: recording.exists() and sum(
        block.kind == EVENTS for block in blocks_of(recording)) >= 3, "blocks of events")
    live.process.kill()
    live.process.wait()
    whole = events_of(recording)
    read("report", recording, "-o", "json:then.json")
    then = Report(json.loads((tmp_path / "then.json").read_text()))
    then.assert_consistent()
    then.assert_unblemished()
    assert then["totals"]["allocs"] + then["totals"]["frees"] <= whole
    assert then["totals"]["allocs"] + then["totals"]["frees"] > whole - 1000 # maps and threads
    assert then.sites_through("once_pair")
    for pid in children(os.getpid()):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("where", ["/dev/full", "limited"])
def test_a_full_disk_ends_the_recording_and_not_the_trace(start_plainly, alloctrace, read, where,
                                                          tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))

    path = tmp_path / "limited" if where == "limited" else where
    done = start_plainly(alloctrace, "--record", path, "-o", "json:live.json", "--", CHURN, "-n",
                         "150000", preexec_fn=limit).finish()
    assert done.status == 125
    why = "File too large" if where == "limited" else "No space left on device"
    assert done.err == f"alloctrace: the recording in {path} ends early, the trace goes on: {why}\n"
    live = json.loads((tmp_path / "live.json").read_text())
    assert live["totals"]["allocs"] >= 150000
    if where == "limited":
        read("report", path, "-o", "json:then.json")
        then = Report(json.loads((tmp_path / "then.json").read_text()))
        then.assert_consistent()


@pytest.mark.parametrize("path, why", [
    ("/nowhere/it", "No such file or directory"), ("/", "Is a directory"),
])
def test_a_file_that_cannot_be_written(start_plainly, alloctrace, path, why):
    done = start_plainly(alloctrace, "--record", path, "--", "/bin/true").finish()
    assert done.status == 125
    assert done.err == f"alloctrace: cannot record to {path}: {why}\n"


def test_nothing_is_left_of_what_never_ran(start_plainly, alloctrace, recording):
    assert start_plainly(alloctrace, "--record", recording, "--", "/nowhere").finish().status == 127
    assert not recording.exists()


# ---- damaged and foreign files -----------------------------------------------------------


@pytest.fixture
def small(record, target, recording, tmp_path):
    record(target("realloc_cases"))
    return recording


def judge(alloctrace, path, environment):
    done = subprocess.run([alloctrace, "report", str(path)], env=environment, timeout=HANG,
                          capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode in (0, 125), done
    assert len(done.stderr.splitlines()) <= 1, done.stderr
    assert all(line.startswith("alloctrace: ") for line in done.stderr.splitlines())
    assert done.returncode == 0 or done.stderr
    return done


@pytest.mark.sanitized
def test_a_file_cut_off_anywhere(small, alloctrace, environment, tmp_path):
    data, blocks = small.read_bytes(), blocks_of(small)
    edges = {0, 1, 8, 15, len(data) - 1, len(data) - 20}
    for block in blocks:
        edges |= {block.offset, block.offset + 1, block.offset + 47, block.end - 1}
    cut = tmp_path / "cut.trace"
    stated = next(block.end for block in blocks if block.kind == STATE)
    for edge in sorted(edges):
        cut.write_bytes(data[:edge])
        done = judge(alloctrace, cut, environment)
        at_edge = edge in {block.offset for block in blocks} | {len(data) - 20}
        if edge >= stated:
            assert done.returncode == 0 and done.stdout.startswith("alloctrace report: ")
            assert ("breaks off in a block" in done.stderr) != at_edge, edge


@pytest.mark.sanitized
def test_a_bit_flipped_anywhere(small, alloctrace, environment, tmp_path):
    data, whole = small.read_bytes(), judge(alloctrace, small, environment)
    flipped = tmp_path / "flipped.trace"
    for at in range(0, len(data), max(1, len(data) // 120)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        flipped.write_bytes(changed)
        done = judge(alloctrace, flipped, environment)
        if done.returncode == 0 and not done.stderr:
            assert done.stdout.replace("flipped", "it") == whole.stdout, at


@pytest.mark.parametrize("content, why", [
    (b"", "is empty"),
    (b"hello, world\n" * 10, "is no recording of alloctrace's"),
    (b"\x7fELF" + bytes(60), "is no recording of alloctrace's"),
    (b"\x89ATRACE\n", "breaks off in its first bytes"),
    (b"\x89ATRACE\n\x02\0\0\0\0\0\0\0", "is of another version of alloctrace"),
    (b"\x89ATRACE\n\x01\0\0\0\0\0\0\0", "has nothing in it yet"),
])
def test_what_is_no_recording_is_said_so(read, tmp_path, content, why):
    (tmp_path / "it").write_bytes(content)
    done = read("report", "it", status=125)
    assert done.stderr.decode() == \
           f"alloctrace: cannot read it: {why}; alloctrace --record FILE makes a recording\n"
    assert not done.stdout


def test_what_is_no_file_is_said_so(read, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name, why in (("fifo", "is no plain file"), (".", "is a folder"),
                      ("none", "No such file or directory")):
        assert f"cannot read {name}: {why}; " in read("report", name, status=125).stderr.decode()


def test_usage(read, small, tmp_path):
    for arguments, why in (
            ([], "report: wants a file; see alloctrace --help"),
            ([small, small], f"{small}: one file too many; see alloctrace --help"),
            ([small, "-p", 1], "report: reads files, it traces nothing; see alloctrace --help"),
            ([small, "--at", "soon"], "--at soon: not a time in seconds; see --help"),
            ([small, "--at", "1e3"], "--at 1e3: not a time in seconds; see --help")):
        assert read("report", *arguments, status=2).stderr.decode() == f"alloctrace: {why}\n"
    beyond = read("report", small, "--at", "86400", status=2).stderr.decode()
    assert "nothing ran at 86400.000 s; the recording goes from 0 to " in beyond
    end = json.loads(read("report", small, "--at", beyond.split()[-2], "-o", "json:-").stdout)
    assert beyond.split()[-2] == f"{end['time_ms'] / 1000:.3f}" and end["reason"] == "exit"
    assert "--at 3: a moment is for alloctrace report" in \
           read("--at", "3", "--", "true", status=2).stderr.decode()
