"""A recording becomes the database that its session would have written."""

import os
import subprocess

import pytest

from conftest import HANG, Report, read_json
from recordings import EVENTS, blocks_of
from sqling import QUERIES, TABLES, ask_sqlite
from test_sql import assert_same, assert_sound, assert_totals_same

pytestmark = pytest.mark.sanitized


@pytest.fixture
def recorded(start_plainly, alloctrace, tmp_path):
    """recorded(command..., options=[...]): both databases, live.db and trace.db, and report.json
    of the recording."""
    def run(*command, options=()):
        live = start_plainly(alloctrace, "--record", "a.trace", "-o", "live.db", *options, "--",
                             *command, stdin=subprocess.DEVNULL).finish()
        assert live.err == ""
        done = subprocess.run([alloctrace, "report", "a.trace", "-o", "sqlite:trace.db", "-o",
                               "json:report.json", "--blocks"], cwd=tmp_path, text=True,
                              capture_output=True, timeout=HANG, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return read_json(tmp_path / "report.json", Report)
    return run


@pytest.fixture
def ask(tmp_path):
    return lambda question: ask_sqlite(tmp_path / "trace.db", question)


@pytest.fixture
def assert_as_live(ask, tmp_path):
    def compare():
        for name in TABLES:
            if name in ("trace", "maps"):  # the date to the microsecond; files are not recorded
                continue
            question = f"SELECT * FROM {name} ORDER BY 1, 2"
            assert ask(question) == ask_sqlite(tmp_path / "live.db", question), name
        maps = "SELECT process, address, size, origin, site FROM maps ORDER BY 1, 2"
        assert ask(maps) == ask_sqlite(tmp_path / "live.db", maps)
        for name, question in QUERIES.items():
            assert ask(question) == ask_sqlite(tmp_path / "live.db", question), name
    return compare


@pytest.mark.parametrize("words", [["streamed", "mix"], ["streamed", "orphans"],
                                   ["streamed", "threads", "3", "300"], ["realloc_cases"]],
                         ids="-".join)
def test_a_recording_becomes_the_same_database(recorded, ask, assert_as_live, target, tmp_path,
                                               words):
    report = recorded(target(words[0]), *words[1:])
    assert_sound(ask, tmp_path)
    assert_same(report, ask)
    assert_as_live()


def test_what_a_recorded_child_inherits(recorded, ask, assert_as_live, target, tmp_path):
    report = recorded(target("streamed"), "forks", options=["-f"])
    assert_sound(ask, tmp_path)
    assert_totals_same(report, ask)
    (child, pid), = ask("SELECT id, pid FROM processes WHERE how = 'fork'")
    assert_totals_same(read_json(tmp_path / f"report.{pid}.json"), ask, child)
    inherited = ask("SELECT b.size, a.process FROM blocks b JOIN blocks a ON a.id = b.inherited")
    assert inherited == [(70, 1)]
    assert_as_live()


@pytest.mark.parametrize("kind", ["fork-exec", "vfork-exec", "fork-threads"])
def test_recorded_programs_that_begin_others(recorded, ask, assert_as_live, target, tmp_path, kind):
    """With all that came before an exec, and whose child is whose."""
    recorded("/usr/bin/env", target("children"), kind, "1", options=["-f"])
    assert_sound(ask, tmp_path)
    hows = [how for how, in ask("SELECT how FROM processes WHERE parent IS NOT NULL")]
    assert "exec" in hows and ("fork" in hows) == (kind != "vfork-exec")
    assert_as_live()


def test_a_recorded_attach(attach, start_plainly, target, tmp_path, ask, alloctrace):
    live = start_plainly(target("streamed"), "idle")
    pid = live.await_ready()
    attached = attach(pid, "--record", f"{tmp_path}/a.trace")
    attached.dump()
    assert attached.detach().status == 0
    live.say("")
    live.await_ready()
    live.say("")
    live.await_ready()
    assert live.finish("\n").status == 3
    subprocess.run([alloctrace, "report", "a.trace", "-o", "trace.db"], cwd=tmp_path, check=True)
    assert_sound(ask, tmp_path)
    assert ask("SELECT pid, how, ending FROM processes") == [(pid, "attach", "detach")]


def test_a_recording_that_breaks_off_is_not_complete(recorded, ask, target, tmp_path, alloctrace):
    recorded(target("streamed"), "forks", options=["-f"])
    last = max(block.offset for block in blocks_of(tmp_path / "a.trace") if block.kind == EVENTS)
    os.truncate(tmp_path / "a.trace", last)
    done = subprocess.run([alloctrace, "report", "a.trace", "-o", "trace.db"], cwd=tmp_path,
                          text=True, capture_output=True, timeout=HANG, check=False)
    assert done.returncode == 0
    assert ask("PRAGMA foreign_key_check") == []
    assert ask("SELECT complete FROM trace") == [(0,)]
    assert ask("SELECT ending, ended_ns, status FROM processes WHERE id = 1") == \
        [(None, None, None)]


def test_a_recording_of_a_moment(recorded, ask, target, tmp_path, alloctrace):
    """What came later is not in it, and nothing has ended."""
    recorded(target("streamed"), "mix")
    events, ended = ask("SELECT count(*), max(time_ns) FROM events")[0]
    middle = ask("SELECT time_ns / 1000000 FROM events WHERE block IS NOT NULL ORDER BY id")[7][0]
    done = subprocess.run([alloctrace, "report", "a.trace", "-o", "trace.db", "-o",
                           "json:report.json", "--at", f"{middle / 1000}"], cwd=tmp_path,
                          text=True, capture_output=True, timeout=HANG, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert_sound(ask, tmp_path)
    assert_totals_same(read_json(tmp_path / "report.json", Report), ask)
    assert ask("SELECT count(*) FROM events")[0][0] < events
    (ending, at), = ask("SELECT ending, ended_ns FROM processes")
    assert ending == "detach"
    assert ask("SELECT max(time_ns) FROM events")[0][0] <= at < ended
