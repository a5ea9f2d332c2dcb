#include "json_gen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static void print(void *out, const char *text, size_t len)
{
	fwrite_unlocked(text, 1, len, out);
}

yajl_gen json_begin(FILE *out, bool one_line)
{
	yajl_gen gen = yajl_gen_alloc(NULL);

	if (!gen)
		return NULL;
	yajl_gen_config(gen, yajl_gen_print_callback, print, out);
	yajl_gen_config(gen, yajl_gen_beautify, !one_line);
	yajl_gen_config(gen, yajl_gen_indent_string, "  ");
	yajl_gen_map_open(gen);
	return gen;
}

void json_end(yajl_gen gen, FILE *out, bool one_line)
{
	yajl_gen_map_close(gen);
	if (one_line)
		fputc('\n', out);
	yajl_gen_free(gen);
}

void json_string(yajl_gen gen, const char *s)
{
	char *clean = s ? utf8_clean(s) : NULL;

	if (clean)
		yajl_gen_string(gen, (const unsigned char *)clean, strlen(clean));
	else
		yajl_gen_null(gen);
	if (clean != s)
		free(clean);
}

void json_member(yajl_gen gen, const char *key)
{
	yajl_gen_string(gen, (const unsigned char *)key, strlen(key));
}

void json_member_string(yajl_gen gen, const char *key, const char *value)
{
	json_member(gen, key);
	json_string(gen, value);
}

/* yajl's integers are signed. */
void json_member_number(yajl_gen gen, const char *key, uint64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	json_member(gen, key);
	yajl_gen_number(gen, digits, len);
}

void json_member_signed(yajl_gen gen, const char *key, int64_t value)
{
	json_member(gen, key);
	yajl_gen_integer(gen, value);
}

void json_member_null(yajl_gen gen, const char *key)
{
	json_member(gen, key);
	yajl_gen_null(gen);
}

void json_member_strings(yajl_gen gen, const char *key, const char *const *strings, size_t count)
{
	json_member(gen, key);
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		json_string(gen, strings[i]);
	yajl_gen_array_close(gen);
}
