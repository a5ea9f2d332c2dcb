"""Links that the system keeps lead to a place; a report goes there and the link stays."""

import json
import subprocess

from conftest import HANG


def test_standard_output_by_its_name_where_it_is_a_file(alloctrace, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        run = subprocess.run([alloctrace, "-o", "json:/proc/self/fd/1", "--", "/bin/true"],
                             stdout=out, stderr=subprocess.PIPE, text=True, timeout=HANG,
                             check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads((tmp_path / "out").read_text())["exe"].endswith("/true")
