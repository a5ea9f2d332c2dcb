"""What is done where a program comes to a place: --at, and the probes of alloctrace/client.h."""

import json
import re
import struct
import subprocess

import pytest

from conftest import REPO

pytestmark = pytest.mark.sanitized

def functions_of(site):
    return [frame["function"] for frame in site["stack"]]


def dumps_of(folder, name="report"):
    found = sorted(folder.glob(f"{name}.*.json"), key=lambda path: int(path.suffixes[0][1:]))
    return [json.loads(path.read_text()) for path in found]


def of_work(report):
    """The sizes that live from work(), in order."""
    return sorted(site["live_bytes"] for site in report["sites"] if "work" in functions_of(site))


@pytest.fixture
def points(trace, target, tmp_path):
    """points(specs...): (the run of `marked` with these --at, its dumps)."""
    def run(*specs, options=(), arguments=()):
        at = [word for spec in specs for word in ("--at", spec)]
        done = trace(target("marked"), *arguments, options=[*at, *options])
        return done, dumps_of(tmp_path)
    return run


# ---- places ------------------------------------------------------------------------------


def test_row_41_a_report_at_each_call_of_a_function(points):
    """Without those of the call that is about to be: nothing of what follows is in it. The last
    but one is the program's own."""
    run, dumps = points("work=dump")
    assert (run.status, run.err) == (0, "")
    assert [of_work(dump) for dump in dumps] == [
        [], [100], [100, 101], [100, 101, 103], [100, 101, 102, 103], [100, 101, 102, 103]]


def line_of(source, text):
    with open(source, encoding="utf-8") as lines:
        return next(i for i, line in enumerate(lines, 1) if text in line)


def line_in_marked(text):
    return line_of(REPO / "tests/targets/marked.c", text)


def test_a_line_of_the_source(points):
    line = line_in_marked("alloctrace_reset();")
    _, dumps = points(f"marked.c:{line}=dump")
    assert of_work(dumps[-1]) == [100, 101, 102, 103, 104]


def place_of(program, name):
    listed = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) for line in listed.splitlines()
                if line.split()[2:] == [name])


def test_a_place_in_a_module(points, target):
    place = place_of(target("marked"), "work")
    _, dumps = points(f"marked+{place:#x}=dump", "marked!main=dump")
    assert [of_work(dump) for dump in dumps[:3]] == [[], [], [100]]


def stats_in(text):
    """(allocated, freed, in use) of each, as count and bytes."""
    found = re.findall(r"^(?:allocated|freed|in use): (\d+) : (\d+) ", text, re.M)
    each = [tuple(map(int, pair)) for pair in found]
    return [each[i:i + 3] for i in range(0, len(each), 3)]


def test_row_41_statistics_and_resets(points):
    """One on each side of the program's own reset, and one in front of its end."""
    reset, free = line_in_marked("alloctrace_reset();"), line_in_marked("i < BLOCKS")
    end = line_in_marked("return 0;")
    run, _ = points(f"marked.c:{reset}=stat", f"marked.c:{free}=stat", f"marked.c:{end}=stat")
    before, after, last = stats_in(run.err)
    totals = run.report["totals"]
    assert before[0] == (totals["allocs"], totals["bytes_allocated"])
    assert after == [(0, 0), (0, 0), (0, 0)]
    assert last == after  # what is freed now was allocated before


def test_row_41_a_stream_for_a_part_of_the_program(points, tmp_path):
    reset = line_in_marked("alloctrace_reset();")
    stream = tmp_path / "stream.jsonl"
    points("main=log:off", f"marked.c:{reset}=log:on", options=["-o", f"jsonl:{stream}"])
    events = [json.loads(line) for line in stream.read_text().splitlines()]
    heap = [event for event in events if event["event"] in ("alloc", "free")]
    assert [(event["event"], event["size"]) for event in heap[-3:]] == [
        ("free", 100), ("free", 101), ("free", 102)]
    assert not [event for event in heap if event["event"] == "alloc" and event["size"] == 104]


@pytest.mark.parametrize("name", ["put", "get"])
def test_memory_is_protected_as_ever(trace, run_plainly, target, name):
    """The instruction at the place is the program's own to do."""
    plain = run_plainly(target("guarded"))
    assert plain.out == "got 1\nfaults 5\n"
    run = trace(target("guarded"), options=["--at", f"{name}=log:on"])
    assert (run.status, run.err, run.out) == (0, "", plain.out)


