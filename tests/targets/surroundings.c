/* Prints what a program can learn about how it was started, but for what must
 * differ: process numbers, times and addresses. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void arguments(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("argv %d %s\n", i, argv[i]);
	for (char **at = environ; *at; at++)
		printf("environ %s\n", *at);
	printf("execfn %s secure %lu\n", (char *)getauxval(AT_EXECFN), getauxval(AT_SECURE));
}

static void place(void)
{
	char cwd[4096];
	mode_t mask = umask(0);

	printf("cwd %s umask %o\n", getcwd(cwd, sizeof(cwd)), mask);
}

static void job(void)
{
	int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC);

	printf("group %d session %d terminal %d\n", getpgrp(), getsid(0),
	       terminal < 0 ? -1 : tcgetpgrp(terminal));
	printf("in the foreground %d\n", terminal >= 0 && tcgetpgrp(terminal) == getpgrp());
	if (terminal >= 0)
		close(terminal);
}

static void signals(void)
{
	struct sigaction action;
	sigset_t blocked, pending;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	sigpending(&pending);
	for (int number = 1; number < NSIG; number++) {
		if (sigaction(number, NULL, &action))
			continue;
		printf("signal %d %s blocked %d pending %d\n", number,
		       action.sa_handler == SIG_IGN ? "ignored" : "default",
		       sigismember(&blocked, number), sigismember(&pending, number));
	}
}

static void descriptors(void)
{
	char link[64], path[4096];
	ssize_t length;

	for (int fd = 0; fd < 1024; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, path, sizeof(path) - 1);
		if (length < 0)
			continue;
		path[length] = 0;
		printf("fd %d %s flags %o %o\n", fd, path, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	}
}

static void limits(void)
{
	struct rlimit limit;

	for (int which = 0; which < RLIM_NLIMITS; which++) {
		getrlimit(which, &limit);
		printf("limit %d %llu %llu\n", which, (unsigned long long)limit.rlim_cur,
		       (unsigned long long)limit.rlim_max);
	}
}

static void scheduling(void)
{
	cpu_set_t cpus;

	errno = 0;
	printf("nice %d policy %d slack %d\n", getpriority(PRIO_PROCESS, 0),
	       sched_getscheduler(0), prctl(PR_GET_TIMERSLACK));
	sched_getaffinity(0, sizeof(cpus), &cpus);
	printf("cpus %d of", CPU_COUNT(&cpus));
	for (int cpu = 0; cpu < 64; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			printf(" %d", cpu);
	printf("\n");
}

static void manners(void)
{
	int death = -1, reaper = -1;

	prctl(PR_GET_PDEATHSIG, &death);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	printf("pdeathsig %d reaper %d dumpable %d securebits %d personality %x\n", death, reaper,
	       prctl(PR_GET_DUMPABLE), prctl(PR_GET_SECUREBITS), personality(0xffffffff));
}

static void file(const char *path, const char *const *prefixes)
{
	FILE *in = fopen(path, "re");
	char line[512];

	while (in && fgets(line, sizeof(line), in))
		for (const char *const *prefix = prefixes; *prefix; prefix++)
			if (!strncmp(line, *prefix, strlen(*prefix)))
				printf("%s %s", path, line);
	if (in)
		fclose(in);
}

static void kernel_view(void)
{
	static const char *const status[] = { "Name",   "Uid",        "Gid",     "Groups", "Cap",
		                              "Seccomp", "NoNewPrivs", "SigPnd",  "SigBlk", "SigIgn",
		                              "SigCgt", "ShdPnd",     "Cpus",    "Threads", NULL };
	static const char *const everything[] = { "", NULL };

	file("/proc/self/status", status);
	file("/proc/self/oom_score_adj", everything);
	file("/proc/self/coredump_filter", everything);
	file("/proc/self/cgroup", everything);
}

int main(int argc, char **argv)
{
	signals();
	descriptors();
	arguments(argc, argv);
	place();
	job();
	limits();
	scheduling();
	manners();
	kernel_view();
	return 0;
}
