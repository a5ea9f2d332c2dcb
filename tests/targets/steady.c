/* Eight threads sleep in a call that signals break off, for a moment each time; another one maps
 * by code that it has written. Says "ready PID"; at a line it ends, and says how many of the calls
 * were broken off: "broken N". */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, SLEEPERS = 8 };

/* mov r10, rcx; mov eax, SYS_mmap; syscall; ret */
static const unsigned char code[] = { 0x49, 0x89, 0xca, 0xb8, SYS_mmap, 0, 0, 0, 0x0f, 0x05,
	                              0xc3 };

static atomic_int ended, broken;
static void *(*map)(void *, size_t, long, long, long, long);

static void *sleep_on(void *arg)
{
	int poll = epoll_create1(0);
	struct epoll_event event;

	while (!ended)
		broken += epoll_wait(poll, &event, 1, 1) < 0;
	return arg;
}

static void *map_on(void *arg)
{
	while (!ended) {
		munmap(map(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE);
		usleep(2000);
	}
	return arg;
}

int main(void)
{
	pthread_t threads[SLEEPERS + 1];
	char line[16];
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		abort();
	memcpy(page, code, sizeof(code));
	if (mprotect(page, PAGE, PROT_READ | PROT_EXEC))
		abort();
	map = page;
	for (int i = 0; i <= SLEEPERS; i++)
		if (pthread_create(&threads[i], NULL, i ? sleep_on : map_on, NULL))
			abort();
	printf("ready %d\n", getpid());
	fflush(stdout);
	ended = fgets(line, sizeof(line), stdin) != NULL;
	for (int i = 0; i <= SLEEPERS; i++)
		pthread_join(threads[i], NULL);
	printf("broken %d\n", broken);
	return 0;
}
