#include "catalog.h"

#include <string.h>

#define NONE CATALOG_NONE
#define ALLOC(symbol, size, count) { symbol, symbol, CATALOG_ALLOC, size, count, NONE, false }
#define FREE(symbol) { symbol, symbol, CATALOG_FREE, NONE, NONE, 0, false }
#define COPY(symbol, name) { symbol, name, CATALOG_NAME_ALLOC, NONE, NONE, NONE, false }
#define NEW(symbol, name) { symbol, name, CATALOG_NAME_ALLOC, 0, NONE, NONE, false }
#define NEW_ALIGNED(symbol, name) { symbol, name, CATALOG_NAME_ROUNDS, 0, NONE, NONE, false }
#define DELETE(symbol, name) { symbol, name, CATALOG_NAME_FREE, NONE, NONE, NONE, false }

#define NOTHROW "std::nothrow_t const&"
#define ALIGN "std::align_val_t"

/* C++ names: Itanium C++ ABI 5.1; signatures: ISO C++ [new.delete] */
const struct catalog_entry catalog[] = {
	ALLOC("malloc", 0, NONE),
	ALLOC("calloc", 1, 0),
	{ "realloc", "realloc", CATALOG_REALLOC, 1, NONE, 0, false },
	{ "reallocarray", "reallocarray", CATALOG_REALLOC, 2, 1, 0, false },
	FREE("free"),
	FREE("cfree"),
	ALLOC("memalign", 1, NONE),
	{ "posix_memalign", "posix_memalign", CATALOG_ALLOC, 2, NONE, NONE, true },
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
	{ "_dl_debug_state", "_dl_debug_state", CATALOG_LOADER, NONE, NONE, NONE, false },
};
const unsigned catalog_count = countof(catalog);

static const char *const returns_argument[] = {
	"memset", "memcpy", "memmove", "strcpy", "strncpy", "__memset_chk", "__memcpy_chk",
};

int catalog_find(const char *symbol)
{
	for (unsigned i = 0; i < catalog_count; i++)
		if (symbol[0] == catalog[i].symbol[0] && strcmp(symbol, catalog[i].symbol) == 0)
			return i;
	return CATALOG_NONE;
}

enum heap_kind catalog_kind(int entry)
{
	switch (catalog[entry].role) {
	case CATALOG_FREE:
	case CATALOG_NAME_FREE:
		return HEAP_FREE;
	case CATALOG_REALLOC:
		return HEAP_REALLOC;
	default:
		return HEAP_ALLOC;
	}
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
