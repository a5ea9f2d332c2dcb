/* libdwfl looks in .build-id, and asks a debuginfod server when DEBUGINFOD_URLS says so.
 * Files that a .gnu_debuglink names are looked for here: it believes one of the right
 * build ID whatever its checksum, a server's whatever its ID, and one without either. */
#include "debugfile.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define URLS "DEBUGINFOD_URLS"

static char *places; /* NULL: libdwfl's own, ":.debug:/usr/lib/debug" */
static const char *root; /* or NULL */
static bool silent, kept_away;

static bool has_checksum(int fd, GElf_Word wanted)
{
	unsigned char chunk[65536];
	uLong sum = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t got;

	while ((got = pread(fd, chunk, sizeof(chunk), at)) > 0) {
		sum = crc32(sum, chunk, got);
		at += got;
	}
	return got == 0 && sum == wanted;
}

/* A module without an ID fits all: its files are told by their checksum alone. */
static bool has_id_of(Dwfl_Module *module, int fd)
{
	const unsigned char *wanted;
	const void *id;
	GElf_Addr at;
	int len = dwfl_module_build_id(module, &wanted, &at);
	Elf *file = len > 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	bool same = len <= 0 || (file && dwelf_elf_gnu_build_id(file, &id) == len &&
	                         memcmp(id, wanted, len) == 0);

	elf_end(file);
	return same;
}

static int open_linked(Dwfl_Module *module, GElf_Word checksum, char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

	if (fd < 0 || (has_checksum(fd, checksum) && has_id_of(module, fd)))
		return fd;
	close(fd);
	return -1;
}

/* Beside the file, and beside it below the roots. */
static int find_linked(Dwfl_Module *module, const char *file, const char *link, GElf_Word checksum,
                       char **path)
{
	const char *const tries[][2] = {
		{ "", "" }, { "", ".debug/" }, { root, "" }, { "/usr/lib/debug", "" },
	};
	const char *slash = strrchr(file, '/');
	int fd = -1;

	for (size_t i = 0; slash && fd < 0 && i < sizeof(tries) / sizeof(*tries); i++) {
		if (!tries[i][0] || asprintf(path, "%s%.*s%s%s", tries[i][0],
		                             (int)(slash + 1 - file), file, tries[i][1], link) < 0)
			continue;
		fd = open_linked(module, checksum, *path);
		if (fd < 0)
			free(*path);
	}
	if (fd < 0)
		*path = NULL;
	return fd;
}

/* The library waits for a silent server as long as DEBUGINFOD_TIMEOUT says, 90
 * seconds without it; for one module, not for every one. */
void debugfile_give_up_on_server(void)
{
	silent = true;
	setenv(URLS, "", 1);
}

/* The library's own search ends with the server. */
static int find_standard(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                         const char *file, const char *link, char **path)
{
	const char *urls = getenv(URLS);
	char *wanted = kept_away && urls && *urls ? strdup(urls) : NULL;
	int fd;

	if (wanted)
		setenv(URLS, "", 1);
	fd = dwfl_standard_find_debuginfo(module, userdata, name, base, file, link, 0, path);
	if (wanted)
		setenv(URLS, wanted, 1);
	free(wanted);
	return fd;
}

/* Without a file's name libdwfl looks by build ID only. */
static int find_by_id(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                      char **path)
{
	int fd = find_standard(module, userdata, name, base, NULL, NULL, path);

	if (fd == -ETIME || fd == -ETIMEDOUT)
		debugfile_give_up_on_server();
	if (fd < 0 || has_id_of(module, fd))
		return fd < 0 ? -1 : fd;
	close(fd);
	free(*path);
	*path = NULL;
	errno = 0;
	return -1;
}

static int find_here(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                     const char *file, const char *link, GElf_Word checksum, char **path)
{
	int fd = dwfl_build_id_find_debuginfo(module, userdata, name, base, file, link, checksum,
	                                      path);

	return fd < 0 && link && checksum && file ? find_linked(module, file, link, checksum, path) :
	                                            fd;
}

static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                          const char *file, const char *link, GElf_Word checksum, char **path)
{
	int fd;

	if (link && !checksum) /* dwz's common file, which has an ID of its own */
		return find_standard(module, userdata, name, base, file, link, path);
	fd = find_here(module, userdata, name, base, file, link, checksum, path);
	return fd < 0 ? find_by_id(module, userdata, name, base, path) : fd;
}

const Dwfl_Callbacks debugfile_callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = find_debuginfo,
	.debuginfo_path = &places,
};

const Dwfl_Callbacks debugfile_here_callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = find_here,
	.debuginfo_path = &places,
};

void debugfile_set_root(const char *folder)
{
	root = folder;
	free(places);
	places = NULL;
	if (folder && asprintf(&places, ":.debug:%s:/usr/lib/debug", folder) < 0)
		places = NULL;
}

bool debugfile_server_silent(void)
{
	return silent;
}

void debugfile_ask_server(bool ask)
{
	kept_away = !ask;
}

static bool has_server(void)
{
	const char *urls = getenv(URLS);

	return !silent && urls && *urls;
}

bool debugfile_asks_server(void)
{
	return !kept_away && has_server();
}

bool debugfile_misses_server(void)
{
	return kept_away && has_server();
}
