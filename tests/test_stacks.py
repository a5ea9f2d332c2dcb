"""Stacks: every frame, by name, to the depth asked, whatever lies between."""

import pytest

pytestmark = pytest.mark.sanitized

ALL = ["--depth", "512"]


def stack_of(trace, target, shape, depth, options=ALL):
    run = trace(target("stacks"), shape, str(depth), options=options)
    assert run.status == 0
    run.assert_markers_true()
    run.report.assert_unblemished()
    return run.report.stack_through("leak_at_bottom")


def in_order(stack, *expected):
    """The stack without the frames of others between."""
    return [name for name in stack if name in expected]


RECURSIONS = {"deep": "descend", "wide": "descend_wide", "ragged": "descend_ragged",
              "registers": "with_all_registers"}


@pytest.mark.parametrize("shape", RECURSIONS)
@pytest.mark.parametrize("depth", [1, 20, 300])
def test_every_frame_of_a_recursion_is_named(trace, target, shape, depth):
    stack = stack_of(trace, target, shape, depth)
    between = ["use_all_registers"] if shape == "registers" else []
    down = ["leak_at_bottom"] + [RECURSIONS[shape]] * depth + between + ["main"]
    assert stack[:len(down)] == down
    assert None not in stack
    assert stack[-1] == "_start"


def test_a_huge_frame_lies_between(trace, target):
    stack = stack_of(trace, target, "huge", 20)
    assert stack[:23] == ["leak_at_bottom"] + ["descend"] * 20 + ["with_a_huge_frame", "main"]


def site_frames(trace, target, options):
    report = trace(target("stacks"), "deep", "300", options=options).report
    site, = report.sites_through("leak_at_bottom")
    report.assert_unblemished()
    return [frame for frame in site["stack"] if not frame["inlined"]]


def test_sixty_four_frames_are_kept_unless_asked_otherwise(trace, target):
    assert len(site_frames(trace, target, [])) == 64


@pytest.mark.parametrize("depth", [1, 5, 65, 200])
def test_as_many_frames_are_kept_as_asked(trace, target, depth):
    assert len(site_frames(trace, target, ["--depth", str(depth)])) == depth


@pytest.mark.parametrize("shape, outer", [
    ("signal", "through_a_signal"),
    ("signal-altstack", "through_a_signal_on_another_stack"),
])
def test_through_a_signal_frame(trace, target, shape, outer):
    stack = stack_of(trace, target, shape, 10)
    assert in_order(stack, "leak_at_bottom", "on_signal", "raise_a_signal", outer, "main") == \
        ["leak_at_bottom", "on_signal"] + ["raise_a_signal"] * 10 + [outer, "main"]


def test_through_a_fault_at_a_functions_first_instruction(trace, target):
    expected = ["leak_at_bottom", "step_over_ud2", "fault_at_once", "through_a_fault", "main"]
    assert in_order(stack_of(trace, target, "fault", 1), *expected) == expected


def test_through_the_c_library(trace, target):
    expected = ["leak_at_bottom", "compare_and_leak", "through_the_library", "main"]
    stack = stack_of(trace, target, "library", 1)
    assert in_order(stack, *expected) == expected
    assert stack[1] == "compare_and_leak" and stack[2] != "through_the_library"


def test_from_a_threads_start(trace, target):
    stack = stack_of(trace, target, "thread", 10)
    assert stack[:12] == ["leak_at_bottom"] + ["descend"] * 10 + ["thread_start"]
    assert len(stack) > 12


def test_file_and_line_are_those_of_the_call(trace, target):
    run = trace(target("stacks"), "deep", "3")
    site, = run.report.sites_through("leak_at_bottom")
    frame, = [frame for frame in site["stack"] if frame["function"] == "leak_at_bottom"]
    assert frame["file"].endswith("stacks.c")
    assert frame["line"] == run.truth["line"]


def test_every_frame_says_where_it_is(trace, target):
    report = trace(target("stacks"), "deep", "3").report
    for site in report["sites"]:
        for frame in site["stack"]:
            assert frame["module"].startswith("/")
            int(frame["address"], 16), int(frame["build_id"], 16)
            assert frame["offset"] >= 0


# ---- C++ -------------------------------------------------------------------


@pytest.fixture
def cxx_stacks(trace, target):
    run = trace(target("stacks_cxx"))
    assert run.status == 0
    run.assert_markers_true()
    run.report.assert_unblemished()
    return run.report.stacks_through("leak_new")


def the_stack_with(stacks, function):
    found, = [stack for stack in stacks if any(name.startswith(function) for name in stack)]
    return found


def test_through_methods_and_templates(cxx_stacks):
    stack = the_stack_with(cxx_stacks, "zoo::cage<zoo::parrot>::open(")
    assert stack[1:4] == ["zoo::parrot::speak(int) const"] * 3
    assert stack[5] == "main"


def test_through_a_lambda_in_a_function_object(cxx_stacks):
    stack = the_stack_with(cxx_stacks, "call_function(std::function<void (int)> const&)")
    assert stack[-5:].count("main") == 1


def test_through_a_static_objects_constructor(cxx_stacks):
    stack = the_stack_with(cxx_stacks, "zoo::early::early()")
    assert stack[1] == "zoo::early::early()"
    assert "main" not in stack


def test_from_an_exceptions_handler(cxx_stacks):
    found = [stack for stack in cxx_stacks if stack[1] == "catch_it()"]
    assert [stack[2] for stack in found] == ["main"]


def test_from_a_destructor_while_unwinding(cxx_stacks):
    found = [stack for stack in cxx_stacks if "zoo::late::~late()" in stack]
    assert found
    assert all(stack[1] == "zoo::late::~late()" and "catch_it()" in stack for stack in found)


# ---- many ------------------------------------------------------------------


def test_a_hundred_thousand_blocks_of_one_site(trace, target):
    run = trace(target("hoard"))
    run.assert_all_true()
    site, = run.report["sites"]
    assert site["live_blocks"] == 100000


def test_twenty_thousand_sites_of_one_block(trace, target):
    run = trace(target("thicket"))
    run.assert_all_true()
    assert len(run.report["sites"]) == run.truth["paths"]
    assert all(site["live_blocks"] == 1 for site in run.report["sites"])
