/* churn [-c CALL] [-d FRAMES] [-k BYTES] [-x] [-n COUNT] [-t THREADS [-s SECONDS]] [-w]
 *
 * Makes a call COUNT times, always from FRAMES functions deep, BYTES of stack below the
 * first, with -x with something else in each frame every time; the last line is the
 * microseconds that one took. THREADS do so with slots of their own, `thread EVENTS` is a
 * line of each; with SECONDS they are stopped after as long. With -w it says "ready PID"
 * and waits for a line. */
#include <alloca.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 1024
#define OWN_FRAMES 4 /* the call's, main, run and the last deep */
#define FRAME 64     /* about what deep needs beside its room, bytes */
#define THREADS_MAX 64
#define AFTER_THE_CALL() __asm__ volatile("" : : : "memory") /* else it may be a jump */

struct churner {
	pthread_t thread;
	void **slots;
	unsigned seed;
	long done;
	int from, to;
};

struct call {
	const char *name;
	void (*once)(struct churner *);
	int events;
	int keeps; /* each call has a slot of its own */
	int fills; /* all slots hold a block before */
};

static const struct call *call;
static int frames = 8, depth;
static long bytes = 2048, count = 100000;
static double seconds;
static volatile int stop;
static int changing;
static pthread_barrier_t all_ready;

static size_t next_size(struct churner *churner)
{
	churner->seed = churner->seed * 1103515245 + 12345;
	return (churner->seed >> 8) % 500 + 1;
}

static void **next_slot(struct churner *churner)
{
	return &churner->slots[churner->seed >> 16 & (SLOTS - 1)];
}

static void once_pair(struct churner *churner)
{
	size_t size = next_size(churner);
	void **slot = next_slot(churner);

	free(*slot);
	*slot = malloc(size);
}

static void once_malloc(struct churner *churner)
{
	churner->slots[churner->done] = malloc(next_size(churner));
}

static void once_free(struct churner *churner)
{
	free(churner->slots[churner->done]);
	AFTER_THE_CALL();
}

static void once_realloc(struct churner *churner)
{
	size_t size = next_size(churner);
	void **slot = next_slot(churner);

	*slot = realloc(*slot, size);
}

static void once_read(struct churner *churner)
{
	char c;

	if (read(churner->from, &c, 1) != 1 || write(churner->to, &c, 1) != 1)
		abort();
}

static const struct call calls[] = {
	{ "pair", once_pair, .events = 2, .fills = 1 },
	{ "malloc", once_malloc, .events = 1, .keeps = 1 },
	{ "free", once_free, .events = 1, .keeps = 1, .fills = 1 },
	{ "realloc", once_realloc, .events = 1, .fills = 1 },
	{ "read", once_read, .events = 2 },
	{ 0 },
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

/* What is left of the way to `end` is shared by the frames that are left. */
__attribute__((noinline)) static void deep(struct churner *churner, int left, const char *end)
{
	long share = left ? ((char *)__builtin_frame_address(0) - end) / left - FRAME : 0;
	volatile long *room = alloca(share > 0 ? share : (long)sizeof(*room));

	*room = changing ? churner->done : 0;
	if (left)
		deep(churner, left - 1, end);
	else
		call->once(churner);
	AFTER_THE_CALL();
}

__attribute__((noinline)) static void run(struct churner *churner)
{
	const char *end = (char *)__builtin_frame_address(0) - bytes;

	for (churner->done = 0; churner->done < count && !stop; churner->done++)
		deep(churner, depth, end);
}

static void prepare(struct churner *churner)
{
	long slots = call->keeps ? count : SLOTS;

	churner->seed = 1;
	churner->from = open("/dev/zero", O_RDONLY);
	churner->to = open("/dev/null", O_WRONLY);
	churner->slots = calloc(slots, sizeof(*churner->slots));
	if (!churner->slots)
		abort();
	for (long i = 0; call->fills && i < slots; i++)
		churner->slots[i] = malloc(next_size(churner));
}

static void *thread(void *arg)
{
	prepare(arg);
	pthread_barrier_wait(&all_ready);
	run(arg);
	return NULL;
}

static void run_threads(struct churner *churners, int threads)
{
	long done = 0;
	double begin, end;

	pthread_barrier_init(&all_ready, NULL, threads + 1);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&churners[i].thread, NULL, thread, &churners[i]))
			abort();
	pthread_barrier_wait(&all_ready);
	begin = now();
	if (seconds > 0)
		usleep((useconds_t)(seconds * 1e6));
	stop = seconds > 0;
	end = now();
	for (int i = 0; i < threads; i++) {
		pthread_join(churners[i].thread, NULL);
		done += churners[i].done;
	}
	for (int i = 0; i < threads; i++)
		printf("thread %ld\n", churners[i].done * call->events);
	printf("%.5f\n", ((seconds > 0 ? end : now()) - begin) / done);
}

static void run_alone(struct churner *churner)
{
	double begin;

	prepare(churner);
	begin = now();
	run(churner);
	printf("%.5f\n", (now() - begin) / churner->done);
}

static void await_a_line(void)
{
	printf("ready %d\n", getpid());
	fflush(stdout);
	if (getchar() != '\n')
		exit(1);
}

static int usage(void)
{
	fprintf(stderr, "usage: churn [-c CALL] [-d FRAMES] [-k BYTES] [-x] [-n COUNT] "
	                "[-t THREADS [-s SECONDS]] [-w]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct churner churners[THREADS_MAX];
	int option, threads = 0;

	call = calls;
	while ((option = getopt(argc, argv, "c:d:k:n:s:t:wx")) >= 0)
		switch (option) {
		case 'c':
			for (call = calls; call->name && strcmp(call->name, optarg); call++)
				;
			break;
		case 'd': frames = atoi(optarg); break;
		case 'k': bytes = atol(optarg); break;
		case 'n': count = atol(optarg); break;
		case 's': seconds = atof(optarg); break;
		case 't': threads = atoi(optarg); break;
		case 'w': await_a_line(); break;
		case 'x': changing = 1; break;
		default: return usage();
		}
	depth = frames - OWN_FRAMES;
	if (optind < argc || !call->name || depth < 0 || count < 1 || threads > THREADS_MAX ||
	    (seconds > 0 && !threads))
		return usage();
	if (seconds > 0)
		count = LONG_MAX;
	if (threads > 0)
		run_threads(churners, threads);
	else
		run_alone(churners);
	return 0;
}
