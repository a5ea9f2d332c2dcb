"""One run of one program, as numbers by name: `us`, what the program tells in its last line,
`whole`, microseconds from its start to its end, and what else its output or its report says.
A way to run it is a method of Bench; a command is the words of a line."""
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import peers
import real

HANG = 600  # s, a guard
FLOOR_MOST = 20000
PR_SET_PDEATHSIG = 1
CPUS = sorted(os.sched_getaffinity(0))
LIBC = ctypes.CDLL(None)


class NotInstalled(Exception):
    """What is missing."""


class Failed(Exception):
    """Why there is no figure."""


def die_with_us():
    """Even one whose start was interrupted, and that nobody knows of."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def end(process):
    """Asks first: a tracer that is killed leaves its target behind."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def told(out):
    """What a program of tests/bench has printed."""
    numbers = re.findall(r"^\d+\.\d+$", out, re.M)
    if not numbers:
        raise Failed("it told no figure")
    events = [int(count) for count in re.findall(r"^thread (\d+)$", out, re.M)]
    named = re.findall(r"^([a-z]+) (\d+\.\d+)$", out, re.M)
    fairness = {"fairness": min(events) / max(max(events), 1)} if events else {}
    return {"us": float(numbers[-1]), **fairness, **{name: float(us) for name, us in named}}


def traced_by(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"^TracerPid:\s*(\d+)", file.read(), re.M)[1])


