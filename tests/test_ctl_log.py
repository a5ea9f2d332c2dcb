"""alloctrace ctl PID log to DEST: streams go elsewhere, as what they are."""

import pytest

from ctl import Stepper
from streaming import MTRACE

pytestmark = pytest.mark.sanitized

KEEPS = "a stream keeps its format; name the path alone"


@pytest.fixture
def stepper(start_plainly, alloctrace, target, tmp_path):
    """stepper(options...): streamed as mtrace by process, and a block allocated."""
    def start(*options):
        live = start_plainly(alloctrace, "--no-maps", *options, "-o", "mtrace:s-%p.mtrace", "--",
                             target("stepper"))
        step = Stepper(live, alloctrace, None)
        step.do("m 1 32")
        return step
    return start


def sizes_in(path, pid):
    """Of what was allocated; each line has that pid, or none."""
    lines = [MTRACE.match(line) for line in path.read_text().splitlines()]
    assert {line["pid"] for line in lines} == {pid}
    return [int(line["size"], 16) for line in lines if line["size"]]


def ended_well(step):
    run = step.finish()
    assert (run.status, run.err) == (0, "")


def test_the_processes_that_are_known_get_their_number_in_one_file(stepper, tmp_path):
    step = stepper("-f")
    step.tell("log", "to", tmp_path / "one")
    step.do("m 2 48")
    ended_well(step)
    assert sizes_in(tmp_path / f"s-{step.pid}.mtrace", None) == [32]
    assert sizes_in(tmp_path / "one", str(step.pid)) == [48]


def test_each_process_has_a_file_of_its_own(stepper, tmp_path):
    step = stepper("-f")
    step.tell("log", "to", tmp_path / "one")
    step.do("m 2 48")
    step.tell("log", "to", f"{tmp_path}/each-%p")
    step.do("m 3 64")
    ended_well(step)
    assert sizes_in(tmp_path / "one", str(step.pid)) == [48]
    assert sizes_in(tmp_path / f"each-{step.pid}", None) == [64]
    assert [path.name for path in tmp_path.glob("each-*")] == [f"each-{step.pid}"]


@pytest.mark.parametrize("to,why", [
    ("mlog:{}/out", KEEPS), ("json:{}/out", KEEPS), ("sqlite:{}/out", KEEPS),
    ("fd:4", "a descriptor's number is the session's own; - is its standard output"),
    ("{}/out-%n", "%n is a dump's number, and a stream has none; %p is the process, %t the time"),
    ("tcp:nowhere", "not a destination; see -o in alloctrace --help"),
    ("mlog:tcp:localhost:65536", "not a destination; see -o in alloctrace --help"),
    ("{}/nowhere/out", "No such file or directory"),
])
def test_what_cannot_be_meant_changes_nothing(stepper, tmp_path, to, why):
    step = stepper()
    to = to.format(tmp_path)
    assert step.refused("log", "to", to) == f"{to}: {why}"
    step.do("m 2 48")
    ended_well(step)
    assert sizes_in(tmp_path / f"s-{step.pid}.mtrace", None) == [32, 48]
    assert not list(tmp_path.glob("out*"))


def test_the_streams_own_format_may_be_named(stepper, tmp_path):
    step = stepper()
    step.tell("log", "to", f"mtrace:{tmp_path}/out.jsonl")
    step.do("m 2 48")
    ended_well(step)
    assert sizes_in(tmp_path / "out.jsonl", None) == [48]
