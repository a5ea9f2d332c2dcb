/* Which instructions do the same without their first byte: functions of this program's own, in
 * assembly, and the processor's word for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/shed.h"
#include "own_module.h"

__asm__(".text\n"
	"never_null:	test %rdi, %rdi\n	je 1f\n	push %rbp\n	sub $8, %rsp\n"
	"		add $8, %rsp\n	pop %rbp\n"
	"1:		ret\n"
	"calls_on:	test %rax, %rax\n	mov %rdi, %rsi\n	call never_null\n	ret\n"
	"jumps:		test %rbx, %rbx\n	jmp 1f\n	nop\n1:	cmovne %rax, %rcx\n"
	"		inc %eax\n	js 1b\n	ret\n"
	"shifted:	test %rsi, %rsi\n	shr $1, %rdx\n	js 1f\n1:	ret\n"

	"asks_sign:	test %rdi, %rdi\n	js 1f\n1:	ret\n"
	"asks_less:	test %rdi, %rdi\n	mov $1, %eax\n	cmovl %rax, %rcx\n	ret\n"
	"asks_more:	test %rdi, %rdi\n	setg %al\n	ret\n"
	"one_way_asks:	test %rdi, %rdi\n	je 1f\n	xor %eax, %eax\n	ret\n"
	"1:		jle 2f\n2:	ret\n"
	"saves_flags:	test %rdi, %rdi\n	pushf\n	pop %rax\n	ret\n"
	"who_knows:	test %rdi, %rdi\n	jmp *%rax\n"
	"shifts_none:	test %rsi, %rsi\n	shr $0, %rdx\n	js 1f\n1:	ret\n"
	"round_it:	test %rdi, %rdi\n1:	jne 1b\n	jmp 1b\n"

	"low_half:	test %edi, %edi\n	ret\n"
	"new_register:	test %r8, %r8\n	ret\n"
	"two:		test %rdi, %rsi\n	ret\n"
	"part:		test $1, %rdi\n	ret\n"
	"moves:		mov %rdi, %rax\n	ret\n"

	"landing:	endbr64\n	ret\n"
	"long_nop:	cs nopw 0x0(%rax,%rax,1)\n	ret\n"
	"two_nop:	.byte 0x66, 0x90\n	ret\n"
	"nop_of_three:	nopl (%rax)\n	ret\n" /* 0f 1f 00: 1f is no nop */
	"short_nop:	nop\n	ret\n");

CODE(never_null); CODE(calls_on); CODE(jumps); CODE(shifted);
CODE(asks_sign); CODE(asks_less); CODE(asks_more); CODE(one_way_asks);
CODE(saves_flags); CODE(who_knows); CODE(shifts_none); CODE(round_it);
CODE(low_half); CODE(new_register); CODE(two); CODE(part); CODE(moves);
CODE(landing); CODE(long_nop); CODE(two_nop); CODE(nop_of_three);
CODE(short_nop);

static bool make(const uint8_t *function, struct probe *probe)
{
	struct module self = own_module(never_null);
	struct plan plan = { 0 };
	struct job job = { .decoder = decoder_new(), .module = &self, .plan = &plan };
	taddr_t vaddr = (uintptr_t)function - self.bias;
	struct decoded insn;
	bool made;

	assert_non_null(job.decoder);
	assert_int_equal(job_decode(&job, vaddr, &insn), 0);
	*probe = job_probe(&job, vaddr, &insn, PROBE_ENTRY, 0);
	made = shed_make(&job, vaddr, &insn, probe);
	decoder_free(job.decoder);
	module_close(&self);
	return made;
}

static void a_test_whose_sign_nobody_asks_for(void **state)
{
	const uint8_t *const yes[] = { never_null, calls_on, jumps, shifted };
	const uint8_t *const no[] = { asks_sign, asks_less, asks_more, one_way_asks, saves_flags,
		                      who_knows, shifts_none, round_it, low_half, new_register,
		                      two, part, moves };
	struct probe probe;

	(void)state;
	for (size_t i = 0; i < countof(yes); i++) {
		assert_true(make(yes[i], &probe));
		assert_int_equal(probe.flags, PROBE_SHEDS);
	}
	for (size_t i = 0; i < countof(no); i++) {
		assert_false(make(no[i], &probe));
		assert_int_equal(probe.flags, 0);
	}
}

static void a_nop_that_stays_one(void **state)
{
	const uint8_t *const yes[] = { landing, long_nop, two_nop };
	struct probe probe;

	(void)state;
	for (size_t i = 0; i < countof(yes); i++) {
		assert_true(make(yes[i], &probe));
		assert_memory_equal(&probe.insn, &arch_nop, sizeof(arch_nop));
	}
	assert_false(make(nop_of_three, &probe));
	assert_false(make(short_nop, &probe));
}

#define FLAGS 0x8c5 /* OF SF ZF PF CF: AF is undefined behind a test */
#define SF 0x80
/* past the red zone */
#define PUT_FLAGS(to) "lea -128(%%rsp), %%rsp\n\tpushfq\n\tpop " to "\n\tlea 128(%%rsp), %%rsp"

static uint64_t flags_of_whole(uint64_t value)
{
	uint64_t flags;

	__asm__ volatile("test %1, %1\n\t" PUT_FLAGS("%0") : "=&r"(flags) : "r"(value) : "cc");
	return flags & FLAGS & ~SF;
}

static uint64_t flags_of_half(uint64_t value)
{
	uint64_t flags;

	__asm__ volatile("test %k1, %k1\n\t" PUT_FLAGS("%0") : "=&r"(flags) : "r"(value) : "cc");
	return flags & FLAGS & ~SF;
}

/* The registers and flags that are left are those it had. */
static void what_is_left_of_a_landing_is_a_nop(void **state)
{
	uint64_t edx = 0x123456789abcdef0, flags;

	(void)state;
	__asm__ volatile("cmp $1, %0\n\t.byte 0x0f, 0x1e, 0xfa\n\t" PUT_FLAGS("%1")
	                 : "+d"(edx), "=&r"(flags) : : "cc");
	assert_int_equal(edx, 0x123456789abcdef0);
	assert_int_equal(flags & FLAGS, 0);
}

static void the_processor_agrees(void **state)
{
	const struct insn insn = { .dst = { .kind = OPERAND_REG, .reg = ARCH_RDI, .width = 8 } };
	uint64_t value = 0;
	unsigned differ = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		const struct arch_regs regs = { .rdi = value };

		assert_int_equal(arch_sheds(&insn, &regs),
		                 flags_of_whole(value) == flags_of_half(value));
		differ += !arch_sheds(&insn, &regs);
		value = (uint64_t)random() << (random() % 64);
	}
	assert_true(differ > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_test_whose_sign_nobody_asks_for),
		cmocka_unit_test(a_nop_that_stays_one),
		cmocka_unit_test(what_is_left_of_a_landing_is_a_nop),
		cmocka_unit_test(the_processor_agrees),
	};

	return cmocka_run_group_tests_name("shed", tests, NULL, NULL);
}
