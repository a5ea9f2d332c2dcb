#include "privilege.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "types.h"

#define SCRIPTS_DEEP 5 /* a script may be another's interpreter, execve(2) */

bool privilege_survives_us(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[CAP_TO_INDEX(CAP_SYS_PTRACE)].effective & CAP_TO_MASK(CAP_SYS_PTRACE));
}

static bool file_gives(const char *path)
{
	struct stat stat_;

	if (stat(path, &stat_) < 0 || !S_ISREG(stat_.st_mode))
		return false;
	return ((stat_.st_mode & S_ISUID) && stat_.st_uid != geteuid()) ||
	       /* without the group's x bit it once meant mandatory locking */
	       ((stat_.st_mode & S_ISGID) && (stat_.st_mode & S_IXGRP) &&
	        stat_.st_gid != getegid()) ||
	       getxattr(path, "security.capability", NULL, 0) > 0;
}

/* The interpreter that the file's first line names; out holds PATH_MAX. */
static bool find_interpreter(const char *path, char *out)
{
	char line[256] = ""; /* BINPRM_BUF_SIZE, linux/binfmts.h */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *from = line + 2;
	ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	if (len < 3 || memcmp(line, "#!", 2) != 0)
		return false;
	from += strspn(from, " \t");
	len = strcspn(from, " \t\n");
	memcpy(out, from, len);
	out[len] = '\0';
	return len > 0;
}

bool privilege_lost(const char *path)
{
	char script[PATH_MAX], interpreter[PATH_MAX];

	if (privilege_survives_us() || strlen(path) >= sizeof(script))
		return false;
	strcpy(script, path);
	for (unsigned i = 0; i < SCRIPTS_DEEP && find_interpreter(script, interpreter); i++)
		strcpy(script, interpreter);
	return file_gives(script);
}
