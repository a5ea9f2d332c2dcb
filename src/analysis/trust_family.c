#include "trust_family.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outbox.h"
#include "shortage.h"
#include "trust.h"

struct trust_family *trust_family_of(const struct heap *heap, const struct function *function)
{
	uint32_t number = function - heap->functions.list;

	for (size_t i = 0; i < heap->trust.count; i++)
		if (number >= heap->trust.list[i].begin && number < heap->trust.list[i].end)
			return &heap->trust.list[i];
	return NULL;
}

/* ---- the notes ----------------------------------------------------------------------------- */

static void list(FILE *out, const struct function *function, const char *before, unsigned *count)
{
	const struct trial *trial = &function->trial;
	const char *between = trial->trust == HEAP_ON_TRIAL ? "; " : ", ";

	fprintf(out, "%s%s", (*count)++ ? between : before, catalog[function->entry].name);
	if (trial->trust != HEAP_ON_TRIAL)
		return;
	fprintf(out, " in %u", trial->fitted);
	if (trial->odd)
		fprintf(out, ", not in %u", trial->odd);
	if (trial->unknown)
		fprintf(out, ", unknown of %u", trial->unknown);
}

static unsigned list_all(FILE *out, const struct heap *heap, const struct trust_family *family,
                         enum heap_trust trust, const char *before)
{
	unsigned count = 0;

	for (uint32_t i = family->begin; i < family->end; i++) {
		const struct trial *trial = &heap->functions.list[i].trial;

		if (trial->trust == trust && trial->fitted + trial->odd + trial->unknown)
			list(out, &heap->functions.list[i], before, &count);
	}
	return count;
}

static bool is_left(const struct heap *heap, const struct trust_family *family)
{
	bool left = false;

	for (uint32_t i = family->begin; i < family->end; i++)
		left |= !trust_is_refuted(&heap->functions.list[i]);
	return left;
}

/* NULL: nothing of it is left, or no memory. */
static char *sentence_of(const struct heap *heap, const struct trust_family *family)
{
	char *sentence = NULL;
	char confirmed[80];
	unsigned seen;
	size_t len;
	FILE *out = is_left(heap, family) ? open_memstream(&sentence, &len) : NULL;

	if (!out)
		return NULL;
	fprintf(out, "%s has no symbols: its allocator was found by %s%s%s", family->module->path,
	        family->library ? "the code of " : "what its functions do",
	        family->library ? family->library : "", family->library ? "'s" : "");
	snprintf(confirmed, sizeof(confirmed), ", and confirmed at work, by %u calls each: ",
	         TRIAL_CALLS);
	seen = list_all(out, heap, family, HEAP_CONFIRMED, confirmed);
	seen += list_all(out, heap, family, HEAP_ON_TRIAL,
	                 seen ? "; on trial, whose calls fit: " :
	                        ", and is on trial; its calls fit: ");
	if (!seen)
		fprintf(out, ", and was not seen at work yet");
	fprintf(out, "%s", family->lacks ? family->lacks : "");
	if (shortage_close(out))
		return sentence;
	free(sentence);
	return NULL;
}

void trust_family_tell(struct heap *heap, struct trust_family *family)
{
	char *sentence = sentence_of(heap, family);

	if (sentence && family->told && strcmp(sentence, family->told) == 0) {
		free(sentence); /* somebody may be reading the other */
		return;
	}
	if (sentence || family->told)
		note_change(heap, family->told, sentence);
	free(family->told);
	family->told = sentence;
}

void trust_tell(struct heap *heap)
{
	for (size_t i = 0; i < heap->trust.count; i++)
		trust_family_tell(heap, &heap->trust.list[i]);
}

/* ---- the families -------------------------------------------------------------------------- */

/* A block that another one has handed out would be none that is known. */
static bool is_whole(const struct heap *heap, const struct trust_family *family)
{
	bool whole = !family->lacks;

	for (uint32_t i = family->begin; i < family->end; i++)
		whole &= heap->functions.list[i].traps > 0;
	return whole;
}

/* More of one that is known, or a new one. NULL: no memory. */
static struct trust_family *add_family(struct trust *trust, struct module *module,
                                       const struct plan *plan, size_t first)
{
	struct trust_family *last = trust->count ? &trust->list[trust->count - 1] : NULL;
	struct trust_family *grown;

	if (last && last->module == module && last->end == first)
		return last;
	grown = realloc(trust->list, (trust->count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	trust->list = grown;
	grown[trust->count] = (struct trust_family){ .module = module, .library = plan->library,
		                                     .lacks = plan->lacks, .begin = first,
		                                     .end = first };
	return &grown[trust->count++];
}

void trust_begin(struct heap *heap, struct module *module, const struct plan *plan,
                 size_t first)
{
	struct trust_family *family = add_family(&heap->trust, module, plan, first);

	if (!family)
		return;
	while (family->end < heap->functions.count &&
	       heap->functions.list[family->end].table == plan->table)
		heap->functions.list[family->end++].trial.trust = HEAP_ON_TRIAL;
	family->whole = is_whole(heap, family);
	for (uint32_t i = family->begin; i < family->end; i++)
		heap->functions.list[i].trial.whole = family->whole;
	trust_family_tell(heap, family);
}

void trust_forget(struct heap *heap)
{
	for (size_t i = 0; i < heap->trust.count; i++) {
		if (heap->trust.list[i].told)
			note_change(heap, heap->trust.list[i].told, NULL);
		free(heap->trust.list[i].told);
	}
	free(heap->trust.list);
	address_space_deinit(&heap->trust.listed);
	heap->trust = (struct trust){ 0 };
}

bool trust_copy(struct heap *heap, const struct heap *from)
{
	const struct trust *was = &from->trust;
	struct trust_family *copies = malloc(was->count * sizeof(*copies) + 1);

	if (!copies)
		return false;
	for (size_t i = 0; i < was->count; i++) {
		copies[i] = was->list[i];
		copies[i].told = was->list[i].told ? strdup(was->list[i].told) : NULL;
	}
	heap->trust = (struct trust){ .list = copies, .count = was->count };
	for (size_t i = 0; i < heap->functions.count; i++)
		heap->functions.list[i].trial.tally = (struct tally){ 0 };
	return true;
}
