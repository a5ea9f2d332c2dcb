/* Suppressions: their patterns, their files, and the stacks they cover. What LSan and
 * valgrind document is a row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "built_in.h"
#include "match.h"
#include "pattern.h"

/* ---- patterns ------------------------------------------------------------------- */

struct row {
	const char *pattern, *text;
	bool matches;
};

static void check_rows(bool (*match)(const char *, const char *), const struct row *rows,
		       size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (match(rows[i].pattern, rows[i].text) != rows[i].matches)
			fail_msg("%s on %s: not %d", rows[i].pattern, rows[i].text,
				 rows[i].matches);
}

static void within_as_lsan(void **state)
{
	static const struct row rows[] = {
		{ "bar", "foobarbaz", true },     { "foobarbazz", "foobarbaz", false },
		{ "baz", "foobarbaz", true },     { "foobarbaz", "foobarbaz", true },
		{ "Bar", "foobarbaz", false },    { "?ar", "foobarbaz", false },
		{ "", "x", true },                { "", "", false },
		{ "x", "", false },               { "*", "", false },
		{ "*", "x", true },               { "f*z", "foobarbaz", true },
		{ "o*a*z", "foobarbaz", true },   { "z*f", "foobarbaz", false },
		{ "*bar*", "foobarbaz", true },   { "bar*bar", "foobarbaz", false },
		{ "^foo", "foobarbaz", true },    { "^bar", "foobarbaz", false },
		{ "^*bar", "foobarbaz", true },   { "^f*z$", "foobarbaz", true },
		{ "baz$", "foobarbaz", true },    { "bar$", "foobarbaz", false },
		{ "bar*$", "foobarbaz", true },   { "^foobarbaz$", "foobarbaz", true },
		{ "^foobar$", "foobarbaz", false }, { "foo$", "foofoo", true },
		{ "aab", "aaab", true },          { "^", "x", true },
		{ "$", "x", true },               { "^$", "x", false },
		{ "a^b", "a^b", true },           { "foo$ignored", "foo", true },
		{ "a*ab$", "aaaab", true },       { "a*ab$", "aaaabc", false },
		{ "operator new[](unsigned long)", "operator new[](unsigned long)", true },
	};

	(void)state;
	check_rows(pattern_within, rows, countof(rows));
}

static void whole_as_valgrind(void **state)
{
	static const struct row rows[] = {
		{ "main", "main", true },        { "mai", "main", false },
		{ "main", "mai", false },        { "ain", "main", false },
		{ "m?in", "main", true },        { "m?in", "min", false },
		{ "main?", "main", false },      { "?", "", false },
		{ "*", "", true },               { "", "", true },
		{ "", "x", false },              { "*", "main", true },
		{ "m*", "main", true },          { "*n", "main", true },
		{ "*ai*", "main", true },        { "m*x", "main", false },
		{ "__mbr*toc", "__mbrtowc_mbtoc", true }, { "*a*a", "banana", true },
		{ "*a*b", "banana", false },     { "**?a", "banana", true },
		{ "^main$", "main", false },     { "[mn]ain", "main", false },
		{ "*/libc.so.?", "/usr/lib/libc.so.6", true },
		{ "basic_string<*>", "basic_string<>", true },
	};

	(void)state;
	check_rows(pattern_whole, rows, countof(rows));
}

/* ---- files ------------------------------------------------------------------------ */

static struct suppressions all;

static const char *read_len(const char *text, size_t len, unsigned *line)
{
	FILE *from = fmemopen((char *)text, len, "r");
	const char *wrong;

	assert_non_null(from);
	wrong = suppression_read(&all, from, "some.supp", line);
	fclose(from);
	return wrong;
}

static int forget(void **state)
{
	(void)state;
	for (size_t i = 0; i < all.count; i++)
		suppression_deinit(&all.list[i]);
	free(all.list);
	all = (struct suppressions){ 0 };
	return 0;
}

