"""Servers that are attached to and let go of while they serve: no request fails, nothing
dies, and their live totals move by what a known step takes."""

import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

from attaching import assert_detached, assert_untouched
from processes import children_of, threads_of

NOBODY = 65534


@pytest.fixture
def folder():
    """For sockets, whose paths may not be long, and data that nobody may own."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        yield path


@pytest.fixture
def unprivileged():
    """What runs a program that will not run as root."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def calls_of(report):
    return sum(function["calls"] for function in report["functions"].values())


def blocks_of(report, smallest, largest):
    """How many live blocks of such a size it has."""
    return sum(smallest <= block["size"] <= largest for block in report["blocks"])


def trace_some_calls(attached, until, enough):
    """At least so many, counted from now."""
    before = calls_of(attached.dump())
    until(lambda: calls_of(attached.dump()) - before >= enough, "some calls")


# ---- redis-server ------------------------------------------------------------------

KEY_BYTES = 1_000_000
KEY_SLACK = 100  # the string's header, and the end of the line that brought it


def serve_redis(start, installed, until, folder):
    """(the Live of a server, redis-cli's words)"""
    path = f"{folder}/socket"
    server = start(installed("redis-server"), "--port", "0", "--unixsocket", path,
                           "--save", "", "--dir", folder)
    client = [installed("redis-cli", "redis-tools"), "-s", path]

    def ask(*words, **how):
        return subprocess.run([*client, *words], text=True, capture_output=True, check=True,
                              **how).stdout.strip()
    until(lambda: os.path.exists(path) and ask("ping") == "PONG", "the server")
    yield server, ask
    if server.process.poll() is None:
        server.kill(signal.SIGTERM)
        assert server.finish().status == 0


@pytest.fixture
def redis(start_plainly, installed, until, folder):
    yield from serve_redis(start_plainly, installed, until, folder)


