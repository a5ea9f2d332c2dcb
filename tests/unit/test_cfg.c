/* The walk over functions of this program's own, in assembly, so that it is known
 * where each of them leaves. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/cfg.h"

__asm__(".text\n"
	".p2align 4\n"
	"straight:		nop\n"
	"straight_2:		mov %rdi, %rax\n"
	"straight_ret:		ret\n"
	"straight_end:\n"

	"rets:			test %edi, %edi\n"
	"rets_2:		je rets_b\n"
	"rets_3:		cmp $5, %edi\n"
	"rets_4:		jg rets_c\n"
	"rets_5:		mov $1, %eax\n"
	"rets_a:		ret\n"
	"			.fill 7, 1, 0x06\n" /* never reached, does not decode */
	"rets_b:		repz ret\n"
	"rets_c:		xor %eax, %eax\n"
	"rets_d:		ret $8\n"
	"rets_end:\n"

	"loop:			xor %eax, %eax\n"
	"loop_head:		add %rdi, %rax\n"
	"loop_3:		dec %rdi\n"
	"loop_4:		jne loop_head\n"
	"loop_ret:		ret\n"
	"loop_end:\n"

	"for_ever:		nop\n"
	"for_ever_2:		jmp for_ever_2\n"
	"for_ever_end:\n"

	"tail:			mov $3, %edi\n"
	"tail_jump:		jmp straight\n"
	"tail_end:\n"

	"tail_if:		test %edi, %edi\n"
	"tail_if_jump:		jne straight\n"
	"tail_if_ret:		ret\n"
	"tail_if_end:\n"

	"tail_stub:		nop\n"
	"tail_stub_jump:	jmp getppid@PLT\n"
	"tail_stub_end:\n"

	"tail_slot:		nop\n"
	"tail_slot_jump:	jmp *getpgrp@GOTPCREL(%rip)\n"
	"tail_slot_end:\n"

	"tail_own_stub:		jmp own_stub\n"
	"tail_own_stub_end:\n"
	"own_stub:		endbr64\n"
	"			.byte 0xf2\n" /* bnd, which clang's assembler does not know */
	"			jmp *getpgrp@GOTPCREL(%rip)\n"
	"own_stub_end:\n"
	"tail_no_stub:		jmp no_stub\n"
	"no_stub:		nop\n"
	"no_stub_2:		nop\n"
	"no_stub_jump:		jmp *getpgrp@GOTPCREL(%rip)\n"
	"no_stub_end:\n"

	"unknown:		nop\n"
	"unknown_jump:		jmp *%rdi\n"
	"unknown_end:\n"

	"through_memory:	jmp *straight_slot(%rip)\n"
	"through_memory_end:\n"

	"never_returns:		push %rax\n"
	"never_returns_2:	call abort@PLT\n"
	"never_returns_end:\n"
	"behind:		nop\n"
	"behind_ret:		ret\n"
	"behind_end:\n"

	"calls:			call straight\n"
	"calls_2:		call *%rax\n"
	"calls_ret:		ret\n"
	"calls_end:\n"

	"stops:			test %edi, %edi\n"
	"stops_2:		je stops_4\n"
	"stops_3:		ud2\n"
	"			.byte 0x06\n"
	"stops_4:		hlt\n"
	"			.byte 0x06\n"
	"stops_end:\n"

	"warm:			test %edi, %edi\n"
	"warm_2:		je cold\n"
	"warm_3:		nop\n"
	"warm_back:		ret\n"
	"warm_end:\n"
	"			.byte 0x06\n"
	"cold:			dec %edi\n"
	"cold_2:		jmp warm_back\n"
	"cold_end:\n"

	"broken:		nop\n"
	"			.byte 0x06, 0x06\n"
	"broken_end:\n"

	"large:			.fill 19999, 1, 0x90\n"
	"large_ret:		ret\n"
	"large_end:\n"
	"too_large:		.fill 20000, 1, 0x90\n"
	"			ret\n"
	"too_large_end:\n"

	".section .data.rel.local, \"aw\"\n"
	".p2align 3\n"
	"straight_slot:		.quad straight\n"
	".text\n");

#define HIDDEN __attribute__((visibility("hidden")))

extern const uint8_t HIDDEN straight[], straight_2[], straight_ret[], straight_end[];
extern const uint8_t HIDDEN rets[], rets_2[], rets_3[], rets_4[], rets_5[], rets_a[], rets_b[],
	rets_c[], rets_d[], rets_end[];
