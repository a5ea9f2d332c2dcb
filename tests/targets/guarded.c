/* Stores into a page that may not be written to, and reads one that may not be read: how often the
 * handler, which lets it, was called. Then it tries what can never be read, three times, and jumps
 * out of the handler. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define noipa __attribute__((noipa))

enum { PAGE = 4096 };

static sigjmp_buf out;
static volatile int faults;
static char *page;

noipa void put(int *to)
{
	*to += 1;
}

noipa int get(const int *from)
{
	return *from;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	faults++;
	if ((char *)info->si_addr != page)
		siglongjmp(out, 1);
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	volatile int i;

	page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || sigaction(SIGSEGV, &action, NULL))
		abort();
	put((int *)page);
	mprotect(page, PAGE, PROT_NONE);
	printf("got %d\n", get((int *)page));
	for (i = 0; i < 3; i++)
		if (!sigsetjmp(out, 1))
			get(NULL);
	printf("faults %d\n", faults);
	return 0;
}
