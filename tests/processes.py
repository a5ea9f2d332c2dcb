"""What /proc tells of a process, past alloctrace."""

import ctypes
import os
import re
from pathlib import Path

PTRACE_CONT, PTRACE_SEIZE, PTRACE_INTERRUPT = 7, 0x4206, 0x4207
WALL = 0x40000000

MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \d+ +(/.*)")


def ptrace(request, tid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(tid), ctypes.c_void_p(0),
                   ctypes.c_void_p(0)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def field_of(tid, name):
    """A line of a thread's status, None when the thread is gone."""
    try:
        text = Path(f"/proc/{tid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return re.search(rf"^{name}:\s*(.*)$", text, re.MULTILINE)[1]


def tracer_of(tid):
    """The process that traces it, 0 when none does or it is gone."""
    return int(field_of(tid, "TracerPid") or 0)


def name_of(pid):
    return field_of(pid, "Name")


def children_of(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def threads_of(pid):
    return [int(entry) for entry in os.listdir(f"/proc/{pid}/task")]


def traced_threads(pid):
    return [tid for tid in threads_of(pid) if tracer_of(tid)]


def state_of(tid):
    state = field_of(tid, "State")
    return state and state[0]


def states_of(pid):
    """The states of all its threads, as a string of letters."""
    return "".join(state_of(tid) for tid in threads_of(pid))


def base_of(pid, path):
    """Where the file begins in its memory."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return min(int(line.split("-")[0], 16) for line in lines if line.endswith(" " + path))


def changed_text(pid):
    """{path: offsets} of executable pages that differ from the file they are mapped from."""
    changed = {}
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            mapping = MAPPING.match(line)
            if not mapping or "x" not in mapping[3] or mapping[5].endswith(" (deleted)"):
                continue
            begin, end, offset = (int(mapping[i], 16) for i in (1, 2, 4))
            memory.seek(begin)
            now = memory.read(end - begin)
            with open(mapping[5], "rb") as file:
                file.seek(offset)
                was = file.read(end - begin).ljust(end - begin, b"\0")
            if now != was:
                changed[mapping[5]] = [i for i in range(len(now)) if now[i] != was[i]]
    return changed