static void accept(const char *text)
{
	unsigned line;
	const char *wrong = read_len(text, strlen(text), &line);

	if (wrong)
		fail_msg("line %u: %s", line, wrong);
}

static void refuse(const char *text, unsigned expected, const char *what)
{
	unsigned line = 0;
	const char *wrong = read_len(text, strlen(text), &line);

	assert_non_null(wrong);
	assert_string_equal(wrong, what);
	assert_int_equal(line, expected);
	forget(NULL);
}

static void expect_name(size_t at, const char *name, unsigned line)
{
	assert_in_range(at, 0, all.count - 1);
	assert_string_equal(all.list[at].use.name, name);
	assert_string_equal(all.list[at].use.file, "some.supp");
	assert_int_equal(all.list[at].use.line, line);
}

static void both_syntaxes_in_one_file(void **state)
{
	(void)state;
	accept("# comment\n\n  leak:libfoo \t\r\n\t# more\nleak:a b\n"
	       "{\n   a name of words\n   Memcheck:Leak\n   # within\n\n   fun:malloc\n   ...\n"
	       "   src:a.c:12\n}\n{\r\nlast\r\nMemcheck:Leak\r\nobj:*\r\n}");
	assert_int_equal(all.count, 4);
	expect_name(0, "libfoo", 3);
	expect_name(1, "a b", 5);
	expect_name(2, "a name of words", 6);
	expect_name(3, "last", 15);
	assert_int_equal(all.list[2].step_count, 3);
	assert_string_equal(all.list[2].steps[2].pattern, "a.c");
	assert_int_equal(all.list[2].steps[2].line, 12);
	assert_string_equal(all.list[3].steps[0].pattern, "*");
}

static void only_leaks_of_memcheck(void **state)
{
	(void)state;
	accept("{\na\nMemcheck:Cond\nfun:x\n}\n{\nb\nHelgrind:Race\nfun:x\n}\n"
	       "{\nc\nMemcheck:Param\nwrite(buf)\nfun:x\n}\n{\nd\nMemchecks:Leak\nfun:x\n}\n"
	       "{\ne\nMemcheck:Leaks\nfun:x\n}\n{\nf\nHelgrind,Memcheck:Leak\nfun:x\n}\n"
	       "{\ng\nMemcheck,Addrcheck:Leak\nfun:x\n}\n");
	assert_int_equal(all.count, 2);
	assert_string_equal(all.list[0].use.name, "f");
	assert_string_equal(all.list[1].use.name, "g");
}

static void an_empty_file_is_no_error(void **state)
{
	(void)state;
	accept("\n");
	accept("# nothing yet");
	assert_int_equal(all.count, 0);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	(void)state;
	refuse("leak:a\nrace:b\n", 2, "neither leak:PATTERN nor a block in { }");
	refuse("#\n\nfun:malloc\n", 3, "neither leak:PATTERN nor a block in { }");
	refuse("}\n", 1, "neither leak:PATTERN nor a block in { }");
	refuse("leak: \n", 1, "leak: without a pattern");
	refuse("{\n", 1, "no } ends the block");
	refuse("{\na\n", 2, "no } ends the block");
	refuse("{\na\nMemcheck:Leak\nfun:x\n", 4, "no } ends the block");
	refuse("{\na\nMemcheck:Cond\nfun:x\n", 4, "no } ends the block");
	refuse("{\n}\n", 2, "no name in the block");
	refuse("{\na\n}\n", 3, "not TOOL:KIND, as Memcheck:Leak");
	refuse("{\na\nMemcheck: Leak\nfun:x\n}\n", 3, "not TOOL:KIND, as Memcheck:Leak");
	refuse("{\na\nMemcheck:Leak\nfunc:x\n}\n", 4, "not fun:, obj:, src: or ...");
	refuse("{\na\nMemcheck:Leak\nfun:\n}\n", 4, "not fun:, obj:, src: or ...");
	refuse("{\na\nMemcheck:Leak\nfun:x\nleak:y\n}\n", 5, "not fun:, obj:, src: or ...");
	refuse("{\na\nMemcheck:Leak\n}\n", 4, "no fun:, obj: or src: in the block");
	refuse("{\na\nMemcheck:Leak\n...\n}\n", 5, "no fun:, obj: or src: in the block");
	refuse("{\na\nMemcheck:Leak\nmatch-leak-kinds: lost\nfun:x\n}\n", 4,
	       "not a set of leak kinds");
	refuse("{\na\nMemcheck:Leak\nmatch-leak-kinds:\nfun:x\n}\n", 4, "not a set of leak kinds");
	refuse("{\na\nMemcheck:Leak\nfun:x\nmatch-leak-kinds: all\n}\n", 5,
	       "not fun:, obj:, src: or ...");
}

