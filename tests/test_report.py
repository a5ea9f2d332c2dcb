"""Reports: what they hold, when they come and where they go."""

import json
import os
import signal
import socket
import threading

import pytest

ESCAPE = "\x1b["

KEYS = {
    "": {"alloctrace", "reason", "time_ms", "pid", "exe", "cmdline", "totals", "functions",
         "threads", "ledger", "sites"},
    "totals": {"allocs", "frees", "bytes_allocated", "bytes_freed", "live_blocks", "live_bytes",
               "peak_live_bytes", "usable_live_bytes"},
    "threads": {"live", "total"},
    "ledger": {"missed_calls", "unknown_frees", "double_frees", "truncated_stacks", "stalls",
               "unsymbolised_modules", "notes"},
}
SITE = {"id", "function", "live_blocks", "live_bytes", "allocs", "frees", "peak_bytes",
        "first_ms", "last_ms", "stack"}
FRAME = {"address", "module", "build_id", "function", "offset", "file", "line", "inlined"}


# ---- JSON ------------------------------------------------------------------


@pytest.mark.sanitized
def test_json_holds_what_the_contract_says(trace, target):
    report = trace(target("family")).report
    for part, keys in KEYS.items():
        assert keys <= set(report[part] if part else report), part
    for site in report["sites"]:
        assert SITE <= set(site)
        assert all(FRAME <= set(frame) for frame in site["stack"])
    assert set(report["functions"]["malloc"]) == {"calls", "failed", "bytes"}
    assert set(report["functions"]["free"]) == {"calls", "null"}


def test_json_says_what_was_traced(trace, target):
    run = trace(target("status"), "3", "a \"b\" \\ \t")
    assert run.report["alloctrace"] == 1
    assert run.report["reason"] == "exit"
    assert run.report["exe"] == target("status")
    assert run.report["cmdline"] == [target("status"), "3", "a \"b\" \\ \t"]


def test_a_program_that_allocates_nothing_has_an_empty_report(trace, target):
    report = trace(target("status"), "0").report
    assert report["totals"]["allocs"] == 0 and report["sites"] == []
    report.assert_consistent()


# ---- what is shown ---------------------------------------------------------


def markers_shown(report):
    return [next(frame["function"] for frame in site["stack"]
                 if str(frame["function"]).startswith("most_")) for site in report["sites"]]


@pytest.mark.parametrize("order", ["bytes", "blocks", "calls", "peak"])
def test_sites_are_sorted_as_asked(trace, target, order):
    report = trace(target("ranking"), options=["--sort", order]).report
    assert markers_shown(report)[0] == f"most_{order}"


def test_sites_are_sorted_by_bytes_unless_asked_otherwise(trace, target):
    report = trace(target("ranking")).report
    sizes = [site["live_bytes"] for site in report["sites"]]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("top", [1, 2])
def test_no_more_sites_than_asked(trace, target, top):
    report = trace(target("ranking"), options=["--top", str(top)]).report
    assert len(report["sites"]) == top
    assert markers_shown(report)[0] == "most_bytes"
    assert report["totals"]["allocs"] == 1104


# ---- text ------------------------------------------------------------------


@pytest.fixture
def report_on_stderr(start_plainly, alloctrace):
    def run(*command, options=()):
        return start_plainly(alloctrace, *options, "--", *command).finish()
    return run


@pytest.mark.sanitized
def test_text_goes_to_stderr_unless_asked_otherwise(report_on_stderr, target):
    run = report_on_stderr(target("ranking"))
    assert run.status == 0
    assert run.out == ""
    for word in ("most_bytes", "main", "ranking.c"):
        assert word in run.err


def test_text_holds_the_totals_and_the_ledger(report_on_stderr, target):
    text = report_on_stderr(target("ranking")).err.replace(",", "").replace("\u202f", "")
    assert "1104" in text and "103" in text
    assert any(word in text.lower() for word in ("complete", "missed", "missing"))


def test_text_names_the_site_that_holds_most_first(report_on_stderr, target):
    text = report_on_stderr(target("ranking")).err
    assert text.index("most_bytes") < text.index("most_blocks")


