"""Databases as files: where they may be, what happens when they can't be written, and what others
see of them meanwhile."""

import os
import re
import resource
import signal
import sqlite3
import subprocess

import pytest

from conftest import HANG, Report, read_json
from sqling import TABLES, ask_sqlite


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "a'b\"c.db", "trace"])
def test_a_path_is_a_path(start_plainly, alloctrace, target, tmp_path, name):
    run = start_plainly(alloctrace, "-o", f"sqlite:{name}", "--", target("streamed"),
                        "mix").finish()
    assert (run.status, run.err) == (3, "")
    assert (tmp_path / name).read_bytes()[:15] == b"SQLite format 3"


def test_the_ending_of_a_path_tells_the_format(start_plainly, alloctrace, target, tmp_path):
    run = start_plainly(alloctrace, "-o", "a.db", "-o", "a.sql", "--", target("streamed"),
                        "mix").finish()
    assert (run.status, run.err) == (3, "")
    assert ask_sqlite(tmp_path / "a.db", "SELECT count(*) FROM blocks")[0][0] == 15
    assert (tmp_path / "a.sql").read_text().startswith("-- a trace by alloctrace, version 1")


# ---- while it runs ---------------------------------------------------------


def test_it_can_be_read_while_it_is_written(start_plainly, alloctrace, target, tmp_path, until):
    path = tmp_path / "trace.db"
    live = start_plainly(alloctrace, "-o", f"sqlite:{path}", "--", target("streamed"), "idle")
    live.await_ready()
    reader = sqlite3.connect(path)
    until(lambda: ask_or_none(reader, "SELECT size FROM events WHERE block IS NOT NULL"), "a row")
    assert reader.execute("SELECT complete FROM trace").fetchall() == [(0,)]
    assert reader.execute("SELECT how, ending FROM processes").fetchall() == [("exec", None)]
    assert reader.execute("SELECT size, freed_ns FROM blocks").fetchall() == [(111, None)]
    for _ in range(2):
        live.say("")
        live.await_ready()
    run = live.finish("\n")
    assert (run.status, run.err) == (3, "")
    assert reader.execute("SELECT complete FROM trace").fetchall() == [(1,)]
    reader.close()


def ask_or_none(reader, question):
    try:
        return reader.execute(question).fetchall()
    except sqlite3.OperationalError:
        return None


def test_a_session_that_is_killed_leaves_what_it_had(start_plainly, alloctrace, target, tmp_path,
                                                     until):
    path = tmp_path / "trace.db"
    live = start_plainly(alloctrace, "-o", f"sqlite:{path}", "--", target("streamed"), "idle")
    live.await_ready()
    question = "SELECT size FROM events WHERE block IS NOT NULL"
    until(lambda: path.exists() and ask_or_none(sqlite3.connect(path), question), "a row")
    live.kill(signal.SIGKILL)
    live.finish()
    assert ask_sqlite(path, "PRAGMA integrity_check") == [("ok",)]
    assert ask_sqlite(path, question) == [(111,)]
    assert ask_sqlite(path, "SELECT size, freed_ns FROM blocks") == [(111, None)]
    assert ask_sqlite(path, "SELECT complete FROM trace") == [(0,)]


def test_an_earlier_trace_is_replaced(start_plainly, alloctrace, target, tmp_path):
    for words in (["threads", "2", "1000"], ["mix"]):
        for _ in range(2):
            run = start_plainly(alloctrace, "-o", "a.db", "-o", "a.sql", "--", target("streamed"),
                                *words).finish()
            assert (run.status, run.err) == (3, "")
    assert ask_sqlite(tmp_path / "a.db", "SELECT count(*) FROM blocks")[0][0] == 15
    assert (tmp_path / "a.sql").read_text().count("CREATE TABLE") == len(TABLES)


# ---- what cannot be written ------------------------------------------------


def make_fifo(path):
    os.mkfifo(path)


def make_folder(path):
    path.mkdir()


def make_text(path):
    path.write_text("these are no tables, and have never been\n" * 100)