extern const uint8_t HIDDEN loop[], loop_head[], loop_3[], loop_4[], loop_ret[], loop_end[];
extern const uint8_t HIDDEN for_ever[], for_ever_2[], for_ever_end[];
extern const uint8_t HIDDEN tail[], tail_jump[], tail_end[], tail_if[], tail_if_jump[],
	tail_if_ret[], tail_if_end[], tail_stub[], tail_stub_jump[], tail_stub_end[],
	tail_slot[], tail_slot_jump[], tail_slot_end[], tail_own_stub[], tail_own_stub_end[];
extern const uint8_t HIDDEN own_stub[], own_stub_end[];
extern const uint8_t HIDDEN tail_no_stub[];
extern const uint8_t HIDDEN no_stub[], no_stub_2[], no_stub_jump[], no_stub_end[];
extern const uint8_t HIDDEN unknown[], unknown_jump[], unknown_end[];
extern const uint8_t HIDDEN through_memory[], through_memory_end[];
extern const uint8_t HIDDEN never_returns[], never_returns_2[], never_returns_end[];
extern const uint8_t HIDDEN behind[], behind_ret[], behind_end[];
extern const uint8_t HIDDEN calls[], calls_2[], calls_ret[], calls_end[];
extern const uint8_t HIDDEN stops[], stops_2[], stops_3[], stops_4[], stops_end[];
extern const uint8_t HIDDEN warm[], warm_2[], warm_3[], warm_back[], warm_end[];
extern const uint8_t HIDDEN cold[], cold_2[], cold_end[];
extern const uint8_t HIDDEN broken[], broken_end[];
extern const uint8_t HIDDEN large[], large_ret[], large_end[];
extern const uint8_t HIDDEN too_large[], too_large_end[];

static taddr_t bias;
static struct elf self;

static taddr_t file_address(const uint8_t *label)
{
	return (uintptr_t)label - bias;
}

/* ---- what the walk is told --------------------------------------------------------- */

static const struct {
	const uint8_t *begin, *end;
} functions[] = {
	{ straight, straight_end },
	{ rets, rets_end },
	{ loop, loop_end },
	{ for_ever, for_ever_end },
	{ tail, tail_end },
	{ tail_if, tail_if_end },
	{ tail_stub, tail_stub_end },
	{ tail_slot, tail_slot_end },
	{ tail_own_stub, tail_own_stub_end },
	{ tail_no_stub, no_stub_end },
	{ unknown, unknown_end },
	{ through_memory, through_memory_end },
	{ never_returns, never_returns_end },
	{ behind, behind_end },
	{ calls, calls_end },
	{ stops, stops_end },
	{ warm, warm_end },
	{ cold, cold_end }, /* as the unwind table has it; no function of its own */
	{ broken, broken_end },
	{ large, large_end },
	{ too_large, too_large_end },
};

static bool bounds(void *ctx, taddr_t vaddr, struct cfg_bounds *out)
{
	(void)ctx;
	for (size_t i = 0; i < countof(functions); i++) {
		taddr_t begin = file_address(functions[i].begin);
		taddr_t end = file_address(functions[i].end);

		if (vaddr < begin || vaddr >= end)
			continue;
		*out = (struct cfg_bounds){ begin, end };
		return true;
	}
	return false;
}

static bool no_bounds(void *ctx, taddr_t vaddr, struct cfg_bounds *out)
{
	(void)ctx, (void)vaddr, (void)out;
	return false;
}

static bool is_function(void *ctx, taddr_t vaddr)
{
	(void)ctx;
	return vaddr == file_address(straight);
}

static bool nothing_is_a_function(void *ctx, taddr_t vaddr)
{
	(void)ctx, (void)vaddr;
	return false;
}

/* ---- what it must find --------------------------------------------------------------- */

static struct cfg walk(struct cfg_source *source, const uint8_t *entry)
{
	const char *why = NULL;
	struct cfg cfg;

	assert_int_equal(cfg_walk(&cfg, source, file_address(entry), &why), 0);
	return cfg;
}

static const struct cfg_exit *exit_at(const struct cfg *cfg, const uint8_t *label)
{
	const struct cfg_exit *found = NULL;

	for (size_t i = 0; i < cfg->exit_count; i++) {
		if (cfg->exits[i].vaddr != file_address(label))
			continue;
		assert_null(found);
		found = &cfg->exits[i];
	}
	assert_non_null(found);
	return found;
}

