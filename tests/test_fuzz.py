"""Every input that ever taught the fuzz targets something, once more: no reader of a
target's data may be led astray by it."""

import subprocess
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "fuzz"
READERS = sorted(path.name for path in (FUZZ / "corpus").iterdir())


@pytest.mark.sanitized
@pytest.mark.parametrize("reader", READERS)
def test_kept_inputs_do_no_harm(alloctrace, reader):
    kept = [path for path in (FUZZ / "corpus" / reader).rglob("*") if path.is_file()]
    run = subprocess.run([Path(alloctrace).parent / "fuzz" / reader, FUZZ / "corpus" / reader],
                         text=True, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    assert int(run.stdout) == len(kept) > 0


@pytest.mark.parametrize("reader", READERS)
def test_no_input_is_no_success(alloctrace, tmp_path, reader):
    program = Path(alloctrace).parent / "fuzz" / reader
    for argument in (tmp_path / "missing", tmp_path):
        assert subprocess.run([program, argument], capture_output=True, check=False).returncode
