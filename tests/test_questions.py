"""Reports that answer a question: what held the peak, which blocks are old or large,
one module's stacks only, periodic reports, and letting the program go."""

import csv
import os
import re
import signal
import subprocess
import time
from datetime import datetime, timezone

import pytest

MARKERS = ("peak_only", "held", "late", "young")


def shown(report, key="live_bytes"):
    """What the report says of each marker, in its order."""
    named = [(next((f["function"] for f in site["stack"] if f["function"] in MARKERS), None),
              site[key]) for site in report["sites"]]
    return {name: sum(n for other, n in named if other == name) for name, _ in named if name}


@pytest.fixture
def asked(trace, target):
    """asked(options...): the report of the target, which has ended."""
    def run(*options, command=()):
        return trace(*command, target("questions"), options=options).report
    return run


# ---- the peak --------------------------------------------------------------


@pytest.mark.sanitized
def test_what_held_the_peak_is_known_to_the_byte(asked):
    report = asked()
    assert report["totals"]["peak_live_bytes"] == 103000
    assert shown(report, "at_peak_bytes") == {"peak_only": 100000, "held": 3000, "late": 0,
                                              "young": 0}
    assert shown(report, "at_peak_blocks") == {"peak_only": 2, "held": 2, "late": 0, "young": 0}
    assert sum(site["at_peak_bytes"] for site in report["sites"]) == 103000


def test_sorted_by_what_was_held_at_the_peak(asked):
    assert list(shown(asked("--sort", "peak")))[:2] == ["peak_only", "held"]


# A later and higher peak takes the place of an earlier one, site by site.
def test_every_program_s_sites_sum_to_its_peak(trace):
    report = trace("/usr/bin/perl", "-e", "my @a = map { 'x' x $_ } 1..500; @a = (); "
                   "my %h = map { $_ => [1..5] } 1..300; %h = (); my @b = (1) x 2000;").report
    assert sum(site["at_peak_bytes"] for site in report["sites"]) == \
        report["totals"]["peak_live_bytes"]
    assert report["peak_ms"] <= report["time_ms"]


# ---- which blocks ----------------------------------------------------------


def test_blocks_are_listed_when_asked(asked):
    report = asked("--blocks")
    sites = {site["id"]: site for site in report["sites"]}
    mine = [(block["size"], block["site"]) for block in report["blocks"]]
    assert [size for size, _ in mine] == [7000, 2000, 1000, 500, 64]
    assert {sites[site]["function"] for size, site in mine if size < 1000} == {"calloc"}
    assert {block["tid"] for block in report["blocks"]} == {report["pid"]}
    assert "blocks" not in asked()


@pytest.mark.parametrize("least, left", [
    ("65", {"late": 7000, "held": 3000, "young": 500}),
    ("1K", {"late": 7000, "held": 2000}), ("7000", {"late": 7000}), ("1M", {})])
def test_only_blocks_that_are_large(asked, least, left):
    report = asked("--min-size", least, "--blocks")
    assert shown(report) == left
    assert sum(block["size"] for block in report["blocks"]) == sum(left.values())
    assert report["totals"]["live_bytes"] == 10564


def test_only_blocks_that_are_old(start_traced, target, until):
    live = start_traced(target("questions"), options=["--min-age", "0.5", "--blocks"])
    live.await_ready()
    ready = time.monotonic()
    until(lambda: time.monotonic() - ready > 0.6, "the blocks to become old")
    live.say("")
    report = live.finish().report
    assert {"late": 7000, "held": 3000}.items() <= shown(report).items()
    assert min(block["age_ms"] for block in report["blocks"]) >= 500
    assert len(report["sites"]) == len({block["site"] for block in report["blocks"]})


def test_no_block_is_as_old_as_that(asked):
    report = asked("--min-age", "100000", "--blocks")
    assert report["sites"] == report["blocks"] == []


# ---- which stacks ----------------------------------------------------------


@pytest.mark.parametrize("options, left", [
    (("--match", "late"), {"late"}),
    (("--match", "questions.c", "--hide", "late"), {"peak_only", "held", "young"}),
    (("--match", "targets/quest*ns"), set(MARKERS)),
    (("--match", "late", "--match=hel"), {"late", "held"}),
    (("--hide", "main"), set()),
    (("--match", "calloc"), {"young"}),
    (("--match", "nobody"), set())])
def test_only_stacks_that_fit(asked, options, left):
    report = asked(*options, "--blocks")
    assert set(shown(report)) == left
    ids = {site["id"] for site in report["sites"]}
    assert {block["site"] for block in report["blocks"]} <= ids


@pytest.mark.parametrize("raw, through", [((), False), (("--raw-stacks",), True)])
def test_wrappers_are_folded_away_unless_asked_for(trace, target, raw, through):
    report = trace(target("operators"), options=raw).report
    inner = {site["stack"][0]["function"] for site in report["sites"]}
    assert any(str(name).startswith("operator new") for name in inner) == through


LIBRARY = ("operator new", "std::allocator<", "std::allocator_traits<", "std::__new_allocator<",
           "__gnu_cxx::new_allocator<", "__gnu_cxx::__alloc_traits<")


# Inlined or not, a container's way to its allocator tells nobody anything.
@pytest.mark.parametrize("raw", [False, True])
def test_a_container_s_way_to_its_allocator_is_folded_away(trace, target, raw):
    report = trace(target("containers"), options=["--raw-stacks"] if raw else []).report
    inner = [site["stack"][0]["function"] for site in report["sites"] if site["stack"]]
    assert any(str(name).startswith(LIBRARY) for name in inner) == raw


