"""A launched program cannot tell that it is watched, nor can its parent."""

import difflib
import fcntl
import os
import pty
import re
import select
import signal
import termios

import pytest

# ---- how it ends -----------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("status", [0, 1, 2, 7, 125, 126, 127, 255])
def test_exit_status_is_the_targets(trace, target, status):
    assert trace(target("status"), str(status)).status == status


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGSEGV,
                                    signal.SIGTRAP, signal.SIGTERM, signal.SIGPIPE,
                                    signal.SIGRTMIN, signal.SIGRTMAX])
def test_killed_by_a_signal_is_128_and_its_number(trace, target, number):
    assert trace(target("status"), "signal", str(int(number))).status == 128 + number


@pytest.fixture
def fail(run_plainly, alloctrace):
    """What alloctrace says of a command line that cannot work: one line."""
    def run(*arguments):
        failed = run_plainly(alloctrace, *arguments)
        assert failed.out == ""
        line, = failed.err.splitlines()
        assert line.startswith("alloctrace: ")
        return failed.status, line
    return run


@pytest.mark.parametrize("program", ["no-such-program-anywhere", "./no/such/program", "/nowhere"])
def test_not_found_is_127(fail, program):
    status, line = fail("--", program)
    assert status == 127 and program in line


def test_a_file_without_permission_is_126(fail, tmp_path):
    (tmp_path / "plain").write_text("text")
    status, line = fail("--", "./plain")
    assert status == 126 and "./plain" in line


def test_a_directory_is_126(fail, tmp_path):
    status, line = fail("--", str(tmp_path))
    assert status == 126 and str(tmp_path) in line


def test_a_script_without_its_interpreter_is_said(fail, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    status, line = fail("--", str(script))
    assert status in (126, 127) and str(script) in line


def test_wrong_usage_is_2(run_plainly, alloctrace):
    wrong = run_plainly(alloctrace, "--no-such-option", "--", "true")
    assert wrong.status == 2
    assert "--no-such-option" in wrong.err


# ---- what it finds around it -----------------------------------------------


def surroundings_of(run):
    """Pipes have a number of their own in every run."""
    assert run.status == 0
    return re.sub(r"(pipe|socket):\[\d+\]", r"\1", run.out).splitlines()


@pytest.fixture
def assert_same_surroundings(trace, run_plainly, target):
    def check(*prefix, **how):
        command = [*prefix, target("surroundings"), "argument", ""]
        plain = surroundings_of(run_plainly(*command, **how))
        traced = surroundings_of(trace(*command, **how))
        difference = list(difflib.unified_diff(plain, traced, lineterm="", n=0))
        assert not difference, "\n".join(difference)
    return check


def test_surroundings_are_the_same(assert_same_surroundings):
    assert_same_surroundings(env={"EMPTY": "", "ODD": "a=b\nc"})


def test_inherited_descriptors_are_the_same(assert_same_surroundings, tmp_path):
    with open(tmp_path / "inherited", "w") as inherited, open("/dev/null") as null:
        high = fcntl.fcntl(null, fcntl.F_DUPFD, 77)
        assert_same_surroundings(pass_fds=[inherited.fileno(), high])
        os.close(high)


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 2>&-"])
def test_closed_standard_streams_stay_closed(start_plainly, alloctrace, target, tmp_path, closed):
    """The answer is a status: 10 and the sum of the open streams' 1, 2, 4."""
    look = 's=10; for i in 0 1 2; do [ -e /proc/$$/fd/$i ] && s=$((s + (1 << i))); done; exit $s'
    inner = ["/bin/sh", "-c", look]
    traced = [alloctrace, "-o", f"json:{tmp_path}/report.json", "--", *inner]
    statuses = [start_plainly("/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command).finish().status
                for command in (inner, traced)]
    assert statuses[0] == statuses[1]
    assert (tmp_path / "report.json").exists()


def test_nice_limits_and_umask_are_the_same(assert_same_surroundings):
    assert_same_surroundings("/bin/sh", "-c",
                             'ulimit -n 333; ulimit -c 0; umask 027; exec nice -n 5 "$@"', "sh")


def test_signal_settings_are_the_same(assert_same_surroundings):
    def set_signals():
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGUSR1, signal.SIGTSTP,
                       signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGTERM, signal.SIGALRM,
                                                  signal.SIGRTMIN])
    assert_same_surroundings(preexec_fn=set_signals, restore_signals=False)


