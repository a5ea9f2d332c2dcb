"""Frames where there is no name to be had, and modules whose file has changed."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

# ---- code that belongs to no module --------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("kind, home, module", [
    ("framed", "anon", "[anon]"), ("bare", "anon", "[anon]"),
    ("framed", "file", "/memfd:code (deleted)"), ("bare", "file", "/memfd:code (deleted)")])
def test_code_without_a_name_is_mapping_and_offset(start_traced, target, tmp_path, until, kind,
                                                   home, module):
    live = start_traced(target("jitted"), kind, home,
                        options=["-o", f"text:{tmp_path}/report.txt"])
    live.await_ready()
    live.kill(signal.SIGUSR1)  # what is mapped where is seen while the program lives
    until((tmp_path / "report.1.json").exists, "the dump")
    run = live.finish("\n")
    site, = run.report["sites"]
    assert site["stack"][0] == {
        "address": hex(run.truth["address"]), "module": module, "build_id": None,
        "function": None, "offset": run.truth["offset"], "file": None, "line": None,
        "inlined": False}
    text = (tmp_path / "report.txt").read_text()
    assert f"      {module.strip('/')}+{run.truth['offset']:#x}\n" in text
    rest = [frame["function"] for frame in site["stack"][1:3]]
    if kind == "framed":
        assert rest == ["use_code", "main"]
        run.assert_all_true()
    else:
        assert rest == [] and run.report["ledger"]["truncated_stacks"] == 1


def test_a_stripped_module_is_module_and_offset(trace, target, tmp_path):
    program = tmp_path / "inlined"
    shutil.copy(target("inlined"), program)
    entry = symbols_of(program)
    subprocess.run(["strip", str(program)], check=True)
    site, = trace(str(program)).report["sites"]
    frames = [frame for frame in site["stack"] if frame["module"] == str(program)]
    assert [frame["function"] for frame in frames] == [None] * 3
    for frame, function in zip(frames, ("real", "main", "_start")):
        begin, size = entry[function]
        assert begin < frame["offset"] <= begin + size


def symbols_of(program):
    """Name to address and size."""
    lines = subprocess.run(["nm", "-S", str(program)], text=True, check=True,
                           capture_output=True).stdout.splitlines()
    return {words[3]: (int(words[0], 16), int(words[1], 16))
            for words in map(str.split, lines) if len(words) == 4}


# ---- files that changed ------------------------------------------------------------

LIBRARY = """
#include <stdlib.h>
__attribute__((noinline, visibility("hidden"))) void *%(inner)s(int n) { return malloc(n); }
void *kept;
void keep(int n) { %(before)s kept = %(inner)s(n); }
"""
PROGRAM = """
#include <stdio.h>
void keep(int);
int main(void) { keep(50); printf("ready 0\\n"); fflush(stdout); return getchar() == EOF; }
"""
BEFORE = 'for (int i = 0; i < 9; i++) __asm__ volatile("nop");'


class Library:
    """libkeep.so with its program, and another build of it."""

    def __init__(self, folder):
        self.path, self.program, self.other = (folder / name for name in
                                               ("libkeep.so", "prog", "other.so"))
        self.build(self.path, inner="inner", before="")
        self.build(self.other, inner="renamed", before=BEFORE)
        (folder / "prog.c").write_text(PROGRAM)
        subprocess.run(["gcc", str(folder / "prog.c"), str(self.path), "-Wl,-rpath," + str(folder),
                        "-o", str(self.program)], check=True)

    def build(self, path, **how):
        path.with_suffix(".c").write_text(LIBRARY % how)
        subprocess.run(["gcc", "-g", "-O1", "-fno-optimize-sibling-calls", "-shared", "-fPIC",
                        "-Wl,--build-id", str(path.with_suffix(".c")), "-o", str(path)],
                       check=True)

    def strip(self):
        for path in (self.path, self.other):
            debug = path.with_suffix(".debug")
            subprocess.run(["objcopy", "--only-keep-debug", str(path), str(debug)], check=True)
            subprocess.run(["objcopy", "--strip-all", str(path)], check=True)


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path)


@pytest.fixture
def changed(start_traced, library):
    """changed(change): the notes and the frames in the library when its file is changed
    while the program runs."""
    def run(change):
        live = start_traced(str(library.program))
        live.await_line("ready")
        change()
        report = live.finish("\n").report
        site, = [site for site in report["sites"] if site["live_bytes"] == 50]
        return (report["ledger"]["notes"],
                [(frame["function"], frame["line"]) for frame in site["stack"][:2]],
                site["stack"][2]["function"])
    return run


LOADED = ([("inner", 3), ("keep", 5)], "main")
SAYS = "libkeep.so was %s since it was loaded: its names come from what was loaded"


@pytest.mark.sanitized
def test_a_replaced_file(changed, library):
    assert changed(lambda: os.rename(library.other, library.path)) == \
           ([SAYS % "replaced on disk"], *LOADED)


def test_a_deleted_file(changed, library):
    assert changed(library.path.unlink) == ([SAYS % "deleted"], *LOADED)


def test_a_file_replaced_by_something_else(changed, library):
    def change():
        library.path.unlink()
        library.path.write_text("no library")
    assert changed(change) == ([SAYS % "replaced on disk"], *LOADED)


def test_the_same_file_again(changed, library):
    def change():
        shutil.copy(library.path, library.other)
        os.rename(library.other, library.path)
    assert changed(change) == ([], *LOADED)


def test_a_file_overwritten_in_place(changed, library):
    """All that is seen of a file is then of another: its ID tells, nothing is named."""
    identity = bytes.fromhex(build_id(library.path))
    content = library.path.read_bytes()
    assert content.count(identity) == 1

    def change():
        with open(library.path, "r+b") as file:
            file.seek(content.index(identity))
            file.write(bytes(20))
    assert changed(change) == (
        ["libkeep.so was overwritten since it was loaded: nothing in it has a name"],
        [(None, None)] * 2, "main")


def build_id(path):
    notes = subprocess.run(["readelf", "-n", str(path)], text=True, check=True,
                           capture_output=True).stdout
    return notes.rpartition("Build ID: ")[2].split("\n")[0]


def test_the_debug_file_of_the_new_one_is_not_taken(changed, library):
    library.strip()
    for path in (library.path, library.other):
        folder = path.parent / path.stem
        folder.mkdir()
        linked = folder / "libkeep.debug"
        shutil.copy(path.with_suffix(".debug"), linked)
        subprocess.run(["objcopy", f"--add-gnu-debuglink={linked}", str(path)], check=True)

    def change():
        os.rename(library.other, library.path)
        shutil.copy(library.other.parent / "other" / "libkeep.debug", library.path.parent)
    notes, frames, caller = changed(change)
    assert notes == [SAYS % "replaced on disk"]
    assert (frames, caller) == ([(None, None), ("keep", None)], "main")


# ---- what another than root can see -----------------------------------------------

NOBODY = 65534
OPENED = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char path[64], impostor[4096];
	void (*keep)(int);
	void *library;
	int fd = open(argv[1], O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(impostor, sizeof(impostor), "%s (deleted)", argv[1]);
	if (unlink(argv[1]) || rename(argv[2], impostor) || !(library = dlopen(path, RTLD_NOW)))
		return 1;
	keep = (void (*)(int))dlsym(library, "keep");
	keep(50);
	return !dlopen("libm.so.6", RTLD_NOW); /* seen by the tracer, which is then up to date */
}
"""


