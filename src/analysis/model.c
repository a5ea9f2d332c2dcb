/* apply(record): the one place where what the tracer saw gets its meaning. */
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "behaviour.h"
#include "calls.h"
#include "debugfile.h"
#include "errors.h"
#include "fn_find.h"
#include "kept.h"
#include "maps.h"
#include "outbox.h"
#include "pause.h"
#include "point_find.h"
#include "points.h"
#include "privilege.h"
#include "program.h"
#include "return_site.h"
#include "trust.h"
#include "view.h"

/* ---- modules ----------------------------------------------------------------------- */

static void forget_walks(struct heap *heap)
{
	view_forget_walks(heap);
	unwinder_flush(heap->unwinder);
}

static void module_gone(void *ctx, struct module *module)
{
	struct heap *heap = ctx;
	struct command_forget *forget =
		(struct command_forget *)command_add(heap, CMD_FORGET, 0, sizeof(*forget));

	forget_walks(heap);
	table_clear(&heap->free_names);
	if (!forget)
		return;
	forget->begin = module->begin;
	forget->end = module->end;
}

/* What others could be thought to have been traced, too. */
static void note_own_allocator(struct heap *heap, const struct module *module)
{
	if (elf_has_section(&module->elf, ".go.buildinfo") ||
	    elf_has_section(&module->elf, ".note.go.buildid"))
		heap_note(heap, "%s has the Go runtime, whose own allocator is not traced: what it maps is",
		          module->path);
}

struct plan model_plan(struct heap *heap)
{
	return (struct plan){ .note = note_add, .ctx = heap,
		              .maps = maps_are_wanted(heap), .growth = heap->options.growth,
		              .operators = heap->options.operators, .fns = heap->fns,
		              .points = heap->points, .client_stats = heap->options.client_stats,
		              .free_stacks = heap->options.free_stacks,
		              .callers = heap->options.callers,
		              .usable = heap->options.usable_each };
}

static void module_came(void *ctx, struct module *module)
{
	struct heap *heap = ctx;
	struct plan plan = model_plan(heap);
	size_t first = heap->functions.count;

	forget_walks(heap);
	module->is_loader = program_is_loader(heap, module);
	note_own_allocator(heap, module);
	resolve_module(heap->resolver, module, &heap->functions, &plan);
	if (plan.table)
		trust_begin(heap, module, &plan, first);
	command_plant(heap, &plan);
	if (plan.is_unknown && plan.maps)
		behaviour_begin(heap, module);
	if (plan.untrapped)
		command_add(heap, CMD_EVERY_CALL, 0, sizeof(struct record));
}

/* Of memory that has a name but never was a file there is nothing to say. */
static void file_gone(void *ctx, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strncmp(path, "/memfd:", 7) == 0 || strncmp(path, "/dev/", 5) == 0 ||
	    strncmp(path, "/SYSV", 5) == 0 || !slash)
		return;
	heap_note(ctx, "%.*s was deleted or replaced since it was loaded, only root can read it: "
	          "stacks end there", (int)strcspn(slash + 1, " "), slash + 1);
}

static void scan(struct heap *heap, pid_t pid)
{
	const struct module_events events = { module_gone, module_came, file_gone, heap };
	int error = modules_scan(&heap->modules, pid, &events);

	if (error < 0 && error != -ESRCH) /* it ends: there is nothing more to see */
		heap_note(heap, "the modules could not be read: %s", strerror(-error));
}

/* execve(2): a traced program's set-user-ID bit counts only when the tracer is root. */
static void note_privileges(struct heap *heap, pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (privilege_lost(path))
		heap_note(heap, "%s is setuid, setgid or has capabilities: being traced, it ran "
		          "without its privileges", heap->program.exe);
}

uint64_t model_since_begin_ms(const struct heap *heap)
{
	return (heap->now_ns - heap->program.began_ns) / 1000000;
}

void model_reset_stats(struct heap *heap)
{
	for (unsigned i = 0; i < catalog_count; i++)
		heap->stats[i] = (struct heap_function){ .name = catalog[i].name,
			                                 .kind = catalog_kind(i) };
}

