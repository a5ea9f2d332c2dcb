"""Other allocators than glibc's, other builds of glibc, other C libraries: preloaded, linked,
linked statically. What was counted is what the program did, to the call and byte."""

import json
import os
import subprocess

import pytest

from conftest import BUILD, HANG, REPO, Report, Run

pytestmark = pytest.mark.sanitized

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
CLANG = "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux"
SOURCE = REPO / "tests" / "targets" / "allocators.c"
FLAGS = ["-D_GNU_SOURCE", "-O2", "-g", "-fomit-frame-pointer", "-fno-builtin",
         f"-I{SOURCE.parent}"]
MILD = "mild"  # these end the program rather than fail

# name -> Debian package, library, what it needs in the environment, words for the target
PRELOADED = {
    "jemalloc": ("libjemalloc2", f"{LIBRARIES}/libjemalloc.so.2"),
    "tcmalloc-minimal": ("libtcmalloc-minimal4", f"{LIBRARIES}/libtcmalloc_minimal.so.4"),
    "tcmalloc-minimal-debug": ("libtcmalloc-minimal4",
                               f"{LIBRARIES}/libtcmalloc_minimal_debug.so.4"),
    "tcmalloc": ("libgoogle-perftools4", f"{LIBRARIES}/libtcmalloc.so.4"),
    "tcmalloc-and-profiler": ("libgoogle-perftools4",
                              f"{LIBRARIES}/libtcmalloc_and_profiler.so.4"),
    "tcmalloc-debug": ("libgoogle-perftools4", f"{LIBRARIES}/libtcmalloc_debug.so.4"),
    "mimalloc": ("libmimalloc2.0", f"{LIBRARIES}/libmimalloc.so.2"),
    "tbbmalloc": ("libtbbmalloc2", f"{LIBRARIES}/libtbbmalloc_proxy.so.2"),
    "dmalloc": ("libdmalloc5", f"{LIBRARIES}/libdmallocth.so.5"),
    "efence": ("electric-fence", "/usr/lib/libefence.so.0", "EF_ALLOW_MALLOC_0=1", MILD),
    "duma": ("duma", "/usr/lib/libduma.so.0", "DUMA_ALLOW_MALLOC_0=1", MILD),
    "scudo": ("libclang-rt-14-dev", f"{CLANG}/libclang_rt.scudo-x86_64.so",
              "SCUDO_OPTIONS=allocator_may_return_null=1"),
    "scudo-minimal": ("libclang-rt-14-dev", f"{CLANG}/libclang_rt.scudo_minimal-x86_64.so",
                      "SCUDO_OPTIONS=allocator_may_return_null=1"),
    "scudo-standalone": ("libclang-rt-14-dev",
                         f"{CLANG}/libclang_rt.scudo_standalone-x86_64.so",
                         "SCUDO_OPTIONS=may_return_null=1"),
    "memusage": ("libc6", f"{LIBRARIES}/libmemusage.so", "MEMUSAGE_PROG_NAME=none"),
    "asan": ("libasan8", f"{LIBRARIES}/libasan.so.8",
             "ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0"),
}

# Builds of glibc for cross compilers: another version than the system's.
GLIBCS = {
    "amd64": ("libc6-amd64-cross", "/usr/x86_64-linux-gnu/lib"),
    "x32": ("libc6-amd64-x32-cross", "/usr/x86_64-linux-gnux32/lib64"),
}

# name -> package, compiler, flags
LINKED = {
    "musl": ("musl-tools", ["musl-gcc"], ["-pthread"]),
    "musl-static": ("musl-tools", ["musl-gcc"], ["-pthread", "-static"]),
    "glibc-static": ("libc6-dev", ["gcc"], ["-pthread", "-static"]),
    "glibc-static-pie": ("libc6-dev", ["gcc"], ["-pthread", "-static-pie", "-fPIE"]),
    "dietlibc": ("dietlibc-dev", ["diet", "gcc"], []),
}

WAYS = pytest.mark.parametrize("way", [[], ["threads"], ["fork"]],
                               ids=lambda way: way[0] if way else "alone")


def there(path, package):
    if not os.path.exists(path):
        pytest.skip(f"package {package} is not installed")
    return path


def preloaded(name):
    """The beginning of a command that has the library in front of all others, and its end."""
    package, library, *more = PRELOADED[name]
    variables, words = more[:1], more[1:]
    return ["/usr/bin/env", f"LD_PRELOAD={there(library, package)}", *variables], words


def less(counts, others):
    """counts without those of others; functions that are left with nothing are left out."""
    left = {name: {key: value - others.get(name, {}).get(key, 0) for key, value in of.items()}
            for name, of in counts.items()}
    return {name: of for name, of in left.items() if any(of.values())}


def assert_exact(run, idle):
    """Beyond what there is in an idle process, just what the program tells."""
    assert (run.status, idle.status) == (0, 0)
    assert less(run.report.called_functions(), idle.report.called_functions()) == \
           run.truth["functions"]
    keys = ("allocs", "frees", "bytes_allocated", "bytes_freed", "live_blocks", "live_bytes")
    assert {key: run.report["totals"][key] - idle.report["totals"][key] for key in keys} == \
           {key: run.truth["totals"][key] for key in keys}
    run.assert_markers_true()
    run.report.assert_consistent()


