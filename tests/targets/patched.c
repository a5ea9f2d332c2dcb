/* An allocator of its own, and a function that ends as its malloc does and whose begin the program
 * replaces by a jump: "patched" when all went on as before. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define JUMP_LEN 5

__asm__(".text\n"
	".globl replaced\n.type replaced, @function\n"
	"replaced:	.cfi_startproc\n"
	"	push %rbx\n.cfi_def_cfa_offset 16\n.cfi_offset %rbx, -16\n"
	"	mov %rdi, %rbx\n"
	"	pop %rbx\n.cfi_def_cfa_offset 8\n"
	"	ret\n	.cfi_endproc\n.size replaced, . - replaced\n"

	".globl malloc\n.type malloc, @function\n"
	"malloc:	.cfi_startproc\n"
	"	push %rbx\n.cfi_def_cfa_offset 16\n.cfi_offset %rbx, -16\n"
	"	mov %rdi, %rbx\n"
	"	call next_block\n"
	"	pop %rbx\n.cfi_def_cfa_offset 8\n"
	"	ret\n	.cfi_endproc\n.size malloc, . - malloc\n");

void replaced(long);
void *malloc(size_t);
void free(void *);
void *next_block(size_t);

static _Alignas(16) char heap[1 << 20];
static size_t used;
static volatile int replacements;
static void *volatile kept;

__attribute__((used)) void *next_block(size_t size)
{
	void *block = heap + used;

	used += (size + 15) & ~(size_t)15;
	return block;
}

void free(void *block)
{
	kept = block;
}

static void replacement(long unused)
{
	(void)unused;
	replacements++;
}

static void replace(uint8_t *code, void (*by)(long))
{
	int32_t distance = (int32_t)((uintptr_t)by - (uintptr_t)(code + JUMP_LEN));
	void *page = (void *)((uintptr_t)code & ~(uintptr_t)(PAGE - 1));

	if (mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return;
	memcpy(code + 1, &distance, sizeof(distance));
	code[0] = 0xe9;
}

int main(void)
{
	kept = malloc(10);
	replace((uint8_t *)(uintptr_t)replaced, replacement);
	replaced(1);
	for (int i = 0; i < 3; i++)
		kept = malloc(10);
	if (replacements == 1)
		puts("patched");
	return 0;
}
