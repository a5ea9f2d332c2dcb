#include <string.h>

#include "arch.h"

int arch_operand_register(const char *text, size_t len)
{
	static const char *const names[ARCH_REGS] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp",
		                                      "rsi", "rdi", "r8", "r9", "r10", "r11",
		                                      "r12", "r13", "r14", "r15" };
	size_t prefix = len && *text == '%'; /* Intel's assemblers have none */

	text += prefix;
	len -= prefix;
	for (int i = 0; i < ARCH_REGS; i++)
		if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0)
			return i;
	return -1;
}
