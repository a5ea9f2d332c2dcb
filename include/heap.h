/* The questions a report asks of the analysis. Everything handed out belongs
 * to the analysis and is valid until the next record is applied. */
#ifndef HEAP_H
#define HEAP_H

#include "types.h"

struct heap;

struct heap_totals { /* bytes are requested bytes; calls are outermost calls */
	uint64_t allocs, frees, bytes_allocated, bytes_freed;
	uint64_t live_blocks, live_bytes, peak_live_bytes;
	uint64_t peak_ms; /* when that was, since the trace began */
	uint64_t inherited_blocks, inherited_bytes; /* were live when its parent forked */
	uint64_t forgotten_blocks, forgotten_bytes; /* were live when it was switched off */
};

enum heap_kind { HEAP_ALLOC, HEAP_REALLOC, HEAP_FREE };

struct heap_function {
	const char *name; /* "malloc", "operator new(unsigned long)" */
	uint8_t kind;     /* enum heap_kind */
	uint64_t calls;   /* all of them, failed ones and free(NULL) included */
	uint64_t failed;  /* ALLOC, REALLOC: no block came back though one was asked for */
	uint64_t null;    /* FREE: calls with a null pointer */
	uint64_t bytes;   /* requested, of the calls that succeeded */
};

struct heap_site { /* one function called from one stack */
	uint32_t id;          /* from 1, in order of first use; stable */
	const char *function; /* as heap_function.name */
	uint64_t live_blocks, live_bytes;
	uint64_t peak_bytes; /* the most it ever held itself */
	uint64_t at_peak_blocks, at_peak_bytes; /* held when the program held most */
	uint64_t allocs, frees;
	uint64_t first_ms, last_ms; /* of its allocations, since the trace began */
	const char *symbol; /* the function's name as linkers have it: "_Znwm" */
};

struct heap_frame { /* innermost first; strings may be NULL where noted */
	taddr_t address;       /* as it stood in the target (a return address) */
	const char *module;    /* path, "[vdso]", "[anon]": memory of no file; or NULL */
	const char *build_id;  /* hex, or NULL */
	const char *function;  /* demangled, or NULL */
	uint64_t offset;       /* from the function's start, or the module's when there is none */
	const char *file;      /* or NULL */
	int line;              /* 0: unknown */
	bool inlined;          /* into the next one that is not, whose address it has */
	const char *symbol;    /* the function's name as linkers have it, without version; or NULL */
};

enum heap_text { HEAP_TEXT_UNKNOWN, HEAP_TEXT_IDENTICAL, HEAP_TEXT_DIFFERS };

struct heap_ledger {
	uint64_t missed_calls;     /* calls that never returned, or whose end was not seen */
	uint64_t unknown_frees;    /* free of an address nobody was seen to allocate */
	uint64_t double_frees;     /* free of a block already freed and not handed out since */
	uint64_t earlier_calls;    /* begun before the attach, ended since */
	uint64_t earlier_frees;    /* of blocks from before the attach, as far as can be told */
	bool off;                  /* it is switched off: nothing of what is called is seen */
	uint64_t off_times, off_ms; /* it was, and is no more. Earlier is then before that, too */
	enum heap_text text;       /* the target's, after the detach */
	uint64_t loader_frees;     /* free of what the dynamic loader handed out itself */
	uint64_t truncated_stacks; /* ended before the depth asked and before the bottom */
	uint64_t stalls;           /* the target waited for the analysis */
	const char *const *unsymbolised_modules; /* seen in printed stacks, without symbols */
	size_t unsymbolised_module_count;
	const char *const *notes; /* sentences */
	size_t note_count;
};

enum heap_error_kind {
	HEAP_DOUBLE_FREE, /* of a block already freed and not handed out since */
	HEAP_MIDDLE_FREE, /* of an address inside a live block */
	HEAP_WILD_FREE,   /* of an address nobody was seen to allocate */
	HEAP_MISMATCH,    /* of a block of another family of functions: new, free */
	HEAP_ERROR_KINDS
};

struct heap_error { /* of the program; what is alike from one stack is one */
	enum heap_error_kind kind;
	const char *function; /* that was to free it, as heap_function.name */
	uint64_t count;
	taddr_t address;      /* the first time, as is all below */
	int tid;
	uint64_t time_ms;     /* since the trace began */
	uint32_t site;        /* its stack, or 0 */
	taddr_t block;        /* that is meant, where one is known; or 0 */
	uint64_t size;        /* of it, as long as it lives; else 0 */
	uint32_t alloc_site;  /* where it was allocated, or 0 */
	uint32_t free_site;   /* where it was freed, or 0 */
	uint64_t freed_ms;    /* when */
	uint32_t by;          /* the analysis's number of that function */
	bool doubted;         /* that function is not known to be one that frees, yet */
};

