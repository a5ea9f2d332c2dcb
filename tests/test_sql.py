"""A trace as a database: what SQLite and PostgreSQL answer, against the report of the same run
and against each other."""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from conftest import BUILD, HANG, Report, read_json
from sqling import QUERIES, TABLES, as_text, ask_sqlite, postgres_server

HOSTILE = b"o'neil \"\\N\\\n\t\r;,`$(id)--\\. \xff\xc3\xa9\xed\xa0\x80|%"


def clean(text):
    """As reports have bytes: each sequence that is not UTF-8 is one U+FFFD."""
    return text.decode("utf-8", "replace")


@pytest.fixture
def postgres():
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(start_plainly, alloctrace, tmp_path):
    """database(command..., options=[...]): the Run of a program whose trace is in trace.db and
    trace.sql of the folder, too."""
    def run(*command, options=(), stdin=subprocess.DEVNULL, **how):
        done = start_plainly(alloctrace, "-o", f"json:{tmp_path}/report.json",
                             "-o", f"sqlite:{tmp_path}/trace.db",
                             "-o", f"postgres:{tmp_path}/trace.sql", "--blocks", *options, "--",
                             *command, stdin=stdin, **how).finish()
        done.report = read_json(tmp_path / "report.json", Report)
        return done
    return run


@pytest.fixture
def ask(tmp_path):
    return lambda question: ask_sqlite(tmp_path / "trace.db", question)


@pytest.fixture
def answer(ask):
    """answer(question): of one value."""
    return lambda question: ask(question)[0][0]


def assert_sound(ask, tmp_path):
    assert ask("PRAGMA integrity_check") == [("ok",)]
    assert ask("PRAGMA foreign_key_check") == []
    assert ask("SELECT version, complete FROM trace") == [(1, 1)]
    assert not list(tmp_path.glob("trace.db-*")), "it is one file in the end"


# ---- against the report ----------------------------------------------------


def assert_totals_same(report, ask, process=1):
    totals = report["totals"]
    handed = ask("SELECT count(block), sum(size) FROM events WHERE block IS NOT NULL "
                 f"AND process = {process}")
    taken = ask("SELECT count(*), coalesce(sum(size), 0) FROM blocks WHERE free_event IS NOT NULL "
                f"AND process = {process}")
    live = ask("SELECT count(*), coalesce(sum(size), 0) FROM blocks WHERE freed_ns IS NULL "
               f"AND process = {process}")
    assert handed == [(totals["allocs"], totals["bytes_allocated"] or None)]
    assert taken == [(totals["frees"], totals["bytes_freed"])]
    assert live == [(totals["live_blocks"], totals["live_bytes"])]


def assert_functions_same(report, ask):
    rows = {name: rest for name, *rest in ask(
        "SELECT function, count(*), coalesce(sum(CASE WHEN block IS NOT NULL THEN size END), 0) "
        "FROM events WHERE kind IN ('alloc', 'free', 'realloc') GROUP BY function")}
    told = {name: [counts["calls"], counts.get("bytes", 0)]
            for name, counts in report.called_functions().items()}
    assert rows == told


def assert_sites_same(report, ask):
    told = {site["id"]: (site["function"], site["allocs"], site["frees"], site["live_blocks"],
                         site["live_bytes"]) for site in report["sites"]}
    rows = {number: tuple(rest) for number, *rest in ask(
        "SELECT s.number, s.function, count(*), count(b.freed_ns), "
        "sum(b.freed_ns IS NULL), sum(CASE WHEN b.freed_ns IS NULL THEN b.size ELSE 0 END) "
        "FROM blocks b JOIN sites s ON s.id = b.site GROUP BY s.number, s.function")}
    assert rows == told


def frame_of(frame):
    return (int(frame["address"], 16), frame["module"], frame["build_id"], frame["function"],
            frame["offset"], frame["file"], frame["line"], int(frame["inlined"]))


def assert_stacks_same(report, ask):
    for site in report["sites"]:
        rows = ask("SELECT address, module, build_id, f.function, function_offset, file, line, "
                   "inlined FROM frames f JOIN sites s ON s.id = f.site "
                   f"WHERE s.number = {site['id']} ORDER BY position")
        assert rows == [frame_of(frame) for frame in site["stack"]]


