/* Tells alloctrace what it does, by alloctrace/client.h; run as `marked stats` it asks for its
 * statistics and prints what it got: allocations, frees, live blocks, live bytes, and whether the
 * bytes behind them are as they were; as `marked wait` it waits for a line first. */
#include <alloctrace/client.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

enum { BLOCKS = 3 };

static void *kept[8];

noipa void work(int i)
{
	kept[i] = malloc(100 + i);
}

noipa static void *work_untagged(void *arg)
{
	work(3);
	return arg;
}

static void work_in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work_untagged, NULL) || pthread_join(thread, NULL))
		abort();
}

static void ask(size_t len)
{
	struct {
		struct alloctrace_stats stats;
		uint64_t behind;
	} got = { .behind = 42 };

	memset(&got.stats, 0xff, sizeof(got.stats));
	alloctrace_stats(&got.stats, len);
	printf("stats %lld %lld %lld %lld %lu\n", (long long)got.stats.allocs,
	       (long long)got.stats.frees, (long long)got.stats.live_blocks,
	       (long long)got.stats.live_bytes, got.behind);
}

int main(int argc, char **argv)
{
	static char out[256];

	setvbuf(stdout, out, _IOFBF, sizeof(out));
	if (argc > 1 && strcmp(argv[1], "wait") == 0) {
		char line[8];

		printf("ready %d\n", getpid());
		fflush(stdout);
		if (read(STDIN_FILENO, line, sizeof(line)) < 0)
			return 1;
	}
	alloctrace_phase("work");
	alloctrace_mark("begin");
	work(0);
	alloctrace_tag("node", "ast");
	work(1);
	work_in_thread();
	alloctrace_tag("leaf", "");
	work(2);
	alloctrace_dump();
	alloctrace_tag("", "");
	work(4);
	alloctrace_reset();
	if (argc > 1 && strcmp(argv[1], "stats") == 0) {
		ask(sizeof(struct alloctrace_stats));
		ask(2 * sizeof(uint64_t));
		ask(100);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(kept[i]);
	return 0;
}
