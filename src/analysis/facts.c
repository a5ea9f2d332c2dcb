#include "facts.h"

#include <stdlib.h>
#include <string.h>

#include "cfg.h"
#include "facts_walk.h"
#include "unwind.h"

/* ---- the instructions ----------------------------------------------------------------------- */

bool facts_is_other(const struct facts_walk *walk, taddr_t target)
{
	return target && target != walk->facts->begin && code_is_called(walk->table->code, target);
}

static bool bounds(void *ctx, taddr_t vaddr, struct cfg_bounds *out)
{
	struct facts_walk *walk = ctx;

	return unwind_bounds(walk->table->code->module, vaddr, &out->begin, &out->end);
}

static bool is_function(void *ctx, taddr_t vaddr)
{
	return facts_is_other(ctx, vaddr);
}

static bool take_nodes(struct facts_walk *walk, const struct cfg *cfg)
{
	struct table_slot *slot;

	walk->nodes = calloc(cfg->seen.used + 1, sizeof(*walk->nodes));
	for (size_t at = 0; walk->nodes && (slot = table_next(&cfg->seen, &at));) {
		struct facts_node *node = &walk->nodes[walk->count];

		node->vaddr = slot->key;
		if (code_decode(walk->table->code, slot->key, &node->insn) == 0)
			walk->count++;
	}
	if (walk->nodes && walk->count)
		qsort(walk->nodes, walk->count, sizeof(*walk->nodes), facts_by_vaddr);
	return walk->nodes;
}

static bool fill(struct facts_walk *walk)
{
	struct code *code = walk->table->code;
	const struct cfg_source source = { &code->module->elf, code->decoder, bounds, is_function,
		                           walk, NULL };
	struct cfg cfg;
	const char *why;
	bool done = cfg_walk(&cfg, &source, walk->facts->begin, &why) == 0 &&
	            take_nodes(walk, &cfg);

	cfg_deinit(&cfg);
	walk->facts->readable = done; /* for those that ask on the way */
	walk->facts->insns = (unsigned)walk->count;
	for (size_t i = 0; done && i < walk->count; i++)
		facts_look_at(walk, i);
	if (done)
		facts_follow(walk);
	free(walk->nodes);
	return done;
}

static struct facts *new_facts(struct facts_table *table, taddr_t begin)
{
	struct facts *facts = calloc(1, sizeof(*facts));
	uint64_t *known = facts ? table_put(&table->by_begin, begin) : NULL;

	if (!known) {
		free(facts);
		return NULL;
	}
	*known = (uintptr_t)facts;
	return facts;
}

/* One that is being made already, by a call of itself, is as far as it is. What was cut because
 * it was asked for on the way to something else is made anew. */
const struct facts *facts_make(struct facts_table *table, taddr_t begin, int nesting)
{
	uint64_t *known = table_find(&table->by_begin, begin);
	struct facts *facts = known ? (struct facts *)(uintptr_t)*known : new_facts(table, begin);
	struct facts_walk walk = { .table = table, .facts = facts, .nesting = nesting };

	if (facts && (!known || (facts->cut && facts->nesting > nesting))) {
		*facts = (struct facts){ .begin = begin, .nesting = nesting };
		facts->readable = fill(&walk);
	}
	return facts && facts->readable ? facts : NULL;
}

const struct facts *facts_of(struct facts_table *table, taddr_t begin)
{
	return facts_make(table, begin, 0);
}

void facts_free(struct facts_table *table)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&table->by_begin, &at));)
		free((void *)(uintptr_t)slot->value);
	table_deinit(&table->by_begin);
}

/* ---- what is asked -------------------------------------------------------------------------- */

bool facts_calls(const struct facts *facts, taddr_t callee)
{
	for (unsigned i = 0; i < facts->call_count; i++)
		if (facts->calls[i] == callee)
			return true;
	return false;
}

bool facts_names(const struct facts *facts, taddr_t data)
{
	for (unsigned i = 0; i < facts->data_count; i++)
		if (facts->data[i] == data)
			return true;
	return false;
}

bool facts_has_constant(const struct facts *facts, int64_t value)
{
	for (unsigned i = 0; i < facts->constant_count; i++)
		if (facts->constants[i] == value)
			return true;
	return false;
}

/* ---- what it reaches ------------------------------------------------------------------------ */

static bool add_callees(struct facts_table *table, struct address_set *set, taddr_t begin)
{
	const struct facts *facts = facts_of(table, begin);

	for (unsigned i = 0; facts && facts->returns && i < facts->call_count; i++)
		if (!address_set_add(set, facts->calls[i]))
			return false;
	return true;
}

void facts_reached(struct facts_table *table, taddr_t begin, int depth, struct address_set *set)
{
	size_t done = 0;

	if (!address_set_add(set, begin))
		return;
	while (depth-- > 0)
		for (size_t count = set->count; done < count; done++)
			if (!add_callees(table, set, set->list[done]))
				return;
}

bool facts_reach_syscall(struct facts_table *table, taddr_t begin, unsigned number, int depth)
{
	struct address_set set = { 0 };
	bool found = false;

	facts_reached(table, begin, depth, &set);
	for (size_t n = 0; n < set.count && !found; n++) {
		const struct facts *facts = facts_of(table, set.list[n]);

		for (unsigned i = 0; facts && i < facts->syscall_count; i++)
			found |= facts->syscalls[i] == number;
	}
	address_set_free(&set);
	return found;
}

bool facts_reach(struct facts_table *table, taddr_t begin, const struct address_set *any,
                 int depth)
{
	struct address_set set = { 0 };
	bool found = false;

	facts_reached(table, begin, depth, &set);
	for (size_t i = 0; i < any->count; i++)
		found |= address_set_has(&set, any->list[i]);
	address_set_free(&set);
	return found;
}
