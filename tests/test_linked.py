"""Programs that are linked statically, with their symbols, and programs of musl: all that is
true of dynamic ones of glibc is true of them. test_allocators.py has their counts."""

import signal

import pytest

from attaching import assert_churning_goes_on, assert_detached, assert_untouched
from linked import KINDS, linked
from test_allocators import less

ALL_KINDS = pytest.mark.parametrize("kind", KINDS)
SUMS = ("allocs", "frees", "bytes_allocated", "bytes_freed", "live_blocks", "live_bytes")


def one_name_for_two(functions):
    """Linked statically memalign and aligned_alloc are one place."""
    functions = dict(functions)
    other = functions.pop("aligned_alloc", None)
    if other:
        both = functions.setdefault("memalign", dict.fromkeys(other, 0))
        functions["memalign"] = {key: both[key] + other[key] for key in other}
    return functions


def assert_functions(run, idle=None):
    seen = less(run.report.called_functions(), idle.report.called_functions() if idle else {})
    assert one_name_for_two(seen) == one_name_for_two(run.truth["functions"])


@pytest.mark.sanitized
@ALL_KINDS
def test_every_function_of_the_family(trace, kind):
    idle, run = trace(linked(kind, "status"), "0"), trace(linked(kind, "family"))
    assert run.status == 0
    assert_functions(run, idle)
    assert {key: run.report["totals"][key] - idle.report["totals"][key] for key in SUMS} == \
           {key: run.truth["totals"][key] for key in SUMS}
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


SHAPES = {
    "deep": ["leak_at_bottom", *["descend"] * 5, "main"],
    "signal": ["leak_at_bottom", "on_signal", *["raise_a_signal"] * 5, "through_a_signal", "main"],
    "signal-altstack": ["leak_at_bottom", "on_signal", *["raise_a_signal"] * 5,
                        "through_a_signal_on_another_stack", "main"],
    "fault": ["leak_at_bottom", "step_over_ud2", "fault_at_once", "through_a_fault", "main"],
    "library": ["leak_at_bottom", "compare_and_leak", "through_the_library", "main"],
    "thread": ["leak_at_bottom", *["descend"] * 5, "thread_start"],
}


@pytest.mark.sanitized
@ALL_KINDS
@pytest.mark.parametrize("shape", SHAPES)
def test_stacks_are_whole(trace, kind, shape):
    """Through the C library too, which is musl's: it has no unwind tables."""
    run = trace(linked(kind, "stacks"), shape, "5")
    assert run.status == 0
    run.assert_markers_true()
    run.report.assert_unblemished()
    stack = run.report.stack_through("leak_at_bottom")
    assert [name for name in stack if name in SHAPES[shape]] == SHAPES[shape]


@pytest.mark.sanitized
@ALL_KINDS
def test_threads(trace, kind):
    """Also what an ending thread's cache is emptied of, and what is handed out for a new one."""
    run = trace(linked(kind, "churn"))
    assert run.status == 0 and run.report["threads"]["total"] == run.truth["threads"]
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


@ALL_KINDS
def test_a_thread_s_first_instruction(trace, kind):
    run = trace(linked(kind, "first_breath"))
    seen, told = run.report["functions"]["free"], run.truth["functions"]["free"]
    assert run.status == 0 and run.report["threads"]["total"] == run.truth["threads"]
    run.report.assert_unblemished()
    assert seen["calls"] - seen["null"] == told["calls"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("glibc")])
@pytest.mark.parametrize("stack", [[], ["altstack"]], ids=["", "altstack"])
def test_handlers_allocate_inside_malloc(trace, kind, stack):
    """With musl a program that does so is wrong."""
    run = trace(linked(kind, "interrupted"), "return", *stack)
    assert run.status == 0 and run.truth["interruptions"] == 50
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


@pytest.mark.sanitized
@ALL_KINDS
def test_signals_strike_anywhere(trace, kind):
    run = trace(linked(kind, "hailed"))
    assert run.status == 0 and run.truth["strikes"] >= 50
    run.assert_markers_true()
    run.report.assert_consistent()
    run.report.assert_unblemished()


CHILDREN = ("fork", "fork-exec", "vfork-malloc-exec", "spawn", "popen")


