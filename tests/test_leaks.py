"""--leak-exitcode and --suppressions."""

import re

import pytest

CODE = 77
WAYS = {  # what leaky leaves, and of how many bytes
    "malloc": 10, "calloc": 20, "realloc": 30, "realloc_of_null": 40, "reallocarray": 50,
    "strdup": 6, "strndup": 7, "posix_memalign": 80, "aligned_alloc": 128, "new": 100,
    "new_array": 110, "new_nothrow": 120, "new_aligned": 128, "member": 140, "thread": 150,
}
KEPT_BY_LIBC = ["out", "in", "locale", "user", "service", "thread", "zone", "error"]

LSAN = "# comment\nleak:{}\n"
VALGRIND = "{{\n   known\n   Memcheck:Leak\n   {}\n}}\n"


@pytest.fixture
def judge(trace, target, tmp_path):
    """judge(status, what..., suppressions=[texts]): the Run of leaky."""
    def run(*arguments, program="leaky", suppressions=(), options=(), **how):
        files = []
        for number, text in enumerate(suppressions):
            files.append(tmp_path / f"{number}.supp")
            files[-1].write_text(text)
        return trace(target(program), *map(str, arguments), **how, options=[
            "--leak-exitcode", str(CODE), *(f"--suppressions={file}" for file in files), *options])
    return run


def uses(run, built_in=False):
    """(name, line, blocks, bytes) of every suppression from a file, or built in."""
    return [(use["name"], use["line"], use["blocks"], use["bytes"])
            for use in run.report["suppressions"] if (use["file"] is None) == built_in]


# ---- the exit status -------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("status", [0, 3, 255])
def test_what_is_left_decides_the_status(judge, status):
    assert judge(status, "malloc").status == CODE


@pytest.mark.parametrize("way", sorted(WAYS))
def test_every_kind_of_block_counts(judge, way):
    assert judge(0, way).status == CODE


@pytest.mark.parametrize("status", [0, 3, 255])
def test_nothing_left_is_the_programs_status(judge, status):
    run = judge(status)
    assert run.status == status
    assert run.err == ""


def test_a_killed_program_keeps_its_status(judge):
    assert judge(0, "malloc", "signal").status == 128 + 9


def test_without_the_option_nothing_is_judged(trace, target):
    run = trace(target("leaky"), "3", "malloc")
    assert run.status == 3
    assert run.report["suppressions"] == []


def test_a_report_that_cannot_be_written_comes_first(alloctrace, run_plainly, target):
    run = run_plainly(alloctrace, "--leak-exitcode", str(CODE), "-o", "text:/dev/full", "--",
                      target("leaky"), "0", "malloc")
    assert run.status == 125


# ---- suppressions ----------------------------------------------------------


@pytest.mark.parametrize("text", [
    LSAN.format("by_malloc"), LSAN.format("^by_malloc()$"), LSAN.format("leaky.cc"),
    LSAN.format("*targets/leaky$"), LSAN.format("by_*alloc"),
    VALGRIND.format("fun:malloc\n   fun:_ZL9by_mallocv\n   fun:main"),
    VALGRIND.format("...\n   fun:main"), VALGRIND.format("fun:mall?c\n   obj:*/leaky"),
    VALGRIND.format("match-leak-kinds: definite\n   fun:malloc\n   src:leaky.cc"),
])
@pytest.mark.sanitized
def test_what_is_suppressed_leaves_the_programs_status(judge, text):
    run = judge(3, "malloc", suppressions=[text])
    assert run.status == 3
    assert [use[2:] for use in uses(run)] == [(1, 10)]


