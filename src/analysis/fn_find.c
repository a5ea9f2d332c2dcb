#include "fn_find.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "fn_name.h"
#include "fn_place.h"
#include "model.h"

static const struct fn *fns;
static size_t count;
static int first_entry; /* theirs in the catalogue follow */
static bool *anywhere;  /* was it found, in whichever program that is traced? */

bool heap_trace_functions(const struct fn *named, size_t number)
{
	fns = named;
	first_entry = catalog_add(named, number);
	anywhere = calloc(number + 1, sizeof(*anywhere));
	count = first_entry == CATALOG_NONE || !anywhere ? 0 : number;
	return count == number;
}

size_t fn_count(void)
{
	return count;
}

struct fn_state *fn_states_new(void)
{
	return count ? calloc(count, sizeof(struct fn_state)) : NULL;
}

void fn_states_free(struct fn_state *states)
{
	for (size_t i = 0; states && i < count; i++)
		free(states[i].problem);
	free(states);
}

static bool is_data(const struct heap *heap, const struct fn *fn)
{
	for (size_t i = 0; fn->name && i < heap->modules.mapped_count; i++)
		if (elf_has_data(&heap->modules.mapped[i]->elf, fn->name))
			return true;
	return false;
}

const char *heap_fn_problem(const struct heap *heap, size_t i)
{
	const struct fn_state *state = heap->fns ? &heap->fns[i] : NULL;

	if (!state)
		return "no memory";
	if (state->found || anywhere[i])
		return NULL;
	if (state->problem)
		return state->problem;
	if (is_data(heap, &fns[i]))
		return "it is data, not a function";
	return fns[i].name ? "no function of that name is in the program" :
	                     "no code of the program is there";
}

/* ---- what was met in a module --------------------------------------------------------- */

struct met {
	struct found found;
	taddr_t other; /* one more of the name; 0: there is none */
};

struct search {
	struct job *job;
	struct met *met; /* count of them; vaddr 0: none */
};

static bool is_module(const struct fn *fn, const struct module *module)
{
	const char *slash = strrchr(module->path, '/');

	return !fn->module || fnmatch(fn->module, module->path, 0) == 0 ||
	       fnmatch(fn->module, slash ? slash + 1 : module->path, 0) == 0;
}

static bool consider(void *ctx, const struct elf_symbol *symbol)
{
	struct search *search = ctx;

	for (size_t i = 0; i < count && !symbol->chooses; i++) {
		struct met *met = &search->met[i];

		if (!fns[i].name || !is_module(&fns[i], search->job->module) ||
		    !fn_name_is(fns[i].name, symbol->name))
			continue;
		if (!met->found.vaddr)
			met->found = (struct found){ .vaddr = symbol->vaddr, .size = symbol->size,
				                     .entry = first_entry + (int)i,
				                     .table = symbol->table };
		else if (met->found.vaddr != symbol->vaddr)
			met->other = symbol->vaddr;
	}
	return true;
}

static void look_at_place(struct search *search, size_t i)
{
	const struct module *module = search->job->module;
	taddr_t addr = fns[i].place + (fns[i].module ? module->bias : 0);

	if (fns[i].name || !is_module(&fns[i], module) || addr < module->begin || addr >= module->end)
		return;
	search->met[i].found = (struct found){ .vaddr = module_file_address(module, addr),
		                               .entry = first_entry + (int)i, .table = "--fn" };
}

/* ---- what becomes of it --------------------------------------------------------------- */

static void refuse(struct job *job, size_t i, const char *why)
{
	struct fn_state *state = &job->plan->fns[i];
	char *sentence;

	if (state->problem || asprintf(&sentence, "--fn %s: not traced: %s", fns[i].text, why) < 0)
		return;
	job_tell(job, sentence);
	free(sentence);
	state->problem = strdup(why);
}

static void refuse_both(struct job *job, size_t i, const struct met *met)
{
	char why[512];

	snprintf(why, sizeof(why), "%s has two functions of that name, at 0x%llx and 0x%llx: name one "
	         "with its parameters or as MODULE+0xOFFSET", job->module->path,
	         (unsigned long long)met->found.vaddr, (unsigned long long)met->other);
	refuse(job, i, why);
}

static void note_found(struct job *job, size_t i)
{
	job->plan->fns[i].found = anywhere[i] = true;
}

static void add(struct job *job, size_t i, const struct found *found)
{
	struct found *there = job_found_at(job, found->vaddr);

	if (there && there->entry >= first_entry) {
		if (strcmp(fns[there->entry - first_entry].text, fns[i].text) != 0)
			refuse(job, i, "another --fn is of the same function");
		else
			note_found(job, i);
		return;
	}
	if (there) { /* the user knows better */
		there->entry = found->entry;
		there->aliases.count = 0;
	} else if (!job_add_found(job, found)) {
		return;
	}
	note_found(job, i);
}

static void settle(struct job *job, size_t i, const struct met *met)
{
	const char *why = fns[i].name || !met->found.vaddr ? NULL :
	                                                     fn_place_why_not(job, met->found.vaddr);

	if (!met->found.vaddr)
		return;
	if (met->other)
		refuse_both(job, i, met);
	else if (why)
		refuse(job, i, why);
	else
		add(job, i, &met->found);
}

void fn_find(struct job *job)
{
	struct search search = { job, count && job->plan->fns ? calloc(count, sizeof(struct met)) : NULL };

	if (!search.met)
		return;
	job_each_function(job, consider, &search);
	for (size_t i = 0; i < count; i++)
		look_at_place(&search, i);
	for (size_t i = 0; i < count; i++)
		settle(job, i, &search.met[i]);
	free(search.met);
}

void fn_not_traced(struct job *job, const struct found *found, const char *why)
{
	size_t i = found->entry - first_entry;

	job_note(job, found, "not traced", why);
	if (!catalog_is_added(found->entry) || job->plan->fns[i].problem)
		return;
	job->plan->fns[i].problem = strdup(why);
	job->plan->fns[i].found = anywhere[i] = false;
}
