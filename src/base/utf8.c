#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* The length of the sequence s begins with, or of its ill-formed part. */
static size_t next(const char *s, bool *valid)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;
	size_t len = 1, i;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < len && p[i] >= low && p[i] <= high; i++) {
		low = 0x80;
		high = 0xbf;
	}
	*valid = i == len && (len > 1 || p[0] < 0x80);
	return i;
}

static bool well_formed(const char *s)
{
	bool valid = true;

	while (*s && valid)
		s += next(s, &valid);
	return valid;
}

char *utf8_clean(const char *s)
{
	char *copy, *end;
	bool valid;

	if (well_formed(s))
		return (char *)s;
	copy = end = malloc(3 * strlen(s) + 1);
	if (!copy)
		return NULL;
	while (*s) {
		size_t len = next(s, &valid);

		end = valid ? mempcpy(end, s, len) : mempcpy(end, REPLACEMENT, 3);
		s += len;
	}
	*end = 0;
	return copy;
}

size_t utf8_columns(const char *s)
{
	size_t count = 0;
	bool valid;

	for (; *s; s += next(s, &valid))
		count++;
	return count;
}

/* C0, DEL, and C1, which a terminal obeys in UTF-8 too. */
static bool is_control(const char *s, size_t len)
{
	unsigned char c = s[0], d = s[1];

	return len == 1 ? c < 0x20 || c == 0x7f : len == 2 && c == 0xc2 && d < 0xa0;
}

char *utf8_fit(char *out, const char *s, size_t columns, size_t head)
{
	size_t total = utf8_columns(s);
	size_t cut = total > columns ? total - columns + 3 : 0;
	char *end = out;
	bool valid;

	if (head > columns - 3)
		head = columns - 3;
	for (size_t i = 0; *s; i++) {
		size_t len = next(s, &valid);

		if (cut && i == head)
			end = mempcpy(end, "...", 3);
		if (i < head || i >= head + cut) {
			if (!valid)
				end = mempcpy(end, REPLACEMENT, 3);
			else if (is_control(s, len))
				*end++ = '?';
			else
				end = mempcpy(end, s, len);
		}
		s += len;
	}
	*end = 0;
	return out;
}