static void a_binary_file_is_refused(void **state)
{
	static const char elf[] = "\177ELF\0\0leak:x\n\0";
	unsigned line;

	(void)state;
	assert_non_null(read_len(elf, sizeof(elf), &line));
	assert_int_equal(line, 1);
	assert_int_equal(all.count, 0);
}

/* ---- stacks ------------------------------------------------------------------------- */

static const struct heap_frame callers[] = {
	{ .module = "/opt/lib/libbox.so.2", .function = "box::grow(int)", .symbol = "_ZN3box4growEi",
	  .file = "/src/box/grow.cc", .line = 12 },
	{ .module = "/opt/lib/libbox.so.2" },
	{ .module = "/opt/bin/prog", .function = "work", .symbol = "work", .file = "work.c",
	  .line = 7 },
	{ .module = "/opt/bin/prog", .function = "main", .symbol = "main" },
	{ .module = "/lib/libc.so.6", .function = "__libc_start_call_main",
	  .symbol = "__libc_start_call_main" },
	{ .address = 0x1000 },
};

static bool covers(const char *text, const char *function, const char *symbol)
{
	struct heap_site site = { .id = 1, .function = function, .symbol = symbol };
	size_t first;

	accept(text);
	assert_int_equal(all.count, 1);
	first = match_site(&all, &site, callers, countof(callers));
	assert_in_range(first, 0, 1);
	forget(NULL);
	return first == 0;
}

static void expect_lsan(const char *pattern, bool covered)
{
	char text[100];

	snprintf(text, sizeof(text), "leak:%s\n", pattern);
	if (covers(text, "malloc", "malloc") != covered)
		fail_msg("%s: not %d", text, covered);
}

static void lsan_looks_at_every_frame(void **state)
{
	(void)state;
	expect_lsan("malloc", true);
	expect_lsan("^box::grow(int)$", true);
	expect_lsan("_ZN3box", false);
	expect_lsan("libbox", true);
	expect_lsan("^libbox", false);
	expect_lsan("box/grow.cc$", true);
	expect_lsan("work.c", true);
	expect_lsan("^main$", true);
	expect_lsan("libc.so*", true);
	expect_lsan("elsewhere", false);
	expect_lsan("grow*main", false); /* in one name, not in a stack */
	expect_lsan("prog", true);
}

static void expect(const char *steps, const char *function, const char *symbol, bool covered)
{
	char text[400];

	snprintf(text, sizeof(text), "{\nname\nMemcheck:Leak\n%s\n}\n", steps);
	if (covers(text, function, symbol) != covered)
		fail_msg("%s %s: not %d", steps, function, covered);
}

static void expect_malloc(const char *steps, bool covered)
{
	expect(steps, "malloc", "malloc", covered);
}

