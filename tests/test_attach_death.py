"""kill -9 of alloctrace and of its tracer, at random moments, while they are attached."""

import os
import random
import signal
import time
from collections import Counter

import pytest

from attaching import assert_untouched, end_unharmed, tracer_process
from processes import state_of, traced_threads


@pytest.fixture
def moments():
    """Random numbers; SEED=N in the environment repeats a run."""
    seed = int(os.environ.get("SEED", 0)) or random.getrandbits(32)
    print(f"SEED={seed}")
    return random.Random(seed)


def test_the_front_is_killed_at_any_moment(attach, start_plainly, target, until, cycles, moments):
    """From its first instruction on to the middle of a flood of records."""
    for _ in range(cycles(20, 200)):
        live = start_plainly(target("churning"), "4")
        live.await_ready()
        attached = attach(live.pid)
        time.sleep(moments.uniform(0, 0.2))
        attached.kill(signal.SIGKILL)
        assert attached.process.wait() == -signal.SIGKILL
        until(lambda: not traced_threads(live.pid), "the tracer to leave")
        end_unharmed(live)


def test_the_front_is_killed_while_it_stops_and_goes_on(attach, start_plainly, target, until,
                                                        cycles, moments):
    """The same process, stopped: what the tracer leaves is a process that is stopped."""
    live = start_plainly(target("churning"), "4")
    live.await_ready()
    for _ in range(cycles(5, 50)):
        attached = attach(live.pid)
        attached.dump()
        live.kill(signal.SIGSTOP)
        time.sleep(moments.uniform(0, 0.01))
        attached.kill(signal.SIGKILL)
        attached.process.wait()
        until(lambda: not traced_threads(live.pid), "the tracer to leave")
        assert_untouched(live.pid)
        live.kill(signal.SIGCONT)
    end_unharmed(live)


LOADS = {  # threads, pause in microseconds, how many of 100 must survive
    "one thread, 10 calls a second": (1, 100000, 95),
    "one thread, 1,000 calls a second": (1, 1000, 80),
    "four threads, 1,000 calls a second each": (4, 1000, 0),
    "one thread, as fast as it can": (1, 0, 0),
    "four threads, as fast as they can": (4, 0, 0),
}


def end_of(live, until):
    """Its status. What a trap, or the rest of an instruction that a trap was in, has killed
    is lost; what survives is never wrong."""
    live.kill(signal.SIGSTOP)
    until(lambda: state_of(live.pid) in (None, "Z", "T"), "it to stop, if it is alive")
    if state_of(live.pid) == "T":
        assert_untouched(live.pid)
        live.kill(signal.SIGTERM)
        live.kill(signal.SIGCONT)
    run = live.finish()
    assert run.status < 0 or (run.status == 0 and run.out.endswith("harmed 0\n")), run.out
    return run.status


@pytest.mark.parametrize("load", LOADS)
def test_the_tracer_is_killed_at_any_moment(attach, start_plainly, target, until, cycles, moments,
                                            tell, load):
    threads, pause, enough = LOADS[load]
    count, ends = cycles(10, 100), Counter()
    for _ in range(count):
        live = start_plainly(target("churning"), str(threads), str(pause))
        live.await_ready()
        attached = attach(live.pid)
        attached.dump()
        time.sleep(moments.uniform(0, 0.05))
        os.kill(tracer_process(attached.pid), signal.SIGKILL)
        ended = attached.finish()
        assert ended.status == 125 and ended.err.count("\n") == 1, ended.err
        assert ended.err.startswith("alloctrace: the tracer was killed: every trap is taken out")
        ends[end_of(live, until)] += 1
    killed = {signal.Signals(-status).name: n for status, n in ends.items() if status}
    tell(f"the tracer killed, {load}: {ends[0]} of {count} survived; {killed}")
    if count >= 100:
        assert ends[0] * 100 >= enough * count
