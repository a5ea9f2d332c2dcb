"""Separate debug files: where they are found, and which are not believed."""

import ctypes
import http.server
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import HANG
from ctl import Stepper

SOURCE = Path(__file__).parent / "targets" / "inlined.c"
NAMED = [("innermost", True), ("middle", True), ("real", False), ("main", False)]
NAMELESS = [(None, False)] * 2


class Split:
    """A program without symbols, the file with what it has lost, and its ID."""

    def __init__(self, folder, flags=()):
        folder.mkdir()
        self.folder, self.program, self.debug = folder, folder / "prog", folder / "lost"
        subprocess.run(["gcc", "-O2", "-g", "-fno-builtin", "-pthread", *flags, str(SOURCE),
                        "-o", str(self.program)], check=True)
        objcopy("--only-keep-debug", self.program, self.debug)
        objcopy("--strip-all", self.program)
        self.id = build_id(self.program)

    def link(self, name="prog.debug"):
        """Ties the two by .gnu_debuglink; the debug file is then beside."""
        self.debug = self.debug.rename(self.folder / name)
        objcopy(f"--add-gnu-debuglink={self.debug}", self.program)
        return self

    def file_under(self, root):
        place = Path(root) / ".build-id" / self.id[:2] / f"{self.id[2:]}.debug"
        place.parent.mkdir(parents=True)
        shutil.move(self.debug, place)
        self.debug = place


def objcopy(*arguments):
    subprocess.run(["objcopy", *map(str, arguments)], check=True)


def build_id(program):
    notes = subprocess.run(["readelf", "-n", str(program)], text=True, check=True,
                           capture_output=True).stdout
    return notes.rpartition("Build ID: ")[2].split("\n")[0] if "Build ID: " in notes else None


@pytest.fixture
def split(tmp_path):
    return Split(tmp_path / "built")


def names_in(run, split):
    """What the innermost frames of the only site are called."""
    site, = run.report["sites"]
    inner = [(frame["function"], frame["inlined"]) for frame in site["stack"]
             if frame["module"] == str(split.program)][:4]
    if inner[0][0] is None:
        assert str(split.program) in run.report["ledger"]["unsymbolised_modules"]
        return inner[:2]
    lines = [(f["function"], f["line"]) for f in site["stack"][:4]]
    assert lines == [(name, run.truth[name]) for name, _ in NAMED]
    return inner


@pytest.fixture
def names(trace):
    """names(split, ...): names_in the run of its program."""
    return lambda split, **how: names_in(trace(str(split.program), **how), split)


# ---- files -----------------------------------------------------------------


def test_nothing_to_be_found(names, split):
    assert names(split) == NAMELESS


@pytest.mark.sanitized
def test_by_build_id_in_a_root(names, split, tmp_path):
    split.file_under(tmp_path / "root")
    assert names(split) == NAMELESS
    assert names(split, options=["--debug-dir", str(tmp_path / "root")]) == NAMED


def test_by_build_id_in_the_system(names, split):
    root = Path("/usr/lib/debug")
    if not os.access(root / ".build-id", os.W_OK):
        pytest.skip("may not write to /usr/lib/debug/.build-id")
    folder = root / ".build-id" / split.id[:2]
    there = folder.exists()
    place = folder / f"{split.id[2:]}.debug"
    folder.mkdir(exist_ok=True)
    try:
        shutil.copy(split.debug, place)
        assert names(split) == NAMED
    finally:
        place.unlink()
        if not there:
            folder.rmdir()


@pytest.mark.parametrize("folder", ["", ".debug"])
def test_by_link(names, split, folder):
    split.link()
    (split.folder / folder).mkdir(exist_ok=True)
    shutil.move(split.debug, split.folder / folder / "prog.debug")
    assert names(split) == NAMED


def test_by_link_below_a_root(names, split, tmp_path):
    split.link()
    place = Path(f"{tmp_path}/root/{split.folder}")
    place.mkdir(parents=True)
    shutil.move(split.debug, place)
    assert names(split, options=["--debug-dir", f"{tmp_path}/root"]) == NAMED


def test_compressed(names, tmp_path):
    split = Split(tmp_path / "built", ["-gz"]).link()
    assert names(split) == NAMED


# ---- those that are not believed -------------------------------------------------


@pytest.mark.parametrize("flags", [(), ("-Wl,--build-id=none",)])
def test_a_wrong_checksum(names, tmp_path, flags):
    split = Split(tmp_path / "built", flags).link()
    assert names(split) == NAMED
    with open(split.debug, "ab") as file:
        file.write(b"\0")
    assert names(split) == NAMELESS


def test_a_wrong_build_id_behind_the_right_checksum(names, split, tmp_path):
    other = Split(tmp_path / "other", ["-O1", "-DOTHER"])
    assert other.id != split.id
    shutil.copy(other.debug, split.debug)
    split.link()
    assert names(split) == NAMELESS


def test_a_wrong_build_id_under_the_right_name(names, split, tmp_path):
    other = Split(tmp_path / "other", ["-O1"])
    shutil.copy(other.debug, split.debug)
    split.file_under(tmp_path / "root")
    assert names(split, options=["--debug-dir", str(tmp_path / "root")]) == NAMELESS


def test_a_fitting_name_alone_is_no_proof(names, tmp_path):
    split = Split(tmp_path / "built", ["-Wl,--build-id=none"])
    split.debug.rename(split.folder / "prog.debug")
    assert names(split) == NAMELESS


