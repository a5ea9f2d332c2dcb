#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#define NONE CATALOG_NONE
#define ROW(symbol, name, role, size_, count_, block_, a, b, c, ...)                            \
	{ symbol, name, CATALOG_##role, .size = size_, .count = count_, .block = block_,        \
	  .chain = NONE, .args = { a, b, c }, __VA_ARGS__ }
#define ENTRY(symbol, name, role, size, count, block) \
	ROW(symbol, name, role, size, count, block, 0, 1, 2, )
#define ALLOC(symbol, size, count) ENTRY(symbol, symbol, ALLOC, size, count, NONE)
#define REALLOC(symbol, size, count) ENTRY(symbol, symbol, REALLOC, size, count, 0)
#define FREE(symbol) ENTRY(symbol, symbol, FREE, NONE, NONE, 0)
#define COPY(symbol, name) ENTRY(symbol, name, NAME_ALLOC, NONE, NONE, NONE)
#define MEMALIGN(symbol) ROW(symbol, symbol, ALLOC, 2, NONE, NONE, 0, 1, 2, .out_param = true)
#define STRDUP(symbol, count, a) \
	ROW(symbol, symbol, ALLOC, 0, count, NONE, a, a + 1, a + 2, .is_string = true)
/* behind an argument that says whose memory it is */
#define IN_ALLOC(symbol, size, count) ROW(symbol, symbol, ALLOC, size, count, NONE, 1, 2, 3, )
#define IN_REALLOC(symbol, size, count) ROW(symbol, symbol, REALLOC, size, count, 0, 1, 2, 3, )

#define NOTHROW "std::nothrow_t const&"
#define ALIGN "std::align_val_t"

/* C++ names: Itanium C++ ABI 5.1; signatures: ISO C++ [new.delete] */
#define OPERATORS(NEW, NEW_ALIGNED, DELETE)                                                     \
	NEW("_Znwm", "operator new(unsigned long)"),                                            \
	NEW("_ZnwmRKSt9nothrow_t", "operator new(unsigned long, " NOTHROW ")"),                 \
	NEW_ALIGNED("_ZnwmSt11align_val_t", "operator new(unsigned long, " ALIGN ")"),          \
	NEW_ALIGNED("_ZnwmSt11align_val_tRKSt9nothrow_t",                                       \
	            "operator new(unsigned long, " ALIGN ", " NOTHROW ")"),                     \
	NEW("_Znam", "operator new[](unsigned long)"),                                          \
	NEW("_ZnamRKSt9nothrow_t", "operator new[](unsigned long, " NOTHROW ")"),               \
	NEW_ALIGNED("_ZnamSt11align_val_t", "operator new[](unsigned long, " ALIGN ")"),        \
	NEW_ALIGNED("_ZnamSt11align_val_tRKSt9nothrow_t",                                       \
	            "operator new[](unsigned long, " ALIGN ", " NOTHROW ")"),                   \
	DELETE("_ZdlPv", "operator delete(void*)"),                                             \
	DELETE("_ZdlPvm", "operator delete(void*, unsigned long)"),                             \
	DELETE("_ZdlPvRKSt9nothrow_t", "operator delete(void*, " NOTHROW ")"),                  \
	DELETE("_ZdlPvSt11align_val_t", "operator delete(void*, " ALIGN ")"),                   \
	DELETE("_ZdlPvmSt11align_val_t", "operator delete(void*, unsigned long, " ALIGN ")"),   \
	DELETE("_ZdlPvSt11align_val_tRKSt9nothrow_t",                                           \
	       "operator delete(void*, " ALIGN ", " NOTHROW ")"),                               \
	DELETE("_ZdaPv", "operator delete[](void*)"),                                           \
	DELETE("_ZdaPvm", "operator delete[](void*, unsigned long)"),                           \
	DELETE("_ZdaPvRKSt9nothrow_t", "operator delete[](void*, " NOTHROW ")"),                \
	DELETE("_ZdaPvSt11align_val_t", "operator delete[](void*, " ALIGN ")"),                 \
	DELETE("_ZdaPvmSt11align_val_t", "operator delete[](void*, unsigned long, " ALIGN ")"), \
	DELETE("_ZdaPvSt11align_val_tRKSt9nothrow_t",                                           \
	       "operator delete[](void*, " ALIGN ", " NOTHROW ")")

