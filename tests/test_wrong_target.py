"""Programs that do to themselves what a tracer does not expect: what they allocate is
counted all the same, and they end as without us."""

import os
import shutil
import signal
import subprocess

import pytest

MADE = {"before": (2, 1, 1000), "after": (2, 1, 300)}  # allocs, frees, live bytes


def counts(report, marker):
    sums = report.sums_of(marker, others=MADE)
    return sums["allocs"], sums["frees"], sums["live_bytes"]


@pytest.mark.sanitized
@pytest.mark.parametrize("mode", ["", "close-streams", "close-others", "limit-memory",
                                  "limit-files", "rename"])
def test_its_calls_are_counted_all_the_same(trace, target, mode):
    run = trace(target("misbehave"), mode)
    assert run.status == 5
    for marker, expected in MADE.items():
        assert counts(run.report, marker) == expected, marker
    run.report.assert_unblemished()


def test_a_call_that_fails_at_its_limit_is_one_that_failed(trace, target):
    report = trace(target("misbehave"), "limit-memory").report
    assert report["functions"]["malloc"]["failed"] == 1


def test_one_that_removes_its_executable_keeps_its_names(trace, target, tmp_path):
    copy = shutil.copy(target("misbehave"), tmp_path / "gone")
    run = trace(copy, "remove")
    assert run.status == 5 and not os.path.exists(copy)
    assert counts(run.report, "before") == MADE["before"]
    assert counts(run.report, "after") == MADE["after"]


def test_a_daemon_lives_on_untraced(trace, target):
    run = trace(target("misbehave"), "daemon")
    assert run.status == 5 and run.out == "daemon 1\n"
    assert counts(run.report, "after") == MADE["after"]


@pytest.mark.parametrize("mode, calls", [("threads", 4000), ("maps", 20)])
def test_many_threads_and_many_maps(trace, run_plainly, target, mode, calls):
    if run_plainly(target("misbehave"), mode).status == 77:
        pytest.skip(f"this machine's limits do not allow so many {mode}")
    run = trace(target("misbehave"), mode)
    allocs, frees, live = MADE["after"]
    assert run.status == 5
    assert counts(run.report, "after") == (allocs + calls, frees + calls, live)
    run.report.assert_unblemished()


@pytest.mark.sanitized
def test_one_killed_in_mid_run_is_reported(start_traced, target):
    live = start_traced(target("waiter"))
    os.kill(live.await_ready(), signal.SIGKILL)
    run = live.finish()
    assert run.status == 128 + signal.SIGKILL
    assert run.report["totals"]["live_blocks"] == 100


def test_one_that_dies_at_its_first_instruction(trace, tmp_path):
    image = bytearray(open("/usr/bin/true", "rb").read())
    image[24:32] = bytes(8)  # e_entry: the file's own header, which is not executable
    (tmp_path / "stillborn").write_bytes(image)
    (tmp_path / "stillborn").chmod(0o755)
    assert trace("./stillborn").status == 128 + signal.SIGSEGV


# ---- limits of alloctrace itself -------------------------------------------


def limited(limit, value, alloctrace, environment, folder):
    """stdout, stderr and status of a traced echo under a limit."""
    run = subprocess.run(["bash", "-c", f"ulimit {limit} {value}; exec {alloctrace} -o r.json -- "
                          "/bin/echo hi"], env=environment, cwd=folder, text=True,
                         capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return run.stdout, run.stderr, run.returncode


def assert_clear(out, err, status, folder):
    """Either it works, or it says in a line that it does not."""
    if status == 0:
        assert (out, err) == ("hi\n", "") and (folder / "r.json").stat().st_size
    else:
        assert status in (125, 127) and err
        assert [line for line in err.splitlines() if line.startswith(("alloctrace: ", "/"))]


@pytest.mark.parametrize("files", [4, 8, 12, 16, 20, 24, 32])
def test_few_descriptors(alloctrace, environment, tmp_path, files):
    assert_clear(*limited("-n", files, alloctrace, environment, tmp_path), tmp_path)


@pytest.mark.parametrize("kib", [30000, 50000, 60000, 70000, 85000, 100000, 130000, 200000])
def test_little_memory(alloctrace, environment, tmp_path, kib):
    assert_clear(*limited("-v", kib, alloctrace, environment, tmp_path), tmp_path)


def test_no_file_may_grow(alloctrace, environment, tmp_path):
    out, err, status = limited("-f", 0, alloctrace, environment, tmp_path)
    assert (out, status) == ("hi\n", 125) and err.count("\n") == 1
    assert err.endswith("r.json: File too large\n")
