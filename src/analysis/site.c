#include "site.h"

#include <stdlib.h>
#include <string.h>

#include "catalog.h"

static void view_clear(struct heap_frame *view)
{
	free((char *)view->function);
	free((char *)view->symbol);
}

static void frame_clear(struct frame *frame)
{
	for (size_t i = 0; i < frame->view_count; i++)
		view_clear(&frame->views[i]);
	free(frame->views);
}

void sites_clear(struct sites *sites)
{
	for (size_t i = 0; i < sites->count; i++)
		free(sites->sites[i].frames);
	for (size_t i = 0; i < sites->frame_count; i++)
		frame_clear(&sites->frames[i]);
	sites->count = sites->frame_count = 0;
	table_clear(&sites->frame_by_pc);
	table_clear(&sites->frame_by_key);
	table_clear(&sites->site_by_hash);
}

void sites_deinit(struct sites *sites)
{
	sites_clear(sites);
	free(sites->sites);
	free(sites->frames);
	table_deinit(&sites->frame_by_pc);
	table_deinit(&sites->frame_by_key);
	table_deinit(&sites->site_by_hash);
}

static struct frame frame_copy(const struct frame *from)
{
	return (struct frame){ .module = from->module, .addr = from->addr, .exact = from->exact,
		               .named = from->named, .region = from->region,
		               .region_sought = from->region_sought };
}

static bool site_copy(struct site *site, const struct site *from)
{
	size_t len = from->frame_count * sizeof(*from->frames);
	const struct heap_site *was = &from->view;

	*site = *from;
	site->peak = 0;
	site->view = (struct heap_site){ .id = was->id, .function = was->function,
		                         .symbol = was->symbol,
		                         .live_blocks = was->live_blocks,
		                         .live_bytes = was->live_bytes,
		                         .peak_bytes = was->live_bytes };
	site->frames = malloc(len + 1);
	if (site->frames)
		memcpy(site->frames, from->frames, len);
	return site->frames;
}

bool sites_copy(struct sites *sites, const struct sites *from)
{
	bool whole = table_copy(&sites->frame_by_pc, &from->frame_by_pc) &&
	             table_copy(&sites->frame_by_key, &from->frame_by_key) &&
	             table_copy(&sites->site_by_hash, &from->site_by_hash);

	sites->frames = malloc((from->frame_count + 1) * sizeof(*sites->frames));
	sites->sites = malloc((from->count + 1) * sizeof(*sites->sites));
	if (sites->frames && sites->sites) {
		sites->frame_capacity = from->frame_count + 1;
		sites->capacity = from->count + 1;
		for (; sites->frame_count < from->frame_count; sites->frame_count++)
			sites->frames[sites->frame_count] =
				frame_copy(&from->frames[sites->frame_count]);
		while (whole && sites->count < from->count)
			whole = site_copy(&sites->sites[sites->count], &from->sites[sites->count]) &&
			        ++sites->count;
	}
	if (whole && sites->frames && sites->sites)
		return true;
	sites_deinit(sites);
	*sites = (struct sites){ .modules = sites->modules };
	return false;
}

void sites_modules_changed(struct sites *sites)
{
	table_clear(&sites->frame_by_pc);
}

/* ---- frames ---------------------------------------------------------------- */

static int named_in(const struct module *module, taddr_t addr, bool exact)
{
	taddr_t at = addr - !exact; /* in the call, not behind it */

	for (size_t i = 0; module && i < module->named_count; i++)
		if (at >= module->named[i].begin && at < module->named[i].end)
			return module->named[i].entry;
	return CATALOG_NONE;
}

/* A module's place in memory is part of its identity, so its own address of a
 * frame is enough: 2^47 addresses, doubled for exactness. */
static uint64_t frame_key(const struct module *module, const struct unwound_frame *frame)
{
	uint64_t id = module ? (uintptr_t)module >> 4 : 0;

	return (id * 0x9e3779b97f4a7c15u ^ frame->regs.pc) << 1 | frame->exact;
}