def assert_blocks_same(report, ask):
    told = {(int(block["address"], 16), block["size"], block["site"], block["tid"])
            for block in report["blocks"]}
    rows = ask("SELECT b.address, b.size, s.number, t.tid FROM blocks b "
               "JOIN sites s ON s.id = b.site JOIN threads t ON t.id = b.thread "
               "WHERE b.freed_ns IS NULL")
    assert len(rows) == len(told) and set(rows) == told


def assert_maps_same(report, ask):
    origins = {name: size for name, size in report["maps"]["by_origin"].items() if size}
    assert dict(ask("SELECT origin, sum(size) FROM maps GROUP BY origin")) == origins
    calls = dict(ask("SELECT call, count(*) FROM map_calls GROUP BY call"))
    assert calls == {name: counts["calls"] for name, counts in report["maps"].items()
                     if isinstance(counts, dict) and counts.get("calls")}


def assert_same(report, ask):
    assert_totals_same(report, ask)
    assert_functions_same(report, ask)
    assert_sites_same(report, ask)
    assert_stacks_same(report, ask)
    assert_blocks_same(report, ask)
    assert_maps_same(report, ask)
    assert ask("SELECT count(*) FROM threads") == [(report["threads"]["total"],)]


@pytest.mark.sanitized
@pytest.mark.parametrize("words", [
    ["family"], ["realloc_cases"], ["streamed", "mix"], ["streamed", "orphans"],
    ["streamed", "threads", "4", "500"], ["streamed", "maps"], ["operators"], ["inlined"],
], ids="-".join)
def test_all_sums_are_those_of_the_report(database, ask, target, tmp_path, words):
    run = database(target(words[0]), *words[1:])
    assert run.err == ""
    assert_sound(ask, tmp_path)
    assert_same(run.report, ask)


def test_a_large_program(database, ask, tmp_path):
    run = database("/usr/bin/python3", "-I", "-c", "import json, re, decimal, argparse")
    assert (run.status, run.err) == (0, "")
    assert_sound(ask, tmp_path)
    assert_same(run.report, ask)
    assert len(run.report["sites"]) > 100


def test_what_was_freed_by_whom_and_when(database, ask, target):
    database(target("streamed"), "threads", "1", "10")
    rows = ask("SELECT b.size, b.thread <> b.free_thread, f.kind, f.freed = b.id, "
               "f.time_ns = b.freed_ns, a.time_ns = b.allocated_ns, a.block = b.id, "
               "b.lifetime_ns = b.freed_ns - b.allocated_ns, f.freed_size = b.size, "
               "f.freed_address = b.address, a.address = b.address "
               "FROM blocks b JOIN events a ON a.id = b.alloc_event "
               "JOIN events f ON f.id = b.free_event WHERE b.size IN (64, 17)")
    assert sorted(rows) == [(17, 0, "free") + (1,) * 8, (64, 1, "free") + (1,) * 8]


def test_what_was_not_there_to_be_freed(database, ask, target):
    run = database(target("streamed"), "orphans")
    rows = ask("SELECT state, count(*) FROM events WHERE kind = 'free' GROUP BY state")
    assert dict(rows) == {"live": 2, "double": 1, "unknown": 1}
    assert (run.report["ledger"]["double_frees"], run.report["ledger"]["unknown_frees"]) == (1, 1)


def test_marks_are_where_they_were_set(database, ask, target):
    database(target("streamed"), "orphans", options=["--at", "free_unknown=mark:there",
                                                     "--at", "free_twice=stat"])
    rows = ask("SELECT m.action, m.name, (SELECT sum(size) FROM events b WHERE b.id < e.id "
               "AND b.block IS NOT NULL) FROM marks m JOIN events e ON e.id = m.event")
    assert [row[:2] for row in rows] == [("mark", "there"), ("stat", "")]
    assert rows[1][2] - rows[0][2] == 24


# ---- processes -------------------------------------------------------------


