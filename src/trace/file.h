/* A recording as a list of blocks that can be read. */
#ifndef FILE_H
#define FILE_H

#include "form.h"

struct file {
	int fd;
	uint64_t size;
	struct block *blocks; /* in their order */
	size_t count, capacity;
	const char *damage;   /* what of it is not readable, or NULL */
	uint64_t damaged_at;
};

/* NULL, or what is wrong. All zero but fd is then left. */
const char *file_open(struct file *, int fd);
void file_close(struct file *);
/* The payload of one, whose bytes are the caller's to free. False: it is not as it was written,
 * which is noted, or there is no memory. */
bool file_read(struct file *, const struct block *, struct wire *);
void file_note_damage(struct file *, const char *what, uint64_t offset); /* the first one stays */

#endif
