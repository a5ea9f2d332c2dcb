"""What the tests of streams share: running a program under streams, and what it told itself."""

import json
import re
import subprocess
from collections import namedtuple

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
