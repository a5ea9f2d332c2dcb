/* glibc's malloc.c names itself in the texts of its complaints, which stay when symbols go: since
 * 2.26 those of realloc stand in realloc itself, those of _int_malloc and _int_free in what malloc
 * and free call, or are. From realloc the others are told by what calls what: a program's own
 * functions cannot call _int_malloc or _mid_memalign, for they are static. */
#include "stripped.h"

#include <string.h>
#include <sys/syscall.h>

#include "signatures.h"

#define NEAR 2 /* calls from malloc to _int_malloc, from free to _int_free */
#define FAR 5  /* from malloc to mmap */
#define EINVAL_TARGET 22 /* as the program has it */

struct texts { /* functions that use the texts of ... */
	struct address_set in_malloc, in_realloc, in_free, in_memalign, in_emptier;
};

static void find_users(struct family *family, const char *const *list, struct address_set *users)
{
	struct address_set at = { 0 };

	for (; *list; list++)
		code_find_bytes(family->table->code, *list, strlen(*list) + 1, &at);
	family_users(family, &at, users);
	address_set_free(&at);
}

static void texts_free(struct texts *texts)
{
	address_set_free(&texts->in_malloc);
	address_set_free(&texts->in_realloc);
	address_set_free(&texts->in_free);
	address_set_free(&texts->in_memalign);
	address_set_free(&texts->in_emptier);
}

/* ---- what fits ------------------------------------------------------------------------------ */

/* Before it does anything else free may set up its thread's cache, which takes memory. */
static bool fits_malloc(struct family *family, const struct facts *facts, const void *ctx)
{
	const struct texts *texts = ctx;

	return facts->args == TAKES_0 &&
	       facts_reach(family->table, facts->begin, &texts->in_malloc, NEAR) &&
	       !facts_reach(family->table, facts->begin, &texts->in_free, 1) &&
	       facts_reach_syscall(family->table, facts->begin, SYS_mmap, FAR);
}

static bool fits_free(struct family *family, const struct facts *facts, const void *ctx)
{
	const struct texts *texts = ctx;

	return facts->args == TAKES_0 && facts->tests_null &&
	       facts_reach(family->table, facts->begin, &texts->in_free, NEAR) &&
	       !fits_malloc(family, facts, ctx) &&
	       facts_reach_syscall(family->table, facts->begin, SYS_munmap, FAR);
}

static bool fits_realloc(struct family *family, const struct facts *facts, const void *ctx)
{
	return facts->args == TAKES_01 &&
	       family_only(family, facts->calls, facts->call_count, fits_malloc, ctx) &&
	       family_only(family, facts->calls, facts->call_count, fits_free, ctx) &&
	       facts_reach_syscall(family->table, facts->begin, SYS_mremap, FAR);
}

static bool fits_calloc(struct family *family, const struct facts *facts, const void *ctx)
{
	(void)ctx;
	return facts->args == TAKES_01 && facts->multiplies &&
	       facts->begin != family->at[FAMILY_REALLOC];
}

/* Which memset is to be used is known when the program starts; nothing else that calloc calls is
 * chosen so. */
static taddr_t memset_slot(struct family *family)
{
	const struct facts *calloc = facts_of(family->table, family->at[FAMILY_CALLOC]);
	taddr_t found = 0;

	for (unsigned i = 0; calloc && i < calloc->call_count; i++) {
		taddr_t slot = code_stub_slot(family->table->code, calloc->calls[i]);

		if (slot && found)
			return 0;
		found = slot ? slot : found;
	}
	return found;
}

static bool fits_aligned(struct family *family, const struct facts *facts, const void *ctx)
{
	(void)ctx;
	return (facts->args & TAKES_01) == TAKES_01 && !facts->multiplies &&
	       facts->begin != family->at[FAMILY_REALLOC] &&
	       facts_calls(facts, family->at[FAMILY_MALLOC]);
}

/* ---- the others ----------------------------------------------------------------------------- */

static void add_callers_of_all(struct family *family, const struct address_set *of,
                               struct address_set *callers)
{
	for (size_t i = 0; i < of->count; i++)
		if (of->list[i] != family->at[FAMILY_MALLOC] &&
		    of->list[i] != family->at[FAMILY_REALLOC])
			family_callers(family, of->list[i], callers);
}

/* It calls _int_malloc, or, since 2.42, what is there for it alone and does. */
static void find_calloc(struct family *family, const struct texts *texts)
{
	struct address_set callers = { 0 }, outer = { 0 };
	taddr_t *found = &family->at[FAMILY_CALLOC];

	add_callers_of_all(family, &texts->in_malloc, &callers);
	*found = family_only(family, callers.list, callers.count, fits_calloc, NULL);
	if (!*found) {
		add_callers_of_all(family, &callers, &outer);
		*found = family_only(family, outer.list, outer.count, fits_calloc, NULL);
	}
	address_set_free(&callers);
	address_set_free(&outer);
}

