"""How other tools are run on a malloc and free pair, and how many allocations they saw."""
import os
import re
from typing import NamedTuple

# {at}malloc: by its name a breakpoint may stand in dozens of places, of the loader for one.
GDB_SCRIPT = """
set pagination off
set debuginfod enabled off
tbreak main
run
break {at}malloc
commands
silent
continue
end
break {at}free
commands
silent
continue
end
continue
info breakpoints
"""


class Peer(NamedTuple):
    line: str       # what stands before the program; {output}: a file for what it saw
    count: str      # finds in it, or in what it prints, a number, or else each allocation
    times: float    # the pairs asked for: slow ones need few, those that warm up many
    needs: str      # tools

    def seen(self, out, output):
        if os.path.exists(output):
            with open(output, encoding="utf-8", errors="replace") as file:
                out += file.read()
        found = re.findall(self.count, out, re.M)
        if not re.compile(self.count).groups:
            return len(found)
        return max((int(number.replace(",", "")) for number in found), default=0)


def valgrind(tool, count, *options):
    return Peer(f"valgrind --tool={tool} --log-file={{output}} " + " ".join(options), count, 1,
                "valgrind")


def gdb(script):
    return Peer(f"gdb -nx -batch -x {{scratch}}/gdb.{script} --args", r"already hit (\d+) times",
                .01, "gdb")


LTRACE = "ltrace -e malloc+free -o {output}"
BLOCKS = r"in ([\d,]+) blocks$"

PEERS = {
    "ltrace": Peer(LTRACE, r"->malloc\(", .04, "ltrace"),
    "ltrace on one CPU": Peer("taskset -c {cpu} " + LTRACE, r"->malloc\(", .04,
                              "ltrace taskset"),
    "gdb": gdb("names"),
    "gdb, two addresses": gdb("addresses"),
    "memcheck": valgrind("memcheck", r"heap usage: ([\d,]+) allocs", "--leak-check=full"),
    "massif": valgrind("massif", r"heap allocs:\s+([\d,]+)", "--stats=yes",
                       "--massif-out-file={scratch}/massif"),
    "dhat": valgrind("dhat", BLOCKS, "--dhat-out-file={scratch}/dhat"),
    "heaptrack": Peer("heaptrack -o {scratch}/heaptrack", r"allocations:\s+(\d+)", 20,
                      "heaptrack"),
}


def prepare(scratch):
    """Writes gdb's scripts; a file's name for what is seen, where there is none yet."""
    for name, at in (("names", ""), ("addresses", "*")):
        with open(f"{scratch}/gdb.{name}", "w", encoding="utf-8") as file:
            file.write(GDB_SCRIPT.format(at=at))
    if os.path.exists(f"{scratch}/seen"):
        os.unlink(f"{scratch}/seen")
    return f"{scratch}/seen"
