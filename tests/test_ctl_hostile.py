"""Whatever a client of the control socket does, the program is traced on, other clients are
answered, and the session grows no larger for it."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from ctl import Stepper, folder, read_answer, read_line

pytestmark = pytest.mark.sanitized


@pytest.fixture
def step(start_plainly, alloctrace, target, tmp_path):
    report = tmp_path / "report.json"
    live = start_plainly(alloctrace, "-o", f"json:{report}", "--", target("stepper"),
                         env={"ASAN_OPTIONS": "quarantine_size_mb=1"})  # what is freed is free
    return Stepper(live, alloctrace, report)


def ended_well(step, blocks):
    run = step.finish()
    assert (run.status, run.err) == (0, "")
    report = json.loads(step.report.read_text())
    assert report["totals"]["allocs"] == blocks
    assert report["ledger"]["missed_calls"] == 0


def hung_up(client):
    """Nothing more comes."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def send(client, data):
    """As much as it takes."""
    try:
        client.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def read_all(client):
    try:
        while client.recv(1 << 16):
            pass
    except OSError:
        pass  # it has hung up


def resident(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_several_commands_and_clients_at_once(step):
    step.do("m 1 100")
    clients = [step.connect()[0] for _ in range(8)]
    for client in clients:
        client.sendall(b"stat --json\nversion\n  sites   --json \nstat --json\n")
    for client in clients:
        answers = [read_answer(client) for _ in range(4)]
        assert [status for status, _ in answers] == ["ok"] * 4
        assert json.loads(answers[0][1])["live"] == {"blocks": 1, "bytes": 100}
        assert len(json.loads(answers[2][1])["sites"]) == 1
        client.close()
    ended_well(step, 1)


@pytest.mark.parametrize("line, why", [
    (b"\n", "an empty line; help lists what there is"),
    (b"   \n", "an empty line; help lists what there is"),
    (b"st\x00at\n", "the line has a byte that is to be written as %XX"),
    (b"st\xffat\n", "the line has a byte that is to be written as %XX"),
    (b"stat %4\n", "% is to be followed by two hexadecimal digits; itself it is %25"),
    (b"stat %\n", "% is to be followed by two hexadecimal digits; itself it is %25"),
    (b"stat %00\n", "a word cannot have a zero byte in it"),
    (b"@ stat\n", "@ is to be followed by a process's number"),
    (b"@-5 stat\n", "@ is to be followed by a process's number"),
    (b"@99999999999 stat\n", "@ is to be followed by a process's number"),
    (b"@5\n", "an empty line; help lists what there is"),
    (b"a " * 33 + b"\n", "too many words"),
    (b"nonsense\n", "no such command; help lists what there is"),
    (b"x" * 5000 + b"\n", "the line is too long"),
])
def test_lines_that_are_none(step, line, why):
    client, _ = step.connect()
    send(client, line)
    assert read_answer(client) == ("usage", why)
    client.close()
    assert step.json("stat")["live"]["blocks"] == 0
    ended_well(step, 0)


def test_a_process_that_is_not_traced(step):
    client, _ = step.connect()
    client.sendall(b"@1 stat\n@%d stat --json\r\n" % step.pid)
    assert read_answer(client) == ("error", "this process is not traced here")
    assert read_answer(client)[0] == "ok"
    client.close()
    ended_well(step, 0)


def test_a_line_of_a_megabyte_and_binary_junk(step):
    before = resident(step.session)
    for data in (b"x" * (1 << 20), os.urandom(1 << 20).replace(b"\n", b""), b"\0" * (1 << 20),
                 b"stat " * (1 << 17), b"%41" * (1 << 18)):
        client, _ = step.connect()
        send(client, data)
        client.shutdown(socket.SHUT_WR)
        try:
            assert client.recv(100).startswith(b"usage ")
        except ConnectionResetError:
            pass
        client.close()
    junk = os.urandom(1 << 20)
    client, _ = step.connect()
    reader = threading.Thread(target=read_all, args=(client,), daemon=True)
    reader.start()
    send(client, junk)
    try:
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    reader.join()
    client.close()
    step.do("m 1 100")
    assert step.json("stat")["live"] == {"blocks": 1, "bytes": 100}
    assert resident(step.session) < before + (4 << 20)
    ended_well(step, 1)


def test_half_closed(step):
    """A command without an end is one when nothing more can come."""
    client, _ = step.connect()
    client.sendall(b"version")
    client.shutdown(socket.SHUT_WR)
    assert read_answer(client)[0] == "ok"
    assert hung_up(client)
    client.close()
    client, _ = step.connect()
    client.shutdown(socket.SHUT_WR)
    assert hung_up(client)
    client.close()
    client, _ = step.connect()
    client.sendall(b"top --json\nsites --json")
    client.shutdown(socket.SHUT_WR)
    assert [read_answer(client)[0] for _ in range(2)] == ["ok", "ok"]
    assert hung_up(client)
    client.close()
    ended_well(step, 0)


def test_gone_before_the_answer(step):
    for command in (b"sites --json\n", b"dump json:-\n", b"dump\n", b"stat\n", b"top\n") * 4:
        client, _ = step.connect()
        client.sendall(command)
        client.close()
    step.do("m 1 100")
    assert json.loads(step.tell("dump", "json:-"))["totals"]["live_blocks"] == 1
    ended_well(step, 1)


def test_one_who_never_reads(step, until):
    """Its answers stop where the kernel takes no more; it does not hold up the others, nor the
    program, and is let go in the end."""
    step.do("m 1 100")
    files = open_files(step.session)
    client, _ = step.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    before = resident(step.session)
    client.setblocking(False)
    sent = 0
    try:
        while sent < 1 << 22:
            sent += client.send(b"stat --json\n" * 300)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    assert 0 < sent < 1 << 22
    for _ in range(20):
        step.do("p 10 10")
        assert step.json("stat")["live"] == {"blocks": 1, "bytes": 100}
    assert resident(step.session) < before + (4 << 20)
    until(lambda: open_files(step.session) == files, "its end")
    client.close()
    ended_well(step, 201)


def test_a_thousand_connections(step):
    before, files = resident(step.session), open_files(step.session)
    for i in range(1000):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder() / str(step.session)))
            if i % 3 == 0:
                send(client, b"stat")
    step.do("m 1 100")
    assert step.json("stat")["live"] == {"blocks": 1, "bytes": 100}
    assert open_files(step.session) <= files + 2
    assert resident(step.session) < before + (4 << 20)
    ended_well(step, 1)


