"""Programs that are linked statically and have no symbols: their allocator is known by its code,
or not at all."""

import os
import re
import shutil
import subprocess

import pytest

from attaching import assert_churning_goes_on
from conftest import REPO, SUMS
from test_allocators import FLAGS, SOURCE, child_of, less  # noqa: F401

TARGETS = REPO / "tests" / "targets"
TOTALS = ("allocs", "frees", "bytes_allocated", "bytes_freed", "live_blocks", "live_bytes")
LEVELS = ["-O0", "-O1", "-O2", "-O3", "-Os"]
FOUND = "its allocator was found by the code of"

# name -> package, compiler, flags
LIBRARIES = {
    "glibc": ("libc6-dev", ["gcc"], ["-static"]),
    "glibc-pie": ("libc6-dev", ["gcc"], ["-static-pie", "-fPIE"]),
    "musl": ("musl-tools", ["musl-gcc"], ["-static"]),
}


def build(installed, folder, library, level, source=SOURCE, name="program", more=()):
    """Both as it is linked and without symbols; of one length are their names."""
    package, compiler, flags = LIBRARIES[library]
    installed(compiler[0], package)
    whole, bare = folder / f"{name}-whole", folder / f"{name}-strip"
    subprocess.run([*compiler, *FLAGS, "-pthread", *flags, level, *more, "-o", whole, source],
                   check=True, capture_output=True)
    subprocess.run(["strip", "--strip-all", "-o", bare, whole], check=True)
    return str(whole), str(bare)


def notes(run):
    return run.report["ledger"]["notes"]


@pytest.fixture
def run_exactly(trace):
    """The Run of a command with the target's words for the way; beyond what there is in an idle
    process the report is just what the program tells. Names of its functions there are none."""
    def run(program, *words):
        idle, busy = trace(program, *words, "idle"), trace(program, *words, options=["-f"])
        assert (busy.status, idle.status) == (0, 0)
        assert less(busy.report.called_functions(), idle.report.called_functions()) == \
               busy.truth["functions"]
        assert {key: busy.report["totals"][key] - idle.report["totals"][key] for key in TOTALS} \
               == {key: busy.truth["totals"][key] for key in TOTALS}
        busy.report.assert_consistent()
        busy.report.assert_unblemished()
        return busy
    return run


# ---- what they tell themselves ---------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_truth_of_a_program_without_symbols(run_exactly, installed, tmp_path, library, level):
    run = run_exactly(build(installed, tmp_path, library, level)[1])
    assert any(FOUND in note for note in notes(run))


