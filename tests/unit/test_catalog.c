/* The catalogue, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libiberty/demangle.h>

#include "analysis/catalog.h"
#include "record.h"

static bool is_mangled(const struct catalog_entry *entry)
{
	return strncmp(entry->symbol, "_Z", 2) == 0;
}

static void names_are_what_the_demangler_prints(void **state)
{
	unsigned mangled = 0;

	(void)state;
	for (unsigned i = 0; i < catalog_count; i++) {
		char *name = cplus_demangle(catalog[i].symbol, DMGL_PARAMS | DMGL_ANSI);

		assert_int_equal(name != NULL, is_mangled(&catalog[i]));
		if (name)
			assert_string_equal(catalog[i].name, name);
		mangled += name != NULL;
		free(name);
	}
	assert_int_equal(mangled, 2 * 20); /* ISO C++ [new.delete]; calling others, and not */
}

static void c_names_are_symbols_themselves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < catalog_count; i++)
		if (!is_mangled(&catalog[i]) && catalog[i].symbol[0] != '_')
			assert_string_equal(catalog[i].name, catalog[i].symbol);
}

static void check_argument(int argument)
{
	assert_in_range(argument + 1, CATALOG_NONE + 1, RECORD_ARGS);
}

static void arguments_are_recorded_ones(void **state)
{
	(void)state;
	for (unsigned i = 0; i < catalog_count; i++) {
		check_argument(catalog[i].size);
		check_argument(catalog[i].count);
		check_argument(catalog[i].block);
		for (unsigned k = 0; k < RECORD_ARGS; k++)
			assert_in_range(catalog[i].args[k], 0, FN_ARGUMENTS - 1);
	}
}

static void roles_have_the_arguments_they_need(void **state)
{
	(void)state;
	for (unsigned i = 0; i < catalog_count; i++) {
		const struct catalog_entry *entry = &catalog[i];
		bool allocates = entry->role == CATALOG_ALLOC || entry->role == CATALOG_REALLOC;
		bool frees = entry->role == CATALOG_FREE || entry->role == CATALOG_REALLOC;

		assert_true(!allocates || entry->size != CATALOG_NONE);
		assert_int_equal(entry->block != CATALOG_NONE, frees);
		assert_true(entry->count == CATALOG_NONE || entry->count != entry->size);
		assert_true(!entry->out_param || entry->role == CATALOG_ALLOC);
	}
}

