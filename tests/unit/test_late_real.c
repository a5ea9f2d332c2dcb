/* Of each allocator that Debian 12 has: which functions are stopped once, and why the others are
 * not. A library that is not installed is skipped by name; another version may end otherwise
 * without being wrong, then the table is to be looked at again. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/resolve.h"

#define LIB "/usr/lib/x86_64-linux-gnu/"
#define CLANG "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt."

#define JUMP "it may end in a jump"
#define ANOTHER "it may call another allocator"
#define LOST "on some way its size is lost before its end"
#define ONCE ""

/* The functions that are asked for a size or a product; NULL: it has none of the name. */
static const struct library {
	const char *path, *malloc, *calloc, *valloc, *pvalloc;
} libraries[] = {
	{ "/lib/x86_64-linux-gnu/libc.so.6", ONCE, ONCE, JUMP, JUMP },
	{ "/usr/x86_64-linux-gnu/lib/libc.so.6", ONCE, ONCE, JUMP, JUMP },
	{ "/usr/x86_64-linux-gnux32/lib64/libc.so.6", ONCE, ONCE, JUMP, JUMP },
	{ "/lib/x86_64-linux-gnu/libc_malloc_debug.so.0", JUMP, ANOTHER, JUMP, JUMP },
	{ "/lib/x86_64-linux-gnu/libmemusage.so", JUMP, JUMP, NULL, NULL },
	{ "/lib/ld-musl-x86_64.so.1", LOST, LOST, JUMP, NULL },
	{ LIB "libjemalloc.so.2", ANOTHER, ANOTHER, ANOTHER, NULL },
	{ LIB "libtcmalloc_minimal.so.4", JUMP, ANOTHER, JUMP, JUMP },
	{ LIB "libtcmalloc_minimal_debug.so.4", ANOTHER, ANOTHER, ANOTHER, ANOTHER },
	{ LIB "libtcmalloc.so.4", JUMP, JUMP, JUMP, JUMP },
	{ LIB "libtcmalloc_and_profiler.so.4", JUMP, JUMP, JUMP, JUMP },
	{ LIB "libtcmalloc_debug.so.4", JUMP, JUMP, ANOTHER, ANOTHER },
	{ LIB "libmimalloc.so.2", ANOTHER, ANOTHER, JUMP, JUMP },
	{ LIB "libtbbmalloc_proxy.so.2", ANOTHER, ANOTHER, ANOTHER, ANOTHER },
	{ LIB "libdmalloc.so.5", JUMP, JUMP, JUMP, NULL },
	{ LIB "libdmallocth.so.5", JUMP, JUMP, JUMP, NULL },
	{ "/usr/lib/libefence.so.0", JUMP, ANOTHER, JUMP, NULL },
	{ "/usr/lib/libduma.so.0", ANOTHER, ANOTHER, ANOTHER, NULL },
	{ CLANG "scudo-x86_64.so", ANOTHER, ANOTHER, ANOTHER, ANOTHER },
	{ CLANG "scudo_minimal-x86_64.so", ANOTHER, ANOTHER, ANOTHER, ANOTHER },
	{ CLANG "scudo_standalone-x86_64.so", ANOTHER, ANOTHER, ANOTHER, ANOTHER },
	{ LIB "libasan.so.8", ANOTHER, ANOTHER, ANOTHER, ANOTHER },
};

/* Of the others, in every library. Who gives back is reported when it begins. */
static const struct {
	const char *name, *why;
} others[] = {
	{ "realloc", "the old block is gone before the new one is there" },
	{ "reallocarray", "the old block is gone before the new one is there" },
	{ "memalign", "its size is not its first argument" },
	{ "aligned_alloc", "its size is not its first argument" },
	{ "posix_memalign", "its result is in memory" },
	{ "free", NULL },
	{ "cfree", NULL },
};

static void expect_none(void *ctx, const char *sentence)
{
	(void)ctx;
	fail_msg("noted: %s", sentence);
}

/* ---- one function ------------------------------------------------------------------------ */

static unsigned count(const struct plan *plan, uint32_t function, enum probe_kind kind,
                      uint8_t flag)
{
	unsigned found = 0;

	for (size_t i = 0; i < plan->count; i++)
		found += plan->probes[i].function == function && plan->probes[i].kind == kind &&
		         (!flag || plan->probes[i].flags & flag);
	return found;
}

