"""A recording becomes the database that its session would have written."""

import subprocess

import pytest

from conftest import HANG, Report, read_json
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


@pytest.mark.parametrize("words", [["streamed", "mix"], ["streamed", "orphans"],
                                   ["streamed", "threads", "3", "300"], ["realloc_cases"]],
                         ids="-".join)
def test_a_recording_becomes_the_same_database(recorded, ask, target, tmp_path, words):
    report = recorded(target(words[0]), *words[1:])
    assert_sound(ask, tmp_path)
    assert_same(report, ask)
    for name in TABLES:
        if name in ("trace", "maps"):  # the date to the microsecond; files are not recorded
            continue
        question = f"SELECT * FROM {name} ORDER BY 1, 2"
        assert ask(question) == ask_sqlite(tmp_path / "live.db", question), name
    for name, question in QUERIES.items():
        assert ask(question) == ask_sqlite(tmp_path / "live.db", question), name


def test_what_a_recorded_child_inherits(recorded, ask, target, tmp_path):
    report = recorded(target("streamed"), "forks", options=["-f"])
    assert_sound(ask, tmp_path)
    assert_totals_same(report, ask)
    (child, pid), = ask("SELECT id, pid FROM processes WHERE how = 'fork'")
    assert_totals_same(read_json(tmp_path / f"report.{pid}.json"), ask, child)
    freed = ask("SELECT size, alloc_event FROM blocks WHERE free_event IS NOT NULL "
                f"AND process = {child}")
    assert freed == [(70, None)]


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
