/* The one description of the tables, of which both dialects' statements are made. */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "types.h"

enum relation_id { /* in the order in which they refer to each other, as far as there is one */
	TRACE, PROCESSES, ARGUMENTS, THREADS, SITES, FRAMES, EVENTS, MAP_CALLS_MADE, MARKS, BLOCKS,
	MAPS,
	RELATIONS
};

enum { TRACE_VERSION, TRACE_BEGAN_US, TRACE_COMPLETE };
enum { PROCESS_ID, PROCESS_PID, PROCESS_PARENT, PROCESS_HOW, PROCESS_EXE, PROCESS_BEGAN,
       PROCESS_ENDED, PROCESS_ENDING, PROCESS_STATUS };
enum { ARGUMENT_PROCESS, ARGUMENT_POSITION, ARGUMENT_VALUE };
enum { THREAD_ID, THREAD_PROCESS, THREAD_TID, THREAD_BEGAN, THREAD_ENDED };
enum { SITE_ID, SITE_PROCESS, SITE_NUMBER, SITE_FUNCTION };
enum { FRAME_SITE, FRAME_POSITION, FRAME_ADDRESS, FRAME_MODULE, FRAME_BUILD_ID, FRAME_FUNCTION,
       FRAME_SYMBOL, FRAME_OFFSET, FRAME_FILE, FRAME_LINE, FRAME_INLINED };
enum { EVENT_ID, EVENT_PROCESS, EVENT_THREAD, EVENT_TIME, EVENT_KIND, EVENT_FUNCTION, EVENT_SITE,
       EVENT_BLOCK, EVENT_ADDRESS, EVENT_SIZE, EVENT_USABLE, EVENT_FREED, EVENT_FREED_ADDRESS,
       EVENT_FREED_SIZE, EVENT_STATE };
enum { CALL_EVENT, CALL_NAME, CALL_ARG, /* MAP_CALL_ARGS of them */
       CALL_RESULT = CALL_ARG + 6, CALL_ERROR, CALL_ORIGIN };
enum { MARK_EVENT, MARK_ACTION, MARK_NAME, MARK_DETAIL };
enum { BLOCK_ID, BLOCK_PROCESS, BLOCK_THREAD, BLOCK_SITE, BLOCK_ADDRESS, BLOCK_SIZE, BLOCK_USABLE,
       BLOCK_BESIDE, BLOCK_ALLOC_EVENT, BLOCK_ALLOCATED, BLOCK_FREE_EVENT, BLOCK_FREED,
       BLOCK_FREE_THREAD, BLOCK_LIFETIME, BLOCK_INHERITED, BLOCK_FORGOTTEN };
enum { MAP_PROCESS, MAP_ADDRESS, MAP_SIZE, MAP_ORIGIN, MAP_SITE, MAP_THREAD, MAP_PROT, MAP_SHARED,
       MAP_FILE, MAP_OFFSET, MAP_AGE };

#define COLUMNS_MAX 16

struct column {
	const char *name; /* no word that either dialect keeps for itself */
	enum { COLUMN_NUMBER, COLUMN_TEXT } type; /* 64 bits, signed; UTF-8 */
	bool key;         /* of the primary key */
	bool required;    /* never NULL */
	enum relation_id to; /* whose id it is; TRACE: nobody's */
};

struct relation {
	const char *name;
	struct column columns[COLUMNS_MAX];
	unsigned count;
	bool late; /* a row has a first form, which another with the same key replaces at its end */
};

struct index {
	enum relation_id on;
	unsigned char columns[2];
	unsigned count;
};

#define SCHEMA_VERSION 1

extern const struct relation relations[RELATIONS];
extern const struct index indices[];
extern const size_t index_count;

#endif
