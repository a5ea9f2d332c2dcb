/* Where a report goes, and as what. */
#ifndef DEST_H
#define DEST_H

#include "output.h"
#include "sql.h"
#include "stream.h"

enum dest_kind { DEST_FILE, DEST_FD, DEST_PIPE, DEST_TCP, DEST_UNIX };

struct dest {
	const struct stream_format *stream; /* or NULL: it is of reports, */
	const struct sql_format *sql;       /* or NULL: a database, */
	const struct output *output;        /* or NULL */
	enum dest_kind kind;
	const char *path; /* all but FD: the command line's own */
	int fd;           /* FD, */
	bool closed;      /* which nobody has given us */
};

/* [FORMAT:]DEST; false: not well-formed. */
bool dest_parse(struct dest *, const char *text);
/* Can it be written, as far as that can be told beforehand? 0 or -errno. */
int dest_check(const struct dest *);
/* A fifo's end for writing; -1 with errno, which is ENOSTR where there is something else. */
int dest_open_fifo(const char *path, int flags);
/* Is its reader another program, which may never read? */
bool dest_has_reader(const struct dest *);
/* One whole report; number: of the dump, 0 for the final one. A file appears whole
 * or not at all. 0, or -errno after saying so. */
int dest_write(const struct dest *, struct report *, unsigned number);

bool dest_has(const char *path, char what); /* 'p': %p, and so on */
/* A stream's path with its %p and %t, and % for %%. The caller frees; NULL: no memory. */
char *dest_stream_path(const char *path, int pid);

/* An error of the program, at once, if it is a stream of text whose reader keeps up: reports have it
 * too. Failures are theirs to tell. */
void dest_tell(const struct dest *, const struct report *, const struct heap_error *);

#endif
