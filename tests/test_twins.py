"""Threads that finish a function in the same code elsewhere."""

import pytest

pytestmark = pytest.mark.sanitized


def test_a_function_that_is_patched_meanwhile_is_no_twin(trace, run_plainly, target):
    plain, traced = run_plainly(target("patched")), trace(target("patched"))
    assert plain.out == traced.out == "patched\n"
    assert (plain.status, traced.status) == (0, 0)


def test_a_handler_sees_the_function_that_was_called(trace, target):
    run = trace(target("ticking"))
    assert run.status == 0
    stacks = [[frame["function"] for frame in site["stack"] if not frame.get("inlined")]
              for site in run.report["sites"]]
    under = {stack[2] for stack in stacks if stack[0] == "handler"}
    assert {"malloc", "__libc_malloc"} & under
    assert under <= {"main", "malloc", "free", "__libc_malloc", "__libc_free", "_int_malloc",
                     "_int_free"}
    run.report.assert_consistent()
