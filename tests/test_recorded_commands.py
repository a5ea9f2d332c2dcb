"""What is made of recordings, logs and reports afterwards: active, pairs, diff."""

import csv
import json
import random
import subprocess
from pathlib import Path

import pytest
from conftest import HANG
from streaming import MTRACE

pytestmark = pytest.mark.sanitized


@pytest.fixture
def read(alloctrace, environment, tmp_path):
    def run(*command, status=0):
        done = subprocess.run([alloctrace, *map(str, command)], env=environment, cwd=tmp_path,
                              capture_output=True, text=True, timeout=HANG, check=False)
        assert done.returncode == status, done.stderr
        return done
    return run


@pytest.fixture
def record(start_plainly, alloctrace, tmp_path):
    """Runs a program under what makes it.trace, it.json and it.mtrace."""
    def run(*command, options=()):
        live = start_plainly(alloctrace, "--record", "it.trace", "--blocks", "-o",
                             f"json:{tmp_path}/it.json", "-o", f"mtrace:{tmp_path}/it.mtrace",
                             *options, "--", *command, stdin=subprocess.DEVNULL)
        done = live.finish()
        assert done.err == ""
        return json.loads((tmp_path / "it.json").read_text())
    return run


# ---- active --------------------------------------------------------------------------------


def lines_of(text):
    """Lines of blocks, in order; and of maps that the program has made itself."""
    found = [line.split() for line in text.splitlines()]
    assert found == sorted(found, key=lambda words: int(words[1], 16))
    return ([words for words in found if not words[0].startswith("mmap")],
            [words for words in found if words[0] in ("mmap:", "mmap(mremap):") and len(words) > 3])


@pytest.mark.parametrize("program", ["realloc_cases", "failures", "containers", "births"])
def test_row_27_what_is_active_in_a_recording_is_the_dump(record, read, target, program):
    report = record(target(program))
    blocks, _ = lines_of(read("active", "it.trace").stdout)
    assert {(int(words[1], 16), int(words[2], 16)) for words in blocks} == \
           {(int(block["address"], 16), block["size"]) for block in report["blocks"]}
    assert len(blocks) == len(report["blocks"])


@pytest.mark.parametrize("command", [["realloc_cases"], ["streamed", "mix"], ["streamed", "maps"]],
                         ids=lambda command: command[-1])
def test_row_27_a_saved_log_leads_to_the_same(record, read, target, tmp_path, command):
    record(target(command[0]), *command[1:])
    of_log = lines_of(read("active", "it.mtrace").stdout)
    of_recording = lines_of(read("active", "it.trace").stdout)
    assert of_log == of_recording and any(of_log)
    lines = (tmp_path / "it.mtrace").read_text().splitlines()
    known = {f"{m['function']}: {m['address']} {m['size']} {m['library']} {m['symbol']} "
             f"{m['caller'][2:]}" for m in map(MTRACE.match, lines) if m and m["size"]}
    assert {" ".join(words) for words in of_log[0]} <= known


def test_row_27_at_another_moment(record, read, target, tmp_path):
    report = record("/usr/bin/python3", "-c",
                    "for i in range(20): x = [bytes(600 + k % 9) for k in range(2000)]",
                    options=["--interval", "0.05"])
    dump = json.loads((tmp_path / "it.1.json").read_text())
    assert dump["time_ms"] < report["time_ms"]
    blocks, _ = lines_of(read("active", "it.trace", "--at", dump["time_ms"] / 1000).stdout)
    assert {(int(words[1], 16), int(words[2], 16)) for words in blocks} == \
           {(int(block["address"], 16), block["size"]) for block in dump["blocks"]}


@pytest.mark.parametrize("calls, left", [
    (["munmap: 0x10000 0x1000"], [(0x11000, 0x4000)]),
    (["munmap: 0x14000 0x1000"], [(0x10000, 0x4000)]),
    (["munmap: 0x12000 0x1000"], [(0x10000, 0x2000), (0x13000, 0x2000)]),
    (["mmap: 0x15000 0x2000 /p main 0x2", "munmap: 0x14000 0x2000"],
     [(0x10000, 0x4000), (0x16000, 0x1000)]),
    (["munmap(syscall): 0xf000 0x7000"], []),
    (["mmap: 0x12000 0x1000 /p main 0x2"],
     [(0x10000, 0x2000), (0x12000, 0x1000), (0x13000, 0x2000)]),
], ids=["head", "tail", "middle", "several", "all", "over"])
def test_maps_of_a_log_are_cut_where_they_are_unmapped(read, tmp_path, calls, left):
    (tmp_path / "log").write_text("\n".join(["mmap: 0x10000 0x5000 /p main 0x1", *calls, ""]))
    lines = [line.split() for line in read("active", "log").stdout.splitlines()]
    assert [(int(words[1], 16), int(words[2], 16)) for words in lines] == left


