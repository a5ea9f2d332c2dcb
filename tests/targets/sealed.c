/* sealed PROG [ARG...]: runs PROG as on a kernel that lets nobody write to another
 * process through /proc/PID/mem: what writes there at an offset fails with EIO. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAILS(number, rest)                                                              \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, rest, 0)

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		FAILS(SYS_pwrite64, 3),
		FAILS(SYS_pwritev, 2),
		FAILS(SYS_pwritev2, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		abort();
	execvp(argv[1], argv + 1);
	return 127;
}
