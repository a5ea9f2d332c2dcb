"""What the earlier tools could do and no other file here is about; by their rows."""

import csv
import json
import sqlite3
import subprocess

import pytest

from conftest import HANG, REPO

pytestmark = pytest.mark.sanitized


def ctl(alloctrace, live, *words):
    return subprocess.run([alloctrace, "ctl", str(live.pid), *words], capture_output=True,
                          text=True, check=True, timeout=HANG).stdout


def sizes_in(path):
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [event["size"] for event in events if event["event"] == "alloc"
            and any(frame["function"] == "grow" for frame in event["stack"])]


def test_row_30_the_last_report_however_it_ends(start_traced, target):
    """By exit in test_report.py; here by a signal."""
    live = start_traced(target("swelling"), "+1234", "pause")
    live.await_line("paused")
    live.kill(15)
    live.process.wait(timeout=HANG)  # what it reads from is open up to then
    run = live.finish()
    assert run.status == 128 + 15
    assert [site["live_bytes"] for site in run.report.sites_through("grow")] == [1234]


def test_row_79_a_stream_is_switched_and_sent_elsewhere(start_traced, target, alloctrace, tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    live = start_traced(target("swelling"), "+1", "pause", "+2", "pause", "+3", "pause", "+4",
                        options=["-o", f"jsonl:{first}"])
    for words in (("off",), ("on",), ("to", f"jsonl:{second}")):
        live.await_line("paused")
        ctl(alloctrace, live, "log", *words)
        live.say("go on")
    assert live.finish().status == 0
    assert (sizes_in(first), sizes_in(second)) == ([1, 3], [4])


SCHEMA = """
CREATE TABLE orphans (function TEXT, thread_id INTEGER, address INTEGER, size INTEGER,
                      ms_timestamp INTEGER, call_stack TEXT);
"""


def test_row_82_orphans_are_loaded_into_a_database(trace, target, tmp_path):
    """As the README says."""
    orphans, database = tmp_path / "orphans.csv", tmp_path / "orphans.db"
    run = trace(target("swelling"), "+100", "+2000", "-", "later",
                options=["-o", f"csv-orphan:{orphans}", "--min-age", "0.001"])
    assert run.status == 0
    subprocess.run(["sqlite3", database], text=True, check=True, timeout=HANG,
                   input=f"{SCHEMA}.mode csv\n.separator ;\n.import {orphans} orphans\n")
    with open(orphans, newline="", encoding="utf-8") as file:
        expected = [tuple(row) for row in csv.reader(file, delimiter=";")]
    connection = sqlite3.connect(database)
    rows = connection.execute("SELECT * FROM orphans").fetchall()
    assert [tuple(map(str, row)) for row in rows] == expected
    size, = connection.execute("SELECT size FROM orphans WHERE call_stack LIKE '%grow%'")
    assert size == (100,)
    connection.close()


def test_row_84_glibs_slices_are_mallocs(trace, installed):
    env = installed("env", "coreutils")
    run = trace(env, options=["--glib"])
    assert "G_SLICE=always-malloc" in run.out.splitlines()
    assert "G_SLICE" not in trace(env).out


def test_row_86_what_it_costs_is_published():
    """And taken by make bench, which test_bench.py is about."""
    text = (REPO / "README.md").read_text(encoding="utf-8")
    table = text[text.index("## What it costs"):]
    for figure in ("malloc and free, 2 KB of stack", "8 threads, beside 1", "a pair, beside ltrace",
                   "python3 starting up"):
        assert figure in table
