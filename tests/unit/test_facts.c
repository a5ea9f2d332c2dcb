/* What is told of functions by their code, of ones written for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/facts.h"
#include "own_module.h"

/* clang-format off */
__asm__(
	".text\n"
	".globl takes_two, hands_on, saves, on_stack, product, stack_product, other_product\n"
	".globl writes, header, stepped, string_end, crashes, calls_kernel, gives_number\n"
	".globl data, named_by, rowed, places\n"
	".hidden takes_two, hands_on, saves, on_stack, product, stack_product, other_product\n"
	".hidden writes, header, stepped, string_end, crashes, calls_kernel, gives_number\n"
	".hidden data, named_by, rowed, places\n"
	"ret\n"
	"takes_two:  mov %rsi, %rax\n test %rdi, %rdi\n je 1f\n xor %edx, %edx\n"
	"            mov %rdx, %rcx\n 1: ret\n"
	"hands_on:   jmp takes_two\n"
	"saves:      push %rsi\n push %rdx\n mov %rdi, %rax\n pop %rdx\n pop %rsi\n ret\n"
	"on_stack:   push %rbp\n mov %rsp, %rbp\n mov %rdi, -8(%rbp)\n cmpq $0, -8(%rbp)\n"
	"            leave\n ret\n"
	"product:    mov %rdi, %rax\n mul %rsi\n ret\n"
	"stack_product: mov %rdi, -8(%rsp)\n mov %rsi, -16(%rsp)\n mov -8(%rsp), %rax\n"
	"            mulq -16(%rsp)\n ret\n"
	"other_product: mov $24, %eax\n mul %rsi\n imul %rdi, %rdi\n ret\n"
	"writes:     mov %rdi, %rbx\n mov %rax, (%rbx)\n ret\n"
	"header:     testb $1, -8(%rdi)\n ret\n"
	"stepped:    sub $4, %rdi\n movzwl (%rdi), %eax\n ret\n"
	"string_end: movzbl -1(%rdi,%rsi), %eax\n mov -8(%rbp), %rcx\n ret\n"
	"crashes:    cmp $12, %rdi\n jne 1f\n hlt\n 1: ret\n"
	"calls_kernel: mov %rdi, %rax\n syscall\n ret\n"
	"gives_number: mov $25, %edi\n call calls_kernel\n push $9\n pop %rax\n syscall\n ret\n"
	"nop\n nop\n"
	"jumped_to:  mov %edi, %eax\n ret\n"
	"nop\n"
	"taken:      jne inner_block\n mov %esi, %eax\n ret\n"
	"inner_block: mov %edx, %eax\n ret\n"
	"named_by:   lea data(%rip), %rax\n lea taken(%rip), %rcx\n call takes_two\n"
	"            call hands_on\n call saves\n call on_stack\n call product\n"
	"            call stack_product\n call other_product\n call writes\n call header\n"
	"            call stepped\n call string_end\n call crashes\n call gives_number\n"
	"            call named_by\n call rowed\n .byte 0xe9\n .long jumped_to - . - 4\n"
	".cfi_startproc\n"
	"rowed:      test %edi, %edi\n .byte 0x0f, 0x85\n"
	"            .long rowed_apart - . - 4\n ret\n"
	".cfi_endproc\n"
	".cfi_startproc\n"
	"rowed_apart: lea data(%rip), %rax\n ret\n"
	".cfi_endproc\n"
	".data\n data: .quad 0\n"
	"places: .long jumped_to - takes_two, taken - takes_two, inner_block - takes_two\n"
	"        .long rowed_apart - takes_two\n .text\n");
/* clang-format on */

CODE(takes_two);
CODE(hands_on);
CODE(saves);
CODE(on_stack);
CODE(product);
CODE(stack_product);
CODE(other_product);
CODE(writes);
CODE(header);
CODE(stepped);
CODE(string_end);
CODE(crashes);
CODE(calls_kernel);
CODE(gives_number);
CODE(data);
CODE(named_by);
CODE(rowed);

/* Where those are that C must not take the address of. */
enum place { JUMPED_TO, TAKEN, INNER_BLOCK, ROWED_APART };
extern const int32_t HIDDEN places[];

static struct module module;
static struct code code;
static struct facts_table table = { .code = &code };

static taddr_t at(const uint8_t *label)
{
	return (uintptr_t)label - module.bias;
}

static taddr_t place(enum place which)
{
	return at(takes_two) + (taddr_t)places[which];
}

static const struct facts *of(const uint8_t *label)
{
	const struct facts *facts = facts_of(&table, at(label));

	assert_non_null(facts);
	assert_int_equal(facts->begin, at(label));
	return facts;
}

static int open_all(void **state)
{
	(void)state;
	module = own_module(takes_two);
	return !code_open(&code, &module, decoder_new()) || !code_find_calls(&code) ||
	       !code_find_rowless(&code);
}

static int close_all(void **state)
{
	(void)state;
	facts_free(&table);
	decoder_free(code.decoder);
	code_close(&code);
	module_close(&module);
	return 0;
}

/* ---- arguments ------------------------------------------------------------------------------ */

