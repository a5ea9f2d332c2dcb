"""The last look at a process that is about to exit, and what may come in between."""

import os
import signal

from test_maps import assert_identical, dumps, site_of  # noqa: F401
from test_resident import resident_of


def assert_looked_at_when_it_left(run):
    assert run.status == 7
    assert_identical(run.report)
    assert site_of(run.report, "map_staying") == [("mmap", "app", 5, 1)]
    assert resident_of(run.report, "map_staying") == [(5, 5)]


def test_an_exit_that_is_refused(trace, target):
    assert_looked_at_when_it_left(trace(target("stays"), "refused"))


def test_an_exit_that_a_handler_jumps_out_of(start_traced, target, until, process_state):
    live = start_traced(target("stays"), "jumped")
    pid = int(live.await_line("leaving").split()[1])
    os.kill(live.pid, signal.SIGSTOP)
    until(lambda: process_state(live.pid) == "T", "its tracer to stop")
    live.say("\n")
    until(lambda: process_state(pid) == "t", "it to be held")
    os.kill(pid, signal.SIGUSR1)
    os.kill(live.pid, signal.SIGCONT)
    assert_looked_at_when_it_left(live.finish())


def test_an_exit_that_nobody_looks_at(start_traced, target, dumps, until,  # noqa: F811
                                      process_state):
    live = start_traced(target("resident"), options=["--rss"])
    pid = live.await_ready()
    mapped = dumps(live)()["maps"]["bytes"]
    os.kill(live.pid, signal.SIGSTOP)
    until(lambda: process_state(live.pid) == "T", "its tracer to stop")
    live.say("touch\n")
    until(lambda: process_state(pid) in ("Z", None), "it to end nevertheless")
    os.kill(live.pid, signal.SIGCONT)
    run = live.finish()
    assert run.status == 0
    assert (run.report["maps"]["identical"], run.report["rss"]) == (None, None)
    assert run.report["maps"]["bytes"] >= mapped
    assert not [note for note in run.report["ledger"]["notes"] if "was not there" in note]
