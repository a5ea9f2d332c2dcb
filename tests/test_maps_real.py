"""What real programs have mapped: the same as the kernel's own list while they work, launched
and attached to, and they answer as without us."""

import signal
import subprocess

import pytest

from attaching import assert_untouched
from conftest import parent_of
from test_attach_real import (  # pylint: disable=unused-import
    folder, load_redis, psql, redis, serve_postgres, serve_redis, unprivileged)
from test_maps import assert_identical, dumps  # pylint: disable=unused-import


def calls_of(report):
    return sum(row["calls"] for row in report["maps"].values()
               if isinstance(row, dict) and "calls" in row)


def assert_works(dump, times):
    """Identical at each of the dumps, between which it has mapped."""
    reports = [dump() for _ in range(times)]
    for report in reports:
        assert_identical(report)
    assert calls_of(reports[-1]) > calls_of(reports[0])


# ---- python3 ---------------------------------------------------------------------------

PYTHON = """
import mmap, sys, threading
going, rounds = True, [0] * 8

def short(done):
    done.append(bytearray(300000))

def work(number):
    kept = []
    while going:
        kept.append(mmap.mmap(-1, 4096 * (1 + rounds[number] % 40)))
        kept[-1][0] = number
        listed = list(range(20000 + 1000 * number))
        done = []
        thread = threading.Thread(target=short, args=(done,))
        thread.start()
        thread.join()
        assert len(done[0]) == 300000 and listed[-1] == 19999 + 1000 * number
        if len(kept) > 20:
            assert all(one[0] == number for one in kept)
            for one in kept[::2]:
                one.close()
            kept = kept[1::2]
            kept[0].resize(4096 * 64)
        rounds[number] += 1

threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for thread in threads:
    thread.start()
print("ready", flush=True)
sys.stdin.readline()
going = False
for thread in threads:
    thread.join()
print("right", min(rounds) > 0)
"""
EIGHT = ("/usr/bin/python3", "-X", "faulthandler", "-c", PYTHON)


def test_python_with_eight_threads(start_traced, dumps, cycles):
    live = start_traced(*EIGHT)
    live.await_line("ready")
    assert_works(dumps(live), cycles(20, 200))
    run = live.finish("end\n")
    assert (run.status, run.out.splitlines()[-1], run.err) == (0, "right True", "")
    assert_identical(run.report)


def test_python_with_eight_threads_attached_to(attach, start_plainly, cycles):
    live = start_plainly(*EIGHT)
    live.await_line("ready")
    for _ in range(cycles(3, 30)):
        attached = attach(live.pid)
        assert_works(attached.dump, 10)
        run = attached.detach()
        assert (run.status, run.err) == (0, "")
        assert_identical(run.report)
        assert_untouched(live.pid)
    run = live.finish("end\n")
    assert (run.status, run.out.splitlines()[-1], run.err) == (0, "right True", "")


# ---- redis-server ------------------------------------------------------------------------

LARGE = 30000  # of a value: the server's allocator maps and unmaps


def assert_identical_under(begin, dump):
    """At every dump until the load is over, which is begun again where that is too soon."""
    reports = []
    while len(reports) <= 5:
        load = begin()
        while load.poll() is None:
            reports.append(dump())
            assert_identical(reports[-1])
        out = load.communicate()[0]
        assert load.returncode == 0 and "rror" not in out, out
    assert calls_of(reports[-1]) > calls_of(reports[0])


@pytest.fixture
def traced_redis(start_traced, installed, until, folder):
    yield from serve_redis(start_traced, installed, until, folder)


def test_redis_under_load(traced_redis, dumps, folder, cycles):
    server, ask = traced_redis
    assert_identical_under(lambda: load_redis(folder, cycles(4000, 40000), LARGE), dumps(server))
    assert ask("ping") == "PONG"
    ask("shutdown")
    run = server.finish()
    assert run.status == 0
    assert_identical(run.report)


def test_redis_under_load_attached_to(attach, redis, folder, cycles):
    server, ask = redis
    attached = attach(server.pid)
    attached.dump()
    assert_identical_under(lambda: load_redis(folder, cycles(4000, 40000), LARGE), attached.dump)
    run = attached.detach()
    assert (run.status, run.err) == (0, "")
    assert_identical(run.report)
    assert_untouched(server.pid)
    assert ask("ping") == "PONG"


# ---- a PostgreSQL backend ------------------------------------------------------------------


@pytest.fixture
def traced_postgres(start_traced, start_plainly, installed, unprivileged, folder, until):
    def start(*command, **how):
        return start_traced(*command, options=["-f"], **how)
    yield from serve_postgres(start, start_plainly, installed, unprivileged, folder, until)


SORT = "SET work_mem = '64MB'"
QUERY = ("SELECT count(*), sum(length(t)), md5(string_agg(t, '' ORDER BY t)) FROM "
         "(SELECT g || repeat('x', g % 100) AS t FROM generate_series(1, {}) g) s")


def test_a_postgres_backend(attach, psql, cycles):
    pid = int(psql.ask(SORT, "SELECT pg_backend_pid()"))
    query = QUERY.format(cycles(50000, 200000))
    plain = psql.ask(query)
    attached = attach(pid)
    for _ in range(cycles(5, 50)):
        assert_identical(attached.dump())
        psql.live.say(query + ";")
        reports = [attached.dump() for _ in range(3)]
        assert psql.ask() == plain
        for report in reports:
            assert_identical(report)
    run = attached.detach()
    assert (run.status, run.err) == (0, "")
    assert_identical(run.report)
    assert_untouched(pid)


