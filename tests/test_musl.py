"""Programs that are linked with musl dynamically: its loader is its C library."""

import os
import shutil
import subprocess

import pytest

from attaching import assert_detached, assert_untouched
from conftest import read_json
from linked import linked

pytestmark = pytest.mark.sanitized


@pytest.fixture(params=["beside", "by path"])
def plugin(request, tmp_path):
    """What dlopen is asked for, and the environment in which it is found."""
    path = linked("musl", "plugin", "-shared", "-fPIC")
    if request.param == "by path":
        return path, {}
    shutil.copy(path, tmp_path / "libplugin.so")
    return "libplugin.so", {"LD_LIBRARY_PATH": str(tmp_path)}


def test_a_plugin_is_loaded_again_and_again(trace, plugin):
    """musl never unloads: its constructor runs once, its destructor at the end."""
    name, env = plugin
    run = trace(linked("musl", "host"), "load", name, "20", env=env)
    assert run.status == 0, run.err
    run.assert_marker_true("host_take")
    sums = {function: run.report.sums_of(function)
            for function in ("plugin_constructor", "plugin_work", "plugin_take_zeroed")}
    assert sums["plugin_constructor"] == {"allocs": 1, "frees": 1, "live_blocks": 0,
                                          "live_bytes": 0}
    assert sums["plugin_work"]["allocs"] == 120 and sums["plugin_work"]["frees"] == 60
    assert sums["plugin_take_zeroed"]["live_bytes"] == 60 * 70
    run.report.assert_consistent()
    run.report.assert_unblemished()


def test_a_plugins_own_allocator_is_found_before_its_first_call(trace):
    run = trace(linked("musl", "host"), "pool", linked("musl", "plugin_pool", "-shared", "-fPIC"),
                "100")
    assert run.status == 0, run.err
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


@pytest.fixture
def preloaded(tmp_path):
    """A library that has a malloc of its own in front of musl's, with the rest of the family."""
    source = tmp_path / "own.c"
    source.write_text("""
#include <string.h>
static char pool[1 << 22];
static size_t used;
void *memalign(size_t align, size_t size)
{
	size_t at = (used + 16 + align - 1) & ~(align - 1);
	if (at + size > sizeof(pool))
		return 0;
	((size_t *)(pool + at))[-1] = size;
	used = at + size;
	return pool + at;
}
void *malloc(size_t size) { return memalign(16, size); }
void *calloc(size_t count, size_t size) { return malloc(count * size); }
void *aligned_alloc(size_t align, size_t size) { return memalign(align, size); }
void free(void *at) { (void)at; }
void *realloc(void *old, size_t size)
{
	void *at = malloc(size);
	if (at && old)
		memcpy(at, old, ((size_t *)old)[-1] < size ? ((size_t *)old)[-1] : size);
	return at;
}
""")
    library = tmp_path / "own.so"
    subprocess.run(["musl-gcc", "-O2", "-fno-builtin", "-shared", "-fPIC", "-o", library, source],
                   check=True)
    return str(library)


def test_an_allocator_in_front_of_musls(trace, preloaded):
    """Named to the program alone: with it in alloctrace's environment glibc's loader took it."""
    run = trace("/usr/bin/env", f"LD_PRELOAD={preloaded}", linked("musl", "exec_chain"), "0", "x")
    assert run.status == 41
    run.assert_markers_true()
    assert run.truth["functions"] == run.report.called_functions()
    run.report.assert_unblemished()


# ---- in another root ---------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path):
    """A root folder with musl and `known`, as it may stand in a container; outside its paths
    are those of other files, or of none."""
    if os.geteuid() != 0:
        pytest.skip("chroot is root's")
    folder = tmp_path / "root"
    (folder / "lib").mkdir(parents=True)
    (folder / "bin").mkdir()
    linked("musl", "known")
    shutil.copy(os.path.realpath("/lib/ld-musl-x86_64.so.1"), folder / "lib/ld-musl-x86_64.so.1")
    shutil.copy(linked("musl", "known"), folder / "bin/sh")
    (folder / "truth").touch()
    return folder


WAYS = {
    "chroot": ["/usr/sbin/chroot"],
    "mount namespace": ["unshare", "--mount", "/usr/sbin/chroot"],
}


@pytest.mark.parametrize("way", WAYS)
def test_in_a_root_of_its_own(attach, start_plainly, root, way):
    live = start_plainly(*WAYS[way], root, "/bin/sh", env={"TRUTH": "/truth"})
    live.await_ready()
    attached = attach(live.pid)
    attached.dump()
    live.say("go")
    live.await_line("done")
    attached.dump()
    run = attached.detach()
    assert_untouched(live.pid)
    assert live.finish("\n").status == 0
    assert_detached(run)
    run.report.assert_unblemished()
    assert run.report["ledger"]["text_identical"] is True
    names = {frame["function"] for site in run.report["sites"] for frame in site["stack"]}
    assert "main" in names
    run.truth = read_json(root / "truth")
    run.assert_markers_true()