enum heap_sort { HEAP_BY_BYTES, HEAP_BY_BLOCKS, HEAP_BY_CALLS, HEAP_BY_PEAK, HEAP_SORTS };

/* Which sites and blocks. With a minimum, only blocks that reach it count as live, and
 * sites without one are left out. A pattern is a part of a function's, file's or
 * module's name on the stack; '*' in it stands for anything. */
struct heap_query {
	enum heap_sort sort;
	uint64_t min_size; /* bytes */
	uint64_t min_age_ms, now_ms; /* since the trace began */
	const char *const *match, *const *hide;
	size_t match_count, hide_count;
};

struct heap_block {
	taddr_t address;
	uint64_t size; /* requested */
	uint32_t site;
	int tid;       /* of the thread that allocated it */
	uint64_t age_ms;
};

/* Who has mapped memory. An allocator other than libc's has a number of its own above. */
enum heap_origin { HEAP_APP, HEAP_LIBC_MALLOC, HEAP_LIBC, HEAP_LOADER, HEAP_THREAD_STACK,
                   HEAP_KERNEL,  /* with the program */
                   HEAP_EARLIER, /* before the attach */
                   HEAP_UNSEEN,  /* by a call that was not seen: the kernel's list has it */
                   HEAP_ORIGINS };

/* Is what is known of the maps what /proc/PID/maps says? */
enum heap_maps_state { HEAP_MAPS_OFF, HEAP_MAPS_UNKNOWN, HEAP_MAPS_IDENTICAL, HEAP_MAPS_DIFFER };

struct heap_map_calls {
	uint64_t calls, failed;
	uint64_t bytes; /* asked for, or given back */
};

struct heap_mapped { /* by one origin, now */
	const char *name;
	uint64_t bytes, maps;
	uint64_t resident; /* bytes in memory, at the last comparison */
};

struct heap_maps {
	enum heap_maps_state state;
	uint64_t differences; /* ranges */
	uint64_t unordered;   /* calls whose order among others is not known */
	uint64_t truncated_stacks; /* as in the ledger, of such calls */
	const struct heap_map_calls *calls; /* by enum map_call_kind */
	const struct heap_mapped *origins;
	size_t origin_count;
	uint64_t places;   /* trapped for it, in the modules mapped now */
	uint64_t any_places; /* of them, those for whatever system call */
	uint64_t bytes;    /* mapped now */
	int64_t net_bytes; /* more than when tracing began */
	bool resident_known; /* the last comparison could look at what is in memory */
};

struct heap_map_site { /* one system call from one stack */
	uint32_t id;      /* for heap_stack */
	const char *call; /* "mmap" */
	const char *origin;
	uint64_t bytes, maps; /* mapped now */
	uint64_t resident;    /* bytes in memory, at the last comparison */
	uint64_t calls, first_ms, last_ms;
};

struct heap_library { /* one file; bytes, resident ones at the last comparison */
	const char *path; /* or "[anon]": code of no file */
	uint64_t mapped, mapped_resident; /* what its code has mapped, but for files */
	uint64_t file, file_resident;     /* what is mapped of it */
};

/* A figure of /proc/PID/status at the last comparison, in bytes. */
struct heap_vm_figure {
	const char *name; /* as there, proc(5): "VmPeak" */
	uint64_t bytes;
	int64_t since_last; /* more than at the comparison before, or than at first */
	int64_t since_start;
};
#define HEAP_VM_FIGURES 15

struct heap_rss_part {
	const char *name, *key; /* for people; for programs */
	uint64_t bytes;
};

/* What the target's memory is used for, at the last comparison. */
struct heap_rss {
	uint64_t bytes; /* the kernel's VmRSS; 0: nothing is known */
	const struct heap_rss_part *parts;
	size_t part_count;
	int64_t unaccounted;    /* what they are short of it */
	uint64_t live_absent;   /* bytes of live blocks that are not in memory */
	const char *verdict;    /* sentences */
};

