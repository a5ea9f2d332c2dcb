/* A trap stands where a function begins, and at each of its ends, be it in another function that
 * it jumps on to. A thread's stack grows downwards: what ends is every call whose return address
 * lies where the one that is returned to was found; those that lie below are gone. */
#include "watch.h"

#include <stdlib.h>

#include "outbox.h"
#include "trap.h"

#define FURTHER 2 /* functions that one jumps on to, one after the other */
#define OTHERS_END (NO_FUNCTION - 1) /* such an end is not of one function */

void watch_deinit(struct watch *watch)
{
	free(watch->list);
	free(watch->calls);
	table_deinit(&watch->by_begin);
	*watch = (struct watch){ 0 };
}

bool watch_add(struct watch *watch, taddr_t begin)
{
	uint64_t *index = table_put(&watch->by_begin, begin);
	struct suspect *grown;

	if (!index || (*index && !watch->list[*index - 1].gone))
		return false;
	grown = realloc(watch->list, (watch->count + 1) * sizeof(*grown));
	if (!grown)
		return false;
	watch->list = grown;
	grown[watch->count++] = (struct suspect){ .begin = begin,
		                                  .trial.trust = HEAP_ON_TRIAL };
	*index = watch->count;
	return true;
}

/* ---- traps ---------------------------------------------------------------------------------- */

static void plan_end(struct job *job, const struct cfg_exit *out, uint32_t number)
{
	taddr_t addr = out->vaddr + job->module->bias;
	struct decoded insn;
	struct probe probe;

	if (job_is_planned(job->plan, addr, addr + 1) || job_decode(job, out->vaddr, &insn) < 0 ||
	    insn.refuse)
		return;
	probe = job_probe(job, out->vaddr, &insn, PROBE_WATCH_END, number);
	job_add(job->plan, &probe);
}

static void plan_ends(struct job *job, const struct cfg *cfg, uint32_t number, int further)
{
	for (size_t i = 0; i < cfg->exit_count; i++) {
		const struct cfg_exit *out = &cfg->exits[i];
		struct cfg next;
		const char *why;

		if (out->kind == CFG_RET)
			plan_end(job, out, number);
		if (out->kind != CFG_TAIL || !out->target || !further)
			continue;
		if (job_walk(job, out->target, &next, &why))
			plan_ends(job, &next, OTHERS_END, further - 1);
		cfg_deinit(&next);
	}
}

static void plan(struct job *job, taddr_t begin, uint32_t number, bool ends)
{
	struct probe probe = { .function = number, .args = { 0, 1, 2 } };
	struct cfg cfg;
	const char *why;

	if (job_walk(job, begin, &cfg, &why) &&
	    trap_place_entry(job, &cfg, begin, &probe, &why) &&
	    !job_is_planned(job->plan, probe.addr, probe.addr + 1)) {
		probe.kind = PROBE_WATCH;
		job_add(job->plan, &probe);
		if (ends)
			plan_ends(job, &cfg, number, FURTHER);
	}
	cfg_deinit(&cfg);
}

void watch_plant(struct heap *heap, const struct watch *watch, size_t first, bool ends)
{
	struct plan wanted = { 0 };
	struct job job = { .decoder = resolver_decoder(heap->resolver), .module = watch->module,
		           .functions = &heap->functions, .plan = &wanted };

	for (size_t i = first; i < watch->count; i++)
		if (!watch->list[i].gone)
			plan(&job, watch->list[i].begin, PROBE_WATCHED + (uint32_t)i, ends);
	for (size_t i = 0; i < wanted.count; i++)
		wanted.probes[i].push = watch->module->push;
	command_plant(heap, &wanted);
}

void watch_lift(struct heap *heap)
{
	command_lift(heap, PROBE_WATCHED, NO_FUNCTION, true);
}

void watch_drop(struct heap *heap, struct watch *watch, uint32_t suspect)
{
	if (watch->list[suspect].gone)
		return;
	watch->list[suspect].gone = true;
	command_lift(heap, PROBE_WATCHED + suspect, PROBE_WATCHED + suspect + 1, true);
}

void watch_drop_all(struct heap *heap, struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		watch->list[i].gone = true;
	watch->call_count = 0;
	watch_lift(heap);
}

/* An end that stood for another one, too, is planted anew. */
void watch_drop_others(struct heap *heap, struct watch *watch, uint32_t suspect)
{
	watch_drop_all(heap, watch);
	watch->list[suspect].gone = false;
	watch_plant(heap, watch, suspect, true);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void forget(struct watch *watch, size_t i)
{
	for (watch->call_count--; i < watch->call_count; i++)
		watch->calls[i] = watch->calls[i + 1];
}

/* Of the thread, whose frames are gone. */
static void forget_below(struct watch *watch, int32_t tid, taddr_t slot)
{
	for (size_t i = watch->call_count; i-- > 0;)
		if (watch->calls[i].tid == tid && watch->calls[i].slot < slot)
			forget(watch, i);
}

const struct suspect *watch_found(const struct watch *watch, const struct record_watch *record)
{
	uint32_t suspect = record->function - PROBE_WATCHED;

	return suspect < watch->count && watch->list[suspect].found ? &watch->list[suspect] : NULL;
}

bool watch_begun(const struct watch *watch, const struct record_watch *record,
                 struct watch_call *call)
{
	uint32_t suspect = record->function - PROBE_WATCHED;

	if (suspect >= watch->count || watch->list[suspect].gone)
		return false;
	*call = (struct watch_call){
		.tid = record->record.tid, .suspect = suspect, .slot = record->slot,
		.args = { record->values[0], record->values[1], record->values[2] },
	};
	return true;
}

/* One of the same function in the same place was left in a way that was not seen. */
void watch_keep(struct watch *watch, const struct watch_call *call)
{
	struct watch_call *grown;

	forget_below(watch, call->tid, call->slot);
	for (size_t i = watch->call_count; i-- > 0;)
		if (watch->calls[i].tid == call->tid && watch->calls[i].slot == call->slot &&
		    watch->calls[i].suspect == call->suspect)
			forget(watch, i);
	grown = realloc(watch->calls, (watch->call_count + 1) * sizeof(*grown));
	if (!grown)
		return;
	watch->calls = grown;
	grown[watch->call_count++] = *call;
}

void watch_thread_ended(struct watch *watch, int32_t tid)
{
	forget_below(watch, tid, UINT64_MAX);
}

bool watch_ended(struct watch *watch, const struct record_watch *record, struct watch_call *call)
{
	forget_below(watch, record->record.tid, record->slot);
	for (size_t i = watch->call_count; i-- > 0;) {
		if (watch->calls[i].tid != record->record.tid ||
		    watch->calls[i].slot != record->slot)
			continue;
		*call = watch->calls[i];
		forget(watch, i);
		return true;
	}
	return false;
}

void watch_handed(struct watch *watch, int32_t tid, taddr_t addr)
{
	for (size_t i = 0; i < watch->call_count; i++)
		if (watch->calls[i].tid == tid)
			watch->calls[i].handed = addr;
}

void watch_moved(struct watch *watch, int32_t tid, taddr_t addr)
{
	for (size_t i = 0; i < watch->call_count; i++)
		if (watch->calls[i].tid == tid)
			watch->calls[i].moved = addr;
}
