/* Names of addresses, by libdw: .symtab, .dynsym, .gnu_debugdata, separate debug
 * files, line tables. Opened when something is printed, never before. */
#ifndef SYMBOL_H
#define SYMBOL_H

#include "module.h"

struct symbol {
	char *function; /* demangled, the caller's to free; or NULL */
	uint64_t offset; /* from the function's start, or the module's */
	const char *file; /* lives as long as the module, or NULL */
	int line;
};

/* addr: in the target; exact: of an instruction, not a return address. */
void symbol_of(struct module *, taddr_t addr, bool exact, struct symbol *out);
void symbol_close(struct module *);

#endif