@pytest.mark.sanitized
@pytest.mark.parametrize("way", ["threads", "fork"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_threads_and_children_of_one(run_exactly, child_of, installed, tmp_path, library, way):
    run = run_exactly(build(installed, tmp_path, library, "-O2")[1], way)
    if way == "fork":
        child = child_of(run)
        assert {name: child.report.called_functions()[name] for name in child.truth["functions"]} \
               == child.truth["functions"]
        child.report.assert_consistent()
        child.report.assert_unblemished()


# ---- against the same with symbols -----------------------------------------------------------


def addresses(run):
    """Each site's stack and figures, by addresses in the file."""
    return sorted((*[(frame["module"] and os.path.dirname(frame["module"]), frame["address"])
                     for frame in site["stack"] if not frame["inlined"]],
                   *[(key, site[key]) for key in SUMS]) for site in run.report["sites"])


def blemishes(run):
    return {key: value for key, value in run.report["ledger"].items() if isinstance(value, int)}


@pytest.mark.parametrize("library", ["glibc", "musl"])
@pytest.mark.parametrize("name", ["family", "realloc_cases", "failures"])
def test_the_same_is_seen_as_with_symbols(trace, installed, tmp_path, library, name):
    more = ["-Dpvalloc=valloc"] if library == "musl" else []
    whole, bare = build(installed, tmp_path, library, "-O2", TARGETS / f"{name}.c", name, more)
    with_symbols = trace(whole, options=["--raw-stacks"])
    without = trace(bare, options=["--raw-stacks"])
    assert without.report["totals"] == with_symbols.report["totals"]
    assert addresses(without) == addresses(with_symbols)
    assert without.truth["totals"] == with_symbols.truth["totals"]


@pytest.mark.parametrize("way", ["debuglink", "debugdata"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_names_kept_elsewhere_go_before_code(trace, alloctrace, installed, tmp_path, library, way):
    more = ["-Dpvalloc=valloc"] if library == "musl" else []
    whole, bare = build(installed, tmp_path, library, "-O2", TARGETS / "family.c", "family", more)
    kept = tmp_path / "kept"
    subprocess.run(["objcopy", "--only-keep-debug", whole, kept], check=True)
    if way == "debuglink":
        subprocess.run(["objcopy", "--add-gnu-debuglink=kept", bare], check=True, cwd=tmp_path)
    else:
        subprocess.run(["objcopy", "--strip-debug", kept], check=True)
        subprocess.run([installed("xz", "xz-utils"), "-k", kept], check=True)
        subprocess.run(["objcopy", f"--add-section=.gnu_debugdata={kept}.xz", bare], check=True)
        kept.unlink()
    with_symbols, run = trace(whole), trace(bare)
    assert run.report["totals"] == with_symbols.report["totals"]
    assert run.report.called_functions() == with_symbols.report.called_functions()
    assert not any("has no symbols" in note for note in notes(run))


# ---- programs of others ----------------------------------------------------------------------


REAL = {
    "busybox awk": ("busybox-static", "busybox",
                    ["awk", "BEGIN { for (i = 0; i < 500; i++) a[i] = i \"x\"; "
                            "for (k in a) s = s a[k]; print length(s) }"]),
    "busybox sort": ("busybox-static", "busybox", ["sort", "/etc/passwd"]),
    "bash": ("bash-static", "bash-static",
             ["-c", "for i in 1 2 3 4 5; do a=\"$a $((i * i))\"; done; echo $a"]),
}

# It has no unwind tables of its own, and its interpreter loop leaves by a jump through a register.
CUT = ["busybox awk"]


@pytest.mark.parametrize("name", REAL)
def test_a_real_program(trace, run_plainly, installed, name):
    package, command, words = REAL[name]
    program = installed(command, package)
    if "INTERP" in subprocess.run(["readelf", "-lW", program], capture_output=True, text=True,
                                  check=True).stdout:
        pytest.skip(f"{program} is not linked statically, package {package} is not installed")
    plain = run_plainly(program, *words)
    runs = [trace(program, *words) for _ in range(2)]
    assert [(run.status, run.out) for run in runs] == [(plain.status, plain.out)] * 2
    for run in runs:
        assert any(FOUND in note for note in notes(run))
        assert run.report["totals"]["allocs"] > 5
        run.report.assert_consistent()
        if name in CUT:
            assert run.report["ledger"]["truncated_stacks"] > 0
            run.report["ledger"]["truncated_stacks"] = 0
        run.report.assert_unblemished()
    assert runs[0].report.called_functions() == runs[1].report.called_functions()


# ---- while it runs ---------------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_running_one_is_attached_to_and_not_harmed(attach, start_plainly, installed, tmp_path,
                                                     library):
    bare = build(installed, tmp_path, library, "-O2", TARGETS / "churning.c")[1]
    assert_churning_goes_on(attach, start_plainly(bare, "4"), 3, "0.1")


# ---- what is refused -------------------------------------------------------------------------


OWN = """
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static char room[1 << 20];
static size_t used;

void *malloc(size_t size)
{
	void *at = room + used;

	used += (size + 31) & ~(size_t)15;
	return size > INT64_MAX - 4096 || used > sizeof(room) ? NULL : at;
}

void free(void *at)
{
	(void)at;
}

void *calloc(size_t count, size_t size)
{
	return malloc(count * size);
}

void *realloc(void *old, size_t size)
{
	void *at = malloc(size);

	return old && at ? memcpy(at, old, size) : at;
}

%s

int main(void)
{
	char *at = realloc(malloc(10), 20);

	free(at);
	at = calloc(3, 4);
	return !at;
}
"""

COMPLAINS = """
#include <unistd.h>

__attribute__((noinline)) void *renew(void *old, size_t size)
{
	static const char *volatile text;

	text = "realloc(): invalid pointer";
	return old && size ? realloc(old, size) : malloc(size + (text == old));
}

__attribute__((constructor)) void begin(void)
{
	free(renew(renew(NULL, 5), 6));
}
"""


@pytest.mark.parametrize("library", ["glibc", "musl"])
@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("more", ["", COMPLAINS], ids=["own", "own-and-a-text"])
def test_an_allocator_that_is_not_known_is_left_alone(trace, installed, tmp_path, library, level,
                                                      more):
    source = tmp_path / "own.c"
    source.write_text(OWN % more)
    bare = build(installed, tmp_path, library, level, source)[1]
    run = trace(bare)
    assert run.status == 0
    assert run.report.called_functions() == {}
    assert any("no allocator function was found" in note for note in notes(run))


def test_a_refusal_is_noted(trace, installed, tmp_path):
    source = tmp_path / "own.c"
    source.write_text(OWN % COMPLAINS)
    bare = build(installed, tmp_path, "glibc", "-O1", source)[1]
    (note,) = [note for note in notes(trace(bare)) if "has no symbols" in note]
    assert "nothing of it is traced" in note


def test_dietlibc_is_not_taken_for_another(trace, installed, tmp_path):
    installed("diet", "dietlibc-dev")
    bare = str(tmp_path / "program")
    subprocess.run(["diet", "gcc", *FLAGS, "-s", "-o", bare, SOURCE], check=True,
                   capture_output=True)
    run = trace(bare)
    assert run.status == 0
    assert not any(FOUND in note for note in notes(run))


def test_a_program_that_needs_libraries_is_not_searched(trace, target, tmp_path):
    bare = str(tmp_path / "program")
    subprocess.run(["strip", "--strip-all", "-o", bare, target("family")], check=True)
    run = trace(bare)
    run.assert_functions_true()
    run.assert_totals_true()
    assert not any("has no symbols" in note for note in notes(run))


# ---- what is shown ---------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["glibc", "musl"])
def test_check_says_how_they_were_found(alloctrace, start_plainly, installed, tmp_path, library):
    bare = build(installed, tmp_path, library, "-O2", TARGETS / "known.c")[1]
    program = start_plainly(bare)
    pid = program.await_ready()
    shown = subprocess.run([alloctrace, "check", "-p", str(pid)], capture_output=True, text=True,
                           check=True).stdout
    program.kill(9)
    program.finish()
    assert f"{os.path.basename(bare)}, by its signature" in shown
    for name in ("malloc", "free"):
        assert re.search(rf"\b{name}\b", shown), shown


def test_what_is_found_does_not_depend_on_its_place(run_exactly, installed, tmp_path):
    """The same program twice, under another name: nothing is remembered."""
    bare = build(installed, tmp_path, "glibc-pie", "-O2")[1]
    other = shutil.copy(bare, tmp_path / "other")
    assert run_exactly(bare).report.called_functions() == \
           run_exactly(str(other)).report.called_functions()


# ---- by what they are known ------------------------------------------------------------------


def signatures(*builds):
    return subprocess.run([REPO / "scripts" / "signatures", *builds], capture_output=True,
                          text=True, check=False)


def lists(text):
    """array -> what is in it"""
    return {name: set(re.findall(r'"[^"]+"|0x[0-9a-f]+', body))
            for name, body in re.findall(r"(\w+)\[\] = {(.*?)}", text, re.DOTALL)}


def test_the_lists_hold_what_the_installed_libraries_give(installed):
    installed("musl-gcc", "musl-tools")
    made, again = signatures("--system"), signatures("--system")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == again.stdout
    kept = lists((REPO / "src" / "analysis" / "signatures.c").read_text())
    of_system = lists(made.stdout)
    assert of_system.keys() == kept.keys()
    assert of_system["musl_limits"] <= kept["musl_limits"]
    for name in kept.keys() - {"musl_limits"}:
        assert of_system[name] & kept[name], name


def test_a_build_that_is_none_is_refused():
    refused = signatures("glibc")
    assert refused.returncode != 0
    assert "no build" in refused.stderr and refused.stdout == ""
