/* What the unwind tables say of an address, without a stack that came from there. */
#include <string.h>

#include "unwind_answers.h"

static unw_addr_space_t uncached(void)
{
	static unw_addr_space_t space;

	if (!space)
		space = unw_create_addr_space(&unwind_answers, 0);
	return space;
}

/* From a stack whose every word is another. False: nothing is found from there. */
static bool made_up_caller(struct module *module, taddr_t vaddr, struct arch_frame *caller)
{
	uint64_t words[64];
	const taddr_t sp = UNWIND_INDEX / 2, rbp = sp + sizeof(words) / 2;
	const struct arch_frame start = { .pc = vaddr + module->bias, .sp = sp, .rbp = rbp, .rbx = 2,
		                          .r12 = 3, .r13 = 4, .r14 = 5, .r15 = 6 };
	const struct stack_image image = { start.sp, start.sp + sizeof(words), (uint8_t *)words,
		                           sizeof(words) };
	struct unwinder only = { .only = module, .image = &image, .start = &start, .exact = true };
	unw_cursor_t cursor;

	for (size_t i = 0; i < countof(words); i++)
		words[i] = 0x1001 * (i + 1);
	*caller = (struct arch_frame){ 0 };
	if (!uncached() || unw_init_remote(&cursor, uncached(), &only) < 0 || unw_step(&cursor) <= 0)
		return false;
	unwinder_frame(&cursor, caller);
	return true;
}

bool unwind_is_same(struct module *module, taddr_t a, taddr_t b)
{
	struct arch_frame from_a, from_b;
	taddr_t begin, end;

	if (!unwind_bounds(module, a, &begin, &end)) /* nothing is known of either */
		return !unwind_bounds(module, b, &begin, &end);
	return made_up_caller(module, a, &from_a) && made_up_caller(module, b, &from_b) &&
	       memcmp(&from_a, &from_b, sizeof(from_a)) == 0;
}

bool unwind_bounds(struct module *module, taddr_t vaddr, taddr_t *begin, taddr_t *end)
{
	struct unwinder only = { .only = module };
	unw_proc_info_t proc;

	if (!uncached() || unwinder_function(&only, uncached(), vaddr + module->bias, &proc) < 0)
		return false;
	*begin = proc.start_ip - module->bias;
	*end = proc.end_ip - module->bias;
	return true;
}
