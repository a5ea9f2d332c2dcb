#include "pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proc_maps.h"

#define PAGE UINT64_C(4096)
#define PRESENT (UINT64_C(1) << 63) /* of an entry */
/* Of a mapping too large to have all its entries read, those are not looked at. */
#define ENTRIES_MAX ((UINT64_C(64) << 30) / PAGE)

/* linux/fs.h since 6.7, PAGEMAP_SCAN */
#define CATEGORY_PRESENT (UINT64_C(1) << 3)
#define CATEGORY_ZERO (UINT64_C(1) << 5)

struct page_region {
	uint64_t begin, end, categories;
};

struct scan {
	uint64_t size, flags, begin, end, walk_end, regions, region_count, page_max;
	uint64_t inverted, mask, any_of_mask, return_mask;
};

#define SCAN _IOWR('f', 16, struct scan)

int pagemap_open(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", proc_maps_task(pid));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct run { /* of pages in memory, not told of yet */
	taddr_t begin, end;
};

bool pagemap_each_entry(int fd, taddr_t begin, taddr_t end,
                        bool (*each)(void *ctx, taddr_t begin, taddr_t end), void *ctx)
{
	uint64_t entries[512];
	struct run run = { begin, begin };
	taddr_t at = begin;

	if ((end - begin) / PAGE > ENTRIES_MAX)
		return false;
	while (at < end) {
		size_t want = (end - at) / PAGE < 512 ? (end - at) / PAGE : 512;
		ssize_t got = pread(fd, entries, want * sizeof(*entries),
		                    (off_t)(at / PAGE * sizeof(*entries)));

		if (got < (ssize_t)sizeof(*entries))
			return false;
		for (size_t i = 0; i < got / sizeof(*entries); i++, at += PAGE) {
			if (!(entries[i] & PRESENT))
				continue;
			if (run.end != at && run.end > run.begin && !each(ctx, run.begin, run.end))
				return false;
			run.begin = run.end == at ? run.begin : at;
			run.end = at + PAGE;
		}
	}
	return run.end == run.begin || each(ctx, run.begin, run.end);
}

bool pagemap_each(int fd, taddr_t begin, taddr_t end,
                  bool (*each)(void *ctx, taddr_t begin, taddr_t end), void *ctx)
{
	struct page_region regions[256];
	struct scan scan = {
		.size = sizeof(scan), .begin = begin, .end = end, .regions = (uintptr_t)regions,
		.region_count = countof(regions), .inverted = CATEGORY_ZERO,
		.mask = CATEGORY_PRESENT | CATEGORY_ZERO, .return_mask = CATEGORY_PRESENT,
	};

	while (scan.begin < end) {
		int count = ioctl(fd, SCAN, &scan);

		if (count < 0)
			return scan.begin == begin && pagemap_each_entry(fd, begin, end, each, ctx);
		for (int i = 0; i < count; i++)
			if (!each(ctx, regions[i].begin, regions[i].end))
				return false;
		scan.begin = scan.walk_end;
	}
	return true;
}

static bool add(void *ctx, taddr_t begin, taddr_t end)
{
	*(uint64_t *)ctx += end - begin;
	return true;
}

uint64_t pagemap_bytes(int fd, taddr_t begin, taddr_t end)
{
	uint64_t bytes = 0;

	pagemap_each(fd, begin, end, add, &bytes);
	return bytes;
}