static void new_image(struct heap *heap, const struct record *record)
{
	pause_is_over(heap);
	view_drop_all(heap);
	live_clear(&heap->live);
	table_clear(&heap->refs);
	sites_clear(&heap->sites);
	regions_forget(&heap->regions);
	modules_deinit(&heap->modules);
	heap->functions.count = 0;
	trust_forget(heap);
	behaviour_forget(heap);
	heap->totals = (struct heap_totals){ 0 };
	heap->usable = (struct usable){ 0 };
	table_clear(&heap->free_names);
	heap->ledger = (struct heap_ledger){ .stalls = heap->ledger.stalls };
	errors_clear(&heap->errors);
	heap->threads_live = heap->threads_total = 1;
	heap->program.began_ns = record->time_ns;
	model_reset_stats(heap);
	counters_reset(heap);
	maps_reset(heap);
	program_read(heap, record->pid);
	unwinder_set_pid(heap->unwinder, record->pid);
	if (!*heap->program.exe)
		return; /* not for us, or gone already: the tracer says which */
	note_privileges(heap, record->pid);
	scan(heap, record->pid);
	maps_begin(heap);
	if (heap->functions.count == 0 && !heap->behaviour)
		heap_note(heap, "no allocator function was found in %s", heap->program.exe);
}

static void tell_image(struct heap *heap, const struct record *record)
{
	struct heap_event event = account_event(HEAP_EVENT_IMAGE, record);

	event.parent = heap->parent;
	event.attached = heap->attached;
	account_apply(heap, &event);
}

/* Its threads have been told of before. */
static void attached(struct heap *heap, const struct record *record)
{
	uint64_t live = heap->threads_live;

	heap->attached = true;
	new_image(heap, record);
	heap->threads_live = heap->threads_total = live;
	tell_image(heap, record);
}

static void lifted(struct heap *heap, const struct record_lifted *record)
{
	if (record->differences)
		heap_note(heap, "%u bytes of the program's text are not as they were",
		          record->differences);
	if (record->pages)
		heap->ledger.text = record->differences ? HEAP_TEXT_DIFFERS : HEAP_TEXT_IDENTICAL;
}

static void ended(struct heap *heap, const struct record_end *record)
{
	heap->cost = (struct heap_cost){ record->stops, record->cpu_ns, record->watched_ns };
}

static void refused(struct heap *heap, const struct record_refused *record)
{
	const struct module *module = module_at(&heap->modules, record->addr);

	if (!record->addr && record->error == ENOMEM)
		heap_note(heap, "no memory for another thread: the program was let go, what came "
		          "afterwards is not seen");
	else if (!record->addr) /* at its exec */
		heap_note(heap, "the program may not be looked into (%s): it is setuid, or not "
		          "readable by this user; nothing of it is seen", strerror(record->error));
	if (!record->addr)
		return;
	heap->errors.trap_refused |= record->error != EBUSY;
	heap_note(heap, "no trap at %s+0x%llx: %s", module ? module->path : "?",
	          (unsigned long long)(record->addr - (module ? module->bias : 0)),
	          record->error == EBUSY ? "of 1,000 system calls there none maps, no more are looked at" :
	          record->error == EILSEQ ? "other code stands there" : strerror(record->error));
}

static void thread_began(struct heap *heap, const struct record_thread *record)
{
	struct heap_event event = account_event(HEAP_EVENT_THREAD_BEGIN, &record->record);

	event.parent = record->creator;
	event.start = record->start;
	event.start_arg = record->arg;
	account_apply(heap, &event);
}