def test_children_are_in_the_same_database(database, ask, target, tmp_path, postgres):
    run = database(target("streamed"), "forks", options=["-f"])
    assert_sound(ask, tmp_path)
    (child, pid), = ask("SELECT id, pid FROM processes WHERE how = 'fork'")
    assert ask("SELECT parent, ending, status FROM processes ORDER BY id") == \
           [(None, "exit", 3), (1, "exit", 5)]
    assert_totals_same(run.report, ask)
    assert_totals_same(read_json(tmp_path / f"report.{pid}.json"), ask, child)
    inherited = ask("SELECT b.size, b.free_event IS NOT NULL, a.size, a.process FROM blocks b "
                    "JOIN blocks a ON a.id = b.inherited ORDER BY b.size")
    assert inherited == [(70, 1, 70, 1)]
    postgres.load(tmp_path / "trace.sql")
    for name in TABLES:
        assert postgres.ask(f"SELECT count(*) FROM {name}") == \
               as_text(ask(f"SELECT count(*) FROM {name}"))


def test_a_program_that_becomes_another(database, ask, target, tmp_path):
    run = database("/usr/bin/env", target("streamed"), "mix")
    assert_sound(ask, tmp_path)
    assert ask("SELECT how, parent, ending, status FROM processes ORDER BY id") == \
           [("exec", None, "exec", None), ("exec", 1, "exit", 3)]
    assert ask("SELECT value FROM arguments WHERE process = 2 ORDER BY position") == \
           [(target("streamed"),), ("mix",)]
    assert_totals_same(run.report, ask, 2)


def test_a_process_that_is_attached_to(attach, start_plainly, target, tmp_path, ask):
    live = start_plainly(target("streamed"), "idle")
    pid = live.await_ready()
    attached = attach(pid, "-o", f"sqlite:{tmp_path}/trace.db")
    attached.dump()
    live.say("")
    live.await_ready()
    run = attached.detach()
    assert (run.status, run.err) == (0, "")
    assert_sound(ask, tmp_path)
    assert ask("SELECT pid, how, ending FROM processes") == [(pid, "attach", "detach")]
    assert ask("SELECT size, freed_ns FROM blocks") == [(222, None)]
    assert_totals_same(run.report, ask)
    live.say("")
    live.await_ready()
    assert live.finish("\n").status == 3


# ---- questions -------------------------------------------------------------


def assert_answers_same(postgres, ask):
    """Of all that tests/sql asks."""
    answered = {}
    for name, question in QUERIES.items():
        answered[name] = ask(question)
        assert postgres.ask(question) == as_text(answered[name]), name
    return answered


def assert_true(answers, report):
    totals = report["totals"]
    live = sorted((site for site in report["sites"] if site["live_bytes"]),
                  key=lambda site: -site["live_bytes"])
    assert [row[4] for row in answers["top_sites"]] == \
           [site["live_bytes"] for site in live][:20]
    assert answers["peak"][0][1] == totals["peak_live_bytes"]
    assert sum(row[5] for row in answers["peak"]) == totals["peak_live_bytes"]
    assert sum(row[3] for row in answers["threads"]) == totals["allocs"]
    assert sum(row[4] for row in answers["threads"]) == totals["bytes_allocated"]
    assert sum(row[1] for row in answers["sizes"]) == totals["allocs"]
    assert sum(row[3] for row in answers["sizes"]) == totals["live_blocks"]
    assert sum(row[2] for row in answers["lifetimes"]) == totals["frees"]
    assert {row[1]: row[3] for row in answers["maps"]} == \
           {name: size for name, size in report["maps"]["by_origin"].items() if size}


def test_a_hundred_thousand_events_in_postgres(database, ask, target, tmp_path, postgres):
    run = database(target("streamed"), "threads", "4", "12500")
    assert (run.status, run.err) == (3, "")
    assert_sound(ask, tmp_path)
    assert ask("SELECT count(*) >= 100000 FROM events") == [(1,)]
    postgres.load(tmp_path / "trace.sql")
    answers = assert_answers_same(postgres, ask)
    assert_true(answers, run.report)
    assert len(answers) >= 10
    assert [row[2:] for row in answers["other_threads"]][0][1:] == ("do_malloc", 1, 64)
    assert sum(row[2] for row in answers["temporary"] if row[1] == "do_malloc") == 50000
    for name in TABLES:
        question = f"SELECT * FROM {name} ORDER BY 1, 2"
        assert postgres.ask(question) == as_text(ask(question)), name


def test_bad_frees_in_postgres(database, ask, target, tmp_path, postgres):
    database(target("streamed"), "orphans")
    postgres.load(tmp_path / "trace.sql")
    answers = assert_answers_same(postgres, ask)
    assert Counter(row[0] for row in answers["bad_frees"]) == {"double": 1, "unknown": 1}