def test_one_processor_stays_one_processor(assert_same_surroundings):
    assert_same_surroundings(preexec_fn=lambda: os.sched_setaffinity(0, {0}))


def test_working_directory_is_the_same(assert_same_surroundings, tmp_path):
    (tmp_path / "below").mkdir()
    assert_same_surroundings(cwd=tmp_path / "below")


def test_standard_input_is_the_targets(trace, tmp_path):
    (tmp_path / "lines").write_text("one\ntwo\n")
    with open(tmp_path / "lines") as lines:
        assert trace("cat", stdin=lines).out == "one\ntwo\n"


# ---- signals ---------------------------------------------------------------

PASSED_ON = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.mark.sanitized
@pytest.mark.parametrize("number", PASSED_ON)
def test_a_signal_to_alloctrace_is_passed_on_once(start_traced, target, number):
    live = start_traced(target("waiter"))
    live.await_ready()
    live.kill(number)
    live.await_line(f"signal {int(number)} ")
    run = live.finish("" if number == signal.SIGTERM else "\n")
    assert run.out.count("signal ") == 1
    assert run.status == (42 if number == signal.SIGTERM else 0)
    run.assert_all_true()


@pytest.mark.sanitized
@pytest.mark.parametrize("number", PASSED_ON + [signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH])
def test_a_signal_to_the_target_says_who_sent_it(start_traced, target, number):
    live = start_traced(target("waiter"))
    os.kill(live.await_ready(), number)
    assert live.await_line("signal ") == f"signal {int(number)} code 0 from {os.getpid()}"
    live.finish("\n")


@pytest.mark.sanitized
def test_a_target_that_stops_itself_goes_on_when_continued(
        start_traced, target, until, process_state, children):
    live = start_traced(target("status"), "stop")
    # a trap is a stop of the target too, for a moment; alloctrace stops with it only
    # when it has stopped as a shell would see it
    until(lambda: process_state(live.pid) == "T", "alloctrace to stop with its target")
    stopped, = (pid for pid in children(live.pid) if process_state(pid) in "tT")
    os.kill(stopped, signal.SIGCONT)
    assert live.finish().status == 12


@pytest.mark.parametrize("name", ["SIGSTOP", "SIGTSTP"])
def test_alloctrace_goes_on_with_a_target_continued_at_once(trace, target, name):
    for _ in range(10):
        assert trace(target("status"), "storm", str(int(signal.Signals[name]))).status == 12


@pytest.mark.parametrize("name", ["waiter", "working"])
def test_the_target_outlives_alloctrace_killed(start_traced, target, until, process_state, name):
    live = start_traced(target(name))
    pid = live.await_ready()
    live.kill(signal.SIGKILL)
    live.process.wait()
    live.say("")
    assert ending_of_orphan(until, pid) == 0
    live.finish()


def ending_of_orphan(until, pid):
    """Orphans become ours; the status of one."""
    status = until(lambda: [s for found, s in [os.waitpid(pid, os.WNOHANG)] if found], "its end")
    return os.waitstatus_to_exitcode(status[0])


# ---- the terminal ----------------------------------------------------------


class Terminal:
    """An interactive shell with job control on a terminal of its own."""

    PROMPT = "prompt-%% "

    def __init__(self, until, environment, cwd):
        self.until, self.seen, self.mark = until, "", 0
        self.pid, self.master = pty.fork()
        if not self.pid:
            for number in (signal.SIGINT, signal.SIGQUIT):  # ignored in a background job
                signal.signal(number, signal.SIG_DFL)
            os.chdir(cwd)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                      {**environment, "PS1": self.PROMPT, "TERM": "dumb"})
        self.await_text(self.PROMPT)

    def read(self):
        if not select.select([self.master], [], [], 0)[0]:
            return
        try:
            self.seen += os.read(self.master, 65536).decode(errors="replace")
        except OSError:  # all who had it open are gone
            pass

    def await_text(self, text):
        """Everything that came until the text, which is then behind us."""
        def came():
            self.read()
            return self.seen.find(text, self.mark) >= 0
        try:
            self.until(came, repr(text))
        except AssertionError:
            raise AssertionError(f"no {text!r} in {self.seen[self.mark:]!r}") from None
        begin, self.mark = self.mark, self.seen.index(text, self.mark) + len(text)
        return self.seen[begin:self.mark]

    def type(self, text):
        os.write(self.master, text.encode())

    def run(self, command):
        self.type(command + "\n")
        return self.await_text(self.PROMPT)

    def press(self, character):
        self.type(character)

    def close(self):
        """Hangs up, as when a terminal's window is closed."""
        os.close(self.master)
        os.kill(self.pid, signal.SIGHUP)
        self.until(lambda: os.waitpid(self.pid, os.WNOHANG)[0], "the shell's end")


