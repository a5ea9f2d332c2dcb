/* A stop costs five times as much when waking crosses processors: two wake-ups
 * by interrupt instead of two context switches. Pinning the target would be
 * felt by it, so the tracer moves instead: it pins itself to the processor its
 * target last ran on. The woken target stays there only if that processor
 * counts as idle, which one does that runs nothing but an idle-class task: so
 * the tracer runs SCHED_IDLE.
 *
 * An idle-class task starves where others want the processor. When a stop comes
 * late or stops come slowly, it changes to SCHED_FIFO, which never waits, and
 * looks back after a pause that grows while looking back does not pay. Without
 * the right to change its class (CAP_SYS_NICE) it stays as it is. */
#include "place.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY 16  /* stops between looks at the target's processor */
#define WINDOW 64      /* stops over which the mean is taken */
#define LATE 400e-6    /* s: one stop that came so late was starved */
#define SLOW 25e-6     /* s: a mean above is no better than FIFO's */
#define PAUSE_MIN .02  /* s */
#define PAUSE_MAX 1.

static bool may_change;
static int policy = SCHED_OTHER;
static double last, window_sum, look_back_at, pause_s = PAUSE_MIN;
static unsigned stops, in_window;
static bool looking_back;

static int set_policy(int wanted)
{
	struct sched_param param = { .sched_priority = wanted == SCHED_FIFO ? 1 : 0 };

	if (sched_setscheduler(0, wanted, &param) < 0)
		return -1;
	policy = wanted;
	return 0;
}

void place_init(void)
{
	/* only if both directions are open: an idle class nobody can leave again
	 * would starve the target on a busy host */
	may_change = set_policy(SCHED_FIFO) == 0 && set_policy(SCHED_IDLE) == 0;
	if (!may_change && policy != SCHED_OTHER)
		set_policy(SCHED_OTHER);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

/* Field 39 of /proc/PID/stat, processor; proc(5). Field 2 may hold anything. */
static int processor_of(pid_t tid)
{
	static pid_t open_tid;
	static int fd = -1;
	char text[512], *at;
	ssize_t len;

	if (tid != open_tid || fd < 0) {
		snprintf(text, sizeof(text), "/proc/%d/task/%d/stat", tid, tid);
		if (fd >= 0)
			close(fd);
		fd = open(text, O_RDONLY | O_CLOEXEC);
		open_tid = tid;
	}
	len = pread(fd, text, sizeof(text) - 1, 0);
	if (len <= 0)
		return -1;
	text[len] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at + 1) : -1;
}

static void follow(pid_t tid)
{
	static int current = -1;
	int processor = processor_of(tid);
	cpu_set_t set;

	if (processor < 0 || processor == current || processor >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		current = processor;
}

static void go_fifo(double now)
{
	set_policy(SCHED_FIFO);
	look_back_at = now + pause_s;
	pause_s = pause_s * 2 > PAUSE_MAX ? PAUSE_MAX : pause_s * 2;
	in_window = 0;
	window_sum = 0;
	looking_back = false;
}

static void judge_window(double now)
{
	static double fifo_mean;
	double mean = window_sum / in_window;

	in_window = 0;
	window_sum = 0;
	if (policy == SCHED_FIFO) {
		fifo_mean = mean;
		if (now > look_back_at) {
			set_policy(SCHED_IDLE);
			looking_back = true;
		}
		return;
	}
	if (looking_back ? fifo_mean > 0 && mean > fifo_mean * 1.1 : mean > SLOW)
		go_fifo(now);
	else if (pause_s > PAUSE_MIN)
		pause_s *= .9;
	looking_back = false;
}

void place_stop(pid_t tid)
{
	double now, gap;

	if (stops++ % LOOK_EVERY == 1)
		follow(tid);
	if (!may_change)
		return;
	now = now_s();
	gap = now - last;
	last = now;
	/* a long gap may be the target's own work, which makes the change to FIFO
	 * needless but harmless */
	if (policy == SCHED_IDLE && gap > LATE && in_window > 8) {
		go_fifo(now);
		return;
	}
	window_sum += gap < LATE ? gap : LATE;
	if (++in_window >= WINDOW)
		judge_window(now);
}
