/* Where an allocator's entry and exit share a stop: functions of this program's own, in
 * assembly, and the C library's malloc. */
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/late.h"
#include "own_module.h"

__asm__(".text\n"
	/* the mark of a C library, whose malloc calls no other's */
	".type _int_malloc, @function\n"
	"_int_malloc:		ret\n"

	"helper:		ret\n"

	/* copied where a call preserves it */
	"kept:			push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			call helper\n"
	"kept_late:		pop %rbx\n"
	"			ret\n"

	/* of three copies, the call leaves the last */
	"copies:		push %r12\n"
	"			mov %rdi, %rax\n"
	"			mov %rax, %r12\n"
	"			call helper\n"
	"			add $1, %rax\n"
	"copies_late:		pop %r12\n"
	"			ret\n"

	"product:		push %rbx\n"
	"			mov %rdi, %rax\n"
	"			mov %rsi, %rcx\n"
	"			mul %rcx\n"
	"			mov %rax, %rbx\n"
	"			call helper\n"
	"product_late:		pop %rbx\n"
	"			ret\n"

	"product_signed:		imul %rdi, %rsi\n"
	"product_signed_late:	mov %rsi, %rax\n"
	"			ret\n"

	/* of which one factor is another */
	"no_product:		push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			add $1, %rsi\n"
	"			imul %rsi, %rbx\n"
	"			call helper\n"
	"			pop %rbx\n"
	"			ret\n"

	"square:			mov %rdi, %rax\n"
	"			mul %rdi\n"
	"			mov %rax, %rcx\n"
	"			ret\n"

	/* on one way only */
	"half_a_product:		push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			test %rdi, %rdi\n"
	"			je 1f\n"
	"			imul %rsi, %rbx\n"
	"1:			pop %rbx\n"
	"			ret\n"

	"half_as_wide:		imul %edi, %esi\n"
	"			mov %rsi, %rax\n"
	"			ret\n"

	"leaf:			nop\n"
	"leaf_late:		mov %rdi, %rax\n"
	"			ret\n"

	/* lost on one way, on which there must be an early trap; then they meet */
	"slow:			push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			test %rdi, %rdi\n"
	"			je 1f\n"
	"			call helper\n"
	"2:\n"
	"slow_late:		pop %rbx\n"
	"			ret\n"
	"1:			mov %rbx, %rsi\n"
	"			xor %ebx, %ebx\n"
	"slow_early:		xor %edi, %edi\n"
	"			call helper\n"
	"			jmp 2b\n"

	/* lost on all ways: an early one only */
	"lost:			push %rbx\n"
	"lost_early:		nop\n"
	"			call helper\n"
	"			pop %rbx\n"
	"			ret\n"

	/* half of it is no copy */
	"half:			push %rbx\n"
	"half_early:		mov %edi, %ebx\n"
	"			call helper\n"
	"			pop %rbx\n"
	"			ret\n"

	/* what was a copy is written to in part */
	"spoiled:		push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			mov $1, %bl\n"
	"spoiled_early:		nop\n"
	"			call helper\n"
	"			pop %rbx\n"
	"			ret\n"

	/* in one register or another */
	"either:		push %rbx\n"
	"			push %rbp\n"
	"			test %rsi, %rsi\n"
	"			je 1f\n"
	"			mov %rdi, %rbx\n"
	"			xor %edi, %edi\n"
	"			jmp 2f\n"
	"1:			mov %rdi, %rbp\n"
	"			xor %edi, %edi\n"
	"2:			pop %rbp\n"
	"			pop %rbx\n"
	"			ret\n"

	/* the stack pointer is not known */
	"aligned:		push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			and $-16, %rsp\n"
	"			call helper\n"
	"			pop %rbx\n"
	"			ret\n"

	"by_pointer:		push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			call *%rsi\n"
	"			pop %rbx\n"
	"			ret\n"

	"jumps_on:		test %rdi, %rdi\n"
	"			je helper_slot\n"
	"			mov %rdi, %rax\n"
	"			ret\n"
	"helper_slot:		jmp *%rdx\n"

	/* on the way to the ret stands what cannot be emulated */
	"atomic:		push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			pop %rax\n"
	"			mov %rax, %rbx\n"
	"			lock incl (%rax)\n"
	"			ret\n"

	/* ends in code that others may call, where a trap would see their calls, too */
	"shares:		mov %rdi, %rsi\n"
	"			test %rsi, %rsi\n"
	"			je shared\n"
	"			mov %rsi, %rax\n"
	"			ret\n"
	"shared:		mov %rsi, %rax\n"
	"			ret\n"

	/* a part of it stands apart, and does not end there */
	"split:			push %rbx\n"
	"			mov %rdi, %rbx\n"
	"			test %rdi, %rdi\n"
	"			je apart\n"
	"split_late:		pop %rbx\n"
	"			ret\n"
	"apart:			call helper\n"
	"			jmp split_late\n"

	/* round and round */
	"loops:			push %rbx\n"
	"			mov %rdi, %rbx\n"
	"1:			call helper\n"
	"			dec %rax\n"
	"			jne 1b\n"
	"loops_late:		pop %rbx\n"
	"			ret\n");

