/* libdw finds a unit by .debug_aranges, which not every compiler writes, and scopes by
 * walking the unit from its first entry. Both are kept sorted here instead, so that
 * thousands of frames cost one walk a unit. */
#include "scope.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "ranges.h"

struct unit {
	struct ranges functions;
	bool read;
	bool whole; /* functions within functions were looked for, too */
};

struct scopes {
	Dwarf *dwarf;
	struct ranges ranges; /* of the units */
	struct unit *units;
	size_t unit_count, unit_capacity;
	Dwarf_Die *chain; /* functions around the address, outermost first */
	size_t depth, chain_capacity;
	struct scope *list;
};

/* ---- functions ------------------------------------------------------------------ */

static bool may_hold_functions(Dwarf_Die *die, bool whole)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
		return true;
	default:
		return whole;
	}
}

static void read_functions(struct ranges *functions, Dwarf_Die *parent, bool whole)
{
	Dwarf_Die die;

	if (dwarf_child(parent, &die) != 0)
		return;
	do {
		if (dwarf_tag(&die) == DW_TAG_subprogram)
			ranges_add(functions, &die, 0);
		if (may_hold_functions(&die, whole))
			read_functions(functions, &die, whole);
	} while (dwarf_siblingof(&die, &die) == 0);
}

/* The unit's entries; those of a split one stand in another file. */
static Dwarf_Die unit_entries(const Dwarf_Die *unit)
{
	Dwarf_Die split;

	if (dwarf_cu_info(unit->cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) == 0 && split.cu)
		return split;
	return *unit;
}

static void read_unit(struct unit *unit, const Dwarf_Die *die)
{
	Dwarf_Die entries = unit_entries(die);

	unit->read = true;
	unit->functions.count = 0;
	read_functions(&unit->functions, &entries, unit->whole);
	ranges_sort(&unit->functions);
}

/* A function within another one is rare, and finding those a walk over everything. */
static const struct range *function_at(struct unit *unit, const Dwarf_Die *die, Dwarf_Addr addr)
{
	const struct range *function;

	if (!unit->read)
		read_unit(unit, die);
	function = ranges_at(&unit->functions, addr);
	if (function || unit->whole)
		return function;
	unit->whole = true;
	read_unit(unit, die);
	return ranges_at(&unit->functions, addr);
}

static void read_units(struct scopes *scopes)
{
	struct unit *units;
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	while (dwarf_get_units(scopes->dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0) {
		units = ranges_room(scopes->units, scopes->unit_count, &scopes->unit_capacity,
		                    sizeof(*units));
		if (!units)
			break;
		scopes->units = units;
		ranges_add(&scopes->ranges, &die, scopes->unit_count);
		units[scopes->unit_count++] = (struct unit){ 0 };
	}
	ranges_sort(&scopes->ranges);
}

/* ---- inlined ones ---------------------------------------------------------------- */

static void add_to_chain(struct scopes *scopes, const Dwarf_Die *die)
{
	Dwarf_Die *chain = ranges_room(scopes->chain, scopes->depth, &scopes->chain_capacity,
	                               sizeof(*chain));

	if (!chain)
		return;
	scopes->chain = chain;
	chain[scopes->depth++] = *die;
}

/* The child around the address that is an inlined function or a block. */
static bool step_in(Dwarf_Die *die, Dwarf_Addr addr)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return false;
	do {
		switch (dwarf_tag(&child)) {
		case DW_TAG_inlined_subroutine:
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
			if (dwarf_haspc(&child, addr) > 0) {
				*die = child;
				return true;
			}
		}
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

static void build_chain(struct scopes *scopes, Dwarf_Die die, Dwarf_Addr addr)
{
	add_to_chain(scopes, &die);
	while (step_in(&die, addr))
		if (dwarf_tag(&die) == DW_TAG_inlined_subroutine)
			add_to_chain(scopes, &die);
}

/* ---- names and places ---------------------------------------------------------------- */

static const char *name_of(Dwarf_Die *die)
{
	static const unsigned names[] = { DW_AT_linkage_name, DW_AT_MIPS_linkage_name,
		                          DW_AT_name };
	const char *name = NULL;
	Dwarf_Attribute attribute;

	for (size_t i = 0; !name && i < sizeof(names) / sizeof(*names); i++)
		name = dwarf_formstring(dwarf_attr_integrate(die, names[i], &attribute));
	return name;
}

static Dwarf_Word number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value = 0;

	dwarf_formudata(dwarf_attr(die, name, &attribute), &value);
	return value;
}

/* Where an inlined function was called. */
static void call_place(Dwarf_Die *inlined, struct scope *scope)
{
	Dwarf_Files *files;
	Dwarf_Die unit;
	size_t count;

	scope->line = number_of(inlined, DW_AT_call_line);
	if (dwarf_diecu(inlined, &unit, NULL, NULL) &&
	    dwarf_getsrcfiles(&unit, &files, &count) == 0)
		scope->file = dwarf_filesrc(files, number_of(inlined, DW_AT_call_file), NULL, NULL);
}

static void line_place(Dwarf_Die *unit, Dwarf_Addr addr, struct scope *scope)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, addr);

	if (line) {
		scope->file = dwarf_linesrc(line, NULL, NULL);
		dwarf_lineno(line, &scope->line);
	}
}

/* The chain is turned round: each place is where the next one in was called. */
static bool fill_list(struct scopes *scopes, Dwarf_Die *unit, Dwarf_Addr addr)
{
	struct scope *list = realloc(scopes->list, (scopes->depth + 1) * sizeof(*list));

	if (!list)
		return false;
	scopes->list = list;
	memset(list, 0, (scopes->depth + 1) * sizeof(*list));
	line_place(unit, addr, &list[0]);
	for (size_t i = 0; i < scopes->depth; i++) {
		Dwarf_Die *die = &scopes->chain[scopes->depth - 1 - i];

		list[i].name = name_of(die);
		if (i + 1 < scopes->depth)
			call_place(die, &list[i + 1]);
		else
			dwarf_entrypc(die, &list[i].begin);
	}
	return true;
}

size_t scopes_at(struct scopes *scopes, Dwarf_Addr addr, const struct scope **out)
{
	const struct range *range = ranges_at(&scopes->ranges, addr), *function;
	Dwarf_Die unit;

	if (!range)
		return 0;
	unit = range->die;
	function = function_at(&scopes->units[range->number], &unit, addr);
	scopes->depth = 0;
	if (function)
		build_chain(scopes, function->die, addr);
	if (!fill_list(scopes, &unit, addr))
		return 0;
	*out = scopes->list;
	return scopes->depth ? scopes->depth : 1;
}

struct scopes *scopes_new(Dwarf *dwarf)
{
	struct scopes *scopes = calloc(1, sizeof(*scopes));

	if (!scopes)
		return NULL;
	scopes->dwarf = dwarf;
	read_units(scopes);
	return scopes;
}

void scopes_free(struct scopes *scopes)
{
	if (!scopes)
		return;
	for (size_t i = 0; i < scopes->unit_count; i++)
		ranges_deinit(&scopes->units[i].functions);
	ranges_deinit(&scopes->ranges);
	free(scopes->units);
	free(scopes->chain);
	free(scopes->list);
	free(scopes);
}
