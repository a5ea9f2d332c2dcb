/* An allocation is known by its size, which is there at the function's begin, and by its
 * result, which is there at the end. Where the size is still in a register shortly before the
 * ret, the entry's trap is put there: from it the tracer emulates the few instructions up to
 * the ret, whose trap it then meets without a second stop. So a call is stopped once.
 *
 * Which registers hold the size is followed along all ways through the function: a move copies
 * it, a call leaves it in those that the callee must preserve, whatever else writes a register
 * loses it there, and where two ways meet only what both agree on is kept. A way on which the
 * last copy is lost gets an early trap before that: its calls are pending from there on, and
 * stop twice. Where such a way joins others before the end, the late trap takes a call that is
 * pending for one that has been seen.
 *
 * Every ret must be covered by either, or all is left as it was; and so it is where the
 * function may call another allocator's, which would then be seen to begin first. */
#include "late.h"

#include <stdlib.h>
#include <string.h>

#define TAIL_MAX 8   /* instructions between a late entry and the ret */
#define EARLY_MAX 4
#define SIZE_REG ARCH_ARG0

struct state { /* in front of an instruction */
	uint32_t held; /* registers that hold the size */
	int32_t sp;    /* against the function's begin */
	bool reached, sp_unknown;
	bool saved; /* an early trap may have been met on the way; top: on every way */
	bool top;
};

struct node {
	taddr_t vaddr;
	struct decoded insn;
	struct state state;
	bool tail;        /* on the straight way to a ret */
	bool early, late; /* a trap */
	bool passed;      /* between a late one and its ret */
};

struct graph {
	struct job *job;
	const struct cfg *cfg;
	struct node *nodes; /* ascending */
	size_t count;
	unsigned early; /* how many */
};

/* ---- the graph ---------------------------------------------------------------------------- */

static int by_vaddr(const void *a, const void *b)
{
	taddr_t x = ((const struct node *)a)->vaddr, y = ((const struct node *)b)->vaddr;

	return x < y ? -1 : x > y;
}

static bool build(struct graph *graph)
{
	struct table_slot *slot;

	graph->nodes = calloc(graph->cfg->seen.used + 1, sizeof(*graph->nodes));
	if (!graph->nodes)
		return false;
	for (size_t at = 0; (slot = table_next(&graph->cfg->seen, &at));) {
		struct node *node = &graph->nodes[graph->count];

		node->vaddr = slot->key;
		if (job_decode(graph->job, slot->key, &node->insn) < 0)
			return false;
		graph->count++;
	}
	if (graph->count)
		qsort(graph->nodes, graph->count, sizeof(*graph->nodes), by_vaddr);
	return graph->count;
}

static struct node *node_at(const struct graph *graph, taddr_t vaddr)
{
	const struct node key = { .vaddr = vaddr };

	return bsearch(&key, graph->nodes, graph->count, sizeof(key), by_vaddr);
}

/* The one that alone leads to it, by going on to it. */
static struct node *only_before(const struct graph *graph, struct node *node)
{
	struct node *before = node > graph->nodes ? node - 1 : NULL;

	if (!before || before->vaddr + before->insn.len != node->vaddr ||
	    before->insn.flow != FLOW_NEXT || table_find(&graph->cfg->targets, node->vaddr))
		return NULL;
	return before;
}

/* ---- what the registers hold -------------------------------------------------------------- */

/* Constants are followed already: the size is one that no program moves. */
#define SIZE UINT64_C(0x9d5f31c7a2e4860b)

static uint32_t held_behind(const struct decoded *insn, uint32_t held)
{
	struct arch_values values = { .known = held };
	uint32_t left = 0;

	if (insn->flow == FLOW_CALL)
		return held & ARCH_CALLEE_SAVED;
	for (unsigned reg = 0; reg < ARCH_REGS; reg++)
		values.value[reg] = SIZE;
	arch_follow(insn, &values);
	for (unsigned reg = 0; reg < ARCH_REGS; reg++)
		if (values.known & 1u << reg && values.value[reg] == SIZE)
			left |= 1u << reg;
	return left;
}

