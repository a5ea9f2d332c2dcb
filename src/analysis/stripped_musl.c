/* musl has no texts, but a limit that its malloc and realloc compare sizes with: what an object
 * may take, less a page, and, in the allocator before mallocng, less a header. A small function
 * that does that for both, as in code that is not optimised, stands for its callers. */
#include "stripped_musl.h"

#include <sys/syscall.h>

#include "signatures.h"
#include "unwind.h"

#define NEAR 2
#define FAR 5
#define LIMIT_LEN 8
#define HELPER_MAX 40 /* instructions of what only compares a size with the limit */
#define CRASH_MAX 4

/* ---- who compares with the limit ------------------------------------------------------------ */

static bool has_limit(const struct facts *facts)
{
	for (size_t i = 0; musl_limits[i]; i++)
		if (facts_has_constant(facts, (int64_t)musl_limits[i]))
			return true;
	return false;
}

static void find_limits(struct family *family, struct address_set *functions)
{
	struct address_set at = { 0 };

	for (size_t i = 0; musl_limits[i]; i++)
		code_find_bytes(family->table->code, &musl_limits[i], LIMIT_LEN, &at);
	if (at.count)
		code_find_rowless(family->table->code);
	for (size_t i = 0; i < at.count; i++) {
		const struct facts *facts =
			facts_of(family->table, code_function(family->table->code, at.list[i]));

		if (facts && has_limit(facts))
			address_set_add(functions, facts->begin);
	}
	address_set_free(&at);
	for (size_t i = 0, count = functions->count; i < count; i++) {
		const struct facts *facts = facts_of(family->table, functions->list[i]);

		if (facts && facts->insns <= HELPER_MAX)
			family_callers(family, functions->list[i], functions);
	}
}

bool musl_is_rowless(struct family *family, taddr_t function)
{
	taddr_t begin, end;

	return !unwind_bounds(family->table->code->module, function, &begin, &end);
}

/* ---- what fits ------------------------------------------------------------------------------ */

bool musl_stops(struct family *family, const struct facts *facts)
{
	bool found = facts->stops;

	for (unsigned i = 0; i < facts->call_count && !found; i++) {
		const struct facts *callee = facts_of(family->table, facts->calls[i]);

		found = callee && callee->stops && callee->insns <= CRASH_MAX;
	}
	return found;
}

bool musl_reads_header(struct family *family, const struct facts *facts)
{
	bool reads = facts->below;

	for (unsigned i = 0; i < facts->call_count && !reads; i++) {
		const struct facts *callee = facts_of(family->table, facts->calls[i]);

		reads = callee && callee->below && musl_stops(family, callee);
	}
	return reads;
}

static bool fits_malloc(struct family *family, const struct facts *facts, const void *ctx)
{
	return facts->args == TAKES_0 && address_set_has(ctx, facts->begin) &&
	       facts_reach_syscall(family->table, facts->begin, SYS_mmap, FAR);
}

static bool fits_free(struct family *family, const struct facts *facts, const void *ctx)
{
	return facts->args == TAKES_0 && facts->tests_null &&
	       !address_set_has(ctx, facts->begin) && musl_reads_header(family, facts) &&
	       facts_reach_syscall(family->table, facts->begin, SYS_munmap, FAR);
}

static taddr_t called_by(struct family *family, const struct facts *facts,
                         bool (*fits)(struct family *, const struct facts *, const void *),
                         const void *ctx)
{
	return family_only(family, facts->calls, facts->call_count, fits, ctx);
}

/* A compiler may have put free into it. */
static bool fits_realloc(struct family *family, const struct facts *facts, const void *ctx)
{
	return facts->args == TAKES_01 && musl_reads_header(family, facts) &&
	       called_by(family, facts, fits_malloc, ctx) &&
	       facts_reach_syscall(family->table, facts->begin, SYS_mremap, FAR) &&
	       facts_reach_syscall(family->table, facts->begin, SYS_munmap, FAR);
}

/* ---- free by itself ------------------------------------------------------------------------ */

/* What malloc alone knows, but for its own library, is where its lists are. */
static bool shares_data(struct family *family, const struct facts *a, taddr_t b)
{
	struct address_set reached = { 0 };
	bool shares = false;

	facts_reached(family->table, b, 1, &reached);
	for (size_t n = 0; n < reached.count && !shares; n++) {
		const struct facts *facts = facts_of(family->table, reached.list[n]);

		for (unsigned i = 0; facts && i < facts->data_count; i++)
			shares |= facts_names(a, facts->data[i]);
	}
	address_set_free(&reached);
	return shares;
}

