/* The front's poll loop: records to the analysis, its commands to the tracer,
 * signals to whom they are meant for, reports when they are due.
 *
 * The front never waits for the tracer without draining its records: the tracer
 * may be waiting for room to write them. */
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis.h"
#include "attach.h"
#include "clock.h"
#include "crash.h"
#include "job_control.h"
#include "launch.h"
#include "leaks.h"
#include "log.h"
#include "open_files.h"
#include "processes.h"
#include "timer.h"
#include "tracer.h"

#define NAP_MS 10 /* how long records may lie while the target is busy */

/* What reaches the front. Sent by a process, these are passed on; from the
 * terminal, the target has got them itself. */
static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR2 };
/* Left to the target's decision, see job_control.h. */
static const int job_control[] = { SIGTSTP, SIGTTIN, SIGTTOU };

struct session {
	const struct options *options;
	struct tracer tracer;
	struct launch target;
	struct processes processes;
	int signals, interval, duration; /* descriptors; -1: none */
	bool seized;
	bool leaving;     /* all that is traced is to be let go */
	bool told_to;     /* the tracer has been told so */
	bool tracer_ended, tracer_lost;
	bool target_ended;
	int status;       /* of the target, as waitpid gave it */
	int failed;       /* an exit status of our own, or 0 */
	const char *due;  /* the reason for a report that is due, or NULL */
	bool asked;       /* for the maps to be compared before it */
	unsigned dumps;
	struct leaks leaks;
	uint64_t left_blocks; /* by those that have ended, not covered by suppressions */
};

/* ---- reports ---------------------------------------------------------------------- */

static const char *ending(int status)
{
	static char text[64];
	int sig = WTERMSIG(status);

	if (WIFEXITED(status))
		snprintf(text, sizeof(text), "exited with status %d", WEXITSTATUS(status));
	else
		snprintf(text, sizeof(text), "killed by SIG%s",
		         sigabbrev_np(sig) ? sigabbrev_np(sig) : "RT");
	return text;
}

static uint64_t since_ms(uint64_t began_ns)
{
	return (clock_ns(CLOCK_MONOTONIC) - began_ns) / 1000000;
}

static void report(struct session *session, const struct traced *traced, const char *reason,
                   unsigned number)
{
	const struct heap_program *program = heap_program(traced->heap);
	const struct options *options = session->options;

	leaks_judge(&session->leaks, traced->heap);
	for (unsigned i = 0; i < options->dest_count; i++) {
		struct report report = {
			.reason = reason,
			.time_ms = since_ms(program->began_ns),
			.pid = program->pid,
			.exe = program->exe,
			.cmdline = program->cmdline,
			.ending = traced->ended ? ending(traced->status) : NULL,
			.heap = traced->heap,
			.child = traced != session->processes.first,
			.query = options->query,
			.bare_stop_ns = options->bare_stop.ns,
			.bare_stop_cpu_ns = options->bare_stop.cpu_ns,
			.growth = options->growth,
			.blocks = options->blocks,
			.top = options->top,
		};

		report.query.now_ms = report.time_ms;
		report.query.match = options->match;
		report.query.hide = options->hide;
		leaks_report(&session->leaks, &report);
		if (dest_write(&options->dests[i], &report, number) < 0)
			session->failed = EXIT_OURS;
	}
}

static void report_last(struct session *session, struct traced *traced, const char *reason)
{
	if (!traced->executed || traced->reported)
		return;
	traced->reported = true;
	report(session, traced, reason, 0);
	if (!traced->ended || WIFEXITED(traced->status))
		session->left_blocks += session->leaks.left_blocks;
}

/* Those not reported yet; reason: of those that have not ended. */
static void report_all(struct session *session, const char *reason)
{
	struct traced *first = session->processes.first;

	if (session->target_ended && !first->ended) {
		first->ended = true;
		first->status = session->status;
	}
	for (size_t i = 0; i < session->processes.count; i++)
		report_last(session, session->processes.list[i],
		            session->processes.list[i]->ended ? "exit" : reason);
}

/* ---- records and commands ------------------------------------------------------------ */

/* One without more, about the target. False: no room yet. */
static bool command(struct session *session, enum command_kind kind)
{
	struct record *record = tracer_command(&session->tracer, sizeof(*record));

	if (!record)
		return false;
	*record = (struct record){ .kind = kind, .tid = session->target.pid };
	tracer_send(&session->tracer, record, sizeof(*record));
	return true;
}