CODE(kept); CODE(kept_late); CODE(copies); CODE(copies_late);
CODE(leaf); CODE(leaf_late); CODE(slow); CODE(slow_late);
CODE(slow_early); CODE(lost); CODE(lost_early); CODE(half);
CODE(half_early); CODE(spoiled); CODE(spoiled_early); CODE(either);
CODE(aligned); CODE(by_pointer); CODE(jumps_on); CODE(atomic);
CODE(loops); CODE(loops_late); CODE(product); CODE(product_late);
CODE(product_signed); CODE(product_signed_late); CODE(no_product); CODE(square);
CODE(half_a_product); CODE(half_as_wide);
CODE(shares); CODE(shared); CODE(split); CODE(split_late); CODE(apart);

/* ---- planning --------------------------------------------------------------------------- */

#define SIZE 64 /* none of the above is larger */

/* Of the function at address, taken for the named allocator. The probes are the caller's. */
static struct plan plan_of(struct module *module, taddr_t vaddr, size_t size,
                           const char *allocator, bool *planned)
{
	struct plan plan = { 0 };
	struct found found = { .vaddr = vaddr, .size = size, .entry = catalog_find(allocator) };
	struct job job = { .decoder = decoder_new(), .module = module, .plan = &plan,
		           .found = &found, .found_count = 1 };
	const struct cfg_source source = { &module->elf, job.decoder, job_bounds,
		                           job_is_function, &job, job_own };
	const char *why;
	struct cfg cfg;

	assert_non_null(job.decoder);
	assert_int_equal(cfg_walk(&cfg, &source, vaddr, &why), 0);
	*planned = !late_plan(&job, &found, &cfg, 5);
	cfg_deinit(&cfg);
	decoder_free(job.decoder);
	return plan;
}

static struct module self;

static struct plan plan_own(const uint8_t *function, bool *planned)
{
	return plan_of(&self, (uintptr_t)function - self.bias, SIZE, "malloc", planned);
}

static const struct probe *probe_at(const struct plan *plan, const uint8_t *label)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->probes[i].addr == (uintptr_t)label)
			return &plan->probes[i];
	fail_msg("no trap there");
	return NULL;
}

static size_t entries(const struct plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		count += plan->probes[i].kind == PROBE_ENTRY;
	return count;
}

static void expect(const struct plan *plan, const uint8_t *label, unsigned reg, int slot_delta,
                   unsigned more_flags)
{
	const struct probe *probe = probe_at(plan, label);

	assert_int_equal(probe->kind, PROBE_ENTRY);
	assert_int_equal(probe->arg, reg);
	assert_int_equal(probe->slot_delta, slot_delta);
	assert_int_equal(probe->flags, PROBE_AWAIT | PROBE_LATE | more_flags);
	assert_int_equal(probe->function, 5);
	assert_int_equal(probe->original, *label);
}

static void expect_one(const uint8_t *function, const uint8_t *label, unsigned reg,
                       int slot_delta)
{
	bool planned;
	struct plan plan = plan_own(function, &planned);

	assert_true(planned);
	assert_int_equal(entries(&plan), 1);
	expect(&plan, label, reg, slot_delta, 0);
	free(plan.probes);
}

