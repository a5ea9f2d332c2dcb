/* Functions begin where the unwind table has a row for them. Code without one, as musl's, is cut
 * where direct calls lead to; and where a function's address is taken, or a jump leads out of
 * another function, behind an instruction that does not go on: nothing else calls some, and what
 * only hands on to another function is often only jumped to. */
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "unwind.h"

#define ROUNDS 3 /* each begin that is found tells two functions apart, and maybe shows others */

static bool add_called(struct code *code, taddr_t addr)
{
	size_t count = code->called_count;
	taddr_t *grown = code->called;

	if (!code_has(code, addr))
		return true;
	if (!(count & (count - 1))) /* a power of two */
		grown = realloc(grown, (count ? 2 * count : 1) * sizeof(*grown));
	if (!grown)
		return false;
	code->called = grown;
	grown[code->called_count++] = addr;
	return true;
}

static void sort_called(struct code *code)
{
	size_t kept = 0;

	addresses_sort(code->called, code->called_count);
	for (size_t i = 0; i < code->called_count; i++)
		if (!kept || code->called[kept - 1] != code->called[i])
			code->called[kept++] = code->called[i];
	code->called_count = kept;
}

static bool find_calls_in(struct code *code, const struct code_part *part)
{
	int32_t distance;

	for (size_t i = 0; part->executable && i + ARCH_CALL_LEN <= part->len; i++) {
		memcpy(&distance, part->bytes + i + 1, sizeof(distance));
		if (part->bytes[i] == ARCH_CALL &&
		    !add_called(code, part->vaddr + i + ARCH_CALL_LEN + (taddr_t)distance))
			return false;
	}
	return true;
}

static taddr_t nearest_called(const struct code *code, taddr_t addr)
{
	size_t count = addresses_up_to(code->called, code->called_count, addr);

	return count ? code->called[count - 1] : 0;
}

/* Does what stands before it not go on to it? */
static bool follows_an_end(const struct code *code, taddr_t from, taddr_t addr)
{
	struct decoded insn;
	bool ended = false;

	for (; from < addr; from += insn.len) {
		if (code_decode(code, from, &insn) < 0)
			return false;
		if (!insn.is_nop)
			ended = insn.flow == FLOW_RET || insn.flow == FLOW_JUMP ||
			        insn.flow == FLOW_STOP;
	}
	return from == addr && ended;
}

static bool has_row(const struct code *code, taddr_t addr)
{
	taddr_t begin, end;

	return unwind_bounds(code->module, addr, &begin, &end);
}

static bool is_tail_call(const struct code *code, taddr_t jump, taddr_t target)
{
	taddr_t near = nearest_called(code, target);

	return near && near != target && near != nearest_called(code, jump) &&
	       code_has(code, target) && !has_row(code, target) &&
	       follows_an_end(code, near, target);
}

static void find_tail_calls_in(const struct code *code, const struct code_part *part,
                               struct address_set *found)
{
	int32_t distance;

	for (size_t i = 0; part->executable && i + ARCH_CALL_LEN <= part->len; i++) {
		taddr_t jump = part->vaddr + i, target;

		memcpy(&distance, part->bytes + i + 1, sizeof(distance));
		target = jump + ARCH_CALL_LEN + (taddr_t)distance;
		if (part->bytes[i] == ARCH_JUMP && is_tail_call(code, jump, target))
			address_set_add(found, target);
	}
}

static bool is_begin(const struct code *code, taddr_t addr)
{
	taddr_t near = code_has(code, addr) ? nearest_called(code, addr) : 0;

	return near && near != addr && !has_row(code, addr) && follows_an_end(code, near, addr);
}

static bool takes_address(const struct code *code, taddr_t insn)
{
	struct decoded decoded;

	return insn && code_decode(code, insn, &decoded) == 0 && !decoded.target;
}

/* A function whose address is only taken is named by an instruction or by data. */
static void find_named_in(const struct code *code, const struct code_part *part,
                          struct address_set *found)
{
	taddr_t addr;
	int32_t distance;

	for (size_t i = 0; i + sizeof(addr) <= part->len; i++) {
		memcpy(&addr, part->bytes + i, sizeof(addr));
		if (!part->executable && i % sizeof(addr) == 0 && is_begin(code, addr))
			address_set_add(found, addr);
		memcpy(&distance, part->bytes + i, sizeof(distance));
		addr = part->vaddr + i + CODE_FIELD + (taddr_t)distance;
		if (part->executable && code_has(code, addr) &&
		    takes_address(code, code_naming(code, part->vaddr + i, addr)) &&
		    is_begin(code, addr))
			address_set_add(found, addr);
	}
}

static bool find_tail_calls(struct code *code)
{
	struct address_set found = { 0 };
	bool done = true;

	for (unsigned i = 0; i < code->part_count; i++)
		find_tail_calls_in(code, &code->parts[i], &found);
	for (unsigned i = 0; i < code->part_count; i++)
		find_named_in(code, &code->parts[i], &found);
	for (size_t i = 0; i < found.count && done; i++)
		done = add_called(code, found.list[i]);
	address_set_free(&found);
	sort_called(code);
	return done;
}

bool code_find_calls(struct code *code)
{
	bool done = true;

	for (unsigned i = 0; i < code->part_count && done; i++)
		done = find_calls_in(code, &code->parts[i]);
	sort_called(code);
	return done;
}

bool code_find_rowless(struct code *code)
{
	bool done = true;

	for (int i = 0; i < ROUNDS && done; i++)
		done = find_tail_calls(code);
	return done;
}

bool code_is_called(const struct code *code, taddr_t addr)
{
	return nearest_called(code, addr) == addr;
}

/* The part of a function that the compiler moved away has a row of its own in the unwind table;
 * it is branched to, or into. A tail call jumps to a function's first instruction. */
static taddr_t owner(const struct code *code, taddr_t begin, taddr_t end)
{
	struct address_set refs = { 0 };
	taddr_t found = begin, of_begin, of_end;
	struct decoded insn;

	code_find_refs(code, begin, end, &refs);
	for (size_t i = 0; i < refs.count && found == begin; i++) {
		if ((refs.list[i] >= begin && refs.list[i] < end) ||
		    code_decode(code, refs.list[i], &insn) < 0 ||
		    (insn.flow != FLOW_BRANCH && (insn.flow != FLOW_JUMP || insn.target == begin)))
			continue;
		if (unwind_bounds(code->module, refs.list[i], &of_begin, &of_end))
			found = of_begin;
	}
	address_set_free(&refs);
	return found;
}

taddr_t code_function(const struct code *code, taddr_t addr)
{
	taddr_t begin, end;

	if (unwind_bounds(code->module, addr, &begin, &end))
		return code_is_called(code, begin) ? begin : owner(code, begin, end);
	return nearest_called(code, addr);
}

taddr_t code_stub_slot(const struct code *code, taddr_t at)
{
	struct decoded insn;

	for (int i = 0; i < 2 && code_decode(code, at, &insn) == 0; i++, at += insn.len)
		if (insn.flow != FLOW_NEXT)
			return insn.flow == FLOW_JUMP ? insn.slot : 0;
	return 0;
}
