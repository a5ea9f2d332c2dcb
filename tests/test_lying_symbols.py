"""A symbol table that lies costs what it lies about, and never the program."""

import shutil
import struct
import subprocess

import pytest

SYMTAB, SYMBOL = 2, struct.Struct("<IBBHQQ")

PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
	void *volatile kept;
	for (int i = 0; i < 50; i++)
		kept = malloc(10);
	for (int i = 0; i < 20; i++)
		kept = calloc(2, 10);
	puts("done");
	return kept == NULL;
}
"""


@pytest.fixture(scope="module")
def static_program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    (folder / "program.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-O1", "-static", "-o", folder / "program", folder / "program.c"],
                   check=True)
    return folder / "program"


def symbols_of(image):
    """Name -> (where its entry stands in the file, value, size)."""
    table, size, count = struct.unpack_from("<Q10xHH", image, 40)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, table + i * size) for i in range(count)]
    symbols = {}
    for section in sections:
        if section[1] != SYMTAB:
            continue
        names = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], SYMBOL.size):
            name, _, _, _, value, length = SYMBOL.unpack_from(image, at)
            end = image.index(b"\0", names + name)
            symbols.setdefault(image[names + name:end].decode(), []).append((at, value, length))
    return symbols


def with_malloc(program, value=None, size=None):
    """Every name of malloc's address tells another value or size."""
    image = bytearray(program.read_bytes())
    symbols = symbols_of(image)
    malloc = symbols["malloc"][0][1]
    for at, was, length in [entry for entries in symbols.values() for entry in entries]:
        if was != malloc:
            continue
        struct.pack_into("<QQ", image, at + 8, was if value is None else value(was, symbols),
                         length if size is None else size)
    return bytes(image)


PLACES = {
    "in the middle of an instruction": lambda was, _: was + 1,
    "nowhere": lambda was, _: 0x10,
    "in data": lambda was, symbols: symbols["environ"][0][1],
    "in another function": lambda was, symbols: symbols["calloc"][0][1] + 30,
    "beyond the file": lambda was, _: was + (1 << 40),
}


def changed(tmp_path, static_program, **lie):
    copy = shutil.copy(static_program, tmp_path / "lying")
    (tmp_path / "lying").write_bytes(with_malloc(static_program, **lie))
    return copy


@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_address_is_not_trapped(trace, tmp_path, static_program, place):
    run = trace(changed(tmp_path, static_program, value=PLACES[place]))
    assert (run.status, run.out, run.err) == (0, "done\n", "")
    assert "malloc" not in run.report["functions"]
    assert run.report["functions"]["calloc"]["calls"] >= 20
    notes = [note for note in run.report["ledger"]["notes"] if note.startswith("malloc in ")]
    assert len(notes) == 1 and "not traced" in notes[0]
    assert run.report["errors"] == [] and run.report["ledger"]["double_frees"] == 0


@pytest.mark.parametrize("size", [0, 1, 7, 1 << 40, (1 << 64) - 1])
def test_a_wrong_size_changes_nothing(trace, tmp_path, static_program, size):
    honest = trace(changed(tmp_path, static_program)).report
    run = trace(changed(tmp_path, static_program, size=size))
    assert (run.status, run.out, run.err) == (0, "done\n", "")
    assert run.report["totals"]["allocs"] == honest["totals"]["allocs"] >= 70
    assert run.report["functions"] == honest["functions"]
    run.report.assert_unblemished()
