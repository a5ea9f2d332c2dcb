/* The unwinder: a file whose last 256 bytes are a stack, the registers and the places
 * to look from; what stands before them is the ELF file with the unwind table. */
#include "analysis/unwind.h"

#include "fuzz.h"

#define STACK_END 0x7ffc00000000u
#define DEPTH 16

struct tail {
	uint8_t stack[176];
	uint64_t regs[8]; /* rbx rbp r12 r13 r14 r15, offsets of sp and pc */
	uint32_t bounds[4];
};

static void walk(struct module *module, const struct tail *tail)
{
	struct module *mapped[] = { module };
	struct modules modules = { .mapped = mapped, .mapped_count = 1 };
	struct stack_image image = { 0 };
	struct unwound last = { calloc(DEPTH, sizeof(*last.frames)), 0, false };
	struct unwinder *unwinder = unwinder_new(&modules, DEPTH);
	struct unwound_frame start = { .regs = {
		.rbx = tail->regs[0], .rbp = tail->regs[1], .r12 = tail->regs[2],
		.r13 = tail->regs[3], .r14 = tail->regs[4], .r15 = tail->regs[5],
		.sp = STACK_END - sizeof(tail->stack) + tail->regs[6] % sizeof(tail->stack),
		.pc = module->begin + tail->regs[7] % 0x10000,
	} };

	if (!last.frames || !unwinder)
		abort();
	image_apply(&image, STACK_END - sizeof(tail->stack), tail->stack, sizeof(tail->stack),
	            STACK_END);
	unwind(unwinder, &image, NULL, &start, STACK_END, &last);
	unwind(unwinder, &image, NULL, &start, 0, &last);
	image_deinit(&image);
	unwound_deinit(&last);
	unwinder_free(unwinder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct module module;
	struct tail tail;
	taddr_t begin, end;

	if (len < sizeof(tail) || !fuzz_module(&module, bytes, len - sizeof(tail)))
		return 0;
	memcpy(&tail, bytes + len - sizeof(tail), sizeof(tail));
	for (size_t i = 0; i < countof(tail.bounds); i++)
		unwind_bounds(&module, module.begin - module.bias + tail.bounds[i] % 0x10000,
		              &begin, &end);
	walk(&module, &tail);
	module_close(&module);
	return 0;
}
