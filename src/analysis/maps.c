#include "maps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "account.h"
#include "behaviour.h"
#include "made_code.h"
#include "map_origin.h"
#include "naming.h"
#include "outbox.h"
#include "proc_maps.h"
#include "thread_stacks.h"
#include "view.h"

#define CODE_LOOKS_MAX 100 /* between reports */

/* ---- the kernel's list ------------------------------------------------------------------ */

static struct vma found(void *ctx, const char *name)
{
	const struct heap *heap = ctx;
	struct vma vma = { .site = SITE_NONE, .time_ns = heap->program.began_ns };

	vma.born = ++((struct heap *)heap)->maps.born;
	if (!heap->attached || strcmp(name, "[stack]") == 0 || strcmp(name, "[vdso]") == 0 ||
	    strncmp(name, "[vvar", 5) == 0)
		vma.origin = HEAP_KERNEL;
	else
		vma.origin = strcmp(name, "[heap]") == 0 ? HEAP_LIBC_MALLOC : HEAP_EARLIER;
	return vma;
}

static uint64_t mapped_bytes(const struct heap *heap)
{
	uint64_t bytes = 0;
	const struct vma *vma;

	for (taddr_t at = 0; (vma = vmas_next(&heap->maps.space.vmas, at)); at = vma->end)
		bytes += vma->end - vma->begin;
	return bytes;
}

static void is_stack(void *ctx, struct vma *vma)
{
	(void)ctx;
	if (vma->origin == HEAP_EARLIER)
		vma->origin = HEAP_THREAD_STACK;
}

static void read_list(struct heap *heap, FILE *list)
{
	address_space_read(&heap->maps.space, list, found, heap);
	if (!heap->maps.space.brk) /* where nothing is mapped yet */
		heap->maps.space.brk = proc_heap(heap->program.pid);
	if (heap->attached)
		thread_stacks_find(heap->program.pid, &heap->maps.space.vmas, is_stack, NULL);
	heap->maps.known = true;
	heap->maps.first_bytes = mapped_bytes(heap);
}

bool maps_are_wanted(const struct heap *heap)
{
	return !heap->options.no_maps;
}

void maps_reset(struct heap *heap)
{
	maps_free(heap);
	heap->maps = (struct maps){ .state = HEAP_MAPS_UNKNOWN };
}

void maps_begin(struct heap *heap)
{
	FILE *list;

	if (!maps_are_wanted(heap))
		return;
	vm_look(&heap->maps.vm, heap->program.pid);
	if (heap->attached) {
		command_add(heap, CMD_QUIET, 0, sizeof(struct record));
		return;
	}
	list = proc_maps_open(heap->program.pid);
	if (!list)
		return;
	read_list(heap, list);
	fclose(list);
}

/* From here on as the list has it. */
static void settle(void *ctx, enum difference what, const struct vma *listed)
{
	static const char *const names[] = { "not known", "not there", "of another kind" };
	struct heap *heap = ctx;
	struct vmas *vmas = &heap->maps.space.vmas;
	const struct vma *ours = vmas_at(vmas, listed->begin);
	struct vma vma = *listed;

	heap_note(heap, "the map of %llx-%llx was %s", (unsigned long long)listed->begin,
	          (unsigned long long)listed->end, names[what]);
	if (what == VMA_EXTRA) {
		vmas_drop(vmas, listed->begin, listed->end);
		return;
	}
	vma.flags |= ours ? ours->flags & VMA_GROWS_DOWN : 0;
	vma.origin = ours ? ours->origin : HEAP_UNSEEN;
	vma.site = ours ? ours->site : SITE_NONE;
	vma.born = ours ? ours->born : ++heap->maps.born;
	vma.tid = ours ? ours->tid : 0;
	vma.time_ns = ours ? ours->time_ns : heap->now_ns;
	vmas_put(vmas, &vma);
}

static void look_at_every_call(struct heap *heap)
{
	command_add(heap, CMD_EVERY_CALL, 0, sizeof(struct record));
}