static void leave(struct session *session)
{
	session->leaving |= !session->tracer_ended;
}

static bool is_attached(const struct session *session)
{
	return !session->options->argv;
}

static void on_seized(struct session *session, int error)
{
	if (error == 0) {
		session->seized = true;
		tracer_watch(guard_tracer_killed);
		crash_launched();
		if (!is_attached(session))
			launch_go(&session->target);
		return;
	}
	session->failed = EXIT_OURS;
	if (is_attached(session)) {
		attach_explain(session->target.pid, error);
		leave(session);
		return;
	}
	errno = error;
	if (error == EPERM)
		warn("cannot trace: not permitted; see /proc/sys/kernel/yama/ptrace_scope, "
		     "the container's seccomp profile, or another tracer of this shell");
	else
		warn("cannot trace:");
	kill(session->target.pid, SIGKILL);
	leave(session);
}

static void on_stuck(struct session *session)
{
	if (!session->leaving)
		warn("no memory: the program is let go");
	session->failed = EXIT_OURS;
	leave(session);
}

/* Its report is written now where others may go on. */
static void on_exit_of(struct session *session, struct traced *traced)
{
	bool is_first = traced == session->processes.first;

	if (is_first && is_attached(session)) {
		session->status = traced->status;
		session->target_ended = true;
	}
	if (session->options->follow)
		report_last(session, traced, "exit");
	if (!is_first)
		processes_drop(&session->processes, traced);
}

static void on_end(struct session *session)
{
	session->tracer_ended = true;
	if (session->leaving && !session->failed)
		report_all(session, "detach");
}

static void on_record(struct session *session, const struct record *record)
{
	struct traced *traced;
	bool stuck = false;

	if (record->kind == REC_SEIZED) {
		on_seized(session, ((const struct record_status *)record)->status);
		return;
	}
	if (record->kind == REC_END) {
		if (!session->options->follow) /* what it has cost is all processes' */
			heap_apply(session->processes.first->heap, record);
		on_end(session);
		return;
	}
	traced = processes_apply(&session->processes, record, &stuck);
	if (stuck)
		on_stuck(session);
	if (traced && record->kind == REC_EXIT)
		on_exit_of(session, traced);
}

/* guard: of its process, or NULL. False: no room yet. */
static bool send(struct session *session, struct guard *guard, const struct record *record)
{
	void *at = tracer_command(&session->tracer, record->len);

	if (!at)
		return false;
	memcpy(at, record, record->len);
	if (guard)
		guard_command(guard, record);
	tracer_send(&session->tracer, at, record->len);
	return true;
}

/* Commands the ring has no room for stay with the analysis until the next round. */
static void send_of(struct session *session, struct traced *traced)
{
	const struct record *record;

	while ((record = heap_command(traced->heap)) && send(session, &traced->guard, record))
		heap_sent(traced->heap);
}

/* Before a report, each process's maps are held against the kernel's list. */
static bool maps_are_compared(struct session *session)
{
	struct processes *processes = &session->processes;
	bool awaits = false;

	for (size_t i = 0; i < processes->count; i++) {
		struct traced *traced = processes->list[i];

		if (!traced->executed || traced->ended)
			continue;
		if (!session->asked)
			heap_ask_maps(traced->heap);
		awaits |= heap_awaits_maps(traced->heap);
	}
	session->asked = true;
	return !awaits;
}

static void send_commands(struct session *session)
{
	struct processes *processes = &session->processes;

	for (size_t i = 0; i < processes->count; i++)
		send_of(session, processes->list[i]);
	while (processes->declined_count &&
	       send(session, NULL, &processes->declined[processes->declined_count - 1]))
		processes->declined_count--;
	if (session->leaving && !session->told_to && (session->failed || maps_are_compared(session)))
		session->told_to = command(session, CMD_DETACH);
}

/* True when there was something. */
static bool drain(struct session *session)
{
	struct ring *ring = &session->tracer.records;
	const struct record *record;
	size_t len;

	for (bool any = false;; any = true) {
		record = ring_peek(ring, &len);
		if (len == 0)
			return any;
		on_record(session, record);
		ring_consume(ring, record->len);
		if (session->processes.last)
			send_of(session, session->processes.last);
	}
}

