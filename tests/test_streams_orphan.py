"""csv-orphan: what is old and not freed, and what is freed and nobody's; read by Python's csv and
json."""

import csv
import io
import json
import time
from pathlib import Path

import pytest

from streaming import odd_program, told_by  # noqa: F401: a fixture

pytestmark = pytest.mark.sanitized

COLUMNS = ("function", "tid", "address", "size", "ms", "stack")


def rows_of(text):
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    assert {len(row) for row in rows} <= {len(COLUMNS)}
    found = [dict(zip(COLUMNS, row)) for row in rows]
    for row in found:
        row["stack"] = json.loads(row["stack"])
        row["address"], row["size"], row["tid"] = (int(row[key]) for key in
                                                   ("address", "size", "tid"))
    return found


def functions(row):
    return [frame["f"] for frame in row["stack"]]


@pytest.fixture
def idle(start_plainly, alloctrace, target, tmp_path):
    """idle(options): `streamed idle` under csv-orphan, at its first "ready"; and the file."""
    def start(*options):
        path = tmp_path / "orphans.csv"
        live = start_plainly(alloctrace, "-o", f"csv-orphan:{path}", *options, "--",
                             target("streamed"), "idle")
        live.await_ready()
        return live, path
    return start


def test_row_31_only_the_old_are_told(idle, until):
    live, path = idle("--min-age", "1", "--flush", "0.1")
    until(lambda: path.read_text(), "the old block")
    live.say("")
    live.await_ready()
    live.kill(15)  # at once: the young one has not become old
    run = live.finish()
    assert [row["size"] for row in rows_of(path.read_text())] == [111], run.err


def test_rows_31_33_what_becomes_old_is_told_though_the_program_idles(idle, until):
    live, path = idle("--min-age", "0.2", "--flush", "0.1")
    rows = until(lambda: rows_of(path.read_text()), "the first")
    assert [(row["function"], row["size"]) for row in rows] == [("malloc", 111)]
    assert functions(rows[0])[:2] == ["do_malloc", "take_old"]
    live.say("")
    rows = until(lambda: len(rows_of(path.read_text())) == 2 and rows_of(path.read_text()),
                 "the second")
    assert functions(rows[1])[:2] == ["do_malloc", "take_young"]
    live.kill(15)
    live.finish()
    assert len(rows_of(path.read_text())) == 2  # each of them once


def test_row_34_a_block_that_was_told_and_is_freed_is_told_again(idle, until):
    live, path = idle("--min-age", "0.1", "--flush", "0.1")
    until(lambda: rows_of(path.read_text()), "the first")
    live.say("")
    until(lambda: len(rows_of(path.read_text())) == 2, "the second")
    live.say("")
    free = until(lambda: len(rows_of(path.read_text())) == 3 and rows_of(path.read_text())[2],
                 "the free")
    assert (free["function"], free["address"], free["size"]) == \
           ("free", rows_of(path.read_text())[0]["address"], 0)
    live.kill(15)
    live.finish()


def test_rows_31_33_what_is_left_is_told_at_the_end(idle, until):
    live, path = idle("--min-age", "0.001", "--flush", "1000")
    live.say("")
    live.await_ready()
    young = time.monotonic()
    until(lambda: time.monotonic() > young + 0.005, "it to become old")
    assert path.read_text() == ""
    live.say("")
    live.await_ready()
    run = live.finish("\n")
    calls = told_by(run.out)
    assert [(row["function"], row["address"], row["size"], row["tid"])
            for row in rows_of(path.read_text())] == \
           [("malloc", call.address, call.size, call.tid) for call in calls if call.size == 222]


@pytest.fixture
def orphans(start_plainly, alloctrace, target, tmp_path):
    def run(*options, program=None, arguments=("orphans",)):
        path = tmp_path / "orphans.csv"
        path.unlink(missing_ok=True)
        done = start_plainly(alloctrace, "-o", f"csv-orphan:{path}", *options, "--",
                             program or target("streamed"), *arguments).finish()
        return done, path.read_text()
    return run


def test_rows_32_81_frees_of_what_is_nobodys_with_their_stack(orphans):
    run, text = orphans("--min-age", "100")
    unknown, double = rows_of(text)
    calls = told_by(run.out)
    assert (unknown["function"], unknown["address"]) == ("free", calls[1].address)
    assert functions(unknown)[:3] == ["do_free", "free_unknown", "orphans"]
    assert (double["function"], double["address"]) == ("doublefree", calls[2].address)
    assert functions(double)[:3] == ["do_free", "free_twice", "orphans"]
    frame = unknown["stack"][0]
    source = Path(__file__).parent / "targets" / "streamed.c"
    assert frame["s"].endswith("targets/streamed.c")
    assert "free(at)" in "".join(source.read_text().splitlines()[frame["l"] - 2:frame["l"]])


def test_row_20_the_time_is_of_the_call(orphans):
    before = time.time_ns() // 1000000
    _, text = orphans("--min-age", "100")
    times = [int(row["ms"]) for row in rows_of(text)]
    assert before <= times[0] <= times[1] <= time.time_ns() // 1000000


def test_row_32_as_the_earlier_tool_had_it(orphans):
    _, text = orphans("--min-age", "100", "--compat")
    lines = text.splitlines()
    assert [line.split(";")[0] for line in lines] == ['"free"', '"free"']
    stack = lines[0].split(";", 5)[5]
    assert stack.startswith('"[{\\"f\\":\\"do_free\\" , \\"s\\":\\"') and stack.endswith('}]"')
    assert isinstance(json.loads(stack[1:-1].replace('\\"', '"')), list)


def test_row_81_names_with_separators_quotes_and_odd_bytes_are_valid(orphans, odd_program):
    _, text = orphans("--min-age", "0.001", program=odd_program.path, arguments=())
    row, = [row for row in rows_of(text) if row["size"] == 77]
    assert row["stack"][0] == {"f": odd_program.function, "s": odd_program.file, "l": 3}


def test_what_is_old_when_another_program_begins_is_told(start_plainly, alloctrace, target, tmp_path,
                                                         until):
    path = tmp_path / "orphans.csv"
    live = start_plainly(alloctrace, "-o", f"csv-orphan:{path}", "--min-age", "0.05", "--flush",
                         "3600", "--", "/bin/sh", "-c",
                         'echo ready $$; read line; exec "$0" idle', target("streamed"))
    pid = live.await_ready()
    time.sleep(0.1)  # all that the shell has is old then
    live.say("go")
    live.await_ready()
    rows = rows_of(until(path.read_text, "what the shell had"))
    assert {row["tid"] for row in rows} == {pid}
    live.kill(15)
    live.finish()
