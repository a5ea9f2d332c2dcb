#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_path(const char *fmt, pid_t pid, const char *rest)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), fmt, pid, rest);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static bool is_exe(pid_t pid, const char *path)
{
	char link[32], exe[4200];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	len = readlink(link, exe, sizeof(exe) - 1);
	return len > 0 && strncmp(exe, path, len) == 0 && !path[len];
}

static int open_if_same(const char *fmt, pid_t pid, const char *rest, uint64_t inode)
{
	int fd = open_path(fmt, pid, rest);
	struct stat found;

	if (fd >= 0 && fstat(fd, &found) == 0 && found.st_ino == inode)
		return fd;
	if (fd >= 0)
		close(fd);
	return -ESTALE;
}

/* What of path is below the process's root, where that is but a folder of its mount
 * namespace, chroot(2), whose root the paths in maps begin at; else path. */
static const char *below_root(pid_t pid, const char *path)
{
	char link[32], root[4200];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/root", pid);
	len = readlink(link, root, sizeof(root) - 1);
	return len > 1 && strncmp(root, path, len) == 0 && path[len] == '/' ? path + len : path;
}

/* A mount may show another inode than the mapping has: the path alone has to do then. */
static int open_by_path(pid_t pid, const char *path, uint64_t inode)
{
	int fd = open_if_same("/proc/%d/root%s", pid, path, inode);

	if (fd < 0)
		fd = open_if_same("/proc/%d/root%s", pid, below_root(pid, path), inode);
	return fd < 0 ? open_path("/proc/%d/root%s", pid, path) : fd;
}

/* map_files opens the very file that is mapped, be it deleted or in another mount
 * namespace, but only for root; the program's own link is as good. The path through
 * the target's root is next best, where it is still the file's. */
int mapped_open(pid_t pid, taddr_t begin, taddr_t end, const char *path, uint64_t inode)
{
	char range[64];
	int fd;

	snprintf(range, sizeof(range), "%llx-%llx", (unsigned long long)begin,
	         (unsigned long long)end);
	fd = open_path("/proc/%d/map_files/%s", pid, range);
	if (fd >= 0)
		return fd;
	if (is_exe(pid, path))
		return open_path("/proc/%d/exe%s", pid, "");
	return mapped_is_gone(path) ? -ESTALE : open_by_path(pid, path, inode);
}

bool mapped_is_gone(const char *path)
{
	static const char suffix[] = " (deleted)";
	size_t len = strlen(path), tail = sizeof(suffix) - 1;

	return len > tail && strcmp(path + len - tail, suffix) == 0;
}
