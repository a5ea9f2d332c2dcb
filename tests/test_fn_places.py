"""Functions that --fn names by place, in code of which no unwind table tells where one begins."""

import re
import subprocess

import pytest

from attaching import assert_untouched
from linked import FLAGS, SOURCES, linked
from test_bare_code import BARE
from test_fn import counts_of, options_of, symbols_of

pytestmark = pytest.mark.sanitized

BEFORE = "a function is there already, which begins before"


def instructions_of(program, function):
    """The addresses of its instructions in the file."""
    listed = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--disassemble={function}",
                             program], capture_output=True, text=True, check=True).stdout
    return [int(at, 16) for at in re.findall(r"^ +([0-9a-f]+):\t", listed, re.M)]


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """`pools` without unwind tables."""
    program = tmp_path_factory.mktemp("bare") / "pools"
    subprocess.run(["gcc", *FLAGS, *BARE, "-O1", "-o", program, SOURCES / "pools.c"], check=True)
    return str(program)


@pytest.fixture
def places(bare):
    """Addresses inside of wrap_malloc: of an instruction, and of none."""
    begin, second, *_ = instructions_of(bare, "wrap_malloc")
    assert second - begin > 1
    return {"an instruction": second, "the midst of one": begin + 1}


PLACES = ["an instruction", "the midst of one"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("named", [[], ["alloc:wrap_malloc"]], ids=["", "named"])
def test_inside_a_function_nothing_is_planted(trace, bare, places, place, named):
    spec = f"alloc:pools+{places[place]:#x}(size=1)"
    run = trace(bare, options=options_of(*named, spec))
    assert run.status == 0
    assert run.err == f"alloctrace: --fn {spec}: not traced: {BEFORE}\n"
    assert not [name for name in run.report["functions"] if name.startswith("pools+")]
    run.report.assert_consistent()


@pytest.mark.parametrize("place", PLACES)
def test_nor_when_attaching(attach, start_plainly, bare, places, place):
    spec = f"alloc:pools+{places[place]:#x}(size=1)"
    live = start_plainly(bare, "wait")
    pid = live.await_ready()
    run = attach(pid, "--fn", "alloc:wrap_malloc", "--fn", spec).finish()
    assert (run.status, run.report) == (125, None)
    assert run.err == f"alloctrace: --fn {spec}: not traced: {BEFORE}\n"
    assert_untouched(pid)
    assert live.finish("\n").status == 0


def test_its_begin_is_taken(trace, bare):
    at = symbols_of(bare)["wrap_malloc"]
    run = trace(bare, options=options_of(f"alloc:pools+{at:#x}(size=1)"))
    assert (run.status, run.err) == (0, "")
    assert counts_of(run.report, f"pools+{at:#x}") == (10, 500)


@pytest.mark.parametrize("function", ["malloc", "free"])
def test_inside_of_what_is_traced_anyway(trace, function):
    program = linked("musl-static", "pools")
    for at in instructions_of(program, function)[1:8]:
        spec = f"alloc:{at:#x}"
        run = trace(program, options=options_of(spec))
        assert run.status == 0
        assert run.err == f"alloctrace: --fn {spec}: not traced: {BEFORE}\n"
        run.report.assert_unblemished()