void heap_apply(struct heap *heap, const struct record *record)
{
	heap->now_ns = record->time_ns;
	heap->bound.read = false;
	if (record->image)
		heap->image_number = record->image;
	switch (record->kind) {
	case REC_ATTACHED:
		attached(heap, record);
		break;
	case REC_OFF:
		account_tell(heap, HEAP_EVENT_OFF, record->tid);
		break;
	case REC_ON:
		behaviour_begin_anew(heap);
		account_tell(heap, HEAP_EVENT_ON, record->tid);
		break;
	case REC_EARLIER:
		calls_earlier(heap, (const struct record_earlier *)record);
		break;
	case REC_LIFTED:
		lifted(heap, (const struct record_lifted *)record);
		break;
	case REC_END:
		ended(heap, (const struct record_end *)record);
		break;
	case REC_UNFOLLOWED:
		heap_note(heap, "a child was not followed: %s",
		          strerror(((const struct record_status *)record)->status));
		break;
	case REC_RELEASED:
		maps_ended(heap);
		heap_note(heap, "the program was let go when it began a task that cannot be traced "
		          "(CLONE_UNTRACED), as LeakSanitizer does");
		break;
	case REC_EXEC:
		heap->attached = false;
		new_image(heap, record);
		tell_image(heap, record);
		command_add(heap, CMD_GO, record->tid, sizeof(*record));
		break;
	case REC_LOADER:
		scan(heap, record->pid);
		command_add(heap, CMD_GO, record->tid, sizeof(*record));
		break;
	case REC_POINT:
		points_met(heap, (const struct record_point *)record);
		break;
	case REC_WATCH:
		behaviour_watched(heap, (const struct record_watch *)record);
		if (((const struct record_watch *)record)->held)
			command_add(heap, CMD_GO, record->tid, sizeof(*record));
		break;
	case REC_RETURNS:
		return_site_plan(heap, (const struct record_returns *)record);
		break;
	case REC_EXIT:
		maps_ended(heap);
		account_exit(heap, (const struct record_status *)record);
		break;
	case REC_MAP:
		maps_mapped(heap, (const struct record_map *)record);
		if (((const struct record_map *)record)->held)
			command_add(heap, CMD_GO, record->tid, sizeof(*record));
		if (maps_file_of_code((const struct record_map *)record))
			scan(heap, record->pid);
		break;
	case REC_FEW_CALLS:
		maps_few_calls(heap);
		break;
	case REC_QUIET:
		maps_quiet(heap);
		break;
	case REC_LEAVING:
		maps_leaving(heap);
		break;
	case REC_UNQUIET:
		maps_lost(heap);
		break;
	case REC_UNORDERED:
		maps_unordered(heap);
		break;
	case REC_ENTER:
		calls_entered(heap, (const struct record_call *)record, NULL);
		break;
	case REC_ENTER_STACK:
		calls_entered(heap, (const struct record_call *)record,
		              (const struct record_entered *)record);
		break;
	case REC_RETURN:
		heap->ledger.stalls = ((const struct record_return *)record)->stack.stalls;
		calls_returned(heap, (const struct record_return *)record);
		break;
	case REC_ABANDON:
		calls_abandoned(heap, (const struct record_call *)record);
		break;
	case REC_THREAD_BEGIN:
		thread_began(heap, (const struct record_thread *)record);
		break;
	case REC_THREAD_END:
		behaviour_thread_ended(heap, record->tid);
		account_tell(heap, HEAP_EVENT_THREAD_END, record->tid);
		break;
	case REC_REFUSED:
		refused(heap, (const struct record_refused *)record);
		break;
	}
}

/* ---- the whole -------------------------------------------------------------------- */

struct heap *heap_new(const struct analysis_options *options)
{
	debugfile_set_root(options->debug_dir);
	return model_new(options);
}

struct heap *model_new(const struct analysis_options *options)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	if (!heap)
		return NULL;
	heap->options = *options;
	heap->root = -1;
	heap->sites.modules = &heap->modules;
	heap->resolver = resolver_new();
	heap->fns = fn_states_new();
	heap->points = point_states_new();
	heap->unwinder = unwinder_new(&heap->modules, options->depth);
	heap->stats = calloc(catalog_count, sizeof(*heap->stats));
	heap->called = calloc(catalog_count, sizeof(*heap->called));
	heap->notes.list = malloc(sizeof(*heap->notes.list));
	if (!heap->notes.list || !commands_reserve(heap, sizeof(struct record)) || !heap->resolver ||
	    !heap->unwinder || !heap->stats || !heap->called) {
		heap_free(heap);
		return NULL;
	}
	return heap;
}

void heap_free(struct heap *heap)
{
	view_drop_all(heap);
	table_deinit(&heap->views);
	table_deinit(&heap->free_names);
	sites_deinit(&heap->sites);
	regions_forget(&heap->regions);
	live_deinit(&heap->live);
	table_deinit(&heap->refs);
	table_deinit(&heap->bound.all);
	maps_free(heap);
	counters_free(heap);
	modules_deinit(&heap->modules);
	resolver_free(heap->resolver);
	fn_states_free(heap->fns);
	point_states_free(heap->points);
	unwinder_free(heap->unwinder);
	trust_forget(heap);
	behaviour_forget(heap);
	free(heap->functions.list);
	free(heap->errors.list);
	free(heap->stats);
	free(heap->called);
	free(heap->commands);
	for (size_t i = 0; i < heap->notes.count; i++)
		free(heap->notes.list[i]);
	free(heap->notes.list);
	free(heap->unsymbolised);
	program_free(heap);
	kept_free(heap->kept);
	free(heap);
}
