/* A mismatch goes back to the last star alone: what an earlier one could take more
 * of, the last one can take as well. */
#include "pattern.h"

#include <stddef.h>

bool pattern_whole(const char *pattern, const char *text)
{
	const char *star = NULL, *taken = NULL;

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			taken = text;
		} else if (!*pattern && !*text) {
			return true;
		} else if (*text && (*pattern == '?' || *pattern == *text)) {
			pattern++;
			text++;
		} else if (star && *taken) {
			pattern = star;
			text = ++taken;
		} else {
			return false;
		}
	}
}

bool pattern_within(const char *pattern, const char *text)
{
	bool anchored = *pattern == '^';
	const char *star = anchored ? NULL : pattern, *taken = text;

	if (!*text)
		return false;
	for (pattern += anchored;;) {
		if (!*pattern || (*pattern == '$' && !*text)) {
			return true;
		} else if (*pattern == '*') {
			star = ++pattern;
			taken = text;
		} else if (*text && *pattern != '$' && *pattern == *text) {
			pattern++;
			text++;
		} else if (star && *taken) {
			pattern = star;
			text = ++taken;
		} else {
			return false;
		}
	}
}