static void expect_ret(const struct cfg *cfg, const uint8_t *label)
{
	const struct cfg_exit *exit = exit_at(cfg, label);

	assert_int_equal(exit->kind, CFG_RET);
	assert_int_equal(exit->target, 0);
	assert_null(exit->name);
	assert_int_equal(exit->insn.flow, FLOW_RET);
}

static void expect_tail(const struct cfg *cfg, const uint8_t *label, taddr_t target,
			const char *name)
{
	const struct cfg_exit *exit = exit_at(cfg, label);

	assert_int_equal(exit->kind, CFG_TAIL);
	assert_int_equal(exit->target, target);
	assert_int_equal(exit->name != NULL, name != NULL);
	if (name)
		assert_string_equal(exit->name, name);
}

/* The labels are all the keys there are, NULL ends. */
static void expect_keys(const struct table *table, const uint8_t *const *labels)
{
	size_t count = 0;

	for (; labels[count]; count++)
		assert_non_null(table_find(table, file_address(labels[count])));
	assert_int_equal(table->used, count);
}

#define LABELS(...) ((const uint8_t *const[]){ __VA_ARGS__, NULL })
#define NO_LABELS ((const uint8_t *const[]){ NULL })

static void straight_line(void **state)
{
	struct cfg cfg = walk(*state, straight);

	assert_int_equal(cfg.exit_count, 1);
	expect_ret(&cfg, straight_ret);
	expect_keys(&cfg.seen, LABELS(straight, straight_2, straight_ret));
	expect_keys(&cfg.targets, NO_LABELS);
	assert_int_equal(*table_find(&cfg.seen, file_address(straight)), 1 + 1);
	assert_int_equal(*table_find(&cfg.seen, file_address(straight_2)), 1 + 3);
	assert_int_equal(*table_find(&cfg.seen, file_address(straight_ret)), 1 + 1);
	cfg_deinit(&cfg);
	assert_null(cfg.exits);
	assert_int_equal(cfg.seen.used, 0);
}

static void several_rets(void **state)
{
	struct cfg cfg = walk(*state, rets);

	assert_int_equal(cfg.exit_count, 3);
	expect_ret(&cfg, rets_a);
	expect_ret(&cfg, rets_b);
	expect_ret(&cfg, rets_d);
	assert_int_equal(exit_at(&cfg, rets_d)->insn.sp_delta, 16);
	expect_keys(&cfg.seen, LABELS(rets, rets_2, rets_3, rets_4, rets_5, rets_a, rets_b, rets_c,
				      rets_d));
	expect_keys(&cfg.targets, LABELS(rets_b, rets_c));
	cfg_deinit(&cfg);
}

static void a_loop(void **state)
{
	struct cfg cfg = walk(*state, loop);

	assert_int_equal(cfg.exit_count, 1);
	expect_ret(&cfg, loop_ret);
	expect_keys(&cfg.seen, LABELS(loop, loop_head, loop_3, loop_4, loop_ret));
	expect_keys(&cfg.targets, LABELS(loop_head));
	cfg_deinit(&cfg);
}

static void a_loop_without_end(void **state)
{
	struct cfg cfg = walk(*state, for_ever);

	assert_int_equal(cfg.exit_count, 0);
	expect_keys(&cfg.seen, LABELS(for_ever, for_ever_2));
	expect_keys(&cfg.targets, LABELS(for_ever_2));
	cfg_deinit(&cfg);
}

static void tail_call(void **state)
{
	struct cfg cfg = walk(*state, tail);

	assert_int_equal(cfg.exit_count, 1);
	expect_tail(&cfg, tail_jump, file_address(straight), NULL);
	assert_int_equal(cfg.exits[0].insn.flow, FLOW_JUMP);
	expect_keys(&cfg.seen, LABELS(tail, tail_jump));
	expect_keys(&cfg.targets, NO_LABELS);
	cfg_deinit(&cfg);
}

static void conditional_tail_call(void **state)
{
	struct cfg cfg = walk(*state, tail_if);

	assert_int_equal(cfg.exit_count, 2);
	expect_tail(&cfg, tail_if_jump, file_address(straight), NULL);
	assert_int_equal(exit_at(&cfg, tail_if_jump)->insn.flow, FLOW_BRANCH);
	expect_ret(&cfg, tail_if_ret);
	expect_keys(&cfg.seen, LABELS(tail_if, tail_if_jump, tail_if_ret));
	cfg_deinit(&cfg);
}

