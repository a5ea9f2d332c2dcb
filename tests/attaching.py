"""What the tests of attaching ask of every run."""

from signal import SIGTERM

from processes import changed_text, children_of, name_of, traced_threads


def assert_untouched(pid):
    assert changed_text(pid) == {}
    assert traced_threads(pid) == []


def assert_detached(run, reason="detach"):
    assert (run.status, run.out, run.err) == (0, "", "")
    assert run.report["reason"] == reason
    run.report.assert_consistent()


def assert_exact(run):
    told, report = run.truth, run.report
    assert_detached(run, report["reason"])
    run.assert_markers_true()
    run.assert_functions_true()
    run.assert_totals_true()
    report.assert_unblemished()
    assert report["ledger"]["earlier_frees"] == told["earlier_frees"]


def end_unharmed(live):
    """Of `churning`, which has checked all its blocks: how many rounds it did."""
    live.kill(SIGTERM)
    run = live.finish()
    assert run.status == 0 and run.out.endswith("harmed 0\n"), run.out
    return int(run.out.split()[-3])


def assert_churning_goes_on(attach, live, times, duration):
    """`churning` is attached to again and again."""
    live.await_ready()
    counted = 0
    for _ in range(times):
        run = attach(live.pid, "--duration", duration).finish()
        assert_detached(run)
        assert run.report["ledger"]["text_identical"] is True
        run.report.assert_unblemished()
        assert live.process.poll() is None
        assert_untouched(live.pid)
        counted += run.report["totals"]["allocs"]
    assert end_unharmed(live) > counted > 0


def ready_ids(live):
    """The process's number and the other that it tells."""
    return [int(word) for word in live.await_line("ready ").split()[1:]]


def tracer_process(front):
    """The tracer that alloctrace has started."""
    tracer, = [pid for pid in children_of(front) if name_of(pid) == "at-tracer"]
    return tracer
