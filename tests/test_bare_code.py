"""Stacks through code that has no unwind tables, as compilers make it: the way back is read off
the code itself."""

import shutil
import subprocess

import pytest

from linked import FLAGS, SOURCES

# clang has no noipa
BARE = ["-fno-inline-functions", "-g0", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",
        "-fno-exceptions"]
COMPILERS = {" ".join(way): way for way in (("gcc", "-O0"), ("gcc", "-Os"), ("gcc", "-O2"),
                                            ("clang", "-O2"))}


@pytest.fixture(scope="module", params=COMPILERS)
def stacks(request, tmp_path_factory):
    compiler, level = COMPILERS[request.param]
    if not shutil.which(compiler):
        pytest.skip(f"package {compiler} is not installed")
    program = tmp_path_factory.mktemp("bare") / "stacks"
    subprocess.run([compiler, *FLAGS, *BARE, level, "-fno-optimize-sibling-calls", "-o", program,
                    SOURCES / "stacks.c"], check=True, capture_output=True)
    tables = subprocess.run(["readelf", "--debug-dump=frames", program], text=True, check=True,
                            capture_output=True).stdout
    assert tables.count(" FDE ") < 6  # but those of the C runtime's own files
    return str(program)


DOWN = {
    "deep": ["descend"], "wide": ["descend_wide"], "ragged": ["descend_ragged"],
    "huge": ["descend", "with_a_huge_frame"],
    "registers": ["with_all_registers", "use_all_registers"],
    "signal": ["on_signal", "raise_a_signal", "through_a_signal"],
    "signal-altstack": ["on_signal", "raise_a_signal", "through_a_signal_on_another_stack"],
    "fault": ["step_over_ud2", "fault_at_once", "through_a_fault"],
    "library": ["compare_and_leak", "through_the_library"],
}
RECURSES = {"descend", "descend_wide", "descend_ragged", "with_all_registers", "raise_a_signal"}


@pytest.mark.parametrize("shape", DOWN)
def test_every_frame_is_found(trace, stacks, shape):
    run = trace(stacks, shape, "20", options=["--depth", "512"])
    assert run.status == 0
    run.assert_markers_true()
    run.report.assert_unblemished()
    known = {"leak_at_bottom", *DOWN[shape], "main"}
    expected = ["leak_at_bottom"]
    for name in DOWN[shape]:
        expected += [name] * (20 if name in RECURSES else 1)
    stack = run.report.stack_through("leak_at_bottom")
    assert [name for name in stack if name in known] == [*expected, "main"]


def test_a_thread(trace, stacks):
    run = trace(stacks, "thread", "20")
    run.report.assert_unblemished()
    stack = run.report.stack_through("leak_at_bottom")
    assert stack[:22] == ["leak_at_bottom", *["descend"] * 20, "thread_start"]