static struct state behind(const struct node *node)
{
	struct state state = node->state;
	const struct decoded *insn = &node->insn;

	if (node->early)
		state.top = state.saved = true;
	state.held = held_behind(insn, state.held);
	if (insn->moves_sp && insn->flow != FLOW_CALL) {
		state.sp_unknown |= !insn->sp_known;
		state.sp += insn->sp_delta;
	}
	return state;
}

static bool is_same(const struct state *a, const struct state *b)
{
	return a->held == b->held && a->sp_unknown == b->sp_unknown && a->saved == b->saved &&
	       a->top == b->top && a->reached == b->reached;
}

static bool merge(struct node *node, const struct state *more)
{
	struct state *state = &node->state, was = *state;

	if (!state->reached) {
		*state = *more;
		return true;
	}
	state->sp_unknown |= more->sp_unknown || state->sp != more->sp;
	state->saved |= more->saved;
	if (state->top)
		state->held = more->held;
	else if (!more->top)
		state->held &= more->held;
	state->top &= more->top;
	return !is_same(state, &was);
}

/* ---- places --------------------------------------------------------------------------------- */

static bool may_stand(const struct graph *graph, const struct node *node)
{
	taddr_t addr = node->vaddr + graph->job->module->bias;

	return !node->insn.refuse && node->insn.flow == FLOW_NEXT && node->state.held &&
	       !node->state.top && !node->state.sp_unknown &&
	       !job_is_planned(graph->job->plan, addr, addr + 1);
}

/* Before the last copy is lost. Where no trap can stand it is lost for good. */
static void save(struct graph *graph, struct node *loses)
{
	struct node *at = loses;

	while (at && !may_stand(graph, at))
		at = only_before(graph, at);
	if (!at || at->early)
		return;
	at->early = true;
	graph->early++;
}

/* ---- all ways through it -------------------------------------------------------------------- */

static bool goes_on(const struct decoded *insn)
{
	return insn->flow == FLOW_NEXT || insn->flow == FLOW_BRANCH || insn->flow == FLOW_CALL;
}

static bool follow(struct graph *graph, struct node *node)
{
	const struct decoded *insn = &node->insn;
	bool jumps = (insn->flow == FLOW_BRANCH || insn->flow == FLOW_JUMP) && insn->target;
	struct node *next = goes_on(insn) ? node_at(graph, node->vaddr + insn->len) : NULL;
	struct node *target = jumps ? node_at(graph, insn->target - graph->job->module->bias) : NULL;
	struct state state = behind(node);
	bool changed;

	if (node->state.held && !state.held && !state.top && !node->tail)
		save(graph, node);
	changed = next && merge(next, &state);
	return (target && merge(target, &state)) || changed;
}

static void settle(struct graph *graph, taddr_t entry)
{
	struct node *first = node_at(graph, entry);

	for (size_t i = 0; i < graph->count; i++)
		graph->nodes[i].state = (struct state){ 0 };
	if (first)
		first->state = (struct state){ .held = 1u << SIZE_REG, .reached = true };
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < graph->count; i++)
			changed |= graph->nodes[i].state.reached && follow(graph, &graph->nodes[i]);
	}
}

/* ---- the plan --------------------------------------------------------------------------------- */

/* True: every call that gets to the ret has been seen. */
static bool cover(const struct graph *graph, struct node *ret)
{
	struct node *at = ret;

	if (!ret->state.reached || ret->state.top)
		return true;
	for (int i = 0; i < TAIL_MAX && (at = only_before(graph, at)) && !at->insn.refuse; i++)
		if (may_stand(graph, at)) {
			at->late = true;
			while (++at != ret)
				at->passed = true;
			return true;
		}
	return false;
}

static bool cover_all(const struct graph *graph)
{
	bool all = true;

	for (size_t i = 0; i < graph->cfg->exit_count; i++)
		all &= cover(graph, node_at(graph, graph->cfg->exits[i].vaddr));
	for (size_t i = 0; i < graph->count; i++)
		all &= !graph->nodes[i].early || may_stand(graph, &graph->nodes[i]);
	return all;
}

