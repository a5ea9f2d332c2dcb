"""What is told at once of growth: --alert-block, -delta, -time, -live, -rate, --on-alert."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

from conftest import HANG

pytestmark = pytest.mark.sanitized

NOW = "0.001"  # seconds: as good as none
HELD = re.compile(r"alloctrace: (?P<word>.+): process (?P<pid>\d+), thread (?P<tid>\d+), "
                  r"(?P<where>.+) by (?P<function>\w+): (?P<delta>[+-]\d+) bytes, "
                  r"(?P<total>\d+) held, after \d+\.\d{3} s")
WHOLE = re.compile(r"alloctrace: (?P<word>.+): process (?P<pid>\d+): (?P<what>.+), "
                   r"\d+ bytes held, after \d+\.\d{3} s")


def alerts_in(text, pattern=HELD):
    found = [pattern.fullmatch(line) for line in text.splitlines()]
    assert all(found), text
    return [match.groupdict() for match in found]


def told(text):
    return [(alert["word"], int(alert["delta"]), int(alert["total"])) for alert in alerts_in(text)]


@pytest.fixture
def swelling(trace, target):
    """swelling(steps, options...): the run."""
    def run(steps, *options):
        done = trace(target("swelling"), *steps.split(), options=options)
        assert done.status == 0
        done.report.assert_consistent()
        return done
    return run


def test_nothing_is_told_that_was_not_asked_for(swelling):
    assert swelling("+10000000").err == ""


def test_row_57_a_large_block(swelling):
    run = swelling("+99990 +99991 - +200000", "--alert-block", "99990")
    assert told(run.err) == [("large block", 99991, 199981), ("large block", 200000, 299990)]


def test_rows_36_58_growth_and_shrinkage_of_a_thread_and_site(swelling):
    """Each against what was told last."""
    run = swelling("+900 +100 +1 later +1000 later +1 later - - - later -",
                   "--alert-delta", "1000", "--alert-time", NOW)
    assert told(run.err) == [("leak?", 1001, 1001), ("leak?", 1001, 2002),
                             ("never mind", -1001, 1001)]


def test_a_limit_beyond_all_numbers_is_not_met(swelling):
    assert swelling("+900 -", "--alert-delta", str(2**64 - 1)).err == ""


def test_what_is_told_of_an_alert(swelling):
    run = swelling("+99991", "--alert-block", "99990")
    alert, = alerts_in(run.err)
    assert int(alert["pid"]) == int(alert["tid"]) == run.report["pid"]
    assert re.fullmatch(r"grow \(swelling\.c:\d+\)", alert["where"])
    assert alert["function"] == "malloc"


def test_threads_are_apart(swelling):
    run = swelling("+800 t800 t1001 +300", "--alert-delta", "1000")
    tids = [int(alert["tid"]) for alert in alerts_in(run.err)]
    assert told(run.err) == [("leak?", 1001, 1001), ("leak?", 1100, 1100)]
    assert tids[0] != tids[1] == run.report["pid"]


def test_what_another_thread_frees_counts_for_who_allocated(swelling):
    run = swelling("t5000 later -", "--alert-delta", "1000", "--alert-time", NOW)
    first, last = alerts_in(run.err)
    assert (first["word"], last["word"]) == ("leak?", "never mind")
    assert (last["delta"], last["total"]) == ("-5000", "0")
    assert first["tid"] == last["tid"] != first["pid"]


def test_one_thread_and_site_is_told_of_once_in_a_time(swelling):
    run = swelling("+2000 +2000 +2000 - - -", "--alert-delta", "1000")
    assert told(run.err) == [("leak?", 2000, 2000)]


def test_row_59_the_defaults(swelling):
    run = swelling(f"+{512 << 10} +{(512 << 10) + 1} +100000", "--alerts")
    assert told(run.err) == [("large block", (512 << 10) + 1, (1 << 20) + 1),
                             ("leak?", (1 << 20) + 1, (1 << 20) + 1)]
    assert swelling(f"+{512 << 10} +{512 << 10}", "--alerts").err == ""


def test_much_that_is_live_is_told_once(swelling):
    run = swelling("+600000 +600000 +600000", "--alert-live", "1000000")
    alert, = alerts_in(run.err, WHOLE)
    assert alert["word"] == "much is live"
    assert re.fullmatch(r"\+\d+ bytes", alert["what"])


def test_what_was_too_early_to_be_told_is_told_when_it_is_time(swelling):
    """It is above again at once, and stays there."""
    run = swelling("+600000 +600000 - +600000 " + "later " * 20 + "+1", "--alert-live", "1000000",
                   "--alert-time", "0.02")
    assert [alert["word"] for alert in alerts_in(run.err, WHOLE)] == ["much is live"] * 2


def test_many_allocations_in_a_second(swelling):
    run = swelling(" ".join(["+10"] * 50), "--alert-rate", "20")
    alert, = alerts_in(run.err, WHOLE)
    assert (alert["word"], alert["what"]) == ("many allocations", "21 in a second")


NAMES = ("AT_KIND", "AT_FUNCTION", "AT_WHERE", "AT_PID", "AT_TID", "AT_SITE", "AT_DELTA",
         "AT_TOTAL", "AT_TIME_MS")


def test_row_60_a_command_has_all_of_it_in_its_environment(swelling, tmp_path):
    command = "env | grep ^AT_ > " + str(tmp_path / "told") + "; echo done >&2; echo out"
    run = swelling("+99991", "--alert-block", "99990", "--on-alert", command)
    values = dict(line.split("=", 1) for line in (tmp_path / "told").read_text().splitlines())
    assert set(values) == set(NAMES)
    assert (values["AT_KIND"], values["AT_DELTA"], values["AT_TOTAL"]) == ("block", "99991", "99991")
    assert int(values["AT_PID"]) == int(values["AT_TID"]) == run.report["pid"]
    assert values["AT_FUNCTION"] == "malloc" and values["AT_WHERE"].startswith("grow (")
    assert (run.err, run.out) == ("done\nout\n", "")


def test_a_command_inherits_nothing_of_ours(swelling):
    """Files are open when the place has been named."""
    run = swelling("+99991", "--alert-block", "99990", "--on-alert",
                   "echo $AT_WHERE; ls /proc/self/fd")
    assert re.fullmatch(r"grow \(swelling\.c:\d+\)\n0\n1\n2\n3\n", run.err)  # 3: ls's own


def test_no_value_is_read_by_the_shell(trace, target, tmp_path):
    """A function's name can be anything."""
    folder = tmp_path / "$(touch oops)"
    folder.mkdir()
    program = folder / "`touch oops`; touch oops"
    program.write_bytes(open(target("swelling"), "rb").read())
    program.chmod(0o755)
    run = trace(program, "+99991", options=["--alert-block", "99990", "--on-alert",
                                            'echo "$AT_WHERE" "$AT_KIND"'])
    assert run.err.endswith(" block\n")
    assert not list(tmp_path.rglob("oops"))