static const char *expected(const struct library *library, const char *name)
{
	if (strcmp(name, "malloc") == 0)
		return library->malloc;
	if (strcmp(name, "calloc") == 0)
		return library->calloc;
	if (strcmp(name, "valloc") == 0)
		return library->valloc;
	if (strcmp(name, "pvalloc") == 0)
		return library->pvalloc;
	for (size_t i = 0; i < countof(others); i++)
		if (strcmp(name, others[i].name) == 0)
			return others[i].why;
	fail_msg("%s in %s", name, library->path);
	return NULL;
}

/* C's own, that every allocator has. */
static bool is_common(int entry)
{
	return catalog_is_standard(entry) && !catalog_is_operator(entry);
}

static void expect_as_told(const struct library *library, const struct plan *plan,
                           const struct function *function, uint32_t number)
{
	const char *name = catalog[function->entry].symbol, *why = expected(library, name);
	unsigned late = count(plan, number, PROBE_ENTRY, PROBE_LATE);

	print_message("%s in %s\n", name, library->path);
	assert_true(count(plan, number, PROBE_ENTRY, 0) > 0);
	if (!why || !*why)
		assert_null(function->two_stops);
	else
		assert_string_equal(function->two_stops, why);
	if (!why || *why)
		assert_int_equal(late, 0);
	else
		assert_int_equal(late, count(plan, number, PROBE_ENTRY, 0));
}

/* Late ones lie in the function, and on an instruction of which the byte is known. */
static void expect_inside(const struct plan *plan, const struct function *function,
                          uint32_t number, const struct elf *elf)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct probe *probe = &plan->probes[i];
		uint8_t byte;

		if (probe->function != number || !(probe->flags & PROBE_LATE))
			continue;
		assert_in_range(probe->addr, function->addr, function->addr + function->size - 1);
		assert_int_equal(elf_read(elf, probe->addr, &byte, 1), 0);
		assert_int_equal(byte, probe->original);
	}
}

/* ---- one library --------------------------------------------------------------------------- */

static unsigned asked_for_a_size(const struct library *library)
{
	return (library->malloc != NULL) + (library->calloc != NULL) + (library->valloc != NULL) +
	       (library->pvalloc != NULL);
}

static void expect_all(const struct library *library, struct module *module)
{
	struct resolver *resolver = resolver_new();
	struct functions functions = { 0 };
	struct plan plan = { .note = expect_none };
	unsigned asked = 0;

	assert_non_null(resolver);
	resolve_module(resolver, module, &functions, &plan);
	for (uint32_t i = 0; i < functions.count; i++) {
		const struct catalog_entry *entry = &catalog[functions.list[i].entry];

		if (entry->role > CATALOG_FREE)
			continue;
		assert_true(count(&plan, i, PROBE_ENTRY, 0) > 0);
		if (is_common(functions.list[i].entry)) {
			asked += entry->role == CATALOG_ALLOC &&
			         (entry->size == 0 || entry->count >= 0);
			expect_as_told(library, &plan, &functions.list[i], i);
		}
		expect_inside(&plan, &functions.list[i], i, &module->elf);
	}
	assert_int_equal(asked, asked_for_a_size(library));
	resolver_free(resolver);
	free(plan.probes);
	free(functions.list);
}

static void as_told(void **state)
{
	const struct library *library = *state;
	char path[128];
	struct module module = { .users = 1, .end = UINT64_MAX, .path = path };

	snprintf(path, sizeof(path), "%s", library->path);
	if (access(path, R_OK) < 0)
		skip(); /* by its name, which is the test's */
	assert_int_equal(elf_open(&module.elf, open(path, O_RDONLY | O_CLOEXEC)), 0);
	expect_all(library, &module);
	module_close(&module);
}

int main(void)
{
	struct CMUnitTest tests[countof(libraries)];

	for (size_t i = 0; i < countof(libraries); i++)
		tests[i] = (struct CMUnitTest){ .name = libraries[i].path, .test_func = as_told,
			                        .initial_state = (void *)&libraries[i] };
	return cmocka_run_group_tests_name("late_real", tests, NULL, NULL);
}
