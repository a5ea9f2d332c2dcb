/* The control socket of a session: a Unix stream socket that clients write a line to and read an
 * answer from. Nothing here blocks, but for control_ask; what a client does costs the session a
 * bounded amount of memory and of time.
 *
 * PROTOCOL. The session says first "alloctrace ctl VERSION PID\n" with its own number. A request
 * is a line of words with single spaces between, in which %XX is a byte: every byte that is no
 * printing one, a space or % is written so. A first word @PID says which of the processes traced
 * is meant. The answer is "ok LENGTH\n", "usage LENGTH\n" or "error LENGTH\n", and as many bytes:
 * of the last two a sentence. Any number of requests may follow one another. */
#ifndef CONTROL_H
#define CONTROL_H

#include <sys/types.h>

#include "types.h"

#define CONTROL_PROTOCOL 1
#define CONTROL_LINE 4096 /* bytes of a request, its end included */
#define CONTROL_WORDS 32
#define CONTROL_CLIENTS 32 /* at a time */
#define CONTROL_PATH 108

struct control_request {
	uint64_t client; /* its number; none comes twice */
	int pid;         /* 0: none was named */
	int count;
	char *words[CONTROL_WORDS + 1]; /* NULL behind the last */
	char line[CONTROL_LINE];        /* where they lie */
};

enum control_status { CONTROL_OK, CONTROL_USAGE, CONTROL_ERROR, CONTROL_STATUSES };

/* Takes a line, without its end, apart. NULL, or a static sentence: what is wrong with it. */
const char *control_parse(struct control_request *, const char *line, size_t len);
/* The other way round, with its end. False: too long. */
bool control_write_line(char line[CONTROL_LINE], int pid, int count, char *const words[]);

/* ---- the session's end ---- */

struct control;

/* Of this process. NULL with errno: there is no place for it. */
struct control *control_open(void);
int control_fd(const struct control *); /* to be polled for POLLIN, then: */
void control_serve(struct control *);
/* The next request that waits, until the next call; NULL: none. Each is to be answered once; its
 * client says nothing more before that. */
const struct control_request *control_take(struct control *);
/* To a client that has gone, nothing happens. */
void control_answer(struct control *, uint64_t client, enum control_status, const char *text,
                    size_t len);
void control_answer_file(struct control *, uint64_t client, int fd); /* all of it; takes fd over */
bool control_waits(const struct control *, uint64_t client); /* is it still there, for its answer? */
void control_close(struct control *); /* NULL: nothing */

/* ---- the client's end ---- */

/* Of the session that is, or traces, the process; 0: none found. */
pid_t control_session_of(pid_t);
/* A descriptor that has answered with our version; -1 with errno: EPROTO: with another. */
int control_connect(pid_t session);
/* Asks, and copies the answer to out, or to err, as it comes. -1 with errno: it broke off; where
 * that was behind its head the status is set. */
int control_ask(int fd, const char *line, int out, int err, enum control_status *);

#endif
