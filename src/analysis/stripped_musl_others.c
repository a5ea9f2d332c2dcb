/* What is not malloc, realloc or free is told by calling those, and by what else only the library
 * can do. */
#include "stripped_musl.h"

#define ENOMEM_TARGET 12 /* as the program has it, like the next */
#define EINVAL_TARGET 22
#define PAGE_TARGET 4096

/* ---- what fits ------------------------------------------------------------------------------ */

/* It leaves out memory that is clean, which only the library can tell: by the header, or by a
 * function of its own, which either takes the block or gets it, too. */
static bool knows_blocks(struct family *family, const struct facts *facts, taddr_t malloc)
{
	bool knows = facts->below;

	for (unsigned i = 0; i < facts->call_count && !knows; i++) {
		const struct facts *callee = facts_of(family->table, facts->calls[i]);

		knows = callee && callee->begin != malloc && callee->args == TAKES_0 &&
		        musl_reads_header(family, callee);
	}
	return knows;
}

/* There is another one, which calls the library's own way to malloc. */
static bool fits_calloc(struct family *family, const struct facts *facts, const void *ctx)
{
	const struct address_set *not_calling = ctx;

	for (size_t i = 0; i < not_calling->count; i++)
		if (facts_calls(facts, not_calling->list[i]))
			return false;
	return facts->args == TAKES_01 && facts->multiplies &&
	       facts->begin != family->at[FAMILY_REALLOC] &&
	       facts_has_constant(facts, ENOMEM_TARGET) &&
	       !facts_has_constant(facts, EINVAL_TARGET) &&
	       knows_blocks(family, facts, family->at[FAMILY_MALLOC]);
}

static bool fits_aligned(struct family *family, const struct facts *facts, const void *ctx)
{
	(void)ctx;
	return facts->args == TAKES_01 && facts_has_constant(facts, EINVAL_TARGET) &&
	       musl_reads_header(family, facts);
}

static bool fits_posix(struct family *family, const struct facts *facts, const void *ctx)
{
	(void)family;
	(void)ctx;
	return facts->args == TAKES_012 && facts->stores &&
	       facts_has_constant(facts, EINVAL_TARGET);
}

/* What only calls one of the others is worth a trap of its own where stacks end in it, and only
 * then told from a function of the program that does the same. */
static bool fits_valloc(struct family *family, const struct facts *facts, const void *ctx)
{
	(void)ctx;
	return facts->args == TAKES_0 && facts->call_count == 1 &&
	       facts_has_constant(facts, PAGE_TARGET) && musl_is_rowless(family, facts->begin);
}

static bool fits_array(struct family *family, const struct facts *facts, const void *ctx)
{
	(void)ctx;
	return facts->args == TAKES_012 && facts->call_count <= 2 && !facts->stores &&
	       facts_has_constant(facts, ENOMEM_TARGET) && musl_is_rowless(family, facts->begin);
}

/* ---- the others ----------------------------------------------------------------------------- */

/* A function that takes a size, and reads the header of what malloc gave it for that. */
static bool is_malloc_and_more(const struct facts *facts, taddr_t malloc)
{
	return facts && facts->begin != malloc && facts->args == TAKES_0 && facts->below &&
	       facts_calls(facts, malloc);
}

static void find_callers(struct family *family, const struct musl_core *core,
                         struct address_set *callers)
{
	taddr_t entry = family->at[FAMILY_MALLOC];

	family_callers(family, core->malloc, callers);
	if (entry != core->malloc)
		family_callers(family, entry, callers);
	for (size_t i = 0, count = callers->count; i < count; i++)
		if (is_malloc_and_more(facts_of(family->table, callers->list[i]), entry))
			family_callers(family, callers->list[i], callers);
}

/* The library's own ways to malloc. */
static void find_own(struct family *family, const struct musl_core *core, struct address_set *own)
{
	struct address_set forwards = { 0 };

	if (family->at[FAMILY_MALLOC] != core->malloc) {
		musl_find_forwards(family, core->malloc, TAKES_0, &forwards);
		address_set_add(own, core->malloc);
	}
	for (size_t i = 0; i < forwards.count; i++)
		if (forwards.list[i] != family->at[FAMILY_MALLOC])
			address_set_add(own, forwards.list[i]);
	address_set_free(&forwards);
}

static void find_aligned(struct family *family, const struct address_set *callers)
{
	struct address_set of_it = { 0 }, forwards = { 0 };
	taddr_t found = family_only(family, callers->list, callers->count, fits_aligned, NULL);

	if (!found)
		return;
	family_callers(family, found, &of_it);
	musl_find_forwards(family, found, TAKES_01, &forwards);
	family_add(family, "aligned_alloc", found);
	family_add(family, "posix_memalign",
	           family_only(family, of_it.list, of_it.count, fits_posix, NULL));
	for (size_t i = 0; i < forwards.count; i++) {
		if (musl_is_rowless(family, forwards.list[i]))
			family_add(family, "memalign", forwards.list[i]);
		family_callers(family, forwards.list[i], &of_it);
	}
	family_add(family, "valloc",
	           family_only(family, of_it.list, of_it.count, fits_valloc, NULL));
	address_set_free(&forwards);
	address_set_free(&of_it);
}

static void find_array(struct family *family)
{
	struct address_set callers = { 0 };

	family_callers(family, family->at[FAMILY_REALLOC], &callers);
	family_add(family, "reallocarray",
	           family_only(family, callers.list, callers.count, fits_array, NULL));
	address_set_free(&callers);
}

void musl_find_others(struct family *family, const struct musl_core *core)
{
	struct address_set callers = { 0 }, own = { 0 };

	find_callers(family, core, &callers);
	find_own(family, core, &own);
	family->at[FAMILY_CALLOC] = family_only(family, callers.list, callers.count, fits_calloc,
	                                        &own);
	find_aligned(family, &callers);
	if (family->at[FAMILY_REALLOC])
		find_array(family);
	address_set_free(&callers);
	address_set_free(&own);
}
