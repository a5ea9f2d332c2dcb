"""Test targets in other kinds than the Makefile's: linked statically, or with musl."""

import functools
import shutil
import subprocess
import tempfile

import pytest

from conftest import REPO

SOURCES = REPO / "tests" / "targets"
FLAGS = ["-D_GNU_SOURCE", "-O2", "-g", "-fomit-frame-pointer", "-fno-builtin", "-pthread",
         f"-I{SOURCES}"]
# What of Linux musl has no headers of its own for.
MUSL = ["musl-gcc", "-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]

# name -> Debian package, compiler and flags
KINDS = {
    "glibc-static": ("libc6-dev", ["gcc", "-static"]),
    "glibc-static-pie": ("libc6-dev", ["gcc", "-static-pie", "-fPIE"]),
    "musl": ("musl-tools", MUSL),
    "musl-static": ("musl-tools", [*MUSL, "-static"]),
}


@functools.cache
def folder():
    kept = tempfile.TemporaryDirectory(prefix="linked")
    folder.kept = kept  # removed when the tests end
    return kept.name


@functools.cache
def linked(kind, name, *flags):
    """The path of the target as a program of that kind; made once."""
    package, compiler = KINDS[kind]
    if not shutil.which(compiler[0]):
        pytest.skip(f"package {package} is not installed")
    ending = ".so" if "-shared" in flags else ""
    source = next(path for path in (SOURCES / f"{name}.c", SOURCES.parent / "preload" / f"{name}.c")
                  if path.exists())
    program = f"{folder()}/{name}-{kind}{ending}"
    subprocess.run([*compiler, *FLAGS, *flags, "-o", program, source, "-ldl"], check=True,
                   capture_output=True)
    return program
