"""Allocators that have neither names nor code that is known, found by what their functions do."""

import subprocess

import pytest

from attaching import assert_untouched
from conftest import HANG
from test_allocators import FLAGS
from test_stripped import OWN, notes

FOUND = "its allocator was found by what its functions do"
SOUGHT = "it is looked for by what its functions do"

# Each of its blocks is renewed again and again, by every function in turn; what lives at the end
# it tells.
CHURNS = r"""
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 200 };

static struct { void *at; size_t size; } kept[BLOCKS];
static uint64_t seed = 1;

static unsigned any(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void renew(unsigned i)
{
	size_t size = 1 + any(700);

	switch (any(8)) {
	case 0:
		free(kept[i].at);
		kept[i].at = calloc(size, 3);
		size *= 3;
		break;
	case 1:
		kept[i].at = realloc(kept[i].at, size);
		break;
	default:
		free(kept[i].at);
		kept[i].at = memset(malloc(size), 1, size);
	}
	kept[i].size = size;
}

static void tell(const char *what, uintptr_t number, size_t size)
{
	char line[80];

	if (write(1, line, sprintf(line, "%s %lx %lu\n", what, (unsigned long)number,
	                           (unsigned long)size)) < 0)
		_exit(2);
}

/* What there is may do for all others: then nobody is seen to take memory. */
static void grow(void)
{
	static unsigned count;

	if (count++ < 20000)
		tell("grown", (uintptr_t)malloc(100000), 100000);
}

static void churn(long rounds)
{
	while (rounds-- > 0)
		renew(any(BLOCKS));
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	int status = 0;

	if (argc > 4 && fork() > 0) {
		wait(&status);
		_exit(status != 0);
	}
	if (argc > 2)
		tell("ready", getpid(), 0);
	while (argc > 2 && poll(&in, 1, 1) == 0) {
		churn(1000);
		grow();
	}
	churn(atol(argv[1]));
	if (argc == 4 && fork() == 0)
		churn(atol(argv[1]));
	else if (argc == 4)
		wait(&status);
	for (unsigned i = 0; i < BLOCKS; i++)
		if (kept[i].at)
			tell("block", (uintptr_t)kept[i].at, kept[i].size);
	_exit(status);
}
"""

CHURNS_CXX = r"""
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

struct pair { long a, b, c; };

static pair *pairs[100];
static char *strings[100];
static unsigned long sizes[100];

int main(int, char **argv)
{
	unsigned long seed = 1;

	for (long i = atol(argv[1]); i > 0; i--) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned at = (seed >> 33) % 100, size = 1 + (seed >> 45) % 300;

		if (seed >> 63) {
			delete pairs[at];
			pairs[at] = new pair();
		} else {
			delete[] strings[at];
			strings[at] = new char[sizes[at] = size]();
		}
	}
	for (int i = 0; i < 100; i++) {
		char line[160];
		int len = sprintf(line, "block %lx %zu\nblock %lx %lu\n", (unsigned long)pairs[i],
		                  sizeof(pair), (unsigned long)strings[i], sizes[i]);

		if (write(1, line, len) < 0)
			_exit(2);
	}
	_exit(0);
}
"""

# name -> package, flags
ALLOCATORS = {
    "jemalloc": ("libjemalloc-dev", ["-ljemalloc", "-lpthread", "-lm", "-ldl"]),
    "tcmalloc": ("libgoogle-perftools-dev",
                 ["-Wl,--whole-archive", "-ltcmalloc_minimal", "-Wl,--no-whole-archive",
                  "-lpthread", "-lm"]),
}
ROUNDS = "10000"


@pytest.fixture
def build(installed, tmp_path):
    """build(allocator, source): a program that is linked statically and has no symbols."""
    def run(allocator, source=CHURNS):
        path = tmp_path / ("source.cc" if source is CHURNS_CXX else "source.c")
        path.write_text(source)
        bare = str(tmp_path / allocator)
        if allocator == "dietlibc":
            command = [installed("diet", "dietlibc-dev"), "gcc", path]
        else:
            package, flags = ALLOCATORS[allocator]
            command = [installed("gcc", package), "-static", path, *flags, "-lstdc++"]
        subprocess.run([*command, *FLAGS, "-O2", "-s", "-o", bare], check=True,
                       capture_output=True)
        return bare
    return run


