/* A module's symbols with a size, by address. */
#ifndef SYMTAB_H
#define SYMTAB_H

#include <elfutils/libdwfl.h>

struct symtab;

struct symtab *symtab_new(Dwfl_Module *); /* names stay the Dwfl's; NULL: no memory */
void symtab_free(struct symtab *);
/* The name of the symbol that covers the address, where it begins in *begin; or NULL. */
const char *symtab_at(const struct symtab *, GElf_Addr, GElf_Addr *begin);

#endif
