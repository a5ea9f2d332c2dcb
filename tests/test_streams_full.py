"""Files of streams that are full: what may be renamed, what is in the way, and that nothing else is
written over."""

import os

import pytest

from streaming import events_of

pytestmark = pytest.mark.sanitized

ROTATE = ("--no-maps", "--max-size", "8K", "--on-full")


@pytest.fixture
def many(start_plainly, alloctrace, target):
    """many(options...): the Run of 500 calls of malloc, and of free."""
    def go(*options, **how):
        return start_plainly(alloctrace, *options, "--", target("streamed"), "many", "500",
                             **how).finish()
    return go


def all_of(*paths):
    return events_of(line for path in paths for line in path.read_text().splitlines())


def assert_refused(run, where):
    assert (run.status, run.out) == (2, "")
    assert run.err == f"alloctrace: -o {where}: --on-full rotate renames a file, and this is not " \
                      "its own name; give it that\n"


def test_a_descriptors_file_is_not_rotated(many, tmp_path):
    with open(tmp_path / "out", "w", encoding="utf-8") as out:
        run = many(*ROTATE, "rotate:5", "-o", f"mlog:fd:{out.fileno()}", pass_fds=[out.fileno()])
        assert_refused(run, str(out.fileno()))
        assert many("--on-full", "rotate:5", "-o", f"mlog:fd:{out.fileno()}",
                    pass_fds=[out.fileno()]).status == 3  # it is never full
    assert len(all_of(tmp_path / "out")) == 1000


@pytest.mark.parametrize("form", ["link", "/proc/self/fd/{}"])
def test_what_leads_elsewhere_is_not_renamed(many, tmp_path, form):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("what was there\n")
    link.symlink_to("real")
    with open(real, "a", encoding="utf-8") as out:
        where = form.format(out.fileno())
        assert_refused(many(*ROTATE, "rotate:3", "-o", f"mlog:{where}", pass_fds=[out.fileno()]),
                       where)
    assert link.is_symlink() and real.read_text() == "what was there\n"
    assert not list(tmp_path.glob("*.1"))


def test_what_has_no_size_is_never_full(many):
    run = many(*ROTATE, "rotate:3", "-o", "mlog:/dev/stdout")
    assert (run.status, run.err) == (3, "")
    assert len(events_of(run.out.splitlines())) == 1000
    assert os.path.islink("/dev/stdout")


def test_a_file_that_cannot_be_rotated_grows_on(many, tmp_path):
    path, to = tmp_path / "out.mlog", tmp_path / "out.mlog.1"
    to.mkdir()
    run = many(*ROTATE, "rotate", "-o", path)
    assert run.status == 3 and len(all_of(path)) == 1000
    assert run.err == f"alloctrace: {path} is full and cannot be renamed to {to}: Is a directory; " \
                      "it grows on\n"


def test_a_kept_file_that_cannot_be_moved_stays(many, tmp_path):
    path, first, second = (tmp_path / f"out.mlog{end}" for end in ("", ".1", ".2"))
    first.write_text("kept\n")
    second.mkdir()
    run = many(*ROTATE, "rotate:2", "-o", path)
    assert first.read_text() == "kept\n"
    assert run.status == 3 and len(all_of(path)) == 1000
    assert run.err == f"alloctrace: {path} is full and cannot be renamed to {second}: Is a " \
                      "directory; it grows on\n"


@pytest.mark.parametrize("form", ["mlog", "json"])
def test_a_file_that_is_no_fifo_is_not_written_over(many, tmp_path, form):
    path = tmp_path / "precious"
    path.write_text("precious\n" * 1000)
    run = many("-o", f"{form}:pipe:{path}")
    assert (run.status, run.out) == (125, "")
    assert run.err == f"alloctrace: -o {form}:pipe:{path}: pipe: is for a fifo, and this is none; " \
                      "leave pipe: out to write a file\n"
    assert path.read_text() == "precious\n" * 1000
