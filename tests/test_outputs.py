"""Where outputs may go, and where they may not: told before the program begins."""

import fcntl
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import HANG

NOBODY = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user's files want root")


@pytest.fixture
def at(run_plainly, alloctrace, tmp_path):
    """at(options...): alloctrace there."""
    return lambda *options, **how: run_plainly(alloctrace, *map(str, options), cwd=tmp_path, **how)


def reported(path):
    return json.loads(path.read_text())["reason"]


# ---- two to one file --------------------------------------------------------------------------


@pytest.mark.parametrize("options, named", [
    (["-o", "json:p.json", "-o", "text:./p.json"], "./p.json"),
    (["-o", "p.sql", "-o", "postgres:p.sql"], "p.sql"),
    (["-o", "json:link", "-o", "sqlite:there"], "there"),
    (["-o", "mtrace:x", "--record", "x"], "x"),
])
def test_two_outputs_to_one_file(at, tmp_path, options, named):
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to("there")
    run = at(*options, "--", "/bin/touch", "began")
    assert (run.status, run.err) == (2, f"alloctrace: {named}: another file of this command line "
                                        "is the same; name one for each\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "there"]


def test_a_recording_is_not_written_over(at, tmp_path):
    assert at("--record", "it.trace", "--", "/bin/true").status == 0
    before = (tmp_path / "it.trace").read_bytes()
    run = at("report", "it.trace", "-o", "json:./it.trace")
    assert run.status == 2 and run.err.startswith("alloctrace: it.trace: another file")
    assert (tmp_path / "it.trace").read_bytes() == before


def test_a_device_takes_any_number(at):
    run = at("-o", "json:/dev/null", "-o", "text:/dev/null", "--", "/bin/true")
    assert (run.status, run.err) == (0, "")


@pytest.mark.parametrize("option, name, told", [
    ("--record", "it.trace", "record to"), ("-o", "it.db", "write the database"),
    ("-o", "it.sql", "write the database")])
def test_a_file_is_one_sessions(start_plainly, at, alloctrace, target, tmp_path, option, name,
                                told):
    live = start_plainly(alloctrace, option, tmp_path / name, "--", target("waiter"))
    live.await_ready()
    run = at(option, name, "--", "/bin/touch", "began")
    assert (run.status, run.err) == (125, f"alloctrace: cannot {told} {name}: another session "
                                          "does\n")
    assert not (tmp_path / "began").exists()
    first = live.finish("\n")
    assert first.status == 0 and "ends early" not in first.err
    assert (tmp_path / name).stat().st_size > 4096


# ---- descriptors that are closed --------------------------------------------------------------


@pytest.mark.parametrize("output, close, told", [
    ("json:-", ">&-", "report to -"), ("jsonl:-", ">&-", "stream to -"),
    ("jsonl:fd:0", "<&-", "stream to 0"), ("json:fd:3", "3>&-", "report to 3"),
])
def test_a_closed_descriptor_is_told(run_plainly, alloctrace, tmp_path, output, close, told):
    run = run_plainly("/bin/sh", "-c", f'exec "$@" {close}', "sh", alloctrace, "-o", output, "--",
                      "/bin/touch", tmp_path / "began")
    assert (run.status, run.err) == (125, f"alloctrace: cannot {told}: Bad file descriptor\n")
    assert not (tmp_path / "began").exists()


def test_a_closed_descriptor_is_not_that_of_another_output(run_plainly, alloctrace, tmp_path):
    run = run_plainly("/bin/sh", "-c", 'exec "$@" 3>&-', "sh", alloctrace, "-o",
                      f"jsonl:{tmp_path}/a", "-o", "mlog:fd:3", "--", "/bin/true")
    assert (run.status, run.err) == (125, "alloctrace: cannot stream to 3: Bad file descriptor\n")


# ---- files that cannot be replaced ------------------------------------------------------------


@only_root
def test_a_report_to_a_file_that_is_mounted(alloctrace, tmp_path):
    """As a container's volume can be."""
    outside, inside = tmp_path / "outside.json", tmp_path / "inside.json"
    outside.touch()
    inside.touch()
    script = f'mount --bind {outside} {inside} && exec "$@"'
    subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", alloctrace, "-o", f"json:{inside}",
                    "--", "/bin/true"], check=True, timeout=HANG)
    assert reported(outside) == "exit" and inside.read_text() == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside.json", "outside.json"]


@only_root
def test_files_in_a_folder_one_may_not_write(run_plainly, everybodys):
    """Theirs may be."""
    folder = Path(everybodys).parent
    for name in ("it.json", "it.jsonl"):
        (folder / name).touch()
        (folder / name).chmod(0o666)
    run = run_plainly(*NOBODY, everybodys, "-o", f"json:{folder}/it.json", "-o",
                      f"jsonl:{folder}/it.jsonl", "--", "/bin/true")
    assert (run.status, run.err) == (0, "")
    assert reported(folder / "it.json") == "exit"
    assert json.loads((folder / "it.jsonl").read_text().splitlines()[0])["event"]


@only_root
def test_anothers_file_in_a_sticky_folder_is_refused(run_plainly, everybodys):
    folder = Path(everybodys).parent / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "it.json").touch()
    run = run_plainly(*NOBODY, everybodys, "-o", f"json:{folder}/it.json", "--", "/bin/true")
    assert (run.status, run.err) == (125, f"alloctrace: cannot report to {folder}/it.json: "
                                          "Permission denied\n")


def test_a_name_that_has_no_room_for_another_beside_it(at, tmp_path):
    name = "n" * 250 + ".json"
    assert at("-o", name, "--", "/bin/true").status == 0
    assert reported(tmp_path / name) == "exit"


# ---- a stderr that nobody reads ---------------------------------------------------------------


def test_alerts_that_nobody_reads_stop_nobody(alloctrace, target, environment, tmp_path, until):
    readable, writable = os.pipe()
    fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, 8192)
    os.write(writable, b"x" * 8192)
    process = subprocess.Popen(
        [alloctrace, "-o", f"json:{tmp_path}/it.json", "--alert-block", "1", "--",
         target("swelling"), *["+100"] * 20, "pause", "+100", "pause"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=writable, text=True, env=environment)
    os.close(writable)
    assert process.stdout.readline() == "paused\n"
    process.send_signal(signal.SIGUSR1)
    until((tmp_path / "it.1.json").exists, "all of it to be told")
    assert set(os.read(readable, 8192)) == {ord("x")}
    process.communicate("go on\ngo on\n", timeout=HANG)
    with open(readable, encoding="utf-8") as err:
        first, second = err.read().splitlines()
    before = json.loads((tmp_path / "it.1.json").read_text())["totals"]["allocs"]
    assert before >= 20 and process.returncode == 0
    assert first == f"alloctrace: {before} lines were left out here: nobody read them"
    assert second.startswith("alloctrace: large block: ")
