"""What reading symbols costs, and what is seen of it while it lasts."""

import ctypes
import http.server
import json
import os
import pty
import re
import signal
import subprocess
import threading

import pytest

HANG = 300  # seconds; a guard, never part of what is tested
MEGABYTE = 1 << 20
DEBUG_SIZE = 200 * MEGABYTE

LIBRARY = """
#include <stdlib.h>
void *kept;
__attribute__((noinline)) void keep(int n) { kept = malloc(n); __asm__ volatile(""); }
void call_back(void (*f)(void)) { f(); __asm__ volatile(""); }
"""
TYPES = "struct t{n} {{ struct t{m} *a; int b{n}[{n}]; }} v{n};\n"
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
void keep(int);
void call_back(void (*)(void));
static void *own;
__attribute__((noinline)) static void allocate(void) { own = malloc(5000); __asm__ volatile(""); }
int main(int argc, char **argv)
{
	char c;
	allocate();
	if (argc > 1) keep(9000); else free(NULL);
	if (write(1, "ready\\n", 6) < 0) return 1;
	return read(0, &c, 1) < 0;
}
"""


def compiled(folder, name, source, *flags):
    (folder / f"{name}.c").write_text(source)
    subprocess.run(["gcc", "-g", "-O1", "-fno-builtin", str(folder / f"{name}.c"), "-o",
                    str(folder / name), *flags], check=True)
    return folder / name


@pytest.fixture
def program(tmp_path):
    """A program, and a library of many types whose debug file is 200 MB."""
    types = "".join(TYPES.format(n=n, m=n - 1) for n in range(1, 20001))
    library = compiled(tmp_path, "libbig.so", LIBRARY + "struct t0;\n" + types, "-shared", "-fPIC")
    debug, padding = tmp_path / "libbig.debug", tmp_path / "padding"
    subprocess.run(["objcopy", "--only-keep-debug", str(library), str(debug)], check=True)
    with open(padding, "wb") as file:
        file.truncate(DEBUG_SIZE)
    subprocess.run(["objcopy", f"--add-section=.debug_padding={padding}", str(debug)], check=True)
    assert debug.stat().st_size > DEBUG_SIZE
    subprocess.run(["objcopy", "--strip-all", str(library)], check=True)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", str(library)], check=True)
    yield str(compiled(tmp_path, "prog", PROGRAM, str(library), f"-Wl,-rpath,{tmp_path}"))
    debug.unlink()
    padding.unlink()


@pytest.fixture
def peak_of_dump(start_traced, tmp_path, until, read_report, children):
    """peak_of_dump(command...): peak memory in bytes before a report and of who has written
    it, and the report's frames by size of block. The writer is kept by a second destination,
    which nobody reads."""
    def measure(*command):
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        live = start_traced(*command, options=["-o", f"json:pipe:{fifo}"])
        live.await_line("ready")
        before = peak_memory(live.pid)
        live.kill(signal.SIGUSR1)
        dump = tmp_path / "report.1.json"
        until(dump.exists, "the dump")
        after = max(map(peak_memory, [live.pid, *children(live.pid)]))
        reading = os.open(fifo, os.O_RDWR)
        assert live.finish("\n").status == 0
        os.close(reading)
        fifo.unlink()
        sites = {site["live_bytes"]: site["stack"] for site in read_report(dump)["sites"]}
        dump.unlink()
        return before, after, sites
    return measure


def peak_memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) * 1024


def test_a_debug_file_costs_memory_only_when_its_module_is_printed(peak_of_dump, program):
    _, without, sites = peak_of_dump(program)
    assert sites[5000][0]["function"] == "allocate"
    assert without < 64 * MEGABYTE, "the debug file is not in it"
    _, printed, sites = peak_of_dump(program, "keep")
    assert [frame["function"] for frame in sites[9000][:2]] == ["keep", "main"]
    assert sites[9000][0]["line"] == 4
    assert printed > without + MEGABYTE, "it was read, so the first figure means something"
    assert printed < DEBUG_SIZE, "and not as a whole"


def test_the_program_pays_nothing_before_a_report(peak_of_dump, program):
    before, after, sites = peak_of_dump(program, "keep")
    assert sites[9000][0]["function"] == "keep"
    assert after > before + MEGABYTE


# ---- what is seen --------------------------------------------------------------


class SlowServer:
    """A debuginfod server that answers once the terminal has shown something."""

    def __init__(self):
        self.asked, self.may_answer = threading.Event(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.set()
                outer.may_answer.wait()
                self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.may_answer.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def slow_server():
    try:
        ctypes.CDLL("libdebuginfod.so.1")
    except OSError:
        pytest.skip("package libdebuginfod1 is not installed")
    server = SlowServer()
    yield server
    server.close()


@pytest.fixture
def on_terminal(alloctrace, target, tmp_path, environment):
    """A stripped program under alloctrace whose stderr is a terminal; with the report
    in a file. Gives the process and the terminal's other end."""
    opened = []

    def run(**env):
        stripped = tmp_path / "inlined"
        subprocess.run(["strip", target("inlined"), "-o", str(stripped)], check=True)
        ours, theirs = pty.openpty()
        opened.append(ours)
        process = subprocess.Popen(
            [alloctrace, "-o", f"json:{tmp_path}/terminal.json", "--", str(stripped)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs,
            env={**environment, **env})
        os.close(theirs)
        return process, ours
    yield run
    for fd in opened:
        os.close(fd)


def read_until(fd, wanted):
    seen = b""
    while wanted not in seen:
        seen += read_some(fd)
    return seen


def read_some(fd):
    try:
        got = os.read(fd, 4096)
    except OSError:  # the other end was closed
        got = b""
    assert got, "the terminal was closed"
    return got


def read_rest(fd):
    seen = b""
    while True:
        try:
            seen += read_some(fd)
        except AssertionError:
            return seen


def asking(server, tmp_path):
    return {"DEBUGINFOD_URLS": "http://127.0.0.1:%d" % server.server.server_port,
            "DEBUGINFOD_CACHE_PATH": f"{tmp_path}/cache"}


LINE = rb"alloctrace: reading symbols of inlined \(1 of 3\)"


def test_long_reading_is_shown_on_a_terminal_and_taken_away(on_terminal, slow_server, tmp_path):
    process, terminal = on_terminal(**asking(slow_server, tmp_path))
    seen = read_until(terminal, b" of 3)")
    assert re.fullmatch(LINE, seen)
    slow_server.may_answer.set()
    rest = read_rest(terminal)
    assert process.wait() == 0
    assert rest.endswith(b"\r\x1b[K")
    for number, name in ((2, b"libc.so.6"), (3, b"ld-linux-x86-64.so.2")):
        rest = rest.replace(b"alloctrace: reading symbols of %s (%d of 3)" % (name, number), b"")
    assert not rest.replace(b"\r\x1b[K", b"")
    assert json.loads((tmp_path / "terminal.json").read_text())["sites"]


def test_short_reading_is_not_shown(on_terminal):
    process, terminal = on_terminal()
    assert read_rest(terminal) == b""
    assert process.wait() == 0


def test_without_a_terminal_nothing_is_shown(start_traced, on_terminal, target, slow_server,
                                             tmp_path):
    """It waits for longer than another one whose terminal shows the line."""
    stripped = tmp_path / "quiet"
    subprocess.run(["strip", target("inlined"), "-o", str(stripped)], check=True)
    quiet = start_traced(str(stripped), env=asking(slow_server, tmp_path))
    assert slow_server.asked.wait(HANG)
    shown, terminal = on_terminal(**asking(slow_server, tmp_path))
    read_until(terminal, b" of 3)")
    slow_server.may_answer.set()
    read_rest(terminal)
    assert shown.wait() == 0
    run = quiet.finish()
    assert (run.status, run.err) == (0, "")