def make_others_database(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE precious (thing)")
    other.close()


REFUSED = [
    ("sqlite:nowhere/a.db", None, "No such file or directory"),
    ("postgres:nowhere/a.sql", None, "No such file or directory"),
    ("sqlite:a", make_folder, "Is a directory"),
    ("sqlite:a", make_fifo, "it is no regular file"),
    ("postgres:a", make_fifo, "it is a fifo, which nobody may read in time"),
    ("sqlite:a", make_text, "file is not a database"),
    ("sqlite:a", make_others_database, "it is a database of something else; name another file"),
    ("sqlite:/dev/full", None, "it is no regular file"),
]


@pytest.mark.sanitized
@pytest.mark.parametrize("dest, make, why", REFUSED)
def test_what_is_no_place_for_it(start_plainly, alloctrace, target, tmp_path, dest, make, why):
    path = tmp_path / "a"
    if make:
        make(path)
    before = path.read_bytes() if path.is_file() else None
    run = start_plainly(alloctrace, "-o", dest, "--", target("streamed"), "mix").finish()
    assert (run.status, run.out) == (125, "")
    assert run.err == f"alloctrace: cannot write the database {dest.partition(':')[2]}: {why}\n"
    assert (path.read_bytes() if path.is_file() else None) == before
    assert not list(tmp_path.glob("a-*"))


@pytest.mark.parametrize("dest, why", [
    ("sqlite:tcp:localhost:1", "a database is a file; name its path"),
    ("postgres:-", "a database is a file; name its path"),
    ("sqlite:a-%p.db", "all processes are in one database; leave %p out"),
])
def test_a_database_is_one_file(start_plainly, alloctrace, target, dest, why):
    run = start_plainly(alloctrace, "-o", dest, "--", target("streamed"), "mix").finish()
    assert (run.status, run.out) == (2, "")
    assert re.fullmatch(f"alloctrace: -o .*: {re.escape(why)}\n", run.err)


def test_a_database_that_is_locked(start_plainly, alloctrace, target, tmp_path):
    start_plainly(alloctrace, "-o", "a.db", "--", target("streamed"), "mix").finish()
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    run = start_plainly(alloctrace, "-o", "a.db", "--", target("streamed"), "mix").finish()
    assert (run.status, run.out) == (125, "")
    assert run.err == "alloctrace: cannot write the database a.db: database is locked\n"
    holder.execute("ROLLBACK")
    holder.close()
    assert ask_sqlite(tmp_path / "a.db", "SELECT count(*) FROM blocks")[0][0] == 15


def test_a_database_that_somebody_locks_meanwhile(start_plainly, alloctrace, target, tmp_path,
                                                  until):
    path = tmp_path / "a.db"
    live = start_plainly(alloctrace, "-o", "a.db", "--", target("streamed"), "idle")
    live.await_ready()
    holder = sqlite3.connect(path, isolation_level=None)
    until(lambda: ask_or_none(holder, "SELECT size FROM events WHERE block IS NOT NULL"), "a row")
    holder.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        live.say("")
        live.await_ready()
    run = live.finish("\n")
    holder.execute("ROLLBACK")
    holder.close()
    assert run.status == 125
    assert run.err == "alloctrace: the database a.db ends early, the trace goes on: " \
                      "database is locked\n"
    assert ask_sqlite(path, "SELECT complete FROM trace") == [(0,)]


@pytest.mark.sanitized
@pytest.mark.parametrize("form", ["sqlite", "postgres"])
def test_a_full_disk(start_plainly, alloctrace, target, tmp_path, form):
    """As far as a file may grow."""
    limit = (256 << 10, 256 << 10)
    run = start_plainly(
        alloctrace, "-o", f"{form}:a", "-o", f"json:{tmp_path}/report.json", "--",
        target("streamed"), "threads", "2", "5000",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)).finish()
    assert run.status == 125
    assert re.fullmatch("alloctrace: the database a ends early, the trace goes on: "
                        "(disk I/O error|it could not be written: File too large)\n", run.err)
    report = read_json(tmp_path / "report.json", Report)
    assert report["totals"]["allocs"] > 10000
    report.assert_consistent()


def test_a_full_disk_from_the_beginning(start_plainly, alloctrace, target, tmp_path):
    run = start_plainly(alloctrace, "-o", "postgres:/dev/full", "--", target("streamed"),
                        "mix").finish()
    assert run.status == 125 and run.out.startswith("malloc ")
    assert run.err == "alloctrace: the database /dev/full ends early, the trace goes on: " \
                      "it could not be written: No space left on device\n"


def test_nothing_is_left_of_a_program_that_is_not_there(start_plainly, alloctrace, tmp_path):
    run = start_plainly(alloctrace, "-o", "a.db", "-o", "a.sql", "--", "./nowhere").finish()
    assert run.status == 127
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize("dest", ["sqlite:late.db", "late.sql", "jsonl:late.jsonl"])
def test_no_dump_is_a_database(start_plainly, alloctrace, target, tmp_path, dest):
    live = start_plainly(alloctrace, "-o", "text:report", "--", target("streamed"), "idle")
    pid = live.await_ready()
    done = subprocess.run([alloctrace, "ctl", str(pid), "dump", dest], text=True, cwd=tmp_path,
                          capture_output=True, timeout=HANG, check=False)
    assert done.returncode == 125
    assert done.stderr.startswith("alloctrace: ") and done.stderr.count("\n") == 1
    assert "not a report's format" in done.stderr
    for _ in range(2):
        live.say("")
        live.await_ready()
    assert live.finish("\n").status == 3
    assert not list(tmp_path.glob("late*"))
