"""alloctrace check: what it foretells of a process before it is traced."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from attaching import assert_untouched, ready_ids
from processes import PTRACE_SEIZE, ptrace


@pytest.fixture
def check(alloctrace, run_plainly):
    return lambda *arguments: run_plainly(alloctrace, "check", *arguments)


@pytest.fixture
def sleeper(start_plainly):
    live = start_plainly("/usr/bin/cat")
    yield live
    live.finish("")


def allocators_of(report):
    return {(Path(one["module"]).name, one["function"]): one for one in report["allocators"]}


def test_a_process_that_does_nothing(check, sleeper):
    run = check("-p", str(sleeper.pid), "--duration", "0.2")
    assert (run.status, run.err) == (0, "")
    head, _, module, *_ = run.out.splitlines()
    assert head == f"alloctrace check: cat (pid {sleeper.pid}), 1 thread: can be attached to"
    assert re.fullmatch(r"  /\S+/libc.so.6, by its .dynsym", module)
    assert "    not called meanwhile:\n      malloc, free, calloc: one stop each\n" in run.out
    assert "      memalign: two stops each, as its size is not its first argument\n" in run.out
    assert re.search(r"^  System calls that map: trapped at \d+ places, 3 of them ", run.out, re.M)
    assert "Tracing it takes 0 stops a second.\n" in run.out
    assert run.out.endswith("  Let go: target text verified identical.\n")
    assert_untouched(sleeper.pid)


def test_what_it_counts_is_exact(alloctrace, start_plainly, target, until, tmp_path, read_report):
    live = start_plainly(target("known"))
    pid, _ = ready_ids(live)
    look = start_plainly(alloctrace, "check", "-p", str(pid), "--duration", "1000",
                         "-o", f"json:{tmp_path}/look.json", "-o", f"check:{tmp_path}/look.txt")
    until(lambda: Path(f"/proc/{pid}/status").read_text().count("TracerPid:\t0\n") == 0, "a tracer")
    look.kill(signal.SIGUSR1)
    until((tmp_path / "look.1.json").exists, "all traps to stand")
    assert read_report(tmp_path / "look.1.json")["cost"] is None
    live.say("go")
    live.await_line("done")
    look.kill(signal.SIGINT)
    assert (look.finish().status, live.finish("\n").status) == (0, 0)

    report = read_report(tmp_path / "look.json")
    told = json.loads((tmp_path / "truth.json").read_text())["functions"]
    seen = allocators_of(report)
    # memalign and aligned_alloc are one place
    told["memalign"] = told.pop("aligned_alloc")
    assert {key: one["calls"] for key, one in seen.items() if one["calls"]} == \
           {("libc.so.6", name): counts["calls"] for name, counts in told.items()}
    assert all(one["found_by"] == ".dynsym" and one["traps"] for one in seen.values())
    calls, cost = sum(one["calls"] for one in seen.values()), report["cost"]
    assert calls < cost["stops"] < 3 * calls
    assert 0 < cost["tracer_us"] < cost["stopped_us"]
    assert " calls a second" in (tmp_path / "look.txt").read_text()


def test_a_static_program_has_its_own(check, start_plainly, tmp_path):
    source = tmp_path / "static.c"
    source.write_text("#include <stdlib.h>\n#include <unistd.h>\n"
                      "int main(void) { char c; free(malloc(9)); return read(0, &c, 1); }\n")
    subprocess.run(["gcc", "-static", "-O1", "-o", tmp_path / "static", source], check=True)
    live = start_plainly(str(tmp_path / "static"))
    run = check("-p", str(live.pid), "--duration", "0.1")
    assert run.status == 0 and re.search(r"^  /\S+/static, by its .symtab$", run.out, re.M)
    assert live.finish("").status == 0


def test_a_program_without_an_allocator(check, start_plainly, tmp_path):
    source = tmp_path / "bare.c"
    source.write_text("void _start(void) { for (;;) __asm__ volatile("
                      "\"syscall\" :: \"a\"(34) : \"rcx\", \"r11\", \"memory\"); }\n")  # pause
    subprocess.run(["gcc", "-static", "-nostdlib", "-O1", "-o", tmp_path / "bare", source],
                   check=True)
    live = start_plainly(str(tmp_path / "bare"))
    run = check("-p", str(live.pid), "--duration", "0.1")
    assert run.status == 0
    assert "  No allocator function was found: no call will be seen.\n" in run.out
    assert_untouched(live.pid)
    live.kill(signal.SIGKILL)
    live.finish()


def test_one_that_is_traced_already(check, sleeper):
    ptrace(PTRACE_SEIZE, sleeper.pid)
    run = check("-p", str(sleeper.pid))
    assert (run.status, run.out) == (125, "")
    assert re.fullmatch(r"alloctrace: \d+ \(cat\): is traced already, by \d+ \(\S+\): .*\n", run.err)


@pytest.mark.parametrize("arguments", [(), ("--", "/bin/true"), ("-p",), ("-p", "0")])
def test_usage(check, arguments):
    run = check(*arguments)
    assert (run.status, run.out) == (2, "") and run.err.count("\n") == 1


@pytest.mark.parametrize("option, why", [
    (["-o", "x.db"], "-o x.db: check writes reports; see alloctrace --help"),
    (["-o", "jsonl:-"], "-o -: check writes reports; see alloctrace --help"),
    (["--record", "x"], "--record x: check keeps no recording; see alloctrace --help"),
])
def test_an_output_that_makes_no_sense_is_refused(check, sleeper, option, why):
    run = check("-p", str(sleeper.pid), *option)
    assert (run.status, run.out, run.err) == (2, "", f"alloctrace: {why}\n")
    assert_untouched(sleeper.pid)