static void valgrind_begins_with_the_allocator(void **state)
{
	(void)state;
	expect_malloc("fun:malloc", true);
	expect_malloc("fun:calloc", false);
	expect_malloc("fun:*alloc", true);
	expect_malloc("fun:malloc\nfun:_ZN3box4growEi", true);
	expect_malloc("fun:malloc\nfun:_ZN3box*", true);
	expect_malloc("fun:malloc\nfun:box::grow(int)", true);
	expect_malloc("fun:malloc\nfun:_ZN3box", false);
	expect_malloc("fun:_ZN3box4growEi", false);
	expect_malloc("fun:malloc\nfun:work", false);
	expect_malloc("fun:malloc\nobj:*/libbox.so.2\nobj:/opt/lib/libbox.so.?\nobj:*/prog", true);
	expect_malloc("fun:malloc\nobj:libbox.so.2", false);
	expect_malloc("fun:malloc\nfun:*\nfun:*\nfun:work", true);
	expect_malloc("fun:malloc\nobj:*\nfun:\?\?\?\nfun:work", true);
	expect_malloc("fun:malloc\nsrc:grow.cc", true);
	expect_malloc("fun:malloc\nsrc:/src/box/grow.cc:12", true);
	expect_malloc("fun:malloc\nsrc:grow.cc:13", false);
	expect_malloc("fun:malloc\nsrc:gr?w.*:12\nobj:*\nsrc:work.c", true);
	expect_malloc("fun:malloc\nobj:*\nobj:*\nfun:work\nfun:main\nfun:(below main)\nobj:*", true);
	expect_malloc("fun:malloc\nobj:*\nobj:*\nobj:*\nobj:*\nobj:*\nobj:*\nobj:*", false);
}

static void valgrind_frame_wildcards(void **state)
{
	(void)state;
	expect_malloc("...\nfun:malloc", true);
	expect_malloc("...\nfun:work", true);
	expect_malloc("fun:malloc\n...\nfun:_ZN3box4growEi", true); /* none is a number too */
	expect_malloc("fun:malloc\n...\nfun:main", true);
	expect_malloc("fun:malloc\n...\nfun:work\n...\nfun:main\n...", true);
	expect_malloc("fun:malloc\n...\nfun:main\n...\nfun:work", false);
	expect_malloc("fun:malloc\n...\nobj:*/libbox*\nfun:work", true); /* not the first libbox */
	expect_malloc("fun:malloc\n...\n...\nfun:work", true);
	expect_malloc("fun:malloc\n...\nfun:elsewhere", false);
}

static void valgrind_kinds(void **state)
{
	(void)state;
	expect_malloc("match-leak-kinds: definite\nfun:malloc", true);
	expect_malloc("match-leak-kinds:all\nfun:malloc", true);
	expect_malloc("match-leak-kinds: possible,indirect,reachable\nfun:malloc", true);
	expect_malloc("match-leak-kinds: none\nfun:malloc", false);
}

static void valgrind_versions_are_cut(void **state)
{
	(void)state;
	expect_malloc("fun:malloc\n...\nfun:main@@BASE_1.0", true);
	expect_malloc("fun:malloc\n...\nfun:*@@BASE_1.0", false);
}

