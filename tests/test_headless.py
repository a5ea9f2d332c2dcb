"""A process whose first thread has ended before the others."""

import pytest

from test_maps import assert_identical, dumps, site_of  # noqa: F401


@pytest.mark.sanitized
def test_it_goes_on_without_its_first_thread(start_traced, target, dumps):  # noqa: F811
    live = start_traced(target("headless"), "libm.so.6", options=["--rss"])
    live.await_ready()
    report = dumps(live)()
    assert_identical(report)
    assert site_of(report, "map_alone") == [("mmap", "app", 7, 1)]
    assert report["rss"]["parts"]["live"] > 0
    run = live.finish("\n")
    assert (run.status, run.err) == (7, "")
    assert_identical(run.report)
    assert run.report["vm"]["VmRSS"]["bytes"] > 0
    run.report.assert_consistent()
    run.report.assert_unblemished()
    assert run.report["ledger"]["notes"] == []
