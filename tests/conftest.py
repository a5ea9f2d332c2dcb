"""What the tests share: running a program with and without alloctrace, and
holding the report against the truth that the program told.

BUILD says where the build is, ALLOCTRACE and ALLOCTRACE_SAN which binaries to
test. A test marked `sanitized` runs with both."""

import ctypes
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from processes import tracer_of

pytest.register_assert_rewrite("attaching")

REPO = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD", REPO / "build" / "x86_64")).resolve()
ALLOCTRACE = {
    "plain": Path(os.environ.get("ALLOCTRACE", BUILD / "alloctrace")),
    "sanitized": Path(os.environ.get(
        "ALLOCTRACE_SAN", REPO / "build" / "x86_64-san" / "alloctrace")),
}
HANG = int(os.environ.get("HANG", 300))  # seconds; a guard, never part of what is tested
PR_SET_CHILD_SUBREAPER = 36


def pytest_configure(config):
    # in the background, or under nohup, they are ignored: so they would be by all that is started
    for number in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    config.addinivalue_line("markers", "sanitized: also run with the sanitizer build")
    config.addinivalue_line("markers", "alone: while nothing else runs, for what it asks takes time")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def pytest_generate_tests(metafunc):
    if "alloctrace" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("sanitized")
        kinds = ["plain", "sanitized"] if both else ["plain"]
        metafunc.parametrize("alloctrace", kinds, indirect=True)


# ---- the programs ----------------------------------------------------------


@pytest.fixture
def alloctrace(request):
    binary = ALLOCTRACE[request.param]
    if request.param == "sanitized" and not binary.exists():
        pytest.skip(f"no sanitizer build at {binary}")
    assert binary.exists(), f"{binary} is not built"
    return str(binary)


@pytest.fixture
def everybodys(alloctrace):
    """alloctrace where every user may run it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield shutil.copy(alloctrace, folder)


@pytest.fixture
def target():
    """The path of a target program by name."""
    def path(name):
        built = BUILD / "targets" / name
        assert built.exists(), f"{built} is not built"
        return str(built)
    return path


@pytest.fixture
def installed():
    """The path of an installed program; skips where its package is missing."""
    def path(name, package=None):
        found = shutil.which(name)
        if not found:
            pytest.skip(f"package {package or name} is not installed")
        return found
    return path


@pytest.fixture
def environment(tmp_path):
    """A small environment, the same in every run."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LC_ALL": "C",
        "TRUTH": str(tmp_path / "truth.json"),
    }


# ---- waiting and processes -------------------------------------------------


def wait_until(condition, what="the event", seconds=HANG):
    """The first true value of condition; polls, and gives up only when hung."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s for {what}")


@pytest.fixture
def until():
    return wait_until


def state_of(pid):
    """The state letter of a process, or None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


@pytest.fixture
def process_state():
    return state_of


def parent_of(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def children_of(parent):
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if parent_of(pid) == parent]


@pytest.fixture
def children():
    return children_of


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def living_children():
    """Our own and, as we are the reaper of orphans, all that were left behind."""
    for pid in children_of(os.getpid()):
        if state_of(pid) == "Z":
            reap(pid)
    return [pid for pid in children_of(os.getpid()) if state_of(pid) not in (None, "Z")]


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


def none_living(seconds):
    give_up = time.monotonic() + seconds
    while living_children() and time.monotonic() < give_up:
        time.sleep(0.02)
    return not living_children()


@pytest.fixture(autouse=True)
def nothing_left_behind():
    yield
    if none_living(seconds=10):
        return
    left = {pid: name_of(pid) for pid in living_children()}
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    none_living(seconds=10)
    raise AssertionError(f"processes left behind: {left}")


# ---- reports ---------------------------------------------------------------


SUMS = ("allocs", "frees", "live_blocks", "live_bytes")
MEMALIGN_NAMES = ("memalign", "aligned_alloc")


