"""Calls that never return: jumped out of, cancelled, or overtaken by the end."""

import pytest

pytestmark = pytest.mark.sanitized


def assert_exact_but_for_abandoned_calls(run):
    """No abandoned call gave or took a block; whether it was a call at all is a
    matter of view."""
    abandoned = run.truth["abandoned"]
    ledger = run.report["ledger"]
    run.assert_markers_true()
    run.report.assert_consistent()
    assert ledger["missed_calls"] <= abandoned
    assert ledger["unknown_frees"] == 0 and ledger["double_frees"] == 0


def calls_of(run, function):
    return (run.report["functions"][function]["calls"], run.truth["functions"][function]["calls"])


@pytest.mark.parametrize("stack", [[], ["altstack"]])
def test_a_handler_jumps_out_of_malloc(trace, target, stack):
    run = trace(target("interrupted"), "jump", *stack)
    assert run.status == 0
    assert_exact_but_for_abandoned_calls(run)
    run.assert_totals_true()
    seen, told = calls_of(run, "malloc")
    assert told <= seen <= told + run.truth["abandoned"]


@pytest.mark.parametrize("stack", [[], ["altstack"]])
def test_a_block_survives_the_realloc_that_was_jumped_out_of(trace, target, stack):
    run = trace(target("interrupted"), "jump-from-realloc", *stack)
    assert run.status == 0
    assert_exact_but_for_abandoned_calls(run)
    run.assert_totals_true()


def test_a_thread_is_cancelled_inside_malloc(trace, target):
    run = trace(target("interrupted"), "cancel")
    assert run.status == 0
    assert_exact_but_for_abandoned_calls(run)


@pytest.mark.parametrize("ending", ["exit", "exit-beside"])
def test_the_process_ends_while_a_malloc_is_interrupted(trace, target, ending):
    run = trace(target("interrupted"), ending)
    assert run.status == 7
    assert_exact_but_for_abandoned_calls(run)


def assert_between(run, marker, most_cut_off):
    seen, told = run.sums_of(marker), run.truth["markers"][marker]
    for key in ("allocs", "frees"):
        assert told[key] <= seen[key] <= told[key] + most_cut_off, key


def test_handlers_jump_out_of_a_malloc_loop_anywhere(trace, target):
    run = trace(target("storm"), "jump")
    assert run.status == 0 and run.truth["jumps"] == 200
    assert_between(run, "loop_take", run.truth["jumps"])
    run.assert_markers_true(but=["loop_take"])
    run.report.assert_consistent()


def test_threads_are_cancelled_in_a_malloc_loop_anywhere(trace, target):
    run = trace(target("cancelled"))
    assert run.status == 0
    assert_between(run, "loop_take", run.truth["cut_off"])
    run.assert_markers_true(but=["loop_take"])
    run.report.assert_consistent()


ENDINGS = {"_exit": 21, "quick_exit": 22, "exit_group": 23,
           "abort": 128 + 6, "kill": 128 + 9, "fault": 128 + 11}


@pytest.mark.parametrize("way", ENDINGS)
def test_the_process_ends_while_threads_allocate(trace, target, way):
    run = trace(target("leave"), way)
    assert run.status == ENDINGS[way]
    run.assert_marker_true("keep")
    run.assert_marker_true("never_taken")
    run.report.assert_consistent()
    assert run.sums_of("churn_take")["allocs"] >= run.truth["markers"]["churn_take"]["allocs"]


@pytest.mark.parametrize("way", ENDINGS)
def test_a_lone_thread_ends_the_process(trace, target, way):
    run = trace(target("leave"), way, "alone")
    assert run.status == ENDINGS[way]
    run.assert_all_true()


def test_the_first_thread_leaves_and_another_goes_on(trace, target):
    run = trace(target("leave"), "leader-leaves", "alone")
    assert run.status == 24
    run.assert_markers_true()
    run.report.assert_consistent()