def test_all_processes_of_postgres(traced_postgres, children, until, tmp_path, read_report):
    server, client = traced_postgres
    backend = int(client.ask(SORT, "SELECT pg_backend_pid()"))
    family = children(parent_of(backend))
    assert backend in family and len(family) > 4
    for number in range(1, 6):
        assert client.ask(QUERY.format(20000)).startswith("20000|")
        server.kill(signal.SIGUSR1)
        dumps = {pid: tmp_path / f"report.{pid}.{number}.json" for pid in family}
        until((tmp_path / f"report.{number}.json").exists, "a dump")
        # one of a worker that has ended meanwhile is its last
        until(lambda: all(path.exists() or (tmp_path / f"report.{pid}.json").exists()
                          for pid, path in dumps.items()), "a dump of each")
        assert dumps[backend].exists()
        for path in [tmp_path / f"report.{number}.json", *dumps.values()]:
            if path.exists():
                assert_identical(read_report(path))


# ---- node ---------------------------------------------------------------------------------

NODE = """
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
let going = true, rounds = 0;

function work() {
    if (!going) {
        parentPort.postMessage(rounds);
        parentPort.close();
        return;
    }
    const kept = [];
    for (let i = 0; i < 40; i++)
        kept.push(Buffer.alloc(200000 + i, workerData));
    const list = Array.from({ length: 5000 }, (_, i) => ({ n: i, text: 'x' + i }));
    const again = JSON.parse(JSON.stringify(list));
    new WebAssembly.Memory({ initial: 1 + rounds % 5 });
    if (again[4999].n !== 4999 || kept.some((one) => one[100] !== workerData))
        process.exit(3);
    rounds++;
    setImmediate(work);
}

function end(workers) {
    let left = workers.length, right = true;

    process.stdin.destroy();
    for (const worker of workers) {
        worker.on('message', (done) => { right &&= done > 0; });
        worker.on('exit', (status) => {
            right &&= status === 0;
            if (--left === 0)
                console.log('right', right);
        });
        worker.postMessage('end');
    }
}

if (isMainThread) {
    const workers = [1, 2].map((number) => new Worker(__filename, { workerData: number }));

    const online = workers.map((one) => new Promise((ready) => one.once('online', ready)));

    Promise.all(online).then(() => {
        console.log('ready');
        process.stdin.once('data', () => end(workers));
    });
} else {
    parentPort.on('message', () => { going = false; });
    work();
}
"""


@pytest.fixture
def node(installed, tmp_path):
    """The command; two threads of it allocate."""
    (tmp_path / "work.js").write_text(NODE)
    return installed("node", "nodejs"), "work.js"


# ---- a JVM ---------------------------------------------------------------------------------

JAVA = """
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.atomic.AtomicLong;

public class Work {
    static volatile boolean going = true;
    static final AtomicLong rounds = new AtomicLong();

    static boolean isRight(int number, Path file) throws Exception {
        List<int[]> kept = new ArrayList<>();
        for (int i = 0; i < 200; i++)
            kept.add(new int[1000 + i * 10]);
        ByteBuffer direct = ByteBuffer.allocateDirect(300000 + number);
        direct.putInt(0, number);
        Thread thread = new Thread(rounds::incrementAndGet);
        thread.start();
        thread.join();
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
            return mapped.get(99999) == 'x' && direct.getInt(0) == number && kept.size() == 200;
        }
    }

    static void work(int number, Path file) {
        try {
            while (going && isRight(number, file))
                if (rounds.get() % 50 == 0)
                    System.gc();
            if (going)
                System.exit(3);
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(4);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Path file = Files.write(Path.of("mapped"), "x".repeat(100000).getBytes());
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int number = i;
            threads.add(new Thread(() -> work(number, file)));
            threads.get(i).start();
        }
        System.out.println("ready");
        System.in.read();
        going = false;
        for (Thread thread : threads)
            thread.join();
        System.out.println("right " + (rounds.get() > 0));
    }
}
"""


@pytest.fixture
def java(installed, tmp_path):
    """The command; four threads of it allocate, map and start others."""
    virtual_machine = installed("java", "default-jre-headless")
    compiler = installed("javac", "default-jdk-headless")
    (tmp_path / "Work.java").write_text(JAVA)
    subprocess.run([compiler, "Work.java"], cwd=tmp_path, check=True)
    return virtual_machine, "-Xmx64m", "-cp", str(tmp_path), "Work"


# ---- both -----------------------------------------------------------------------------------


@pytest.fixture(params=["node", "java"])
def machine(request):
    return request.getfixturevalue(request.param)


# node allocates half a million times before it begins.
def test_a_virtual_machine(start_traced, machine, dumps, cycles):
    live = start_traced(*machine, options=["--growth"])
    live.await_line("ready")
    assert_works(dumps(live), cycles(20, 200))
    run = live.finish("end\n")
    assert (run.status, run.out.splitlines()[-1], run.err) == (0, "right true", "")
    assert_identical(run.report)


def test_a_virtual_machine_attached_to(attach, start_plainly, machine, cycles):
    live = start_plainly(*machine)
    live.await_line("ready")
    for _ in range(cycles(3, 30)):
        attached = attach(live.pid)
        assert_works(attached.dump, 10)
        run = attached.detach()
        assert (run.status, run.err) == (0, "")
        assert_identical(run.report)
        assert_untouched(live.pid)
    run = live.finish("end\n")
    assert (run.status, run.out.splitlines()[-1], run.err) == (0, "right true", "")
