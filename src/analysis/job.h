/* The resolving of one module, shared by the files that plan its traps. */
#ifndef JOB_H
#define JOB_H

#include "address_set.h"
#include "cfg.h"
#include "resolve.h"

struct found { /* a catalogue symbol of the module under work */
	taddr_t vaddr;
	uint64_t size;
	int entry;
	struct aliases aliases;
	const char *table; /* the symbol table that names it */
};

struct job {
	struct decoder *decoder;
	struct module *module;
	struct functions *functions;
	struct plan *plan;
	struct found *found;
	size_t found_count;
	bool debug_symbols;           /* its own symbols say nothing, those elsewhere do */
	struct address_set emptiers; /* functions whose calls of free are the library's own */
};

/* The module's functions, as elf_each_function. */
void job_each_function(struct job *, bool (*each)(void *, const struct elf_symbol *), void *ctx);
struct found *job_found_at(struct job *, taddr_t vaddr); /* or NULL */
bool job_add_found(struct job *, const struct found *); /* false: no memory */
/* Of the function at vaddr; the cfg is to be freed either way. False: *why, a static string. */
bool job_walk(struct job *, taddr_t vaddr, struct cfg *, const char **why);
/* What cfg.h asks; ctx is the job. By the unwind table, which the program itself goes by, and where
 * it has no row by the sizes of symbols. */
bool job_bounds(void *ctx, taddr_t vaddr, struct cfg_bounds *);
bool job_is_function(void *ctx, taddr_t vaddr);
taddr_t job_own(void *ctx, const char *name);
void job_tell(struct job *, const char *sentence); /* to the plan's note */
/* The same: of found, what is the matter, and why. */
void job_note(struct job *, const struct found *, const char *what, const char *why);
bool job_add(struct plan *, const struct probe *); /* false: no memory */
bool job_is_planned(const struct plan *, taddr_t begin, taddr_t end);
/* NULL: a function may begin there; else why not. A static string. */
const char *job_why_no_function(struct job *, taddr_t vaddr);
/* The instruction at vaddr as it stands in the target; 0 or a negative errno. */
int job_decode(const struct job *, taddr_t vaddr, struct decoded *);
/* Is the byte at vaddr the first of an instruction? Decodes its function from the begin. */
bool job_is_insn(struct job *, taddr_t vaddr);
struct probe job_probe(struct job *, taddr_t vaddr, const struct decoded *, enum probe_kind,
                       uint32_t function);

#endif
