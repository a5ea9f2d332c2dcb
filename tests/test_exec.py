"""exec starts a fresh table for the new image."""

import pytest

pytestmark = pytest.mark.sanitized


def assert_it_is_only(run, program):
    run.assert_all_true()
    assert run.report["exe"] == program


@pytest.mark.parametrize("way", ["plain", "thread"])
def test_a_chain_of_execs_leaves_the_last_image(trace, target, way):
    run = trace(target("exec_chain"), "5", way)
    assert run.status == 41
    assert_it_is_only(run, target("exec_chain"))
    assert run.report["cmdline"][1:] == ["0", way]


def test_an_exec_ends_other_threads_wherever_they_are(trace, target):
    for _ in range(30):
        run = trace(target("exec_chain"), "5", "thread")
        assert run.status == 41
        assert_it_is_only(run, target("exec_chain"))


def test_a_chain_ends_in_another_program(trace, target):
    run = trace(target("exec_chain"), "3", "plain", target("family"))
    assert run.status == 0
    assert_it_is_only(run, target("family"))


def test_the_shell_execs_a_program(trace, target):
    run = trace("/bin/sh", "-c", 'X=$(echo value); exec "$0"', target("family"))
    assert run.status == 0
    assert_it_is_only(run, target("family"))


def test_the_program_is_looked_up_along_the_path(trace, target, tmp_path):
    family = target("family")
    path = f"{tmp_path}/no:{tmp_path}:{family.rpartition('/')[0]}:/usr/bin:/bin"
    assert_it_is_only(trace("env", "family", env={"PATH": path}), family)


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "script"
        path.write_text(text)
        path.chmod(0o755)
        return str(path)
    return write


def test_a_script_execs_a_program(trace, target, script):
    run = trace(script(f"#!/bin/sh\nexec {target('family')}\n"))
    assert run.status == 0
    assert_it_is_only(run, target("family"))


def test_a_program_is_a_scripts_interpreter(trace, target, script):
    path = script(f"#!{target('family')}\n")
    run = trace(path)
    assert run.status == 0
    assert_it_is_only(run, target("family"))
    assert run.report["cmdline"] == [target("family"), path]


def test_an_exec_that_fails_changes_nothing(trace, target, script):
    run = trace(script(f"#!/bin/sh\n(exec /nonexistent) 2>/dev/null\nexec {target('family')}\n"))
    assert_it_is_only(run, target("family"))


def test_the_process_keeps_its_number(start_traced, target):
    live = start_traced("/bin/sh", "-c", 'exec "$0"', target("waiter"))
    pid = live.await_ready()
    run = live.finish("\n")
    assert run.status == 0
    assert run.report["pid"] == pid
