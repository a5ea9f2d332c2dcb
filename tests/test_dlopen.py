"""Modules that come and go while the program runs."""

import pytest

pytestmark = pytest.mark.sanitized


def assert_plugin_sums_true(run):
    """All the plugin's allocations, whichever of its loads made them."""
    parts = [run.report.sums_of(name) for name in ("plugin_take", "plugin_take_zeroed")]
    assert sum(part["allocs"] for part in parts) == run.truth["plugin_allocs"]
    assert sum(part["frees"] for part in parts) == run.truth["plugin_frees"]
    assert sum(part["live_bytes"] for part in parts) == \
        run.truth["plugin_bytes_allocated"] - run.truth["plugin_bytes_freed"]


def assert_true(run):
    assert run.status == 0, run.err
    run.assert_markers_true()
    assert_plugin_sums_true(run)
    run.report.assert_consistent()
    run.report.assert_unblemished()


@pytest.mark.parametrize("bind_now", ["", "1"])
def test_a_plugin_is_loaded_a_hundred_times(trace, target, bind_now):
    assert_true(trace(target("host"), "load", target("plugin.so"), "100",
                      env={"LD_BIND_NOW": bind_now}))


@pytest.mark.parametrize("bind_now", ["", "1"])
def test_a_plugin_brings_its_own_c_library(trace, target, bind_now):
    assert_true(trace(target("host"), "namespace", target("plugin.so"), "12",
                      env={"LD_BIND_NOW": bind_now}))


def test_a_plugins_constructor_is_seen(trace, target):
    run = trace(target("host"), "load", target("plugin.so"), "100")
    assert run.report.sums_of("plugin_constructor")["allocs"] == 100


def test_an_unloaded_plugins_frames_keep_their_names(trace, target):
    plugin = target("plugin.so")
    report = trace(target("host"), "load", plugin, "100").report
    for site in report.sites_through("plugin_work"):
        modules = {frame["module"] for frame in site["stack"] if frame["function"] == "plugin_work"}
        assert modules == {plugin}


def test_a_plugins_own_allocator_is_found_before_its_first_call(trace, target):
    run = trace(target("host"), "pool", target("plugin_pool.so"), "100")
    assert run.status == 0, run.err
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


def test_counting_library_agrees_on_what_the_loader_does(trace_counted, assert_counted, target):
    assert_counted(*trace_counted(target("host"), "load", target("plugin.so"), "100"))
