/* The two kinds of wildcards suppressions are written in. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>

/* valgrind's: * any characters, ? one; the whole text. */
bool pattern_whole(const char *pattern, const char *text);
/* LSan's: * any characters, ^ first: the text's beginning, $: its end; anywhere in a
 * text that is not empty. What follows a $ is ignored. */
bool pattern_within(const char *pattern, const char *text);

#endif
