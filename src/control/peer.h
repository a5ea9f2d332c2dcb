/* One client of the control socket, as the session sees it. */
#ifndef PEER_H
#define PEER_H

#include "control.h"

enum peer_state {
	PEER_NONE,
	PEER_READING,
	PEER_ASKS,    /* a whole line is there */
	PEER_WAITS,   /* for its answer */
	PEER_WRITING  /* it is being sent */
};

struct peer {
	enum peer_state state;
	int fd;
	uint64_t number;
	uint64_t since_ms; /* in this state, or with the last byte it took */
	bool half_closed;  /* it will say nothing more */
	bool ends;         /* once this answer is sent */
	char in[CONTROL_LINE];
	size_t in_len, line_len;
	char *out;  /* what is to be sent first, */
	size_t out_len, out_at;
	int file;   /* and then; -1: nothing */
	uint64_t file_left;
};

void peer_begin(struct peer *, int fd, uint64_t number);
/* All that is there and fits. False: it has gone. */
bool peer_read(struct peer *);
/* With file (or -1) behind the text. False: it has gone, or there is no memory. */
bool peer_answer(struct peer *, enum control_status, const char *text, size_t len, int file);
bool peer_write(struct peer *); /* what it takes; the same */
bool peer_is_late(const struct peer *, uint64_t now_ms);
void peer_end(struct peer *);

#endif