static void test_an_argument_that_is_read_matters(void **state)
{
	(void)state;
	assert_int_equal(of(takes_two)->args, 3);
	assert_true(of(takes_two)->tests_null);
	assert_false(of(takes_two)->multiplies);
}

static void test_to_save_a_register_is_not_to_read_it(void **state)
{
	(void)state;
	assert_int_equal(of(saves)->args, 1);
	assert_false(of(saves)->tests_null);
}

static void test_arguments_are_followed_into_what_is_called(void **state)
{
	(void)state;
	assert_int_equal(of(hands_on)->args, 3);
	assert_int_equal(of(hands_on)->call_count, 1);
	assert_int_equal(of(hands_on)->calls[0], at(takes_two));
}

static void test_a_copy_on_the_stack_is_the_argument(void **state)
{
	(void)state;
	assert_true(of(on_stack)->tests_null);
	assert_false(of(on_stack)->below);
}

static void test_only_the_product_of_both_arguments_is_one(void **state)
{
	(void)state;
	assert_true(of(product)->multiplies);
	assert_true(of(stack_product)->multiplies);
	assert_false(of(other_product)->multiplies);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_a_store_through_the_first_argument(void **state)
{
	(void)state;
	assert_true(of(writes)->stores);
	assert_false(of(on_stack)->stores);
}

static void test_headers_stand_below_blocks(void **state)
{
	(void)state;
	assert_true(of(header)->below);
	assert_true(of(stepped)->below);
	assert_false(of(string_end)->below);
}

/* ---- what it does ---------------------------------------------------------------------------- */

static void test_constants_and_crashes(void **state)
{
	(void)state;
	assert_true(of(crashes)->stops);
	assert_true(facts_has_constant(of(crashes), 12));
	assert_false(facts_has_constant(of(crashes), 13));
	assert_false(of(product)->stops);
}

static void test_numbers_of_system_calls_also_of_those_handed_on(void **state)
{
	(void)state;
	assert_true(of(calls_kernel)->any_syscall);
	assert_int_equal(of(gives_number)->syscall_count, 2);
	assert_true(facts_reach_syscall(&table, at(gives_number), 25, 0));
	assert_true(facts_reach_syscall(&table, at(gives_number), 9, 0));
	assert_false(facts_reach_syscall(&table, at(gives_number), 11, 5));
	assert_false(facts_reach_syscall(&table, at(named_by), 9, 0));
	assert_true(facts_reach_syscall(&table, at(named_by), 9, 1));
}

/* ---- where they are -------------------------------------------------------------------------- */

static bool refers(taddr_t to, const uint8_t *from, size_t size)
{
	struct address_set refs = { 0 };
	bool found = false;

	code_find_refs(&code, to, to + 1, &refs);
	for (size_t i = 0; i < refs.count; i++)
		found |= refs.list[i] >= at(from) && refs.list[i] < at(from) + size;
	address_set_free(&refs);
	return found;
}

static void test_references_to_data_and_to_code(void **state)
{
	(void)state;
	assert_true(refers(at(data), named_by, 7));
	assert_true(refers(place(TAKEN), named_by, 14));
	assert_true(refers(at(takes_two), hands_on, 2) || refers(at(takes_two), named_by, 32));
	assert_false(refers(at(data), takes_two, 12));
}

static void test_what_is_called_begins_a_function(void **state)
{
	(void)state;
	assert_true(code_is_called(&code, at(product)));
	assert_int_equal(code_function(&code, at(product) + 3), at(product));
}

static void test_what_is_only_jumped_to_or_named_begins_one_too(void **state)
{
	(void)state;
	assert_true(code_is_called(&code, place(JUMPED_TO)));
	assert_true(code_is_called(&code, place(TAKEN)));
	assert_false(code_is_called(&code, place(INNER_BLOCK)));
	assert_int_equal(code_function(&code, place(INNER_BLOCK)), place(TAKEN));
}

static void test_a_part_that_was_moved_away_belongs_to_its_function(void **state)
{
	(void)state;
	assert_int_equal(code_function(&code, place(ROWED_APART)), at(rowed));
	assert_int_equal(code_function(&code, at(rowed)), at(rowed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_argument_that_is_read_matters),
		cmocka_unit_test(test_to_save_a_register_is_not_to_read_it),
		cmocka_unit_test(test_arguments_are_followed_into_what_is_called),
		cmocka_unit_test(test_a_copy_on_the_stack_is_the_argument),
		cmocka_unit_test(test_only_the_product_of_both_arguments_is_one),
		cmocka_unit_test(test_a_store_through_the_first_argument),
		cmocka_unit_test(test_headers_stand_below_blocks),
		cmocka_unit_test(test_constants_and_crashes),
		cmocka_unit_test(test_numbers_of_system_calls_also_of_those_handed_on),
		cmocka_unit_test(test_references_to_data_and_to_code),
		cmocka_unit_test(test_what_is_called_begins_a_function),
		cmocka_unit_test(test_what_is_only_jumped_to_or_named_begins_one_too),
		cmocka_unit_test(test_a_part_that_was_moved_away_belongs_to_its_function),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
