"""Allocators' own functions beside the standard's (mallocx, tc_malloc, mi_malloc), under a
prefix too; C++ operators that are allocators themselves; several allocators at once. What was
counted is what the program did, to the call and byte."""

import json
import subprocess
from pathlib import Path

import pytest

from conftest import BUILD, REPO, read_counts
from test_allocators import LIBRARIES, PRELOADED, assert_exact, less, preloaded, there

pytestmark = pytest.mark.sanitized

SOURCES = REPO / "tests" / "allocators"
FLAGS = ["-D_GNU_SOURCE", "-O2", "-g", "-fomit-frame-pointer", "-fno-builtin", "-pthread",
         f"-I{REPO / 'tests' / 'targets'}"]
CXX = ["-lstdc++", "-lm"]  # what their static archives need
TOTALS = ("allocs", "frees", "bytes_allocated", "bytes_freed", "live_blocks", "live_bytes")

# source -> package of what it is linked with, a file of that, flags
LINKED = {
    "jemalloc": ("libjemalloc-dev", "libjemalloc.so", ["-ljemalloc"]),
    "tcmalloc": ("libgoogle-perftools-dev", "libtcmalloc_minimal.so", ["-ltcmalloc_minimal"]),
    "mimalloc": ("libmimalloc-dev", "libmimalloc.so", ["-lmimalloc"]),
    "jemalloc-static": ("libjemalloc-dev", "libjemalloc.a", ["-l:libjemalloc.a", *CXX]),
    "jemalloc-all-static": ("libjemalloc-dev", "libjemalloc.a",
                            ["-static", "-l:libjemalloc.a", *CXX]),
    "tcmalloc-all-static": ("libgoogle-perftools-dev", "libtcmalloc_minimal.a",
                            ["-static", "-l:libtcmalloc_minimal.a", *CXX]),
}
PREFIXES = ["je_", "_rjem_"]


def compile_api(folder, name, *flags):
    program = folder / name
    source = SOURCES / f"{name.split('-')[0]}_api.c"
    subprocess.run(["gcc", *FLAGS, "-o", program, source, *flags], check=True)
    return str(program)


@pytest.fixture
def linked(tmp_path):
    """The path of a program that calls an allocator's own functions."""
    def build(name):
        package, file, flags = LINKED[name]
        there(f"{LIBRARIES}/{file}", package)
        return compile_api(tmp_path, name, *flags)
    return build


def defined_in(archive):
    listed = subprocess.run(["nm", "--defined-only", archive], capture_output=True, text=True,
                            check=True)
    return {line.split()[2] for line in listed.stdout.splitlines() if len(line.split()) == 3}


def prefixed_archive(folder, prefix):
    """jemalloc as a build of it with that prefix is; everything else of it is renamed, too, so
    that two of them go together."""
    archive = there(f"{LIBRARIES}/libjemalloc_pic.a", "libjemalloc-dev")
    old, new = folder / "names", folder / f"lib{prefix}.a"
    old.write_text("".join(f"{name} {prefix}{name.removeprefix('je_')}\n"
                           for name in defined_in(archive)))
    subprocess.run(["objcopy", f"--redefine-syms={old}", archive, new], check=True)
    return str(new)


def of_calls(functions, key):
    """The sum over those that count such."""
    return sum(counts.get(key, 0) for counts in functions.values())


def assert_calls_exact(run, idle, by_place):
    """Every function by the name it was called by. by_place: together, where names are one place
    and no slot tells which of them is meant."""
    seen = less(run.report.called_functions(), idle.report.called_functions())
    told = {name: counts for name, counts in run.truth["functions"].items()
            if any(counts.values())}
    if not by_place:
        assert seen == told
    keys = ("calls", "failed", "bytes", "null")
    assert {key: of_calls(seen, key) for key in keys} == \
           {key: of_calls(told, key) for key in keys}


def assert_true_beyond(run, idle, by_place):
    assert (run.status, idle.status) == (0, 0)
    assert_calls_exact(run, idle, by_place)
    assert {key: run.report["totals"][key] - idle.report["totals"][key] for key in TOTALS} == \
           {key: run.truth["totals"][key] for key in TOTALS}
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


