/* The bytes of the system call instruction are found first; where they are an instruction
 * is told by decoding the function they lie in, whose bounds the unwind table has.
 *
 * Which number is called is what eax holds there: moves of constants are followed through
 * the function until nothing changes, and where two ways meet only what both agree on is
 * kept. Ways that are not seen, through a jump table or from another part of a function
 * that was split, are taken to lead only to where no other way does. */
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unwind.h"

#define FUNCTION_MAX (1 << 18) /* bytes; larger ones are generated code without system calls */

struct line { /* one instruction of the function under work */
	taddr_t vaddr;
	struct decoded insn;
	struct arch_values values; /* before it */
	bool reached;
	bool changed; /* and what follows not told yet */
};

struct search {
	struct module *module;
	struct decoder *decoder;
	bool (*each)(void *ctx, const struct syscall_site *);
	void *ctx;
	struct line *lines;
	size_t count, capacity;
	taddr_t done; /* all below is looked at */
	taddr_t bare; /* the function that lines are of, if no unwind table tells of it; or 0 */
};

/* ---- the function's instructions ---------------------------------------------------- */

static struct line *add_line(struct search *search, taddr_t vaddr)
{
	size_t capacity = search->capacity ? search->capacity * 2 : 256;
	struct line *grown;

	if (search->count == search->capacity) {
		grown = realloc(search->lines, capacity * sizeof(*grown));
		if (!grown)
			return NULL;
		search->lines = grown;
		search->capacity = capacity;
	}
	search->lines[search->count] = (struct line){ .vaddr = vaddr };
	return &search->lines[search->count++];
}

/* A byte that does not decode ends what is known; the next ones fall into step again. */
static int decode_all(struct search *search, taddr_t begin, taddr_t end)
{
	const struct elf *elf = &search->module->elf;
	uint8_t bytes[ARCH_INSN_MAX];
	struct line *line;

	search->count = 0;
	for (taddr_t vaddr = begin; vaddr < end; vaddr += line->insn.len) {
		size_t len = elf_read_some(elf, vaddr, bytes, sizeof(bytes));

		line = add_line(search, vaddr);
		if (!line)
			return -ENOMEM;
		if (len && decoder_decode(search->decoder, bytes, len, vaddr, &line->insn) == 0)
			continue;
		line->insn = (struct decoded){ .len = 1, .flow = FLOW_STOP, .refuse = "no code" };
	}
	return 0;
}

static struct line *line_at(const struct search *search, taddr_t vaddr)
{
	size_t low = 0, high = search->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (search->lines[middle].vaddr < vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < search->count && search->lines[low].vaddr == vaddr ? &search->lines[low] : NULL;
}

/* ---- what the registers hold --------------------------------------------------------- */

static bool merge(struct line *line, const struct arch_values *values)
{
	uint32_t known = line->values.known;

	if (!line->reached) {
		line->reached = true;
		line->values = *values;
		return true;
	}
	for (unsigned reg = 0; reg < ARCH_REGS; reg++)
		if (known & 1u << reg && (!(values->known & 1u << reg) ||
		                          values->value[reg] != line->values.value[reg]))
			line->values.known &= ~(1u << reg);
	return line->values.known != known;
}

static bool goes_on(const struct decoded *insn)
{
	return insn->flow == FLOW_NEXT || insn->flow == FLOW_BRANCH || insn->flow == FLOW_CALL;
}

static bool jumps(const struct decoded *insn)
{
	return (insn->flow == FLOW_BRANCH || insn->flow == FLOW_JUMP) && insn->target;
}

/* The lowest line that is to be followed anew, or count. */
static size_t follow(const struct search *search, size_t i)
{
	struct line *line = &search->lines[i];
	struct line *next = goes_on(&line->insn) && i + 1 < search->count ? line + 1 : NULL;
	struct line *target = jumps(&line->insn) ? line_at(search, line->insn.target) : NULL;
	struct arch_values values = line->values;
	size_t lowest = search->count;

	arch_follow(&line->insn, &values);
	if (next && merge(next, &values)) {
		next->changed = true;
		lowest = i + 1;
	}
	if (target && merge(target, &values)) {
		target->changed = true;
		if (target <= line || lowest == search->count)
			lowest = (size_t)(target - search->lines);
	}
	return lowest;
}

static void follow_from(const struct search *search, size_t at)
{
	search->lines[at].reached = search->lines[at].changed = true;
	while (at < search->count) {
		size_t lowest = search->count;

		if (search->lines[at].changed) {
			search->lines[at].changed = false;
			lowest = follow(search, at);
		}
		at = lowest <= at ? lowest : at + 1;
	}
}

/* The entry, and whatever is reached by no way that is seen, begins with nothing known;
 * but for padding, which nobody executes to get at what is behind. */
static void settle(const struct search *search)
{
	for (size_t i = 0; i < search->count; i++)
		if (!search->lines[i].reached && !(i && search->lines[i].insn.is_nop))
			follow_from(search, i);
}

/* ---- the sites ------------------------------------------------------------------------- */

static bool is_jumped_to(const struct search *search, taddr_t vaddr)
{
	for (size_t i = 0; i < search->count; i++)
		if (jumps(&search->lines[i].insn) && search->lines[i].insn.target == vaddr)
			return true;
	return false;
}

static taddr_t place_before(const struct search *search, size_t i)
{
	const struct line *line = &search->lines[i], *before = i ? line - 1 : NULL;

	if (!before || before->insn.refuse || before->insn.flow != FLOW_NEXT ||
	    is_jumped_to(search, line->vaddr))
		return 0;
	return before->vaddr;
}

/* Whatever surrounds them: a constant moved to where the number belongs, then the call. */
static bool is_pair(const struct search *search, struct syscall_site *site)
{
	const struct elf *elf = &search->module->elf;
	uint8_t bytes[ARCH_INSN_MAX];
	struct decoded insn;

	for (unsigned len = ARCH_INSN_MAX; len; len--) {
		struct arch_values values = { .known = 0 };

		if (elf_read(elf, site->vaddr - len, bytes, len) < 0 ||
		    decoder_decode(search->decoder, bytes, len, site->vaddr - len, &insn) < 0 ||
		    insn.len != len)
			continue;
		arch_follow(&insn, &values);
		if (!(values.known & 1u << ARCH_RESULT))
			continue;
		site->before = site->vaddr - len;
		site->number = (int)values.value[ARCH_RESULT];
		return site->decoded = true;
	}
	return false;
}

static bool tell(const struct search *search, size_t i)
{
	const struct line *line = &search->lines[i];
	bool known = line->values.known & 1u << ARCH_RESULT;
	struct syscall_site site = { line->vaddr, place_before(search, i), SYSCALL_ANY, true,
		                     search->bare != 0 };

	if (known)
		site.number = (int)line->values.value[ARCH_RESULT];
	else if (!is_jumped_to(search, line->vaddr))
		is_pair(search, &site);
	return search->each(search->ctx, &site);
}

static bool tell_alone(const struct search *search, taddr_t vaddr)
{
	struct syscall_site site = { .vaddr = vaddr, .number = SYSCALL_ANY };

	is_pair(search, &site);
	return search->each(search->ctx, &site);
}

/* Or the bytes stand inside other instructions. */
static bool has_any(const struct search *search)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->lines[i].insn.enters_kernel)
			return true;
	return false;
}

