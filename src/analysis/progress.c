/* The reading is libdw's and does not come back before it is done, so a thread waits
 * beside it: for the end, or until the line is due. */
#include "progress.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define DUE_NS 1000000000 /* of reading, all modules together */
#define ROOM 128

static struct {
	bool running, shown;
	pthread_t thread;
	sem_t ended;
	char line[ROOM];
	uint64_t began_ns, spent_ns;
} progress;

static void put(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return; /* a terminal that went away misses nothing */
}

static void show(void)
{
	progress_erase();
	put(progress.line);
	progress.shown = true;
}

static void *wait_for_end(void *arg)
{
	uint64_t due_ns = progress.began_ns + DUE_NS - progress.spent_ns;
	const struct timespec due = { due_ns / 1000000000, due_ns % 1000000000 };

	(void)arg;
	while (sem_clockwait(&progress.ended, CLOCK_MONOTONIC, &due) < 0) {
		if (clock_ns(CLOCK_MONOTONIC) < due_ns)
			continue; /* interrupted */
		show();
		break;
	}
	return NULL;
}

void progress_begin(const char *module, size_t number, size_t count)
{
	const char *slash = strrchr(module, '/');

	if (!isatty(STDERR_FILENO))
		return;
	snprintf(progress.line, sizeof(progress.line),
	         "alloctrace: reading symbols of %.30s (%zu of %zu)", slash ? slash + 1 : module,
	         number, count);
	progress.began_ns = clock_ns(CLOCK_MONOTONIC);
	if (progress.spent_ns >= DUE_NS) {
		show();
		return;
	}
	sem_init(&progress.ended, 0, 0);
	progress.running = pthread_create(&progress.thread, NULL, wait_for_end, NULL) == 0;
}

void progress_end(void)
{
	if (progress.running) {
		sem_post(&progress.ended);
		pthread_join(progress.thread, NULL);
		sem_destroy(&progress.ended);
		progress.running = false;
	}
	if (progress.line[0])
		progress.spent_ns += clock_ns(CLOCK_MONOTONIC) - progress.began_ns;
	progress.line[0] = '\0';
}

void progress_erase(void)
{
	if (!progress.shown)
		return;
	put("\r\033[K");
	progress.shown = false;
}
