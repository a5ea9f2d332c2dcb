"""What the tests of streams share: running a program under streams, and what it told itself."""

import json
import re
import subprocess
from collections import namedtuple

import pytest

MTRACE = re.compile(
    r"(?P<function>[\w()]+): (?P<address>0x[0-9a-f]+|\(nil\))(?: (?P<size>0x[0-9a-f]+))?"
    r" (?P<library>\S+) (?P<symbol>\S+) (?P<caller>0x[0-9a-f]+|\(nil\))(?: (?P<pid>\d+))?$")
MLOG = re.compile(
    r"\+ (?P<type>[\w()-]+) (?P<size>\d+) (?P<address>0x[0-9a-f]+|\(nil\))"
    r"(?: (?P<pid>\d+) (?P<tid>\d+))?(?: (?P<old>0x[0-9a-f]+|\(nil\)))?$")

Call = namedtuple("Call", "function address size usable old tid")


def number(text):
    """An address as %p or %#lx print it."""
    return 0 if text in (None, "(nil)") else int(text, 16)


def told_by(out):
    """The calls that `streamed` printed."""
    calls = []
    for line in out.splitlines():
        words = line.split()
        if len(words) == 6 and ":" not in words[0]:
            calls.append(Call(words[0], number(words[1]), int(words[2]), int(words[3]),
                              number(words[4]), int(words[5])))
    return calls


def objects(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def functions_of(program):
    """{name: (begin, end)} of a program's own, as offsets in its memory."""
    out = subprocess.run(["nm", "-S", program], text=True, check=True, capture_output=True).stdout
    return {words[3]: (int(words[0], 16), int(words[0], 16) + int(words[1], 16))
            for words in map(str.split, out.splitlines()) if len(words) == 4}


def realloc_kind(call):
    if not call.address:
        return "free" if call.size == 0 else "fail"
    return "alloc" if not call.old else "inplace" if call.old == call.address else "move"


# ---- a program with odd names ----------------------------------------------

ODD = """
#include <stdlib.h>
__attribute__((noipa)) void *odd(void) { void *at = malloc(77); __asm__("" : "+r"(at)); return at; }
int main(void) { volatile int i = 0; odd(); while (i < 20000000) i++; return 0; }
"""

OddProgram = namedtuple("OddProgram", "path function file")


@pytest.fixture
def odd_program(tmp_path, installed):
    """A program whose path, source file and function have separators, quotes and no UTF-8."""
    gcc, folder = installed("gcc"), tmp_path / 'se;mi "quoted" \\back'
    folder.mkdir()
    source, unit, program = (bytes(folder) + name for name in (b"/odd\xff\n.c", b"/odd.o",
                                                               b'/pro;g"ram'))
    with open(source, "w", encoding="utf-8") as file:
        file.write(ODD)
    subprocess.run([gcc, "-g", "-O1", "-fno-builtin", "-c", "-o", unit, source], check=True)
    subprocess.run([installed("objcopy", "binutils"), "--redefine-sym", 'odd=se;mi"q"', unit],
                   check=True)
    subprocess.run([gcc, "-o", program, unit], check=True)
    return OddProgram(program.decode(), 'se;mi"q"', f"{folder}/odd\ufffd\n.c")