@pytest.fixture
def run_exactly(trace):
    def run(*command, by_place=False):
        idle, busy = trace(*command, "idle"), trace(*command)
        assert_true_beyond(busy, idle, by_place)
        return busy
    return run


# ---- their own functions -----------------------------------------------------------------------


@pytest.mark.parametrize("name", LINKED)
def test_row_12_an_allocators_own_functions(run_exactly, linked, name):
    run_exactly(linked(name), by_place=name == "tcmalloc-all-static")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_under_a_prefix_beside_libcs(trace, tmp_path, prefix):
    """The program has its own jemalloc, and calls libc's malloc too."""
    program = compile_api(tmp_path, "jemalloc-prefixed", f"-DPREFIX={prefix}",
                          prefixed_archive(tmp_path, prefix), *CXX)
    idle, busy = trace(program, "idle"), trace(program)
    assert_exact(busy, idle)
    busy.report.assert_unblemished()


def test_one_without_names_is_told(trace, tmp_path):
    prefix = PREFIXES[0]
    program = compile_api(tmp_path, "jemalloc-stripped", "-s", f"-DPREFIX={prefix}",
                          prefixed_archive(tmp_path, prefix), *CXX)
    notes = trace(program).report["ledger"]["notes"]
    assert notes == [f"{program} seems to have jemalloc in it, stripped of its names: "
                     "what that hands out is not seen"]


def test_the_part_without_names_accuses_nobody(trace, tmp_path):
    """malloc and free keep their names, which libraries ask for."""
    program = tmp_path / "part"
    subprocess.run(["gcc", *FLAGS, "-s", "-o", program, SOURCES / "part.c"], check=True)
    run = trace(str(program))
    assert run.status == 0
    assert run.report["functions"]["free"]["calls"] >= 3
    assert run.report["ledger"]["unknown_frees"] == 2
    assert run.report["errors"] == [] and run.report["ledger"]["double_frees"] == 0


# ---- C++ operators -----------------------------------------------------------------------------

NO_OPERATORS = ["efence", "duma"]  # and they end a program that frees what libstdc++'s return


@pytest.mark.parametrize("name", [name for name in PRELOADED if name not in NO_OPERATORS])
def test_operators_that_are_allocators(trace, target, name):
    """Each new by the name that was called, from the caller on. A delete that jumps to free may
    be counted as that."""
    command, _ = preloaded(name)
    if name == "asan":  # it takes a new that malloc's free gives back for an error
        command[1:1] = ["ASAN_OPTIONS=alloc_dealloc_mismatch=0:detect_leaks=0"]
    idle, run = trace(*command, target("operators"), "idle"), trace(*command, target("operators"))
    assert_true_beyond(run, idle, by_place=True)
    seen = less(run.report.called_functions(), idle.report.called_functions())
    news = {function: counts for function, counts in run.truth["functions"].items()
            if function.startswith("operator new")}
    assert {function: seen[function] for function in news} == news
    for marker in run.truth["markers"]:
        sites = run.report.sites_through(marker)
        assert sites and all(site["stack"][0]["function"] == marker for site in sites)


CXX_LINKED = {  # name -> package, a file of it, flags
    "jemalloc": ("libjemalloc-dev", "libjemalloc.a", ["-l:libjemalloc.a"]),
    "jemalloc-all-static": ("libjemalloc-dev", "libjemalloc.a", ["-static", "-l:libjemalloc.a"]),
    "jemalloc-stripped": ("libjemalloc-dev", "libjemalloc.a", ["-s", "-l:libjemalloc.a"]),
    "tcmalloc": ("libgoogle-perftools-dev", "libtcmalloc_minimal.a",
                 ["-l:libtcmalloc_minimal.a"]),
    "tcmalloc-all-static": ("libgoogle-perftools-dev", "libtcmalloc_minimal.a",
                            ["-static", "-l:libtcmalloc_minimal.a"]),
    "mimalloc": ("libmimalloc-dev", "libmimalloc.so", ["-lmimalloc"]),
    "glibc-all-static": ("libc6-dev", "libc.a", ["-static"]),
    "libstdc++-static": ("libstdc++-12-dev", "libc.a", ["-static-libstdc++", "-static-libgcc"]),
}


