#include "point_find.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "client_probes.h"
#include "fn_name.h"
#include "model.h"
#include "symbol.h"

#define LINES_MAX 64   /* places of one line: of copies that were inlined too */
#define FURTHER_MAX 8  /* instructions behind the place that may be in front of the trap */

static const struct point *points;
static size_t count;
static bool *anywhere; /* found, of each, whatever the process */

bool heap_watch_points(const struct point *named, size_t number)
{
	points = named;
	anywhere = calloc(number + 1, sizeof(*anywhere));
	count = anywhere ? number : 0;
	return anywhere;
}

size_t point_count(void)
{
	return count;
}

const struct point *point_numbered(uint32_t number)
{
	return number < count ? &points[number] : NULL;
}

struct point_state *point_states_new(void)
{
	return count ? calloc(count, sizeof(struct point_state)) : NULL;
}

void point_states_free(struct point_state *states)
{
	for (size_t i = 0; states && i < count; i++)
		free(states[i].problem);
	free(states);
}

const char *heap_point_problem(const struct heap *heap, size_t i)
{
	const struct point_state *state = heap->points ? &heap->points[i] : NULL;

	if (anywhere[i])
		return NULL;
	if (!state || state->problem)
		return state ? state->problem : "no memory";
	return points[i].function ? "no function of that name is in the program" :
	       points[i].file     ? "no such line is known in the program: it has no debug information "
	                            "of that file" :
	                            "no code of the program is there";
}

/* ---- the trap ------------------------------------------------------------------------- */

static bool is_own_function(struct job *job, taddr_t vaddr)
{
	for (size_t i = 0; i < job->found_count; i++)
		if (vaddr >= job->found[i].vaddr &&
		    vaddr < job->found[i].vaddr + (job->found[i].size ? job->found[i].size : 1))
			return true;
	return false;
}

static bool is_data(const struct operand *operand)
{
	return operand->kind == OPERAND_MEM && operand->reg != ARCH_RSP;
}

/* The tracer would get at it where the program itself may not, and its handler would never hear of
 * it. Where a jump or a call goes on is taken to be readable. */
static bool reaches_data(const struct decoded *insn)
{
	return insn->touches_memory && insn->flow == FLOW_NEXT &&
	       (is_data(&insn->insn.dst) || is_data(&insn->insn.src));
}

/* By a jump of the same function: behind it is not where the way from the place leads alone. */
static bool is_jumped_to(struct job *job, taddr_t vaddr)
{
	struct cfg_bounds in;
	struct decoded insn;

	if (!job_bounds(job, vaddr, &in))
		return false;
	for (taddr_t at = in.begin; at < in.end && job_decode(job, at, &insn) == 0; at += insn.len)
		if (insn.target == vaddr + job->module->bias && insn.flow != FLOW_CALL)
			return true;
	return false;
}

/* At the place, or behind the next instructions that cannot be trapped but lead on. */
static const char *place_trap(struct job *job, taddr_t vaddr, const struct probe *like)
{
	struct decoded insn;

	for (int i = 0; i < FURTHER_MAX; i++, vaddr += insn.len) {
		taddr_t addr = vaddr + job->module->bias;
		struct probe probe;

		if (job_decode(job, vaddr, &insn) < 0)
			return "there is no code";
		if (i && is_jumped_to(job, vaddr))
			break;
		if (insn.refuse || reaches_data(&insn) || addr == job->module->push ||
		    job_is_planned(job->plan, addr, addr + 1)) {
			if (insn.flow != FLOW_NEXT || insn.enters_kernel)
				break;
			continue;
		}
		probe = job_probe(job, vaddr, &insn, like->kind, like->function);
		probe.result = like->result;
		probe.flags = like->flags;
		memcpy(probe.args, like->args, sizeof(probe.args));
		return job_add(job->plan, &probe) ? NULL : "no memory";
	}
	return "no instruction there can be trapped";
}

static const char *plan_trap(struct job *job, taddr_t vaddr, const struct probe *like)
{
	return is_own_function(job, vaddr) ? "alloctrace has traps of its own in it" :
	                                     place_trap(job, vaddr, like);
}

const char *point_plan(struct job *job, taddr_t vaddr, const struct point_probe *point)
{
	struct probe like = { .function = (uint32_t)count + point->action,
		              .kind = PROBE_POINT, .result = point->args,
		              .flags = point->action == POINT_STATS ? PROBE_AWAIT : PROBE_STRING };

	memcpy(like.args, point->registers, sizeof(point->registers));
	return plan_trap(job, vaddr, &like);
}

/* ---- where ----------------------------------------------------------------------------- */

struct search {
	struct job *job;
	const struct point *point;
	taddr_t places[LINES_MAX + 1];
	size_t count;
	bool chosen; /* its name is one that another function is chosen for, STT_GNU_IFUNC */
};

