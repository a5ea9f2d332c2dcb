/* How rows get into a file. All but open and close is called by the queue's thread. */
#ifndef DIALECT_H
#define DIALECT_H

#include "batch.h"
#include "sql.h"

struct store { /* a dialect's own begins with it */
	const struct dialect *dialect;
	char why[SQL_WHY]; /* when something has failed */
};

struct dialect {
	bool replaces; /* rows of late relations are wanted in their first form, too */
	/* Is the file fit to be written? It stays as it is. NULL, and why. */
	struct store *(*open)(const char *path, char why[SQL_WHY]);
	/* These are false when it has failed, for good. */
	bool (*begin)(struct store *); /* in place of what was there */
	bool (*write)(struct store *, const struct batch *);
	bool (*finish)(struct store *); /* indices and the like */
	/* untouched: nothing was begun; what open has made is to go. False: it has failed only now. */
	bool (*close)(struct store *, bool untouched);
};

extern const struct dialect sqlite_dialect, postgres_dialect;

struct store *store_new(const struct dialect *, size_t size, char why[SQL_WHY]);
/* Always false. A format that ends in ':' gets strerror(errno) appended. */
bool store_fails(struct store *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