def test_a_second_action_is_not_done_more_often_than_the_first(trace, target):
    """One trap is in front of the function, and no further one may be in its loop."""
    run = trace(target("looping"), options=["--at", "ten_times=mark:one",
                                            "--at", "ten_times=stat"])
    assert run.err == ("alloctrace: --at ten_times=stat: no instruction there can be trapped\n")
    assert run.out == "left 0\n"


WRONG = {
    "nowhere=dump": "no function of that name is in the program",
    "marked.c:99999=dump": "no such line is known in the program: it has no debug information of "
                           "that file",
    "nothing.c:3=dump": "no such line is known in the program: it has no debug information of "
                        "that file",
    "0x1000=dump": "no code of the program is there",
    "malloc=dump": "alloctrace has traps of its own in it",
}


@pytest.mark.parametrize("spec", WRONG)
def test_a_place_that_is_not_met_is_said(points, spec):
    run, dumps = points(spec)
    assert (run.status, run.err) == (0, f"alloctrace: --at {spec}: {WRONG[spec]}\n")
    assert len(dumps) == 1  # the program's own
    run.report.assert_consistent()


def test_the_middle_of_an_instruction(points, target):
    program = target("marked")
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program],
                             capture_output=True, text=True, check=True).stdout
    main = listing[listing.index("<main>:"):]
    places = [int(place, 16) for place in re.findall(r"^ *([0-9a-f]+):", main, re.M)]
    begin = next(a for a, b in zip(places, places[1:]) if b - a > 2)
    spec = f"marked+{begin + 1:#x}=dump"
    run, _ = points(spec)
    assert run.err == f"alloctrace: --at {spec}: no instruction begins there\n"


@pytest.mark.parametrize("spec", ["main", "main=", "main=nonsense", "=dump", "main=mark:",
                                  "!f=dump", "main=log:maybe"])
def test_nonsense_is_a_usage_error(run_plainly, alloctrace, spec):
    run = run_plainly(alloctrace, "--at", spec, "--", "/bin/true")
    assert run.status == 2
    assert re.fullmatch(rf"alloctrace: --at {re.escape(spec)}: .*\n", run.err)


def test_attached(attach, start_plainly, target, tmp_path):
    live = start_plainly(target("marked"), "wait")
    attached = attach(live.await_ready(), "--at", "work=dump")
    attached.dump()
    live.finish("go\n")
    assert attached.finish().status == 0
    assert [of_work(dump) for dump in dumps_of(tmp_path, "attached")[1:]] == [
        [], [100], [100, 101], [100, 101, 103], [100, 101, 102, 103], [100, 101, 102, 103]]


def test_attached_to_what_has_no_such_place(attach, start_plainly, target):
    live = start_plainly(target("marked"), "wait")
    attached = attach(live.await_ready(), "--at", "nowhere=dump")
    run = attached.finish()
    assert (run.status, run.err) == (
        125, "alloctrace: --at nowhere=dump: no function of that name is in the program\n")
    assert live.finish("go\n").status == 0


# ---- probes in the program -----------------------------------------------------------------


def test_without_alloctrace_nothing_happens(run_plainly, target):
    run = run_plainly(target("marked"), "stats")
    assert (run.status, run.out) == (0, "stats -1 -1 -1 -1 42\n" * 3)


def test_a_report_that_the_program_asks_for(points):
    _, dumps = points()
    assert [of_work(dump) for dump in dumps] == [[100, 101, 102, 103]]


def test_a_tag_is_the_end_of_its_threads_stacks(points):
    run, _ = points()
    tagged = {site["stack"][-1]["function"]: site["allocs"] for site in run.report["sites"]
              if functions_of(site)[-1].startswith("[") and "work" in functions_of(site)}
    assert tagged == {"[node, ast]": 1, "[leaf]": 1}
    untagged = [site for site in run.report["sites"]
                if "work" in functions_of(site) and not functions_of(site)[-1].startswith("[")]
    assert sum(site["allocs"] for site in untagged) == 3
    run.report.assert_consistent()


def test_statistics_only_where_they_are_allowed(points):
    run, _ = points(arguments=["stats"])
    assert run.out == "stats -1 -1 -1 -1 42\n" * 3
    run, _ = points(arguments=["stats"], options=["--client-stats"])
    totals = run.report["totals"]
    allocs, frees = totals["allocs"], totals["frees"] - 3
    live = totals["bytes_allocated"] - (totals["bytes_freed"] - 303)
    whole = f"stats {allocs} {frees} {allocs - frees} {live} 42\n"
    assert run.out == whole + f"stats {allocs} {frees} -1 -1 42\n" + whole


