/* A function whose second instruction is run ten times. */
#include <stdio.h>

int ten_times(void);

__asm__(".globl ten_times\n"
	".type ten_times, @function\n"
	"ten_times:\n"
	"	.cfi_startproc\n"
	"	mov $10, %eax\n"
	"1:	sub $1, %eax\n"
	"	jnz 1b\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size ten_times, . - ten_times\n");

int main(void)
{
	printf("left %d\n", ten_times());
	return 0;
}