def test_text_shows_no_more_sites_than_asked(report_on_stderr, target):
    text = report_on_stderr(target("ranking"), options=["--top", "1"]).err
    assert "most_bytes" in text and "most_blocks" not in text


def test_text_is_plain_where_there_is_no_terminal(report_on_stderr, target):
    assert ESCAPE not in report_on_stderr(target("ranking")).err


def test_text_is_coloured_on_a_terminal(alloctrace, target, start_plainly):
    master, slave = os.openpty()
    live = start_plainly(alloctrace, "--", target("ranking"), stderr=slave,
                         env={"TERM": "xterm-256color"})
    os.close(slave)
    text = read_terminal(master)
    assert live.finish().status == 0
    assert ESCAPE in text and "most_bytes" in text


def read_terminal(master):
    text = b""
    while True:
        try:
            text += os.read(master, 65536)
        except OSError:  # the last writer is gone
            os.close(master)
            return text.decode()


# ---- destinations ----------------------------------------------------------


@pytest.fixture
def report_to(start_plainly, alloctrace, target):
    """Traces `ranking` with the given -o values; the Run, without a report."""
    def run(*outputs, **how):
        options = [word for output in outputs for word in ("-o", output)]
        traced = start_plainly(alloctrace, *options, "--", target("ranking"), **how).finish()
        assert traced.status == 0
        return traced
    return run


def assert_is_report(text):
    assert json.loads(text)["totals"]["allocs"] == 1104


@pytest.mark.parametrize("output, path", [
    ("json:{}/a.json", "a.json"), ("{}/b.json", "b.json"), ("json:{}/odd.name", "odd.name"),
    ("json:c.json", "c.json"), ("d.json", "d.json"), ("json:with:colon", "with:colon"),
])
def test_json_to_a_file(report_to, tmp_path, output, path):
    run = report_to(output.format(tmp_path))
    assert_is_report((tmp_path / path).read_text())
    assert run.out == "" and run.err == ""


@pytest.mark.parametrize("output", ["text:{}/a.txt", "{}/a.txt"])
def test_text_to_a_file(report_to, tmp_path, output):
    run = report_to(output.format(tmp_path))
    assert "most_bytes" in (tmp_path / "a.txt").read_text()
    assert run.out == "" and run.err == ""


def test_nothing_but_the_report_is_left_in_its_folder(report_to, tmp_path):
    (tmp_path / "reports").mkdir()
    report_to(f"json:{tmp_path}/reports/a.json")
    assert os.listdir(tmp_path / "reports") == ["a.json"]


def test_several_outputs_at_once(report_to, tmp_path):
    run = report_to("a.json", "text:-", "b.txt", "json:c")
    assert_is_report((tmp_path / "a.json").read_text())
    assert_is_report((tmp_path / "c").read_text())
    assert "most_bytes" in (tmp_path / "b.txt").read_text()
    assert "most_bytes" in run.out and run.err == ""


def test_json_on_a_stream_is_one_line(report_to):
    run = report_to("json:-")
    line, = run.out.splitlines()
    assert_is_report(line)
    assert run.err == ""


def test_json_to_a_descriptor(report_to):
    reading, writing = os.pipe()
    collected = collect(lambda: read_all(reading))
    report_to(f"json:fd:{writing}", pass_fds=[writing])
    os.close(writing)
    assert_is_report(collected())


def test_json_to_a_named_pipe(report_to, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    collected = collect(path.read_text)
    report_to(f"json:pipe:{path}")
    assert_is_report(collected())


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_json_to_a_socket(report_to, tmp_path, kind):
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family) as server:
        server.bind(str(tmp_path / "socket") if kind == "unix" else ("127.0.0.1", 0))
        server.listen()
        collected = collect(lambda: read_all(os.dup(server.accept()[0].detach())))
        name = server.getsockname()
        report_to(f"json:{kind}:" + (name if kind == "unix" else f"{name[0]}:{name[1]}"))
        assert_is_report(collected())


def read_all(fd):
    with os.fdopen(fd) as stream:
        return stream.read()


