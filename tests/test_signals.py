"""Handlers that allocate in the middle of malloc: their blocks are real blocks,
and the interrupted call is still one call."""

import pytest

pytestmark = pytest.mark.sanitized

STACKS = [[], ["altstack"]]


def assert_exact(run):
    run.assert_functions_true()
    run.assert_totals_true()
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


@pytest.mark.parametrize("stack", STACKS)
def test_handler_runs_inside_malloc_and_returns(trace, target, stack):
    run = trace(target("interrupted"), "return", *stack)
    assert run.status == 0 and run.truth["interruptions"] == 50
    assert_exact(run)


@pytest.mark.parametrize("kind", ["timer", "altstack"])
def test_a_timer_strikes_a_thread_that_allocates(trace, target, kind):
    run = trace(target("storm"), kind)
    assert run.status == 0 and run.truth["inside_library"] >= 200
    assert_exact(run)


def test_signals_rain_on_three_threads(trace, target):
    run = trace(target("storm"), "threads")
    assert run.status == 0 and run.truth["inside_library"] >= 200
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


def test_handlers_blocks_have_a_stack_through_the_signal_frame(trace, target):
    stacks = trace(target("interrupted"), "return").report.stacks_through("handler_malloc")
    assert stacks
    for stack in stacks:
        order = [name for name in stack if name in ("on_fault", "take_bait", "main")]
        assert order == ["on_fault", "take_bait", "main"]
