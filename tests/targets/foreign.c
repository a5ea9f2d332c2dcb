/* Makes system calls by code that it writes. Says "ready PID" and, after a line, either has
 * calls that map `refused` by a filter of its own that traps, or makes `other` calls, those of
 * the 32-bit table that have numbers of calls that map. Says "done"; after a line it ends. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, MAP_AT = 0, CALL_AT = 64, OTHER_AT = 128, CHDIR_32 = 12, STIME_32 = 25 };

/* mov r10, rcx; mov eax, SYS_mmap; syscall; ret: only for being found */
static const unsigned char map_code[] = { 0x49, 0x89, 0xca, 0xb8, SYS_mmap, 0, 0, 0, 0x0f, 0x05,
	                                  0xc3 };
/* mov eax, edi; mov rdi, rsi; mov rsi, rdx; syscall; ret */
static const unsigned char call_code[] = { 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6,
	                                   0x0f, 0x05, 0xc3 };
/* push rbx; mov eax, edi; mov ebx, esi; int 0x80; pop rbx; ret */
static const unsigned char other_code[] = { 0x53, 0x89, 0xf8, 0x89, 0xf3, 0xcd, 0x80, 0x5b,
	                                    0xc3 };

static unsigned char *code;

static void write_code(void)
{
	code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED)
		abort();
	memcpy(code + MAP_AT, map_code, sizeof(map_code));
	memcpy(code + CALL_AT, call_code, sizeof(call_code));
	memcpy(code + OTHER_AT, other_code, sizeof(other_code));
	if (mprotect(code, PAGE, PROT_READ | PROT_EXEC))
		abort();
}

static void refuse(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

static void filter(void)
{
	const struct sigaction action = { .sa_sigaction = refuse, .sa_flags = SA_SIGINFO };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	sigaction(SIGSYS, &action, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		abort();
}

static void be_refused(void)
{
	long (*call)(int, void *, size_t) = (void *)(code + CALL_AT);

	filter();
	if (call(SYS_munmap, code, PAGE) != -EPERM || call(SYS_brk, NULL, 0) != -EPERM)
		abort();
}

static void make_others(void)
{
	int (*call)(int, long) = (void *)(code + OTHER_AT);
	char *low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (low == MAP_FAILED)
		abort();
	strcpy(low, "/");
	if (call(CHDIR_32, (long)low) || call(STIME_32, 0) != -EFAULT)
		abort();
}

int main(int argc, char **argv)
{
	char line[16];

	write_code();
	printf("ready %d\n", getpid());
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	if (argc > 1 && !strcmp(argv[1], "refused"))
		be_refused();
	else
		make_others();
	puts("done");
	fflush(stdout);
	return !fgets(line, sizeof(line), stdin);
}
