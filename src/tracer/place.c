/* A stop costs five times as much when waking crosses processors: two wake-ups
 * by interrupt instead of two context switches. Pinning the target would be
 * felt by it, so the tracer moves instead: it pins itself to the processor its
 * target last ran on. The woken target stays there only if that processor
 * counts as idle, which one does that runs nothing but an idle-class task: so
 * the tracer runs SCHED_IDLE.
 *
 * An idle-class task starves where others want the processor; SCHED_FIFO never
 * waits there, but drives the target to another processor where one is free.
 * Which is better is found by trying: while stops come slowly, the other class is
 * tried for a window of stops, and kept if they come faster. Trials that fail make
 * the next one later. Without the right to change its class (CAP_SYS_NICE) the
 * tracer stays as it is.
 *
 * An idle-class task that is killed dies late, and as long as it is dying threads run into
 * traps that nobody handles. While stops are rare their price matters less than that: the
 * tracer is then an ordinary task on any processor. */
#include "place.h"

#include <sched.h>
#include <stdbool.h>

#include "moment.h"
#include "processor.h"

#define LOOK_EVERY 64 /* stops between looks at the target's processor */
#define FAR 20e-6     /* s: a gap that crossing processors may explain */
#define LOOK_SOON 1   /* of such gaps between looks, doubled whenever a look finds the target here */
#define LOOK_LESS 8   /* up to this */
#define WINDOW 64     /* stops over which the mean is taken */
#define ENOUGH 8      /* of them are enough to see that it is too long already */
#define CAP 400e-6    /* s: a longer gap may be the target's own work */
#define SLOW 25e-6    /* s: a mean below needs no trial */
#define BETTER .9
#define RARE 200e-6   /* s: between stops, on the mean of a window */
#define OFTEN 100e-6
#define PAUSE_MIN .02 /* s, between trials */
#define PAUSE_MAX 1.

static bool may_change;
static int policy = SCHED_OTHER;
static double last, sum, mean_before, next_trial, pause_s = PAUSE_MIN;
static unsigned unlooked, look_soon = LOOK_SOON, in_window;
static bool trial;
static bool rare = true;
static double span_began; /* the window that tells */
static unsigned in_span;
static cpu_set_t everywhere;
static int current = -1; /* the processor it is pinned to */
static pid_t front;

static int set_policy(int wanted)
{
	struct sched_param param = { .sched_priority = wanted == SCHED_FIFO ? 1 : 0 };

	if (sched_setscheduler(0, wanted, &param) < 0)
		return -1;
	policy = wanted;
	return 0;
}

/* Of the front, which may stay where it is if there is nowhere else. It is asleep most of the
 * time; where it wakes up the tracer would give way to it for as long as it has records to read,
 * and the target would be driven away. */
static void keep_off(int processor)
{
	cpu_set_t set = everywhere;

	if (processor >= 0)
		CPU_CLR(processor, &set);
	if (CPU_COUNT(&set))
		sched_setaffinity(front, sizeof(set), &set);
}

void place_init(pid_t front_pid)
{
	front = front_pid;
	if (sched_getaffinity(0, sizeof(everywhere), &everywhere) < 0)
		CPU_ZERO(&everywhere);
	/* only if both directions are open: an idle class nobody can leave again
	 * would starve the target on a busy host */
	may_change = set_policy(SCHED_FIFO) == 0 && set_policy(SCHED_IDLE) == 0;
	set_policy(SCHED_OTHER);
}

/* False: it is there already. */
static bool follow(pid_t tid)
{
	int processor = processor_of(tid);
	cpu_set_t set;

	if (processor < 0 || processor == current || processor >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0) {
		current = processor;
		keep_off(processor);
	}
	return true;
}

static void look(pid_t tid, double gap)
{
	if (++unlooked < (gap > FAR ? look_soon : LOOK_EVERY))
		return;
	unlooked = 0;
	look_soon = follow(tid) ? LOOK_SOON : look_soon * 2;
	look_soon = look_soon < LOOK_LESS ? look_soon : LOOK_LESS;
}

static void try_other(void)
{
	set_policy(policy == SCHED_IDLE ? SCHED_FIFO : SCHED_IDLE);
}

static void end_trial(double mean, double now)
{
	bool won = mean < mean_before * BETTER;

	trial = false;
	if (!won)
		try_other();
	pause_s = won ? PAUSE_MIN : pause_s * 2 > PAUSE_MAX ? PAUSE_MAX : pause_s * 2;
	next_trial = now + pause_s;
}

static void end_window(double now)
{
	double mean = sum / in_window;

	in_window = 0;
	sum = 0;
	if (trial) {
		end_trial(mean, now);
	} else if (mean > SLOW && now >= next_trial) {
		mean_before = mean;
		trial = true;
		try_other();
	}
}

static void count_gap(double gap, double now)
{
	sum += gap < CAP ? gap : CAP;
	in_window++;
	if (in_window >= WINDOW ||
	    (in_window >= ENOUGH && sum > WINDOW * (trial ? mean_before : SLOW)))
		end_window(now);
}

static void be_ordinary(void)
{
	rare = true;
	set_policy(SCHED_OTHER);
	sched_setaffinity(0, sizeof(everywhere), &everywhere);
	current = -1;
	keep_off(-1);
}

static void be_quick(double now)
{
	rare = trial = false;
	in_window = 0;
	sum = 0;
	next_trial = now;
	if (may_change)
		set_policy(SCHED_IDLE);
}

static void judge_rate(size_t stops, double now)
{
	double mean;

	in_span += stops;
	if (in_span < WINDOW)
		return;
	mean = (now - span_began) / in_span;
	in_span = 0;
	span_began = now;
	if (!rare && mean > RARE)
		be_ordinary();
	else if (rare && mean < OFTEN)
		be_quick(now);
}

void place_stops(pid_t tid, size_t stops)
{
	double now = moment_ns() * 1e-9, gap = (now - last) / stops;

	last = now;
	judge_rate(stops, now);
	if (rare)
		return;
	if (stops == 1)
		look(tid, gap);
	if (may_change)
		count_gap(gap, now);
}
