/* Names of addresses, by libdw: .symtab, .dynsym, .gnu_debugdata, separate debug
 * files, line tables, inlined functions. Opened when something is printed, never
 * before. */
#ifndef SYMBOL_H
#define SYMBOL_H

#include "module.h"

struct symbol {
	char *function; /* demangled, or NULL */
	char *name;     /* as linkers have it, without version; or NULL */
	uint64_t offset; /* of the address: from the real function's start, or the module's */
	const char *file; /* lives as long as the module is open, or NULL */
	int line;
	bool inlined;
};

bool symbol_is_open(const struct module *); /* has it been asked for names? */
/* Would it be opened anew, for a server that was not to be asked now may be? What was had from it
 * is gone then, and module->reopened another. */
bool symbol_may_know_more(const struct module *);
/* The functions an address stands in, innermost first, the real one last. The list and
 * its strings are the caller's to free; NULL with *count = 0: no memory.
 * addr: in the target; exact: of an instruction, not a return address. */
struct symbol *symbols_of(struct module *, taddr_t addr, bool exact, size_t *count);
void symbol_free(struct symbol *); /* its strings */
/* Where a line of a file begins, or the first one behind it that has code: at most so many file
 * addresses. 0: the module has no such line. */
size_t symbol_lines(struct module *, const char *file, int line, taddr_t *out, size_t most);
void symbol_close(struct module *);

#endif