class Bench:
    """Where and how much: all counts follow from that of the pairs."""

    def __init__(self, build, scratch, pairs):
        self.alloctrace, self.scratch, self.pairs = f"{build}/alloctrace", scratch, pairs
        self.report = f"{scratch}/report.json"
        self.words = {"build": build, "bench": os.path.dirname(os.path.abspath(__file__)),
                      "pairs": pairs, "calls": pairs * 40, "growth": pairs * 400,
                      "blocks": pairs * 20,
                      "seconds": pairs / 50000, "scratch": scratch,
                      "cpu": 1 if 1 in CPUS else CPUS[-1]}
        self.works = {}
        # little and always the same: it lies above the stack, and is read with it
        self.environment = {"PATH": os.environ.get("PATH", ""), "HOME": scratch, "LC_ALL": "C"}

    def split(self, line, **words):
        return line.format(**{**self.words, **words}).split()

    @contextlib.contextmanager
    def running(self, command, **how):
        if not shutil.which(command[0]):
            raise NotInstalled(command[0])
        with tempfile.TemporaryFile("w+", dir=self.scratch) as errors:
            how = {"stderr": errors, "stdin": subprocess.DEVNULL, "preexec_fn": die_with_us, **how}
            with subprocess.Popen(command, env=self.environment, cwd=self.scratch, text=True,
                                  **how) as process:
                try:
                    yield process
                except subprocess.TimeoutExpired as hung:
                    raise Failed(f"{command[0]} hangs") from hung
                finally:
                    end(process)
            errors.seek(0)
            if process.returncode:
                why = (errors.read().splitlines() or ["no word of it"])[-1]
                raise Failed(f"{command[0]} ended with {process.returncode}: {why}")

    def run(self, command, **how):
        """(output, {"whole"})."""
        begin = time.perf_counter()
        with self.running(command, **{"stdout": subprocess.PIPE, **how}) as process:
            printed, _ = process.communicate(timeout=HANG)
            whole = time.perf_counter() - begin
        return printed, {"whole": whole * 1e6}

    def told_by(self, command):
        out, took = self.run(command)
        return {**told(out), **took}

    # ---- the ways ----------------------------------------------------------------------

    def floor(self):
        stops = min(self.pairs, FLOOR_MOST)
        return self.told_by(self.split("{build}/bench/floor {stops}", stops=stops))["us"]

    def native(self, line):
        return self.told_by(self.split(line))

    def alloctrace_to(self, *arguments):
        """Its report is that of this run, or missing."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.report)
        return [self.alloctrace, "-o", f"json:{self.report}", *arguments]

    def stalls(self, allocs, frames):
        """Of the run before, if it was a fair one."""
        with open(self.report, encoding="utf-8") as file:
            report = json.load(file)
        ledger, seen = report["ledger"], report["totals"]["allocs"]
        deepest = max((len(site["stack"]) for site in report["sites"]), default=0)
        if seen < allocs or deepest < frames or ledger["truncated_stacks"]:
            raise Failed(f"no fair measure: {seen} allocations seen, deepest stack {deepest}, "
                         f"{ledger['truncated_stacks']} cut short")
        return {"stalls": ledger["stalls"]}

    def traced(self, line, allocs=None, frames=0, options=()):
        """It is to be seen making so many allocations, from so many frames deep."""
        took = self.told_by(self.alloctrace_to(*options, "--", *self.split(line)))
        return {**took, **self.stalls(self.pairs if allocs is None else allocs, frames)}

    def dumped(self):
        """In ms: how long a dump takes, and how much longer the program then does."""
        first = self.report.replace(".json", ".1.json")
        line = self.split("{build}/bench/dumped {first} {blocks}", first=first)
        out, _ = self.run(self.alloctrace_to("--blocks", "--", *line))
        os.unlink(first)
        numbers = re.search(r"^report (?P<report>\d+) lost (?P<lost>-?\d+) ", out)
        return {name: max(float(ms), 0) for name, ms in numbers.groupdict().items()}

    def attached(self, line, allocs=None, frames=0):
        with self.running([*self.split(line), "-w"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as target:
            target.stdout.readline()
            with self.running(self.alloctrace_to("-p", str(target.pid))) as tracer:
                self.await_traced(target, tracer)
                out, _ = target.communicate("\n", timeout=HANG)
                tracer.wait(timeout=HANG)
        return {**told(out), **self.stalls(self.pairs if allocs is None else allocs, frames)}

    def await_traced(self, target, tracer):
        """All is traced when the first report is there."""
        first = self.report.replace(".json", ".1.json")

        def await_that(is_so):
            while not is_so():
                if tracer.poll() is not None:
                    raise Failed("alloctrace does not attach")
                time.sleep(.01)

        await_that(lambda: traced_by(target.pid))
        tracer.send_signal(signal.SIGUSR1)
        await_that(lambda: os.path.exists(first))
        os.unlink(first)

    def peer(self, name, line):
        peer = peers.PEERS[name]
        pairs = max(round(self.pairs * peer.times), 20)
        output = peers.prepare(self.scratch)
        for tool in [word for word in peer.needs.split() if not shutil.which(word)]:
            raise NotInstalled(tool)
        out, _ = self.run(self.split(f"{peer.line} {line}", pairs=pairs, output=output),
                          stderr=subprocess.STDOUT)
        seen = peer.seen(out, output)
        if seen < pairs:
            raise Failed(f"no fair measure: it saw {seen} of {pairs} allocations")
        return told(out)

    def work(self, name):
        tool, make = real.WORKS[name]
        if not shutil.which(tool):
            raise NotInstalled(tool)
        if name not in self.works:
            try:
                self.works[name] = make(tempfile.mkdtemp(dir=self.scratch), self.pairs)
            except subprocess.CalledProcessError as failed:
                raise Failed(str(failed)) from failed
        return self.works[name]

    def real(self, name):
        return self.run(self.work(name), stdout=subprocess.DEVNULL)[1]

    def real_traced(self, name):
        command = self.alloctrace_to("--", *self.work(name))
        return {**self.run(command, stdout=subprocess.DEVNULL)[1], **self.stalls(1, 1)}


@contextlib.contextmanager
def hogs():
    """A busy host: one for every processor, two at least."""
    with contextlib.ExitStack() as stack:
        for _ in range(max(2, len(CPUS))):
            hog = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                                       preexec_fn=die_with_us))
            stack.callback(hog.kill)
        yield
