/* A program that the kernel kills for any system call it has no business with.
 *
 * confined strict: read, write, sigreturn and exit only, SECCOMP_MODE_STRICT.
 * confined filter: the same by a filter, and a second thread that sleeps in a poll;
 * were that interrupted, it could not be gone on with.
 *
 * "ready PID"; a line makes it work and tell the truth on stdout; another ends it. */
#include "since.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { TAKEN = 200, ROOM = 1 << 22 };

static int asleep;
static struct block before[TAKEN];

ALLOCATOR(take_before, T_MALLOC, malloc(size))
ALLOCATOR(confined_take, T_MALLOC, malloc(size))
ALLOCATOR(confined_clear, T_CALLOC, calloc(1, size))

/* What is given back stays in the heap: nothing later needs a system call. */
static void lay_in_memory(void)
{
	void *room;

	if (!mallopt(M_MMAP_THRESHOLD, 1 << 25) || !mallopt(M_TRIM_THRESHOLD, 1 << 30) ||
	    !mallopt(M_ARENA_MAX, 1))
		abort();
	room = truth_keep(malloc(ROOM));
	for (size_t i = 0; i < TAKEN; i++)
		before[i] = take_before(50 + i);
	free(room);
}

static void *sleep_on(void *argument unused)
{
	__atomic_store_n(&asleep, 1, __ATOMIC_RELEASE);
	poll(NULL, 0, 1000000000);
	abort();
}

#define ALLOWED(number)                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),                               \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void confine_by_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOWED(SYS_read),
		ALLOWED(SYS_write),
		ALLOWED(SYS_rt_sigreturn),
		ALLOWED(SYS_poll),
		ALLOWED(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter))
		abort();
}

static void start_sleeper(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, sleep_on, NULL))
		abort();
	while (!__atomic_load_n(&asleep, __ATOMIC_ACQUIRE))
		usleep(100);
	usleep(100000); /* on its way into the poll it may still be; no harm if so */
}

static void work(void)
{
	struct block blocks[TAKEN];

	for (size_t i = 0; i < TAKEN; i++)
		blocks[i] = i % 2 ? confined_take(20 + 3 * i) : confined_clear(20 + 3 * i);
	for (size_t i = 0; i < TAKEN; i += 3)
		give(blocks[i]);
	for (size_t i = 0; i < TAKEN; i += 4)
		give_earlier(before[i]);
}

int main(int argc, char **argv)
{
	bool strict = argc > 1 && !strcmp(argv[1], "strict");

	unsetenv("TRUTH"); /* to stdout: no file can be opened */
	lay_in_memory();
	if (!strict)
		start_sleeper();
	truth_begin();
	say("ready %ld\n", getpid());
	if (strict && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
		abort();
	if (!strict)
		confine_by_filter();
	await_line();
	work();
	truth_write_since();
	await_line();
	syscall(strict ? SYS_exit : SYS_exit_group, 0);
}