# ---- when ------------------------------------------------------------------


@pytest.mark.sanitized
def test_a_report_every_now_and_then(start_traced, target, until, read_report, tmp_path):
    live = start_traced(target("questions"), options=["--interval", "0.05"])
    live.await_ready()
    until(lambda: (tmp_path / "report.3.json").exists(), "the third report")
    live.say("")
    last = live.finish().report
    third = read_report(tmp_path / "report.3.json")
    assert third["reason"] == "interval" and last["reason"] == "exit"
    assert shown(third) == {"late": 7000, "held": 3000, "peak_only": 0}


def test_row_53_each_of_many_reports_has_its_date(start_traced, target, until, tmp_path):
    """In UTC, as the first line below the head; the last report, which is one, has none."""
    text = tmp_path / "text.txt"
    before = datetime.now(timezone.utc).replace(microsecond=0)
    live = start_traced(target("marked"), "wait",
                        options=["--interval", "0.05", "-o", f"text:{text}"])
    until((tmp_path / "text.2.txt").exists, "two reports")
    live.finish("go\n")
    head, date = (tmp_path / "text.2.txt").read_text().splitlines()[:2]
    assert "running for" in head
    told = datetime.strptime(date, "  %b %d %Y %H:%M:%S UTC").replace(tzinfo=timezone.utc)
    assert before <= told <= datetime.now(timezone.utc)
    assert " UTC" not in "".join(text.read_text().splitlines()[:2])


@pytest.mark.sanitized
def test_the_program_is_let_go_and_runs_on(start_traced, target, until, read_report, tmp_path):
    live = start_traced(target("questions"), options=["--duration", "0.3"])
    pid = live.await_ready()
    until((tmp_path / "report.json").exists, "the report")
    assert read_report(tmp_path / "report.json")["reason"] == "detach"
    assert "TracerPid:\t0" in open(f"/proc/{pid}/status").read()
    live.say("")
    run = live.finish()
    assert run.status == 0 and run.report["reason"] == "detach"
    assert "young" not in shown(run.report)


def test_a_program_let_go_ends_as_it_does(start_traced, target, until, tmp_path):
    live = start_traced(target("waiter"), options=["--duration", "0.2"])
    pid = live.await_ready()
    until((tmp_path / "report.json").exists, "the report")
    os.kill(pid, signal.SIGTERM)
    live.await_line("signal ")
    assert live.finish().status == 42


def test_one_that_ends_before_its_time_is_reported_as_usual(asked):
    assert asked("--duration", "1000")["reason"] == "exit"


# ---- for other tools -------------------------------------------------------


def test_a_spreadsheet_and_a_flame_graph(run_plainly, alloctrace, target, tmp_path):
    run = run_plainly(alloctrace, "-o", "r.csv", "-o", "r.folded", "-o", "r.json", "--",
                      target("questions"))
    assert run.status == 0 and run.err == ""
    with open(tmp_path / "r.csv", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    held = {row["caller"]: int(row["live_bytes"]) for row in rows if row["caller"] in MARKERS}
    assert held.items() >= {"late": 7000, "peak_only": 0}.items()
    lines = [line.rsplit(" ", 1) for line in (tmp_path / "r.folded").read_text().splitlines()]
    assert sum(int(weight) for _, weight in lines) == 10564
    assert all(stack.endswith((";malloc", ";calloc")) and ";main;" in stack for stack, _ in lines)


# ---- what it says of itself ------------------------------------------------


def option_names(help_text):
    return {word.strip(",") for word in help_text.split() if word.startswith("--") and len(word) > 2}


def test_help_fits_one_screen(run_plainly, alloctrace):
    lines = run_plainly(alloctrace, "--help").out.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80


def test_the_man_page_is_well_formed_and_complete(run_plainly, alloctrace, tmp_path):
    (tmp_path / "alloctrace.1").write_text(run_plainly(alloctrace, "--man").out)
    run = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rCHECKSTYLE=3", "-P-cbou",
                          "alloctrace.1"],
                         cwd=tmp_path, text=True, capture_output=True, check=True)
    assert run.stderr == ""
    page = run.stdout
    for name in option_names(run_plainly(alloctrace, "--help").out):
        assert name in page
    commands = re.search(r"alloctrace COMMAND \.\.\.: (.*)",
                         run_plainly(alloctrace, "--help").out)[1].split(", ")
    assert {"check", "rescue", "ctl"} <= set(commands)
    for command in commands:
        assert f"alloctrace {command} " in page


def completed(script, line):
    words = line.split(" ")
    text = f"""
{script}
COMP_WORDS=({" ".join(words[:-1])} '{words[-1]}') COMP_CWORD={len(words) - 1}
_alloctrace; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return set(subprocess.run(["bash", "-c", text], text=True, check=True,
                              capture_output=True).stdout.split())


def test_bash_completes_options_and_their_words(run_plainly, alloctrace):
    script = run_plainly(alloctrace, "--bash-completion").out
    assert completed(script, "alloctrace --") >= option_names(run_plainly(alloctrace, "--help").out)
    assert completed(script, "alloctrace --min-") == {"--min-size", "--min-age"}
    assert completed(script, "alloctrace --sort ") == {"bytes", "blocks", "calls", "peak"}
    assert completed(script, "alloctrace --top ") == set()
    assert "sh" in completed(script, "alloctrace sh")
    assert "rescue" in completed(script, "alloctrace resc")
    assert "rescue" not in completed(script, "alloctrace --top 1 resc")
