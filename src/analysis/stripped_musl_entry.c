/* Since 1.2.1 what a program calls only hands on to the function that does the work: so another
 * allocator can take its place, while the library goes on by itself, for blocks that are not the
 * program's. Of malloc there are two that hand on, in one file: first the library's own way, then
 * the program's. A program's own function may just hand on, too; but then others of the program
 * call what it calls. */
#include "stripped_musl.h"

#define FORWARD_MAX 16 /* instructions */
#define NEIGHBOUR_MAX 64 /* bytes from one of the two to the other */

static bool is_forward(const struct facts *facts, taddr_t to, unsigned args)
{
	return facts && facts->begin != to && facts->insns <= FORWARD_MAX &&
	       facts->args == args && facts->call_count == 1 && facts->calls[0] == to;
}

void musl_find_forwards(struct family *family, taddr_t to, unsigned args,
                        struct address_set *found)
{
	struct address_set callers = { 0 };

	family_callers(family, to, &callers);
	for (size_t i = 0; i < callers.count; i++)
		if (is_forward(facts_of(family->table, callers.list[i]), to, args) &&
		    musl_is_rowless(family, callers.list[i]))
			address_set_add(found, callers.list[i]);
	address_set_free(&callers);
}

static size_t count_callers(struct family *family, taddr_t function, size_t *with_rows)
{
	struct address_set callers = { 0 };
	size_t count;

	*with_rows = 0;
	family_callers(family, function, &callers);
	for (size_t i = 0; i < callers.count; i++)
		*with_rows += !musl_is_rowless(family, callers.list[i]);
	count = callers.count;
	address_set_free(&callers);
	return count;
}

/* What has a row is the program's. Where nothing has, it is told by how many call either. */
static bool is_inner(struct family *family, taddr_t function, taddr_t forward)
{
	size_t programs, programs_forward;
	size_t count = count_callers(family, function, &programs);
	size_t count_forward = count_callers(family, forward, &programs_forward);

	if (programs || programs_forward)
		return !programs;
	return count_forward && count <= count_forward + 1;
}

static taddr_t second(const struct address_set *two)
{
	taddr_t a = two->list[0], b = two->list[1];

	return a < b ? (b - a <= NEIGHBOUR_MAX ? b : 0) : a - b <= NEIGHBOUR_MAX ? a : 0;
}

static taddr_t entry_of(struct family *family, taddr_t function, unsigned args)
{
	struct address_set forwards = { 0 };
	taddr_t found = 0;

	musl_find_forwards(family, function, args, &forwards);
	if (forwards.count == 2 && args == TAKES_0)
		found = second(&forwards);
	else if (forwards.count == 1 && is_inner(family, function, forwards.list[0]))
		found = forwards.list[0];
	address_set_free(&forwards);
	return found ? found : function;
}

void musl_find_entries(struct family *family, const struct musl_core *core)
{
	family->at[FAMILY_MALLOC] = entry_of(family, core->malloc, TAKES_0);
	family->at[FAMILY_FREE] = entry_of(family, core->free, TAKES_0);
	family->at[FAMILY_REALLOC] =
		core->realloc ? entry_of(family, core->realloc, TAKES_01) : 0;
}
