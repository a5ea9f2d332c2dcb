/* The option table: the command line, --help, the man page and the completion. */
#ifndef OPTION_H
#define OPTION_H

#include "options.h"

enum option_kind { /* how a value is read, and what of struct options it is stored in */
	OPTION_FLAG,    /* bool; takes no value */
	OPTION_COUNT,   /* uint64_t, from 1 to max */
	OPTION_SIZE,    /* uint64_t, in bytes: N, or with K, M or G behind it */
	OPTION_SECONDS, /* uint64_t, in milliseconds: N or N.N */
	OPTION_CHOICE,  /* an enum: the place of the word in choices */
	OPTION_FOLDER,  /* const char *; has no colon, which separates folders */
	OPTION_LIST, /* one more of const char *[LIST_MAX], whose number is at count */
	OPTION_OUTPUT,  /* one more of dests, or of streams */
	OPTION_ON_FULL, /* unsigned: truncate is 0, rotate 1, rotate:K that number */
	OPTION_FN,      /* one more of fns, or a set */
	OPTION_POINT,   /* one more of points */
	OPTION_PRESET,  /* preset: sets several; takes no value */
	OPTION_TEXT,    /* const char *, not empty */
	OPTION_SECTIONS, /* unsigned, a set of FIGURES_ */
	OPTION_ACTION   /* run: prints something and ends */
};

enum option_place { /* in --help, which is one screen */
	OPTION_LINE,
	OPTION_NAMED,  /* seldom needed: its name, at the end */
	OPTION_MANUAL, /* still less: in the manual page only */
	OPTION_HIDDEN  /* made for scripts */
};

struct option {
	const char *name;     /* without the dashes */
	char letter;          /* or 0 */
	enum option_kind kind;
	const char *argument; /* what it takes, or NULL */
	size_t at, count;     /* offsets in struct options */
	uint64_t max;
	const char *const *choices; /* NULL behind the last */
	void (*run)(void);
	void (*preset)(struct options *);
	enum option_place place;
	const char *help;    /* one line of --help */
	const char *details; /* more for the man page, or NULL */
};

struct option_group {
	const char *title;
	const struct option *options;
	size_t count;
};

extern const struct option_group option_groups[];
extern const size_t option_group_count;

/* The next of all options, from *group = *at = 0 on; NULL behind the last. */
const struct option *option_next(size_t *group, size_t *at);
bool option_takes_value(const struct option *);
/* False: not a value it takes. */
bool option_set(const struct option *, struct options *, const char *value);

#endif
