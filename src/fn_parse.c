#include "fn_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fn_sets.h"
#include "log.h"

/* ---- arguments ------------------------------------------------------------------------ */

struct key {
	const char *name;
	size_t at;      /* of an int8_t in struct fn; 0: the bytes */
	unsigned kinds; /* bit n: enum fn_kind n takes it */
};

#define OF(kind) (1u << FN_##kind)

static const struct key keys[] = {
	{ "size", offsetof(struct fn, size), OF(ALLOC) | OF(REALLOC) },
	{ "count", offsetof(struct fn, count), OF(ALLOC) | OF(REALLOC) },
	{ "bytes", 0, OF(ALLOC) },
	{ "ptr", offsetof(struct fn, block), OF(REALLOC) | OF(FREE) },
	{ "out", offsetof(struct fn, out), OF(ALLOC) },
};

static const struct key *key_of(const char *text, size_t len)
{
	for (size_t i = 0; i < countof(keys); i++)
		if (strlen(keys[i].name) == len && strncmp(keys[i].name, text, len) == 0)
			return &keys[i];
	return NULL;
}

/* "KEY=N", len characters. NULL: it is taken; else what is wrong. */
static const char *read_argument(struct fn *fn, const char *text, size_t len, bool *has_bytes)
{
	const char *equals = memchr(text, '=', len);
	const struct key *key = equals ? key_of(text, equals - text) : NULL;
	char *end;
	uint64_t number;

	if (!key)
		return "its arguments are size=N, count=N, bytes=N, ptr=N and out=N";
	if (!(key->kinds & 1u << fn->kind))
		return "an alloc has size, count or bytes, and out; a realloc ptr, size and "
		       "count; a free ptr";
	errno = 0;
	number = strtoull(equals + 1, &end, 10);
	if (errno || end != text + len || equals[1] < '0' || equals[1] > '9')
		return "what stands behind = is no number";
	if (!key->at) {
		fn->bytes = number;
		*has_bytes = true;
		return NULL;
	}
	if (number < 1 || number > FN_ARGUMENTS)
		return "a function's arguments are numbered from 1 to 6";
	if (*((int8_t *)fn + key->at) != FN_NONE)
		return "an argument is given twice";
	*((int8_t *)fn + key->at) = (int8_t)(number - 1);
	return NULL;
}

/* What a function without any is taken to have. */
static void add_usual(struct fn *fn, bool has_bytes)
{
	if (fn->kind == FN_FREE || fn->kind == FN_REALLOC)
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
	add_usual(fn, has_bytes);
	return wrong;
}

/* ---- where ------------------------------------------------------------------------------ */

static bool read_hex(const char *text, taddr_t *out)
{
	char *end;

	if (strncmp(text, "0x", 2) != 0 || !text[2])
		return false;
	*out = strtoull(text, &end, 16);
	return !*end;
}

/* Of a module, if there is one: no operator of C++ ends there. */
static char *module_end(char *text)
{
	static const char word[] = "operator";
	char *at = strchr(text, '!');

	if (!at || (at - text >= (ptrdiff_t)strlen(word) &&
	            strncmp(at - strlen(word), word, strlen(word)) == 0))
		return NULL;
	return at;
}

static const char *read_place(struct fn *fn, char *text)
{
	char *module = module_end(text), *plus = strrchr(text, '+');

	fn->label = fn->name = text;
	if (module) {
		*module = '\0';
		fn->module = text;
		fn->label = fn->name = module + 1;
	} else if (read_hex(text, &fn->place)) {
		fn->name = NULL;
	} else if (plus && read_hex(plus + 1, &fn->place)) {
		fn->module = strndup(text, plus - text);
		fn->name = NULL;
	}
	return (fn->module && !*fn->module) || (fn->name && !*fn->name) ? "it names no function" :
	                                                                  NULL;
}

/* ---- one of them ------------------------------------------------------------------------ */

static const char *const kinds[] = { [FN_ALLOC] = "alloc:", [FN_REALLOC] = "realloc:",
	                             [FN_FREE] = "free:" };

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

	return open && strchr(open, '=') ? open : strchr(text, '\0');
}

static const char *read_one(struct fn *fn, const char *text)
{
	const char *where = kind_of(text, &fn->kind), *wrong = NULL;
	char *copy, *arguments;

	if (!where)
		return "it begins with alloc:, realloc: or free:";
	copy = strdup(where);
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
	struct fn fn = { .size = FN_NONE, .count = FN_NONE, .block = FN_NONE, .out = FN_NONE,
		         .set = set };
	const char *wrong = read_one(&fn, text);
	struct fn *grown;

	if (wrong)
		return wrong;
	grown = realloc(list->fns, (list->count + 1) * sizeof(*grown));
	if (!grown)
		die(EXIT_OURS, "--fn %s: no memory", text);
	list->fns = grown;
	grown[list->count++] = fn;
	return NULL;
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
