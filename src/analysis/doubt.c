#include "doubt.h"


#include "outbox.h"

static const struct catalog_entry *entry_of(const struct function *function)
{
	return &catalog[function->entry];
}

/* What it calls in turn is no event; but what that hands out may outlive the call, as the slab
 * that a pool cuts its blocks from. */
static bool hides_others(const struct function *function)
{
	return catalog_is_added(function->entry) && catalog_hands_out(entry_of(function)) &&
	       !entry_of(function)->beside && function->traps;
}

static bool is_unseen(const struct function *function)
{
	return catalog_hands_out(entry_of(function)) && !function->traps;
}

static const struct function *first(const struct heap *heap, bool (*is)(const struct function *))
{
	for (size_t i = 0; i < heap->functions.count; i++)
		if (is(&heap->functions.list[i]))
			return &heap->functions.list[i];
	return NULL;
}

/* A program that is stripped exports what its libraries have or call, which may be a part of its
 * allocator; and what was found by its code is one where something was not found. */
static bool may_be_a_part(const struct function *function)
{
	const struct module *module = function->module;
	bool is_program = module->elf.has_interpreter && !module->is_glibc;

	return (is_program && !elf_has_section(&module->elf, ".symtab")) ||
	       (function->trial.trust != HEAP_NAMED && !function->trial.whole);
}

static const char *who(const struct function *by)
{
	return catalog_is_added(by->entry) ? "a function of --fn" : entry_of(by)->name;
}

/* NULL: there is none. */
static const char *doubt(const struct heap *heap, const struct function *by, const char **of)
{
	const struct function *other;

	*of = "";
	if (catalog_is_added(by->entry))
		return "what else hands out its blocks is not known";
	if (may_be_a_part(by))
		return "what else hands out its blocks has no name";
	if ((other = first(heap, is_unseen)) || (other = first(heap, hides_others))) {
		*of = entry_of(other)->name;
		return is_unseen(other) ? "not traced is " :
		                          "not counted is what is allocated inside of ";
	}
	if (heap->errors.trap_refused)
		return "a trap could not be set";
	return heap->errors.call_lost ? "what a call that was not seen to end gave is not known" : NULL;
}

bool doubt_free(struct heap *heap, const struct function *by)
{
	const char *of, *why = doubt(heap, by, &of);

	if (why)
		heap_note(heap, "no free by %s is called an error of the program: %s%s", who(by), why,
		          of);
	return why;
}
