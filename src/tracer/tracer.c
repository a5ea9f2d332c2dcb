/* The tracer process: its main and the wait loop. */
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alarm.h"
#include "child.h"
#include "command.h"
#include "cost.h"
#include "dispatch.h"
#include "emit.h"
#include "farewell.h"
#include "front.h"
#include "life.h"
#include "moment.h"
#include "open_files.h"
#include "place.h"
#include "release.h"
#include "turn.h"

#define TITLE "at-tracer" /* no name a pkill for the front would match */
#define KICK SIGUSR2
#define BATCH 256

static struct tracer *tracer;
static bool leaving;

static volatile sig_atomic_t kicked, alarmed;

/* A kick is to interrupt waitpid, but may come just before it: then an alarm
 * comes after it, and again, until the loop has come round. */
static void on_kick(int sig)
{
	if (sig == KICK)
		kicked = 1;
	else
		alarmed = 1;
	if (kicked || turn_is_impatient() || release_is_under_way())
		alarm_soon();
}

static void obey_all(void)
{
	size_t len;
	const struct record *record;

	while ((record = ring_peek(&tracer->commands, &len)) && len) {
		leaving |= !command_obey(record);
		ring_consume(&tracer->commands, record->len);
	}
}

struct stop {
	struct thread *thread;
	pid_t tid;
	struct resume resume;
};

/* Meanwhile the thread may have ended, or another thread's exec may have taken its
 * number over and be held. */
static bool is_still(const struct stop *stop)
{
	return stop->thread && stop->thread->tid == stop->tid && !stop->thread->held;
}

/* All that is ready is collected before any of it is resumed: threads that stop
 * often would else starve the others. */
static void collect(pid_t tid, int status)
{
	static struct stop batch[BATCH];
	size_t n = 0;

	do {
		batch[n].resume = dispatch(tid, status, &batch[n].thread, &leaving);
		batch[n].tid = tid;
		n++;
	} while (n < BATCH && thread_count() > 1 &&
	         (tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0);
	cost_stops(n);
	place_stops(batch[0].tid, n);
	for (size_t i = 0; i < n; i++)
		if (is_still(&batch[i]))
			thread_resume(batch[i].thread, batch[i].resume);
}

static void loop(void)
{
	bool begun = false;

	while (!leaving) {
		int status;
		pid_t tid;

		moment_pass();
		if (kicked) { /* cleared first: the next kick counts again */
			kicked = 0;
			leaving = front_gone();
		}
		if (alarmed) {
			alarmed = 0;
			turn_patience();
		}
		obey_all();
		release_go_on();
		if (leaving)
			break;
		tid = waitpid(-1, &status, __WALL);
		begun |= tid > 0;
		if (tid > 0)
			collect(tid, status);
		else if (errno == ECHILD && begun) /* nothing is traced any more */
			leaving = true;
		else if (errno == ECHILD)
			poll(NULL, 0, 10);
	}
}

/* Killed, it would take the program along; proc(5). Lowering it is root's. */
static void hide_from_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "-1000", 5) < 0)
		(void)!write(fd, "0", 1); /* the front's may have been raised */
	close(fd);
}

static void become(const struct tracer_options *options)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction kick = { .sa_handler = on_kick };
	const struct sigaction chld = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };
	const int ignored[] = { SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGTERM, SIGPIPE,
		                SIGUSR1, SIGTTIN, SIGTTOU };
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	hide_from_oom_killer();
	setsid();
	prctl(PR_SET_NAME, TITLE);
	if (options->title_len) {
		memset(options->title, 0, options->title_len);
		strncpy(options->title, TITLE, options->title_len - 1);
	}
	for (size_t i = 0; i < countof(ignored); i++)
		sigaction(ignored[i], &ignore, NULL);
	sigaction(KICK, &kick, NULL);
	sigaction(SIGALRM, &kick, NULL);
	sigaction(SIGCHLD, &chld, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, KICK);
	kicked = 1; /* it may have died before */
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	if (chdir("/") < 0)
		return; /* it only keeps a mount busy */
}

static _Noreturn void tracer_main(const struct tracer_options *options)
{
	life_begin();
	become(options);
	stack_set_depth(options->depth);
	child_set_followed(options->follow);
	if (options->follow)
		open_files_raise(); /* each address space has one */
	emit_init(tracer, front_gone);
	place_init(getppid());
	loop();
	cost_end();
	farewell();
	emit_end();
	life_end();
	_exit(0);
}

int tracer_start(struct tracer *link, const struct tracer_options *options)
{
	int error = ring_init(&link->records, 16 << 20);

	if (error < 0 || (error = ring_init(&link->commands, 1 << 20)) < 0 ||
	    (error = life_init()) < 0)
		return error;
	link->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (link->doorbell < 0)
		return -errno;
	front_is(getpid());
	tracer = link;
	link->pid = fork();
	if (link->pid == 0)
		tracer_main(options);
	return link->pid < 0 ? -errno : 0;
}

void *tracer_command(struct tracer *link, size_t len)
{
	return ring_reserve(&link->commands, (len + 7) & ~(size_t)7);
}

void tracer_send(struct tracer *link, struct record *record, size_t len)
{
	record->len = (len + 7) & ~(size_t)7;
	ring_commit(&link->commands, record->len);
	kill(link->pid, KICK);
}