def test_ten_million_events_in_postgres(database, ask, tmp_path, postgres, cycles, tell):
    pairs = cycles(0, 5000000)
    if not pairs:
        pytest.skip("ten million events are for make soak")
    run = database(str(BUILD / "bench" / "churn"), "-n", str(pairs))
    assert (run.status, run.err) == (0, "")
    assert run.report["ledger"]["stalls"] <= run.report["cost"]["stops"] * 0.02
    assert ask("SELECT count(*) FROM events")[0][0] >= 2 * pairs
    postgres.load(tmp_path / "trace.sql")
    assert_true(assert_answers_same(postgres, ask), run.report)
    tell(f"{2 * pairs} events in SQLite and PostgreSQL: {run.report['cost']['stops']} stops, "
         f"{run.report['ledger']['stalls']} stalls, {(tmp_path / 'trace.db').stat().st_size} and "
         f"{(tmp_path / 'trace.sql').stat().st_size} bytes")
    for path in tmp_path.glob("trace.*"):
        path.unlink()


def test_the_program_is_not_held_for_it(database):
    run = database(str(BUILD / "bench" / "churn"), "-n", "100000")
    assert run.status == 0
    assert run.report["ledger"]["stalls"] <= run.report["cost"]["stops"] * 0.02


# ---- names -----------------------------------------------------------------


def test_hostile_names(start_plainly, alloctrace, target, tmp_path, postgres):
    folder = os.fsencode(tmp_path) + b"/" + HOSTILE
    os.mkdir(folder)
    program = shutil.copy(os.fsencode(target("streamed")), folder + b"/" + HOSTILE)
    done = start_plainly(
        os.fsencode(alloctrace), b"-o", b"json:report.json", b"-o", b"sqlite:" + HOSTILE + b".db",
        b"-o", b"postgres:" + HOSTILE + b".sql", b"--at", b"do_calloc=mark:" + HOSTILE, b"--",
        program, b"mix", HOSTILE, b"", cwd=folder).finish()
    assert (done.status, done.err) == (3, "")
    report = read_json(os.fsdecode(folder + b"/report.json"))
    shutil.copy(folder + b"/" + HOSTILE + b".db", tmp_path / "trace.db")
    shutil.copy(folder + b"/" + HOSTILE + b".sql", tmp_path / "trace.sql")
    postgres.load(tmp_path / "trace.sql")

    def both(question):
        rows = ask_sqlite(tmp_path / "trace.db", question)
        assert postgres.ask(question) == as_text(rows)
        return rows

    assert both("SELECT exe FROM processes") == [(clean(program),)] == [(report["exe"],)]
    assert both("SELECT value FROM arguments ORDER BY position") == \
           [(clean(program),), ("mix",), (clean(HOSTILE),), ("",)]
    assert both("SELECT name FROM marks") == [(clean(HOSTILE),)]
    kernels = clean(program.replace(b"\n", b"\\012"))  # as it lists what is mapped
    assert both("SELECT DISTINCT module FROM frames WHERE function = 'do_malloc'") == [(kernels,)]
    assert both("SELECT DISTINCT file FROM maps WHERE file LIKE '%neil%'") == [(kernels,)]
    modules = {frame["module"] for site in report["sites"] for frame in site["stack"]}
    assert kernels in modules


# ---- other programs --------------------------------------------------------


def test_sqlites_own_shell_reads_it(database, installed, target, tmp_path):
    database(target("streamed"), "mix")
    shell = installed("sqlite3")
    for question in QUERIES.values():
        done = subprocess.run([shell, "-readonly", tmp_path / "trace.db"], input=question,
                              text=True, capture_output=True, timeout=HANG, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_readme_names_every_question(request):
    readme = (Path(request.config.rootpath) / "README.md").read_text(encoding="utf-8")
    for name in QUERIES:
        assert f"`{name}`" in readme, name


def test_a_program_that_a_child_runs_in_its_parents_memory(database, ask, target, tmp_path):
    database(target("children"), "vfork-exec", "1", options=["-f"])
    assert_sound(ask, tmp_path)
    assert ask("SELECT how, parent FROM processes ORDER BY id") == [("exec", None), ("exec", 1)]
