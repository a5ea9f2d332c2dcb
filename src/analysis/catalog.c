#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#define NONE CATALOG_NONE
#define ENTRY(symbol, name, role, size, count, block, out) \
	{ symbol, name, CATALOG_##role, size, count, 0, block, out, false, false, NONE, { 0, 1, 2 } }
#define ALLOC(symbol, size, count) ENTRY(symbol, symbol, ALLOC, size, count, NONE, false)
#define REALLOC(symbol, size, count) ENTRY(symbol, symbol, REALLOC, size, count, 0, false)
#define FREE(symbol) ENTRY(symbol, symbol, FREE, NONE, NONE, 0, false)
#define COPY(symbol, name) ENTRY(symbol, name, NAME_ALLOC, NONE, NONE, NONE, false)
#define NEW(symbol, name) ENTRY(symbol, name, NAME_ALLOC, 0, NONE, NONE, false)
#define NEW_ALIGNED(symbol, name) ENTRY(symbol, name, NAME_ROUNDS, 0, NONE, NONE, false)
#define DELETE(symbol, name) ENTRY(symbol, name, NAME_FREE, NONE, NONE, NONE, false)

#define NOTHROW "std::nothrow_t const&"
#define ALIGN "std::align_val_t"

/* C++ names: Itanium C++ ABI 5.1; signatures: ISO C++ [new.delete] */
static const struct catalog_entry known[] = {
	ALLOC("malloc", 0, NONE),
	ALLOC("calloc", 1, 0),
	REALLOC("realloc", 1, NONE),
	REALLOC("reallocarray", 2, 1),
	FREE("free"),
	FREE("cfree"),
	ALLOC("memalign", 1, NONE),
	ENTRY("posix_memalign", "posix_memalign", ALLOC, 2, NONE, NONE, true),
	ALLOC("aligned_alloc", 1, NONE),
	ALLOC("valloc", 0, NONE),
	ALLOC("pvalloc", 0, NONE),
	COPY("strdup", "strdup"),
	COPY("__strdup", "strdup"),
	COPY("strndup", "strndup"),
	COPY("__strndup", "strndup"),
	NEW("_Znwm", "operator new(unsigned long)"),
	NEW("_ZnwmRKSt9nothrow_t", "operator new(unsigned long, " NOTHROW ")"),
	NEW_ALIGNED("_ZnwmSt11align_val_t", "operator new(unsigned long, " ALIGN ")"),
	NEW_ALIGNED("_ZnwmSt11align_val_tRKSt9nothrow_t",
	           "operator new(unsigned long, " ALIGN ", " NOTHROW ")"),
	NEW("_Znam", "operator new[](unsigned long)"),
	NEW("_ZnamRKSt9nothrow_t", "operator new[](unsigned long, " NOTHROW ")"),
	NEW_ALIGNED("_ZnamSt11align_val_t", "operator new[](unsigned long, " ALIGN ")"),
	NEW_ALIGNED("_ZnamSt11align_val_tRKSt9nothrow_t",
	           "operator new[](unsigned long, " ALIGN ", " NOTHROW ")"),
	DELETE("_ZdlPv", "operator delete(void*)"),
	DELETE("_ZdlPvm", "operator delete(void*, unsigned long)"),
	DELETE("_ZdlPvRKSt9nothrow_t", "operator delete(void*, " NOTHROW ")"),
	DELETE("_ZdlPvSt11align_val_t", "operator delete(void*, " ALIGN ")"),
	DELETE("_ZdlPvmSt11align_val_t", "operator delete(void*, unsigned long, " ALIGN ")"),
	DELETE("_ZdlPvSt11align_val_tRKSt9nothrow_t",
	          "operator delete(void*, " ALIGN ", " NOTHROW ")"),
	DELETE("_ZdaPv", "operator delete[](void*)"),
	DELETE("_ZdaPvm", "operator delete[](void*, unsigned long)"),
	DELETE("_ZdaPvRKSt9nothrow_t", "operator delete[](void*, " NOTHROW ")"),
	DELETE("_ZdaPvSt11align_val_t", "operator delete[](void*, " ALIGN ")"),
	DELETE("_ZdaPvmSt11align_val_t", "operator delete[](void*, unsigned long, " ALIGN ")"),
	DELETE("_ZdaPvSt11align_val_tRKSt9nothrow_t",
	          "operator delete[](void*, " ALIGN ", " NOTHROW ")"),
	ENTRY("_dl_debug_state", "_dl_debug_state", LOADER, NONE, NONE, NONE, false),
};
const struct catalog_entry *catalog = known;
unsigned catalog_count = countof(known);

static const char *const returns_argument[] = {
	"memset", "memcpy", "memmove", "strcpy", "strncpy", "__memset_chk", "__memcpy_chk",
};

int catalog_find(const char *symbol)
{
	for (unsigned i = 0; i < countof(known); i++)
		if (symbol[0] == known[i].symbol[0] && strcmp(symbol, known[i].symbol) == 0)
			return i;
	return CATALOG_NONE;
}

enum heap_kind catalog_kind(int entry)
{
	switch (catalog[entry].role) {
	case CATALOG_FREE:
	case CATALOG_REF:
	case CATALOG_UNREF:
	case CATALOG_NAME_FREE:
		return HEAP_FREE;
	case CATALOG_REALLOC:
		return HEAP_REALLOC;
	default:
		return HEAP_ALLOC;
	}
}

bool catalog_is_added(int entry)
{
	return entry >= (int)countof(known);
}

bool catalog_is_name(int entry)
{
	return catalog[entry].role >= CATALOG_NAME_ALLOC &&
	       catalog[entry].role <= CATALOG_NAME_FREE;
}

bool catalog_is_operator(int entry)
{
	return catalog_is_name(entry) && strncmp(catalog[entry].symbol, "_Z", 2) == 0;
}

bool catalog_returns_argument(const char *symbol)
{
	for (unsigned i = 0; i < countof(returns_argument); i++)
		if (strcmp(symbol, returns_argument[i]) == 0)
			return true;
	return false;
}

/* ---- those a user names -------------------------------------------------------------- */

/* A record has room for a few of a call's arguments: which, in what order. */
static int8_t place(struct catalog_entry *entry, unsigned *used, int8_t argument)
{
	if (argument == FN_NONE)
		return NONE;
	entry->args[*used] = argument;
	return (*used)++;
}

static struct catalog_entry entry_of(const struct fn *fn)
{
	static const enum catalog_role roles[] = { [FN_ALLOC] = CATALOG_ALLOC,
		                                   [FN_REALLOC] = CATALOG_REALLOC,
		                                   [FN_FREE] = CATALOG_FREE,
		                                   [FN_REF] = CATALOG_REF,
		                                   [FN_UNREF] = CATALOG_UNREF };
	struct catalog_entry entry = { fn->label, fn->label, roles[fn->kind],
		                       .bytes = fn->bytes, .out_param = fn->out != FN_NONE,
		                       .beside = fn->beside, .chain = fn->chain,
		                       .is_chain = fn->next != FN_NONE || fn->chain != FN_NONE };
	unsigned used = 0;

	place(&entry, &used, fn->out);
	entry.block = place(&entry, &used, fn->block);
	place(&entry, &used, fn->next);
	entry.size = place(&entry, &used, fn->size);
	entry.count = place(&entry, &used, fn->count);
	return entry;
}

int catalog_add(const struct fn *fns, size_t count)
{
	struct catalog_entry *grown = malloc((catalog_count + count) * sizeof(*grown));
	int first = (int)catalog_count;

	if (!grown)
		return CATALOG_NONE;
	memcpy(grown, catalog, catalog_count * sizeof(*grown));
	for (size_t i = 0; i < count; i++)
		grown[catalog_count++] = entry_of(&fns[i]);
	catalog = grown; /* for good */
	return first;
}