def test_more_clients_than_there_is_room_for(step, until):
    """Who says nothing makes way for others after a second."""
    held = []
    for _ in range(40):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(folder() / str(step.session)))
        client.settimeout(60)
        held.append(client)
    until(lambda: step.ask("version").returncode == 0, "a place")
    answered = 0
    for client in held:
        try:
            client.sendall(b"version\n")
            read_line(client)
            answered += read_answer(client)[0] == "ok"
        except (AssertionError, ConnectionResetError, BrokenPipeError):
            pass
        client.close()
    assert 20 <= answered < 32
    ended_well(step, 0)


def test_many_slow_answers_at_once(step):
    """They are made one after the other, each by one copy of the session."""
    step.do("m 1 100")
    clients = [step.connect()[0] for _ in range(12)]
    for client in clients:
        client.sendall(b"sites --json\n")
    for client in clients:
        status, text = read_answer(client)
        assert status == "ok" and json.loads(text)["sites"][0]["live_bytes"] == 100
        client.close()
    ended_well(step, 1)


def test_the_program_ends_amid_everything(step, until):
    clients = [step.connect()[0] for _ in range(12)]
    for i, client in enumerate(clients):
        client.sendall((b"stat\n" * 50, b"sites\n", b"dump\n", b"stop\n", b"sta", b"")[i % 6])
    run = step.finish()
    assert (run.status, run.err) == (0, "")
    for client in clients:
        try:
            while client.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        client.close()
    assert not (folder() / str(step.session)).exists()


def test_a_client_stopped_amid_a_long_answer(step):
    """The answer is larger than what the kernel holds for a reader."""
    step.do(*(f"m {i} {i}" for i in range(60)))
    step.tell("set", "blocks=on")
    clients = []
    for _ in range(5):
        client, _ = step.connect()
        client.sendall(b"dump json:-\n" * 20)
        clients.append(client)
    assert step.json("stat")["live"]["blocks"] == 60
    status, text = read_answer(clients[0])
    assert status == "ok" and len(json.loads(text)["blocks"]) == 60
    for client in clients:
        client.close()
    assert step.json("stat")["live"]["blocks"] == 60
    ended_well(step, 60)


