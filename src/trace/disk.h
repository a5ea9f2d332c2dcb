/* A thread that packs blocks and writes them, so that nobody waits for the disk. */
#ifndef DISK_H
#define DISK_H

#include "form.h"

struct disk;

struct disk *disk_open(const char *path); /* NULL with errno */
/* Takes the bytes over. Whatever cannot be kept ends the writing, for good. */
void disk_put(struct disk *, const struct block *, struct wire *);
int disk_error(struct disk *); /* an errno, or 0; ENOBUFS: more is to be written than is kept */
/* Writes all that is left, then what ends a file. The same errno. */
int disk_close(struct disk *);

#endif