def test_a_log_with_calls_that_were_not_seen_or_failed(read, tmp_path):
    (tmp_path / "log").write_text("""\
malloc: 0x10 0x1 /p main 0x1
malloc: 0x10 0x2 /p main 0x2
free: 0x30 /p main 0x3
malloc: (nil) 0x5 /p main 0x4
free: (nil) /p main 0x5
what is this
memalign: 0x40 0x6 /p (null) 0x6
free(realloc): 0x40 /p main 0x7
malloc(realloc): 0x50 0x7 /p main 0x7
""")
    assert read("active", "log", "-o", "out").stdout == ""
    assert (tmp_path / "out").read_text() == """\
malloc: 0x10 0x2 /p main 2
malloc(realloc): 0x50 0x7 /p main 7
"""


def test_a_log_of_several_processes(read, tmp_path):
    """What a child does in its copy of its parent's blocks is not done to them."""
    (tmp_path / "log").write_text("""\
malloc: 0x10 0x1 /p main 0x1 100
malloc: 0x20 0x2 /p main 0x2 100
mmap: 0x10000 0x1000 /p main 0x3 100
free: 0x10 /p main 0x4 101
malloc: 0x20 0x3 /p main 0x5 101
munmap(syscall): 0x10000 0x1000 101
malloc: 0x30 0x4 /p main 0x6 101
free: 0x30 /p main 0x7 101
""")
    assert read("active", "log").stdout == """\
malloc: 0x10 0x1 /p main 1 100
malloc: 0x20 0x2 /p main 2 100
malloc: 0x20 0x3 /p main 5 101
mmap: 0x10000 0x1000 /p main 3 100
"""


def test_a_recording_and_a_log_of_several_processes(record, read, target):
    record(target("streamed"), "forks", options=["-f"])
    of_log, of_recording = (lines_of(read("active", f"it.{kind}").stdout)[0]
                            for kind in ("mtrace", "trace"))
    assert of_log == of_recording
    pids = {int(words[2], 16): words[-1] for words in of_log}
    assert pids.keys() == {70, 80, 90} and pids[70] == pids[80] != pids[90]


def test_a_log_from_a_pipe(alloctrace, environment):
    done = subprocess.run([alloctrace, "active", "/dev/stdin"], env=environment, text=True,
                          input="malloc: 0x10 0x1 /p main 0x1\nmalloc: 0x20 0x2 /p main 0x2\n",
                          capture_output=True, timeout=HANG, check=True)
    assert done.stdout == "malloc: 0x10 0x1 /p main 1\nmalloc: 0x20 0x2 /p main 2\n"


def any_line(chance, blocks, maps):
    """One of a log, that does the same to the two: (process, address) -> size, pages."""
    pid, at = chance.choice((7, 8)), chance.randrange(1, 60) * 16
    page, pages = chance.randrange(1, 40), chance.randrange(1, 9)
    if chance.random() < 0.3:
        maps -= {(pid, page + i) for i in range(pages)}
        if chance.random() < 0.4:
            return f"munmap: {page << 12:#x} {pages << 12:#x} /p main 0x1 {pid}\n"
        maps |= {(pid, page + i) for i in range(pages)}
        return f"mmap: {page << 12:#x} {(pages << 12) - 5:#x} /p main 0x1 {pid}\n"
    if chance.random() < 0.5:
        blocks.pop((pid, at), None)
        return f"free: {at:#x} /p main 0x1 {pid}\n"
    blocks[pid, at] = chance.randrange(1, 5000)
    return f"malloc: {at:#x} {blocks[pid, at]:#x} /p main 0x1 {pid}\n"


def test_a_log_of_anything(read, tmp_path):
    blocks, maps, chance = {}, set(), random.Random(1)
    (tmp_path / "log").write_text("".join(any_line(chance, blocks, maps) for _ in range(20000)))
    lines = [line.split() for line in read("active", "log").stdout.splitlines()]
    assert {(int(words[-1]), int(words[1], 16)): int(words[2], 16)
            for words in lines if words[0] == "malloc:"} == blocks
    pages = [(int(words[-1]), (int(words[1], 16) >> 12) + i) for words in lines
             if words[0] == "mmap:" for i in range(int(words[2], 16) >> 12)]
    assert len(pages) == len(set(pages)) and set(pages) == maps