@pytest.mark.parametrize("user", [NOBODY, 0])
def test_a_file_that_was_gone_when_it_was_loaded(alloctrace, environment, read_report, user):
    """Another one now stands where maps, read word for word, leads to."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = Library(folder)
        (folder / "opened.c").write_text(OPENED)
        subprocess.run(["gcc", str(folder / "opened.c"), "-o", str(folder / "opened")], check=True)
        shutil.copy(alloctrace, folder / "alloctrace")
        for path in (folder, *folder.iterdir()):
            os.chown(path, user, user)
        run = subprocess.run(
            [str(folder / "alloctrace"), "-o", f"json:{folder}/report.json", "--",
             str(folder / "opened"), str(library.path), str(library.other)],
            env=environment, cwd=folder, user=user, group=user, extra_groups=[], timeout=300,
            capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, "")
        report = read_report(folder / "report.json")
    site, = [site for site in report["sites"] if site["live_bytes"] == 50]
    frame = site["stack"][0]
    assert frame["module"] == f"{library.path} (deleted)"
    if user:
        assert frame["function"] is None
        assert report["ledger"]["notes"] == [
            "libkeep.so was deleted or replaced since it was loaded, only root can read it: "
            "stacks end there"]
    else:
        assert [frame["function"] for frame in site["stack"][:3]] == ["inner", "keep", "main"]
        assert report["ledger"]["notes"] == [SAYS % "deleted"]
