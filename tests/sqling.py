"""What the tests of databases share: a PostgreSQL of one's own, and questions to either."""

import contextlib
import csv
import glob
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import pytest

from conftest import HANG, REPO

NOBODY = 65534
QUERIES = {path.stem: path.read_text() for path in sorted((REPO / "tests" / "sql").glob("*.sql"))}
NULL = "\\N"
TABLES = ("trace", "processes", "arguments", "threads", "sites", "frames", "events", "map_calls",
          "marks", "blocks", "maps")


def as_text(rows):
    """As psql prints them."""
    return [tuple(NULL if value is None else str(value) for value in row) for row in rows]


def ask_sqlite(path, question):
    """The rows; names are bytes that no terminal must like, but are UTF-8."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(question).fetchall()


class Postgres:
    """A server that only its socket in the folder leads to."""

    def __init__(self, programs, folder, as_user):
        self.programs, self.folder, self.as_user = programs, folder, as_user
        self.data = f"{folder}/data"
        self.server = None

    def run(self, *command, **how):
        done = subprocess.run(command, capture_output=True, cwd=self.folder, timeout=HANG,
                              check=False, **how)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def start(self):
        self.run(*self.as_user, f"{self.programs}/initdb", "-D", self.data, "-U", "postgres",
                 "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8")
        self.server = subprocess.Popen(
            [*self.as_user, f"{self.programs}/postgres", "-D", self.data, "-k", self.folder,
             "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_wal_size=8GB"],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ready = [f"{self.programs}/pg_isready", "-q", "-h", self.folder]
        give_up = time.monotonic() + HANG
        while subprocess.run(ready, check=False).returncode:
            assert self.server.poll() is None and time.monotonic() < give_up
            time.sleep(0.05)

    def stop(self):
        if self.server:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(timeout=HANG)

    def psql(self, *arguments):
        return self.run("psql", "-X", "-q", "-h", self.folder, "-U", "postgres", "-d", "postgres",
                        *arguments)

    def load(self, script):
        self.psql("-f", script)

    def ask(self, question):
        """The rows, as text."""
        out = self.psql("--csv", "-t", "-P", f"null={NULL}", "-c", question)
        return [tuple(row) or ("",) for row in csv.reader(io.StringIO(out, newline=""))]


def programs_of_postgres():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found or not shutil.which("psql"):
        pytest.skip("package postgresql is not installed")
    return found[-1]


@contextlib.contextmanager
def postgres_server():
    """Not as root, which it will not run as. A socket's path may not be long."""
    root = os.geteuid() == 0
    as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] * root
    programs = programs_of_postgres()
    with tempfile.TemporaryDirectory() as folder:
        if root:
            os.chown(folder, NOBODY, NOBODY)
        server = Postgres(programs, folder, as_user)
        try:
            server.start()
            yield server
        finally:
            server.stop()

