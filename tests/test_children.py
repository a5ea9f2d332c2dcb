"""Children of every kind run as if nobody watched, and leave the parent's table
as the parent made it."""

import os
import shutil
import tempfile

import pytest

pytestmark = pytest.mark.sanitized

KINDS = ["fork", "fork-malloc", "fork-threads", "fork-exec", "fork-fork", "orphan", "fork-stop",
         "fork-kill", "fork-undumpable", "fork-among-threads", "vfork-exit", "vfork-exec",
         "vfork-malloc-exit", "vfork-malloc-exec", "spawn", "system", "popen", "clone",
         "clone-vm"]


@pytest.mark.parametrize("kind", KINDS)
def test_children_end_as_without_us(trace, run_plainly, target, kind):
    plain = run_plainly(target("children"), kind)
    traced = trace(target("children"), kind)
    assert plain.status == 0 and plain.out
    assert (traced.status, traced.out, traced.err) == (plain.status, plain.out, plain.err)


@pytest.mark.parametrize("kind", KINDS)
def test_the_parents_table_is_its_own(trace, target, kind):
    run = trace(target("children"), kind)
    run.assert_marker_true("parent_take")
    run.assert_marker_true("thread_take")
    run.report.assert_consistent()
    assert run.report["ledger"]["unknown_frees"] == 0
    assert run.report["ledger"]["double_frees"] == 0


# A child with memory of its own is another process; what it does is not counted.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith(("fork", "orphan"))])
def test_what_a_forked_child_allocates_is_not_the_parents(trace, target, kind):
    assert not trace(target("children"), kind).report.sites_through("child_take")


PIPELINE = """
for i in 1 2 3 4 5 6 7 8 9 10; do
    seq 1 50 | sort -rn | head -n 3 | (read first; echo "$i $first")
done
(exit 5); echo "status $?"
sleep 0 & wait $!; echo "waited $?"
"""


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_shell_and_its_pipelines_run_as_without_us(trace, run_plainly, shell):
    plain = run_plainly(shell, "-c", PIPELINE)
    traced = trace(shell, "-c", PIPELINE)
    assert (traced.status, traced.out, traced.err) == (plain.status, plain.out, plain.err)


def as_nobody(folder, *files):
    """The command's beginning that runs what follows without privileges, and copies
    of the files where it may read them."""
    copies = [shutil.copy(file, folder) for file in files]
    if os.geteuid() != 0:
        return [], copies
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv to become another user with")
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], copies


# Without privileges its memory is out of reach, see src/tracer/copy.c.
@pytest.mark.parametrize("options", [[], ["-f"]])
def test_a_child_of_an_undumpable_program_runs_without_us(run_plainly, alloctrace, target,
                                                          options):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        nobody, (tracer, program) = as_nobody(folder, alloctrace, target("children"))
        how = {"cwd": folder, "env": {"TRUTH": "/dev/null"}}
        command = [program, "fork-undumpable"]
        plain = run_plainly(*nobody, *command, **how)
        traced = run_plainly(*nobody, tracer, "-o", "/dev/null", *options, "--", *command,
                             **how)
    assert plain.status == 0 and "fork-undumpable exited 23" in plain.out
    assert (traced.status, traced.out, traced.err) == (plain.status, plain.out, plain.err)
