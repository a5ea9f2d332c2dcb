#include "part.h"

#include <string.h>

bool part_in(const char *text, const char *pattern)
{
	while (text && *pattern) {
		size_t len = strcspn(pattern, "*");
		const char *at = memmem(text, strlen(text), pattern, len);

		text = at ? at + len : NULL;
		pattern += len + strspn(pattern + len, "*");
	}
	return text;
}
