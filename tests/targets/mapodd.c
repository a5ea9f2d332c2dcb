/* mapodd KIND: system calls that map in ways of their own; says "ready PID" at the right
 * moment, prints what came of it, and ends at a line.
 *
 *   counted  an instruction in front of the call counts, in four threads
 *   refused  a filter answers with SIGSYS, whose handler makes it fail
 *   blocked  munmap waits for somebody who does not come: a userfaultfd's reader */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

enum { PAGE = 4096, TIMES = 2000, THREADS = 4, REFUSED = 0x123000 };

static const int RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS;

static void await_line(void)
{
	while (getchar() != '\n')
		if (feof(stdin))
			exit(1);
}

static noipa long count_and_map(long *count)
{
	register long flags __asm__("r10") = ANON, fd __asm__("r8") = -1, offset __asm__("r9") = 0;
	long result;

	__asm__ volatile("mov $9, %%eax\n\taddq $1, (%%rbx)\n\tsyscall"
	                 : "=a"(result)
	                 : "D"(0L), "S"((long)PAGE), "d"((long)RW), "r"(flags), "r"(fd),
	                   "r"(offset), "b"(count)
	                 : "rcx", "r11", "memory");
	return result;
}

static void *count_calls(void *unused)
{
	static __thread long count;

	for (int i = 0; i < TIMES; i++)
		munmap((void *)count_and_map(&count), PAGE);
	(void)unused;
	return (void *)count;
}

static int counted(void)
{
	pthread_t threads[THREADS];
	void *count;

	printf("ready %d\n", getpid());
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, count_calls, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &count);
		printf("counted %ld\n", (long)count);
	}
	return 0;
}

static void fail_with_enosys(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
}

static int refused(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };
	struct sock_filter filter[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr) },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_mmap },
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, args[1]) },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, REFUSED },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	action.sa_sigaction = fail_with_enosys;
	sigaction(SIGSYS, &action, NULL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 2;
	printf("%s\n", mmap(NULL, REFUSED, RW, ANON, -1, 0) == MAP_FAILED && errno == ENOSYS ?
	       "refused" : "mapped");
	printf("ready %d\n", getpid());
	return 0;
}

static void *unmap(void *at)
{
	munmap(at, PAGE);
	puts("unmapped");
	return NULL;
}

static int blocked(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_EVENT_UNMAP };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	char *at = mmap(NULL, PAGE, RW, ANON, -1, 0);
	struct uffdio_register range = { { (unsigned long)at, PAGE }, UFFDIO_REGISTER_MODE_MISSING, 0 };
	struct uffd_msg message;
	pthread_t thread;

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		return 77;
	pthread_create(&thread, NULL, unmap, at);
	usleep(100000); /* it waits, or will: that nobody has read is all that counts */
	printf("ready %d\n", getpid());
	await_line();
	if (read(fd, &message, sizeof(message)) < 0)
		return 1;
	pthread_join(thread, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "counted"))
		status = counted();
	else if (argc > 1 && !strcmp(argv[1], "refused"))
		status = refused();
	else if (argc > 1 && !strcmp(argv[1], "blocked"))
		return blocked();
	if (status == 0)
		await_line();
	return status;
}