/* aligned_alloc refuses what is no power of two, since 2.38; before it is memalign. */
static const char *name_of(const struct facts *facts)
{
	bool refuses = facts_has_constant(facts, EINVAL_TARGET);

	if ((facts->args & TAKES_01) == TAKES_0)
		return "valloc"; /* or pvalloc */
	if ((facts->args & TAKES_01) != TAKES_01)
		return NULL;
	if (facts->args == TAKES_012 && facts->stores)
		return refuses ? "posix_memalign" : NULL;
	return refuses ? "aligned_alloc" : "memalign";
}

/* Of two that are alike the one nobody calls is what a hook begins with, before 2.34. */
static bool is_hook(struct family *family, const struct address_set *callers,
                    const struct facts *facts, const char *name)
{
	const struct code *code = family->table->code;
	bool other = false;

	for (size_t i = 0; i < callers->count; i++) {
		const struct facts *like = facts_of(family->table, callers->list[i]);

		other |= like && like != facts && name_of(like) == name &&
		         code_is_called(code, like->begin);
	}
	return other && !code_is_called(code, facts->begin);
}

/* All that ask for an alignment go through one function that is theirs alone. */
static void find_aligned(struct family *family, const struct texts *texts)
{
	struct address_set callers = { 0 };
	taddr_t common = family_only(family, texts->in_memalign.list, texts->in_memalign.count,
	                             fits_aligned, NULL);

	if (common)
		family_callers(family, common, &callers);
	for (size_t i = 0; i < callers.count; i++) {
		const struct facts *facts = facts_of(family->table, callers.list[i]);
		const char *name = facts && facts->begin != common ? name_of(facts) : NULL;

		if (name && !is_hook(family, &callers, facts, name))
			family_add(family, name, callers.list[i]);
	}
	address_set_free(&callers);
}

/* malloc.c is compiled as one: between its functions stands nothing else. */
static bool is_between(const struct family *family, taddr_t addr)
{
	bool above = false, below = false;

	for (unsigned role = 0; role < FAMILY_ROLES; role++) {
		above |= family->at[role] && family->at[role] < addr;
		below |= family->at[role] > addr;
	}
	return above && below;
}

static bool is_silent_emptier(struct family *family, taddr_t function)
{
	const struct facts *facts = facts_of(family->table, function);

	return facts && !facts->args && is_between(family, function);
}

/* What an ending thread has cached it gives to free, which the program has done already. Before
 * 2.32 that never complains; it is what calls free and takes nothing. */
static void find_emptiers(struct family *family, const struct texts *texts)
{
	struct address_set callers = { 0 };

	for (size_t i = 0; i < texts->in_emptier.count; i++)
		address_set_add(&family->emptiers, texts->in_emptier.list[i]);
	if (!family->emptiers.count)
		family_callers(family, family->at[FAMILY_FREE], &callers);
	for (size_t i = 0; i < callers.count; i++)
		if (is_silent_emptier(family, callers.list[i]))
			address_set_add(&family->emptiers, callers.list[i]);
	address_set_free(&callers);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static const char *find_all(struct family *family, const struct texts *texts)
{
	const struct facts *realloc;

	family->at[FAMILY_REALLOC] = family_only(family, texts->in_realloc.list,
	                                         texts->in_realloc.count, fits_realloc, texts);
	realloc = facts_of(family->table, family->at[FAMILY_REALLOC]);
	if (!realloc)
		return "its realloc is not told from other functions";
	family->at[FAMILY_MALLOC] = family_only(family, realloc->calls, realloc->call_count,
	                                        fits_malloc, texts);
	family->at[FAMILY_FREE] = family_only(family, realloc->calls, realloc->call_count,
	                                      fits_free, texts);
	find_calloc(family, texts);
	if (!family->at[FAMILY_CALLOC]) /* it is always there, and does not call malloc */
		return "its calloc is not told from other functions";
	family->memset_slot = memset_slot(family);
	find_aligned(family, texts);
	find_emptiers(family, texts);
	if (!family->other_count)
		family->lacks = "; what asks it for an alignment was not found";
	return NULL;
}

bool family_find_glibc(struct family *family)
{
	struct texts texts = { 0 };
	bool any;

	find_users(family, glibc_realloc, &texts.in_realloc);
	any = texts.in_realloc.count;
	family->is_glibc = any;
	if (any) {
		find_users(family, glibc_malloc, &texts.in_malloc);
		find_users(family, glibc_free, &texts.in_free);
		find_users(family, glibc_memalign, &texts.in_memalign);
		find_users(family, glibc_emptier, &texts.in_emptier);
		family->why = find_all(family, &texts);
	}
	texts_free(&texts);
	return any;
}
