"""Processes whose files are not where alloctrace's own are: below another root, in
another mount namespace, with and without the right to follow them there."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

NOBODY = 65534


def files_of(program):
    """The program and what the loader maps for it."""
    listing = subprocess.run(["ldd", program], text=True, capture_output=True, check=True).stdout
    return [program, *re.findall(r"(/\S+) \(0x", listing)]


@pytest.fixture
def root(target):
    """A folder that holds the target `working`, as /opt/program, and its libraries."""
    if os.geteuid() != 0:
        pytest.skip("chroot is root's")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program, *libraries = files_of(target("working"))
        for path, place in [(program, "/opt/program"), *((path, path) for path in libraries)]:
            os.makedirs(os.path.dirname(folder + place), exist_ok=True)
            shutil.copy(path, folder + place)
        Path(folder, "truth.json").touch()
        os.chmod(f"{folder}/truth.json", 0o666)
        yield folder


PLACES = {
    "chroot": [],
    "mount namespace": ["unshare", "--mount"],
    "hidden by a mount": ["unshare", "--mount", "/bin/sh", "-c",
                          'mount --bind "$ROOT" /mnt && exec "$@"', "sh"],
}


def program_in(pid):
    """unshare and sh only exec, so it is the process itself."""
    assert os.readlink(f"/proc/{pid}/exe").endswith("/opt/program")
    return pid


def look_at(start_plainly, until, alloctrace, pid, user, folder):
    """The report of some of its work."""
    report = f"{folder}/report.json"
    attached = start_plainly("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
                             alloctrace, "-o", f"json:{report}", "-o", f"csv:{folder}/site.csv",
                             "-p", str(pid))
    numbers = itertools.count(1)

    def shows_work():
        dump = Path(f"{folder}/site.{next(numbers)}.csv")
        attached.kill(signal.SIGUSR1)
        until(lambda: dump.exists() or attached.process.poll() is not None, "a dump")
        assert attached.process.poll() is None, attached.process.communicate()
        return "work_take" in dump.read_text()

    until(lambda: "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text(), "a tracer")
    until(shows_work, "a call")
    attached.kill(signal.SIGINT)
    return attached.finish(), report


@pytest.mark.parametrize("user", [0, NOBODY])
@pytest.mark.parametrize("place", PLACES)
def test_names_come_from_its_own_root(start_plainly, until, read_report, root, everybodys, place,
                                      user):
    below = "/mnt" if "hidden" in place else root
    live = start_plainly(*PLACES[place], "/usr/sbin/chroot", f"--userspec={NOBODY}:{NOBODY}", below,
                         "/opt/program", env={"TRUTH": "/truth.json", "ROOT": root})
    pid = program_in(live.await_ready())
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        run, report = look_at(start_plainly, until, everybodys, pid, user, folder)
        seen = read_report(report)
    assert (run.status, run.out, run.err) == (0, "", "")
    site, = seen.sites_through("work_take")
    assert [frame["function"] for frame in site["stack"]][:2] == ["work_take", "main"]
    assert site["stack"][0]["module"].endswith("/opt/program")
    assert seen["ledger"]["text_identical"] is True
    seen.assert_unblemished()
    assert seen["ledger"]["unsymbolised_modules"] == [] and seen["ledger"]["notes"] == []
    assert live.finish("\n").status == 0