def test_another_user_is_not_let_in(step):
    if os.geteuid() != 0:
        pytest.skip("becoming another user wants root")
    path = folder() / str(step.session)
    script = ("import os, socket, sys\nos.setgid(65534); os.setuid(65534)\n"
              "s = socket.socket(socket.AF_UNIX)\ns.settimeout(60)\ns.connect(sys.argv[1])\n"
              "s.sendall(b'stat\\n')\nprint(s.recv(100))")
    refused = subprocess.run(["/usr/bin/python3", "-c", script, path], capture_output=True,
                             text=True, check=False)
    assert "PermissionError" in refused.stderr
    os.chmod(path, 0o666)
    past_the_folder = os.open(path, os.O_PATH)
    refused = subprocess.run(["/usr/bin/python3", "-c", script,
                              f"/proc/self/fd/{past_the_folder}"], capture_output=True, text=True,
                             check=False, pass_fds=[past_the_folder])
    os.close(past_the_folder)
    assert "b''" in refused.stdout or "ConnectionReset" in refused.stderr or \
        "BrokenPipe" in refused.stderr, refused
    assert "alloctrace" not in refused.stdout
    assert step.json("stat")["live"]["blocks"] == 0
    ended_well(step, 0)


def test_root_may_ask_anybodys_session(start_plainly, everybodys, target, alloctrace, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may")
    program = Path(everybodys).parent / "stepper"
    program.write_bytes(Path(target("stepper")).read_bytes())
    program.chmod(0o755)
    live = start_plainly("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                         everybodys, "-o", "text:/dev/null", "--", program, cwd="/")
    step = Stepper(live, alloctrace, None)
    step.do("m 1 100")
    assert step.json("stat")["live"] == {"blocks": 1, "bytes": 100}
    assert (folder().parent / "alloctrace-ctl-65534" / str(step.session)).exists()
    run = step.finish()
    assert (run.status, run.err) == (0, "")


def test_a_killed_front_takes_its_helpers_with_it(step, children, until, process_state):
    clients = [step.connect()[0] for _ in range(10)]
    for client in clients:
        client.sendall(b"sites --json\n" * 20)
    os.kill(step.session, signal.SIGKILL)
    until(lambda: process_state(step.session) in ("Z", None), "its end")
    step.finish()
    for client in clients:
        client.close()
    (folder() / str(step.session)).unlink(missing_ok=True)


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def writers(step, children):
    return [pid for pid in children(step.session)
            if Path(f"/proc/{pid}/comm").read_text() == "at-writer\n"]


def test_a_dump_that_nobody_reads_holds_up_no_other(step, fifo, children, until):
    step.do("m 1 100")
    client, _ = step.connect()
    client.sendall(b"dump json:pipe:%s\n" % str(fifo).encode())
    until(lambda: writers(step, children), "the writer")
    assert len(step.json("sites")["sites"]) == 1
    assert step.json("stat")["live"]["blocks"] == 1
    client.close()
    assert json.loads(step.tell("dump", "json:-"))["totals"]["live_blocks"] == 1
    ended_well(step, 1)


def test_those_that_have_gone_push_nobody_out(step):
    """More of them wait for an alert, one after the other, than there is room for."""
    waits, _ = step.connect()
    waits.sendall(b"alert\n")
    asks, _ = step.connect()
    for _ in range(40):
        gone, _ = step.connect()
        gone.sendall(b"alert\n")
        asks.sendall(b"version\n")
        assert read_answer(asks)[0] == "ok"  # behind it
        gone.close()
    step.tell("set", "alert-block=1")
    step.live.say("m 1 100")
    status, line = read_answer(waits)
    assert status == "ok" and line.startswith("large block: ")
    waits.close()
    asks.close()
    step.live.read_line()
    run = step.finish()
    assert run.status == 0 and run.err == f"alloctrace: {line}"


def test_the_end_does_not_wait_for_a_dump_that_nobody_reads(step, fifo, children, until):
    step.do("m 1 100")
    client, _ = step.connect()
    client.sendall(b"dump json:%s\n" % str(fifo).encode())
    until(lambda: writers(step, children), "the writer")
    ended_well(step, 1)
    assert read_answer(client) == ("error", "the report could not be written")
    assert hung_up(client)
    client.close()


def test_a_dump_for_somebody_takes_no_place_of_the_sessions_own(step, until, children):
    """Both are asked for while the tracer, which both need, does nothing."""
    tracer, = [pid for pid in children(step.session)
               if Path(f"/proc/{pid}/comm").read_text() == "at-tracer\n"]
    client, _ = step.connect()
    os.kill(tracer, signal.SIGSTOP)
    client.sendall(b"dump json:-\n")
    step.json("stat")  # whoever asks later is answered: that has been read
    os.kill(step.session, signal.SIGUSR1)
    step.json("stat")
    os.kill(tracer, signal.SIGCONT)
    assert read_answer(client)[0] == "ok"
    client.close()
    own = step.report.with_name("report.1.json")
    until(own.exists, "the session's own")
    assert json.loads(own.read_text())["reason"] == "dump"
    ended_well(step, 0)


def test_a_dump_for_somebody_comes_between_others(start_plainly, alloctrace, target):
    live = start_plainly(alloctrace, "-o", "json:/dev/null", "--interval", "0.001", "--",
                         target("stepper"))
    step = Stepper(live, alloctrace, None)
    step.do("m 1 100")
    assert json.loads(step.tell("dump", "json:-"))["totals"]["live_blocks"] == 1
    assert step.finish().status == 0


def test_what_killed_sessions_have_left_goes_with_the_next(step, start_plainly, alloctrace, target,
                                                           until, process_state):
    left = folder() / str(step.session)
    os.kill(step.session, signal.SIGKILL)
    until(lambda: process_state(step.session) in ("Z", None), "its end")
    assert left.exists()
    step.finish()
    until(lambda: process_state(step.session) is None, "nothing left of it")
    other = Stepper(start_plainly(alloctrace, "-o", "text:/dev/null", "--", target("stepper")),
                    alloctrace, None)
    assert not left.exists() and (folder() / str(other.session)).exists()
    assert other.finish().status == 0


def test_a_session_of_another_pid_namespace_keeps_its_socket(step, start_plainly, alloctrace,
                                                             target):
    """Nobody has its number here."""
    there = folder() / "4194305"  # above all there can be
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(there.with_name("new")))
        other.listen()
        there.with_name("new").rename(there)
        live = start_plainly(alloctrace, "-o", "text:/dev/null", "--", target("stepper"))
        Stepper(live, alloctrace, None).finish()
        kept = there.exists()
        there.unlink(missing_ok=True)
    assert kept
    ended_well(step, 0)


def test_a_client_that_went_while_a_copy_was_made_is_forgotten(step, fifo, children, until):
    """The copy has its descriptor too; what becomes of that is no matter of the next client's."""
    step.do("m 1 100")
    gone, _ = step.connect()
    waits, _ = step.connect()
    waits.sendall(b"dump json:pipe:%s\n" % str(fifo).encode())
    until(lambda: writers(step, children), "the writer")
    gone.close()
    for _ in range(20):
        assert json.loads(step.tell("sites", "--json"))["sites"][0]["live_bytes"] == 100
    reader = threading.Thread(target=fifo.read_text, daemon=True)
    reader.start()
    assert read_answer(waits) == ("ok", "")
    reader.join()
    waits.close()
    ended_well(step, 1)


MANY = """
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
	printf("ready 0 0\\n");
	fflush(stdout);
	for (int i = 0; i < 20000; i++)
		if (!malloc(i))
			return 1;
	printf("done 0\\n");
	fflush(stdout);
	return getchar() != EOF;
}
"""


@pytest.fixture
def many(start_plainly, alloctrace, tmp_path):
    """A session whose answer is larger than what is held for a reader."""
    (tmp_path / "many.c").write_text(MANY)
    subprocess.run(["gcc", "-o", tmp_path / "many", tmp_path / "many.c"], check=True)
    live = start_plainly(alloctrace, "--blocks", "-o", "text:/dev/null", "--", tmp_path / "many")
    step = Stepper(live, alloctrace, None)
    live.await_line("done")
    return step


def test_a_reader_of_ctl_may_take_its_time(many, until):
    """The session is done with it when a byte is read."""
    files = open_files(many.session)
    client = subprocess.Popen([many.alloctrace, "ctl", str(many.session), "dump", "json:-"],
                              bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = client.stdout.read(1)
    until(lambda: open_files(many.session) == files, "the whole answer")
    out, err = client.communicate(timeout=60)
    assert (client.returncode, err) == (0, b"")
    assert len(json.loads(first + out)["blocks"]) >= 20000
    assert many.finish().status == 0


def test_an_answer_that_breaks_off(step, alloctrace):
    """Before its head, and behind it, by one who speaks as a session does."""
    client, hello = step.connect()
    client.close()
    path, told = folder() / str(os.getpid()), []
    with socket.socket(socket.AF_UNIX) as session:
        session.bind(str(path))
        session.listen()
        for said in (b"", b"ok 100\nabc"):
            asks = subprocess.Popen([alloctrace, "ctl", str(os.getpid()), "version"], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            answers, _ = session.accept()
            answers.sendall(hello.encode() + b"\n")
            read_line(answers)
            answers.sendall(said)
            answers.close()
            told.append((*asks.communicate(timeout=60), asks.returncode))
    path.unlink()
    assert told == [("", "alloctrace: the session has ended before it had answered\n", 125),
                    ("", "alloctrace: the answer broke off\n", 125)]
    ended_well(step, 0)
