/* The catalogue: what an exported symbol's name says about a function. */
#ifndef CATALOG_H
#define CATALOG_H

#include "fn.h"
#include "heap.h"
#include "record.h"

enum catalog_role {
	CATALOG_ALLOC,      /* hands out a block */
	CATALOG_REALLOC,    /* takes a block back, hands one out */
	CATALOG_FREE,       /* takes a block back */
	CATALOG_REF,        /* one that is to be taken back once more */
	CATALOG_UNREF,      /* takes it back when that is as often as it is to be */
	CATALOG_NAME_ALLOC, /* calls one of the above: only names the event */
	CATALOG_NAME_ROUNDS, /* the same, and asks it for more than it is asked for */
	CATALOG_NAME_FREE,
	CATALOG_LOADER      /* called when the loader has changed the modules */
};

#define CATALOG_NONE (-1)

struct catalog_entry {
	const char *symbol;
	const char *name; /* in reports */
	enum catalog_role role;
	/* Of what a record has of the arguments: */
	int8_t size, count; /* bytes = size, or size * count, */
	uint64_t bytes;     /* or this, where there is no size */
	int8_t block;       /* the block taken back */
	bool out_param;     /* the block is stored where the first points; 0 is success */
	bool in_place;      /* the result is the block's new size, or one below what was asked */
	bool is_string;     /* size: of the copy of a string; count: characters at most, or NONE */
	bool frees_anyway;  /* the block taken back is gone even if none is handed out */
	bool beside;        /* as struct fn has it */
	bool is_chain;      /* of blocks; where the next one's address is the record's second says, */
	int16_t chain;      /* or this; CATALOG_NONE */
	uint8_t args[RECORD_ARGS]; /* which of the call's they are */
};

extern const struct catalog_entry *catalog;
extern unsigned catalog_count;

/* Behind the others, one for each, whose strings stay the caller's; before any heap is made.
 * Returns the first one's index, or CATALOG_NONE: no memory. */
int catalog_add(const struct fn *, size_t count);

/* Does what it returns matter? */
static inline bool catalog_hands_out(const struct catalog_entry *entry)
{
	return entry->role == CATALOG_ALLOC || entry->role == CATALOG_REALLOC;
}

int catalog_find(const char *symbol); /* index, or CATALOG_NONE; none that was added */
enum heap_kind catalog_kind(int entry);
bool catalog_is_added(int entry);
bool catalog_is_name(int entry);
bool catalog_is_operator(int entry); /* one of C++'s */
/* The C library's, or an operator: not one that an allocator has beside these. */
bool catalog_is_standard(int entry);
/* Of an operator that calls none of the above: the row for it as an allocator itself. */
int catalog_own(int entry);
int catalog_counts_as(int entry); /* the first row with its name */
/* Functions that return their first argument (C11 7.24.2, 7.24.6): an allocator
 * may end by jumping to one. */
bool catalog_returns_argument(const char *symbol);

#endif
