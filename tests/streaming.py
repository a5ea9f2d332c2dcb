"""What the tests of streams share: running a program under streams, and what it told itself."""

import json
import re
import socket
import subprocess
import threading
from collections import namedtuple

import pytest

MTRACE = re.compile(
    r"(?P<function>[\w()]+): (?P<address>0x[0-9a-f]+|\(nil\))(?: (?P<size>0x[0-9a-f]+))?"
    r" (?P<library>\S+) (?P<symbol>\S+) (?P<caller>0x[0-9a-f]+|\(nil\))(?: (?P<pid>\d+))?$")
MLOG = re.compile(
    r"\+ (?P<type>[\w()-]+) (?P<size>\d+) (?P<address>0x[0-9a-f]+|\(nil\))"
    r"(?: (?P<pid>\d+) (?P<tid>\d+))?(?: (?P<old>0x[0-9a-f]+|\(nil\)))?$")

LOST = re.compile(r"alloctrace: (?P<where>.+): (?P<count>\d+) events were dropped: (?P<why>.*)\n")

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


def events_of(lines):
    """The calls in a log of mlog's, each line of which is whole."""
    calls = [line for line in lines if not line.startswith("#") and line[:1] == "+"]
    found = [MLOG.match(line) for line in calls if not line.startswith(("+ INIT", "+ FINI"))]
    assert all(found), calls[:5]
    return [match.groupdict() for match in found]


def functions_of(program):
    """{name: (begin, end)} of a program's own, as offsets in its memory."""
    out = subprocess.run(["nm", "-S", program], text=True, check=True, capture_output=True).stdout
    return {words[3]: (int(words[0], 16), int(words[0], 16) + int(words[1], 16))
            for words in map(str.split, out.splitlines()) if len(words) == 4}


def realloc_kind(call):
    if not call.address:
        return "free" if call.size == 0 else "fail"
    return "alloc" if not call.old else "inplace" if call.old == call.address else "move"


# ---- who reads ---------------------------------------------------------


class Reader:
    """Reads from what open_it opens, to its end."""

    def __init__(self, open_it):
        self.pieces = []
        self.thread = threading.Thread(target=self.read, args=(open_it,), daemon=True)
        self.thread.start()

    def read(self, open_it):
        with open_it() as source:
            while piece := source.read(65536):
                self.pieces.append(piece)

    def lines(self):
        self.thread.join(120)
        data = b"".join(self.pieces)
        assert data.endswith(b"\n")
        return data.decode().splitlines()


class Listener:
    """A socket that takes one connection after the other."""

    def __init__(self, family, address, small=False):
        self.socket = socket.socket(family)
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(address)
        self.socket.listen()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def reader(self):
        return Reader(lambda: self.socket.accept()[0].makefile("rb"))


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