static void expect_none(const uint8_t *function)
{
	bool planned;
	struct plan plan = plan_own(function, &planned);

	assert_false(planned);
	assert_int_equal(plan.count, 0);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void late_alone(void **state)
{
	(void)state;
	expect_one(kept, kept_late, ARCH_RBX, 8);
	expect_one(copies, copies_late, ARCH_R12, 8);
	expect_one(leaf, leaf_late, ARCH_RDI, 0);
	expect_one(loops, loops_late, ARCH_RBX, 8);
}

static void early_where_it_is_lost(void **state)
{
	(void)state;
	expect_one(lost, lost_early, ARCH_RDI, 8);
	expect_one(half, half_early, ARCH_RDI, 8);
	expect_one(spoiled, spoiled_early, ARCH_RDI, 8);
}

static void early_and_late(void **state)
{
	bool planned;
	struct plan plan = plan_own(slow, &planned);

	(void)state;
	assert_true(planned);
	assert_int_equal(entries(&plan), 2);
	expect(&plan, slow_early, ARCH_RSI, 8, 0);
	expect(&plan, slow_late, ARCH_RBX, 8, PROBE_SEEN);
	free(plan.probes);
}

static void a_product_of_both(void **state)
{
	const uint8_t *const refused[] = { no_product, square, half_a_product, half_as_wide, kept };
	struct plan plan;
	bool planned;

	(void)state;
	plan = plan_of(&self, (uintptr_t)product - self.bias, SIZE, "calloc", &planned);
	assert_true(planned);
	assert_int_equal(entries(&plan), 1);
	expect(&plan, product_late, ARCH_RBX, 8, 0);
	free(plan.probes);
	plan = plan_of(&self, (uintptr_t)product_signed - self.bias, SIZE, "calloc", &planned);
	assert_true(planned);
	assert_int_equal(entries(&plan), 1);
	expect(&plan, product_signed_late, ARCH_RSI, 0, 0);
	free(plan.probes);
	for (size_t i = 0; i < countof(refused); i++) {
		plan = plan_of(&self, (uintptr_t)refused[i] - self.bias, SIZE, "calloc", &planned);
		assert_false(planned);
		assert_int_equal(plan.count, 0);
	}
}

static void refused(void **state)
{
	(void)state;
	expect_none(either);
	expect_none(aligned);
	expect_none(by_pointer);
	expect_none(jumps_on);
	expect_none(atomic);
}

static void not_in_code_of_others(void **state)
{
	bool planned;
	struct plan plan = plan_of(&self, (uintptr_t)shares - self.bias, shared - shares, "malloc",
	                           &planned);

	(void)state;
	assert_false(planned);
	assert_int_equal(plan.count, 0);
	plan = plan_of(&self, (uintptr_t)split - self.bias, apart - split, "malloc", &planned);
	assert_true(planned);
	assert_int_equal(entries(&plan), 1);
	expect(&plan, split_late, ARCH_RBX, 8, 0);
	free(plan.probes);
}

static void not_where_the_size_is_unknown(void **state)
{
	bool planned;
	struct plan plan = plan_of(&self, (uintptr_t)leaf - self.bias, 0, "malloc", &planned);

	(void)state;
	assert_false(planned);
	assert_int_equal(plan.count, 0);
}

static void only_what_is_asked_for_a_size(void **state)
{
	static const char *const others[] = { "memalign", "realloc", "free", "posix_memalign" };

	(void)state;
	for (size_t i = 0; i < countof(others); i++) {
		bool planned;
		struct plan plan = plan_of(&self, (uintptr_t)kept - self.bias, SIZE, others[i],
		                           &planned);

		assert_false(planned);
		assert_int_equal(plan.count, 0);
	}
}

/* Whose malloc, if it has one, is left with a trap at each end: it could be another's. */
static void refused_where_another_may_be_called(void **state)
{
	void *zlib = dlopen("libdw.so.1", RTLD_NOW); /* it imports malloc */
	void *inside = zlib ? dlsym(zlib, "dwarf_begin") : NULL;
	struct module module;
	struct plan plan;
	bool planned;

	(void)state;
	assert_non_null(inside);
	module = own_module(inside);
	plan = plan_of(&module, (uintptr_t)inside - module.bias, 0, "malloc", &planned);
	assert_false(planned);
	assert_int_equal(plan.count, 0);
	module_close(&module);
	dlclose(zlib);
}

/* Whatever its shape is, each entry's register is one and its slot lies on the stack. */
static void of_the_c_library(void **state)
{
	void *address = dlsym(RTLD_NEXT, "malloc");
	const ElfW(Sym) *symbol;
	struct module libc;
	struct plan plan;
	Dl_info info;
	bool planned;

	(void)state;
	if (!address || !dlsym(RTLD_NEXT, "gnu_get_libc_version"))
		skip();
	libc = own_module(address);
	assert_true(dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT));
	plan = plan_of(&libc, (uintptr_t)address - libc.bias, symbol->st_size, "malloc", &planned);
	for (size_t i = 0; i < plan.count; i++) {
		assert_in_range(plan.probes[i].slot_delta, 0, 4096);
		assert_in_range(plan.probes[i].arg, 0, ARCH_REGS - 1);
	}
	assert_int_equal(planned, plan.count > 0);
	free(plan.probes);
	module_close(&libc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_alone),
		cmocka_unit_test(early_where_it_is_lost),
		cmocka_unit_test(early_and_late),
		cmocka_unit_test(a_product_of_both),
		cmocka_unit_test(refused),
		cmocka_unit_test(not_in_code_of_others),
		cmocka_unit_test(not_where_the_size_is_unknown),
		cmocka_unit_test(only_what_is_asked_for_a_size),
		cmocka_unit_test(refused_where_another_may_be_called),
		cmocka_unit_test(of_the_c_library),
	};

	self = own_module(kept);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
