"""A program's own allocator of which --fn names a part: nobody is accused for what is not seen."""

import pytest

from test_allocators import there

pytestmark = pytest.mark.sanitized

CELLS = ["alloc:cell_get", "realloc:cell_resize", "free:cell_put"]

# kind of `partly` -> what is named
PARTS = {
    "again": CELLS,
    "never-seen": CELLS,
    "resized": CELLS,
    "part": [*CELLS, "alloc:cell_get_four(bytes=256)"],
    "hidden": ["alloc:cells_new(bytes=64)"],
    "hidden-again": ["alloc:cells_new(bytes=64)"],
}


FREED_BY = {"hidden": "free", "hidden-again": "free"}


def options_of(specs):
    return [word for spec in specs for word in ("--fn", spec)]


@pytest.fixture
def blamed(trace, target):
    """blamed(kind, specs): the report of `partly KIND`, which names no error."""
    def run(kind, specs, *options):
        run = trace(target("partly"), kind, options=[*options_of(specs), *options])
        assert (run.status, run.err) == (0, "")
        run.report.assert_consistent()
        assert run.report["errors"] == []
        assert run.report["ledger"]["double_frees"] == 0
        return run.report
    return run


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("options", [[], ["--free-stacks", "--mismatches"]], ids=["", "all"])
def test_what_may_come_from_elsewhere_is_unknown(blamed, kind, options):
    report = blamed(kind, PARTS[kind], *options)
    assert report["ledger"]["unknown_frees"] == 1
    note, = [note for note in report["ledger"]["notes"] if "is called an error" in note]
    assert note.startswith(f"no free by {FREED_BY.get(kind, 'a function of --fn')} is called")


@pytest.mark.parametrize("kind", [kind for kind in PARTS if kind != "part"])
def test_whole_it_is_all_known(blamed, kind):
    report = blamed(kind, [*CELLS, "alloc:cell_take"] if PARTS[kind] == CELLS else [])
    report.assert_unblemished()
    assert report["totals"]["live_blocks"] == 0


def test_a_set_of_which_one_is_not_there(blamed, tmp_path):
    (tmp_path / "cells").write_text("\n".join([*CELLS, "alloc:cell_take_elsewhere"]))
    report = blamed("again", [f"@{tmp_path}/cells"])
    assert report["ledger"]["unknown_frees"] == 1


OBJECTS = ["alloc:object_new(bytes=8,beside)", "ref:object_ref", "unref:object_unref",
           "free:object_end(ptr=1,beside)"]


@pytest.mark.parametrize("kind, count", [("references", 2), ("last-reference", 1)])
def test_a_reference_goes_with_its_block(blamed, kind, count):
    report = blamed(kind, OBJECTS)
    report.assert_unblemished()
    assert report["totals"]["frees"] == report["totals"]["allocs"] == count
    assert report["functions"]["object_end"]["calls"] == 1


def test_a_loop_that_begins_with_the_function_is_one_call(trace, target):
    for arguments in ["size=1", "size=2", "bytes=8", "size=1,beside"]:
        run = trace(target("partly"), "loop", options=["--fn", f"alloc:loops_back({arguments})"])
        assert (run.status, run.err) == (0, "")
        assert run.report["functions"]["loops_back"] == {"calls": 1, "failed": 1, "bytes": 0}
        run.report.assert_unblemished()


LOOP = "not traced: a jump leads back to its first instruction"


def test_where_no_trap_can_stand_is_told(trace, target):
    spec = "free:loops_back"
    run = trace(target("partly"), "loop", options=options_of([spec]))
    assert (run.status, run.err) == (0, f"alloctrace: --fn {spec}: {LOOP}\n")
    run.report.assert_consistent()


def test_what_is_named_twice_alike_is_named(trace, target, tmp_path):
    (tmp_path / "cells").write_text("\n".join([*CELLS, "alloc:cell_take"]))
    twice = [f"@{tmp_path}/cells"] * 2 + ["alloc:cell_take", "alloc:cell_take"]
    run = trace(target("partly"), "again", options=options_of(twice))
    assert (run.status, run.err) == (0, "")
    run.report.assert_unblemished()
    assert run.report["functions"]["cell_take"]["calls"] == 1


def test_what_only_a_child_has_is_there(run_plainly, alloctrace, target, tmp_path):
    run = run_plainly(alloctrace, "-f", "--fn", "alloc:cell_take", "-o", tmp_path / "of-%p.json",
                      "--", "/bin/sh", "-c", f"{target('partly')} never-seen; exit 7")
    assert (run.status, run.err) == (7, "")


def test_a_function_of_the_loader(trace, target):
    """Its own malloc is left alone, for it serves nobody else."""
    run = trace(target("bad_frees"), "thread",
                options=["--fn", "alloc:_dl_allocate_tls(bytes=1,beside)"])
    assert (run.status, run.err) == (3, "")
    assert run.report["functions"]["_dl_allocate_tls"]["calls"] == 1


@pytest.mark.parametrize("spec, told", [("alloc:take(beside)", 2), ("alloc:take", 0)],
                         ids=["beside", "around"])
def test_what_is_certain_is_told(trace, target, spec, told):
    """`take` calls malloc, and hides it where it does not count beside."""
    run = trace(target("bad_frees"), "double", options=["--fn", spec])
    assert run.report["ledger"]["double_frees"] == sum(
        error["count"] for error in run.report["errors"]) == told
    assert run.report["ledger"]["unknown_frees"] == 2 - told


def test_nobody_is_accused_at_once(start_plainly, alloctrace, target):
    run = start_plainly(alloctrace, *options_of(CELLS), "--", target("partly"), "again").finish()
    assert run.status == 0
    assert run.err.startswith("alloctrace report: ") and "double free" not in run.err


def test_debians_python_is_not_accused(trace):
    """Its linker has made copies of the set's functions that have no names."""
    run = trace(there("/usr/bin/python3", "python3-minimal"), "-S", "-c", "list(range(1000))",
                options=["--fn", "@cpython"])
    assert (run.status, run.err) == (0, "")
    run.report.assert_consistent()
    assert run.report["functions"]["PyObject_Malloc"]["calls"] > 0
    assert run.report["errors"] == [] and run.report["ledger"]["double_frees"] == 0
