#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int mem_open(pid_t tid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int mem_read(int mem, taddr_t addr, void *buf, size_t len)
{
	return pread(mem, buf, len, (off_t)addr) == (ssize_t)len ? 0 : -EFAULT;
}

int mem_write(int mem, taddr_t addr, const void *buf, size_t len)
{
	return pwrite(mem, buf, len, (off_t)addr) == (ssize_t)len ? 0 : -EFAULT;
}

#define CHUNK 256 /* divides a page: no read crosses into one that is not there */

uint64_t mem_string(int mem, taddr_t addr, uint64_t most)
{
	uint64_t len = 0;
	char chunk[CHUNK];

	while (len < most) {
		size_t want = CHUNK - (addr + len) % CHUNK, got;

		want = most - len < want ? most - len : want;
		if (mem_read(mem, addr + len, chunk, want) < 0)
			return len;
		got = strnlen(chunk, want);
		len += got;
		if (got < want)
			return len;
	}
	return len;
}
