"""A program that begins a task which no tracer is told of is let go before: the task would meet
traps that nobody handles, and may want to trace the program itself, as LeakSanitizer does."""

import json
import re
import subprocess

import pytest

from attaching import assert_untouched

pytestmark = pytest.mark.sanitized

KINDS = ["helper", "borrower", "copy"]
LET_GO = "let go when it began a task that cannot be traced"


def assert_let_go(report):
    assert report["reason"] == "detach"
    assert report["ledger"]["text_identical"] is True
    assert any(LET_GO in note for note in report["ledger"]["notes"])
    report.assert_consistent()


@pytest.mark.parametrize("options", [[], ["-f"], ["--no-maps"], ["-f", "--no-maps"]], ids=" ".join)
@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_as_without_us(trace, run_plainly, target, kind, options, cycles):
    plain = run_plainly(target("unseen"), kind)
    assert (plain.status, plain.out) == (3, "the child ended with 7\n")
    for _ in range(cycles(3, 100)):
        traced = trace(target("unseen"), kind, options=options)
        assert (traced.status, traced.out, traced.err) == (3, plain.out, plain.err)
        assert_let_go(traced.report)
        traced.assert_marker_true("main_take")


def test_two_that_ask_at_once_both_find_it_untraced(trace, target, cycles):
    for _ in range(cycles(20, 200)):
        run = trace(target("unseen_pair"))
        assert (run.status, run.out, run.err) == (0, "7 7\n", "")
        assert_let_go(run.report)


def test_what_it_had_mapped_is_compared_once_more(trace, target):
    maps = trace(target("unseen"), "helper").report["maps"]
    assert maps["identical"] is True


@pytest.mark.parametrize("kind", KINDS)
def test_attached_to_it_is_let_go(attach, start_plainly, target, kind):
    live = start_plainly(target("unseen"), kind, "wait")
    pid = live.await_ready()
    attached = attach(pid)
    attached.dump()
    run_of_target = live.finish("\n")
    assert (run_of_target.status, run_of_target.out) == \
           (3, f"ready {pid}\nthe child ended with 7\n")
    run = attached.finish()
    assert (run.status, run.out, run.err) == (0, "", "")
    assert_let_go(run.report)


@pytest.mark.parametrize("options", [[], ["-f"], ["--no-maps"]], ids=" ".join)
@pytest.mark.parametrize("kind", ["leaderless", "vforked"])
def test_it_does_not_wait_for_a_thread_that_cannot_stop(trace, run_plainly, target, kind, options):
    plain = run_plainly(target("unseen"), kind)
    assert (plain.status, plain.out) == (3, "the child ended with 7\n")
    traced = trace(target("unseen"), kind, options=options)
    assert (traced.status, traced.out, traced.err) == (3, plain.out, plain.err)
    assert_let_go(traced.report)


def test_others_are_traced_on(trace, target, tmp_path):
    unseen, children = target("unseen"), target("children")
    script = f"{unseen} helper; {children} fork-malloc 3; {unseen} copy"
    run = trace("/bin/sh", "-c", script, options=["-f"])
    assert run.out.count("the child ended with 7\n") == 2
    reports = [json.loads(path.read_text()) for path in tmp_path.glob("report.*.json")]
    by_program = {}
    for report in reports:
        by_program.setdefault(report["exe"].split("/")[-1], []).append(report["reason"])
    assert by_program["unseen"] == ["detach", "detach"]
    assert by_program["children"] == ["exit"] * 4


LEAKY = """
#include <stdlib.h>
static void *volatile lost;
int main(void)
{
	for (int i = 0; i < 10; i++)
		lost = malloc(77);
	lost = 0;
	return 0;
}
"""


def unnumbered(text):
    return re.sub(r"0x[0-9a-f]+|==\d+==", "N", text)


@pytest.mark.parametrize("sanitizer", ["address", "leak"])
def test_leak_sanitizer_finds_what_it_finds(trace, run_plainly, installed, tmp_path, sanitizer):
    (tmp_path / "leaky.c").write_text(LEAKY)
    program = tmp_path / "leaky"
    subprocess.run([installed("gcc"), "-g", f"-fsanitize={sanitizer}", "-o", program,
                    tmp_path / "leaky.c"], check=True)
    plain = run_plainly(program)
    assert plain.status and "770 byte(s)" in plain.err, plain.err
    traced = trace(program)
    assert (traced.status, traced.out) == (plain.status, plain.out)
    assert unnumbered(traced.err) == unnumbered(plain.err)
    assert_let_go(traced.report)
    assert traced.report["totals"]["live_bytes"] >= 770