static uint32_t frame_new(struct sites *sites, const struct frame *frame)
{
	if (sites->frame_count == sites->frame_capacity) {
		size_t capacity = sites->frame_capacity + sites->frame_capacity / 8 + 1024;
		struct frame *grown = realloc(sites->frames, capacity * sizeof(*grown));

		if (!grown)
			return 0;
		sites->frames = grown;
		sites->frame_capacity = capacity;
	}
	sites->frames[sites->frame_count++] = *frame;
	return sites->frame_count;
}

static uint32_t frame_intern(struct sites *sites, const struct unwound_frame *unwound)
{
	struct module *module = module_at(sites->modules, unwound->regs.pc - !unwound->exact);
	struct frame frame = { .module = module, .addr = unwound->regs.pc,
		               .exact = unwound->exact,
		               .named = named_in(module, unwound->regs.pc, unwound->exact) };
	uint64_t key = frame_key(module, unwound);
	uint64_t *number;

	for (;; key++) {
		number = table_put(&sites->frame_by_key, key ? key : 1);
		if (!number)
			return 0;
		if (!*number)
			return *number = frame_new(sites, &frame);
		if (sites->frames[*number - 1].module == module &&
		    sites->frames[*number - 1].addr == frame.addr &&
		    sites->frames[*number - 1].exact == frame.exact)
			return *number;
	}
}

uint32_t site_frame(struct sites *sites, const struct unwound_frame *unwound)
{
	uint64_t key = unwound->regs.pc << 1 | unwound->exact;
	uint64_t *number = table_put(&sites->frame_by_pc, key ? key : UINT64_MAX);

	if (!number)
		return 0;
	if (!*number)
		*number = frame_intern(sites, unwound);
	return *number;
}

/* ---- sites ------------------------------------------------------------------- */

static uint64_t hash(const struct site_key *key)
{
	uint64_t h = (uint64_t)key->entry << 32 ^ (uint32_t)key->name;

	for (unsigned i = 0; i < key->frame_count; i++) {
		h = (h ^ key->frames[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h ? h : 1;
}

static bool is_same(const struct site *site, const struct site_key *key)
{
	return site->call_entry == key->entry && site->call_name == key->name &&
	       site->frame_count == key->frame_count &&
	       memcmp(site->frames, key->frames, key->frame_count * sizeof(*key->frames)) == 0;
}

static uint32_t site_new(struct sites *sites, const struct site_key *key)
{
	struct site site = { .call_entry = key->entry, .call_name = key->name,
		             .entry = key->entry, .frame_count = key->frame_count,
		             .view.id = sites->count + 1 };

	if (sites->count == sites->capacity) {
		size_t capacity = sites->capacity + sites->capacity / 8 + 256;
		struct site *grown = realloc(sites->sites, capacity * sizeof(*grown));

		if (!grown)
			return SITE_NONE;
		sites->sites = grown;
		sites->capacity = capacity;
	}
	site.frames = malloc(key->frame_count * sizeof(*site.frames) + 1);
	if (!site.frames)
		return SITE_NONE;
	memcpy(site.frames, key->frames, key->frame_count * sizeof(*site.frames));
	sites->sites[sites->count] = site;
	return sites->count++;
}

uint32_t site_intern(struct sites *sites, const struct site_key *key, bool *is_new)
{
	*is_new = false;
	for (uint64_t h = hash(key);; h++) {
		uint64_t *index = table_put(&sites->site_by_hash, h ? h : 1);
		uint32_t made;

		if (!index)
			return SITE_NONE;
		if (*index && is_same(&sites->sites[*index - 1], key))
			return *index - 1;
		if (*index)
			continue;
		made = site_new(sites, key);
		*is_new = made != SITE_NONE;
		*index = *is_new ? made + 1 : 0;
		return made;
	}
}