static bool fits_free_alone(struct family *family, const struct facts *facts, const void *ctx)
{
	const struct address_set *limited = ctx;
	const struct facts *malloc = facts_of(family->table, family->at[FAMILY_MALLOC]);

	return malloc && musl_is_rowless(family, facts->begin) && musl_stops(family, facts) &&
	       fits_free(family, facts, limited) && shares_data(family, malloc, facts->begin);
}

/* Of what frees, and is no more than what calls that, there must be one. */
static taddr_t free_alone(struct family *family, const struct address_set *limited)
{
	const struct code *code = family->table->code;
	struct address_set fit = { 0 };
	taddr_t found = 0;

	for (size_t i = 0; i < code->called_count; i++) {
		const struct facts *facts = facts_of(family->table, code->called[i]);

		if (facts && fits_free_alone(family, facts, limited))
			address_set_add(&fit, code->called[i]);
	}
	for (size_t i = 0; i < fit.count; i++) {
		const struct address_set only = { &fit.list[i], 1 };
		size_t reaching = 0;

		for (size_t n = 0; n < fit.count; n++)
			reaching += facts_reach(family->table, fit.list[n], &only, NEAR);
		if (reaching == fit.count)
			found = found ? 0 : fit.list[i];
	}
	address_set_free(&fit);
	return found;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* What only gets more memory for it compares with the limit, too: it is called by it. */
static taddr_t outermost(struct family *family, const struct address_set *limited)
{
	struct address_set fit = { 0 };
	taddr_t found = 0;

	for (size_t i = 0; i < limited->count; i++) {
		const struct facts *facts = facts_of(family->table, limited->list[i]);

		if (facts && fits_malloc(family, facts, limited))
			address_set_add(&fit, limited->list[i]);
	}
	for (size_t i = 0; i < fit.count; i++) {
		struct address_set reached = { 0 };
		size_t count = 0;

		facts_reached(family->table, fit.list[i], NEAR, &reached);
		for (size_t n = 0; n < fit.count; n++)
			count += address_set_has(&reached, fit.list[n]);
		if (count == fit.count)
			found = found ? 0 : fit.list[i];
		address_set_free(&reached);
	}
	address_set_free(&fit);
	return found;
}

/* Since 1.2.1 a program has realloc only when it uses it. Then nothing that is called, but what
 * malloc calls, compares with the limit. */
static bool is_without_realloc(struct family *family, const struct address_set *limited,
                               taddr_t malloc)
{
	struct address_set reached = { 0 };
	bool without = true;

	facts_reached(family->table, malloc, NEAR, &reached);
	for (size_t i = 0; i < limited->count; i++)
		without &= address_set_has(&reached, limited->list[i]);
	address_set_free(&reached);
	return without;
}

static void find_core(struct family *family, const struct address_set *limited,
                      struct musl_core *core)
{
	const struct facts *realloc;

	core->realloc = family_only(family, limited->list, limited->count, fits_realloc, limited);
	realloc = core->realloc ? facts_of(family->table, core->realloc) : NULL;
	core->malloc = realloc ? called_by(family, realloc, fits_malloc, limited) :
	                         outermost(family, limited);
	core->free = realloc ? called_by(family, realloc, fits_free, limited) : 0;
	family->at[FAMILY_MALLOC] = core->malloc;
	if (core->malloc && !core->free)
		core->free = free_alone(family, limited);
}

static const char *find_all(struct family *family, const struct address_set *limited)
{
	struct musl_core core = { 0 };

	find_core(family, limited, &core);
	if (!core.malloc)
		return "its malloc is not told from other functions";
	if (!core.free)
		return "its free is not told from other functions";
	if (!core.realloc && !is_without_realloc(family, limited, core.malloc))
		return "its realloc is not told from other functions";
	musl_find_entries(family, &core);
	musl_find_others(family, &core);
	return NULL;
}

bool family_find_musl(struct family *family)
{
	struct address_set limited = { 0 };
	bool any;

	find_limits(family, &limited);
	any = limited.count;
	if (any)
		family->why = find_all(family, &limited);
	address_set_free(&limited);
	return any;
}
