"""Memory that alloctrace does not get: one line and status 125, or a report that is right
or says that it may not be. The program runs as ever. See tests/wrapped/failing.c."""

import json
import os
import subprocess

import pytest

FIRST = 200  # planning: each of these allocations fails once
SAYS_SO = "ran out of memory"


@pytest.fixture
def session(target, environment, tmp_path, request):
    """session(program's words, FAIL_...=): the result, and the truth the program told."""
    failing = os.path.join(os.path.dirname(target("family")), "../failing/alloctrace")
    truth = tmp_path / "truth.json"

    def run(words, **fail):
        done = subprocess.run([failing, "-o", "json:-", "--", *words], env=environment | fail,
                              cwd=tmp_path, capture_output=True, text=True, check=False,
                              timeout=300)
        told = truth.read_text() if truth.exists() else None
        truth.unlink(missing_ok=True)
        return done, told
    return run


def essence(report):
    """What does not differ from run to run."""
    sites = [(site["function"], site["live_blocks"], site["live_bytes"], site["allocs"],
              [frame["function"] for frame in site["stack"]]) for site in report["sites"]]
    return report["totals"], report["functions"], sorted(sites, key=str)


def judge(done, good):
    """None, or what is wrong."""
    if done.returncode == 125:
        said = done.stderr
        one = said.startswith("alloctrace: ") and said.count("\n") == 1 and said.endswith("\n")
        return None if one else f"said {said!r}"
    if done.returncode != good.returncode or done.stderr:
        return f"status {done.returncode}, said {done.stderr!r}"
    report = json.loads(done.stdout)
    if any(SAYS_SO in note for note in report["ledger"]["notes"]):
        return None
    return None if essence(report) == essence(json.loads(good.stdout)) else "silently wrong"


def words_of(program, target):
    if program == "host":
        return [target("host"), "load", target("plugin.so"), "3"]
    return [target(program)]


@pytest.mark.parametrize("program", ["family", "host"])
@pytest.mark.parametrize("how, step", [("FAIL_AT", 31), ("FAIL_FROM", 97)])
def test_an_allocation_that_fails(session, target, tmp_path, program, how, step):
    words, counter = words_of(program, target), tmp_path / "count"
    good, truth = session(words, FAIL_COUNT=str(counter))
    count = int(counter.read_text())
    assert good.stderr == "" and count > FIRST
    wrong = {}
    for n in [*range(1, FIRST), *range(FIRST, count, step)]:
        done, told = session(words, **{how: str(n)})
        problem = judge(done, good)
        if problem or told != (None if "cannot start" in done.stderr else truth):
            wrong[n] = problem or "the program did not run as ever"
    assert not wrong
