"""Functions that were found by their code are watched at work. The programs here have glibc's own
malloc.o in them, so all of its code fits, but what it works on is the program's."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

from attaching import assert_detached, assert_untouched
from processes import changed_text, tracer_of
from test_stripped import build, TARGETS

# Its memory is the program's own data, where glibc's never is.
IN_DATA = """
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 1000, THREADS = 4, CHILDREN = 100 };

static char room[4 << 20] __attribute__((aligned(4096))) = { 1 };
static char *end = room;

void *own_sbrk(intptr_t by)
{
	char *was = end;

	if (by > room + sizeof(room) - end)
		return (void *)-1;
	end += by;
	return was;
}

static void *work(void *unused)
{
	unsigned char *kept[BLOCKS];
	uintptr_t sum = 0;

	(void)unused;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < BLOCKS; i++)
			kept[i] = memset(malloc(10 + i % 90), i % 256, 10);
		for (int i = 0; i < BLOCKS; i += 2)
			kept[i] = realloc(kept[i], 200);
		for (int i = 0; i < BLOCKS; i++) {
			sum += kept[i][9] == i % 256;
			free(kept[i]);
		}
	}
	return (void *)sum;
}

static uintptr_t threads(void)
{
	pthread_t thread[THREADS];
	uintptr_t sum = 0;
	void *some;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, work, NULL))
			abort();
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &some);
		sum += (uintptr_t)some;
	}
	return sum;
}

static uintptr_t children(void)
{
	uintptr_t whole = 0;
	int status;

	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		if (!child) {
			free(realloc(malloc(100), 200));
			_exit(7);
		}
		free(malloc(100));
		waitpid(child, &status, 0);
		whole += WIFEXITED(status) && WEXITSTATUS(status) == 7;
	}
	return whole;
}

int main(int argc, char **argv)
{
	char line[80];

	mallopt(M_ARENA_MAX, 1); /* others would be mapped */
	if (argc > 1 && strcmp(argv[1], "waits") == 0) {
		dprintf(1, "ready %d\\n", getpid());
		if (read(0, line, sizeof(line)) <= 0)
			abort();
	}
	dprintf(1, "sum %lu\\n",
	        argc > 1 && strcmp(argv[1], "forks") == 0 ? children() : threads());
	if (argc > 1 && strcmp(argv[1], "waits") == 0 && read(0, line, sizeof(line)) < 0)
		abort();
	return 3;
}
"""

# Its malloc is another's, whose blocks are made so that glibc's free takes them back.
NOT_HANDED_OUT = """
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void *malloc(size_t size)
{
	size_t len = (size + 16 + 4095) & ~(size_t)4095;
	size_t *chunk = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	chunk[1] = len | 2; /* IS_MMAPPED */
	return chunk + 2;
}