/* Which function valgrind sees called, for each that one calls here. */
static void valgrind_sees_other_allocators(void **state)
{
	static const char new_name[] = "operator new(unsigned long)";
	static const char aligned[] = "operator new(unsigned long, std::align_val_t)";

	(void)state;
	expect("fun:_Znwm\nfun:_ZN3box*", new_name, "_Znwm", true);
	expect("fun:operator new(unsigned long)\nfun:_ZN3box*", new_name, "_Znwm", true);
	expect("fun:malloc\nfun:_Znwm\nfun:_ZN3box*", new_name, "_Znwm", true);
	expect("fun:malloc\nfun:_ZN3box*", new_name, "_Znwm", false);
	expect("fun:_Znam\nfun:_ZN3box*", new_name, "_Znwm", false);
	expect("fun:memalign\nfun:_ZnwmSt11align_val_t\n...\nfun:main", aligned,
	       "_ZnwmSt11align_val_t", true);
	expect("fun:malloc\nfun:strdup\nfun:_ZN3box*", "strdup", "__strdup", true);
	expect("fun:malloc\nfun:__strdup\nfun:_ZN3box*", "strdup", "__strdup", true);
	expect("fun:malloc\nfun:_ZN3box*", "strdup", "strdup", false);
	expect("fun:malloc\nfun:strndup", "strndup", "__strndup", true);
	expect("fun:realloc\nfun:_ZN3box*", "realloc", "realloc", true);
	expect("fun:malloc\nfun:_ZN3box*", "realloc", "realloc", true);
	expect("fun:calloc\nfun:_ZN3box*", "realloc", "realloc", false);
	expect("fun:realloc\nfun:_ZN3box*", "reallocarray", "reallocarray", true);
	expect("fun:realloc\nfun:reallocarray\nfun:_ZN3box*", "reallocarray", "reallocarray", true);
	expect("fun:memalign\nfun:_ZN3box*", "aligned_alloc", "aligned_alloc", true);
	expect("fun:memalign\nfun:posix_memalign\nfun:_ZN3box*", "posix_memalign", "posix_memalign",
	       true);
	expect("fun:malloc\nfun:_ZN3box*", "calloc", "calloc", false);
}

static void the_first_that_covers_counts(void **state)
{
	struct heap_site site = { .id = 1, .function = "malloc", .symbol = "malloc" };

	(void)state;
	accept("leak:nothing\nleak:work\nleak:main\n");
	assert_int_equal(match_site(&all, &site, callers, countof(callers)), 1);
	assert_int_equal(match_site(&all, &site, NULL, 0), 3);
}

static void a_thread_begins_with_clone(void **state)
{
	static const struct heap_frame thread[] = { { .function = "__clone3", .symbol = "__clone3" } };
	struct heap_site site = { .id = 1, .function = "malloc", .symbol = "malloc" };

	(void)state;
	accept("{\na\nMemcheck:Leak\nfun:malloc\nfun:clone\n}\n");
	assert_int_equal(match_site(&all, &site, thread, 1), 0);
}

static void the_built_in_ones_are_read(void **state)
{
	static const struct heap_frame printf_[] = {
		{ .function = "_IO_file_doallocate", .symbol = "_IO_file_doallocate" },
		{ .function = "main", .symbol = "main" },
	};
	struct heap_site site = { .id = 1, .function = "malloc", .symbol = "malloc" };
	size_t first;

	(void)state;
	built_in_add(&all);
	first = match_site(&all, &site, printf_, countof(printf_));
	assert_in_range(first, 0, all.count - 1);
	assert_string_equal(all.list[first].use.name, "stdio's buffers");
	assert_null(all.list[first].use.file);
	assert_int_equal(match_site(&all, &site, printf_ + 1, 1), all.count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_as_lsan),
		cmocka_unit_test(whole_as_valgrind),
		cmocka_unit_test_teardown(both_syntaxes_in_one_file, forget),
		cmocka_unit_test_teardown(only_leaks_of_memcheck, forget),
		cmocka_unit_test_teardown(an_empty_file_is_no_error, forget),
		cmocka_unit_test_teardown(what_is_wrong_is_said_with_its_line, forget),
		cmocka_unit_test_teardown(a_binary_file_is_refused, forget),
		cmocka_unit_test_teardown(lsan_looks_at_every_frame, forget),
		cmocka_unit_test_teardown(valgrind_begins_with_the_allocator, forget),
		cmocka_unit_test_teardown(valgrind_frame_wildcards, forget),
		cmocka_unit_test_teardown(valgrind_kinds, forget),
		cmocka_unit_test_teardown(valgrind_versions_are_cut, forget),
		cmocka_unit_test_teardown(valgrind_sees_other_allocators, forget),
		cmocka_unit_test_teardown(the_first_that_covers_counts, forget),
		cmocka_unit_test_teardown(a_thread_begins_with_clone, forget),
		cmocka_unit_test_teardown(the_built_in_ones_are_read, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