@ALL_KINDS
@pytest.mark.parametrize("child", CHILDREN)
@pytest.mark.parametrize("options", [[], ["-f"]], ids=["alone", "followed"])
def test_children(trace, run_plainly, read_report, tmp_path, kind, child, options):
    plain = run_plainly(linked(kind, "children"), child)
    run = trace(linked(kind, "children"), child, options=options)
    assert (run.status, run.out, run.err) == (plain.status, plain.out, plain.err)
    run.assert_marker_true("parent_take")
    run.assert_marker_true("thread_take")
    run.report.assert_consistent()
    run.report.assert_unblemished()
    if child.startswith("fork"):
        assert not run.report.sites_through("child_take")
    for path in tmp_path.glob("report.*.json"):
        read_report(path).assert_consistent()


@ALL_KINDS
def test_a_chain_of_execs(trace, kind):
    program, family = linked(kind, "exec_chain"), linked(kind, "family")
    idle, run = trace(linked(kind, "status"), "0"), trace(program, "3", "thread", family)
    assert run.status == 0 and run.report["exe"] == family
    assert_functions(run, idle)
    run.assert_markers_true()
    run.report.assert_unblemished()


# ---- attached --------------------------------------------------------------------------------


@pytest.mark.sanitized
@ALL_KINDS
@pytest.mark.parametrize("number", [signal.SIGINT, None], ids=["detached", "to its end"])
def test_row_17_attached_it_is_counted_exactly(attach, start_plainly, kind, number):
    live = start_plainly(linked(kind, "known"))
    live.await_ready()
    attached = attach(live.pid)
    assert attached.dump()["totals"]["allocs"] == 0
    live.say("go")
    live.await_line("done")
    assert attached.dump()["reason"] == "dump"
    if number:
        run = attached.detach(number)
        assert_untouched(live.pid)
        assert live.finish("\n").status == 0
        assert run.report["ledger"]["text_identical"] is True
    else:
        assert live.finish("\n").status == 0
        run = attached.finish()
    assert_detached(run, run.report["reason"])
    assert_functions(run)
    run.assert_totals_true()
    run.assert_markers_true()
    run.report.assert_unblemished()


@ALL_KINDS
def test_attached_again_and_again(attach, start_plainly, cycles, kind):
    assert_churning_goes_on(attach, start_plainly(linked(kind, "churning"), "4"), cycles(3, 100), "0.05")


@ALL_KINDS
def test_checked(run_plainly, alloctrace, start_plainly, kind):
    live = start_plainly(linked(kind, "waiter"))
    live.await_line("ready")
    run = run_plainly(alloctrace, "check", "-p", str(live.pid), "--duration", "0.1")
    assert (run.status, run.err) == (0, "")
    assert "Let go: target text verified identical.\n" in run.out
    assert ("by its .dynsym" if kind == "musl" else "by its .symtab") in run.out
    assert_untouched(live.pid)
    live.kill(signal.SIGKILL)
    live.finish()


# ---- maps --------------------------------------------------------------------------------------


def of_origin(report, function):
    """(call, origin, maps) of what is mapped through the function."""
    return sorted((site["call"], site["origin"], site["maps"]) for site in report["map_sites"]
                  if function in [frame["function"] for frame in site["stack"]])


@pytest.mark.sanitized
@ALL_KINDS
def test_who_has_mapped_what(start_traced, until, tmp_path, read_report, kind):
    live = start_traced(linked(kind, "mapper"))
    live.await_ready()
    live.say("map")
    live.await_line("done")
    live.kill(signal.SIGUSR1)
    path = tmp_path / "report.1.json"
    until(path.exists, "a dump")
    live.finish("\n")
    report = read_report(path)
    assert (report["maps"]["identical"], report["maps"]["by_origin"]["unseen"]) == (True, 0), \
        report["ledger"]["notes"]
    assert of_origin(report, "map_three") == [("mmap", "app", 3)]
    assert of_origin(report, "map_whole") == [("mmap", "app", 3)]
    assert of_origin(report, "resize") == [("mremap", "app", 1)]
    assert of_origin(report, "map_shared") == [("shmat", "app", 1)]
    assert of_origin(report, "map_directly") == [("mmap", "app", 1)]
    (large,) = of_origin(report, "allocate_large")
    assert large[1:] == ("libc-malloc", 1) and large[0] in ("mmap", "brk")
    stacks = [site for site in of_origin(report, "start_threads") if site[1] == "thread-stack"]
    assert sum(maps for _, _, maps in stacks) == 4  # each has a guard


# ---- leaks -------------------------------------------------------------------------------------


@ALL_KINDS
def test_what_libc_keeps_is_no_leak(trace, kind):
    assert trace(linked(kind, "status"), "0", options=["--leak-exitcode", "77"]).status == 0