struct heap_mapping { /* as far as one call has made it and the rest is still there */
	taddr_t address;
	uint64_t size;
	uint8_t prot; /* PROT_READ and so on, mmap(2) */
	bool shared, grows_down;
	const char *file; /* NULL: none, or not compared since */
	uint64_t offset;  /* in the file */
	const char *origin;
	uint32_t site;  /* that made it; 0: not known */
	int tid;        /* of the thread; 0: not known */
	uint64_t age_ms;
	taddr_t block;  /* the live block that it was mapped for, and counts as, or 0 */
};

/* How sure it is that a function is what it is taken for. */
enum heap_trust {
	HEAP_NAMED,     /* by its symbol */
	HEAP_ON_TRIAL,  /* found by its code, its calls are watched */
	HEAP_CONFIRMED, /* found by its code, and has done as such a function does */
	HEAP_REFUTED    /* it has not: nothing of it is counted */
};

struct heap_allocator { /* one function that was found in a module mapped now */
	const char *module;   /* path */
	const char *function; /* as heap_function.name */
	const char *table;    /* the symbol table that names it */
	taddr_t address;
	unsigned traps;       /* 0: it is not traced, a note says why */
	const char *two_stops; /* why a call is stopped at its begin and at its end; NULL: one
	                          stop serves for both, or its end is not looked at */
	uint64_t calls;       /* outermost ones */
	bool bound_known;     /* the target's memory is there to look at */
	uint64_t bound;       /* modules whose calls by its name get here, as far as the loader
	                         has bound them by now */
	enum heap_trust trust;
	uint64_t fitted;      /* ON_TRIAL, CONFIRMED: calls looked at that did as it should */
};

struct heap_cost { /* of tracing, known at the end of it; else 0 */
	uint64_t stops;      /* of all threads */
	uint64_t tracer_ns;  /* CPU time the tracer used */
	uint64_t watched_ns; /* while the traps stood */
};

/* In the order they were met. */
size_t heap_errors(const struct heap *, const struct heap_error **);
const char *heap_error_name(enum heap_error_kind); /* "double free" */
const struct heap_totals *heap_totals(const struct heap *);
/* Bytes that the live blocks have, which is more than was requested. False: not known, as the
 * allocator does not tell, or something has happened since the last comparison of the maps. */
bool heap_usable(const struct heap *, uint64_t *bytes);
/* Functions that were called, in the catalogue's order. */
size_t heap_functions(const struct heap *, const struct heap_function **);
/* Sites, best first; ties by id. The array is the caller's to free; NULL with
 * *count = 0 when there is no memory. Patterns resolve names. */
struct heap_site *heap_sites(struct heap *, const struct heap_query *, size_t *count);
/* Live blocks of those sites, largest first; ties by address. As above. */
struct heap_block *heap_blocks(struct heap *, const struct heap_query *, size_t *count);
/* The stack of a site, names resolved now and cached. Never NULL unless *count = 0. */
const struct heap_frame *heap_stack(struct heap *, uint32_t site, size_t *count);
/* The same with the standard library's frames between a container and its allocator,
 * which heap_stack leaves out unless raw stacks were asked for. */
const struct heap_frame *heap_whole_stack(struct heap *, uint32_t site, size_t *count);
/* The function that code is in, resolved now; until the next call. NULL: not known. */
const char *heap_code_name(struct heap *, taddr_t, uint64_t *offset);
/* Complete only after heap_stack was asked for all that will be printed. */
const struct heap_ledger *heap_ledger(const struct heap *);
/* By module; the array is the caller's to free; NULL with *count = 0: none, or no memory. */
struct heap_allocator *heap_allocators(const struct heap *, size_t *count);
struct heap_maps heap_maps(struct heap *);
/* Largest first; the array is the caller's to free. */
struct heap_map_site *heap_map_sites(struct heap *, size_t *count);
/* By address; the array is the caller's to free. NULL with *count = 0: none, or no memory. */
struct heap_mapping *heap_mappings(struct heap *, uint64_t now_ms, size_t *count);
/* Those with the most in memory first; the array is the caller's to free. */
struct heap_library *heap_libraries(struct heap *, size_t *count);
/* In the order of proc(5); 0: not known. */
size_t heap_vm(const struct heap *, const struct heap_vm_figure **);
struct heap_rss heap_rss(struct heap *); /* all 0: not asked for, or not known */
struct heap_cost heap_cost(const struct heap *);
void heap_threads(const struct heap *, uint64_t *live, uint64_t *total);
const char *heap_origin_name(const struct heap *, unsigned origin); /* of struct heap_event */

#endif