#define NEW_NAME(symbol, name) ENTRY(symbol, name, NAME_ALLOC, 0, NONE, NONE)
#define ALIGNED_NAME(symbol, name) ENTRY(symbol, name, NAME_ROUNDS, 0, NONE, NONE)
#define DELETE_NAME(symbol, name) ENTRY(symbol, name, NAME_FREE, NONE, NONE, NONE)
#define OWN_NEW(symbol, name) ENTRY(symbol, name, ALLOC, 0, NONE, NONE)
#define OWN_DELETE(symbol, name) ENTRY(symbol, name, FREE, NONE, NONE, 0)

/* jemalloc(3): its own functions, and what a build that puts a prefix before all makes of
 * the standard ones */
#define JEMALLOC_OWN(prefix)                                                            \
	ALLOC(prefix "mallocx", 0, NONE), REALLOC(prefix "rallocx", 1, NONE),           \
	ROW(prefix "xallocx", prefix "xallocx", REALLOC, 1, NONE, 0, 0, 1, 2,           \
	    .in_place = true),                                                          \
	FREE(prefix "dallocx"), FREE(prefix "sdallocx")
#define JEMALLOC(prefix)                                                                \
	ALLOC(prefix "malloc", 0, NONE), ALLOC(prefix "calloc", 1, 0),                  \
	REALLOC(prefix "realloc", 1, NONE), FREE(prefix "free"),                        \
	FREE(prefix "free_sized"), FREE(prefix "free_aligned_sized"),                   \
	ALLOC(prefix "memalign", 1, NONE), MEMALIGN(prefix "posix_memalign"),           \
	ALLOC(prefix "aligned_alloc", 1, NONE), ALLOC(prefix "valloc", 0, NONE),        \
	ALLOC(prefix "pvalloc", 0, NONE), JEMALLOC_OWN(prefix)

/* mimalloc.h: each with the default heap and with one of the caller's */
#define MIMALLOC(name, role, size, count)                                               \
	role("mi_" name, size, count), IN_##role("mi_heap_" name, size, count)
#define MIMALLOC_ALIGNED(name, role, size, count)                                       \
	MIMALLOC(name, role, size, count), MIMALLOC(name "_aligned", role, size, count), \
	MIMALLOC(name "_aligned_at", role, size, count)

