/* An allocation is known by its size, which is there at the function's begin (or soon, where it
 * is calloc's product), and by its result, which is there at the end. Where the size is still
 * in a register shortly before the end, the entry's trap is put there: from it the tracer
 * emulates the few instructions up to the ret, whose trap it then meets without a second stop.
 * So a call is stopped once; where the same instructions stand elsewhere (twin.h), what was
 * emulated is for the record only.
 *
 * Which registers hold the size is followed along all ways through the function: a move copies
 * it, a call leaves it in those that the callee must preserve, whatever else writes a register
 * loses it there, and where two ways meet only what both agree on is kept. A way on which the
 * last copy is lost gets an early trap before that: its calls are pending from there on, and
 * stop twice. Where such a way joins others before the end, or leads back to its early trap, that
 * trap takes a call that is pending for one that has been seen.
 *
 * Traps stand in the function's own code only: what it jumps on to others may call, too. Every
 * ret must be covered by either, or all is left as it was; and so it is where the function may
 * call another allocator's, which would then be seen to begin first. */
#include "late.h"

#include <string.h>

#include "trap.h"
#include "ways.h"

#define TAIL_MAX 8   /* instructions between a late entry and the ret */
#define EARLY_MAX 4

/* ---- places --------------------------------------------------------------------------------- */

static bool may_stand(const struct ways *ways, const struct way_node *node)
{
	taddr_t addr = node->vaddr + ways->job->module->bias;

	return node->own && node->state.held && !node->insn.refuse &&
	       node->insn.flow == FLOW_NEXT && !node->state.top && !node->state.sp_unknown &&
	       !job_is_planned(ways->job->plan, addr, addr + 1);
}

/* Before the last copy is lost. Where no trap can stand it is lost for good. */
static void save(struct ways *ways, struct way_node *loses)
{
	struct way_node *at = loses;

	if (loses->tail)
		return;
	while (at && !may_stand(ways, at))
		at = ways_only_before(ways, at);
	if (!at || at->early)
		return;
	at->early = true;
	ways->early++;
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* True: every call that gets to the ret has been seen. */
static bool cover(const struct ways *ways, struct way_node *ret)
{
	struct way_node *at = ret;

	if (!ret->state.reached || ret->state.top)
		return true;
	for (int i = 0; i < TAIL_MAX && (at = ways_only_before(ways, at)) && !at->insn.refuse; i++)
		if (may_stand(ways, at)) {
			at->late = true;
			while (++at != ret)
				at->passed = true;
			return true;
		}
	return false;
}

static bool cover_all(const struct ways *ways)
{
	bool all = true;

	for (size_t i = 0; i < ways->cfg->exit_count; i++)
		all &= cover(ways, ways_at(ways, ways->cfg->exits[i].vaddr));
	for (size_t i = 0; i < ways->count; i++)
		all &= !ways->nodes[i].early || may_stand(ways, &ways->nodes[i]);
	return all;
}

static void mark_tails(const struct ways *ways)
{
	for (size_t i = 0; i < ways->cfg->exit_count; i++) {
		struct way_node *at = ways_at(ways, ways->cfg->exits[i].vaddr);

		for (int n = 0; at && n <= TAIL_MAX; n++, at = ways_only_before(ways, at))
			at->tail = true;
	}
}

/* An early trap found on the way changes what is behind it. */
static bool is_covered(struct ways *ways, taddr_t entry, bool of_product)
{
	unsigned early;

	mark_tails(ways);
	do {
		early = ways->early;
		ways_follow(ways, entry, of_product, save);
	} while (ways->early > early && ways->early <= EARLY_MAX);
	return ways->early == early && cover_all(ways);
}

static unsigned lowest(uint32_t held)
{
	unsigned reg = 0;

	while (!(held & 1u << reg))
		reg++;
	return reg;
}

static void add(const struct ways *ways, const struct way_node *node, uint32_t function)
{
	struct job *job = ways->job;
	struct probe probe = job_probe(job, node->vaddr, &node->insn, PROBE_ENTRY, function);

	probe.flags = PROBE_AWAIT | PROBE_LATE | (node->state.saved ? PROBE_SEEN : 0) | ways->flags;
	probe.arg = lowest(node->state.held);
	probe.slot_delta = -node->state.sp;
	job_add(job->plan, &probe);
}

static void add_pass(struct job *job, const struct way_node *node)
{
	struct probe probe = job_probe(job, node->vaddr, &node->insn, PROBE_PASS, NO_FUNCTION);

	job_add(job->plan, &probe);
}

static void add_all(const struct ways *ways, uint32_t function)
{
	for (size_t i = 0; i < ways->count; i++) {
		const struct way_node *node = &ways->nodes[i];

		if (node->early || node->late)
			add(ways, node, function);
		else if (node->passed)
			add_pass(ways->job, node);
	}
}

/* ---- for which functions --------------------------------------------------------------------- */

/* A jump to memset is one, for the block is its result and its first argument. */
static bool has_only_ends(const struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->exit_count; i++) {
		const struct cfg_exit *out = &cfg->exits[i];

		if (out->kind != CFG_RET && !(out->name && catalog_returns_argument(out->name)))
			return false;
	}
	return cfg->exit_count && !cfg->slot_followed;
}

