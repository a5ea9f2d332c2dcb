/* Names come from the descriptor that was opened when the module came, so a file that
 * took its place on disk does no harm; it may surprise who looks there. */
#include "origin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapped.h"

/* The path a deleted file had, as seen from the program's root. */
static void path_below_root(const struct module *module, char *out, size_t room)
{
	size_t tail = mapped_is_gone(module->path) ? strlen(" (deleted)") : 0;

	snprintf(out, room, ".%.*s", (int)(strlen(module->path) - tail), module->path);
}

/* Files without build IDs are told apart by their inodes. */
static bool is_other(const struct module *module, int fd)
{
	struct stat loaded, now;
	struct elf file;
	bool other;

	if (fstat(module->elf.fd, &loaded) < 0 || fstat(fd, &now) < 0)
		return false;
	if (elf_open(&file, dup(fd)) < 0)
		return true;
	other = strcmp(file.build_id, module->elf.build_id) != 0 ||
	        (!file.build_id[0] && loaded.st_ino != now.st_ino);
	elf_close(&file);
	return other;
}

static void tell(struct heap *heap, struct module *module, const char *what, const char *from)
{
	const char *name = strrchr(module->path, '/') + 1;

	free(module->origin);
	if (asprintf(&module->origin, "%.*s was %s since it was loaded: %s",
	             (int)strcspn(name, " "), name, what, from) < 0)
		module->origin = NULL;
	else
		heap_note(heap, "%s", module->origin);
}

void origin_check(struct heap *heap, struct module *module)
{
	const char *slash = strrchr(module->path, '/'), *what = NULL;
	const char *from = "its names come from what was loaded";
	struct stat loaded;
	char path[4200];
	bool gone;
	int fd;

	/* [vdso] and memory files were never on disk */
	if (heap->root < 0 || !slash || strncmp(module->path, "/memfd:", 7) == 0)
		return;
	path_below_root(module, path, sizeof(path));
	fd = openat(heap->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	gone = fd < 0 && errno == ENOENT && fstat(module->elf.fd, &loaded) == 0 &&
	       loaded.st_nlink == 0; /* not in another mount namespace */
	if (!elf_is_as_opened(&module->elf)) {
		what = "overwritten";
		from = "nothing in it has a name";
	} else if (gone) {
		what = "deleted";
	} else if (fd >= 0 && is_other(module, fd)) {
		what = "replaced on disk";
	}
	if (fd >= 0)
		close(fd);
	if (what)
		tell(heap, module, what, from);
}