def collect(function):
    """Starts the function on a thread; the answer waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()

    def result():
        thread.join(60)
        assert results, "nothing came"
        return results[0]
    return result


def test_a_files_name_holds_the_pid(report_to, tmp_path):
    report_to("json:report-%p.json")
    path, = tmp_path.glob("report-*.json")
    report = json.loads(path.read_text())
    assert path.name == f"report-{report['pid']}.json"


def test_a_report_that_cannot_be_written_is_said(start_plainly, alloctrace, target):
    run = start_plainly(alloctrace, "-o", "json:/nowhere/report.json", "--",
                        target("ranking")).finish()
    assert run.status in (0, 125)
    assert "alloctrace: " in run.err and "/nowhere/report.json" in run.err


# ---- dumps -----------------------------------------------------------------


def await_report(until, read_report, path):
    """The report at the path; files are renamed into place, so it is whole."""
    return until(lambda: read_report(path), path.name)


@pytest.mark.sanitized
def test_row_26_sigusr1_dumps_the_active_allocations(start_traced, target, until, read_report, tmp_path):
    live = start_traced(target("waiter"))
    live.await_ready()
    live.kill(signal.SIGUSR1)
    dump = await_report(until, read_report, tmp_path / "report.1.json")
    assert dump["reason"] == "dump"
    assert dump["totals"]["live_blocks"] == 100
    dump.assert_consistent()
    run = live.finish("\n")
    assert "signal" not in run.out
    run.assert_all_true()
    assert run.report["reason"] == "exit"


def test_dumps_are_numbered(start_traced, target, until, read_report, tmp_path):
    live = start_traced(target("waiter"))
    live.await_ready()
    for number in (1, 2, 3):
        live.kill(signal.SIGUSR1)
        await_report(until, read_report, tmp_path / f"report.{number}.json")
    live.finish("\n")
    assert sorted(path.name for path in tmp_path.glob("report*")) == [
        "report.1.json", "report.2.json", "report.3.json", "report.json"]


def test_dumps_are_numbered_where_the_name_says(start_plainly, alloctrace, target, until,
                                                read_report, tmp_path):
    live = start_plainly(alloctrace, "-o", "json:n%n.json", "--", target("waiter"))
    live.await_ready()
    live.kill(signal.SIGUSR1)
    assert await_report(until, read_report, tmp_path / "n1.json")["reason"] == "dump"
    live.finish("\n")
    final, = set(tmp_path.glob("n*.json")) - {tmp_path / "n1.json"}
    assert read_report(final)["reason"] == "exit"


def test_a_dump_goes_to_every_destination(start_plainly, alloctrace, target, until, read_report,
                                          tmp_path):
    live = start_plainly(alloctrace, "-o", "a.json", "-o", "b.txt", "-o", "json:-", "--",
                         target("waiter"))
    live.await_ready()
    live.kill(signal.SIGUSR1)
    on_stdout = json.loads(live.await_line("{"))
    from_file = await_report(until, read_report, tmp_path / "a.1.json")
    text = until(lambda: (tmp_path / "b.1.txt").exists() and (tmp_path / "b.1.txt").read_text())
    live.finish("\n")
    assert on_stdout["totals"] == from_file["totals"]
    assert "hold" in text


@pytest.mark.sanitized
def test_a_dump_in_the_middle_of_work_is_true(start_traced, target, until, read_report, tmp_path):
    live = start_traced(target("working"))
    live.await_ready()
    for number in range(1, 11):
        live.kill(signal.SIGUSR1)
        dump = await_report(until, read_report, tmp_path / f"report.{number}.json")
        assert dump["totals"]["live_blocks"] in (19, 20)
        assert dump["totals"]["live_bytes"] == 500 * dump["totals"]["live_blocks"]
        dump.assert_consistent()
    run = live.finish("\n")
    assert run.status == 0
    run.assert_all_true()


def test_the_text_of_a_program_that_has_ended_was_not_compared(trace, target, tmp_path):
    run = trace(target("family"), options=["-o", tmp_path / "report.txt"])
    assert run.report["ledger"]["text_identical"] is None
    assert "text verified identical" not in (tmp_path / "report.txt").read_text()
