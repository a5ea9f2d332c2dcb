#include "fn_sets.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define FUNCTIONS_MAX 16

struct set {
	const char *name;
	const char *functions[FUNCTIONS_MAX];
};

static const struct set sets[] = {
	{ "glib", { /* gslice.h; a slice's memory is not given back to malloc */
		"alloc:g_slice_alloc(size=1)", "alloc:g_slice_alloc0(size=1)",
		"free:g_slice_free1(ptr=2)",
		"free:g_slice_free_chain_with_offset(ptr=2,next=3)",
	} },
	/* Include/objimpl.h, Include/pymem.h; Objects/obmalloc.c: where the linker has seen through
	 * the pointers to these, they are called without the former */
	{ "cpython", {
		"alloc:PyObject_Malloc(size=1)", "alloc:PyObject_Calloc(count=1,size=2)",
		"realloc:PyObject_Realloc(ptr=1,size=2)", "free:PyObject_Free(ptr=1)",
		"alloc:PyMem_Malloc(size=1)", "alloc:PyMem_Calloc(count=1,size=2)",
		"realloc:PyMem_Realloc(ptr=1,size=2)", "free:PyMem_Free(ptr=1)",
		"alloc:_PyObject_Malloc(size=2)", "alloc:_PyObject_Calloc(count=2,size=3)",
		"realloc:_PyObject_Realloc(ptr=2,size=3)", "free:_PyObject_Free(ptr=2)",
	} },
	{ "apr", { /* apr_pools.h; what stands in a pool goes with it */
		"alloc:apr_pool_create_ex(out=1,bytes=0,beside)",
		"alloc:apr_pool_create_unmanaged_ex(out=1,bytes=0,beside)",
		"alloc:apr_pool_create_ex_debug(out=1,bytes=0,beside)",
		"free:apr_pool_destroy(ptr=1,beside)", "free:apr_pool_destroy_debug(ptr=1,beside)",
	} },
	{ "openssl", { /* openssl/crypto.h */
		"alloc:CRYPTO_malloc(size=1)", "alloc:CRYPTO_zalloc(size=1)",
		"realloc:CRYPTO_realloc(ptr=1,size=2)",
		"realloc:CRYPTO_clear_realloc(ptr=1,size=3)",
		"free:CRYPTO_free(ptr=1)", "free:CRYPTO_clear_free(ptr=1)",
		"alloc:CRYPTO_secure_malloc(size=1)", "alloc:CRYPTO_secure_zalloc(size=1)",
		"free:CRYPTO_secure_free(ptr=1)", "free:CRYPTO_secure_clear_free(ptr=1)",
	} },
};

static const struct set *set_of(const char *name)
{
	for (size_t i = 0; i < countof(sets); i++)
		if (strcmp(sets[i].name, name) == 0)
			return &sets[i];
	return NULL;
}

static void add_ready(struct fn_list *list, const struct set *set)
{
	for (size_t i = 0; i < FUNCTIONS_MAX && set->functions[i]; i++)
		fn_add(list, set->functions[i], set->name);
}

/* Without the comment and the blanks around. */
static char *trim(char *line)
{
	char *end;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t\r\n");
	for (end = strchr(line, '\0'); end > line && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	return line;
}

static void add_file(struct fn_list *list, FILE *file, const char *path)
{
	const char *wrong, *set = strdup(path);
	char *buffer = NULL, *line;
	size_t size = 0;

	for (unsigned number = 1; getline(&buffer, &size, file) >= 0; number++) {
		line = trim(buffer);
		wrong = *line ? fn_add(list, line, set) : NULL;
		if (wrong)
			die(EXIT_USAGE, "--fn @%s:%u: %s: %s; see --fn in the README", path, number,
			    line, wrong);
	}
	free(buffer);
}

void fn_set_add(struct fn_list *list, const char *name)
{
	const struct set *set = set_of(name);
	FILE *file = set ? NULL : fopen(name, "re");
	size_t before = list->count;

	if (set) {
		add_ready(list, set);
		return;
	}
	if (!file && errno == ENOENT && !strchr(name, '/'))
		die(EXIT_USAGE, "--fn @%s: no such set, nor a file; sets: glib, cpython, apr, openssl", name);
	if (!file)
		die(EXIT_OURS, "--fn @%s: cannot read it:", name);
	add_file(list, file, name);
	if (ferror(file))
		die(EXIT_OURS, "--fn @%s: cannot read it:", name);
	fclose(file);
	if (list->count == before)
		die(EXIT_USAGE, "--fn @%s: no function stands in it", name);
}
