#include "trust.h"

#include <string.h>

#include "behaviour.h"
#include "outbox.h"
#include "proc_maps.h"
#include "trust_family.h"
#include "withdraw.h"

#define LIBRARY_ALIGNMENT 16
#define LOOKS_MAX 1000 /* at the kernel's list, which takes long */

/* ---- one that is none ---------------------------------------------------------------------- */

/* All others were found by them. */
static bool is_core(const struct function *function)
{
	const char *symbol = catalog[function->entry].symbol;

	return strcmp(symbol, "malloc") == 0 || strcmp(symbol, "free") == 0;
}

/* Of malloc and free one that has done as it should speaks for what was found by it. */
static bool is_borne_out(const struct heap *heap, const struct trust_family *family)
{
	bool fitted = false;

	for (uint32_t i = family->begin; i < family->end; i++)
		fitted |= is_core(&heap->functions.list[i]) &&
		          heap->functions.list[i].trial.fitted;
	return fitted;
}

static void lift(struct heap *heap, uint32_t begin, uint32_t end, bool shared)
{
	command_lift(heap, begin, end, shared);
	for (uint32_t i = begin; i < end; i++) {
		heap->functions.list[i].trial.trust = HEAP_REFUTED;
		heap->functions.list[i].traps = 0;
	}
	withdraw(heap, begin, end);
}

static void refute(struct heap *heap, const struct function *function, const char *what,
                   taddr_t addr, const char *why)
{
	struct trust_family *family = trust_family_of(heap, function);
	uint32_t number = function - heap->functions.list;
	bool all;

	if (!family)
		return;
	all = is_core(function) || !is_borne_out(heap, family);
	heap_note(heap,
	          "%s: what was taken for %s%s %s by %s is something else, it %s 0x%llx, "
	          "which %s; %s traps were taken out, and nothing %s is counted",
	          family->module->path, family->library ? family->library : "its",
	          family->library ? "'s" : "", catalog[function->entry].name,
	          family->library ? "its code" : "what it does", what,
	          (unsigned long long)addr, why, all ? "all" : "its",
	          all ? "that was found so" : "of it");
	family->module->is_glibc &= !all;
	lift(heap, all ? family->begin : number, all ? family->end : number + 1, all);
	trust_family_tell(heap, family);
	if (all && !family->library)
		behaviour_refuted(heap);
}

/* ---- one call ------------------------------------------------------------------------------ */

static struct vma anybodys(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return (struct vma){ 0 };
}

/* As the kernel has it now, which may be later. */
static enum place place_in_list(struct heap *heap, taddr_t addr, uint64_t size)
{
	struct trust *trust = &heap->trust;
	enum place place = PLACE_UNKNOWN;
	FILE *file = trust->looks++ < LOOKS_MAX ? proc_maps_open(heap->program.pid) : NULL;

	if (!file)
		return place;
	address_space_deinit(&trust->listed);
	address_space_read(&trust->listed, file, anybodys, NULL);
	if (proc_maps_go_on(file))
		place = trial_place(&trust->listed.vmas, addr, size);
	fclose(file);
	return place;
}

/* Where it is not known call by call, and what was there a moment ago may do. */
static enum place place_in_lists(struct heap *heap, taddr_t addr, uint64_t size)
{
	if (trial_place(&heap->trust.listed.vmas, addr, size) == PLACE_HEAP ||
	    place_in_list(heap, addr, size) == PLACE_HEAP)
		return PLACE_HEAP;
	return PLACE_UNKNOWN;
}

/* What is known of the maps goes with the calls, call by call; only the kernel's list is always
 * whole. Nothing is held against a function that just one of them does not bear out. */
enum place trust_place(struct heap *heap, taddr_t addr, uint64_t size)
{
	enum place place = trial_address(addr, size), listed;

	if (place != PLACE_HEAP)
		return place;
	if (module_at(&heap->modules, addr))
		return PLACE_MODULE;
	if (!heap->maps.known)
		return place_in_lists(heap, addr, size);
	place = trial_place(&heap->maps.space.vmas, addr, size);
	if (place == PLACE_HEAP)
		return place;
	listed = place_in_list(heap, addr, size);
	return listed == PLACE_HEAP || listed == PLACE_UNKNOWN ? listed : place;
}

/* Both libraries align even the smallest as they do a larger one. */
static uint64_t least_size(const struct trust_family *family, uint64_t size)
{
	return family && family->library && size < LIBRARY_ALIGNMENT ? LIBRARY_ALIGNMENT : size;
}

bool trust_result(struct heap *heap, struct function *function, taddr_t addr, uint64_t size)
{
	enum place place;
	enum fit fit;

	if (function->trial.trust != HEAP_ON_TRIAL || !addr)
		return !trust_is_refuted(function);
	place = trust_place(heap, addr, least_size(trust_family_of(heap, function), size));
	fit = trial_fit(place);
	if (fit == FIT_YES && live_at(&heap->live, addr))
		fit = FIT_ODD;
	if (trial_count(&function->trial, fit))
		return true;
	refute(heap, function, "gave", addr, trial_tell(place));
	return false;
}

static enum fit fit_of_given(struct heap *heap, const struct trust_family *family, taddr_t addr,
                             enum place *place)
{
	enum fit fit;

	*place = PLACE_UNKNOWN;
	if (live_at(&heap->live, addr) || live_freed(&heap->live, addr))
		return FIT_YES;
	if (!heap->attached && family && family->whole)
		return FIT_ODD;
	*place = trust_place(heap, addr, least_size(family, 1));
	fit = trial_fit(*place);
	return fit == FIT_NEVER ? FIT_ODD : fit;
}

bool trust_given(struct heap *heap, struct function *function, taddr_t addr)
{
	enum place place;
	enum fit fit;

	if (function->trial.trust != HEAP_ON_TRIAL || !addr)
		return !trust_is_refuted(function);
	fit = fit_of_given(heap, trust_family_of(heap, function), addr, &place);
	if (fit == FIT_YES && catalog_hands_out(&catalog[function->entry]))
		return true; /* its result counts */
	if (trial_count(&function->trial, fit))
		return true;
	refute(heap, function, "took back", addr,
	       place == PLACE_UNKNOWN ? "was never handed out" : trial_tell(place));
	return false;
}

/* ---- what may have to be withdrawn --------------------------------------------------------- */

struct tally trust_tally(const struct heap *heap, const struct function *function)
{
	const struct heap_function *stats = &heap->stats[catalog_counts_as(function->entry)];
	const struct heap_ledger *ledger = &heap->ledger;

	return (struct tally){ stats->calls, stats->failed, stats->null, stats->bytes,
		               ledger->missed_calls, ledger->unknown_frees, ledger->double_frees,
		               ledger->earlier_frees, ledger->truncated_stacks };
}

void trust_add(const struct heap *heap, struct function *function, const struct tally *before)
{
	struct tally now = trust_tally(heap, function), *sum = &function->trial.tally;

	if (function->trial.trust == HEAP_NAMED)
		return;
	sum->calls += now.calls - before->calls;
	sum->failed += now.failed - before->failed;
	sum->null += now.null - before->null;
	sum->bytes += now.bytes - before->bytes;
	sum->missed_calls += now.missed_calls - before->missed_calls;
	sum->unknown_frees += now.unknown_frees - before->unknown_frees;
	sum->double_frees += now.double_frees - before->double_frees;
	sum->earlier_frees += now.earlier_frees - before->earlier_frees;
	sum->truncated_stacks += now.truncated_stacks - before->truncated_stacks;
}