def test_probes_are_listed_as_such(target):
    notes = subprocess.run(["readelf", "-n", target("marked")], capture_output=True, text=True,
                           check=True).stdout
    names = re.findall(r"Provider: alloctrace\n\s*Name: (\w+)", notes)
    assert set(names) == {"mark", "reset", "phase", "tag", "dump", "stats"}


@pytest.mark.parametrize("compiler", ["gcc -std=c11", "g++ -x c++ -std=c++11"])
def test_the_header_is_plain_iso(compiler, tmp_path):
    (tmp_path / "client.c").write_text("""#include <alloctrace/client.h>
int main(void) { alloctrace_reset(); alloctrace_tag("a", "b"); return 0; }
""")
    subprocess.run([*compiler.split(), "-pedantic", "-Wall", "-Wextra", "-Werror",
                    f"-I{REPO}/include", "-c", "client.c", "-o", "client.o"], cwd=tmp_path,
                   check=True)


def test_intels_assembler(trace, tmp_path):
    """Writes registers in another way."""
    subprocess.run(["gcc", "-O2", "-masm=intel", "-pthread", f"-I{REPO}/include",
                    REPO / "tests/targets/marked.c", "-o", tmp_path / "intel"], check=True)
    run = trace(tmp_path / "intel")
    assert run.report["ledger"]["notes"] == []
    assert {"[node, ast]", "[leaf]"} <= {site["stack"][-1]["function"]
                                         for site in run.report["sites"]}


def test_more_tags_than_are_kept(trace, target):
    """Those that have a name keep it."""
    run = trace(target("tagging"), "1500")
    held = {}
    for site in run.report["sites"]:
        tag = site["stack"][-1]["function"]
        held[tag] = held.get(tag, 0) + site["live_bytes"]
    assert held["[first]"] == 11 + 13
    assert held["[tag 0]"] == 12
    assert held["(other tags)"] == (1500 - 998) * 12
    run.report.assert_consistent()


def test_phases_without_end(trace, target):
    """They are told of once."""
    run = trace(target("tagging"), "100", "phases")
    assert run.err == 'alloctrace: no more than 64 marks: "phase 64" is not kept\n'


def test_a_place_that_only_a_child_has(trace, target, tmp_path):
    run = trace("/bin/sh", "-c", f"{target('marked')}; true", options=["-f", "--at", "work=dump"])
    assert (run.status, run.err) == (0, "")


# ---- notes that are wrong ------------------------------------------------------------------

HEAD, NAME = struct.Struct("<III"), 8  # name's and description's bytes, type; "stapsdt"
NOP_AT = HEAD.size + NAME


def changed_notes(notes, change):
    """The section's bytes, with change(whole note as bytearray) done to each."""
    out, at = b"", 0
    while at < len(notes):
        end = at + NOP_AT + -HEAD.unpack_from(notes, at)[1] // 4 * -4
        note = bytearray(notes[at:end])
        change(note)
        out, at = out + note, end
    return out


def word(at, kind, value):
    """A change: the word there is, or is that much more."""
    def change(note):
        old, = struct.unpack_from(kind, note, at)
        struct.pack_into(kind, note, at, value(old) if callable(value) else value)
    return change


def without_zeros(note):
    note[NOP_AT + 24:] = b"A" * len(note[NOP_AT + 24:])


NO_NOP = "no nop stands there"
BAD_NOTES = {  # how: (change, what is said of each)
    "a byte further": (word(NOP_AT, "<Q", lambda at: at + 1), NO_NOP),
    "two bytes further": (word(NOP_AT, "<Q", lambda at: at + 2), NO_NOP),
    "three bytes further": (word(NOP_AT, "<Q", lambda at: at + 3), NO_NOP),
    "outside": (word(NOP_AT, "<Q", 2**64 - 256), NO_NOP),
    "nowhere": (word(NOP_AT, "<Q", 0), NO_NOP),
    "no zero bytes": (without_zeros, None),
    "a name without end": (word(0, "<I", 2**32 - 1), None),
    "a description without end": (word(4, "<I", 2**32 - 16), None),
    "no description": (word(4, "<I", 0), None),
    "another type": (word(8, "<I", 4), None),
}


