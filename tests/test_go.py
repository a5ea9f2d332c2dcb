"""Go's runtime has an allocator of its own: what it maps is traced, and the report says so. C code
in a Go program is traced as anywhere."""

import os
import subprocess

import pytest

from conftest import REPO

NOTE = "{} has the Go runtime, whose own allocator is not traced: what it maps is"
MEGABYTES = 100

SOURCES = {
    "plain": """
package main

var kept [][]byte

//go:noinline
func keep() { kept = append(kept, make([]byte, 1<<20)) }

func main() {
	for i := 0; i < %d; i++ {
		keep()
	}
}
""" % MEGABYTES,
    "with C": """
package main

/*
#include <stdlib.h>
static __attribute__((noipa)) void *c_take(size_t size)
{
	void *at = malloc(size);
	__asm__ volatile("" : "+r"(at) : : "memory");
	return at;
}
*/
import "C"

func main() {
	for i := 0; i < 10; i++ {
		C.c_take(100)
	}
	C.free(C.c_take(50))
}
""",
}


@pytest.fixture
def compiled(installed, tmp_path):
    go = installed("go", "golang-go")

    def build(name):
        source, program = tmp_path / "program.go", tmp_path / "program"
        source.write_text(SOURCES[name])
        environment = {**os.environ, "HOME": str(tmp_path), "GOCACHE": str(REPO / "build" / "go"),
                       "GO111MODULE": "off", "GOFLAGS": ""}
        subprocess.run([go, "build", "-o", program, source], env=environment, check=True)
        return str(program)
    return build


def test_a_program_of_go_alone(trace, compiled):
    program = compiled("plain")
    run = trace(program)
    maps = run.report["maps"]
    assert run.status == 0
    assert NOTE.format(program) in run.report["ledger"]["notes"]
    assert run.report["totals"]["allocs"] == 0
    assert (maps["identical"], maps["by_origin"]["unseen"]) == (True, 0)
    grown = [site for site in run.report["map_sites"]
             if "runtime.(*mheap).grow" in [frame["function"] for frame in site["stack"]]]
    assert sum(site["bytes"] for site in grown) >= MEGABYTES << 20


def test_a_program_of_go_and_c(trace, compiled):
    program = compiled("with C")
    run = trace(program)
    assert run.status == 0
    assert NOTE.format(program) in run.report["ledger"]["notes"]
    assert run.report.sums_of("c_take") == {"allocs": 11, "frees": 1, "live_blocks": 10,
                                            "live_bytes": 1000}
    run.report.assert_consistent()


def test_a_program_that_carries_gos_mark(trace, target, tmp_path):
    """As go's linker marks them, where go itself is not installed."""
    program, mark = tmp_path / "marked", tmp_path / "mark"
    mark.write_bytes(b"\\xff Go buildinf:")
    subprocess.run(["objcopy", "--add-section", f".go.buildinfo={mark}", target("status"), program],
                   check=True)
    notes = trace(str(program), "0").report["ledger"]["notes"]
    assert NOTE.format(program) in notes
    assert not any("Go runtime" in note for note in trace(target("status")).report["ledger"]["notes"])
