"""Inlined functions in stacks, whatever form their DWARF has."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "targets" / "inlined.c"
NAMES = ["innermost", "middle", "real", "main"]

FORMS = [
    ("gcc", "-gdwarf-4"), ("gcc", "-gdwarf-5"), ("clang", "-gdwarf-4"), ("clang", "-gdwarf-5"),
    ("gcc", "-gdwarf-4 -gsplit-dwarf"), ("gcc", "-gdwarf-5 -gsplit-dwarf"),
    ("clang", "-gdwarf-5 -gsplit-dwarf"),
    ("gcc", "-gz=zlib"), ("gcc", "-gz=zlib-gnu"), ("gcc", "-flto"),
    ("gcc", "-ffunction-sections -Wl,--gc-sections"),
]


@pytest.fixture
def build(installed, tmp_path):
    """build(compiler, flags): the target, built in a folder of its own."""
    def make(compiler, flags):
        program = tmp_path / "built" / "inlined"
        program.parent.mkdir()
        subprocess.run([installed(compiler), "-O2", "-g", "-fno-builtin", "-pthread",
                        *flags.split(), str(SOURCE), "-o", str(program)],
                       cwd=program.parent, check=True)
        return program
    return make


def stack(run):
    site, = run.report["sites"]
    return site["stack"]


def places(frames):
    return [(frame["function"], os.path.basename(frame["file"] or ""), frame["line"],
             frame["inlined"]) for frame in frames]


def true_places(truth):
    return [(name, "inlined.c", truth[name], name in NAMES[:2]) for name in NAMES]


def assert_true(run):
    frames = stack(run)[:4]
    assert places(frames) == true_places(run.truth)
    in_real = {(frame["address"], frame["module"], frame["offset"]) for frame in frames[:3]}
    assert len(in_real) == 1, "inlined frames have the place of the one they are in"
    assert frames[3]["address"] != frames[2]["address"]


@pytest.mark.sanitized
@pytest.mark.parametrize("compiler, flags", FORMS)
def test_inlined_functions_have_lines_of_their_own(trace, build, compiler, flags):
    assert_true(trace(str(build(compiler, flags))))


def test_text_marks_them(trace, build, tmp_path):
    run = trace(str(build("gcc", "-g")), options=["-o", f"text:{tmp_path}/report.txt"])
    lines = [line.split() for line in (tmp_path / "report.txt").read_text().splitlines()]
    marked = [words[0] for words in lines if words[1:2] == ["(inlined)"]]
    assert marked == NAMES[:2]
    assert_true(run)


def test_real_functions_have_names_and_lines_without_split_files(trace, build):
    program = build("gcc", "-gsplit-dwarf")
    removed = [file.unlink() for file in program.parent.glob("*.dwo")]
    assert removed
    run = trace(str(program))
    assert places(stack(run)[:2]) == [("real", "inlined.c", run.truth["innermost"], False),
                                      ("main", "inlined.c", run.truth["main"], False)]


def test_the_same_split_file_of_another_build_is_not_believed(trace, build):
    program = build("gcc", "-gdwarf-5 -gsplit-dwarf")
    split, = program.parent.glob("*.dwo")
    other = program.parent / "other"
    other.mkdir()
    text = "\n\n\n" + SOURCE.read_text()
    (other / "inlined.c").write_text(text)
    subprocess.run(["gcc", "-O2", "-gdwarf-5", "-gsplit-dwarf", "-fno-builtin",
                    f"-I{SOURCE.parent}", "-c", "inlined.c"], cwd=other, check=True)
    shutil.copy(other / "inlined.dwo", split)
    run = trace(str(program))
    assert [frame["function"] for frame in stack(run)[:2]] == ["real", "main"]


CXX = r"""
#include <stdlib.h>
namespace deep {
template <typename T> struct holder {
	T *item;
	__attribute__((always_inline)) void fill(int n) { item = (T *)malloc(n); }
};
__attribute__((noinline)) void use(holder<char> &h, int n) { h.fill(n); }
}
int main()
{
	static deep::holder<char> h;
	deep::use(h, 10);
	struct local { __attribute__((noinline)) static void run() { deep::use(h, 11); } };
	local::run();
	return 0;
}
"""


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_names_of_cxx(trace, installed, tmp_path, compiler):
    source = tmp_path / "deep.cc"
    source.write_text(CXX)
    subprocess.run([installed(compiler, "clang" if "clang" in compiler else None), "-O1", "-g",
                    "-fno-optimize-sibling-calls", str(source), "-o", str(tmp_path / "deep")],
                   check=True)
    run = trace(str(tmp_path / "deep"))
    sites = {site["live_bytes"]: site["stack"] for site in run.report["sites"]}
    for size, callers in ((10, ["main"]), (11, ["main::local::run()", "main"])):
        frames = [(frame["function"], frame["inlined"]) for frame in sites[size]]
        assert frames[:2 + len(callers)] == [
            ("deep::holder<char>::fill(int)", True),
            ("deep::use(deep::holder<char>&, int)", False),
            *((name, False) for name in callers)]


NESTED = r"""
#include <stdlib.h>
int main(int argc, char **argv)
{
	void *kept[2];
	__attribute__((noinline)) void inner(int n) { kept[n] = malloc(33); }
	void (*volatile call)(int) = inner;
	call(1);
	return kept[1] == argv;
}
"""


def test_a_function_within_a_function(trace, tmp_path):
    source = tmp_path / "nested.c"
    source.write_text(NESTED)
    subprocess.run(["gcc", "-g", "-z", "execstack", str(source), "-o",
                    str(tmp_path / "nested")], check=True)
    subprocess.run(["objcopy", "--strip-symbol=inner.0", str(tmp_path / "nested")], check=True)
    frames = stack(trace(str(tmp_path / "nested")))
    assert [(frame["function"], os.path.basename(frame["file"]), frame["line"])
            for frame in frames[:2]] == [("inner", "nested.c", 6), ("main", "nested.c", 8)]


def test_a_symbol_without_a_size_names_no_function_behind_it(trace, tmp_path):
    """crtstuff's frame_dummy is the last one before inner, which has lost its name."""
    source, program = tmp_path / "nested.c", tmp_path / "nested"
    source.write_text(NESTED)
    subprocess.run(["gcc", "-z", "execstack", str(source), "-o", str(program)], check=True)
    subprocess.run(["objcopy", "--strip-symbol=inner.0", str(program)], check=True)
    frames = stack(trace(str(program)))
    assert [frame["function"] for frame in frames[:2]] == [None, "main"]
    assert frames[0]["module"] == str(program)
