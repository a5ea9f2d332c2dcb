/* A stack that grows at an instruction a trap stands on: this program's own pvalloc
 * can only be trapped at its push, and is called where that push is the first to
 * touch a page the stack has not grown to. */
#include "truth.h"

enum { CALLS = 60, APART = 16 * 4096, SIZE = 24 };

MARKER(far_down);

void *pvalloc(size_t size);
void *call_at_a_pages_end(uintptr_t stack, size_t size);
void *pvalloc_behind_its_push(size_t size);

__asm__(".text\n"
        ".globl pvalloc\n"
        ".type pvalloc, @function\n"
        "pvalloc:\n"
        "	push %rdi\n"
        "	call pvalloc_behind_its_push\n"
        "	pop %rcx\n"
        "	cmp $24, %ecx\n" /* what was pushed is there again */
        "	je 1f\n"
        "	ud2\n"
        "1:	ret\n"
        ".size pvalloc, . - pvalloc\n"
        ".globl call_at_a_pages_end\n"
        ".type call_at_a_pages_end, @function\n"
        "call_at_a_pages_end:\n"
        "	push %rbx\n"
        "	mov %rsp, %rbx\n"
        "	lea 8(%rdi), %rsp\n"
        "	mov %rsi, %rdi\n"
        "	call pvalloc\n"
        "	mov %rbx, %rsp\n"
        "	pop %rbx\n"
        "	ret\n"
        ".size call_at_a_pages_end, . - call_at_a_pages_end\n");

void *pvalloc_behind_its_push(size_t size)
{
	return malloc(size);
}

int main(void)
{
	uintptr_t page = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)4095;

	for (int i = 1; i <= CALLS; i++) {
		void *at = call_at_a_pages_end(page - (uintptr_t)i * APART, SIZE);

		memset(at, i, SIZE);
		took(&far_down_marker, T_PVALLOC, at, SIZE);
	}
	truth_write();
	return 0;
}
