#include "place_parse.h"

#include <stdlib.h>
#include <string.h>

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

bool place_parse(struct place *place, char *text)
{
	char *module = module_end(text), *plus = strrchr(text, '+');

	*place = (struct place){ .name = text };
	if (module) {
		*module = '\0';
		place->module = text;
		place->name = module + 1;
	} else if (read_hex(text, &place->addr)) {
		place->name = NULL;
	} else if (plus && read_hex(plus + 1, &place->addr)) {
		place->module = strndup(text, plus - text);
		place->name = NULL;
	}
	return !(place->module && !*place->module) && !(place->name && !*place->name);
}