/* ---- children --------------------------------------------------------------------------- */

static void tracer_lost(struct session *session)
{
	size_t left;

	drain(session);
	if (session->tracer_ended)
		return;
	session->tracer_ended = session->tracer_lost = true;
	left = processes_restore(&session->processes);
	if (left)
		warn("the tracer was killed: %zu traps could not be taken out of the target", left);
	else
		warn("the tracer was killed: every trap is taken out of the target; "
		     "a thread that stood on one is lost");
	session->failed = EXIT_OURS;
}

static void reap(struct session *session)
{
	siginfo_t info = { 0 };
	int status;

	if (waitpid(session->tracer.pid, &status, WNOHANG) > 0)
		tracer_lost(session); /* unless it has taken its leave */
	if (session->target_ended || is_attached(session) ||
	    waitid(P_PID, session->target.pid, &info, WNOHANG | WEXITED | WSTOPPED | WNOWAIT) < 0)
		return;
	if (info.si_pid && info.si_code == CLD_STOPPED) {
		job_control_stop(session->target.pid, info.si_status);
	} else if (info.si_pid) {
		waitpid(session->target.pid, &session->status, 0);
		session->target_ended = true;
	}
}

/* ---- signals ------------------------------------------------------------------------------ */

static bool is_in(int sig, const int *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == sig)
			return true;
	return false;
}

static void report_now(struct session *session, const char *reason)
{
	struct processes *processes = &session->processes;
	bool any = false;

	if (session->tracer_ended)
		return;
	drain(session);
	for (size_t i = 0; i < processes->count; i++) {
		const struct traced *traced = processes->list[i];

		if (!traced->executed || traced->reported)
			continue;
		session->dumps += !any;
		any = true;
		report(session, traced, reason, session->dumps);
	}
}

/* Every trap stands that was asked for. */
static bool is_tracing(struct session *session)
{
	return session->processes.first->executed && !processes_wait(&session->processes) &&
	       ring_empty(&session->tracer.commands);
}

/* A dump tells that tracing has begun, and the time it is to last begins then. */
static void once_tracing(struct session *session)
{
	if (session->tracer_ended)
		session->due = NULL; /* nobody to ask */
	if (session->tracer_ended || !is_tracing(session))
		return;
	if (session->duration < 0)
		session->duration = timer_open(session->options->duration_ms, false);
	if (session->due && maps_are_compared(session)) {
		report_now(session, session->due);
		session->due = NULL;
		session->asked = false;
	}
}

static bool is_awaited(const struct session *session)
{
	return !session->tracer_ended &&
	       (session->due || (session->options->duration_ms && session->duration < 0) ||
	        (session->leaving && !session->told_to));
}

static bool only_others_are_left(const struct session *session)
{
	return session->options->follow &&
	       (session->target_ended || session->processes.first->ended);
}

static void take_signals(struct session *session)
{
	struct signalfd_siginfo info;

	while (read(session->signals, &info, sizeof(info)) == sizeof(info)) {
		int sig = info.ssi_signo;

		if (sig == SIGUSR1) {
			session->due = "dump";
		} else if (is_attached(session)) {
			if (sig != SIGCHLD && sig != SIGCONT && sig != SIGUSR2)
				leave(session);
		} else if (sig == SIGCONT && (pid_t)info.ssi_pid != session->tracer.pid) {
			if (!session->target_ended)
				job_control_continue(session->target.pid);
		} else if (is_in(sig, passed_on, countof(passed_on))) {
			if (only_others_are_left(session))
				leave(session);
			else if (info.ssi_code <= 0 && !session->target_ended)
				kill(session->target.pid, sig);
		}
	}
}

/* Nothing here may be inherited by the target, which gets *was back. */
static int open_signals(struct launch_signals *was)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCONT);
	for (size_t i = 0; i < countof(passed_on); i++)
		sigaddset(&set, passed_on[i]);
	for (size_t i = 0; i < countof(job_control); i++)
		sigaddset(&set, job_control[i]);
	sigaction(SIGCHLD, &dfl, &was->chld);
	sigprocmask(SIG_BLOCK, &set, &was->mask);
	for (size_t i = 0; i < countof(job_control); i++)
		sigdelset(&set, job_control[i]);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_timers(struct session *session)
{
	if (timer_fired(session->interval))
		session->due = "interval";
	if (timer_fired(session->duration))
		leave(session);
}

