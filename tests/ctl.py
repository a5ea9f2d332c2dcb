"""What the tests of ctl share: a program that does what it is told, under a session that is
asked by `alloctrace ctl`."""

import json
import os
import socket
import subprocess
from pathlib import Path

HANG = 120  # seconds; a guard, never part of what is tested


def folder():
    return Path(f"/tmp/alloctrace-ctl-{os.geteuid()}")


class Stepper:
    """`stepper` under alloctrace."""

    def __init__(self, live, alloctrace, report):
        self.live, self.alloctrace, self.report = live, alloctrace, report
        words = live.await_line("ready ").split()
        self.pid, self.other = int(words[1]), int(words[2])
        self.session = live.pid

    def do(self, *lines):
        """The last line's answer: usable bytes where it has a block."""
        usable = 0
        for line in lines:
            self.live.say(line)
            usable = int(self.live.read_line().split()[1])
        return usable

    def ask(self, *words, of=None, **how):
        """What `ctl` made of it."""
        return subprocess.run([self.alloctrace, "ctl", str(of or self.session), *map(str, words)],
                              capture_output=True, text=True, timeout=HANG, check=False, **how)

    def tell(self, *words, **how):
        """An answer that is no error."""
        run = self.ask(*words, **how)
        assert (run.returncode, run.stderr) == (0, ""), run
        return run.stdout

    def json(self, *words, **how):
        return json.loads(self.tell(*words, "--json", **how))

    def refused(self, *words, status=125, **how):
        """The sentence."""
        run = self.ask(*words, **how)
        assert (run.returncode, run.stdout) == (status, ""), run
        assert run.stderr.startswith("alloctrace: ") and run.stderr.count("\n") == 1, run.stderr
        return run.stderr.removeprefix("alloctrace: ").rstrip("\n")

    def connect(self):
        """A raw client, and what it is greeted with."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(HANG)
        client.connect(str(folder() / str(self.session)))
        return client, read_line(client)

    def finish(self):
        self.live.process.stdin.close()
        self.live.process.stdin = None
        return self.live.finish()


def read_line(client):
    line = b""
    while not line.endswith(b"\n"):
        byte = client.recv(1)
        assert byte, f"the session has hung up after {line}"
        line += byte
    return line.decode().rstrip("\n")


def read_answer(client):
    """(status, text), as the protocol has it."""
    status, length = read_line(client).split()
    text = b""
    while len(text) < int(length):
        more = client.recv(int(length) - len(text))
        assert more, "the session has hung up amid an answer"
        text += more
    return status, text.decode()
