/* Does what each line of stdin says, and answers with a line:
 *   m SLOT SIZE   leak_one keeps a block       "SLOT USABLE"
 *   c SLOT SIZE   the same by calloc
 *   r SLOT SIZE   realloc of what the slot has
 *   f SLOT        free
 *   p SIZE COUNT  pass: malloc and free at once, so often
 *   M SIZE        mmap, u: munmap of the last one
 *   n             free(NULL)
 * A line that begins with t is done by another thread, which the program has with argument
 * "thread". It says "ready PID TID-OF-THE-OTHER" first. Nothing else allocates. */
#include "truth.h"

#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SLOTS 64

static char *slots[SLOTS], *mapped;
static size_t mapped_len;
static char line[256];
static sem_t work, done;
static int other;

/* What is volatile is no jump: the function stays on the stack. */
noipa static void *leak_one(size_t size)
{
	void *volatile at = malloc(size);

	return at;
}

noipa static void *by_calloc(size_t size)
{
	void *volatile at = calloc(1, size);

	return at;
}

noipa static void *resize(void *old, size_t size)
{
	void *volatile at = realloc(old, size);

	return at;
}

noipa static void pass(size_t size)
{
	void *volatile at = malloc(size);

	free(at);
}

static void map(size_t size)
{
	mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mapped_len = size;
}

static void tell(const char *format, unsigned long a, unsigned long b)
{
	char text[64];
	int len = snprintf(text, sizeof(text), format, a, b);

	if (write(1, text, (size_t)len) != len)
		abort();
}

static void obey(const char *words)
{
	char *end;
	unsigned long a = strtoul(words + 1, &end, 10), b = strtoul(end, NULL, 10);
	char **slot = &slots[a % SLOTS];

	switch (words[0]) {
	case 'm':
		*slot = leak_one(b);
		break;
	case 'c':
		*slot = by_calloc(b);
		break;
	case 'r':
		*slot = resize(*slot, b);
		break;
	case 'f':
		free(*slot);
		*slot = NULL;
		break;
	case 'p':
		for (unsigned long i = 0; i < b; i++)
			pass(a);
		break;
	case 'M':
		map(a);
		break;
	case 'u':
		munmap(mapped, mapped_len);
		break;
	case 'n':
		free(NULL);
		break;
	}
	tell("%lu %lu\n", a, strchr("mcr", words[0]) && *slot ? malloc_usable_size(*slot) : 0);
}

static void *serve(void *arg)
{
	(void)arg;
	other = (int)syscall(SYS_gettid);
	sem_post(&done);
	for (;;) {
		sem_wait(&work);
		if (line[0] != 't')
			return NULL;
		obey(line + 1);
		sem_post(&done);
	}
}

static bool read_line(void)
{
	size_t len = 0;

	while (len < sizeof(line) - 1 && read(0, &line[len], 1) == 1)
		if (line[len++] == '\n') {
			line[len] = 0;
			return true;
		}
	line[0] = 0;
	return false;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argv;
	sem_init(&work, 0, 0);
	sem_init(&done, 0, 0);
	if (argc > 1 && pthread_create(&thread, NULL, serve, NULL) == 0)
		sem_wait(&done);
	tell("ready %lu %lu\n", (unsigned long)getpid(), (unsigned long)other);
	while (read_line()) {
		if (line[0] != 't') {
			obey(line);
			continue;
		}
		sem_post(&work);
		sem_wait(&done);
	}
	if (argc > 1) {
		sem_post(&work);
		pthread_join(thread, NULL);
	}
	return 0;
}
