"""The unit tests, each as a test of its own. cmocka names its tests only while
it runs them, so the binaries run when tests are collected."""

import functools
import os
import re
import subprocess

import pytest

from conftest import ALLOCTRACE, BUILD, HANG

FOLDERS = {"plain": BUILD / "unit", "sanitized": ALLOCTRACE["sanitized"].parent / "unit"}


def is_program(path):
    return path.is_file() and os.access(path, os.X_OK) and path.suffix == ""


PROGRAMS = [(kind, path) for kind, folder in FOLDERS.items() if folder.is_dir()
            for path in sorted(folder.iterdir()) if is_program(path)]


@functools.lru_cache(maxsize=None)
def run(path):
    return subprocess.run([path], text=True, capture_output=True, errors="replace", timeout=HANG,
                          env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"})


TAP_LINE = re.compile(r"^(ok|not ok) \d+ - ([^#\n]+?)\s*(#.*)?$", re.MULTILINE)


def results(path):
    return {name: word for word, name, _ in TAP_LINE.findall(run(path).stdout)}


CASES = [pytest.param(path, name, id=f"{kind}-{path.name}-{name}")
         for kind, path in PROGRAMS for name in results(path)]


def test_there_are_unit_tests():
    assert any(kind == "plain" for kind, _ in PROGRAMS), f"none in {FOLDERS['plain']}"


@pytest.mark.parametrize("path, name", CASES)
def test_unit(path, name):
    assert results(path)[name] == "ok", run(path).stdout + run(path).stderr


@pytest.mark.parametrize("kind, path", PROGRAMS, ids=[f"{k}-{p.name}" for k, p in PROGRAMS])
def test_unit_program_runs_to_its_end(kind, path):
    assert run(path).returncode == 0, run(path).stdout + run(path).stderr
