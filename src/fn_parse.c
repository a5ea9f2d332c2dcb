#include "fn_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fn_sets.h"
#include "log.h"
#include "place_parse.h"

/* ---- arguments ------------------------------------------------------------------------ */

enum key_value { KEY_ARGUMENT, KEY_BYTES, KEY_OFFSET, KEY_FLAG };

struct key {
	const char *name;
	enum key_value value;
	size_t at;      /* in struct fn; ARGUMENT: of an int8_t */
	unsigned kinds; /* bit n: enum fn_kind n takes it */
};

#define OF(kind) (1u << FN_##kind)
#define AT(field) offsetof(struct fn, field)

static const struct key keys[] = {
	{ "size", KEY_ARGUMENT, AT(size), OF(ALLOC) | OF(REALLOC) },
	{ "count", KEY_ARGUMENT, AT(count), OF(ALLOC) | OF(REALLOC) },
	{ "bytes", KEY_BYTES, AT(bytes), OF(ALLOC) },
	{ "out", KEY_ARGUMENT, AT(out), OF(ALLOC) },
	{ "ptr", KEY_ARGUMENT, AT(block), OF(REALLOC) | OF(FREE) | OF(REF) | OF(UNREF) },
	{ "next", KEY_ARGUMENT, AT(next), OF(FREE) },
	{ "chain", KEY_OFFSET, AT(chain), OF(FREE) },
	{ "beside", KEY_FLAG, AT(beside), OF(ALLOC) | OF(REALLOC) | OF(FREE) | OF(REF) | OF(UNREF) },
};

static const struct key *key_of(const char *text, size_t len)
{
	for (size_t i = 0; i < countof(keys); i++)
		if (strlen(keys[i].name) == len && strncmp(keys[i].name, text, len) == 0)
			return &keys[i];
	return NULL;
}

static const char *set_number(struct fn *fn, const struct key *key, uint64_t number, bool *has_bytes)
{
	int8_t *argument = (int8_t *)fn + key->at;

	if (key->value == KEY_BYTES) {
		fn->bytes = number;
		*has_bytes = true;
	} else if (key->value == KEY_OFFSET) {
		if (number > INT16_MAX)
			return "a chain's next address is at most 32767 bytes from a block's begin";
		fn->chain = (int16_t)number;
	} else if (number < 1 || number > FN_ARGUMENTS) {
		return "a function's arguments are numbered from 1 to 6";
	} else if (*argument != FN_NONE) {
		return "an argument is given twice";
	} else {
		*argument = (int8_t)(number - 1);
	}
	return NULL;
}

/* "KEY=N" or "KEY", len characters. NULL: it is taken; else what is wrong. */
static const char *read_argument(struct fn *fn, const char *text, size_t len, bool *has_bytes)
{
	const char *equals = memchr(text, '=', len);
	const struct key *key = key_of(text, equals ? (size_t)(equals - text) : len);
	uint64_t number;
	char *end;

	if (!key || (key->value == KEY_FLAG) != !equals)
		return "in its brackets stand size=N, count=N, bytes=N, out=N, ptr=N, next=N, chain=N, "
		       "beside";
	if (!(key->kinds & 1u << fn->kind))
		return "an alloc has size, count or bytes, and out; a realloc ptr, size and "
		       "count; a free ptr, and next or chain; a ref and an unref ptr";
	if (key->value == KEY_FLAG) {
		fn->beside = true;
		return NULL;
	}
	errno = 0;
	number = strtoull(equals + 1, &end, 10);
	if (errno || end != text + len || equals[1] < '0' || equals[1] > '9')
		return "what stands behind = is no number";
	return set_number(fn, key, number, has_bytes);
}

/* What a function without any is taken to have. */
static void add_usual(struct fn *fn, bool has_bytes)
{
	fn->beside |= fn->kind == FN_REF || fn->kind == FN_UNREF;
	if (fn->kind != FN_ALLOC)
		fn->block = fn->block == FN_NONE ? 0 : fn->block;
	if (fn->kind == FN_REALLOC && fn->size == FN_NONE)
		fn->size = 1;
	if (fn->kind == FN_ALLOC && fn->size == FN_NONE && !has_bytes)
		fn->size = 0;
}