@pytest.mark.parametrize("text", [
    LSAN.format("by_calloc"), LSAN.format("^mallo$"), LSAN.format("^leaky.cc"),
    VALGRIND.format("fun:calloc\n   ..."), VALGRIND.format("fun:malloc\n   fun:main"),
    VALGRIND.format("match-leak-kinds: none\n   fun:malloc"),
    VALGRIND.format("...\n   fun:by_malloc"),
    "{\n   a\n   Memcheck:Cond\n   fun:malloc\n}\n", "# leak:by_malloc\n", "",
])
def test_what_no_suppression_covers_is_left(judge, text):
    assert judge(3, "malloc", suppressions=[text]).status == CODE


def test_one_left_beside_one_suppressed(judge):
    run = judge(0, "malloc", "calloc", suppressions=[LSAN.format("by_malloc")])
    assert run.status == CODE
    assert uses(run) == [("by_malloc", 2, 1, 10)]


def test_files_of_both_syntaxes_together(judge):
    run = judge(3, "malloc", "malloc", "calloc", "member", suppressions=[
        LSAN.format("box::shelf::put(int)") + LSAN.format("never"),
        VALGRIND.format("fun:*alloc\n   fun:_ZL*by_??alloc*") + LSAN.format("by_malloc"),
        VALGRIND.format("fun:calloc\n   fun:_ZL9by_callocv")])
    assert run.status == 3
    assert uses(run) == [("box::shelf::put(int)", 2, 1, 140), ("never", 4, 0, 0),
                         ("known", 1, 0, 0), ("by_malloc", 8, 2, 20), ("known", 1, 1, 20)]


def test_totals_stay_the_truth(judge):
    run = judge(0, "malloc", "calloc", suppressions=[LSAN.format("by_")])
    built_in = sum(use[2] for use in uses(run, built_in=True))
    assert run.status == 0
    assert run.report["totals"]["live_blocks"] == 2 + built_in
    run.report.assert_consistent()


def test_text_names_what_is_suppressed_and_what_is_unused(judge, tmp_path):
    run = judge(0, "malloc", "calloc", options=["-o", "text:-"], suppressions=[
        VALGRIND.format("fun:malloc\n   fun:_ZL9by_mallocv"), LSAN.format("stale")])
    assert run.status == CODE
    sites = run.out[:run.out.index("Suppressed: ")]
    assert "by_calloc()" in sites and "by_malloc()" not in sites
    assert re.search(r"^ +10 B in 1 block +known \(.*/0.supp:1\)$", run.out, re.MULTILINE)
    assert re.search(r"^  Unused suppressions: stale \(.*/1.supp:2\)\.$", run.out, re.MULTILINE)


def test_suppressions_without_a_verdict(trace, target, tmp_path):
    file = tmp_path / "x.supp"
    file.write_text(LSAN.format("by_malloc"))
    run = trace(target("leaky"), "3", "malloc", "calloc", options=["--suppressions", str(file)])
    assert run.status == 3
    assert uses(run) == [("by_malloc", 2, 1, 10)]


# ---- what libc keeps -------------------------------------------------------


@pytest.mark.parametrize("what", KEPT_BY_LIBC)
def test_what_libc_keeps_is_no_leak(judge, what):
    run = judge(what, program="libc_keeps")
    assert run.status == 0
    assert sum(use[2] for use in uses(run, built_in=True)) == \
        run.report["totals"]["live_blocks"] > 0


@pytest.mark.sanitized
def test_what_libc_keeps_all_together(judge):
    assert judge(*KEPT_BY_LIBC, program="libc_keeps").status == 0


def test_what_iostreams_keep_is_no_leak(judge):
    run = judge(3, "output")
    assert run.status == 3
    assert {use[0] for use in uses(run, built_in=True)} == \
        {"stdio's buffers", "libstdc++'s reserve for exceptions"}


@pytest.mark.parametrize("what", KEPT_BY_LIBC)
def test_the_default_suppressions_can_be_turned_off(judge, what):
    run = judge(what, program="libc_keeps", options=["--no-default-suppressions"])
    assert run.status == CODE
    assert run.report["suppressions"] == []