class Report(dict):
    """One JSON report."""

    def sites_through(self, function):
        return [site for site in self["sites"]
                if any(frame["function"] == function for frame in site["stack"])]

    def sums_of(self, function, others=()):
        """The sums of the sites whose stack goes through the function before any
        of the others: a handler's block is not that of the call it interrupted."""
        sites = [site for site in self["sites"]
                 if innermost(site, {function, *others}) == function]
        return {key: sum(site[key] for site in sites) for key in SUMS}

    def stacks_through(self, function):
        """Function names from the given one outwards, of frames that are real."""
        return [stack[stack.index(function):]
                for stack in map(names, self.sites_through(function))]

    def stack_through(self, function):
        stacks = self.stacks_through(function)
        assert len(stacks) == 1, f"{len(stacks)} sites go through {function}"
        return stacks[0]

    def called_functions(self):
        return {name: counts for name, counts in self["functions"].items() if counts["calls"]}

    def assert_consistent(self):
        totals = self["totals"]
        assert totals["live_blocks"] == \
               totals["inherited_blocks"] + totals["allocs"] - totals["frees"] - \
               totals["forgotten_blocks"]
        assert totals["live_bytes"] == \
               totals["inherited_bytes"] + totals["bytes_allocated"] - totals["bytes_freed"] - \
               totals["forgotten_bytes"]
        assert totals["peak_live_bytes"] >= totals["live_bytes"]
        for key in SUMS:
            assert sum(site[key] for site in self["sites"]) == totals[key], key

    def assert_unblemished(self):
        blemishes = ("missed_calls", "unknown_frees", "double_frees", "truncated_stacks")
        assert {key: self["ledger"][key] for key in blemishes} == dict.fromkeys(blemishes, 0)


def innermost(site, functions):
    return next((frame["function"] for frame in site["stack"]
                 if frame["function"] in functions), None)


def names(site):
    """A part that the compiler moved away counts as its function."""
    return [re.sub(r" \[clone [^]]*\]", "", frame["function"]) if frame["function"] else None
            for frame in site["stack"] if not frame["inlined"]]


def merged_memalign(functions):
    """With one entry point under two names, either name is right."""
    merged = {name: counts for name, counts in functions.items() if name not in MEMALIGN_NAMES}
    both = [functions[name] for name in MEMALIGN_NAMES if name in functions]
    if both:
        merged["memalign"] = {key: sum(counts[key] for counts in both) for key in both[0]}
    return merged


class Run:
    """One run of a program: how it ended, what it printed, what was reported
    of it and what it said itself."""

    def __init__(self, status, out, err, report=None, truth=None):
        self.status, self.out, self.err = status, out, err
        self.report, self.truth = report, truth

    def assert_functions_true(self, only=lambda name: True):
        told, seen = self.truth["functions"], self.report.called_functions()
        if self.truth.get("aligned_alloc_is_memalign"):
            told, seen = merged_memalign(told), merged_memalign(seen)
        assert {n: c for n, c in seen.items() if only(n)} == \
               {n: c for n, c in told.items() if only(n)}

    def assert_totals_true(self):
        told = self.truth["totals"]
        assert {key: self.report["totals"][key] for key in told} == told

    def sums_of(self, marker):
        return self.report.sums_of(marker, others=self.truth["markers"])

    def assert_marker_true(self, marker):
        told = self.truth["markers"][marker]
        assert self.sums_of(marker) == {key: told[key] for key in SUMS}, marker

    def assert_markers_true(self, but=()):
        for marker in self.truth["markers"]:
            if marker not in but:
                self.assert_marker_true(marker)

    def assert_all_true(self):
        """For programs to which the C runtime adds no block of its own."""
        self.assert_functions_true()
        self.assert_totals_true()
        self.assert_markers_true()
        self.report.assert_consistent()
        self.report.assert_unblemished()


def read_json(path, as_type=dict):
    path = Path(path)
    return as_type(json.loads(path.read_text())) if path.exists() else None


@pytest.fixture
def read_report():
    return lambda path: read_json(path, Report)


# ---- running ---------------------------------------------------------------


class Live:
    """A started program that is spoken to while it runs."""

    def __init__(self, process, finish):
        self.process, self.finish_run = process, finish
        self.lines = []

    @property
    def pid(self):
        return self.process.pid

    def read_line(self):
        line = self.process.stdout.readline()
        assert line, "the program's output ended"
        self.lines.append(line)
        return line

    def await_line(self, beginning):
        while True:
            line = self.read_line()
            if line.startswith(beginning):
                return line.rstrip("\n")

    def await_ready(self):
        """The pid that the target itself tells."""
        return int(self.await_line("ready ").split()[1])

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self, number):
        self.process.send_signal(number)

    def finish(self, line=None):
        """The Run, after a last line to the program."""
        out, err = self.process.communicate(line, timeout=HANG)
        return self.finish_run(self.process.returncode, "".join(self.lines) + out, err)


@pytest.fixture
def start_plainly(tmp_path, environment):
    def start(*command, env=None, **how):
        process = subprocess.Popen(
            command, env={**environment, **(env or {})}, bufsize=1,
            encoding="utf-8", errors="surrogateescape",
            cwd=how.pop("cwd", tmp_path), stdin=how.pop("stdin", subprocess.PIPE),
            stdout=subprocess.PIPE, stderr=how.pop("stderr", subprocess.PIPE), **how)
        return Live(process, Run)
    return start


