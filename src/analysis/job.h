/* The resolving of one module, shared by the files that plan its traps. */
#ifndef JOB_H
#define JOB_H

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
};

struct found *job_found_at(struct job *, taddr_t vaddr); /* or NULL */
/* What cfg.h asks; ctx is the job. */
bool job_bounds(void *ctx, taddr_t vaddr, struct cfg_bounds *);
bool job_is_function(void *ctx, taddr_t vaddr);
taddr_t job_own(void *ctx, const char *name);
void job_tell(struct job *, const char *sentence); /* to the plan's note */
/* The same: of found, what is the matter, and why. */
void job_note(struct job *, const struct found *, const char *what, const char *why);
bool job_add(struct plan *, const struct probe *); /* false: no memory */
bool job_is_planned(const struct plan *, taddr_t begin, taddr_t end);
/* The instruction at vaddr as it stands in the target; 0 or a negative errno. */
int job_decode(const struct job *, taddr_t vaddr, struct decoded *);
/* Is the byte at vaddr the first of an instruction? Decodes its function from the begin. */
bool job_is_insn(struct job *, taddr_t vaddr);
struct probe job_probe(struct job *, taddr_t vaddr, const struct decoded *, enum probe_kind,
                       uint32_t function);

#endif
