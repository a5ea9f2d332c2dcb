"""make bench: that table and JSON tell the same, of every figure, and how it ends. What the
figures are is no matter here."""

import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import BUILD, HANG, REPO

sys.path.append(str(REPO / "tests" / "bench"))
import figures  # noqa: E402
import peers  # noqa: E402
import real  # noqa: E402

LITTLE = {"ROUNDS": "1", "PAIRS": "300"}
IN_THE_TABLE = ("us", "bare_stops", "beside_us", "ratio", "value")


def environment_of(folder, **variables):
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "TMPDIR": str(folder), **LITTLE,
            **variables}


def bench_in(folder, *arguments, **variables):
    return subprocess.run(
        [REPO / "scripts" / "bench", *(arguments or [BUILD])], text=True, capture_output=True,
        env=environment_of(folder, JSON=str(folder / "bench.json"), **variables),
        timeout=HANG, check=False)


def figures_in(folder):
    return json.loads((folder / "bench.json").read_text())["figures"]


@pytest.fixture
def bench(tmp_path):
    """bench(VARIABLE=...): make bench, with little to do."""
    return lambda *arguments, **variables: bench_in(tmp_path, *arguments, **variables)


@pytest.fixture(scope="module")
def all_of_it(tmp_path_factory):
    """(run, folder) of one that takes every figure."""
    folder = tmp_path_factory.mktemp("bench")
    return bench_in(folder, LIMITS="no"), folder