#define FIRST_OPERATOR 17
#define OPERATOR_ROWS 20
static const struct catalog_entry known[] = {
	ALLOC("malloc", 0, NONE),
	ALLOC("calloc", 1, 0),
	REALLOC("realloc", 1, NONE),
	REALLOC("reallocarray", 2, 1),
	FREE("free"),
	FREE("cfree"),
	ALLOC("memalign", 1, NONE),
	MEMALIGN("posix_memalign"),
	ALLOC("aligned_alloc", 1, NONE),
	ALLOC("valloc", 0, NONE),
	ALLOC("pvalloc", 0, NONE),
	FREE("free_sized"), /* ISO C23 7.24.3 */
	FREE("free_aligned_sized"),
	COPY("strdup", "strdup"),
	COPY("__strdup", "strdup"),
	COPY("strndup", "strndup"),
	COPY("__strndup", "strndup"),
	OPERATORS(NEW_NAME, ALIGNED_NAME, DELETE_NAME),
	JEMALLOC_OWN(""),
	JEMALLOC("je_"),
	JEMALLOC("jet_"),
	JEMALLOC("__je_"), /* FreeBSD's */
	JEMALLOC("_rjem_"), /* Rust's */
	JEMALLOC("jemalloc_"),
	JEMALLOC("je_arrow_"),
	JEMALLOC("duckdb_je_"),
	/* gperftools/tcmalloc.h */
	ALLOC("tc_malloc", 0, NONE),
	ALLOC("tc_malloc_skip_new_handler", 0, NONE),
	ALLOC("tc_calloc", 1, 0),
	REALLOC("tc_realloc", 1, NONE),
	ALLOC("tc_memalign", 1, NONE),
	MEMALIGN("tc_posix_memalign"),
	ALLOC("tc_valloc", 0, NONE),
	ALLOC("tc_pvalloc", 0, NONE),
	ALLOC("tc_new", 0, NONE),
	ALLOC("tc_new_nothrow", 0, NONE),
	ALLOC("tc_new_aligned", 0, NONE),
	ALLOC("tc_new_aligned_nothrow", 0, NONE),
	ALLOC("tc_newarray", 0, NONE),
	ALLOC("tc_newarray_nothrow", 0, NONE),
	ALLOC("tc_newarray_aligned", 0, NONE),
	ALLOC("tc_newarray_aligned_nothrow", 0, NONE),
	FREE("tc_free"),
	FREE("tc_free_sized"),
	FREE("tc_cfree"),
	FREE("tc_delete"),
	FREE("tc_delete_sized"),
	FREE("tc_delete_nothrow"),
	FREE("tc_delete_aligned"),
	FREE("tc_delete_sized_aligned"),
	FREE("tc_delete_aligned_nothrow"),
	FREE("tc_deletearray"),
	FREE("tc_deletearray_sized"),
	FREE("tc_deletearray_nothrow"),
	FREE("tc_deletearray_aligned"),
	FREE("tc_deletearray_sized_aligned"),
	FREE("tc_deletearray_aligned_nothrow"),
	MIMALLOC_ALIGNED("malloc", ALLOC, 0, NONE),
	MIMALLOC_ALIGNED("zalloc", ALLOC, 0, NONE),
	MIMALLOC_ALIGNED("calloc", ALLOC, 1, 0),
	MIMALLOC_ALIGNED("realloc", REALLOC, 1, NONE),
	MIMALLOC_ALIGNED("rezalloc", REALLOC, 1, NONE),
	MIMALLOC_ALIGNED("recalloc", REALLOC, 2, 1),
	MIMALLOC("malloc_small", ALLOC, 0, NONE),
	MIMALLOC("mallocn", ALLOC, 1, 0),
	MIMALLOC("reallocn", REALLOC, 2, 1),
	ROW("reallocf", "reallocf", REALLOC, 1, NONE, 0, 0, 1, 2, .frees_anyway = true),
	ROW("mi_reallocf", "mi_reallocf", REALLOC, 1, NONE, 0, 0, 1, 2, .frees_anyway = true),
	ROW("mi_heap_reallocf", "mi_heap_reallocf", REALLOC, 1, NONE, 0, 1, 2, 3,
	    .frees_anyway = true),
	ALLOC("mi_zalloc_small", 0, NONE),
	REALLOC("mi_expand", 1, NONE),
	REALLOC("mi__expand", 1, NONE),
	REALLOC("mi_reallocarray", 2, 1),
	REALLOC("mi_aligned_recalloc", 2, 1),
	REALLOC("mi_aligned_offset_recalloc", 2, 1),
	MEMALIGN("mi_posix_memalign"),
	ALLOC("mi_memalign", 1, NONE),
	ALLOC("mi_aligned_alloc", 1, NONE),
	ALLOC("mi_valloc", 0, NONE),
	ALLOC("mi_pvalloc", 0, NONE),
	ALLOC("mi_new", 0, NONE),
	ALLOC("mi_new_nothrow", 0, NONE),
	ALLOC("mi_new_aligned", 0, NONE),
	ALLOC("mi_new_aligned_nothrow", 0, NONE),
	ALLOC("mi_new_n", 1, 0),
	REALLOC("mi_new_realloc", 1, NONE),
	REALLOC("mi_new_reallocn", 2, 1),
	IN_ALLOC("mi_heap_alloc_new", 0, NONE),
	IN_ALLOC("mi_heap_alloc_new_n", 1, 0),
	STRDUP("mi_strdup", NONE, 0),
	STRDUP("mi_strndup", 1, 0),
	STRDUP("mi_heap_strdup", NONE, 1),
	STRDUP("mi_heap_strndup", 1, 1),
	FREE("mi_free"),
	FREE("mi_free_size"),
	FREE("mi_free_size_aligned"),
	FREE("mi_free_aligned"),
	/* oneapi/tbb/scalable_allocator.h, and what tbb's replacement of malloc calls */
	ALLOC("scalable_malloc", 0, NONE),
	ALLOC("scalable_calloc", 1, 0),
	REALLOC("scalable_realloc", 1, NONE),
	MEMALIGN("scalable_posix_memalign"),
	ALLOC("scalable_aligned_malloc", 0, NONE),
	REALLOC("scalable_aligned_realloc", 1, NONE),
	FREE("scalable_free"),
	FREE("scalable_aligned_free"),
	REALLOC("__TBB_malloc_safer_realloc", 1, NONE),
	FREE("__TBB_malloc_safer_free"),
	OPERATORS(OWN_NEW, OWN_NEW, OWN_DELETE),
	ENTRY("_dl_debug_state", "_dl_debug_state", LOADER, NONE, NONE, NONE),
};
const struct catalog_entry *catalog = known;
unsigned catalog_count = countof(known);

