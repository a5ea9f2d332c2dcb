"""What is taken over from a thread's previous stack is what libunwind finds from the first frame
to the last. See tests/wrapped/comparing.c."""

import json
import os
import subprocess

import pytest

import programs
from conftest import BUILD

FRAMES = 5000  # fewer would prove little; xz allocates a few times only


@pytest.fixture
def environment(tmp_path):
    return {**programs.ENVIRONMENT, "HOME": str(tmp_path), "TRUTH": str(tmp_path / "truth.json"),
            "TARGETS": str(BUILD / "targets")}


def python_without_pools(folder, environment):
    return ["/usr/bin/env", "PYTHONMALLOC=malloc", *programs.python(folder, environment)]


def exceptions(folder, environment):
    return [environment["TARGETS"] + "/exceptions"]


def compared(command, environment, tmp_path):
    told = tmp_path / "compared.json"
    report = tmp_path / "report.json"
    subprocess.run([str(BUILD / "comparing/alloctrace"), "-o", f"json:{report}", "--", *command],
                   env={**environment, "COMPARED": str(told)}, check=True, timeout=300,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return json.loads(told.read_text()), json.loads(report.read_text())


EVERY = [*(made for made in programs.PROGRAMS if made is not programs.xz), python_without_pools,
         exceptions]


@pytest.mark.parametrize("program", EVERY, ids=lambda made: made.__name__)
def test_every_stack_is_libunwinds(program, environment, installed, tmp_path):
    installed(*programs.PROGRAMS.get(program, ("true", "coreutils")))
    figures, report = compared(program(tmp_path, environment), environment, tmp_path)
    calls = sum(function["calls"] for name, function in report["functions"].items()
                if "bytes" in function)
    assert figures["stacks"] >= calls > 0
    assert figures["frames"] > FRAMES
    assert figures["different"] == 0