/* Nothing is settled by a list that may have broken off. False: the process has left. */
static bool compare(struct heap *heap, FILE *list)
{
	struct maps *maps = &heap->maps;

	maps->differences = address_space_compare(&maps->space, list, NULL, NULL);
	if (!proc_maps_go_on(list))
		return false;
	maps->state = maps->differences ? HEAP_MAPS_DIFFER : HEAP_MAPS_IDENTICAL;
	if (maps->differences) {
		address_space_compare(&maps->space, list, settle, heap);
		look_at_every_call(heap);
	}
	return true;
}

/* What of it is executable and no module's: does it map? */
static void look_at_code(struct heap *heap, taddr_t begin, taddr_t end)
{
	const struct vma *vma;

	for (taddr_t at = begin; !heap->maps.made_code && at < end &&
	     (vma = vmas_next(&heap->maps.space.vmas, at)) && vma->begin < end; at = vma->end) {
		if (!(vma->prot & PROT_EXEC) || vma->origin == HEAP_KERNEL ||
		    module_at(&heap->modules, vma->begin))
			continue;
		heap->maps.made_code = made_code_maps(heap->resolver, heap->program.pid,
		                                      vma->begin, vma->end);
		if (!heap->maps.made_code)
			continue;
		heap_note(heap, "code that the program has made at %llx maps: every system call "
		          "is looked at", (unsigned long long)vma->begin);
		look_at_every_call(heap);
	}
}

static void look(struct heap *heap)
{
	FILE *list = proc_maps_open(heap->program.pid);
	bool is_there;

	if (list && !heap->maps.known)
		read_list(heap, list);
	is_there = list && proc_maps_go_on(list) && compare(heap, list);
	if (list)
		fclose(list);
	if (!is_there) {
		maps_lost(heap);
		return;
	}
	vm_look(&heap->maps.vm, heap->program.pid);
	residence_look(heap);
	look_at_code(heap, 0, UINT64_MAX);
	heap->maps.code_looks = 0;
}

void maps_quiet(struct heap *heap)
{
	if (maps_are_wanted(heap))
		look(heap);
	heap->maps.asked = false;
	command_add(heap, CMD_LOUD, 0, sizeof(struct record));
}

void maps_leaving(struct heap *heap)
{
	maps_quiet(heap);
	heap_look_at_usable(heap); /* its memory goes */
	heap->maps.left = true;
}

bool heap_ask_maps(struct heap *heap)
{
	struct maps *maps = &heap->maps;

	maps->state = HEAP_MAPS_UNKNOWN;
	maps->asked = maps_are_wanted(heap) && heap->program.pid &&
	              command_add(heap, CMD_QUIET, 0, sizeof(struct record));
	return maps->asked;
}

bool heap_awaits_maps(const struct heap *heap)
{
	return heap->maps.asked;
}

void maps_lost(struct heap *heap)
{
	heap->maps.state = HEAP_MAPS_UNKNOWN;
	heap->maps.differences = 0;
	heap->maps.asked = false;
	residence_forget(heap);
}

void maps_ended(struct heap *heap)
{
	if (heap->maps.left)
		heap->maps.asked = false;
	else
		maps_lost(heap);
}

void maps_few_calls(struct heap *heap)
{
	heap_note(heap, "of 1,000 system calls none mapped from where no trap stands: not every one "
	          "is looked at any more");
}

void maps_unordered(struct heap *heap)
{
	heap->maps.unordered++;
}

/* ---- calls -------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct map_call *call)
{
	switch (call->kind) {
	case MAP_CALL_MREMAP:
		return call->args[2];
	case MAP_CALL_SHMAT:
		return call->mapped;
	case MAP_CALL_BRK:
	case MAP_CALL_SHMDT:
		return 0;
	default:
		return call->args[1];
	}
}

static void count(struct heap *heap, const struct map_call *call)
{
	struct heap_map_calls *calls = &heap->maps.calls[call->kind];
	bool failed = map_call_failed(call);

	/* brk fails by standing still; a question is none */
	if (call->kind == MAP_CALL_BRK && call->args[0] && call->args[0] != (taddr_t)call->result)
		failed = true;
	calls->calls++;
	calls->failed += failed;
	if (failed)
		return;
	calls->bytes += bytes_of(call);
	if (call->kind == MAP_CALL_BRK && heap->maps.space.brk &&
	    (taddr_t)call->result > heap->maps.space.brk)
		calls->bytes += (taddr_t)call->result - heap->maps.space.brk;
}

