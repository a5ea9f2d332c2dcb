"""Every function of the glibc family and of libstdc++, to the call and byte."""

import pytest

pytestmark = pytest.mark.sanitized

WITHOUT_RUNTIME_BLOCKS = ["family", "realloc_cases", "failures", "constructor", "ranking"]


def is_operator(name):
    return name.startswith("operator ")


@pytest.mark.parametrize("name", WITHOUT_RUNTIME_BLOCKS)
def test_report_equals_the_truth(trace, target, name):
    run = trace(target(name))
    assert run.status == 0
    run.assert_all_true()


def test_realloc_target_saw_blocks_move_and_stay(trace, target):
    truth = trace(target("realloc_cases")).truth
    assert truth["moved"] > 0 and truth["stayed"] > 0


def test_peak_is_the_highest_sum_of_live_bytes(trace, target):
    run = trace(target("ranking"))
    assert run.report["totals"]["peak_live_bytes"] == run.truth["peak_live_bytes"]


def test_every_operator_is_counted_once_under_its_own_name(trace, target):
    run = trace(target("operators"), options=["--operators"])
    assert run.status == 0
    run.assert_functions_true(only=is_operator)
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


def test_new_is_named_from_the_stack_and_delete_is_the_free_it_jumps_to(trace, target):
    run = trace(target("operators"))
    assert run.status == 0
    run.assert_functions_true(only=lambda name: name.startswith("operator new"))
    functions = run.report.called_functions()
    deletes = sum(counts["calls"] for name, counts in run.truth["functions"].items()
                  if name.startswith("operator delete"))
    assert functions["free"]["calls"] == deletes
    assert not any(name.startswith("operator delete") for name in functions)
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


def test_what_operators_call_inside_is_not_counted(trace, target):
    functions = trace(target("operators"), options=["--operators"]).report.called_functions()
    inner = {name: counts["calls"] for name, counts in functions.items() if not is_operator(name)}
    assert inner in ({}, {"malloc": 1})  # libstdc++'s emergency pool


def test_sites_carry_the_operators_name(trace, target):
    sites = trace(target("operators")).report.sites_through("new_array_aligned")
    assert {site["function"] for site in sites} == {
        "operator new[](unsigned long, std::align_val_t)"}


@pytest.mark.parametrize("function", ["strdup", "strndup", "posix_memalign", "reallocarray"])
def test_sites_carry_the_outermost_functions_name(trace, target, function):
    sites = trace(target("family")).report.sites_through(f"leak_{function}")
    assert {site["function"] for site in sites} == {function}


def test_operators_that_fail_throw_or_get_nothing(trace, target):
    run = trace(target("operators_odd"), options=["--operators"])
    assert run.status == 0
    run.assert_functions_true(only=is_operator)
    run.assert_markers_true()
    run.report.assert_consistent()
    assert run.report["ledger"]["unknown_frees"] == 0


def test_new_of_nothing_is_told_as_the_byte_that_malloc_is_asked_for(trace, target):
    report = trace(target("operators_odd")).report
    assert [site["live_bytes"] for site in report.sites_through("new_nothing")] == [1]


def test_exceptions_fly_past_allocating_frames(trace, target):
    run = trace(target("exceptions"))
    assert run.status == 0
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


@pytest.mark.parametrize("name", WITHOUT_RUNTIME_BLOCKS + ["exceptions", "first_breath"])
def test_counting_library_in_the_same_run_agrees(trace_counted, assert_counted, target, name):
    assert_counted(*trace_counted(target(name)))


def test_constructors_are_seen_before_main(trace, target):
    report = trace(target("constructor")).report
    assert report.sites_through("take_before_main")
    assert not any("main" in stack for stack in report.stacks_through("take_before_main"))


@pytest.mark.parametrize("bind_now", ["", "1"])
def test_binding_of_symbols_makes_no_difference(trace, target, bind_now):
    trace(target("family"), env={"LD_BIND_NOW": bind_now}).assert_all_true()