def with_notes(program, made, change):
    notes = made.with_suffix(".notes")
    subprocess.run(["objcopy", "--dump-section", f".note.stapsdt={notes}", program, made],
                   check=True)
    notes.write_bytes(change(notes.read_bytes()))
    subprocess.run(["objcopy", "--update-section", f".note.stapsdt={notes}", program, made],
                   check=True)
    return made


@pytest.mark.parametrize("how", BAD_NOTES)
def test_notes_that_are_wrong_do_the_program_no_harm(trace, target, tmp_path, how):
    change, said = BAD_NOTES[how]
    program = with_notes(target("marked"), tmp_path / "wrong",
                         lambda notes: changed_notes(notes, change))
    run = trace(program)
    assert (run.status, run.err, dumps_of(tmp_path)) == (0, "", [])
    probes = {note.split(": ")[-1] for note in run.report["ledger"]["notes"] if "probe" in note}
    assert probes == ({said} if said else set())
    run.report.assert_consistent()


def test_no_more_is_said_of_wrong_notes_than_can_be_read(trace, target, tmp_path):
    program = with_notes(target("marked"), tmp_path / "wrong",
                         lambda notes: 1000 * changed_notes(notes, word(NOP_AT, "<Q", 0)))
    notes = [note for note in trace(program).report["ledger"]["notes"] if "probe" in note]
    assert len(notes) <= 16
    assert notes[-1] == f"further probes in {program} are not looked at"


# ---- in the stream -----------------------------------------------------------------------------


def test_row_51_points_and_threads_are_events(points, tmp_path, target):
    stream = tmp_path / "stream.jsonl"
    run, _ = points(options=["-o", f"jsonl:{stream}"])
    events = [json.loads(line) for line in stream.read_text().splitlines()]
    told = [(event["action"], event.get("name"), event.get("detail")) for event in events
            if event["event"] == "point"]
    assert told == [("phase", "work", None), ("mark", "begin", None), ("tag", "node", "ast"),
                    ("tag", "leaf", None), ("dump", None, None), ("tag", None, None),
                    ("reset", None, None)]
    begin, = [event for event in events if event["event"] == "thread-begin"]
    assert (begin["creator"], begin["start_function"], begin["arg"]) == (
        run.report["pid"], "work_untagged", None)
    end, exit_ = [event for event in events if event["event"] == "thread-end"]
    assert (end["tid"], exit_["tid"]) == (begin["tid"], run.report["pid"])


MANY = """
#define ONE(n) __attribute__((noipa)) int f##n(int i) { return spread(i); }
#define TEN(n) ONE(n##0) ONE(n##1) ONE(n##2) ONE(n##3) ONE(n##4) \\
	ONE(n##5) ONE(n##6) ONE(n##7) ONE(n##8) ONE(n##9)
static inline __attribute__((always_inline)) int spread(int i)
{
	return i * 3; /* here */
}
TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7)
int main(void) { return f10(0); }
"""

CHOSEN = """
static int one(void) { return 0; }
static int (*choose(void))(void) { return one; }
int chosen(void) __attribute__((ifunc("choose")));
int main(void) { return chosen(); }
"""


@pytest.fixture
def program(tmp_path):
    def build(text):
        (tmp_path / "it.c").write_text(text)
        subprocess.run(["gcc", "-g", "-O1", "-Wno-unused-function", "-o", tmp_path / "it",
                        tmp_path / "it.c"], check=True)
        return tmp_path / "it"
    return build


def test_a_line_that_is_in_too_many_places(trace, program, tmp_path):
    made = program(MANY)
    line = line_of(tmp_path / "it.c", "/* here */")
    run = trace(made, options=["--at", f"it.c:{line}=mark:x"])
    assert [note for note in run.report["ledger"]["notes"] if "--at" in note] == [
        f"--at it.c:{line}=mark:x: only 64 of its places are watched: an address names any other"]


def test_a_name_of_what_is_chosen_at_the_begin(trace, program):
    run = trace(program(CHOSEN), options=["--at", "chosen=dump"])
    assert run.err == ("alloctrace: --at chosen=dump: several functions have that name, of which "
                       "the program chooses one when it begins (IFUNC): give that one's own name, "
                       "or an address\n")
    assert trace(program(CHOSEN), options=["--at", "one=mark:x"]).err == ""