/* C11 7.22.3, POSIX.1-2017, malloc(3), posix_memalign(3) */
static void sizes_are_where_the_prototypes_have_them(void **state)
{
	static const struct {
		const char *symbol;
		int size, count, block;
	} rows[] = {
		{ "malloc", 0, -1, -1 },
		{ "calloc", 1, 0, -1 },
		{ "realloc", 1, -1, 0 },
		{ "reallocarray", 2, 1, 0 },
		{ "free", -1, -1, 0 },
		{ "memalign", 1, -1, -1 },
		{ "posix_memalign", 2, -1, -1 },
		{ "aligned_alloc", 1, -1, -1 },
		{ "valloc", 0, -1, -1 },
		{ "pvalloc", 0, -1, -1 },
		{ "_Znwm", 0, -1, -1 },
		{ "mallocx", 0, -1, -1 },
		{ "_rjem_rallocx", 1, -1, 0 },
		{ "je_xallocx", 1, -1, 0 },
		{ "sdallocx", -1, -1, 0 },
		{ "mi_calloc_aligned_at", 1, 0, -1 },
		{ "mi_heap_recalloc", 2, 1, 0 },
		{ "mi_strndup", 0, 1, -1 },
		{ "tc_newarray_aligned", 0, -1, -1 },
		{ "_ZnamSt11align_val_tRKSt9nothrow_t", 0, -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int entry = catalog_find(rows[i].symbol);

		assert_int_not_equal(entry, CATALOG_NONE);
		assert_int_equal(catalog[entry].size, rows[i].size);
		assert_int_equal(catalog[entry].count, rows[i].count);
		assert_int_equal(catalog[entry].block, rows[i].block);
		assert_int_equal(catalog[entry].out_param,
				 strcmp(rows[i].symbol, "posix_memalign") == 0);
	}
}

static void shared_names_share_the_role(void **state)
{
	(void)state;
	for (unsigned i = 0; i < catalog_count; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(catalog[i].name, catalog[j].name) == 0)
				assert_int_equal(catalog_kind(i), catalog_kind(j));
}

static void every_row_is_found(void **state)
{
	(void)state;
	for (unsigned i = 0; i < catalog_count; i++) {
		bool is_own = is_mangled(&catalog[i]) && !catalog_is_name(i);
		int found = catalog_find(catalog[i].symbol);

		assert_int_equal(is_own ? catalog_own(found) : found, i);
		assert_string_equal(catalog[found].symbol, catalog[i].symbol);
	}
}

static void other_symbols_are_not_found(void **state)
{
	static const char *const others[] = { "", "m", "mallo", "malloc_", "_Znw", "_Znwj",
					      "operator new(unsigned long)", "zzz" };

	(void)state;
	for (size_t i = 0; i < countof(others); i++)
		assert_int_equal(catalog_find(others[i]), CATALOG_NONE);
}

static void kinds_follow_roles(void **state)
{
	static const enum heap_kind kinds[] = {
		[CATALOG_ALLOC] = HEAP_ALLOC,
		[CATALOG_REALLOC] = HEAP_REALLOC,
		[CATALOG_FREE] = HEAP_FREE,
		[CATALOG_NAME_ALLOC] = HEAP_ALLOC,
		[CATALOG_NAME_ROUNDS] = HEAP_ALLOC,
		[CATALOG_NAME_FREE] = HEAP_FREE,
	};

	(void)state;
	for (unsigned i = 0; i < catalog_count; i++) {
		enum catalog_role role = catalog[i].role;

		assert_int_equal(catalog_is_name(i), role == CATALOG_NAME_ALLOC ||
							     role == CATALOG_NAME_ROUNDS ||
							     role == CATALOG_NAME_FREE);
		assert_int_equal(role == CATALOG_NAME_ROUNDS,
		                 catalog_is_name(i) && strstr(catalog[i].symbol, "Zn") &&
		                         strstr(catalog[i].symbol, "align_val"));
		assert_int_equal(catalog_is_operator(i), strncmp(catalog[i].name, "operator ", 9) == 0);
		if (role != CATALOG_LOADER)
			assert_int_equal(catalog_kind(i), kinds[role]);
	}
}

static void deletes_free_and_news_allocate(void **state)
{
	(void)state;
	for (unsigned i = 0; i < catalog_count; i++) {
		if (strncmp(catalog[i].name, "operator new", 12) == 0)
			assert_int_equal(catalog_kind(i), HEAP_ALLOC);
		if (strncmp(catalog[i].name, "operator delete", 15) == 0)
			assert_int_equal(catalog_kind(i), HEAP_FREE);
	}
}

static void some_functions_return_their_argument(void **state)
{
	(void)state;
	assert_true(catalog_returns_argument("memset"));
	assert_true(catalog_returns_argument("memcpy"));
	assert_true(catalog_returns_argument("memmove"));
	assert_false(catalog_returns_argument("mempcpy"));
	assert_false(catalog_returns_argument("stpcpy"));
	assert_false(catalog_returns_argument("malloc"));
	assert_false(catalog_returns_argument(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_what_the_demangler_prints),
		cmocka_unit_test(c_names_are_symbols_themselves),
		cmocka_unit_test(arguments_are_recorded_ones),
		cmocka_unit_test(roles_have_the_arguments_they_need),
		cmocka_unit_test(sizes_are_where_the_prototypes_have_them),
		cmocka_unit_test(shared_names_share_the_role),
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(other_symbols_are_not_found),
		cmocka_unit_test(kinds_follow_roles),
		cmocka_unit_test(deletes_free_and_news_allocate),
		cmocka_unit_test(some_functions_return_their_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