static void jump_to_what_is_no_function_is_followed(void **state)
{
	struct cfg_source source = *(struct cfg_source *)*state;
	struct cfg cfg;

	source.is_function = nothing_is_a_function;
	cfg = walk(&source, tail);
	assert_int_equal(cfg.exit_count, 1);
	expect_ret(&cfg, straight_ret);
	expect_keys(&cfg.seen, LABELS(tail, tail_jump, straight, straight_2, straight_ret));
	expect_keys(&cfg.targets, LABELS(straight));
	cfg_deinit(&cfg);
}

static void tail_call_through_a_stub(void **state)
{
	struct cfg cfg = walk(*state, tail_stub);

	assert_int_equal(cfg.exit_count, 1);
	assert_int_not_equal(cfg.exits[0].target, 0);
	expect_tail(&cfg, tail_stub_jump, cfg.exits[0].target, "getppid");
	expect_keys(&cfg.seen, LABELS(tail_stub, tail_stub_jump));
	cfg_deinit(&cfg);
	cfg = walk(*state, tail_own_stub);
	assert_int_equal(cfg.exit_count, 1);
	expect_tail(&cfg, tail_own_stub, file_address(own_stub), "getpgrp");
	cfg_deinit(&cfg);
}

/* What a stub does, but behind more than a stub has before it. */
static void tail_call_through_no_stub(void **state)
{
	struct cfg cfg = walk(*state, tail_no_stub);

	assert_int_equal(cfg.exit_count, 1);
	expect_tail(&cfg, no_stub_jump, 0, "getpgrp");
	expect_keys(&cfg.targets, LABELS(no_stub));
	expect_keys(&cfg.seen, LABELS(tail_no_stub, no_stub, no_stub_2, no_stub_jump));
	cfg_deinit(&cfg);
}

static void tail_call_through_a_slot(void **state)
{
	struct cfg cfg = walk(*state, tail_slot);

	assert_int_equal(cfg.exit_count, 1);
	expect_tail(&cfg, tail_slot_jump, 0, "getpgrp");
	assert_int_not_equal(cfg.exits[0].insn.slot, 0);
	cfg_deinit(&cfg);
}

/* In this program, but for its slot: another one may take its place. */
static taddr_t own_is_loop(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "getppid") == 0 ? file_address(loop) : 0;
}

static taddr_t own_is_straight(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "getpgrp") == 0 ? file_address(straight) : 0;
}

static void tail_call_of_its_own_through_a_stub(void **state)
{
	struct cfg_source source = *(struct cfg_source *)*state;
	struct cfg cfg;

	source.own = own_is_loop;
	cfg = walk(&source, tail_stub);
	assert_true(cfg.slot_followed);
	assert_int_equal(cfg.exit_count, 1);
	expect_ret(&cfg, loop_ret);
	expect_keys(&cfg.targets, LABELS(loop, loop_head));
	cfg_deinit(&cfg);
	cfg = walk(&source, tail_slot);
	assert_false(cfg.slot_followed);
	expect_tail(&cfg, tail_slot_jump, 0, "getpgrp");
	cfg_deinit(&cfg);
}

/* A function that is looked at for itself is not followed. */
static void tail_call_of_another_through_its_slot(void **state)
{
	struct cfg_source source = *(struct cfg_source *)*state;
	struct cfg cfg;

	source.own = own_is_straight;
	cfg = walk(&source, tail_slot);
	assert_int_equal(cfg.exit_count, 1);
	expect_tail(&cfg, tail_slot_jump, file_address(straight), NULL);
	cfg_deinit(&cfg);
}

static void expect_unknown(struct cfg_source *source, const uint8_t *entry, const uint8_t *at)
{
	struct cfg cfg = walk(source, entry);

	assert_int_equal(cfg.exit_count, 1);
	assert_int_equal(exit_at(&cfg, at)->kind, CFG_UNKNOWN);
	assert_int_equal(cfg.exits[0].target, 0);
	assert_null(cfg.exits[0].name);
	cfg_deinit(&cfg);
}

static void jump_nobody_knows_where(void **state)
{
	expect_unknown(*state, unknown, unknown_jump);
	expect_unknown(*state, through_memory, through_memory);
}