/* A page that was written and becomes executable. Whoever does so all the time is looked at
 * for each report only. */
static bool makes_code(struct heap *heap, const struct map_call *call)
{
	return call->kind == MAP_CALL_PROTECT && call->result == 0 && call->args[2] & PROT_EXEC &&
	       heap->maps.code_looks++ < CODE_LOOKS_MAX;
}

bool maps_file_of_code(const struct record_map *record)
{
	const struct map_call *call = &record->call;

	return call->kind == MAP_CALL_MMAP && !map_call_failed(call) &&
	       call->args[2] & PROT_EXEC && !(call->args[3] & MAP_ANONYMOUS);
}

static bool takes_memory(const struct map_call *call)
{
	if (call->kind == MAP_CALL_BRK)
		return call->args[0] && (taddr_t)call->result == call->args[0];
	return call->kind == MAP_CALL_MMAP && call->args[3] & MAP_ANONYMOUS &&
	       !map_call_failed(call);
}

void maps_mapped(struct heap *heap, const struct record_map *record)
{
	struct view *view = view_of(heap, record->record.tid);
	uint32_t index = view ? naming_map_site(heap, view, record) : SITE_NONE;
	const struct site *site = index == SITE_NONE ? NULL : &heap->sites.sites[index];
	struct heap_event event = account_event(HEAP_EVENT_MAP, &record->record);

	if (record->call.kind == MAP_CALL_NONE || record->call.kind >= MAP_CALLS)
		return;
	event.number = record->function;
	event.site = site_id(index);
	event.call = &record->call;
	event.origin = site ? map_origin(heap, record, site) : HEAP_APP;
	account_apply(heap, &event);
	if (site && takes_memory(&record->call))
		behaviour_mapped(heap, site->stack);
}

void maps_apply(struct heap *heap, const struct heap_event *event)
{
	const struct map_call *call = event->call;
	struct site *site = event->site ? &heap->sites.sites[event->site - 1] : NULL;
	struct vma by = { .site = event->site - 1, .tid = event->tid, .time_ns = event->time_ns,
		          .born = ++heap->maps.born, .origin = event->origin };

	if (!heap->maps.known)
		return;
	count(heap, call);
	address_space_apply(&heap->maps.space, call, &by);
	if (makes_code(heap, call))
		look_at_code(heap, call->args[0], call->args[0] + call->args[1]);
	if (!site)
		return;
	if (!site->map_calls++)
		site->view.first_ms = model_since_begin_ms(heap);
	site->view.last_ms = model_since_begin_ms(heap);
}

/* The child has not what was not to be inherited, madvise(2), and what another thread has
 * just mapped may be told of later: in that only the list counts. */
static void settle_in_child(void *ctx, enum difference what, const struct vma *listed)
{
	struct maps *maps = &((struct heap *)ctx)->maps;
	struct vma vma = *listed;

	if (what == VMA_EXTRA) {
		vmas_drop(&maps->space.vmas, listed->begin, listed->end);
		return;
	}
	vma.site = SITE_NONE;
	vma.origin = HEAP_EARLIER;
	vma.born = ++maps->born;
	vmas_put(&maps->space.vmas, &vma);
}

static void take_list_of_child(struct heap *heap)
{
	FILE *list = proc_maps_open(heap->program.pid);

	if (!list)
		return;
	address_space_compare(&heap->maps.space, list, settle_in_child, heap);
	fclose(list);
}

bool maps_copy(struct heap *heap, const struct heap *from)
{
	const struct maps *was = &from->maps;
	struct maps *maps = &heap->maps;

	*maps = (struct maps){ .known = was->known,
		               .state = HEAP_MAPS_UNKNOWN, .born = was->born,
		               .name_count = was->name_count };
	memcpy(maps->names, was->names, sizeof(maps->names));
	maps->space.brk = was->space.brk;
	if (!vmas_copy(&maps->space.vmas, &was->space.vmas))
		return false;
	if (was->known)
		take_list_of_child(heap);
	maps->first_bytes = mapped_bytes(heap);
	vm_look(&maps->vm, heap->program.pid);
	return true;
}

void maps_free(struct heap *heap)
{
	address_space_deinit(&heap->maps.space);
	residence_deinit(&heap->maps.residence);
}