static const char *const returns_argument[] = {
	"memset", "memcpy", "memmove", "strcpy", "strncpy", "__memset_chk", "__memcpy_chk",
};

/* ---- looking up ------------------------------------------------------------------------ */

#define BUCKETS 1024 /* a power of two, several times as many as there are rows */

static int16_t buckets[BUCKETS]; /* 1 + the row; of rows with one symbol the first */
static int16_t counts_as[countof(known)];
static size_t longest;

static unsigned bucket_of(const char *symbol, size_t len)
{
	uint32_t sum = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (uint8_t)symbol[i]) * 16777619u;
	return (sum ^ sum >> 16) & (BUCKETS - 1);
}

static int16_t *place_of(const char *symbol, size_t len)
{
	unsigned at = bucket_of(symbol, len);

	while (buckets[at] && strcmp(known[buckets[at] - 1].symbol, symbol) != 0)
		at = (at + 1) & (BUCKETS - 1);
	return &buckets[at];
}

static int first_named(unsigned row)
{
	int first = 0;

	while (strcmp(catalog[first].name, catalog[row].name) != 0)
		first++;
	return first;
}

static void prepare(void)
{
	for (unsigned i = 0; i < countof(known); i++) {
		size_t len = strlen(known[i].symbol);
		int16_t *place = place_of(known[i].symbol, len);

		*place = *place ? *place : (int16_t)(i + 1);
		counts_as[i] = (int16_t)first_named(i);
		longest = len > longest ? len : longest;
	}
}

int catalog_find(const char *symbol)
{
	size_t len;

	if (!longest)
		prepare();
	len = strnlen(symbol, longest + 1);
	return len > longest ? CATALOG_NONE : *place_of(symbol, len) - 1;
}

int catalog_counts_as(int entry)
{
	if (!longest)
		prepare();
	return catalog_is_added(entry) ? first_named(entry) : counts_as[entry];
}

int catalog_own(int entry)
{
	return entry + (int)(countof(known) - 1 - OPERATOR_ROWS) - FIRST_OPERATOR;
}

/* ---- what a row is ------------------------------------------------------------------------ */

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
	return !catalog_is_added(entry) && strncmp(catalog[entry].symbol, "_Z", 2) == 0;
}

bool catalog_is_standard(int entry)
{
	return entry < FIRST_OPERATOR + OPERATOR_ROWS;
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
	if (catalog != known)
		free((void *)catalog);
	catalog = grown;
	return first;
}
