"""Rust's own allocator calls the C library's: counts are exact, and stacks are in Rust's names."""

import os
import shutil
import subprocess

import pytest

from conftest import REPO

pytestmark = pytest.mark.sanitized

SOURCE = REPO / "tests" / "targets" / "shelf.rs"
KINDS = {
    "legacy": ["-Csymbol-mangling-version=legacy"],
    "v0": ["-Csymbol-mangling-version=v0"],
    "static": ["-Csymbol-mangling-version=v0", "-Ctarget-feature=+crt-static"],
    "without unwinding": ["-Csymbol-mangling-version=v0", "-Cpanic=abort"],
}

PLACES = os.pathsep.join([os.environ.get("PATH", ""), os.path.expanduser("~/.cargo/bin")])


def compiled(source, program, *options):
    compiler = shutil.which("rustc", path=PLACES)
    if not compiler:
        pytest.skip("rustc is not installed")
    # its options that are not stable yet, too
    run = subprocess.run([compiler, "-g", "-O", "-Zunstable-options", *options, "-o", program,
                          source], env={**os.environ, "RUSTC_BOOTSTRAP": "1"}, text=True,
                         capture_output=True, check=False)
    if run.returncode and "toolchain" in run.stderr:
        pytest.skip("rustc has no toolchain")
    assert run.returncode == 0, run.stderr
    return str(program)


@pytest.fixture(scope="module", params=KINDS)
def shelf(request, tmp_path_factory):
    program = tmp_path_factory.mktemp("rust") / "shelf"
    return request.param, compiled(SOURCE, program, *KINDS[request.param])


# function -> allocs, frees, live blocks, live bytes, the allocator's functions
TOLD = {
    "shelf::take_and_give": (10, 10, 0, 0, {"calloc"}),
    "shelf::take_and_grow": (20, 10, 10, 55000, {"malloc", "realloc"}),
    "shelf::take_aligned": (10, 0, 10, 64 * 55, {"posix_memalign"}),
}


def test_what_it_allocates(trace, shelf):
    kind, program = shelf
    run = trace(program)
    assert run.status == 0, run.err
    for function, (*sums, called) in TOLD.items():
        assert list(run.report.sums_of(function).values()) == sums, function
        assert {site["function"] for site in run.report.sites_through(function)} == called
    run.report.assert_consistent()
    run.report.assert_unblemished()


def test_its_names(trace, shelf):
    kind, program = shelf
    report = trace(program).report
    legacy = kind == "legacy"
    keep = "<u32 as shelf::shelf::Keep>::keep"
    zeroed = "shelf::shelf::zeroed" if legacy else "shelf::shelf::zeroed::<u64>"
    assert report.sums_of(keep) == {"allocs": 50, "frees": 0, "live_blocks": 50,
                                    "live_bytes": sum(range(1, 51))}
    assert report.sums_of(zeroed)["live_bytes"] == 7 * 8
    (stack,) = report.stacks_through(keep)
    assert stack[:2] == [keep, "shelf::in_a_thread"]
    (stack,) = report.stacks_through(zeroed)
    assert stack[:2] == [zeroed, "shelf::main"]


def test_the_counting_library_agrees(trace_counted, assert_counted, shelf):
    kind, program = shelf
    if kind == "static":
        pytest.skip("no library can stand before what is linked in")
    assert_counted(*trace_counted(program))