static bool is_product(const struct catalog_entry *entry)
{
	return entry->count != CATALOG_NONE;
}

static const char *why_not_asked(const struct catalog_entry *entry)
{
	if (entry->role == CATALOG_REALLOC)
		return "the old block is gone before the new one is there";
	if (entry->out_param)
		return "its result is in memory";
	if (entry->size == CATALOG_NONE || entry->is_string)
		return "its size is no argument";
	return entry->role == CATALOG_ALLOC && (is_product(entry) || entry->size == 0) ?
	               NULL :
	               "its size is not its first argument";
}

/* A program that is linked statically may have an allocator of its own. */
static bool is_c_library_mark(void *ctx, const struct elf_symbol *symbol)
{
	*(bool *)ctx |= strcmp(symbol->name, "_int_malloc") == 0 ||
	                (strcmp(symbol->name, "__libc_start_main") == 0 &&
	                 strcmp(symbol->table, ".dynsym") == 0);
	return !*(bool *)ctx;
}

/* An allocator that stands before another one, as those that count or pad blocks do, must be
 * seen to begin before that one. What is behind a call is only known of the C library. */
static bool may_call_another(const struct ways *ways)
{
	struct job *job = ways->job;
	bool is_c_library = job->module->is_glibc;

	job_each_function(job, is_c_library_mark, &is_c_library);
	for (size_t i = 0; i < ways->count; i++) {
		const struct decoded *insn = &ways->nodes[i].insn;

		if (insn->flow == FLOW_CALL &&
		    (!is_c_library || !insn->target ||
		     job_found_at(job, insn->target - job->module->bias)))
			return true;
	}
	return false;
}

static uint32_t register_of(const struct catalog_entry *entry, int8_t argument)
{
	return argument == CATALOG_NONE ? 0 : 1u << arch_arg_register(entry->args[argument]);
}

static const char *why_not_in(struct ways *ways, const struct found *found)
{
	const struct catalog_entry *entry = &catalog[found->entry];

	ways->flags |= entry->beside ? PROBE_BESIDE : 0;
	ways->asked[0] = register_of(entry, entry->size);
	ways->asked[1] = register_of(entry, entry->count);
	if (may_call_another(ways))
		return "it may call another allocator";
	return is_covered(ways, found->vaddr, is_product(entry)) ? NULL :
	                                        "on some way its size is lost before its end";
}

const char *late_plan(struct job *job, const struct found *found, const struct cfg *cfg,
                      uint32_t function)
{
	const char *why = why_not_asked(&catalog[found->entry]);
	struct ways ways;

	if (!why && !has_only_ends(cfg))
		why = "it may end in a jump";
	if (why)
		return why;
	if (ways_build(&ways, job, cfg, found->vaddr)) {
		ways.flags = trap_usable(job, found, function);
		why = why_not_in(&ways, found);
	} else {
		why = "not all of it decodes";
	}
	if (!why)
		add_all(&ways, function);
	ways_free(&ways);
	return why;
}
