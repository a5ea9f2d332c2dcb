/* libdwfl looks at every symbol for every address; compilers have a hundred thousand. */
#include "symtab.h"

#include <stdlib.h>

struct entry { /* [begin, end) */
	GElf_Addr begin, end;
	GElf_Addr reach; /* the furthest end of all entries up to this one */
	const char *name;
	unsigned rank; /* among those of one address: the least is shown */
};

struct symtab {
	size_t count;
	struct entry entries[];
};

/* A program's own names before those that others may replace, as libdwfl has it; then
 * in the order of the table. */
static unsigned rank_of(const GElf_Sym *symbol, unsigned index)
{
	static const unsigned char binding[] = { [STB_LOCAL] = 2, [STB_GLOBAL] = 0, [STB_WEAK] = 1 };
	unsigned bind = GELF_ST_BIND(symbol->st_info);

	return (bind <= STB_WEAK ? binding[bind] : 3u) << 30 | (index & 0x3fffffff);
}

static int by_address(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->rank > y->rank ? -1 : x->rank < y->rank; /* the last is met first */
}

static bool is_code(const GElf_Sym *symbol)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info);

	return symbol->st_size && symbol->st_shndx != SHN_UNDEF &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

struct symtab *symtab_new(Dwfl_Module *module)
{
	int count = dwfl_module_getsymtab(module);
	struct symtab *symtab = calloc(1, sizeof(*symtab) +
	                                  (count > 0 ? count : 0) * sizeof(struct entry));
	struct entry *entries = symtab ? symtab->entries : NULL;
	GElf_Addr addr, reach = 0;
	GElf_Sym symbol;

	for (int i = 1; entries && i < count; i++) {
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &addr, NULL, NULL,
		                                           NULL);

		if (name && *name && is_code(&symbol))
			entries[symtab->count++] = (struct entry){ addr, addr + symbol.st_size, 0,
				                                   name, rank_of(&symbol, i) };
	}
	if (symtab && symtab->count)
		qsort(entries, symtab->count, sizeof(*entries), by_address);
	for (size_t i = 0; symtab && i < symtab->count; i++)
		entries[i].reach = reach = entries[i].end > reach ? entries[i].end : reach;
	return symtab;
}

void symtab_free(struct symtab *symtab)
{
	free(symtab);
}

const char *symtab_at(const struct symtab *symtab, GElf_Addr addr, GElf_Addr *begin)
{
	size_t low = 0, high = symtab ? symtab->count : 0;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (symtab->entries[middle].begin <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low && symtab->entries[low - 1].reach > addr; low--) {
		const struct entry *entry = &symtab->entries[low - 1];

		if (entry->end <= addr)
			continue;
		*begin = entry->begin;
		return entry->name;
	}
	return NULL;
}
