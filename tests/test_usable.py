"""What live blocks are worth to the program, where the allocator tells it."""

import signal
import subprocess

import pytest

from conftest import REPO
from test_allocators import GLIBCS, preloaded, there

pytestmark = pytest.mark.sanitized

SOURCE = REPO / "tests" / "targets" / "usable.c"


def assert_worth(report, truth):
    totals = report["totals"]
    assert {key: totals[key] for key in truth["totals"]} == truth["totals"]
    assert totals["usable_live_bytes"] == truth["usable"] > totals["live_bytes"]


def test_glibc_tells(trace, target):
    run = trace(target("usable"))
    assert run.status == 0
    assert_worth(run.report, run.truth)


@pytest.mark.parametrize("name", GLIBCS)
def test_another_build_of_glibc_tells(trace, target, name):
    package, folder = GLIBCS[name]
    loader = there(f"{folder}/ld-linux-x86-64.so.2", package)
    run = trace(loader, "--library-path", folder, target("usable"))
    assert_worth(run.report, run.truth)


def test_a_static_glibc_tells(trace, tmp_path):
    program = str(tmp_path / "usable")
    subprocess.run(["gcc", "-O1", "-g", "-static", "-fno-builtin", f"-I{SOURCE.parent}",
                    "-o", program, SOURCE], check=True)
    idle, run = trace(program, "idle"), trace(program)
    beyond = {key: run.report["totals"][key] - idle.report["totals"][key]
              for key in (*run.truth["totals"], "usable_live_bytes")}
    assert beyond == {**run.truth["totals"], "usable_live_bytes": run.truth["usable"]}
    assert idle.truth["usable"] == 0


def test_while_it_runs(start_traced, target, until, read_report, tmp_path, environment):
    live = start_traced(target("usable"), "wait")
    live.await_line("ready")
    live.kill(signal.SIGUSR1)
    dump = tmp_path / "report.1.json"
    until(dump.exists, "the dump")
    run = live.finish("\n")
    assert_worth(read_report(dump), run.truth)
    assert_worth(run.report, run.truth)


def test_others_do_not(trace, target):
    command, _ = preloaded("jemalloc")
    assert trace(*command, target("usable")).report["totals"]["usable_live_bytes"] is None


def test_without_maps_nobody_asks(trace, target):
    run = trace(target("usable"), options=["--no-maps"])
    assert run.report["totals"]["usable_live_bytes"] is None
