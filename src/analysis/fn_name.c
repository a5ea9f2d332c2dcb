#include "fn_name.h"

#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

/* What follows the name: the parameters; or the text's end. */
static const char *parameters(const char *name)
{
	const char *last = strrchr(name, ')'), *at = last;
	int depth = 0;

	for (; at && at >= name; at--) {
		depth += (*at == ')') - (*at == '(');
		if (!depth)
			break;
	}
	/* those of operator() are its name */
	return !last || (at - name >= 8 && strncmp(at - 8, "operator", 8) == 0) ?
	               strchr(name, '\0') :
	               at;
}

/* Of what is compared, blanks left out. True: the whole of a is b, or its end behind a blank, as
 * a template's is behind what it returns. */
static bool is_alike(const char *a, const char *a_end, const char *b, const char *b_end)
{
	while (a_end > a && b_end > b) {
		if (a_end[-1] == ' ')
			a_end--;
		else if (b_end[-1] == ' ')
			b_end--;
		else if (*--a_end != *--b_end)
			return false;
	}
	while (b_end > b && b_end[-1] == ' ')
		b_end--;
	return b_end == b && (a_end == a || a_end[-1] == ' ');
}

static bool is_demangled(const char *name, const char *demangled)
{
	const char *end = strchr(demangled, '\0'), *name_end = strchr(name, '\0');

	return is_alike(demangled, end, name, name_end) ||
	       (!*parameters(name) && is_alike(demangled, parameters(demangled), name, name_end));
}

/* The name's last identifier, which a mangled one has as it is. */
static bool may_be(const char *name, const char *symbol)
{
	const char *end = name + strcspn(name, "(<"), *begin = end;
	char part[128];

	if (strstr(name, "operator"))
		return true;
	while (begin > name && begin[-1] != ':' && begin[-1] != ' ')
		begin--;
	if (end == begin || (size_t)(end - begin) >= sizeof(part))
		return true;
	memcpy(part, begin, end - begin);
	part[end - begin] = '\0';
	return strstr(symbol, part);
}

bool fn_name_is(const char *name, const char *symbol)
{
	char *demangled;
	bool is;

	if (strcmp(name, symbol) == 0)
		return true;
	if (symbol[0] != '_' || (symbol[1] != 'Z' && symbol[1] != 'R') || !may_be(name, symbol))
		return false;
	demangled = cplus_demangle(symbol, DMGL_AUTO | DMGL_PARAMS | DMGL_ANSI);
	is = demangled && is_demangled(name, demangled);
	free(demangled);
	return is;
}
