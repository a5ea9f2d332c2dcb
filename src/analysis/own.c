/* An operator that is an allocator in itself has a way from its begin to a return on which it
 * calls no function that is traced anyway, nor one that nobody knows: jemalloc's, tcmalloc's and
 * mimalloc's take a block from a cache so. libstdc++'s operator new has none: whatever it does,
 * malloc was called before.
 *
 * A delete is what its module's news are. By itself it would be mistaken: one that counts blocks
 * and calls free for them has a way without, that of the null pointer. */
#include "own.h"

#include <string.h>

#define DEPTH_MAX 3      /* functions that call each other */
#define INSNS_MAX 4000   /* of one operator, with those it calls */

struct search { /* of one function */
	struct job *job;
	struct table seen;
	size_t *left; /* of INSNS_MAX */
	unsigned depth;
};

static bool has_way(struct search *, taddr_t vaddr);

/* What allocators call of others that hands out no block. */
static const char *const helpers[] = {
	"__tls_get_addr", "__errno_location", "strlen", "memchr", "sched_yield", "pthread_self",
	"pthread_mutex_lock", "pthread_mutex_trylock", "pthread_mutex_unlock",
	"pthread_getspecific", "pthread_setspecific",
};

static bool is_helper(const char *name)
{
	for (unsigned i = 0; i < countof(helpers); i++)
		if (strcmp(name, helpers[i]) == 0)
			return true;
	return catalog_returns_argument(name);
}

/* Of one that an allocator has beside the standard's, for its operators too. */
static bool is_private(int entry)
{
	return entry != CATALOG_NONE && !catalog_is_standard(entry);
}

/* The symbol of a slot that is jumped or called through, at once or by a PLT stub. */
static const char *slot_name(struct job *job, const struct decoded *insn)
{
	taddr_t stub = insn->target ? insn->target - job->module->bias : 0;
	struct decoded next = *insn;

	for (int i = 0; stub && i < 2; i++, stub += next.len)
		if (job_decode(job, stub, &next) < 0 || next.flow == FLOW_JUMP)
			break;
	if (!next.slot || (stub && next.flow != FLOW_JUMP))
		return NULL;
	return elf_slot_name(&job->module->elf, next.slot - job->module->bias);
}

/* Where to, in this module; 0: *entry says of what elsewhere, or nobody knows. */
static taddr_t destination(struct job *job, const struct decoded *insn, int *entry)
{
	const char *name = slot_name(job, insn);
	taddr_t vaddr = insn->target ? insn->target - job->module->bias : 0;
	const struct found *found;

	*entry = name ? catalog_find(name) : CATALOG_NONE;
	if (name)
		vaddr = *entry == CATALOG_NONE ? job_own(job, name) : 0;
	found = vaddr ? job_found_at(job, vaddr) : NULL;
	if (found)
		*entry = found->entry;
	return found ? 0 : vaddr;
}

static bool goes_on_behind(const struct search *search, const struct decoded *call)
{
	struct search inner = { search->job, .left = search->left, .depth = search->depth + 1 };
	int entry;
	taddr_t callee = destination(search->job, call, &entry);
	const char *name = slot_name(search->job, call);
	bool goes;

	if (!callee || search->depth == DEPTH_MAX)
		return callee || is_private(entry) || (name && is_helper(name));
	goes = has_way(&inner, callee);
	table_deinit(&inner.seen);
	return goes;
}

static bool is_end(struct search *search, const struct decoded *jump, taddr_t *to)
{
	int entry;

	*to = destination(search->job, jump, &entry);
	return !*to && is_private(entry);
}

static bool has_way(struct search *search, taddr_t vaddr)
{
	struct decoded insn;
	uint64_t *seen;
	taddr_t to;

	for (;; vaddr += insn.len) {
		seen = table_put(&search->seen, vaddr);
		if (!seen || *seen || !*search->left ||
		    job_decode(search->job, vaddr, &insn) < 0)
			return false;
		*seen = 1;
		--*search->left;
		switch (insn.flow) {
		case FLOW_RET:
			return true;
		case FLOW_STOP:
			return false;
		case FLOW_CALL:
			if (!goes_on_behind(search, &insn))
				return false;
			break;
		case FLOW_JUMP:
			return is_end(search, &insn, &to) || (to && has_way(search, to));
		case FLOW_BRANCH:
			if (is_end(search, &insn, &to) || (to && has_way(search, to)))
				return true;
			break;
		}
	}
}

static bool is_own(struct job *job, const struct found *found)
{
	size_t left = INSNS_MAX;
	struct search search = { .job = job, .left = &left };
	bool own;

	for (unsigned i = 0; i < found->aliases.count; i++)
		if (is_private(found->aliases.entries[i]))
			return true;
	own = has_way(&search, found->vaddr);
	table_deinit(&search.seen);
	return own;
}

static bool make_own(struct job *job, enum heap_kind kind)
{
	bool any = false;

	for (size_t i = 0; i < job->found_count; i++) {
		struct found *found = &job->found[i];

		if (!catalog_is_name(found->entry) || !catalog_is_operator(found->entry) ||
		    catalog_kind(found->entry) != kind || !is_own(job, found))
			continue;
		found->entry = catalog_own(found->entry);
		any = true;
	}
	return any;
}

void own_operators(struct job *job)
{
	if (make_own(job, HEAP_ALLOC))
		make_own(job, HEAP_FREE);
}

bool own_leads_out(struct job *job, const struct cfg *cfg)
{
	const struct table_slot *at;
	struct decoded insn;
	int entry;

	for (size_t i = 0; (at = table_next(&cfg->seen, &i));)
		if (job_decode(job, at->key, &insn) == 0 &&
		    (insn.flow == FLOW_CALL || insn.flow == FLOW_JUMP) &&
		    !destination(job, &insn, &entry))
			return true;
	return false;
}