/* ---- the loop --------------------------------------------------------------------------------- */

static void sleep_until_due(struct session *session, bool busy)
{
	struct ring *ring = &session->tracer.records;
	struct pollfd fds[] = { { session->tracer.doorbell, POLLIN, 0 },
		                { session->signals, POLLIN, 0 },
		                { session->interval, POLLIN, 0 },
		                { session->duration, POLLIN, 0 } };
	bool unsent = is_awaited(session) || processes_wait(&session->processes);
	uint64_t rung;

	ring_set_reader(ring, busy ? RING_NAPPING : RING_ASLEEP);
	if (busy || ring_empty(ring))
		poll(fds, countof(fds), unsent ? 1 : busy ? NAP_MS : -1);
	ring_set_reader(ring, RING_AWAKE);
	if (read(session->tracer.doorbell, &rung, sizeof(rung)) < 0)
		return; /* nobody rang */
}

static bool is_over(const struct session *session)
{
	return session->tracer_ended && (session->target_ended || is_attached(session));
}

static void loop(struct session *session)
{
	while (!is_over(session)) {
		bool busy = drain(session);

		send_commands(session);
		take_signals(session);
		once_tracing(session);
		take_timers(session);
		reap(session);
		send_commands(session);
		if (!is_over(session))
			sleep_until_due(session, busy);
	}
	drain(session);
	waitpid(session->tracer.pid, NULL, 0);
}

static int exit_status(const struct session *session)
{
	if (session->failed)
		return session->failed;
	if (session->options->leak_exitcode && session->target_ended && session->left_blocks &&
	    WIFEXITED(session->status))
		return session->options->leak_exitcode;
	if (is_attached(session))
		return EXIT_SUCCESS;
	return WIFEXITED(session->status) ? WEXITSTATUS(session->status) :
	                                    EXIT_SIGNALLED + WTERMSIG(session->status);
}

static void check_outputs(const struct options *options)
{
	for (unsigned i = 0; i < options->dest_count; i++) {
		int error = dest_check(&options->dests[i]);

		if (error == -EBADF && i == 0 && options->dests[i].fd == STDERR_FILENO)
			continue; /* a closed stderr: nobody to tell, and no reason not to run */
		errno = -error;
		if (error < 0)
			die(EXIT_OURS, "cannot report to %s:", options->dests[i].path);
	}
}

static void start(struct session *session, struct title title)
{
	const struct tracer_options tracer = { session->options->depth, session->options->follow,
	                                       title.begin, title.len };
	const struct analysis_options analysis = {
		.depth = session->options->depth, .growth = session->options->growth,
		.no_maps = session->options->no_maps, .rss = session->options->rss,
		.raw_stacks = session->options->raw_stacks,
		.debug_dir = session->options->debug_dir,
	};
	struct launch_signals was;
	int error;

	session->signals = open_signals(&was);
	session->interval = timer_open(session->options->interval_ms, true);
	session->duration = -1;
	error = tracer_start(&session->tracer, &tracer);
	if (error == 0 && !is_attached(session))
		error = launch(&session->target, session->options->argv, session->tracer.pid, &was);
	errno = -error;
	if (error < 0 || session->signals < 0)
		die(EXIT_OURS, "cannot start:");
	if (session->options->follow)
		open_files_raise();
	signal(SIGPIPE, SIG_IGN); /* these fail with an errno instead */
	signal(SIGXFSZ, SIG_IGN);
	crash_guard();
	processes_init(&session->processes, &analysis, session->target.pid);
	command(session, is_attached(session) ? CMD_ATTACH : CMD_SEIZE);
}

int session_run(const struct options *options, struct title title)
{
	struct session session = { .options = options };
	int error;

	if (options->argv)
		launch_check(options->argv);
	else
		session.target.pid = attach_check(options->pid, options->init);
	check_outputs(options);
	leaks_load(&session.leaks, options);
	start(&session, title);
	loop(&session);
	error = options->argv ? launch_result(&session.target) : 0;
	errno = error;
	if (error && !session.failed)
		die(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, "%s:", options->argv[0]);
	if (!session.leaving)
		report_all(&session, session.tracer_lost ? "detach" : "exit");
	leaks_deinit(&session.leaks);
	processes_deinit(&session.processes);
	return exit_status(&session);
}
