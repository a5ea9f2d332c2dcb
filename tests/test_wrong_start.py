"""Programs that cannot be run, or not traced, and outputs that cannot be written: one
sentence, the right exit status, nothing left behind."""

import os
import re
import shutil
import struct
import subprocess
import tempfile

import pytest

TRUE = "/usr/bin/true"
EI_CLASS, E_TYPE, E_MACHINE, E_PHNUM = 4, 16, 18, 56


def patched(*changes, length=None):
    """The bytes of an ordinary program, some of them changed."""
    image = bytearray(open(TRUE, "rb").read()[:length])
    for at, value in changes:
        image[at:at + len(value)] = value
    return bytes(image)


def interpreter_at():
    return open(TRUE, "rb").read().index(b"/lib64/ld-linux")


FILES = {
    "short": (patched(length=40), 126, "a damaged ELF file: its header is not whole"),
    "cut": (patched(length=200), 126, "a damaged ELF file: "),
    "half": (patched(length=os.path.getsize(TRUE) // 2), 126,
             "a damaged ELF file: it ends too early"),
    "narrow": (patched((EI_CLASS, b"\x01")), 126, "a 32-bit program: 64-bit ones only are traced"),
    "foreign": (patched((E_MACHINE, b"\xb7\x00")), 126, "a program for another processor"),
    "object": (patched((E_TYPE, b"\x01\x00")), 126, "an ELF file, but no program"),
    "bare": (patched((E_PHNUM, b"\x00\x00")), 126, "a damaged ELF file: it has no segments"),
    "homeless": (patched((interpreter_at(), b"/nosuch")), 127,
                 "its interpreter /nosuchld-linux-x86-64.so.2 is not there"),
    "script": (b"#! /nosuch/sh -e\n", 127, "its interpreter /nosuch/sh is not there"),
}


def one_line(err):
    assert err.count("\n") == 1 and err.startswith("alloctrace: "), err
    return err


@pytest.mark.sanitized
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_program_to_trace(run_plainly, alloctrace, tmp_path, name):
    image, status, words = FILES[name]
    (tmp_path / name).write_bytes(image)
    (tmp_path / name).chmod(0o755)
    run = run_plainly(alloctrace, "--", f"./{name}")
    assert (run.status, run.out) == (status, "")
    assert one_line(run.err).startswith(f"alloctrace: ./{name}: {words}")


@pytest.mark.parametrize("text, status", [("exit 7", 7), ("", 0)])
def test_a_file_without_a_magic_is_the_shell_s_as_ever(run_plainly, alloctrace, tmp_path, text,
                                                       status):
    (tmp_path / "plain").write_text(text)
    (tmp_path / "plain").chmod(0o755)
    assert run_plainly(alloctrace, "-o", "r.txt", "--", "./plain").status == status


@pytest.fixture
def as_nobody(run_plainly, alloctrace):
    """run(mode, command...): without privileges, in a folder with `program`, a file of
    root's with that mode."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root, and setpriv to become another user with")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copy(alloctrace, f"{folder}/alloctrace")

        def run(mode, *command, program="/usr/bin/id", capabilities=None, options=()):
            shutil.copy(program, f"{folder}/program")
            os.chmod(f"{folder}/program", mode)
            if capabilities:
                os.setxattr(f"{folder}/program", "security.capability", capabilities)
            return run_plainly("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               "./alloctrace", "-o", "text:-", *options, "--", *command,
                               cwd=folder)
        yield run


def test_what_may_be_run_but_not_read_is_refused(as_nobody):
    run = as_nobody(0o711, "./program")
    assert (run.status, run.out) == (126, "")
    assert "may be run but not read" in one_line(run.err)


def test_a_setuid_program_is_refused(as_nobody):
    run = as_nobody(0o4755, "./program")
    assert (run.status, run.out) == (126, "")
    assert "setuid" in one_line(run.err)


def test_a_setuid_program_run_later_is_told_of(as_nobody):
    run = as_nobody(0o4755, "/bin/sh", "-c", "exec ./program -u")
    assert run.status == 0 and run.out.startswith("65534\n") and run.err == ""
    assert "is setuid, setgid or has capabilities: being traced" in run.out


# struct vfs_cap_data, linux/capability.h: CAP_NET_BIND_SERVICE, effective and permitted
BIND_SERVICE = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)


def test_a_program_with_capabilities_is_refused(as_nobody):
    run = as_nobody(0o755, "./program", capabilities=BIND_SERVICE)
    assert (run.status, run.out) == (126, "")
    assert "has capabilities" in one_line(run.err)


# dash and python3 make such a child by vfork, which is traced until its exec.
@pytest.mark.parametrize("options", [[], ["-f"]])
@pytest.mark.parametrize("command", [
    "./program -u; true", "PATH=/nosuch:$PWD; program -u; true",
    "exec 3<.; cd /; /proc/$$/fd/3/program -u; true",
    "ln -s $PWD/program /tmp/link-$$; /tmp/link-$$ -u; rm /tmp/link-$$"])
def test_a_child_keeps_its_privileges(as_nobody, command, options):
    run = as_nobody(0o4755, "/bin/sh", "-c", command, options=options)
    assert run.status == 0 and run.out.startswith("0\n") and run.err == ""
    assert ("tracing would take them away" in re.sub(r"\s+", " ", run.out)) == bool(options)


def test_a_forked_child_that_is_followed_keeps_its_privileges(as_nobody):
    run = as_nobody(0o4755, "/bin/sh", "-c", "(: a fork; exec ./program -u); (./program -u; :); :",
                    options=["-f"])
    assert run.status == 0 and run.err == ""
    assert len(re.findall("^0$", run.out, re.MULTILINE)) == 2
    assert "tracing would take them away" in re.sub(r"\s+", " ", run.out)


def test_a_child_keeps_the_capabilities_of_its_file(as_nobody):
    run = as_nobody(0o755, "/bin/sh", "-c", "./program CapEff /proc/self/status; true",
                    program="/usr/bin/grep", capabilities=BIND_SERVICE)
    assert (run.status, run.err) == (0, "")
    assert run.out.splitlines()[0].split() == ["CapEff:", f"{1 << 10:016x}"]


def test_a_child_named_by_a_descriptor_keeps_its_privileges(as_nobody, target):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        children = shutil.copy(target("children"), folder)
        run = as_nobody(0o4755, "/usr/bin/env", "TRUTH=/dev/null", children, "vfork-execveat")
    assert run.status == 0 and run.err == ""
    assert run.out.startswith("0\nvfork-execveat exited 0\n" * 10)


@pytest.mark.parametrize("mode", [0o4744, 0o644])
def test_a_child_that_may_not_be_run_comes_back_unharmed(as_nobody, mode):
    run = as_nobody(mode, "/bin/sh", "-c", "./program; echo $?; x=$(echo y); echo $x")
    assert run.out.startswith("126\ny\n")
    assert run.err == "/bin/sh: 1: ./program: Permission denied\n"


def test_one_run_later_that_may_not_be_read_is_told_of(as_nobody):
    run = as_nobody(0o711, "/bin/sh", "-c", "exec ./program -u")
    assert run.status == 0 and run.out.startswith("65534\n") and run.err == ""
    assert "may not be looked into" in run.out


# ---- outputs ---------------------------------------------------------------

SCRIPT = ["/bin/sh", "-c", "echo out; exit 3"]


@pytest.mark.parametrize("dest", ["json:/dev/full", "folded:/dev/full", "/dev/full"])
def test_a_full_disk(run_plainly, alloctrace, dest):
    run = run_plainly(alloctrace, "-o", dest, "--", *SCRIPT)
    assert (run.status, run.out) == (125, "out\n")
    assert one_line(run.err).endswith("/dev/full: No space left on device\n")


def test_a_full_disk_is_no_reason_to_keep_the_other_reports(run_plainly, alloctrace, tmp_path):
    run = run_plainly(alloctrace, "-o", "/dev/full", "-o", "r.json", "--", *SCRIPT)
    assert run.status == 125 and (tmp_path / "r.json").stat().st_size


@pytest.mark.parametrize("dest, words", [
    ("nosuch/r.json", "No such file or directory"), (".", "Is a directory"),
    ("tcp:127.0.0.1:1", "Connection refused"), ("unix:nobody", "No such file or directory")])
def test_an_output_that_cannot_be(run_plainly, alloctrace, dest, words):
    run = run_plainly(alloctrace, "-o", dest, "--", *SCRIPT)
    assert run.status == 125 and words in one_line(run.err)


@pytest.mark.parametrize("dest", ["tcp:localhost", "tcp::99", "tcp:localhost:", "tcp:localhost:0",
                                  "jsonl:tcp:localhost:65536", "tcp:localhost:99999999999999999999",
                                  "fd:x", "fd:99999999999", "unix:", "json:"])
def test_an_output_that_is_none(run_plainly, alloctrace, dest):
    run = run_plainly(alloctrace, "-o", dest, "--", *SCRIPT)
    assert (run.status, run.out) == (2, "") and f"-o {dest}: " in one_line(run.err)


def test_a_reader_that_has_read_enough(alloctrace, environment, tmp_path):
    command = f"{alloctrace} -o text:- -- /bin/sh -c 'echo out; exit 3' | head -n 1; echo ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", command], env=environment, cwd=tmp_path, text=True,
                         capture_output=True, check=True)
    first, status = run.stdout.splitlines()
    assert first == "out" and status in ("3", "125") and "killed" not in run.stderr


@pytest.mark.sanitized
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_closed_streams_stay_closed_for_the_program(alloctrace, environment, tmp_path, closed):
    close = " ".join(f"{fd}>&-" for fd in closed)
    look = "/bin/sh -c 'ls -l /proc/$$/fd > fds'"
    listed = []
    for command in (look, f"{alloctrace} -o json:r.json -- {look}"):
        subprocess.run(["bash", "-c", f"{command} {close}"], env=environment, cwd=tmp_path,
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        lines = (tmp_path / "fds").read_text().splitlines()[1:]
        listed.append({(words[-3], words[-1]) for words in (line.split() for line in lines)
                       if not words[-1].startswith("/proc/")})
    assert listed[0] == listed[1]
    assert (tmp_path / "r.json").stat().st_size
