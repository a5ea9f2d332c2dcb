"""Real programs, to the byte: in the same run as the counting library, and the
same every time."""

import signal
import time

import pytest

import programs
from conftest import BUILD

EVERY = pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda made: made.__name__)


@pytest.fixture
def environment(tmp_path):
    return {**programs.ENVIRONMENT, "HOME": str(tmp_path), "TRUTH": str(tmp_path / "truth.json"),
            "TARGETS": str(BUILD / "targets")}


@pytest.fixture
def command_of(tmp_path, environment, installed):
    def command(program):
        installed(*programs.PROGRAMS[program])
        return program(tmp_path, environment)
    return command


@pytest.mark.sanitized
@EVERY
def test_counting_library_agrees_to_the_byte(trace_counted, assert_counted, command_of, program):
    assert_counted(*trace_counted(*command_of(program)))


@EVERY
def test_the_program_answers_as_without_us(trace, run_plainly, command_of, program):
    command = command_of(program)
    plain, traced = run_plainly(*command), trace(*command)
    assert (traced.status, traced.out, traced.err) == (plain.status, plain.out, plain.err)
    assert traced.status == 0


@EVERY
def test_two_runs_have_the_same_totals(trace, command_of, installed, program):
    command = [installed("setarch", "util-linux"), "-R", *command_of(program)]
    first, second = (trace(*command).report for _ in range(2))
    while len(str(first["pid"])) != len(str(second["pid"])):  # bash keeps it as text
        first, second = second, trace(*command).report
    assert first["totals"] == second["totals"]
    assert first["functions"] == second["functions"]


# Rows enough to allocate for a while, then a count that takes its time.
LONG_QUERY = """
WITH RECURSIVE a(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM a WHERE i < 20000),
               d(i) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))
SELECT (SELECT sum(length(printf('%d-%s', i, hex(i)))) FROM a),
       (SELECT sum((d.i + g.i * j.i) % 7) FROM d, d e, d f, d g, d h, d j);
"""


def dump_seconds(live, until, path):
    begin = time.monotonic()
    live.kill(signal.SIGUSR1)
    until(path.exists, path.name)
    return time.monotonic() - begin


@pytest.mark.alone
def test_a_dump_while_sqlite_works_comes_within_a_second(
        start_traced, run_plainly, until, read_report, installed, tmp_path):
    command = [installed("sqlite3"), ":memory:", "SELECT 'ready';", LONG_QUERY]
    plain = run_plainly(*command)
    live = start_traced("/usr/bin/stdbuf", "-oL", *command)
    live.await_line("ready")
    seconds = [dump_seconds(live, until, tmp_path / f"report.{number}.json") for number in (1, 2)]
    assert live.process.poll() is None, "the query was over before the dump"
    run = live.finish()
    assert min(seconds) < 1
    assert (run.status, run.out) == (plain.status, plain.out)
    for number in (1, 2):
        read_report(tmp_path / f"report.{number}.json").assert_consistent()
