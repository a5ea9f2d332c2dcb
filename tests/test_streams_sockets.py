"""Readers at the other end of a connection who say something themselves, are slow, or go."""

import json
import re
import socket
import threading

import pytest

from conftest import HANG
from streaming import Listener, events_of

pytestmark = pytest.mark.sanitized

WAY = re.compile(r"alloctrace: 127\.0\.0\.1:\d+: (\d+) bytes are still on their way; they arrive if "
                 r"its reader reads on, and are lost if it writes or goes\n")
COUNT = 8000  # calls of malloc: more than a reader's machine takes before it reads


class Talker:
    """A TCP reader of small pieces: what talk(connection, gate) makes of the first connection."""

    def __init__(self, talk):
        self.listener = Listener(socket.AF_INET, ("127.0.0.1", 0), small=True)
        self.where = f"tcp:127.0.0.1:{self.listener.port}"
        self.gate, self.got = threading.Event(), b""
        self.thread = threading.Thread(target=self.run, args=(talk,), daemon=True)
        self.thread.start()

    def run(self, talk):
        connection = self.listener.socket.accept()[0]
        connection.settimeout(HANG)
        for piece in talk(connection, self.gate):
            self.got += piece
        connection.close()

    def text(self):
        self.gate.set()
        self.thread.join(HANG)
        assert not self.thread.is_alive()
        return self.got.decode()


def pieces(connection):
    while piece := connection.recv(4096):
        yield piece


def greets(connection, gate):
    connection.sendall(b"hello\n")
    gate.wait(HANG)
    yield from pieces(connection)


def echoes(connection, _):
    for piece in pieces(connection):
        connection.sendall(piece)
        yield piece


def greets_and_reads(connection, _):
    connection.sendall(b"hello\n")
    yield from pieces(connection)


@pytest.fixture
def start(start_plainly, alloctrace, target):
    """start(talker, options...)"""
    def go(talker, *options, of=("many", str(COUNT))):
        return start_plainly(alloctrace, "--no-maps", *options, "-o", f"mlog:{talker.where}", "--",
                             target("streamed"), *of)
    return go


def test_a_reader_who_said_something_gets_all_of_it(start, until, process_state):
    talker = Talker(greets)
    live = start(talker, "--on-block", "wait", of=("waits", str(COUNT)))
    pid = live.await_ready()
    live.say("")
    until(lambda: process_state(pid) is None, "the program's end")
    lines = talker.text().splitlines()
    run = live.finish()
    assert (run.status, run.err) == (3, "")
    assert len(events_of(lines)) == 2 * COUNT and lines[-1].startswith("+ FINI")


def test_a_reader_who_echoes_is_read(start):
    talker = Talker(echoes)
    run = start(talker, "--on-block", "wait").finish()
    assert (run.status, run.err) == (3, "")
    assert len(events_of(talker.text().splitlines())) == 2 * COUNT


def test_what_is_still_on_its_way_is_told_and_arrives(start):
    talker = Talker(greets)
    run = start(talker, of=("many", "1000")).finish()
    assert run.status == 3 and WAY.fullmatch(run.err)
    assert len(events_of(talker.text().splitlines())) == 2000


def test_a_report_arrives_where_something_was_said(start_plainly, alloctrace, target):
    talker = Talker(greets_and_reads)
    run = start_plainly(alloctrace, "--blocks", "-o", f"json:{talker.where}", "--",
                        target("ranking")).finish()
    assert run.status == 0
    assert json.loads(talker.text())["totals"]["allocs"] == 1104


def test_the_waiting_for_one_who_has_gone_ends(start, until, process_state):
    """He had said that he would say no more, and is then gone at once."""
    def goes(connection, gate):
        connection.shutdown(socket.SHUT_WR)
        gate.wait(HANG)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        yield b""

    talker = Talker(goes)
    live = start(talker, "--on-block", "wait", of=("waits", "1000"))
    pid = live.await_ready()
    live.say("")
    until(lambda: process_state(pid) is None, "the program's end")
    talker.listener.socket.close()
    talker.text()
    run = live.finish()
    told, lost = run.err.splitlines()
    assert told.startswith(f"alloctrace: cannot stream to {talker.where[4:]}: ")
    assert re.search(r": \d+ bytes that were sent had not arrived: it could not be written$", lost)
    assert run.status == 125