CTRL_C, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x1a", "\x1c"


@pytest.fixture
def terminal(until, environment, tmp_path):
    terminal = Terminal(until, environment, tmp_path)
    # a key that sends a signal first does so and then throws away what is on its way
    # to the terminal: by then, that may be what the test waits for
    terminal.run("stty -echo noflsh")
    yield terminal
    terminal.close()


@pytest.fixture
def traced_on(terminal, alloctrace, tmp_path):
    """Types the command that traces a program; does not wait."""
    def start(program):
        terminal.type(f"{alloctrace} -o json:{tmp_path}/report.json -- {program}; echo status $?\n")
    return start


def ready_pid(terminal):
    terminal.await_text("ready ")
    return int(terminal.await_text("\n"))


@pytest.mark.sanitized
@pytest.mark.parametrize("key, number", [(CTRL_C, signal.SIGINT), (CTRL_BACKSLASH, signal.SIGQUIT)])
def test_a_key_reaches_the_target_once(terminal, traced_on, target, read_report, tmp_path,
                                       key, number):
    traced_on(target("waiter"))
    ready_pid(terminal)
    terminal.press(key)
    terminal.await_text(f"signal {int(number)} ")
    terminal.type("\n")
    rest = terminal.await_text("status 0")
    assert "signal" not in rest
    assert read_report(tmp_path / "report.json")["totals"]["allocs"] == 100
    terminal.await_text(terminal.PROMPT)


def test_ctrl_c_ends_a_target_that_does_not_mind_it(terminal, traced_on, read_report, tmp_path):
    traced_on("sleep 1000")
    terminal.until(lambda: foreground_is_asleep(terminal), "sleep to run")
    terminal.press(CTRL_C)
    terminal.await_text("status 130")
    terminal.await_text(terminal.PROMPT)
    assert read_report(tmp_path / "report.json")["reason"] == "exit"


def foreground_is_asleep(terminal):
    """Whether the program that the terminal's foreground group runs is sleep."""
    group = os.tcgetpgrp(terminal.master)
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, rest = open(f"/proc/{entry}/stat").read().split("(", 1)[1].rsplit(")", 1)
            if name == "sleep" and int(rest.split()[2]) == group and rest.split()[0] == "S":
                return True
        except (FileNotFoundError, ProcessLookupError):
            pass
    return False


@pytest.mark.sanitized
def test_ctrl_z_stops_both_and_fg_goes_on(terminal, traced_on, target, until, process_state):
    traced_on(target("waiter"))
    pid = ready_pid(terminal)
    terminal.press(CTRL_Z)
    terminal.await_text("Stopped")
    terminal.await_text(terminal.PROMPT)
    until(lambda: process_state(pid) in ("T", "t"), "the target to stop")
    terminal.type("fg\n")
    terminal.await_text("signal 18 ")
    terminal.type("\n")
    terminal.await_text(terminal.PROMPT)
    assert terminal.run("echo jobs $(jobs | wc -l) status $?").count("jobs 0") == 1


def test_ctrl_z_and_bg_keep_it_in_the_background(terminal, traced_on, target, until,
                                                 process_state):
    traced_on("sleep 1000")
    until(lambda: foreground_is_asleep(terminal), "sleep to run")
    terminal.press(CTRL_Z)
    terminal.await_text("Stopped")
    terminal.await_text(terminal.PROMPT)
    terminal.run("bg")
    terminal.run("kill %1")
    terminal.type("wait %1; echo status $?\n")
    terminal.await_text("status 143")
    terminal.await_text(terminal.PROMPT)


def test_the_target_is_in_the_terminals_foreground(terminal, traced_on, target):
    traced_on(target("surroundings"))
    assert "in the foreground 1" in terminal.await_text("status 0")
    terminal.await_text(terminal.PROMPT)


def test_the_target_keeps_the_terminals_settings(terminal, traced_on):
    traced_on("stty rows 33 columns 77")
    terminal.await_text("status 0")
    terminal.await_text(terminal.PROMPT)
    assert termios.tcgetwinsize(terminal.master) == (33, 77)
