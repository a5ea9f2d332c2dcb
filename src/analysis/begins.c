/* Bytes that look like a call may be part of another instruction, or data. What they lead to is a
 * function if the unwind table has a row that begins there; and so is, without a row, what such a
 * function calls in its own flow of control, and what that calls. Not further: where a function
 * without a row ends is not known for sure. */
#include "begins.h"

#include <stdlib.h>

#include "unwind.h"

#define ROWLESS_DEPTH 2 /* calls from a function that has a row */

static bool add(struct begins *begins, taddr_t begin)
{
	size_t count = begins->count;
	bool is_full = !(count & (count - 1)); /* a power of two */
	uint64_t *known = table_put(&begins->known, begin);
	taddr_t *grown;

	if (!known || *known)
		return known;
	grown = is_full ? realloc(begins->list, (count ? 2 * count : 1) * sizeof(*grown)) :
	                  begins->list;
	if (!grown)
		return false;
	begins->list = grown;
	grown[begins->count++] = begin;
	*known = true;
	return true;
}

static bool add_callees(struct begins *begins, struct facts_table *table, taddr_t function)
{
	const struct facts *facts = facts_of(table, function);
	taddr_t begin, end;
	bool done = true;

	for (unsigned i = 0; facts && done && i < facts->call_count; i++)
		if (!unwind_bounds(table->code->module, facts->calls[i], &begin, &end))
			done = add(begins, facts->calls[i]);
	return done;
}

bool begins_find(struct begins *begins, struct facts_table *table)
{
	const struct code *code = table->code;
	taddr_t begin, end;
	bool done = true;
	size_t i = 0;

	for (size_t k = 0; done && k < code->called_count; k++)
		if (unwind_bounds(code->module, code->called[k], &begin, &end) &&
		    begin == code->called[k])
			done = add(begins, begin);
	for (int depth = 0; depth < ROWLESS_DEPTH; depth++)
		for (size_t count = begins->count; done && i < count; i++)
			done = add_callees(begins, table, begins->list[i]);
	return done;
}

void begins_free(struct begins *begins)
{
	free(begins->list);
	table_deinit(&begins->known);
	*begins = (struct begins){ 0 };
}

bool begins_has(const struct begins *begins, taddr_t begin)
{
	const uint64_t *known = table_find(&begins->known, begin);

	return known && *known;
}