int main(void)
{
	int good = 0;

	for (int i = 0; i < 100; i++) {
		int *at = malloc(100);

		*at = i;
		good += *at == i;
		free(at);
	}
	printf("good %d\\n", good);
	return 4;
}
"""


@pytest.fixture
def decoy(installed, tmp_path):
    """decoy(source, renamed): a stripped program with glibc's malloc.o, some symbols of which
    have other names."""
    def make(source, renamed):
        gcc = installed("gcc")
        library = subprocess.run([gcc, "-print-file-name=libc.a"], capture_output=True, text=True,
                                 check=True).stdout.strip()
        if not Path(library).exists():
            pytest.skip("package libc6-dev is not installed")
        subprocess.run(["ar", "x", library, "malloc.o"], check=True, cwd=tmp_path)
        subprocess.run(["objcopy", "--redefine-sym", renamed, "malloc.o"], check=True,
                       cwd=tmp_path)
        (tmp_path / "decoy.c").write_text(source)
        subprocess.run([gcc, "-O2", "-fno-builtin", "-static", "-pthread", "-o", "whole",
                        "decoy.c", "malloc.o"], check=True, capture_output=True, cwd=tmp_path)
        subprocess.run(["strip", "-o", "decoy", "whole"], check=True, cwd=tmp_path)
        return str(tmp_path / "decoy")
    return make


@pytest.fixture
def in_data(decoy):
    return decoy(IN_DATA, "__sbrk=own_sbrk")


def functions_of(file):
    """name -> where it begins and ends"""
    lines = subprocess.run(["nm", "-S", file], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(\w+) (\w+) [TtWi] (\S+)$", lines, re.MULTILINE)
    return {name: (int(at, 16), int(at, 16) + int(size, 16)) for at, size, name in found}


@pytest.fixture
def malloc_o(in_data, tmp_path):
    """Where the code of malloc.o is in the decoy."""
    whole = functions_of(tmp_path / "whole")
    places = [whole[name] for name in functions_of(tmp_path / "malloc.o") if name in whole]
    assert len(places) > 10
    return min(begin for begin, _ in places), max(end for _, end in places)


@pytest.fixture
def not_handed_out(decoy):
    return decoy(NOT_HANDED_OUT, "malloc=other_malloc")


def assert_withdrawn(report, program, sign):
    """Not a figure is left, and a note says why."""
    assert not any(report["totals"][key] for key in report["totals"] if key != "usable_live_bytes")
    assert report.called_functions() == {}
    assert report["sites"] == [] and report["errors"] == []
    report.assert_unblemished()
    (note,) = report["ledger"]["notes"]
    assert note.startswith(f"{program}: what was taken for glibc's ")
    assert re.search(sign, note), note
    seen = {one["function"]: one for one in report["allocators"]}
    assert {"malloc", "free", "calloc", "realloc"} <= seen.keys()
    for one in seen.values():
        assert (one["found_by"], one["trust"], one["traps"], one["calls"]) == \
               ("signature", "refuted", 0, 0)


IN_PROGRAM = r"[mc]alloc by its code is .*, it gave 0x\w+, which is in the program itself"
NEVER = r"free by its code is .*, it took back 0x\w+, which was never handed out"


@pytest.mark.sanitized
@pytest.mark.parametrize("maps", [[], ["--no-maps"]], ids=["maps", "no-maps"])
def test_what_lies_in_the_program_is_no_heap(trace, run_plainly, in_data, maps):
    plain, run = run_plainly(in_data), trace(in_data, options=maps)
    assert (run.status, run.out) == (plain.status, plain.out) == (3, "sum 12000\n")
    assert_withdrawn(run.report, in_data, IN_PROGRAM)


@pytest.mark.sanitized
def test_what_nobody_handed_out_is_not_taken_back(trace, run_plainly, not_handed_out):
    plain, run = run_plainly(not_handed_out), trace(not_handed_out)
    assert (run.status, run.out) == (plain.status, plain.out) == (4, "good 100\n")
    assert_withdrawn(run.report, not_handed_out, NEVER)


def test_nothing_is_told_at_once_of_what_may_be_no_free(start_plainly, alloctrace, not_handed_out):
    run = start_plainly(alloctrace, "--", not_handed_out).finish()
    assert run.status == 4
    assert "allocated" in run.err
    assert "free of what was not allocated" not in run.err


@pytest.mark.sanitized
@pytest.mark.parametrize("options", [[], ["-f"]], ids=["untraced", "followed"])
def test_children_of_that_moment_have_no_trap_left(trace, run_plainly, in_data, options):
    """They are born while the traps are taken out of their parent."""
    plain = run_plainly(in_data, "forks")
    for _ in range(3):
        run = trace(in_data, "forks", options=options)
        assert (run.status, run.out) == (plain.status, plain.out) == (3, "sum 100\n")
        assert_withdrawn(run.report, in_data, IN_PROGRAM)


def changed_in(pid, begin, end):
    """The addresses there whose byte is not the file's; the program is not moved."""
    text, = [int(line.split("-")[0], 16)
             for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
             if "r-xp" in line and line.endswith("/decoy")]
    return [text + at for places in changed_text(pid).values() for at in places
            if begin <= text + at < end]