@pytest.mark.parametrize("value", ["", "a:b"])
def test_a_root_that_is_none(run_plainly, alloctrace, value):
    run = run_plainly(alloctrace, "--debug-dir", value, "--", "/bin/true")
    assert (run.status, run.err) == (
        2, f"alloctrace: --debug-dir {value}: not a value it takes; see --help\n")


# ---- a server ----------------------------------------------------------------------


class Server:
    """What debuginfod would be: GET /buildid/ID/debuginfo."""

    def __init__(self):
        self.files, self.asked, self.may_answer = {}, [], threading.Event()
        self.may_answer.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                outer.may_answer.wait()
                body = outer.files.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def offer(self, split):
        self.files[self.path_of(split)] = split.debug.read_bytes()

    @staticmethod
    def path_of(split):
        return f"/buildid/{split.id}/debuginfo"

    def close(self):
        self.may_answer.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def server():
    try:
        ctypes.CDLL("libdebuginfod.so.1")
    except OSError:
        pytest.skip("package libdebuginfod1 is not installed")
    server = Server()
    yield server
    server.close()


def asking(server, tmp_path, **more):
    return {"DEBUGINFOD_URLS": server.url, "DEBUGINFOD_CACHE_PATH": f"{tmp_path}/cache", **more}


def test_a_server_is_asked_when_told(names, server, split, tmp_path):
    server.offer(split)
    assert names(split, env=asking(server, tmp_path)) == NAMED
    assert server.path_of(split) in server.asked
    asked = len(server.asked)
    assert names(split, env=asking(server, tmp_path)) == NAMED
    assert server.path_of(split) not in server.asked[asked:], "it is in the cache"


def test_a_server_that_has_nothing(names, server, split, tmp_path):
    assert names(split, env=asking(server, tmp_path)) == NAMELESS
    assert server.path_of(split) in server.asked


def test_a_server_is_not_asked_while_the_program_would_wait(trace, server, split, tmp_path):
    """For an alert's place; for the same place in the report it is."""
    server.offer(split)
    run = trace(str(split.program), env=asking(server, tmp_path), options=["--alert-block", "1"])
    assert re.search(r"large block: .*/prog\+0x[0-9a-f]+ by ", run.err), run.err
    assert names_in(run, split) == NAMED


def test_no_server_is_asked_untold(names, server, split, tmp_path):
    server.offer(split)
    env = asking(server, tmp_path)
    del env["DEBUGINFOD_URLS"]
    assert names(split, env=env) == NAMELESS
    assert server.asked == []


def test_a_server_of_another_file(names, server, split, tmp_path):
    other = Split(tmp_path / "other", ["-O1"])
    server.files[server.path_of(split)] = other.debug.read_bytes()
    assert names(split, env=asking(server, tmp_path)) == NAMELESS


def test_a_silent_server_is_given_up_after_one_module(trace, server, split, tmp_path):
    server.may_answer.clear()
    run = trace(str(split.program),
                env=asking(server, tmp_path, DEBUGINFOD_TIMEOUT="1"))
    assert len(set(server.asked)) == 1
    notes = run.report["ledger"]["notes"]
    assert notes == ["a debuginfod server did not answer and was asked no more"]
    site, = run.report["sites"]
    assert len(site["stack"]) >= 5


@pytest.fixture
def stepper(start_plainly, alloctrace, target, server, tmp_path):
    """A session whose server is silent for so many seconds."""
    program = tmp_path / "stepper"
    objcopy("--strip-all", target("stepper"), program)

    def start(seconds):
        server.may_answer.clear()
        live = start_plainly(alloctrace, "-o", "text:/dev/null", "--", program,
                             env=asking(server, tmp_path, DEBUGINFOD_TIMEOUT=str(seconds)))
        step = Stepper(live, alloctrace, None)
        step.do("m 1 100")
        return step
    return start


def test_a_silent_server_is_given_up_after_one_command(stepper, server):
    step = stepper(1)
    step.tell("sites")
    asked = len(server.asked)
    assert len(set(server.asked)) == 1
    assert len(step.json("sites")["sites"]) == 1
    assert len(server.asked) == asked
    assert step.finish().status == 0


def test_what_clients_that_have_gone_wanted_is_forgotten(stepper, server, until):
    """Their answers would be made behind the one that a silent server holds up."""
    step = stepper(HANG)
    waits, _ = step.connect()
    waits.sendall(b"sites\n")
    until(lambda: server.asked, "a question")
    files = os.listdir(f"/proc/{step.session}/fd")
    for _ in range(100):
        client, _ = step.connect()
        client.sendall(b"sites\n")
        client.close()
    step.tell("version")
    until(lambda: os.listdir(f"/proc/{step.session}/fd") == files, "nothing left of them")
    waits.close()
    server.may_answer.set()
    assert step.finish().status == 0


def test_nobody_waits_for_a_silent_server_once_the_client_has_gone(stepper, server, children,
                                                                   until):
    step = stepper(HANG)
    client, _ = step.connect()
    client.sendall(b"sites\n")
    until(lambda: server.asked, "a question")
    copy, = [pid for pid in children(step.session)
             if Path(f"/proc/{pid}/comm").read_text() == "at-writer\n"]
    client.close()
    until(lambda: copy not in children(step.session), "its end")
    server.may_answer.set()  # the report at the end asks, too
    assert step.finish().status == 0