def test_a_command_that_hangs_holds_nobody(start_traced, target, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    both = os.open(gate, os.O_RDWR)
    live = start_traced(target("swelling"), "+99991", "pause", "+99992", "pause",
                        options=["--alert-block", "99990", "--on-alert", f"read line < {gate}"])
    live.await_line("paused")
    live.say("go")
    live.await_line("paused")
    os.write(both, b"x\n" * 2)
    run = live.finish("go\n")
    os.close(both)
    assert (run.status, run.report["totals"]["live_blocks"] >= 2) == (0, True)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_signal_ends_the_wait_for_a_command(start_traced, target):
    """It begins to hang when the program is gone."""
    command = "while kill -0 $AT_PID 2>&-; do :; done; echo $$; exec sleep infinity"
    live = start_traced(target("swelling"), "+99991",
                        options=["--alert-block", "99990", "--on-alert", command])
    pid = int(live.process.stderr.readline())
    while live.process.poll() is None:  # one that comes before the wait is none of its business
        live.kill(signal.SIGTERM)
    assert live.finish().status == 0
    while is_running(pid):
        pass


def test_no_more_than_eight_at_a_time(start_traced, target, tmp_path):
    """The others are told by a line."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    both = os.open(gate, os.O_RDWR)  # held: lines wait for whoever opens it later
    live = start_traced(target("swelling"), *["+100000"] * 10, "pause",
                        options=["--alert-block", "99990", "--on-alert", f"read line < {gate}"])
    live.await_line("paused")
    live.process.stdin.write("go\n")
    live.process.stdin.flush()
    os.write(both, b"x\n" * 8)
    run = live.finish()
    os.close(both)
    assert [alert["word"] for alert in alerts_in(run.err)] == ["large block"] * 2


def test_a_report_at_every_alert(swelling, tmp_path):
    swelling("+99991 +5 +99992", "--alert-block", "99990", "--alert-dump")
    found = [json.loads((tmp_path / f"report.{i}.json").read_text()) for i in (1, 2)]
    assert [dump["reason"] for dump in found] == ["dump", "dump"]
    assert found[1]["totals"]["allocs"] - found[0]["totals"]["allocs"] == 2


@pytest.mark.parametrize("option", [["--alert-block", "x"], ["--alert-delta", "-1"],
                                    ["--alert-time", "0"], ["--alert-rate", "0"],
                                    ["--on-alert", ""]])
def test_nonsense(run_plainly, alloctrace, option):
    assert run_plainly(alloctrace, *option, "--", "/bin/true").status == 2


def ctl(alloctrace, live, *words):
    return subprocess.run([alloctrace, "ctl", str(live.pid), *words], capture_output=True,
                          text=True, check=True, timeout=HANG).stdout


def test_row_59_limits_are_changed_while_it_runs(start_traced, target, alloctrace):
    """What was there before does not count."""
    live = start_traced(target("swelling"), "+2000", "pause", "+2001", "later", "-", "-", "+900",
                        "pause", "+5000")
    live.await_line("paused")
    assert "alert-block=0" in ctl(alloctrace, live, "set").splitlines()
    ctl(alloctrace, live, "set", "alert-block=1000", f"alert-time={NOW}", "alert-delta=1500")
    live.say("go on")
    live.await_line("paused")
    ctl(alloctrace, live, "set", "alert-block=0", "alert-delta=0")
    live.say("go on")
    run = live.finish()
    assert told(run.err) == [("large block", 2001, 2001), ("leak?", 2001, 2001),
                             ("never mind", -2001, 0)]


def test_row_60_a_client_of_the_session_is_told(start_traced, target, alloctrace):
    live = start_traced(target("swelling"), "pause", "+2000", "pause",
                        options=["--alert-block", "1000"])
    live.await_line("paused")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"/tmp/alloctrace-ctl-{os.geteuid()}/{live.pid}")
        client.sendall(b"alert\n")
        ctl(alloctrace, live, "version")  # answered behind it
        live.say("go on")
        live.await_line("paused")
        told_here = client.makefile(encoding="utf-8")
        hello, head, line = (told_here.readline() for _ in range(3))
    assert hello.startswith("alloctrace ctl ") and head == f"ok {len(line)}\n"
    assert told("alloctrace: " + line) == [("large block", 2000, 2000)]
    live.say("go on")
    assert alerts_in(live.finish().err)[-1]["delta"] == "+2000"


INHERITED = """
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	void *volatile at = malloc(3000000);
	pid_t child = fork();
	usleep(10000); /* more than --alert-time */
	free(at);
	if (child)
		wait(NULL);
	return 0;
}
"""


def test_what_a_child_frees_of_its_parents_is_no_shrinkage(trace, tmp_path):
    (tmp_path / "it.c").write_text(INHERITED)
    subprocess.run(["gcc", "-o", tmp_path / "it", tmp_path / "it.c"], check=True)
    run = trace(tmp_path / "it", options=["-f", "--alert-delta", "1M", "--alert-time", NOW])
    assert told(run.err) == [("leak?", 3000000, 3000000), ("never mind", -3000000, 0)]