def told(out, kind="block"):
    return {(int(address, 16), int(size)) for what, address, size in
            (line.split() for line in out.splitlines()) if what == kind}


def listed(report):
    return {(int(block["address"], 16), block["size"]) for block in report["blocks"]}


def assert_found(report, functions):
    (note,) = [note for note in report["ledger"]["notes"] if FOUND in note]
    assert set(report.called_functions()) >= functions
    assert all(name in note for name in functions)
    assert not any(SOUGHT in note for note in report["ledger"]["notes"])
    assert report["errors"] == []
    report.assert_consistent()


@pytest.mark.parametrize("allocator, functions", [
    ("jemalloc", {"malloc", "calloc", "realloc", "free"}),
    ("tcmalloc", {"malloc", "calloc", "realloc", "free"}),
    ("dietlibc", {"malloc", "realloc", "free"}), # its calloc asks malloc
])
def test_what_lives_at_the_end_is_exact(build, trace, allocator, functions):
    run = trace(build(allocator), ROUNDS, options=["--blocks"])
    assert run.status == 0
    assert listed(run.report) == told(run.out)
    assert_found(run.report, functions)


@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc"])
def test_operators_of_cxx_are_found_too(build, trace, allocator):
    run = trace(build(allocator, CHURNS_CXX), ROUNDS, options=["--blocks"])
    assert run.status == 0
    assert listed(run.report) >= told(run.out)
    assert_found(run.report, {"malloc", "free"})


def test_a_child_looks_on(build, trace):
    run = trace(build("dietlibc"), ROUNDS, "-", "fork", options=["--blocks", "-f"])
    assert run.status == 0
    assert_found(run.report, {"malloc", "realloc", "free"})


def test_a_child_that_comes_before_looks_for_itself(build, trace, read_report, tmp_path):
    run = trace(build("dietlibc"), ROUNDS, "-", "-", "fork", options=["--blocks", "-f"])
    assert run.status == 0
    assert run.report.called_functions() == {}
    (path,) = [path for path in tmp_path.glob("report.*.json")
               if path.name != f"report.{run.report['pid']}.json"]
    report = read_report(path)
    assert_found(report, {"malloc", "realloc", "free"})
    assert listed(report) >= told(run.out)


# ---- a process that runs ---------------------------------------------------------------------


def are_found(report, functions):
    return functions <= set(report.called_functions())


@pytest.fixture
def start(build, tmp_path):
    """start(allocator): one that goes on until its input ends; what it tells goes to a file."""
    started = []

    def run(allocator):
        with (tmp_path / "out").open("w") as out:
            started.append(subprocess.Popen([build(allocator), ROUNDS, "-"], stdout=out,
                                            stdin=subprocess.PIPE))
        return started[-1]
    yield run
    for process in started:
        process.kill()
        process.wait()


def end(process):
    process.stdin.close()
    assert process.wait(HANG) == 0


@pytest.mark.parametrize("allocator", ["jemalloc", "dietlibc"])
def test_one_that_runs_is_found(start, attach, tmp_path, allocator):
    process = start(allocator)
    front = attach(process.pid, "--blocks")
    while not {"malloc", "realloc", "free"} <= set(front.dump().called_functions()):
        assert process.poll() is None and front.dumps < 500
    end(process)
    report, out = front.finish().report, (tmp_path / "out").read_text()
    assert_found(report, {"malloc", "realloc", "free"})
    assert told(out) <= listed(report) <= told(out) | told(out, "grown")


@pytest.mark.sanitized
@pytest.mark.parametrize("dumps", [0, 1, 5])
def test_one_that_is_watched_is_let_go_as_it_was(start, attach, until, dumps):
    process = start("dietlibc")
    front = attach(process.pid)
    for _ in range(dumps):
        front.dump()
    until(front.is_there, "a tracer")
    assert front.detach().report["ledger"]["text_identical"] is True
    assert_untouched(process.pid)
    end(process)


# ---- what is none ----------------------------------------------------------------------------


@pytest.mark.sanitized
def test_one_that_hands_out_nothing_again_is_not_found(build, trace):
    """What memory it has is its own data, and nothing of that comes back."""
    run = trace(build("dietlibc", OWN % ""), options=["--blocks"])
    assert run.status == 0
    assert run.report.called_functions() == {}
    assert any(SOUGHT in note for note in notes(run))
    assert run.report["blocks"] == []