/* False: enough. */
static bool search_function(struct search *search, taddr_t end)
{
	search->done = end;
	if (!has_any(search))
		return true;
	settle(search);
	for (size_t i = 0; i < search->count; i++)
		if (search->lines[i].insn.enters_kernel && !tell(search, i))
			return false;
	return true;
}

/* No unwind table says that there is code: only what its begin leads to is. */
static bool look_at_bare(struct search *search, taddr_t vaddr, int *error)
{
	taddr_t begin, end;
	struct line *line;

	if (!starts_around(search->module, vaddr, &begin, &end) || end - begin > FUNCTION_MAX)
		return tell_alone(search, vaddr);
	if (search->bare != begin) {
		*error = decode_all(search, begin, end);
		if (*error < 0)
			return false;
		follow_from(search, 0);
		search->bare = begin;
	}
	line = line_at(search, vaddr);
	if (line && line->reached && line->insn.enters_kernel)
		return tell(search, (size_t)(line - search->lines));
	return tell_alone(search, vaddr);
}

/* The bytes at vaddr look like the instruction. *error when there is no memory. */
static bool look_at(struct search *search, taddr_t vaddr, int *error)
{
	taddr_t begin, end;

	if (vaddr < search->done)
		return true;
	if (!unwind_bounds(search->module, vaddr, &begin, &end))
		return look_at_bare(search, vaddr, error);
	if (end - begin > FUNCTION_MAX || vaddr < begin || vaddr >= end)
		return tell_alone(search, vaddr);
	search->bare = 0;
	*error = decode_all(search, begin, end);
	return *error == 0 && search_function(search, end);
}

static bool search_segment(struct search *search, const struct elf_segment *segment, int *error)
{
	const struct elf *elf = &search->module->elf;
	uint8_t chunk[4096], *hit;
	size_t got;

	for (taddr_t at = segment->vaddr;
	     (got = elf_read_some(elf, at, chunk, sizeof(chunk))) >= ARCH_SYSCALL_LEN;
	     at += got - ARCH_SYSCALL_LEN + 1)
		for (size_t from = 0; (hit = memmem(chunk + from, got - from, ARCH_SYSCALL,
		                                    ARCH_SYSCALL_LEN)); from = hit - chunk + 1)
			if (!look_at(search, at + (hit - chunk), error))
				return false;
	return true;
}

int syscalls_find(struct module *module, struct decoder *decoder,
                  bool (*each)(void *, const struct syscall_site *), void *ctx)
{
	struct search search = { .module = module, .decoder = decoder, .each = each, .ctx = ctx };
	int error = 0;

	for (unsigned i = 0; i < module->elf.segment_count; i++)
		if (module->elf.segments[i].executable &&
		    !search_segment(&search, &module->elf.segments[i], &error))
			break;
	free(search.lines);
	return error;
}