@pytest.mark.sanitized
def test_traps_go_from_a_running_program(attach, start_plainly, until, in_data, malloc_o):
    program = start_plainly(in_data, "waits")
    program.await_ready()
    attached = attach(program.pid)
    assert attached.dump().called_functions() == {}
    assert len(changed_in(program.pid, *malloc_o)) > 10
    program.say("go")
    assert program.await_line("sum") == "sum 12000"
    until(lambda: changed_in(program.pid, *malloc_o) == [], "the traps to go")
    assert_withdrawn(attached.dump(), in_data, IN_PROGRAM)
    assert changed_text(program.pid) != {}  # system calls that map
    run = attached.detach()
    assert_detached(run)
    assert run.report["ledger"]["text_identical"] is True
    assert_withdrawn(run.report, in_data, IN_PROGRAM)
    assert_untouched(program.pid)
    assert program.finish("end\n").status == 3


# ---- and what is what it seems -----------------------------------------------------------------


def assert_confirmed(report):
    """As far as they were called often enough."""
    told = {name: counts["calls"] for name, counts in report.called_functions().items()}
    for one in report["allocators"]:
        calls = told.get(one["function"], 0)
        assert one["trust"] == ("confirmed" if calls >= 64 else "on trial"), one
        assert one["fitting_calls"] == min(calls, 64), one
    (note,) = report["ledger"]["notes"]
    assert ", and confirmed at work, by 64 calls each: malloc" in note


@pytest.mark.parametrize("library", ["glibc", "glibc-pie", "musl"])
def test_what_works_as_it_should_is_confirmed(trace, installed, tmp_path, library):
    run = trace(build(installed, tmp_path, library, "-O2", TARGETS / "known.c", "known")[1], "end")
    assert run.status == 0
    assert_confirmed(run.report)


@pytest.mark.parametrize("library", ["glibc", "musl"])
def test_it_is_without_a_map_of_its_own(start_traced, until, installed, tmp_path, read_report,
                                        library):
    """Then the kernel's list is looked at, as long as the program is there."""
    bare = build(installed, tmp_path, library, "-O2", TARGETS / "known.c", "known")[1]
    live = start_traced(bare, options=["--no-maps"])
    live.await_ready()
    live.say("go")
    live.await_line("done")
    live.kill(signal.SIGUSR1)
    until((tmp_path / "report.1.json").exists, "a dump")
    assert_confirmed(read_report(tmp_path / "report.1.json"))
    assert live.finish("end\n").status == 0


@pytest.mark.parametrize("library", ["glibc", "musl"])
def test_check_says_how_sure_it_is(alloctrace, start_plainly, until, installed, tmp_path, library):
    bare = build(installed, tmp_path, library, "-O2", TARGETS / "known.c", "known")[1]
    program = start_plainly(bare)
    pid = program.await_ready()
    look = start_plainly(alloctrace, "check", "-p", str(pid), "--duration", "1000",
                         "-o", f"check:{tmp_path}/look.txt")
    until(lambda: tracer_of(pid), "a tracer")
    look.kill(signal.SIGUSR1)
    until((tmp_path / "look.1.txt").exists, "all traps to stand")
    program.say("go")
    program.await_line("done")
    look.kill(signal.SIGINT)
    assert (look.finish().status, program.finish("\n").status) == (0, 0)
    before, after = [(tmp_path / name).read_text() for name in ("look.1.txt", "look.txt")]
    assert "known-strip, by its signature, not yet seen at work\n" in before
    assert "known-strip, by its signature, confirmed at work\n" in after


def test_check_says_what_was_none(alloctrace, start_plainly, until, in_data, tmp_path):
    program = start_plainly(in_data, "waits")
    pid = program.await_ready()
    look = start_plainly(alloctrace, "check", "-p", str(pid), "--duration", "1000",
                         "-o", f"check:{tmp_path}/look.txt")
    until(lambda: tracer_of(pid), "a tracer")
    look.kill(signal.SIGUSR1)
    until((tmp_path / "look.1.txt").exists, "all traps to stand")
    program.say("go")
    program.await_line("sum")
    look.kill(signal.SIGINT)
    assert (look.finish().status, program.finish("end\n").status) == (0, 3)
    shown = (tmp_path / "look.txt").read_text()
    assert "decoy, by its signature, refuted at work\n" in shown, shown
    assert re.search(r"not called meanwhile: [\w, ]+: not traced", " ".join(shown.split())), shown
    assert "target text verified identical" in shown
