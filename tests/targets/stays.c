/* Wants to exit, and stays: `refused` by a filter of its own for status 42, or `jumped` out of
 * the exit by the handler of SIGUSR1, begun when a line has answered its "leaving PID".
 * Then its threads map, all at the same time, and it ends with status 7. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

enum { PAGE = 4096, KEPT = 5, ROUNDS = 2000, THREADS = 3 };

static sigjmp_buf back;

static void jump(int sig)
{
	siglongjmp(back, sig);
}

static void leave_and_jump(void)
{
	char answer;

	signal(SIGUSR1, jump);
	if (sigsetjmp(back, 1))
		return;
	printf("leaving %d\n", getpid());
	fflush(stdout);
	if (read(STDIN_FILENO, &answer, 1) != 1)
		abort();
	_exit(3);
}

static void leave_and_be_refused(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 42, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) ||
	    syscall(SYS_exit_group, 42) != -1)
		abort();
}

static void *map_and_unmap(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED || munmap(page, PAGE))
			abort();
	}
	return arg;
}

static noipa void map_staying(void)
{
	void *pages = mmap(NULL, KEPT * PAGE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		abort();
	memset(pages, 1, KEPT * PAGE);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	if (argc > 1 && !strcmp(argv[1], "refused"))
		leave_and_be_refused();
	else
		leave_and_jump();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, map_and_unmap, NULL))
			abort();
	map_and_unmap(NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	map_staying();
	return 7;
}
