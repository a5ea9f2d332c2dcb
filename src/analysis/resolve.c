#include "resolve.h"

#include <stdlib.h>
#include <string.h>

#include "debug_symbols.h"
#include "fn_find.h"
#include "job.h"
#include "library.h"
#include "map_trap.h"
#include "nameless.h"
#include "own.h"
#include "point_find.h"
#include "stripped.h"
#include "trap.h"

struct resolver {
	struct decoder *decoder;
};

struct resolver *resolver_new(void)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (resolver && !(resolver->decoder = decoder_new())) {
		free(resolver);
		return NULL;
	}
	return resolver;
}

struct decoder *resolver_decoder(struct resolver *resolver)
{
	return resolver->decoder;
}

void resolver_free(struct resolver *resolver)
{
	if (resolver)
		decoder_free(resolver->decoder);
	free(resolver);
}

/* ---- symbols -------------------------------------------------------------- */

static bool same_name(int a, int b)
{
	return strcmp(catalog[a].name, catalog[b].name) == 0;
}

/* Of several names the catalogue's first is what it is: free before operator delete, which
 * would be looked for in stacks only. */
static void also_named(struct found *found, int entry)
{
	int first = found->entry < entry ? found->entry : entry;
	int other = found->entry < entry ? entry : found->entry;

	found->entry = first;
	for (unsigned i = 0; i < found->aliases.count; i++)
		if (found->aliases.entries[i] == other)
			return;
	if (!same_name(first, other) && found->aliases.count < countof(found->aliases.entries))
		found->aliases.entries[found->aliases.count++] = (int16_t)other;
}

/* Names of glibc's that others do not have: in .dynsym, and in what is linked statically. */
static bool is_glibcs(const char *name)
{
	return strcmp(name, "gnu_get_libc_version") == 0 || strcmp(name, "_int_malloc") == 0;
}

static bool find(void *ctx, const struct elf_symbol *symbol)
{
	struct job *job = ctx;
	int entry = catalog_find(symbol->name);
	struct found *found = entry == CATALOG_NONE ? NULL : job_found_at(job, symbol->vaddr);

	job->module->is_glibc |= is_glibcs(symbol->name);
	if (entry == CATALOG_NONE)
		return true;
	job->module->has_operators |= catalog_is_operator(entry);
	if (found) {
		also_named(found, entry);
		return true;
	}
	return job_add_found(job, &(struct found){ .vaddr = symbol->vaddr, .size = symbol->size,
	                                           .entry = entry, .table = symbol->table });
}

/* ---- a module -------------------------------------------------------------------- */

static void add_range(struct module *module, const struct found *found)
{
	struct named_range *grown =
		realloc(module->named, (module->named_count + 1) * sizeof(*grown));

	if (!grown)
		return;
	module->named = grown;
	grown[module->named_count++] = (struct named_range){
		found->vaddr + module->bias, found->vaddr + module->bias + found->size, found->entry
	};
}

static uint32_t add_function(struct job *job, const struct found *found)
{
	struct functions *functions = job->functions;
	struct function *grown =
		realloc(functions->list, (functions->count + 1) * sizeof(*grown));

	if (!grown)
		return NO_FUNCTION;
	functions->list = grown;
	grown[functions->count] = (struct function){
		job->module, found->vaddr + job->module->bias, found->size, found->entry,
		.aliases = found->aliases, .table = found->table
	};
	return functions->count++;
}

static void resolve_function(struct job *job, const struct found *found)
{
	uint32_t function = add_function(job, found);
	size_t planned = job->plan->count;
	const char *two_stops = NULL, *why;
	struct cfg cfg;

	if (job->plan->growth && catalog[found->entry].role != CATALOG_LOADER)
		return;
	if (!job_walk(job, found->vaddr, &cfg, &why))
		fn_not_traced(job, found, why);
	else if (catalog[found->entry].role == CATALOG_LOADER)
		trap_loader(job, found, &cfg, function);
	else if (catalog_is_name(found->entry))
		trap_name(job, found, &cfg, function);
	else
		two_stops = trap_allocator(job, found, &cfg, function);
	if (function != NO_FUNCTION) {
		job->functions->list[function].traps = job->plan->count - planned;
		job->functions->list[function].two_stops = two_stops;
	}
	if (catalog[found->entry].role == CATALOG_FREE) {
		library_internals(job, found, function);
		library_sigreturn(job);
	}
	if (catalog_is_name(found->entry))
		add_range(job->module, found);
	cfg_deinit(&cfg);
}

/* The loader's own malloc serves it alone, before libc is there; musl's loader is
 * its libc and has the whole family. */
static bool is_bare_loader(const struct job *job)
{
	for (size_t i = 0; i < job->found_count; i++)
		if (strcmp(catalog[job->found[i].entry].symbol, "posix_memalign") == 0)
			return false;
	return job->module->is_loader;
}

/* A program that needs no other file has its allocator in itself. */
static bool may_be_stripped(const struct job *job)
{
	return !job->found_count && !job->functions->count && !job->module->is_loader &&
	       elf_is_static(&job->module->elf);
}