# ---- broken files ----------------------------------------------------------


@pytest.mark.parametrize("text, line, what", [
    ("leak:a\nnonsense\n", 2, "neither leak:PATTERN nor a block in { }"),
    ("race:a\n", 1, "neither leak:PATTERN nor a block in { }"),
    ("leak:\n", 1, "leak: without a pattern"),
    ("{\nname\nMemcheck:Leak\nfun:malloc\n", 4, "no } ends the block"),
    ("{\nname\nMemcheck:Leak\n}\n", 4, "no fun:, obj: or src: in the block"),
    ("{\nname\nMemcheck:Leak\nmalloc\n}\n", 4, "not fun:, obj:, src: or ..."),
])
@pytest.mark.sanitized
def test_a_broken_file_is_refused_before_the_start(alloctrace, run_plainly, tmp_path, text, line,
                                                   what):
    file = tmp_path / "broken.supp"
    file.write_text(text)
    run = run_plainly(alloctrace, "--suppressions", str(file), "--", "/bin/echo", "started")
    assert (run.status, run.out) == (2, "")
    assert run.err == f"alloctrace: {file}:{line}: {what}; see --suppressions in the README\n"


@pytest.mark.parametrize("name, why", [("missing", "No such file or directory"),
                                       (".", "Is a directory")])
def test_a_file_that_cannot_be_read(alloctrace, run_plainly, tmp_path, name, why):
    file = tmp_path / name
    run = run_plainly(alloctrace, "--suppressions", str(file), "--", "/bin/echo", "started")
    assert (run.status, run.out) == (125, "")
    assert run.err == f"alloctrace: cannot read the suppressions in {file}: {why}\n"


# ---- valgrind's own --------------------------------------------------------


def generated(log):
    """The suppressions that valgrind wrote between its messages."""
    return "".join(line for line in log.splitlines(keepends=True) if not line.startswith("=="))


def test_what_valgrind_generates_works_unmodified(judge, run_plainly, installed, target):
    ways = sorted(WAYS)
    log = run_plainly(installed("valgrind"), "--leak-check=full", "--show-leak-kinds=all",
                      "--gen-suppressions=all", target("leaky"), "0", *ways).err
    text = generated(log)
    assert text.count("Memcheck:Leak") == len(ways), log
    run = judge(3, *ways, suppressions=[text])
    assert run.status == 3
    assert sorted(use[2:] for use in uses(run)) == sorted((1, size) for size in WAYS.values())


def test_what_valgrind_generates_covers_nothing_else(judge, run_plainly, installed, target):
    log = run_plainly(installed("valgrind"), "--leak-check=full", "--show-leak-kinds=all",
                      "--gen-suppressions=all", target("leaky"), "0", "malloc").err
    assert judge(0, "malloc", suppressions=[generated(log)]).status == 0
    for way in sorted(set(WAYS) - {"malloc"}):
        assert judge(0, way, suppressions=[generated(log)]).status == CODE, way


def test_valgrinds_own_files_are_read(judge, installed):
    installed("valgrind")
    for path in ("/usr/libexec/valgrind/default.supp", "/usr/lib/valgrind/debian.supp"):
        try:
            text = open(path, encoding="utf-8").read()
        except FileNotFoundError:
            pytest.skip(f"no {path}: valgrind is packaged otherwise")
        assert judge(0, "malloc", suppressions=[text]).status == CODE


# As valgrind names them: inlined functions are frames.
@pytest.mark.parametrize("frames, status", [
    (("innermost", "middle", "real", "main"), 0), (("real", "main"), CODE)])
def test_inlined_functions_are_frames_of_a_suppression(judge, frames, status):
    lines = "".join(f"  fun:{name}\n" for name in ("malloc", *frames))
    text = "{\n  inlined\n  Memcheck:Leak\n" + lines + "}\n"
    assert judge(program="inlined", suppressions=[text]).status == status