@pytest.fixture
def run_plainly(start_plainly):
    """run_plainly(command...): the program without alloctrace."""
    def run(*command, stdin=subprocess.DEVNULL, **how):
        return start_plainly(*command, stdin=stdin, **how).finish()
    return run


@pytest.fixture
def start_traced(alloctrace, tmp_path, environment, start_plainly):
    """start_traced(command..., options=[...]): under alloctrace, which reports to
    the JSON file `report`."""
    def start(*command, options=(), **how):
        report = tmp_path / "report.json"
        truth = Path(environment["TRUTH"])
        report.unlink(missing_ok=True)
        truth.unlink(missing_ok=True)
        live = start_plainly(
            alloctrace, "-o", f"json:{report}", *options, "--", *command, **how)
        live.report = report
        live.finish_run = lambda *ending: Run(*ending, read_json(report, Report), read_json(truth))
        return live
    return start


@pytest.fixture
def trace(start_traced):
    """trace(command..., options=[...]): the Run of a program under alloctrace."""
    def run(*command, stdin=subprocess.DEVNULL, **how):
        traced = start_traced(*command, stdin=stdin, **how).finish()
        assert traced.report is not None, f"no report; stderr: {traced.err}"
        return traced
    return run


COUNTS = ("allocs", "frees", "bytes_allocated", "bytes_freed",
          "calls", "failed", "null", "unknown")


def read_counts(path):
    """What libcount.so left; a program that never called it leaves zeros."""
    return dict(zip(COUNTS, struct.unpack_from(f"{len(COUNTS)}Q", path.read_bytes())))


@pytest.fixture
def trace_counted(trace, tmp_path):
    """trace_counted(command...): the Run of a program that carries the counting
    preload library under alloctrace, and what the library counted."""
    def run(*command, **how):
        library = BUILD / "libcount.so"
        assert library.exists(), f"{library} is not built"
        counted = trace("/usr/bin/env", f"LD_PRELOAD={library}", f"COUNT_OUT={tmp_path}/counted",
                        *command, **how)
        return counted, read_counts(tmp_path / f"counted.{counted.report['pid']}")
    return run


@pytest.fixture
def assert_counted():
    """Totals that equal the library's, to the byte."""
    def check(run, counts):
        totals = run.report["totals"]
        keys = COUNTS[:4]
        assert {key: totals[key] for key in keys} == {key: counts[key] for key in keys}
        assert counts["unknown"] == 0
        run.report.assert_consistent()
        run.report.assert_unblemished()
    return check


# ---- attaching -------------------------------------------------------------


@pytest.fixture
def cycles():
    """cycles(few, many): how often; many is for CYCLES=500, which `make soak` sets."""
    def count(few, many):
        asked = int(os.environ.get("CYCLES", 0))
        return max(1, many * asked // 500) if asked else few
    return count


@pytest.fixture
def tell(capsys):
    """tell(line): a figure for whoever runs `make soak`."""
    def show(line):
        if "CYCLES" in os.environ:
            with capsys.disabled():
                print(f"\n  {line}")
    return show


class Attached(Live):
    """An alloctrace that is attached to a process, and where it reports to."""

    def __init__(self, live, traced, folder):
        super().__init__(live.process, None)
        self.traced, self.folder = traced, folder
        self.dumps = 0

    def dump(self):
        """The report of this moment. From the first on, all is traced."""
        self.dumps += 1
        path = Path(f"{self.folder}/attached.{self.dumps}.json")
        wait_until(lambda: self.is_there(), "a tracer")
        self.kill(signal.SIGUSR1)
        wait_until(lambda: path.exists() or self.has_ended(), "a dump")
        assert path.exists(), self.process.communicate()
        return read_json(path, Report)

    def is_there(self):
        assert not self.has_ended(), self.process.communicate()
        return tracer_of(self.traced)

    def has_ended(self):
        return self.process.poll() is not None

    def finish(self, line=None):
        out, err = self.process.communicate(line, timeout=HANG)
        return Run(self.process.returncode, out, err,
                   read_json(f"{self.folder}/attached.json", Report),
                   read_json(f"{self.folder}/truth.json"))

    def detach(self, number=signal.SIGINT):
        self.kill(number)
        return self.finish()


@pytest.fixture
def attach(alloctrace, tmp_path, start_plainly):
    """attach(pid, options...): alloctrace is on its way to the process. by: a command that
    runs it; of: the process, where pid is not its number here."""
    def start(pid, *options, of=None, by=(), folder=tmp_path, **how):
        for old in folder.glob("attached*.json"):
            old.unlink()
        live = start_plainly(*by, alloctrace, "-o", f"json:{folder}/attached.json", *options,
                             "-p", str(pid), stdin=subprocess.DEVNULL, **how)
        return Attached(live, of or pid, folder)
    return start
