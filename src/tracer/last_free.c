#include "last_free.h"

#include "mem.h"
#include "plan.h"

/* A free that calls another free does so within a few frames. */
#define CHAIN_BYTES 4096

void last_free_set(struct last_free *last, const struct call *call, taddr_t caller)
{
	*last = (struct last_free){ call->args[0], call->slot, 0, call->module,
		                    { call->entry }, 1, call->flags & PROBE_LEADS_OUT };
	if (call->args[0])
		last->caller = caller;
}

/* Who has called that one calls again; a jump leaves where it returns to. */
static bool is_next(const struct last_free *last, const struct call *call, int mem)
{
	taddr_t caller;

	return last->caller && call->slot == last->slot &&
	       mem_read(mem, call->slot, &caller, sizeof(caller)) == 0 && caller != last->caller;
}

/* One that hands its block on, as an interposed one does to libc's. */
static bool is_of_same_block(struct last_free *last, const struct call *call, int mem)
{
	if (last->arg != call->args[0] || last->count == countof(last->entries) ||
	    is_next(last, call, mem))
		return false;
	for (unsigned i = 0; i < last->count; i++)
		if (last->entries[i] == call->entry)
			return false;
	last->entries[last->count++] = call->entry;
	return true;
}

/* Where it returns to stands where it stood: it has not returned, or whatever the same place
 * calls is under way now, which would not lead past its module's functions to another's. */
static bool is_within(const struct last_free *last, const struct call *call, int mem)
{
	taddr_t caller;

	return last->caller && last->leads_out && call->module != last->module &&
	       mem_read(mem, last->slot, &caller, sizeof(caller)) == 0 && caller == last->caller;
}

bool last_free_hands_on(struct last_free *last, const struct call *call, int mem)
{
	if (!last->count || call->slot > last->slot || last->slot - call->slot > CHAIN_BYTES)
		return false;
	return is_of_same_block(last, call, mem) || is_within(last, call, mem);
}
