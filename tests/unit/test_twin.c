/* Where the same code stands once more: functions of this program's own, in assembly, and the
 * C library's malloc. */
#include <gnu/libc-version.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/resolve.h"
#include "analysis/twin.h"
#include "own_module.h"

/* Tails that nothing else in this program has; each with the unwind rows that are true of it. */
#define PUSHED(reg, offset) ".cfi_adjust_cfa_offset 8\n.cfi_rel_offset " reg ", 0\n"
#define FUNCTION_BEGIN(name) name ":	.cfi_startproc\n"
#define FUNCTION_END "	.cfi_endproc\n"
#define FAR "	.skip 16, 0x90\n" /* where a patch of the function's begin does not reach */
#define PUSH_R13_RBX FAR "	push %r13\n" PUSHED("r13", 0) "	push %rbx\n" PUSHED("rbx", 0)
#define POP_RBX_R13 "	pop %rbx\n.cfi_adjust_cfa_offset -8\n.cfi_restore rbx\n" \
		    "	pop %r13\n.cfi_adjust_cfa_offset -8\n.cfi_restore r13\n"

__asm__(".text\n"
	FUNCTION_BEGIN("first") PUSH_R13_RBX
	"first_tail:	mov %rdi, %r11\n" POP_RBX_R13 "	ret\n" FUNCTION_END

	/* the same bytes, but the unwinder is told that nothing was pushed */
	FUNCTION_BEGIN("untold") FAR "	push %r13\n	push %rbx\n"
	"untold_tail:	mov %rdi, %r11\n	pop %rbx\n	pop %r13\n	ret\n" FUNCTION_END

	FUNCTION_BEGIN("second") PUSH_R13_RBX "	nop\n"
	"second_tail:	mov %rdi, %r11\n" POP_RBX_R13 "	ret\n" FUNCTION_END

	/* there is another one for each of these, but not to be used */
	FUNCTION_BEGIN("relative") FAR
	"relative_tail:	mov first(%rip), %r10\n	mov %r10, %r9\n	ret\n"
	"		mov first(%rip), %r10\n	mov %r10, %r9\n	ret\n" FUNCTION_END
	FUNCTION_BEGIN("writes") FAR
	"writes_tail:	mov %r10, (%r9)\n	mov %r10, %r8\n	ret\n"
	"		mov %r10, (%r9)\n	mov %r10, %r8\n	ret\n" FUNCTION_END
	FUNCTION_BEGIN("pushes") FAR "	push %r14\n" PUSHED("r14", 0)
	"pushes_tail:	push %r14\n	pop %r14\n	pop %r14\n"
	"		.cfi_adjust_cfa_offset -8\n	ret\n"
	"		.cfi_adjust_cfa_offset 8\n"
	"		push %r14\n	pop %r14\n	pop %r14\n"
	"		.cfi_adjust_cfa_offset -8\n	ret\n" FUNCTION_END
	FUNCTION_BEGIN("jumps") FAR
	"jumps_tail:	mov %r10, %r8\n	jmp first\n" FUNCTION_END

	/* there is one, at a function's begin */
	FUNCTION_BEGIN("patched") FAR
	"patched_tail:	mov %rdx, %r11\n	mov %rcx, %r11\n	ret\n" FUNCTION_END
	FUNCTION_BEGIN("small") "	nop\n"
	"		mov %rdx, %r11\n	mov %rcx, %r11\n	ret\n" FUNCTION_END

	/* there is none */
	FUNCTION_BEGIN("alone") FAR
	"alone_tail:	mov %r14, %r15\n	mov %r10, %r15\n	ret\n" FUNCTION_END
	/* there is one, inside another instruction */
	FUNCTION_BEGIN("inside") FAR
	"inside_tail:	mov %r10d, %r15d\n	ret\n"
	"		movabs $0xc3d7894590, %r9\n	ret\n" FUNCTION_END);

CODE(first_tail); CODE(second_tail); CODE(relative_tail); CODE(writes_tail);
CODE(pushes_tail); CODE(patched_tail); CODE(jumps_tail); CODE(alone_tail); CODE(inside_tail);

/* With a trap at the address trap, or none. */
static taddr_t twin_beside(const uint8_t *tail, taddr_t trap)
{
	struct module self = own_module(first_tail);
	struct probe probe = { .addr = trap };
	struct plan plan = { .probes = &probe, .count = trap != 0 };
	struct job job = { .decoder = decoder_new(), .module = &self, .plan = &plan };
	struct twin found;

	assert_non_null(job.decoder);
	found = twin_find(&job, (uintptr_t)tail - self.bias);
	decoder_free(job.decoder);
	module_close(&self);
	if (found.addr)
		assert_int_equal(found.sum, plan_sum((const uint8_t *)found.addr, found.len));
	return found.addr;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void the_same_elsewhere(void **state)
{
	(void)state;
	assert_int_equal(twin_beside(first_tail, 0), (uintptr_t)second_tail);
	assert_int_equal(twin_beside(second_tail, 0), (uintptr_t)first_tail);
}

static void none_with_a_trap(void **state)
{
	(void)state;
	assert_int_equal(twin_beside(first_tail, (uintptr_t)second_tail), 0);
	assert_int_equal(twin_beside(first_tail, (uintptr_t)second_tail + 3), 0);
	assert_int_equal(twin_beside(first_tail, (uintptr_t)second_tail - 1),
	                 (uintptr_t)second_tail);
}

static void none_that_does_other_things(void **state)
{
	(void)state;
	assert_int_equal(twin_beside(relative_tail, 0), 0);
	assert_int_equal(twin_beside(writes_tail, 0), 0);
	assert_int_equal(twin_beside(pushes_tail, 0), 0);
	assert_int_equal(twin_beside(jumps_tail, 0), 0);
	assert_int_equal(twin_beside(alone_tail, 0), 0);
	assert_int_equal(twin_beside(patched_tail, 0), 0);
	assert_int_equal(twin_beside(inside_tail, 0), 0);
}

/* What stands at the late traps of the C library's malloc stands somewhere else too. */
static void of_the_c_library(void **state)
{
	struct module libc = own_module((const void *)(uintptr_t)gnu_get_libc_version);
	struct functions functions = { 0 };
	struct plan plan = { 0 };
	struct resolver *resolver = resolver_new();
	unsigned late = 0;

	(void)state;
	assert_non_null(resolver);
	resolve_module(resolver, &libc, &functions, &plan);
	for (size_t i = 0; i < plan.count; i++) {
		const struct probe *probe = &plan.probes[i];
		uint8_t here[4], there[4];

		if (!(probe->flags & PROBE_LATE) || !probe->twin.addr)
			continue;
		late++;
		assert_int_equal(elf_read(&libc.elf, probe->addr - libc.bias, here, sizeof(here)), 0);
		assert_int_equal(elf_read(&libc.elf, probe->twin.addr - libc.bias, there, sizeof(there)), 0);
		assert_memory_equal(here, there, sizeof(here));
		for (size_t k = 0; k < plan.count; k++)
			assert_int_not_equal(plan.probes[k].addr, probe->twin.addr);
	}
	assert_true(late > 0);
	resolver_free(resolver);
	free(plan.probes);
	free(functions.list);
	module_close(&libc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_elsewhere),
		cmocka_unit_test(none_with_a_trap),
		cmocka_unit_test(none_that_does_other_things),
		cmocka_unit_test(of_the_c_library),
	};

	return cmocka_run_group_tests_name("twin", tests, NULL, NULL);
}