@pytest.mark.parametrize("name", CXX_LINKED)
def test_operators_that_are_linked(trace, tmp_path, name):
    package, file, flags = CXX_LINKED[name]
    there(f"{LIBRARIES}/{file}", package)
    program = str(tmp_path / name)
    subprocess.run(["g++", *FLAGS, "-o", program, REPO / "tests/targets/operators.cc", *flags],
                   check=True)
    idle, run = trace(program, "idle"), trace(program)
    assert (run.status, idle.status) == (0, 0)
    assert_calls_exact(run, idle, by_place=True)
    assert {key: run.report["totals"][key] - idle.report["totals"][key] for key in TOTALS} == \
           {key: run.truth["totals"][key] for key in TOTALS}
    run.report.assert_consistent()
    run.report.assert_unblemished()


RELEASES = """
#include "truth.h"

#include <new>

extern "C" {
ALLOCATOR(take, T_MALLOC, malloc(size))
ALLOCATOR(take_new, T_NEW, ::operator new(size))
}

noipa static void release_sized(void *at) { ::operator delete(at, 10); truth_keep(at); }

static void (*volatile releases[])(void *) = { free, release_sized };

noipa static void release(int by, void *at)
{
	releases[by](at);
	truth_keep(at);
}

int main(int argc, char **argv)
{
	bool idle = argc > 1;
	struct block blocks[2];

	for (int i = 0; i < (idle ? 0 : 50); i++) {
		blocks[0] = take(10);
		blocks[1] = take_new(10);
		release(0, blocks[0].at);
		release(1, blocks[1].at);
		gave(T_FREE, blocks[0]);
		gave(T_DEL_S, blocks[1]);
	}
	truth_write();
	return 0;
}
"""


@pytest.mark.parametrize("name", ["jemalloc", "tcmalloc-minimal", "mimalloc", "memusage"])
def test_one_place_that_calls_different_frees(trace, tmp_path, name):
    """The second is not made by the first, though it returns to where that did."""
    command, _ = preloaded(name)
    source, program = tmp_path / "releases.cc", str(tmp_path / "releases")
    source.write_text(RELEASES)
    subprocess.run(["g++", *FLAGS, "-o", program, source], check=True)
    assert_true_beyond(trace(*command, program), trace(*command, program, "idle"), by_place=True)