static void find_without_symbols(struct job *job)
{
	debug_symbols_each(job->module, find, job);
	job->debug_symbols = job->found_count;
	if (job->found_count)
		debug_symbols_name_slots(job->module);
	else
		stripped_find(job);
}

/* The catalogue begins with what is called most: should traps have to be taken out in a
 * hurry, these go first. */
static int by_entry(const void *a, const void *b)
{
	return ((const struct found *)a)->entry - ((const struct found *)b)->entry;
}

void resolve_module(struct resolver *resolver, struct module *module,
                    struct functions *functions, struct plan *plan)
{
	struct job job = { .decoder = resolver->decoder, .module = module, .functions = functions,
		           .plan = plan };
	bool bare;

	elf_each_function(&module->elf, find, &job);
	own_operators(&job);
	if (may_be_stripped(&job))
		find_without_symbols(&job);
	fn_find(&job);
	plan->is_unknown = may_be_stripped(&job) && !plan->growth;
	if (!plan->growth)
		nameless_tell(&job);
	if (job.found_count)
		qsort(job.found, job.found_count, sizeof(*job.found), by_entry);
	bare = is_bare_loader(&job);
	for (size_t i = 0; i < job.found_count; i++)
		if (!bare || catalog[job.found[i].entry].role == CATALOG_LOADER ||
		    catalog_is_added(job.found[i].entry))
			resolve_function(&job, &job.found[i]);
	map_trap_plan(&job);
	point_find(&job);
	library_lend(&job);
	address_set_free(&job.emptiers);
	free(job.found);
}

/* One may jump on to another that was found before. */
static void add_known(struct job *job)
{
	for (size_t i = 0; i < job->functions->count; i++) {
		const struct function *function = &job->functions->list[i];
		const struct found found = { .vaddr = function->addr - job->module->bias,
			                     .entry = function->entry,
			                     .table = function->table };

		if (function->module == job->module)
			job_add_found(job, &found);
	}
}

void resolve_found(struct resolver *resolver, struct module *module,
                   struct functions *functions, struct plan *plan, const struct found *found,
                   size_t count)
{
	struct job job = { .decoder = resolver->decoder, .module = module, .functions = functions,
		           .plan = plan };
	size_t first;

	add_known(&job);
	first = job.found_count;
	for (size_t i = 0; i < count; i++)
		job_add_found(&job, &found[i]);
	for (size_t i = first; i < job.found_count; i++)
		resolve_function(&job, &job.found[i]);
	library_lend(&job);
	address_set_free(&job.emptiers);
	free(job.found);
}

/* ---- which name was called ------------------------------------------------------- */

/* The call of one of two forms that ends at return_pc: through a slot, or to target. */
static bool decode_call(struct resolver *resolver, const struct module *caller, taddr_t end,
                        struct decoded *insn)
{
	const struct { uint8_t len, first; } forms[] = { { 5, 0xe8 }, { 6, 0xff } };

	for (unsigned i = 0; i < countof(forms); i++) {
		taddr_t call = end - forms[i].len;
		uint8_t bytes[ARCH_INSN_MAX];

		if (elf_read(&caller->elf, call, bytes, forms[i].len) == 0 &&
		    bytes[0] == forms[i].first &&
		    decoder_decode(resolver->decoder, bytes, forms[i].len, call, insn) == 0 &&
		    insn->flow == FLOW_CALL && insn->len == forms[i].len)
			return true;
	}
	return false;
}

/* Of the PLT stub there, or 0. */
static taddr_t slot_of_stub(struct resolver *resolver, const struct module *module, taddr_t stub)
{
	struct decoded insn;

	for (;; stub += insn.len) {
		uint8_t bytes[ARCH_INSN_MAX];
		size_t len = elf_read_some(&module->elf, stub, bytes, sizeof(bytes));

		if (decoder_decode(resolver->decoder, bytes, len, stub, &insn) < 0 ||
		    (insn.flow != FLOW_JUMP && insn.flow != FLOW_NEXT))
			return 0;
		if (insn.flow == FLOW_JUMP)
			return insn.slot;
	}
}

/* A wrapper of the module itself. */
static int named_at(const struct module *module, taddr_t vaddr)
{
	for (size_t i = 0; i < module->named_count; i++)
		if (module->named[i].begin - module->bias == vaddr)
			return module->named[i].entry;
	return CATALOG_NONE;
}

int resolve_called_name(struct resolver *resolver, struct module *caller, taddr_t return_pc)
{
	struct decoded insn;
	const char *name;
	taddr_t slot;
	int entry;

	if (!decode_call(resolver, caller, module_file_address(caller, return_pc), &insn))
		return CATALOG_NONE;
	entry = named_at(caller, insn.target);
	if (entry != CATALOG_NONE)
		return entry;
	slot = insn.slot ? insn.slot : slot_of_stub(resolver, caller, insn.target);
	name = slot ? elf_slot_name(&caller->elf, slot) : NULL;
	return name ? catalog_find(name) : CATALOG_NONE;
}
