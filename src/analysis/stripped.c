/* Symbols tell what is an allocator's; without them a C library is known by what it cannot do
 * without, and its functions by what they do and call. What is one function's sign only is a
 * guess; what is planted on must fit from all sides:
 *
 *   realloc  takes two arguments, calls malloc and free, and gets to mremap
 *   malloc   takes one, and gets to mmap
 *   free     takes one, which it compares with 0, and gets to munmap
 *
 * and every other function must be tied to those by calls that only the library itself can make.
 * Where two fit, none is taken: without malloc, realloc and free there is nothing at all, of the
 * others each may lack. What is found is watched at work before it is believed, see trust.h. */
#include "stripped.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	bool (*find)(struct family *);
} libraries[] = {
	{ "glibc", family_find_glibc },
	{ "musl", family_find_musl },
};

const char stripped_table[] = "signature";

static const char *const names[FAMILY_ROLES] = { "malloc", "calloc", "realloc", "free" };

/* ---- for the families ----------------------------------------------------------------------- */

/* Without an unwind table a function that nothing leads to hides behind the one before it. */
static bool does_call(struct family *family, taddr_t function, taddr_t of)
{
	const struct facts *facts = facts_of(family->table, function);

	return !code_is_called(family->table->code, of) || !facts ||
	       facts->call_count == FACTS_CALLS || facts_calls(facts, of);
}

static void add_users(struct family *family, taddr_t of, struct address_set *functions)
{
	struct address_set refs = { 0 };

	code_find_refs(family->table->code, of, of + 1, &refs);
	for (size_t i = 0; i < refs.count; i++) {
		taddr_t function = code_function(family->table->code, refs.list[i]);

		if (function && does_call(family, function, of))
			address_set_add(functions, function);
	}
	address_set_free(&refs);
}

void family_add(struct family *family, const char *name, taddr_t at)
{
	if (at && family->other_count < FAMILY_OTHERS) {
		family->others[family->other_count].name = name;
		family->others[family->other_count++].at = at;
	}
}

void family_users(struct family *family, const struct address_set *at,
                  struct address_set *functions)
{
	for (size_t i = 0; i < at->count; i++)
		add_users(family, at->list[i], functions);
}

void family_callers(struct family *family, taddr_t function, struct address_set *functions)
{
	add_users(family, function, functions);
}

taddr_t family_only(struct family *family, const taddr_t *list, size_t count,
                    bool (*fits)(struct family *, const struct facts *, const void *ctx),
                    const void *ctx)
{
	taddr_t found = 0;

	for (size_t i = 0; i < count; i++) {
		const struct facts *facts = facts_of(family->table, list[i]);

		if (!facts || !fits(family, facts, ctx))
			continue;
		if (found && found != list[i])
			return 0;
		found = list[i];
	}
	return found;
}

/* ---- the job -------------------------------------------------------------------------------- */

static void add_found(struct job *job, taddr_t vaddr, const char *name)
{
	const struct found found = { .vaddr = vaddr, .entry = catalog_find(name),
		                     .table = stripped_table };

	if (!job_found_at(job, vaddr))
		job_add_found(job, &found);
}

static void tell_refusal(struct job *job, const char *library, const struct family *family)
{
	char *sentence;

	if (asprintf(&sentence,
	             "%s has no symbols: something in it is like %s's allocator, but %s; nothing of "
	             "it is traced", job->module->path, library, family->why) < 0)
		return;
	job_tell(job, sentence);
	free(sentence);
}

static void take(struct job *job, const char *library, const struct family *family)
{
	job->plan->table = stripped_table;
	job->plan->library = library;
	job->plan->lacks = family->lacks;
	for (unsigned role = 0; role < FAMILY_ROLES; role++)
		if (family->at[role])
			add_found(job, family->at[role], names[role]);
	if (family->memset_slot)
		elf_name_slot(&job->module->elf, family->memset_slot, "memset");
	job->module->is_glibc |= family->is_glibc;
	for (size_t i = 0; i < family->emptiers.count; i++)
		address_set_add(&job->emptiers, family->emptiers.list[i]);
	for (unsigned i = 0; i < family->other_count; i++)
		add_found(job, family->others[i].at, family->others[i].name);
}

static void find_family(struct job *job, struct facts_table *table)
{
	for (size_t i = 0; i < countof(libraries); i++) {
		struct family family = { .table = table };
		bool any = libraries[i].find(&family);

		if (any && family.why)
			tell_refusal(job, libraries[i].name, &family);
		else if (any)
			take(job, libraries[i].name, &family);
		address_set_free(&family.emptiers);
		if (any)
			return;
	}
}

void stripped_find(struct job *job)
{
	struct code code;
	struct facts_table table = { .code = &code };

	if (code_open(&code, job->module, job->decoder) && code_find_calls(&code))
		find_family(job, &table);
	facts_free(&table);
	code_close(&code);
}