@pytest.fixture
def script():
    """scripts/bench as a module."""
    loader = importlib.machinery.SourceFileLoader("bench_script", str(REPO / "scripts" / "bench"))
    spec = importlib.util.spec_from_loader("bench_script", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


# ---- a whole run -----------------------------------------------------------


def lines_of(table):
    """{name: rest} of the table's rows."""
    return {line[2:36].rstrip(): line[36:] for line in table.splitlines() if line[:2] == "  "
            and line[2:3].strip()}


def numbers_of(rest):
    """Those before the limit."""
    return [float(word.replace(",", "")) for word in re.split(r"[<>]|[+-]\d", rest)[0].split()]


def assert_told(figure, rest):
    if "missing" in figure:
        assert rest.strip() == figure["missing"]
        return
    told = [figure[key] for key in IN_THE_TABLE if key in figure]
    assert numbers_of(rest) == pytest.approx(told, rel=1e-3, abs=1e-3)
    assert rest.endswith("MISSED") == (figure.get("ok") is False)
    assert ("=" in rest) == ("limit" in figure)


def test_every_figure_is_told(all_of_it):
    run, folder = all_of_it
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert [(figure["part"], figure["name"]) for figure in figures_in(folder)] == \
           [(part.name, row.name) for part in figures.PARTS for row in part.rows]


def test_table_and_json_agree(all_of_it):
    run, folder = all_of_it
    lines = lines_of(run.stdout)
    for figure in figures_in(folder):
        assert_told(figure, lines.pop(figure["name"]))
    assert lines == {}


def test_each_stands_beside_the_bare_stop(all_of_it):
    _, folder = all_of_it
    timed = [figure for figure in figures_in(folder) if "us" in figure]
    assert all(figure["us"] > 0 and figure["bare_stop_us"] > 0 for figure in timed)
    for figure in timed:
        if "bare_stops" in figure:
            assert figure["bare_stops"] == figure["us"] / figure["bare_stop_us"]
        if "ratio" in figure:
            assert figure["ratio"] == figure["us"] / figure["beside_us"]


def test_missing_is_what_is_not_installed(all_of_it):
    _, folder = all_of_it
    missing = {figure["name"] for figure in figures_in(folder) if "missing" in figure}
    rows = {row.beside: row.name for part in figures.PARTS for row in part.rows}
    absent = {rows[name] for name, peer in peers.PEERS.items()
              if not all(map(shutil.which, peer.needs.split()))}
    absent |= {name for name, (tool, _) in real.WORKS.items() if not shutil.which(tool)}
    assert missing == absent


def test_the_machine_is_told(all_of_it):
    told = json.loads((all_of_it[1] / "bench.json").read_text())["machine"]
    assert told["kernel"] == os.uname().release and told["libc"].startswith("glibc ")
    assert told["cpus"] == len(os.sched_getaffinity(0)) and told["cpu"]


def test_nothing_is_left_in_the_scratch_folder(all_of_it):
    assert os.listdir(all_of_it[1]) == ["bench.json"]


def test_the_table_again_for_the_readme(all_of_it, bench):
    run, folder = all_of_it
    again = bench("--markdown", str(folder / "bench.json"))
    assert again.returncode == 0
    assert again.stdout.splitlines() == ["    " + line for line in run.stdout.splitlines()[:-1]]


# ---- what does not go as it should -----------------------------------------


def test_tools_that_are_not_there(bench, tmp_path):
    run = bench(PATH=str(tmp_path), ONLY="peers")
    assert run.returncode == 0
    assert {figure["missing"] for figure in figures_in(tmp_path)} == \
           {f"not installed: {tool}" for tool in ("ltrace", "gdb", "valgrind", "heaptrack")}


def test_a_tool_that_sees_nothing_is_no_measure(bench, tmp_path):
    tool = tmp_path / "heaptrack"
    tool.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    tool.chmod(0o755)
    run = bench(PATH=str(tmp_path), ONLY="peers", LIMITS="no")
    told = {figure["name"]: figure.get("missing") for figure in figures_in(tmp_path)}
    assert (told["a pair, beside heaptrack"], run.returncode) == \
           ("FAILED: heaptrack: no fair measure: it saw 0 of 6000 allocations", 1)


def test_it_can_be_ended(start_plainly, tmp_path, children, until, process_state):
    live = start_plainly(str(REPO / "scripts" / "bench"), str(BUILD), env=environment_of(
        tmp_path, ONLY="busy", PAIRS="100000000", JSON=str(tmp_path / "bench.json")))
    until(lambda: len(children(live.pid)) > 2, "hogs and a program")
    started = children(live.pid)
    live.kill(signal.SIGTERM)
    assert live.finish().status == 128 + signal.SIGTERM
    until(lambda: not any(map(process_state, started)), "their end")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("variables", [
    {"ROUNDS": "0"}, {"PAIRS": "many"}, {"ONLY": "pair,nonsense"}, {"JSON": "/nowhere/bench.json"},
], ids=lambda variables: next(iter(variables)))
def test_a_wrong_variable(tmp_path, variables):
    run = subprocess.run([REPO / "scripts" / "bench", BUILD], text=True, capture_output=True,
                         env=environment_of(tmp_path, **variables), check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert re.fullmatch(r"bench: [A-Z]+=.+: .+\n", run.stderr)


def test_without_a_build(bench, tmp_path):
    run = bench(str(tmp_path))
    assert (run.returncode, run.stderr) == (2, f"bench: {tmp_path}: no build; run make bench\n")


# ---- judging ---------------------------------------------------------------

ROUNDS = {
    "floor": [{"us": 8.}, {"us": 7.}],
    "ours": [{"us": 14., "whole": 300., "stalls": 2, "fairness": .9},
             {"us": 21., "whole": 280., "stalls": 0, "fairness": .5},
             {"us": 28., "whole": 290., "stalls": 0, "fairness": .7}],
    "theirs": [{"us": 30., "whole": 70.}, {"us": 28., "whole": 80.}],
}


@pytest.mark.parametrize("of, beside, on, told", [
    ("ours", None, "bare_stops", 2),
    ("ours", "theirs", "ratio", .5),
    ("ours", "theirs", "extra_stops", -2),
    ("ours.whole", "theirs.whole", "ratio", 4),
    ("ours.stalls", None, "value", 2),
    ("ours.fairness", None, "value", .7),
])
def test_the_number_that_is_judged(of, beside, on, told):
    def judged(bound, at_least):
        limit = figures.Limit(on, bound, at_least)
        return figures.judge("part", figures.Row("row", of, beside, limit), ROUNDS)
    assert judged(told, False)[on] == told
    assert [judged(told + more, at_least)["ok"] for more in (-.01, 0, .01)
            for at_least in (False, True)] == [False, True, True, True, True, False]


def test_a_missed_limit_is_a_failure(script, monkeypatch):
    missed = {"name": "a", "ok": False}
    assert script.status_of([{"name": "b", "ok": True}, {"name": "c"}]) == 0
    assert script.status_of([missed]) == 1
    monkeypatch.setenv("LIMITS", "no")
    assert script.status_of([missed]) == 0
    assert script.status_of([{"name": "d", "missing": "FAILED: d: why"}]) == 1


def test_names_are_the_tables(script):
    rows = [row for part in figures.PARTS for row in part.rows]
    assert len({row.name for row in rows}) == len(rows)
    assert max(len(row.name) for row in rows) <= 34
    assert all(hasattr(script.Bench, how) for part in figures.PARTS
               for how, *_ in part.samples.values())
    assert all(reference.partition(".")[0] in part.samples for part in figures.PARTS
               for row in part.rows for reference in (row.of, row.beside) if reference)
