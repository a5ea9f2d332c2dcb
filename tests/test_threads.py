"""Threads: each counts for itself, and from its first instruction."""

import pytest

pytestmark = pytest.mark.sanitized


def test_eight_threads_churn_and_free_each_others_blocks(trace, target):
    run = trace(target("churn"))
    assert run.status == 0
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


def test_counting_library_agrees_on_the_churn(trace_counted, assert_counted, target):
    assert_counted(*trace_counted(target("churn")))


def test_all_threads_are_known(trace, target):
    run = trace(target("churn"))
    assert run.report["threads"]["total"] == run.truth["threads"]


def test_a_threads_first_instruction_may_be_mallocs(trace, target):
    run = trace(target("first_breath"))
    seen, told = run.report["functions"], run.truth["functions"]
    assert run.status == 0
    assert seen["malloc"] == told["malloc"]


def test_a_thread_that_never_allocated_frees(trace, target):
    run = trace(target("first_breath"))
    seen, told = run.report["functions"]["free"], run.truth["functions"]["free"]
    assert seen["calls"] - seen["null"] == told["calls"]
    run.report.assert_unblemished()


def test_short_threads_are_all_known(trace, target):
    run = trace(target("first_breath"))
    assert run.report["threads"]["total"] == run.truth["threads"]
