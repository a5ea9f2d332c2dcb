"""--metrics: OpenMetrics text over HTTP, held against a strict parser and the program's own
figures."""

import http.client
import json
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from ctl import Stepper

parser = pytest.importorskip("prometheus_client.openmetrics.parser",
                             reason="package python3-prometheus-client is not installed")
pytestmark = pytest.mark.sanitized


@pytest.fixture
def port():
    """One that nobody has just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def served(start_plainly, alloctrace, target, tmp_path):
    """served(address, options...): the program under a session that serves there."""
    def start(address, *options, command=None):
        report = tmp_path / "report.json"
        live = start_plainly(alloctrace, "-o", f"json:{report}", f"--metrics={address}", *options,
                             "--", *(command or [target("stepper")]))
        return Stepper(live, alloctrace, report)
    return start


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))


def connection(address):
    if isinstance(address, int):
        return http.client.HTTPConnection("127.0.0.1", address, timeout=60)
    return UnixConnection(address)


def get(address, path="/metrics", method="GET"):
    client = connection(address)
    client.request(method, path)
    response = client.getresponse()
    text = response.read().decode()
    client.close()
    return response, text


def families(text):
    """By name, as the strict parser has them."""
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


def scrape(address):
    response, text = get(address)
    assert response.status == 200
    assert response.getheader("Content-Type") == \
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    return families(text)


def value(found, family, suffix="", **labels):
    values = [sample.value for sample in found[f"alloctrace_{family}"].samples
              if sample.name == f"alloctrace_{family}{suffix}" and
              {key: sample.labels.get(key) for key in labels} == labels]
    assert len(values) == 1, (family, suffix, labels, values)
    return values[0]


def ended_well(step):
    run = step.finish()
    assert (run.status, run.err) == (0, "")
    return json.loads(step.report.read_text())


def test_the_counters_are_the_programs(served, port, target):
    step = served(port)
    step.do("m 1 100", "m 2 1000", "c 3 10", "f 1", "p 5 3", "n", "M 1048576")
    found = scrape(port)
    pid = str(step.pid)
    assert value(found, "allocs", "_total", pid=pid) == 6
    assert value(found, "frees", "_total") == 4
    assert value(found, "allocated_bytes", "_total") == 1125
    assert value(found, "freed_bytes", "_total") == 115
    assert value(found, "live_blocks") == 2 and value(found, "live_bytes") == 1010
    assert value(found, "peak_live_bytes") == 1110
    assert value(found, "threads") == 1 and value(found, "missed_calls", "_total") == 0
    assert value(found, "calls", "_total", function="malloc") == 5
    assert value(found, "calls", "_total", function="free") == 5
    assert value(found, "mapped_bytes", origin="app") >= 1048576
    assert value(found, "process", "_info", exe=target("stepper"), pid=pid) == 1
    assert value(found, "map_calls", "_total", call="mmap") == \
        step.json("stat")["maps"]["mmap"]["calls"]
    types = {name: family.type for name, family in found.items()}
    assert types["alloctrace_allocs"] == "counter" and types["alloctrace_live_bytes"] == "gauge"
    assert types["alloctrace_alloc_size_bytes"] == "histogram"
    assert value(found, "alloc_size_bytes", "_count") == 6
    assert value(found, "alloc_size_bytes", "_sum") == 1125
    assert value(found, "alloc_size_bytes", "_bucket", le="7.0") == 3
    assert value(found, "alloc_size_bytes", "_bucket", le="127.0") == 5
    ended_well(step)


def test_a_scrape_tells_of_every_call_that_has_returned(served, port):
    step = served(port)
    for i in range(1, 30):
        step.do("p 16 1")
        found = scrape(port)
        assert value(found, "allocs", "_total") == value(found, "frees", "_total") == i
    step.tell("reset")
    assert value(scrape(port), "allocs", "_total") == 29
    ended_well(step)


def test_processes_that_are_followed(served, port, target, run_plainly, until):
    step = served(port, "--follow", command=["/bin/sh", "-c", f'"{target("stepper")}"; exit 0'])
    step.do("m 1 100")
    step.json("stat", of=step.pid)
    found = scrape(port)
    assert len(found["alloctrace_live_bytes"].samples) == 2
    assert value(found, "live_bytes", pid=str(step.pid)) == 100
    assert step.json("stat", of=step.pid)["live"] == {"blocks": 1, "bytes": 100}
    run = step.finish()
    assert (run.status, run.err) == (0, "")


def test_a_unix_socket(served, tmp_path):
    path = tmp_path / "metrics.socket"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    step = served(f"unix:{path}")
    assert value(scrape(path), "allocs", "_total") == 0
    assert path.stat().st_mode & 0o777 == 0o600
    ended_well(step)
    assert not path.exists()


def test_only_on_the_loopback_interface(served, port):
    step = served(f":{port}")
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()
                 if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"]
    assert listening == [f"0100007F:{port:04X}"]
    assert value(scrape(port), "allocs", "_total") == 0
    ended_well(step)


def test_other_paths_and_methods(served, port):
    step = served(f"127.0.0.1:{port}")
    for path in ("/", "/metric", "/metrics/", "/../etc/passwd", "/" + "x" * 3000):
        assert get(port, path)[0].status == 404
    assert get(port, method="POST")[0].status == 405
    response, text = get(port, method="HEAD")
    assert (response.status, text) == (200, "")
    ended_well(step)


def junk_to(port, data, close=True):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        try:
            client.sendall(data)
            if close:
                client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):
                pass
        except OSError:
            pass  # it hangs up as soon as it has heard enough


def test_hostile_clients(served, port):
    step = served(port)
    for data in (b"", b"\n", os.urandom(100000), b"GET " + b"x" * (1 << 20),
                 b"GET /metrics HTTP/1.1\r\n" + b"A: " + b"b" * (1 << 20),
                 b"GET /metrics HTTP/9.9\r\n\r\n", b"\0" * 100000):
        junk_to(port, data)
    held = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(10)]
    for client in held:
        client.sendall(b"GET /metr")
    step.do("m 1 100")
    assert value(scrape(port), "live_bytes") == 100
    for client in held:
        client.close()
    for _ in range(200):
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    assert value(scrape(port), "live_bytes") == 100
    ended_well(step)


def test_many_scrapes_at_once(served, port):
    step = served(port)
    step.do("m 1 100")
    found = []
    threads = [threading.Thread(target=lambda: found.append(value(scrape(port), "live_bytes")))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [100] * 8
    ended_well(step)


def refused(run_plainly, alloctrace, address):
    run = run_plainly(alloctrace, "--metrics", address, "--", "/bin/true")
    assert run.err.count("\n") == 1 and run.err.startswith("alloctrace: "), run.err
    return run.status, run.err.removeprefix("alloctrace: ").rstrip("\n")


def test_addresses_that_cannot_be(run_plainly, alloctrace, port, tmp_path):
    for address in ("nothing", "127.0.0.1:", "127.0.0.1:x", ":", "unix:", "1:2:3:4",
                    "no.such.host.invalid:1", "0", "localhost:0", "65536", "localhost:70000",
                    "99999999", "9" * 30):
        assert refused(run_plainly, alloctrace, address) == \
            (2, f"--metrics {address}: not HOST:PORT, PORT or unix:PATH; see --help")
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert refused(run_plainly, alloctrace, str(port)) == \
            (125, f"cannot serve metrics at {port}: Address already in use")
    assert refused(run_plainly, alloctrace, f"unix:{tmp_path}/no/such") == \
        (125, f"cannot serve metrics at unix:{tmp_path}/no/such: No such file or directory")
    (tmp_path / "file").write_text("kept")
    assert refused(run_plainly, alloctrace, f"unix:{tmp_path}/file")[0] == 125
    assert (tmp_path / "file").read_text() == "kept"


def test_as_a_format_of_reports(run_plainly, alloctrace, target, tmp_path):
    out = tmp_path / "at_end.om"
    odd = tmp_path / 'odd"na\\me\nhere'
    odd.write_bytes(Path(target("stepper")).read_bytes())
    odd.chmod(0o755)
    run = run_plainly("/bin/sh", "-c", 'printf "m 1 10\\nf 1\\nm 2 4096\\n" | "$@"', "sh",
                      alloctrace, "-o", out, "--", odd)
    assert run.status == 0
    found = families(out.read_text())
    assert value(found, "process", "_info", exe=str(odd)) == 1
    assert value(found, "live_bytes") == 4096 and value(found, "frees", "_total") == 1


def test_a_program_that_is_let_go_stays_told(served, port):
    step = served(port)
    step.do("m 1 100")
    step.tell("stop")
    step.do("m 2 100")
    assert value(scrape(port), "live_bytes") == 100
    run = step.finish()
    assert (run.status, run.err) == (0, "")


def test_no_metrics_unless_asked_for(start_plainly, alloctrace, target):
    live = start_plainly(alloctrace, "-o", "text:/dev/null", "--", target("stepper"))
    step = Stepper(live, alloctrace, None)
    listening = subprocess.run(["/bin/sh", "-c", f"ls -l /proc/{step.session}/fd"],
                               capture_output=True, text=True, check=True).stdout
    sockets = [line for line in listening.splitlines() if "socket:" in line]
    assert len(sockets) == 1  # the control socket's
    assert step.finish().status == 0


def test_whoever_asks_is_answered_to_the_end(served, port, until, process_state, tmp_path):
    """While a command for an alert is waited for, and nothing is traced any more."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    step = served(port, "--alert-block", "999", "--on-alert", f"read line < {gate}")
    step.do("m 1 1000")
    step.live.process.stdin.close()
    until(lambda: process_state(step.pid) is None, "the program's end")
    assert value(scrape(port), "allocs", "_total") == 1
    assert step.json("stat")["live"]["blocks"] == 1
    gate.write_text("go on\n")
    step.live.process.stdin = None
    assert step.live.finish().status == 0