/* Between the brackets, at most three of the call's arguments, which a record has room for. */
static const char *read_arguments(struct fn *fn, const char *text, size_t len)
{
	bool has_bytes = false;
	const char *wrong = NULL, *end = text + len;

	for (const char *comma; text <= end && !wrong; text = comma + 1) {
		comma = memchr(text, ',', end - text);
		comma = comma ? comma : end;
		wrong = read_argument(fn, text, comma - text, &has_bytes);
	}
	if (!wrong && has_bytes && (fn->size != FN_NONE || fn->count != FN_NONE))
		wrong = "bytes stands for size and count";
	if (!wrong && fn->next != FN_NONE && fn->chain != FN_NONE)
		wrong = "next and chain are the same thing, as an argument and as a number";
	add_usual(fn, has_bytes);
	return wrong;
}

/* ---- where ------------------------------------------------------------------------------ */

static const char *read_place(struct fn *fn, char *text)
{
	struct place place;

	if (!place_parse(&place, text))
		return "it names no function";
	fn->module = place.module;
	fn->name = place.name;
	fn->place = place.addr;
	fn->label = place.module && place.name ? place.name : fn->label;
	return NULL;
}

/* ---- one of them ------------------------------------------------------------------------ */

static const char *const kinds[] = { [FN_ALLOC] = "alloc:", [FN_REALLOC] = "realloc:",
	                             [FN_FREE] = "free:", [FN_REF] = "ref:",
	                             [FN_UNREF] = "unref:" };

static const char *kind_of(const char *text, enum fn_kind *kind)
{
	for (size_t i = 0; i < countof(kinds); i++)
		if (strncmp(text, kinds[i], strlen(kinds[i])) == 0) {
			*kind = i;
			return text + strlen(kinds[i]);
		}
	return NULL;
}

/* The last brackets, if it is arguments of ours that stand in them; else the text's end. */
static char *arguments_of(char *text)
{
	char *open = strrchr(text, '(');

	return open && (strchr(open, '=') || strcmp(open, "(beside)") == 0) ? open : strchr(text, '\0');
}

static const char *read_one(struct fn *fn, const char *text)
{
	const char *where = kind_of(text, &fn->kind), *wrong = NULL;
	char *copy, *arguments;

	if (!where)
		return "it begins with alloc:, realloc:, free:, ref: or unref:";
	fn->label = copy = strdup(where);
	if (!copy || !(fn->text = strdup(text)))
		die(EXIT_OURS, "--fn %s: no memory", text);
	arguments = arguments_of(copy);
	if (*arguments && arguments[strlen(arguments) - 1] != ')')
		wrong = "its brackets do not close";
	else if (*arguments)
		wrong = read_arguments(fn, arguments + 1, strlen(arguments) - 2);
	else
		add_usual(fn, false);
	*arguments = '\0';
	return wrong ? wrong : read_place(fn, copy);
}

const char *fn_add(struct fn_list *list, const char *text, const char *set)
{
	struct fn *fn = realloc(list->fns, (list->count + 1) * sizeof(*fn));

	if (!fn)
		die(EXIT_OURS, "--fn %s: no memory", text);
	list->fns = fn;
	fn += list->count++;
	*fn = (struct fn){ .size = FN_NONE, .count = FN_NONE, .block = FN_NONE, .out = FN_NONE,
		           .next = FN_NONE, .chain = FN_NONE, .set = set };
	return read_one(fn, text);
}

void fn_parse(struct fn_list *list, const char *text)
{
	const char *wrong;

	if (*text == '@') {
		fn_set_add(list, text + 1);
		return;
	}
	wrong = fn_add(list, text, NULL);
	if (wrong)
		die(EXIT_USAGE, "--fn %s: %s; e.g. alloc:pool_get(size=2), see the README", text, wrong);
}