def load_redis(folder, requests, size=100):
    return subprocess.Popen(
        [shutil.which("redis-benchmark"), "-s", f"{folder}/socket", "-c", "50", "-n", str(requests),
         "-t", "set,get,lpush,lpop", "-d", str(size), "-r", "1000", "-q"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def rates(out):
    """Requests a second, as redis-benchmark tells them in the end."""
    return {name: round(float(rate)) for name, rate in
            re.findall(r"(\w+): ([0-9.]+) requests per second", out)}


def test_redis_under_load(attach, redis, folder, until, cycles, tell):
    server, ask = redis
    load = load_redis(folder, cycles(100000, 300000))
    for _ in range(cycles(3, 10)):
        attached = attach(server.pid)
        trace_some_calls(attached, until, 5000)
        run = attached.detach()
        assert_detached(run)
        assert run.report["ledger"]["text_identical"] is True
        assert load.poll() is None, "the load has ended before the detach"
        assert_untouched(server.pid)
    out = load.communicate()[0]
    assert load.returncode == 0 and "rror" not in out, out
    assert len(rates(out)) == 4
    assert ask("ping") == "PONG"
    tell(f"redis, attached to and let go of under load: {rates(out)} requests a second")


def test_a_key_in_redis(attach, redis):
    server, ask = redis
    attached = attach(server.pid, "--blocks")
    before = attached.dump()
    assert ask("-x", "set", "key", input="x" * KEY_BYTES) == "OK"
    assert ask("ping") == "PONG"  # behind it the client before is gone, and its buffer
    stored = attached.dump()
    assert ask("del", "key") == "1"
    assert ask("ping") == "PONG"
    deleted = attached.dump()
    assert_detached(attached.detach())
    held = [blocks_of(report, KEY_BYTES, KEY_BYTES + KEY_SLACK)
            for report in (before, stored, deleted)]
    assert held == [0, 1, 0]
    moved = [report["totals"]["live_bytes"] - before["totals"]["live_bytes"]
             for report in (stored, deleted)]
    assert KEY_BYTES <= moved[0] <= KEY_BYTES * 1.1
    assert moved[1] <= KEY_BYTES * 0.1


# ---- a PostgreSQL backend ------------------------------------------------------------


def postgres_folder():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        pytest.skip("package postgresql is not installed")
    return found[-1]


class Psql:
    """One psql, and so one backend."""

    def __init__(self, live):
        self.live = live

    def ask(self, *queries):
        """The last line of what they answer."""
        for query in queries:
            self.live.say(query + ";")
        self.live.say(r"\echo '.'")
        answer = []
        while (line := self.live.read_line().rstrip("\n")) != ".":
            answer.append(line)
        return answer[-1] if answer else None


def serve_postgres(start, start_plainly, installed, unprivileged, folder, until):
    """(the Live of a server, the Psql of a backend)"""
    programs = postgres_folder()
    data = f"{folder}/data"
    made = subprocess.run([*unprivileged, f"{programs}/initdb", "-D", data, "-U", "postgres", "-A",
                           "trust", "--no-sync", "--no-locale", "-E", "UTF8"],
                          capture_output=True, text=True, cwd=folder, check=False)
    assert made.returncode == 0, made.stderr
    server = start(*unprivileged, f"{programs}/postgres", "-D", data, "-k", folder,
                   "-c", "listen_addresses=", "-c", "fsync=off", cwd=folder,
                   stderr=subprocess.DEVNULL)
    ready = [f"{programs}/pg_isready", "-q", "-h", folder]
    until(lambda: subprocess.run(ready, check=False).returncode == 0, "the server")
    client = start_plainly(installed("psql", "postgresql-client"), "-h", folder, "-U", "postgres",
                           "-qAtX", "-v", "ON_ERROR_STOP=1", "-f", "-", "postgres")
    yield server, Psql(client)
    ended = client.finish()
    assert (ended.status, ended.err) == (0, "")
    with open(f"{data}/postmaster.pid", encoding="utf-8") as file:
        os.kill(int(file.readline()), signal.SIGINT)
    assert server.finish().status == 0


@pytest.fixture
def psql(start_plainly, installed, unprivileged, folder, until):
    for _, client in serve_postgres(start_plainly, start_plainly, installed, unprivileged, folder,
                                    until):
        yield client


LONG_QUERY = ("SELECT count(*), sum(length(t)), md5(string_agg(t, '' ORDER BY t)) FROM "
              "(SELECT md5(g::text) || repeat('x', g % 100) AS t FROM generate_series(1, {}) g) s")


def test_a_postgres_backend_runs_a_query(attach, psql, until, cycles):
    pid = int(psql.ask("SELECT pg_backend_pid()"))
    query = LONG_QUERY.format(cycles(100000, 200000))
    plain = psql.ask(query)
    for _ in range(cycles(3, 20)):
        attached = attach(pid)
        attached.dump()
        psql.live.say(query + ";")
        until(lambda: calls_of(attached.dump()) > 100, "some calls")
        run = attached.detach()
        assert_detached(run)
        assert run.report["ledger"]["text_identical"] is True
        assert psql.ask() == plain
        assert_untouched(pid)
    assert int(psql.ask("SELECT pg_backend_pid()")) == pid


def test_a_table_in_postgres(attach, psql):
    """A temporary one, which the backend keeps in memory of its own, page by page."""
    pid = int(psql.ask("SET temp_buffers = '128MB'", "SELECT pg_backend_pid()"))
    attached = attach(pid)
    before = attached.dump()["totals"]["live_bytes"]
    pages = int(psql.ask(
        "CREATE TEMP TABLE t AS SELECT g, repeat('x', 1000) AS text FROM generate_series(1, 20000) g",
        "SELECT pg_relation_size('t') / 8192"))
    loaded = attached.dump()["totals"]["live_bytes"]
    assert_detached(attached.detach())
    assert pages > 2000
    # pages are allocated in portions, each as large as all before it
    assert pages * 8192 <= loaded - before <= 2.5 * pages * 8192
    assert psql.ask("SELECT count(*), sum(g) FROM t") == "20000|200010000"


# ---- python3 with eight threads ------------------------------------------------------

EIGHT = """
import hashlib, json, re, sys, threading, zlib
going, rounds = True, [0] * 8
def work(number):
    lines = [{"n": i, "text": "x" * (i * 37 % 900), "list": list(range(i % 50))} for i in range(60)]
    right = hashlib.sha256(json.dumps(lines).encode()).hexdigest()
    while going:
        text = json.dumps(lines)
        packed = zlib.compress(text.encode(), 1)
        again = json.loads(zlib.decompress(packed).decode())
        assert again == lines and hashlib.sha256(json.dumps(again).encode()).hexdigest() == right
        assert len(re.findall(r'"n": [0-9]+', text)) == 60
        rounds[number] += 1
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for thread in threads:
    thread.start()
print("ready", flush=True)
kept = []
for line in sys.stdin:
    if line == "keep\\n":
        kept.append(bytearray(int(sys.argv[1])))
    elif line == "drop\\n":
        kept.clear()
    elif line == "end\\n":
        break
    print("done", *rounds, flush=True)
going = False
for thread in threads:
    thread.join()
print("rounds", min(rounds), flush=True)
"""


@pytest.fixture
def python(start_plainly):
    live = start_plainly("/usr/bin/python3", "-X", "faulthandler", "-c", EIGHT,
                         str(KEY_BYTES))
    live.await_line("ready")
    yield live
    ended = live.finish("end\n")
    assert (ended.status, ended.err) == (0, "")
    assert int(ended.out.split()[-1]) > 0


def test_python_with_eight_threads(attach, python, until, cycles):
    assert len(threads_of(python.pid)) == 9
    for _ in range(cycles(5, 100)):
        attached = attach(python.pid)
        trace_some_calls(attached, until, 500)
        run = attached.detach()
        assert_detached(run)
        assert run.report["ledger"]["text_identical"] is True
        assert run.report["threads"]["live"] == 9
        assert_untouched(python.pid)


def test_a_bytearray_in_python(attach, python):
    attached = attach(python.pid, "--blocks")
    held = []
    for line in ("", "keep", "keep", "drop"):
        python.say(line)
        python.await_line("done")
        held.append(blocks_of(attached.dump(), KEY_BYTES, KEY_BYTES + 1))
    assert_detached(attached.detach())
    assert held == [0, 1, 2, 0]


# ---- nginx with two workers ------------------------------------------------------------

HEADER_BYTES, HELD = 98304, 12

NGINX = """
daemon off; worker_processes 2; {user} pid {folder}/pid; error_log {folder}/error warn;
events {{ worker_connections 200; }}
http {{
    access_log off; client_header_buffer_size {header}; gzip on; gzip_min_length 1;
    gzip_types text/plain; default_type text/plain;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen unix:{folder}/socket; root {folder}/www; }}
}}
"""


class Client(threading.Thread):
    """Asks for the same page, each time by a connection of its own, and counts."""

    def __init__(self, path, page):
        super().__init__()
        self.path, self.page = path, page
        self.ending = False
        self.right, self.wrong = 0, []

    def ask(self):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            connection.sendall(b"GET /page HTTP/1.0\r\n\r\n")
            with connection.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 200 OK\r\n") and body == self.page

    def run(self):
        while not self.ending:
            try:
                right = self.ask()
            except OSError as error:
                right, self.wrong = False, [*self.wrong, error]
            self.right += right
            if not right:
                self.wrong.append("a wrong answer")

    def end(self):
        self.ending = True
        self.join()
        assert self.wrong == [] and self.right > 0


@pytest.fixture
def nginx(start_plainly, installed, folder, until):
    """(the master's Live, its workers)"""
    program = installed("/usr/sbin/nginx", "nginx")
    user = "user nobody nogroup;" if os.geteuid() == 0 else ""
    with open(f"{folder}/conf", "w", encoding="utf-8") as file:
        file.write(NGINX.format(folder=folder, user=user, header=HEADER_BYTES))
    os.mkdir(f"{folder}/www")
    with open(f"{folder}/www/page", "w", encoding="utf-8") as file:
        file.write("a line of the page\n" * 5000)
    master = start_plainly(program, "-c", f"{folder}/conf", "-e", f"{folder}/error")
    until(lambda: os.path.exists(f"{folder}/socket") and len(children_of(master.pid)) == 2,
          "the workers")
    yield master, children_of(master.pid)
    master.kill(signal.SIGQUIT)
    ended = master.finish()
    with open(f"{folder}/error", encoding="utf-8") as errors:
        assert (ended.status, ended.err, errors.read()) == (0, "", "")


@pytest.fixture
def attach_both(attach, tmp_path):
    """attach_both(pids): an alloctrace each, with a folder each."""
    def start(pids, *options):
        both = []
        for pid in pids:
            (tmp_path / str(pid)).mkdir(exist_ok=True)
            both.append(attach(pid, *options, folder=tmp_path / str(pid)))
        return both
    return start


def test_two_workers_of_nginx_under_load(attach_both, nginx, folder, until, cycles, tell):
    master, workers = nginx
    with open(f"{folder}/www/page", "rb") as page:
        clients = [Client(f"{folder}/socket", page.read())]
    clients += [Client(f"{folder}/socket", clients[0].page) for _ in range(3)]
    for client in clients:
        client.start()
    for _ in range(cycles(5, 50)):
        both = attach_both(workers)
        for attached in both:
            attached.dump()
        until(lambda: sum(calls_of(attached.dump()) for attached in both) > 200, "some calls")
        for attached in both:
            run = attached.detach()
            assert_detached(run)
            assert run.report["ledger"]["text_identical"] is True
        for pid in workers:
            assert_untouched(pid)
    for client in clients:
        client.end()
    assert children_of(master.pid) == workers
    tell(f"nginx, attached to and let go of under load: {sum(c.right for c in clients)} right "
         "answers, no other")


def test_connections_to_nginx(attach_both, nginx, folder, until):
    """Each that has sent half a request holds a buffer for its header."""
    _, workers = nginx
    both = attach_both(workers, "--blocks")

    def held():
        return sum(blocks_of(attached.dump(), HEADER_BYTES, HEADER_BYTES) for attached in both)
    assert held() == 0
    connections = [socket.socket(socket.AF_UNIX) for _ in range(HELD)]
    for connection in connections:
        connection.connect(f"{folder}/socket")
        connection.sendall(b"GET /pa")
    until(lambda: held() == HELD, "all to be accepted")
    for connection in connections:
        connection.close()
    until(lambda: held() == 0, "all to be closed")
    for attached in both:
        assert_detached(attached.detach())