def test_what_is_neither_recording_nor_log(read, tmp_path):
    (tmp_path / "it").write_text("root:x:0:0::/:/bin/sh\n")
    assert read("active", "it", status=125).stderr == (
        "alloctrace: cannot read it: is no recording, and no line of it is one of mtrace's; "
        "--record FILE and -o mtrace:FILE make them\n")
    assert "cannot read none: No such file or directory; " in \
           read("active", "none", status=125).stderr


# ---- pairs ---------------------------------------------------------------------------------

ROWS = [
    '"malloc";1;4096;10;1700000000000;"[{""f"":""a;b""}]"\n',
    '"calloc";2;8192;20;1700000000001;"[{""f"":""main""}]"\n',
    '"free";3;4096;0;1700000000002;"[]"\n',             # the first one's
    '"free";3;4096;0;1700000000003;"[]"\n',             # nobody's
    '"malloc";1;4096;30;1700000000004;"[]"\n',          # once more, and left
    '"realloc";1;12288;5;1700000000005;"[{\\"f\\":\\"x\\"}]"\n',
    '"freerealloc";1;12288;0;1700000000006;"[]"\n',
    'no row\n',
    '"malloc";1;16384;1;1700000000007;"[]"',            # cut off
]


def test_row_34_pairs_are_dropped_and_all_else_stays(read, tmp_path):
    (tmp_path / "in.csv").write_text("".join(ROWS))
    assert read("pairs", "in.csv", "-o", "out.csv").stdout == ""
    assert (tmp_path / "out.csv").read_text() == "".join(ROWS[i] for i in (1, 3, 4, 7, 8))
    assert read("pairs", "in.csv").stdout == (tmp_path / "out.csv").read_text()


def test_row_34_each_process_has_its_own_pairs(read, tmp_path):
    """A child's blocks may have the addresses of its parent's."""
    rows = [f'"{call}";{pid};4096;{size};1700000000000;"[{{""f"":""a;{pid}""}}]";{pid}\n'
            for call, pid, size in (("malloc", 10, 8), ("malloc", 11, 8), ("malloc", 12, 8),
                                    ("free", 11, 0), ("free", 10, 0), ("free", 13, 0))]
    (tmp_path / "in.csv").write_text("".join(rows))
    assert read("pairs", "in.csv").stdout == rows[2] + rows[5]


def test_row_34_of_a_stream(start_plainly, alloctrace, read, target, tmp_path):
    live = start_plainly(alloctrace, "--flush", "0.01", "--min-age", "0.001", "-o", f"csv-orphan:{tmp_path}/in.csv",
                         "-o", f"json:{tmp_path}/it.json", "--blocks", "--",
                         target("realloc_cases"))
    assert live.finish().status == 0
    read("pairs", "in.csv", "-o", "out.csv")
    before, after = (list(csv.reader((tmp_path / name).open(newline=""), delimiter=";"))
                     for name in ("in.csv", "out.csv"))
    left = []  # as a table of rows by address has it
    for row in before:
        known = [one for one in left if one[2] == row[2] and not one[0].startswith("free")]
        if row[0].startswith("free") and known:
            left.remove(known[-1])
        else:
            left.append(row)
    assert after == left and before


def test_pairs_of_what_has_no_rows(read, tmp_path):
    (tmp_path / "it").write_text("hello\n")
    assert read("pairs", "it", status=125).stderr == (
        "alloctrace: cannot read it: no row is one of csv-orphan; -o csv-orphan:FILE makes them\n")
    assert "cannot read none: No such file" in read("pairs", "none", status=125).stderr
    (tmp_path / "it").write_text("")
    assert read("pairs", "it").stdout == ""


# ---- diff ----------------------------------------------------------------------------------


def site(function, caller, blocks, size, allocs=None):
    return {"id": 1, "function": function, "live_blocks": blocks, "live_bytes": blocks * size,
            "allocs": allocs or blocks,
            "stack": [{"address": "0x1", "module": "/p", "function": caller, "offset": 4,
                       "file": "p.c", "line": 7, "inlined": False}]}


def snapshot(path, *sites, **others):
    path.write_text(json.dumps({
        "alloctrace": 1, "exe": "/p", "pid": 9, "time_ms": 5,
        "totals": {"live_blocks": sum(s["live_blocks"] for s in sites),
                   "live_bytes": sum(s["live_bytes"] for s in sites)},
        "sites": list(sites), **others}))


@pytest.fixture
def two(tmp_path):
    snapshot(tmp_path / "a.json", site("malloc", "stays", 3, 100), site("malloc", "grows", 1, 10),
             site("calloc", "shrinks", 9, 50), site("malloc", "ends", 2, 7))
    snapshot(tmp_path / "b.json", site("malloc", "begins", 5, 20), site("calloc", "shrinks", 4, 50),
             site("malloc", "grows", 21, 10), site("malloc", "stays", 3, 100))


