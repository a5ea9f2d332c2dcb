#include "built_in.h"

#include <stdlib.h>

#include "log.h"

#define STEPS_MAX 4

struct kept {
	const char *name;             /* rows of one name are shown as one */
	const char *steps[STEPS_MAX]; /* as in a valgrind suppression */
};

#define WITHIN(name, function) { name, { "...", "fun:" function } }

/* Whole calls by the names that programs call: they are there without debug files.
 * Where a call also hands out what the program is to free, by libc's inner names. */
static const struct kept kept[] = {
	WITHIN("stdio's buffers", "_IO_file_doallocate"),
	WITHIN("stdio's buffers", "_IO_wfile_doallocate"),
	WITHIN("stdio's buffers", "_ZNSt8ios_base15sync_with_stdioEb"),
	{ "libstdc++'s reserve for exceptions",
	  { "fun:malloc", "obj:*/libstdc++.so.6*", "obj:*/ld-linux*" } },
	{ "libstdc++'s reserve for exceptions",
	  { "fun:malloc", "...", "fun:_GLOBAL__sub_I_eh_alloc.cc" } },
	WITHIN("a static program's loader", "_dl_non_dynamic_init"),
	WITHIN("thread-local storage", "_dl_allocate_tls"),
	WITHIN("thread-local storage", "__tls_get_addr"),
	{ "thread-local storage", { "fun:calloc", "fun:*pthread_setspecific" } },
	WITHIN("locales", "setlocale"),
	WITHIN("locales", "_nl_find_locale"),
	WITHIN("locales", "__wcsmbs_load_conv"),
	WITHIN("locales", "_ZNSt6localeC?EPKc"), /* held by the global one and by streams */
	WITHIN("locales", "_ZNKSt7num_put*"),
	WITHIN("locales", "_ZNKSt7num_get*"),
	WITHIN("message catalogues", "textdomain"),
	WITHIN("message catalogues", "bindtextdomain"),
	WITHIN("message catalogues", "bind_textdomain_codeset"),
	WITHIN("message catalogues", "__dcigettext"),
	WITHIN("message catalogues", "gettext"),
	WITHIN("message catalogues", "dcgettext"),
	WITHIN("character sets", "__gconv_find_transform"),
	WITHIN("error texts", "strerror"),
	WITHIN("error texts", "strerror_l"),
	WITHIN("error texts", "strsignal"),
	WITHIN("error texts", "dlerror"),
	{ "error texts", { "fun:malloc", "fun:_dlerror_run" } },
	WITHIN("time zones", "tzset"),
	WITHIN("time zones", "tzset_internal"),
	WITHIN("time zones", "localtime"),
	WITHIN("time zones", "localtime_r"),
	WITHIN("time zones", "ctime"),
	WITHIN("time zones", "mktime"),
	WITHIN("time zones", "strftime"),
	WITHIN("time zones", "syslog"),
	WITHIN("the environment", "setenv"),
	WITHIN("the environment", "putenv"),
	WITHIN("the environment", "__add_to_environ"),
	WITHIN("user and host databases", "getpwnam"),
	WITHIN("user and host databases", "getpwuid"),
	WITHIN("user and host databases", "getpwent"),
	WITHIN("user and host databases", "setpwent"),
	WITHIN("user and host databases", "endpwent"),
	WITHIN("user and host databases", "getgrnam"),
	WITHIN("user and host databases", "getgrgid"),
	WITHIN("user and host databases", "getgrent"),
	WITHIN("user and host databases", "setgrent"),
	WITHIN("user and host databases", "endgrent"),
	WITHIN("user and host databases", "gethostbyname"),
	WITHIN("user and host databases", "gethostbyaddr"),
	WITHIN("user and host databases", "getservbyname"),
	WITHIN("user and host databases", "getservbyport"),
	WITHIN("user and host databases", "getprotobyname"),
	WITHIN("user and host databases", "getprotobynumber"),
	WITHIN("user and host databases", "nss_database_check_reload_and_get"),
	WITHIN("user and host databases", "__nss_database_get"),
	WITHIN("user and host databases", "__nss_*_lookup2"),
	WITHIN("user and host databases", "__nss_lookup_function"),
	WITHIN("user and host databases", "__nss_files_data_*"),
	WITHIN("user and host databases", "__res_vinit"),
	WITHIN("user and host databases", "__check_pf"),
	WITHIN("the dynamic loader", "_dl_find_object_update"),
	WITHIN("the dynamic loader", "__libc_unwind_link_get"),
};

static void put(FILE *to, const struct kept *row)
{
	fprintf(to, "{\n%s\nMemcheck:Leak\n", row->name);
	for (unsigned i = 0; i < STEPS_MAX && row->steps[i]; i++)
		fprintf(to, "%s\n", row->steps[i]);
	fputs("}\n", to);
}

void built_in_add(struct suppressions *all)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	unsigned line;

	for (size_t i = 0; memory && i < countof(kept); i++)
		put(memory, &kept[i]);
	if (!memory || fclose(memory) != 0 || !(memory = fmemopen(text, len, "r")))
		die(EXIT_OURS, "cannot read the built-in suppressions: no memory");
	if (suppression_read(all, memory, NULL, &line))
		die(EXIT_OURS, "the built-in suppressions are wrong in line %u", line);
	fclose(memory);
	free(text);
}