static void mark_tails(const struct graph *graph)
{
	for (size_t i = 0; i < graph->cfg->exit_count; i++) {
		struct node *at = node_at(graph, graph->cfg->exits[i].vaddr);

		for (int n = 0; at && n <= TAIL_MAX; n++, at = only_before(graph, at))
			at->tail = true;
	}
}

/* An early trap found on the way changes what is behind it. */
static bool is_covered(struct graph *graph, taddr_t entry)
{
	unsigned early;

	mark_tails(graph);
	do {
		early = graph->early;
		settle(graph, entry);
	} while (graph->early > early && graph->early <= EARLY_MAX);
	return graph->early == early && cover_all(graph);
}

static unsigned lowest(uint32_t held)
{
	unsigned reg = 0;

	while (!(held & 1u << reg))
		reg++;
	return reg;
}

static void add(const struct graph *graph, const struct node *node, uint32_t function)
{
	struct job *job = graph->job;
	struct probe probe = job_probe(job, node->vaddr, &node->insn, PROBE_ENTRY, function);

	probe.flags = PROBE_AWAIT | PROBE_LATE | (node->late && node->state.saved ? PROBE_SEEN : 0);
	probe.arg = lowest(node->state.held);
	probe.slot_delta = -node->state.sp;
	job_add(job->plan, &probe);
}

static void add_pass(struct job *job, const struct node *node)
{
	struct probe probe = job_probe(job, node->vaddr, &node->insn, PROBE_PASS, NO_FUNCTION);

	job_add(job->plan, &probe);
}

static void add_all(const struct graph *graph, uint32_t function)
{
	for (size_t i = 0; i < graph->count; i++) {
		const struct node *node = &graph->nodes[i];

		if (node->early || node->late)
			add(graph, node, function);
		else if (node->passed)
			add_pass(graph->job, node);
	}
}

/* ---- for which functions --------------------------------------------------------------------- */

static bool only_returns(const struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->exit_count; i++)
		if (cfg->exits[i].kind != CFG_RET)
			return false;
	return cfg->exit_count;
}

static bool is_asked_for_a_size(const struct catalog_entry *entry)
{
	return entry->role == CATALOG_ALLOC && entry->size == 0 && entry->count == CATALOG_NONE &&
	       !entry->out_param;
}

static bool is_c_library_mark(void *ctx, const struct elf_symbol *symbol)
{
	*(bool *)ctx |= strcmp(symbol->name, "__libc_start_main") == 0;
	return !*(bool *)ctx;
}

/* Where a module gets at another one's allocator. */
static bool imports_another(struct module *module)
{
	static const char *const ways[] = { "dlsym", "dlvsym", "__libc_malloc" };
	bool is_c_library = false;

	elf_each_function(&module->elf, is_c_library_mark, &is_c_library);
	if (is_c_library) /* its slots are for those that replace its own */
		return false;
	for (size_t i = 0; i < countof(ways); i++)
		if (elf_has_slot(&module->elf, ways[i]))
			return true;
	for (size_t i = 0; i < catalog_count; i++)
		if (catalog[i].role <= CATALOG_REALLOC &&
		    elf_has_slot(&module->elf, catalog[i].symbol))
			return true;
	return false;
}

/* An allocator that stands before another one, as those that count or pad blocks do, must be
 * seen to begin before that one. */
static bool may_call_another(const struct graph *graph)
{
	struct job *job = graph->job;

	for (size_t i = 0; i < graph->count; i++) {
		const struct decoded *insn = &graph->nodes[i].insn;

		if (insn->flow == FLOW_CALL &&
		    (!insn->target || job_found_at(job, insn->target - job->module->bias)))
			return true;
	}
	return imports_another(job->module);
}

bool late_plan(struct job *job, const struct found *found, const struct cfg *cfg,
               uint32_t function)
{
	struct graph graph = { .job = job, .cfg = cfg };
	bool covered;

	if (!is_asked_for_a_size(&catalog[found->entry]) || !only_returns(cfg))
		return false;
	covered = build(&graph) && !may_call_another(&graph) &&
	          is_covered(&graph, found->vaddr);
	if (covered)
		add_all(&graph, function);
	free(graph.nodes);
	return covered;
}