def changes(read, *arguments):
    out = json.loads(read("diff", *arguments, "-o", "json:-").stdout)
    return [(each["stack"][0]["function"], each["bytes"], each["blocks"]) for each in out["sites"]]


def test_row_35_what_grew_comes_first(read, two):
    assert changes(read, "a.json", "b.json") == [
        ("grows", 200, 20), ("begins", 100, 5), ("ends", -14, -2), ("shrinks", -250, -5)]
    assert changes(read, "b.json", "a.json") == [
        ("shrinks", 250, 5), ("ends", 14, 2), ("begins", -100, -5), ("grows", -200, -20)]
    assert changes(read, "a.json", "a.json") == []


def test_row_35_filters(read, two):
    both = ("a.json", "b.json")
    assert changes(read, *both, "--match", "grow") == [("grows", 200, 20)]
    assert changes(read, *both, "--hide", "s*ks", "--hide", "grow") == \
        [("begins", 100, 5), ("ends", -14, -2)]
    assert changes(read, *both, "--top", "1") == [("grows", 200, 20)]
    text = read("diff", *both, "--top", "1").stdout.splitlines()
    assert text[0] == "alloctrace diff: +36 B in +18 blocks at 4 sites"
    assert text[1:3] == ["  from  p (pid 9) after 5 ms: 774 B in 15 blocks",
                         "  to    p (pid 9) after 5 ms: 810 B in 33 blocks"]
    assert text[4].strip() == "1. +200 B in +20 blocks, by malloc"
    assert text[-1] == "  and 3 sites more"


def test_row_35_recordings_and_their_moments(record, read, target, tmp_path):
    """Nothing is allocated for a while around the second of the reports."""
    report = record(target("swelling"), "pause", "+700", "+800", "later", "pause", "later", "+900",
                    "t50", "-", options=["--at", "pause_for_line=dump"])
    dump = json.loads((tmp_path / "it.2.json").read_text())
    by_trace = changes(read, "it.trace", "it.trace", "--at", dump["time_ms"] / 1000, "--at",
                       report["time_ms"] / 1000)
    assert sum(each[1] for each in by_trace) == \
        report["totals"]["live_bytes"] - dump["totals"]["live_bytes"]
    assert by_trace == changes(read, "it.2.json", "it.json")
    assert by_trace == changes(read, "it.2.json", "it.trace")
    assert by_trace == sorted(by_trace, key=lambda each: -each[1])


@pytest.mark.parametrize("content, why", [
    ('{"alloctrace": 2, "totals": {}, "sites": []}', "is of another version of alloctrace"),
    ('{"sites": []}', "is no report of alloctrace's"),
    ('{"alloctrace": 1, "totals": {}, "sites": [', "is no JSON"),
    ('{"a":' * 5000 + "1" + "}" * 5000, "is no JSON"),
    ('{"alloctrace": 1, "totals": {}, "sites": {}}', "is no report of alloctrace's"),
])
def test_what_cannot_be_compared(read, two, tmp_path, content, why):
    (tmp_path / "it.json").write_text(content)
    assert read("diff", "it.json", "b.json", status=125).stderr == (
        f"alloctrace: cannot read it.json: {why}; diff compares two recordings or JSON reports\n")


def test_diff_usage(read, two):
    assert "diff: wants two files" in read("diff", "a.json", status=2).stderr
    assert "diff writes text or json" in \
           read("diff", "a.json", "b.json", "-o", "folded:-", status=2).stderr
    assert "cannot read none: No such file" in read("diff", "none", "b.json", status=125).stderr


@pytest.mark.parametrize("command, writes", [
    (["diff", "a.json", "b.json"], "diff writes text or json"),
    (["active", "a.json"], "active writes lines of text, as -o out.txt"),
    (["pairs", "a.json"], "pairs writes rows of csv-orphan, as -o out.csv"),
])
@pytest.mark.parametrize("name", ["x.db", "x.sql", "x.jsonl", "sqlite:x", "mtrace:x"])
def test_an_output_that_makes_no_sense_is_refused(read, two, tmp_path, command, writes, name):
    done = read(*command, "-o", name, status=2)
    assert done.stdout == ""
    assert done.stderr == f"alloctrace: -o {name.split(':')[-1]}: {writes}; see alloctrace --help\n"
    assert not list(tmp_path.glob("x*"))


def test_a_recording_is_no_stream(read, two):
    assert read("report", "a.json", "-o", "x.jsonl", status=2).stderr == \
        "alloctrace: -o x.jsonl: report writes reports and databases; see alloctrace --help\n"