# An operator of a program's own, and what it is: an allocator, or a name for what it calls.
OPERATORS = """
#include "truth.h"

#include <new>

%s

MARKER(take);
extern "C" noipa struct block take(size_t size)
{
	return took(&take_marker, T_%s, ::operator new(size), size%s);
}

extern "C" noipa void give_up(struct block block)
{
	::operator delete(block.at);
	gave(T_%s, block);
}

int main()
{
	for (size_t size = 1; size < 100000; size = size * 3 + 1) {
		give_up(take(size));
		take(size + 5);
	}
	give_up(no_block);
	truth_write();
	return 0;
}
"""
POOL = """
static char pool[1 << 20];
static struct piece { struct piece *next; } *pieces;
static size_t pool_used;

static void *cut(size_t size)
{
	void *at = pool + pool_used;

	pool_used += (size + 15) & ~(size_t)15;
	return at;
}
"""
PROGRAMS = {  # the operators, what a new is, what it asks for more, what a delete is
    "pool": (POOL + """
noipa void *operator new(size_t size) { return cut(size); }
noipa void operator delete(void *at) noexcept { ((piece *)at)->next = pieces; }
""".replace("((piece *)at)->next = pieces;",
            "if (at) { ((piece *)at)->next = pieces; pieces = (piece *)at; }"),
             "NEW", "", "DEL"),
    "pool-or-malloc": (POOL + """
noipa void *operator new(size_t size) { return size < 1000 ? cut(size) : malloc(size); }
noipa void operator delete(void *at) noexcept
{
	if ((char *)at >= pool && (char *)at < pool + sizeof(pool))
		pieces = (piece *)at;
	else
		free(at);
}
""", "NEW", "", "DEL"),
    "padded": ("""
noipa void *operator new(size_t size)
{
	char *at = (char *)malloc(size + 16);

	if (!at)
		throw std::bad_alloc();
	return at + 16;
}
noipa void operator delete(void *at) noexcept { if (at) free((char *)at - 16); }
""", "NEW", " + 16", "FREE"),
    "wrapped": ("""
noipa void *mine(size_t size) { return malloc(size); }
noipa void not_mine(void *at) { if (at) free(at); }
noipa void *operator new(size_t size) { return mine(size); }
noipa void operator delete(void *at) noexcept { if (at) not_mine(at); }
""", "MALLOC", "", "FREE"),
}


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_operators_of_a_programs_own(trace, tmp_path, name, level):
    operators, new, more, delete = PROGRAMS[name]
    source, program = tmp_path / f"{name}.cc", str(tmp_path / name)
    source.write_text(OPERATORS % (operators, new, more, delete))
    subprocess.run(["g++", *FLAGS, level, "-o", program, source], check=True)
    run = trace(program)
    assert run.status == 0
    told = run.truth["functions"]
    if delete == "FREE":  # these are not called with a null pointer
        told["free"]["calls"] -= told["free"]["null"]
        told["free"]["null"] = 0
    run.assert_functions_true(only=lambda function: function != "malloc" or new == "MALLOC")
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


# ---- several at once ----------------------------------------------------------------------------


def test_a_preloaded_library_with_headers(trace, tmp_path):
    """Its free gives back what it has got itself, not what it was given."""
    library, program = str(tmp_path / "headers.so"), str(tmp_path / "plain")
    subprocess.run(["gcc", *FLAGS, "-shared", "-fPIC", "-o", library, SOURCES / "headers.c"],
                   check=True)
    subprocess.run(["gcc", *FLAGS, "-o", program, SOURCES / "plain.c"], check=True)
    command = ["/usr/bin/env", f"LD_PRELOAD={library}", program]
    idle, busy = trace(*command, "idle"), trace(*command)
    assert_exact(busy, idle)
    busy.report.assert_unblemished()


PAIRS = [("tcmalloc-minimal", "jemalloc"), ("tcmalloc-minimal", "mimalloc"),
         ("mimalloc", "tcmalloc"), ("mimalloc", "jemalloc"), ("jemalloc", "mimalloc"),
         ("jemalloc", "tcmalloc"), ("mimalloc", "jemalloc-static")]


@pytest.mark.parametrize("front, name", PAIRS)
def test_one_preloaded_before_a_linked_one(run_exactly, linked, front, name):
    """What is called by the linked one's own names is the linked one's, malloc the first's that
    has it: the program itself is before what is preloaded."""
    command, _ = preloaded(front)
    run = run_exactly(*command, linked(name))
    if name == "jemalloc":
        assert called_copies(run.report, "malloc") == {Path(PRELOADED[front][1]).resolve().name}
    if name == "jemalloc-static":
        assert called_copies(run.report, "malloc") == {name}


def called_copies(report, function):
    return {Path(one["module"]).name for one in report["allocators"]
            if one["function"] == function and one["calls"]}


PRIVATE = """
#include <stddef.h>
void *je_malloc(size_t);
void je_free(void *);
void *%s_take(size_t size) { return je_malloc(size); }
void %s_give(void *at) { je_free(at); }
"""


def private_library(folder, name):
    archive, source = prefixed_archive(folder, "je_"), folder / f"{name}.c"
    source.write_text(PRIVATE % (name, name))
    subprocess.run(["gcc", *FLAGS, "-shared", "-fPIC", "-Wl,--exclude-libs,ALL",
                    "-o", folder / f"lib{name}.so", source, archive, *CXX], check=True)


