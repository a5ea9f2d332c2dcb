/* What of the target's memory is in RAM, and for whom. */
#ifndef RESIDENCE_H
#define RESIDENCE_H

#include <sys/types.h>

#include "heap.h"

struct resident_file { /* one run of mappings of it */
	char *path;
	uint64_t inode, dev;
	uint64_t bytes, resident;
};

enum rss_part {
	RSS_LIVE, RSS_ALLOCATOR, RSS_APP, RSS_LIBC, RSS_LOADER, RSS_EARLIER, RSS_STACKS,
	RSS_COPIES, RSS_FILES, RSS_SHARED, RSS_KERNEL, RSS_PARTS
};

struct residence { /* all zero: never looked */
	bool known;
	bool has_parts; /* RSS was asked to be taken apart */
	struct resident_file *files; /* by path */
	size_t file_count, file_capacity;
	uint64_t parts[RSS_PARTS], live_absent;
};

/* Of what is mapped and of each site too. To be called while nobody maps. */
void residence_look(struct heap *);
void residence_forget(struct heap *); /* what was seen is not so any more */
/* The file's path as it was mapped, or NULL. */
const char *residence_path(const struct residence *, uint64_t inode, uint64_t dev);
void residence_deinit(struct residence *);

#endif