static void call_that_never_returns(void **state)
{
	struct cfg_source source = *(struct cfg_source *)*state;
	struct cfg cfg = walk(&source, never_returns);

	assert_int_equal(cfg.exit_count, 0);
	expect_keys(&cfg.seen, LABELS(never_returns, never_returns_2));
	cfg_deinit(&cfg);
	source.bounds = no_bounds; /* where it ends is not known */
	cfg = walk(&source, never_returns);
	assert_int_equal(cfg.exit_count, 1);
	expect_ret(&cfg, behind_ret);
	expect_keys(&cfg.seen, LABELS(never_returns, never_returns_2, behind, behind_ret));
	cfg_deinit(&cfg);
}

static void calls_are_passed_over(void **state)
{
	struct cfg cfg = walk(*state, calls);

	assert_int_equal(cfg.exit_count, 1);
	expect_ret(&cfg, calls_ret);
	expect_keys(&cfg.seen, LABELS(calls, calls_2, calls_ret));
	expect_keys(&cfg.targets, NO_LABELS);
	cfg_deinit(&cfg);
}

static void nothing_goes_on_behind_a_stop(void **state)
{
	struct cfg cfg = walk(*state, stops);

	assert_int_equal(cfg.exit_count, 0);
	expect_keys(&cfg.seen, LABELS(stops, stops_2, stops_3, stops_4));
	expect_keys(&cfg.targets, LABELS(stops_4));
	cfg_deinit(&cfg);
}

static void cold_part_belongs_to_it(void **state)
{
	struct cfg cfg = walk(*state, warm);

	assert_int_equal(cfg.exit_count, 1);
	expect_ret(&cfg, warm_back);
	expect_keys(&cfg.seen, LABELS(warm, warm_2, warm_3, warm_back, cold, cold_2));
	expect_keys(&cfg.targets, LABELS(cold, warm_back));
	cfg_deinit(&cfg);
}

static void refuse(struct cfg_source *source, taddr_t entry, int error, const char *expected)
{
	const char *why = NULL;
	struct cfg cfg;

	assert_int_equal(cfg_walk(&cfg, source, entry, &why), error);
	assert_string_equal(why, expected);
	cfg_deinit(&cfg);
}

static void what_does_not_decode_is_refused(void **state)
{
	refuse(*state, file_address(broken), -EILSEQ, "an instruction in it does not decode");
	refuse(*state, 0xffffffff0000, -EILSEQ, "an instruction in it does not decode");
}

static void what_is_too_large_is_refused(void **state)
{
	struct cfg cfg = walk(*state, large);

	assert_int_equal(cfg.exit_count, 1);
	expect_ret(&cfg, large_ret);
	assert_int_equal(cfg.seen.used, 20000);
	cfg_deinit(&cfg);
	refuse(*state, file_address(too_large), -E2BIG, "it is too large");
}

static int open_self(void **state)
{
	static struct cfg_source source = { .elf = &self, .bounds = bounds,
					    .is_function = is_function };
	Dl_info info;

	if (!dladdr(straight, &info) ||
	    elf_open(&self, open("/proc/self/exe", O_RDONLY | O_CLOEXEC)) < 0)
		return -1;
	bias = self.fixed ? 0 : (uintptr_t)info.dli_fbase;
	source.decoder = decoder_new();
	*state = &source;
	return source.decoder ? 0 : -1;
}

static int close_self(void **state)
{
	decoder_free(((struct cfg_source *)*state)->decoder);
	elf_close(&self);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(straight_line),
		cmocka_unit_test(several_rets),
		cmocka_unit_test(a_loop),
		cmocka_unit_test(a_loop_without_end),
		cmocka_unit_test(tail_call),
		cmocka_unit_test(conditional_tail_call),
		cmocka_unit_test(jump_to_what_is_no_function_is_followed),
		cmocka_unit_test(tail_call_through_a_stub),
		cmocka_unit_test(tail_call_through_no_stub),
		cmocka_unit_test(tail_call_through_a_slot),
		cmocka_unit_test(tail_call_of_its_own_through_a_stub),
		cmocka_unit_test(tail_call_of_another_through_its_slot),
		cmocka_unit_test(jump_nobody_knows_where),
		cmocka_unit_test(call_that_never_returns),
		cmocka_unit_test(calls_are_passed_over),
		cmocka_unit_test(nothing_goes_on_behind_a_stop),
		cmocka_unit_test(cold_part_belongs_to_it),
		cmocka_unit_test(what_does_not_decode_is_refused),
		cmocka_unit_test(what_is_too_large_is_refused),
	};

	return cmocka_run_group_tests(tests, open_self, close_self);
}