def test_two_libraries_with_a_private_copy_each(trace, tmp_path):
    for name in ("one", "other"):
        private_library(tmp_path, name)
    program = str(tmp_path / "two_copies")
    subprocess.run(["gcc", *FLAGS, "-o", program, SOURCES / "two_copies.c", f"-L{tmp_path}",
                    "-lone", "-lother", f"-Wl,-rpath,{tmp_path}"], check=True)
    idle, busy = trace(program, "idle"), trace(program)
    assert_exact(busy, idle)
    busy.report.assert_unblemished()
    assert {Path(one["module"]).name: one["calls"] for one in busy.report["allocators"]
            if one["function"] == "je_malloc"} == \
           {"libone.so": busy.truth["one"], "libother.so": busy.truth["other"]}


# ---- which copy is called -----------------------------------------------------------------------


def bound(report, function):
    return {Path(one["module"]).name: one["bound_modules"] for one in report["allocators"]
            if one["function"] == function}


def look_at(alloctrace, run_plainly, pid, folder):
    run = run_plainly(alloctrace, "check", "-p", str(pid), "--duration", "0.1",
                      "-o", f"json:{folder}/look.json", "-o", f"check:{folder}/look.txt")
    assert (run.status, run.err) == (0, "")
    return json.loads((folder / "look.json").read_text()), (folder / "look.txt").read_text()


def test_what_the_program_is_bound_to(alloctrace, run_plainly, start_plainly, tmp_path):
    command, _ = preloaded("jemalloc")
    live = start_plainly(*command, "/usr/bin/cat")
    live.say("a line")
    live.await_line("a line")
    report, text = look_at(alloctrace, run_plainly, live.pid, tmp_path)
    copies = bound(report, "malloc")
    assert copies["libjemalloc.so.2"] > 0 and copies["libc.so.6"] == 0
    assert "    called by none of its names: malloc is that of libjemalloc.so.2\n" in text
    assert text.count("called by none") == 1
    assert live.finish("").status == 0


def test_a_static_one_beside_libcs_is_what_the_program_is_bound_to(
        alloctrace, run_plainly, start_plainly, tmp_path, linked):
    live = start_plainly(linked("jemalloc-static"), "wait")
    live.await_line("ready")
    report, text = look_at(alloctrace, run_plainly, live.pid, tmp_path)
    copies = bound(report, "malloc")
    assert copies["jemalloc-static"] > 0 and copies["libc.so.6"] == 0
    assert "    called by none of its names: malloc is that of jemalloc-static\n" in text
    assert live.finish("").status == 0


# ---- a real program ------------------------------------------------------------------------------


def serve(start_traced, installed, until, tmp_path):
    """redis-server, which is linked with jemalloc, carries the counting library."""
    socket = tmp_path / "socket"
    library = BUILD / "libcount.so"
    server = start_traced("/usr/bin/env", f"LD_PRELOAD={library}",
                          f"COUNT_OUT={tmp_path}/counted", installed("redis-server"),
                          "--port", "0", "--unixsocket", socket, "--save", "", "--dir", tmp_path)
    client = [installed("redis-cli", "redis-tools"), "-s", str(socket)]

    def ask(lines):
        return subprocess.run(client, input=lines, text=True, capture_output=True,
                              check=False).stdout.strip()
    until(lambda: socket.exists() and ask("ping") == "PONG", "the server")
    return server, ask


def test_redis_with_jemalloc(start_traced, installed, until, tmp_path, assert_counted):
    there(f"{LIBRARIES}/libjemalloc.so.2", "libjemalloc2")
    server, ask = serve(start_traced, installed, until, tmp_path)
    ask("".join(f"set key{i} {'x' * i * 7}\nrpush list {i}\n" for i in range(500)))
    assert ask("llen list") == "500"
    ask("".join(f"del key{i}\n" for i in range(0, 500, 2)) + "flushall sync\n")
    ask("shutdown nosave\n")
    run = server.finish()
    counts = read_counts(tmp_path / f"counted.{run.report['pid']}")
    assert run.status == 0 and counts["allocs"] > 10_000
    assert_counted(run, counts)
    assert called_copies(run.report, "malloc") == {"libcount.so"}