@pytest.fixture
def run_exactly(trace):
    """The Run of a command with the target's words for the way, asserted to be exact."""
    def run(command, words):
        idle = trace(*command, *words, "idle")
        busy = trace(*command, *words, options=["-f"])
        assert_exact(busy, idle)
        busy.report.assert_unblemished()
        return busy
    return run


@pytest.fixture
def child_of(tmp_path):
    """The Run of the only child."""
    def read(parent):
        (path,) = [path for path in tmp_path.glob("report.*.json")
                   if path.name != f"report.{parent.report['pid']}.json"]
        report = Report(json.loads(path.read_text()))
        truth = json.loads((tmp_path / f"truth.json.{report['pid']}").read_text())
        return Run(None, "", "", report, truth)
    return read


def assert_child_exact(child):
    child.assert_markers_true()
    child.report.assert_consistent()
    functions = child.report.called_functions()
    assert {name: functions[name] for name in child.truth["functions"]} == \
           child.truth["functions"]
    child.report.assert_unblemished()


@WAYS
@pytest.mark.parametrize("name", PRELOADED)
def test_a_preloaded_allocator(run_exactly, child_of, target, name, way):
    command, words = preloaded(name)
    run = run_exactly([*command, target("allocators")], [*way, *words])
    if way == ["fork"]:
        assert_child_exact(child_of(run))


@WAYS
@pytest.mark.parametrize("name", GLIBCS)
def test_another_build_of_glibc(run_exactly, child_of, target, name, way):
    package, folder = GLIBCS[name]
    loader = there(f"{folder}/ld-linux-x86-64.so.2", package)
    run = run_exactly([loader, "--library-path", folder, target("allocators")], way)
    if way == ["fork"]:
        assert_child_exact(child_of(run))


def compiled(name, folder, installed):
    package, compiler, flags = LINKED[name]
    installed(compiler[0], package)
    program = folder / "allocators"
    subprocess.run([*compiler, *FLAGS, *flags, "-o", program, SOURCE], check=True,
                   capture_output=True)
    return str(program)


@WAYS
@pytest.mark.parametrize("name", LINKED)
def test_another_way_of_linking(run_exactly, child_of, installed, tmp_path, name, way):
    run = run_exactly([compiled(name, tmp_path, installed)], way)
    if way == ["fork"]:
        assert_child_exact(child_of(run))


# ---- each late entry, by stepping through the calls ------------------------------------------


def steps(*command):
    """How often each late entry was met; every one of them told the truth, or it fails."""
    run = subprocess.run([BUILD / "unit" / "test_steps", "TRUTH=/dev/null", *command],
                         text=True, capture_output=True, timeout=HANG)
    assert run.returncode == 0, run.stderr
    lines = [line.split() for line in run.stdout.splitlines()]
    fused = [value for key, value in lines if key == "fused"]
    calls = [int(value) for key, value in lines if key == "calls"]
    return fused, calls, [int(value) for key, value in lines if key == "met"]


def assert_every_late_entry_true(command):
    """All of them, together: which ways are gone depends on whether there is another thread."""
    fused, calls, met = steps(*command, "stop")
    beside = steps(*command, "stop", "company")
    assert fused == beside[0] == ["malloc", "calloc"]
    assert min(*calls, *beside[1]) > 90
    assert all(sum(both) for both in zip(met, beside[2]))


def test_steps_through_the_systems_glibc(target):
    assert_every_late_entry_true([target("allocators")])


@pytest.mark.parametrize("name", GLIBCS)
def test_steps_through_another_build_of_glibc(target, name):
    package, folder = GLIBCS[name]
    loader = there(f"{folder}/ld-linux-x86-64.so.2", package)
    assert_every_late_entry_true([loader, "--library-path", folder, target("allocators")])


@pytest.mark.parametrize("name", [name for name in LINKED if name.startswith("glibc")])
def test_steps_through_a_static_glibc(installed, tmp_path, name):
    assert_every_late_entry_true([compiled(name, tmp_path, installed)])


# ---- what is not theirs ------------------------------------------------------------------------


OTHER_NAMES = """
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static void many(void *(*take)(size_t), void (*give)(void *))
{
	for (size_t size = 1; size < 3000000; size = size * 3 / 2 + 1) {
		void *at = take(size);

		memset(at, 1, size);
		give(at);
	}
}

int main(int argc, char **argv)
{
	void *take = dlsym(RTLD_DEFAULT, argv[1]), *give = dlsym(RTLD_DEFAULT, argv[2]);

	if (argc != 3 || !take || !give)
		return 1;
	many((void *(*)(size_t))take, (void (*)(void *))give);
	return 0;
}
"""


def test_a_slow_path_that_other_functions_go_too(trace, tmp_path):
    """mimalloc's malloc and mi_zalloc end in the same code: calls of the one are not the
    other's."""
    source, program = tmp_path / "other.c", str(tmp_path / "other")
    source.write_text(OTHER_NAMES)
    subprocess.run(["gcc", "-fno-builtin", "-o", program, source, "-ldl"], check=True)
    command, _ = preloaded("mimalloc")
    run = trace(*command, program, "mi_zalloc", "mi_free")
    assert run.status == 0
    assert "malloc" not in run.report.called_functions()
