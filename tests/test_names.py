"""Where the names of a stripped program come from."""

import json
import lzma
import os
import shutil
import subprocess

import pytest


@pytest.fixture
def stripped(target, tmp_path):
    """A copy of a target without symbols, and a file with what it has lost."""
    copy, debug = tmp_path / "stacks", tmp_path / "lost"
    shutil.copy(target("stacks"), copy)
    objcopy("--only-keep-debug", copy, debug)
    objcopy("--strip-all", copy)
    return copy, debug


def objcopy(*arguments):
    subprocess.run(["objcopy", *map(str, arguments)], check=True)


def frames(trace, program):
    report = trace(str(program), "deep", "3").report
    site, = [site for site in report["sites"] if site["live_blocks"]]
    return [(frame["function"], frame["file"] and os.path.basename(frame["file"]))
            for frame in site["stack"][:5]]


NAMES = ["leak_at_bottom", "descend", "descend", "descend", "main"]


def test_a_stripped_program_has_addresses_only(trace, stripped):
    assert frames(trace, stripped[0]) == [(None, None)] * 5


def test_frames_without_names_stand_side_by_side(run_plainly, alloctrace, stripped, tmp_path):
    program, _ = stripped
    run = run_plainly(alloctrace, "-o", "r.txt", "-o", "r.json", "--", str(program), "deep", "30")
    report = json.loads((tmp_path / "r.json").read_text())
    site = max(report["sites"], key=lambda site: len(site["stack"]))
    offsets = [f"+{frame['offset']:#x}" for frame in site["stack"]
               if frame["module"].endswith("/stacks")][:31]
    lines = (tmp_path / "r.txt").read_text().splitlines()
    assert run.status == 0 and max(map(len, lines)) <= 100
    words = " ".join(" ".join(lines).split())
    assert "stacks" + " ".join(offsets) in words


def test_names_and_lines_from_a_linked_debug_file(trace, stripped):
    program, debug = stripped
    objcopy(f"--add-gnu-debuglink={debug}", program)
    assert frames(trace, program) == [(name, "stacks.c") for name in NAMES]


def test_names_from_compressed_symbols_inside(trace, stripped, tmp_path):
    program, debug = stripped
    symbols = tmp_path / "symbols"
    objcopy("--strip-debug", debug, symbols)
    packed = tmp_path / "symbols.xz"
    packed.write_bytes(lzma.compress(symbols.read_bytes(), lzma.FORMAT_XZ))
    objcopy(f"--add-section=.gnu_debugdata={packed}", program)
    assert frames(trace, program) == [(name, None) for name in NAMES]
