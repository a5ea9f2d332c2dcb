/* mapstorm THREADS CALLS: each thread maps, unmaps, moves, resizes and protects parts of one
 * range that all of them share, and lets the kernel place others; says "ready PID", storms at
 * a line, says "done", and ends at another. What does not fit fails, and is to. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROOM = 64, PAGE = 4096 };

static char *room;
static int file;
static long calls_each;
static pthread_mutex_t breaking = PTHREAD_MUTEX_INITIALIZER;

static unsigned below(uint64_t *state, unsigned limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned)(*state % limit);
}

/* The break is one for all, and sbrk is not made for threads. */
static void break_(uint64_t *state)
{
	pthread_mutex_lock(&breaking);
	if (below(state, 2))
		sbrk((1 + (int)below(state, 8)) * PAGE / 2);
	else
		sbrk(-(int)below(state, 4) * PAGE / 2);
	pthread_mutex_unlock(&breaking);
}

static void call(uint64_t *state)
{
	unsigned from = below(state, ROOM), len = 1 + below(state, ROOM - from);
	unsigned to = below(state, ROOM), to_len = 1 + below(state, ROOM - to);
	char *at = room + from * PAGE, *there = room + to * PAGE, *free_;
	int prot = (int[]){ PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE }[below(state, 3)];
	int shared = below(state, 2) ? MAP_SHARED : MAP_PRIVATE;

	switch (below(state, 8)) {
	case 0:
		mmap(at, len * PAGE, prot, shared | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 1:
		mmap(at, len * PAGE, prot, shared | MAP_FIXED, file, below(state, 20) * PAGE);
		break;
	case 2:
		munmap(at, len * PAGE);
		break;
	case 3:
		mprotect(at, len * PAGE, prot);
		break;
	case 4:
		mremap(at, PAGE, to_len * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there);
		break;
	case 5:
		len = len < to_len ? len : to_len;
		mremap(at, len * PAGE, len * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there);
		break;
	case 6: /* wherever, which may be in a hole of the room */
		free_ = mmap(NULL, len * PAGE, prot, shared | MAP_ANONYMOUS, -1, 0);
		if (free_ != MAP_FAILED && below(state, 2))
			munmap(free_, len * PAGE);
		break;
	case 7:
		break_(state);
		break;
	}
}

static void *storm(void *seed)
{
	uint64_t state = 0x9e3779b97f4a7c15u * (uintptr_t)seed;

	for (long i = 0; i < calls_each; i++)
		call(&state);
	return NULL;
}

static void await_line(void)
{
	while (getchar() != '\n')
		if (feof(stdin))
			exit(1);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	pthread_t *list = calloc((size_t)threads, sizeof(*list));

	calls_each = (argc > 2 ? atol(argv[2]) : 10000) / threads;
	file = fileno(tmpfile());
	room = mmap(NULL, ROOM * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!list || ftruncate(file, 1 << 20) || room == MAP_FAILED)
		return 1;
	printf("ready %d\n", getpid());
	fflush(stdout);
	await_line();
	for (long i = 0; i < threads; i++)
		if (pthread_create(&list[i], NULL, storm, (void *)(i + 1)))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(list[i], NULL);
	puts("done");
	fflush(stdout);
	await_line();
	return 0;
}