static bool is_module(const struct point *point, const struct module *module)
{
	const char *slash = strrchr(module->path, '/');

	return !point->module || fnmatch(point->module, module->path, 0) == 0 ||
	       fnmatch(point->module, slash ? slash + 1 : module->path, 0) == 0;
}

static bool consider(void *ctx, const struct elf_symbol *symbol)
{
	struct search *search = ctx;

	if (!fn_name_is(search->point->function, symbol->name))
		return true;
	search->chosen |= symbol->chooses;
	if (symbol->chooses)
		return true;
	for (size_t i = 0; i < search->count; i++)
		if (search->places[i] == symbol->vaddr)
			return true;
	if (search->count < LINES_MAX)
		search->places[search->count++] = symbol->vaddr;
	return true;
}

/* Of a function the first place of a line is where it begins there. */
static void keep_first_places(struct search *search)
{
	size_t kept = 0;

	for (size_t i = 0; i < search->count; i++) {
		struct cfg_bounds in;
		taddr_t *first = NULL;

		if (!job_bounds(search->job, search->places[i], &in))
			in = (struct cfg_bounds){ search->places[i], search->places[i] + 1 };
		for (size_t k = 0; k < kept; k++)
			if (search->places[k] >= in.begin && search->places[k] < in.end)
				first = &search->places[k];
		if (!first)
			search->places[kept++] = search->places[i];
		else if (search->places[i] < *first)
			*first = search->places[i];
	}
	search->count = kept;
}

static void look_at_address(struct search *search)
{
	const struct module *module = search->job->module;
	taddr_t addr = search->point->place + (search->point->module ? module->bias : 0);

	if (addr >= module->begin && addr < module->end)
		search->places[search->count++] = module_file_address(module, addr);
}

static void tell_too_many(struct search *search)
{
	char sentence[256];

	search->count = LINES_MAX;
	snprintf(sentence, sizeof(sentence), "--at %s: only %d of its places are watched: an address "
	         "names any other", search->point->text, LINES_MAX);
	job_tell(search->job, sentence);
}

static void look(struct search *search)
{
	const struct point *point = search->point;

	if (!is_module(point, search->job->module))
		return;
	if (point->function)
		job_each_function(search->job, consider, search);
	else if (point->file)
		search->count = symbol_lines(search->job->module, point->file, point->line,
		                             search->places, LINES_MAX + 1);
	else
		look_at_address(search);
	if (search->count > LINES_MAX)
		tell_too_many(search);
	if (point->file)
		keep_first_places(search);
}

static const char *why_not_there(const struct search *search, taddr_t vaddr)
{
	if (search->point->function && search->count > 1)
		return "several functions have that name: give MODULE!NAME, or an address";
	if (search->point->function || search->point->file)
		return NULL;
	return job_is_insn(search->job, vaddr) ? NULL : "no instruction begins there";
}

static void keep_problem(struct point_state *state, const char *why)
{
	if (!state->problem)
		state->problem = strdup(why);
}

static void refuse(struct job *job, size_t i, const char *why)
{
	struct point_state *state = &job->plan->points[i];
	char *sentence;

	if (state->problem || asprintf(&sentence, "--at %s: %s", points[i].text, why) < 0)
		return;
	job_tell(job, sentence);
	free(sentence);
	keep_problem(state, why);
}

static void find_one(struct job *job, size_t i)
{
	struct search search = { .job = job, .point = &points[i] };
	const struct probe like = { .function = i, .kind = PROBE_POINT };

	look(&search);
	if (search.chosen && !search.count)
		keep_problem(&job->plan->points[i], "several functions have that name, of which the "
		             "program chooses one when it begins (IFUNC): give that one's own name, or "
		             "an address");
	for (size_t k = 0; k < search.count; k++) {
		const char *why = why_not_there(&search, search.places[k]);

		why = why ? why : plan_trap(job, search.places[k], &like);
		if (why)
			refuse(job, i, why);
		anywhere[i] |= !why;
	}
}

static bool is_creation(void *ctx, const struct elf_symbol *symbol)
{
	taddr_t *vaddr = ctx;

	if (!symbol->chooses && strcmp(symbol->name, "pthread_create") == 0)
		*vaddr = symbol->vaddr;
	return !*vaddr;
}

/* pthread_create(3): its third argument is what the thread runs, the fourth what with. */
static void find_creation(struct job *job)
{
	struct probe like = { .function = NO_FUNCTION };
	taddr_t vaddr = 0;

	job_each_function(job, is_creation, &vaddr);
	like.kind = PROBE_CREATES;
	like.args[0] = arch_arg_register(2);
	like.args[1] = arch_arg_register(3);
	if (vaddr)
		plan_trap(job, vaddr, &like);
}

void point_find(struct job *job)
{
	for (size_t i = 0; job->plan->points && i < count; i++)
		find_one(job, i);
	client_probes_find(job);
	if (!job->plan->growth)
		find_creation(job);
}
