"""Code that the program makes as it runs, in which no trap can stand, and that maps."""

import pytest

from test_maps import assert_identical, dumps, site_of  # noqa: F401

FOUND = "maps: every system call is looked at"


def noted(report, part):
    return [note for note in report["ledger"]["notes"] if part in note]


@pytest.mark.sanitized
@pytest.mark.parametrize("way", ["protect", "open"])
def test_it_is_seen_to_map(start_traced, target, dumps, way):  # noqa: F811
    live = start_traced(target("selfmade"), way)
    live.await_ready()
    dump = dumps(live)
    assert len(noted(dump(), FOUND)) == 1
    for times in (1, 2):
        live.say("map")
        live.await_line("done")
        report = dump()
        assert_identical(report)
        assert site_of(report, "map_by_code") == [("mmap", "app", 5 * times, times)]
    assert report["maps"]["by_origin"]["unseen"] == 0
    run = live.finish("\n")
    assert run.status == 0
    assert_identical(run.report)


def test_it_is_seen_to_map_since_the_attach(attach, start_plainly, target):
    live = start_plainly(target("selfmade"), "protect")
    attached = attach(live.await_ready())
    assert len(noted(attached.dump(), FOUND)) == 1
    live.say("map")
    live.await_line("done")
    report = attached.dump()
    assert_identical(report)
    assert site_of(report, "map_by_code") == [("mmap", "app", 5, 1)]
    assert attached.detach().status == 0
    live.say("map")
    live.await_line("done")
    assert live.finish("\n").status == 0


def test_what_was_mapped_before_it_was_looked_at_is_taken_from_the_list(
        start_traced, target, dumps):  # noqa: F811
    live = start_traced(target("selfmade"), "open")
    live.await_ready()
    dump = dumps(live)
    live.say("map")
    live.await_line("done")
    report = dump()
    assert (report["maps"]["identical"], report["maps"]["differences"]) == (False, 1)
    assert report["maps"]["by_origin"]["unseen"] == 5 * 4096
    assert len(noted(report, "was not known")) == 1
    assert_identical(dump())
    live.say("map")
    live.await_line("done")
    report = dump()
    assert_identical(report)
    assert report["maps"]["by_origin"]["unseen"] == 5 * 4096
    assert site_of(report, "map_by_code") == [("mmap", "app", 5, 1)]
    assert live.finish("\n").status == 0


def test_others_are_not_stopped_for_long(start_traced, target, dumps):  # noqa: F811
    live = start_traced(target("selfmade"), "protect")
    live.await_ready()
    dump = dumps(live)
    dump()
    live.say("idle")
    live.await_line("done")
    assert len(noted(dump(), "of 1,000 system calls none mapped")) == 1
    run = live.finish("\n")
    assert run.status == 0
    assert_identical(run.report)
    assert 2000 <= run.report["cost"]["stops"] < 3000 + 1000 * run.report["maps"]["any_places"]


@pytest.mark.parametrize("calls", ["refused", "other"])
def test_what_is_no_such_call(start_traced, target, dumps, start_plainly,  # noqa: F811
                              calls):
    if start_plainly(target("foreign"), calls).finish("\n\n").status:
        pytest.skip(f"no such calls can be made here: {calls}")
    live = start_traced(target("foreign"), calls)
    live.await_ready()
    dump = dumps(live)
    before = dump()
    assert len(noted(before, FOUND)) == 1
    live.say("go")
    live.await_line("done")
    after = dump()
    assert_identical(after)
    assert noted(after, "the map of") == []
    for name in ("munmap", "brk", "mremap"):
        assert after["maps"][name] == before["maps"][name]
    assert live.finish("\n").status == 0


def test_calls_are_not_broken_off_at_the_detach(attach, start_plainly, target, cycles):
    live = start_plainly(target("steady"))
    pid = live.await_ready()
    for _ in range(cycles(8, 100)):
        attached = attach(pid)
        assert len(noted(attached.dump(), FOUND)) == 1
        assert attached.detach().status == 0
    run = live.finish("\n")
    assert run.status == 0
    assert run.out.endswith("broken 0\n")
