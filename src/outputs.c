#include "outputs.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"

enum { FILES_MAX = 2, OTHERS_MAX = 3 * OUTPUTS_MAX + 1 + FILES_MAX };

enum use { ALONE, STREAMED, READ }; /* but for ALONE: with others of its kind */

struct used {
	const char *path;
	enum use use;
};

struct list {
	struct used all[OTHERS_MAX];
	size_t count;
};

static void add(struct list *list, const char *path, enum use use)
{
	if (path)
		list->all[list->count++] = (struct used){ path, use };
}

static void add_files(struct list *list, const struct dest *dests, unsigned count, enum use use)
{
	for (unsigned i = 0; i < count; i++)
		if (dests[i].kind == DEST_FILE)
			add(list, dests[i].path, use);
}

static struct list list_all(const struct options *options, const char *const *files, size_t count)
{
	struct list list = { 0 };

	add_files(&list, options->dests, options->dest_count, ALONE);
	add_files(&list, options->databases, options->database_count, ALONE);
	add_files(&list, options->streams.dests, options->streams.dest_count, STREAMED);
	add(&list, options->record, ALONE);
	for (size_t i = 0; i < count; i++)
		add(&list, files[i], READ);
	return list;
}

/* Where it will be, or "" where it cannot. */
static void place_of(const char *path, char place[PATH_MAX])
{
	char folder[PATH_MAX], name[PATH_MAX];

	*place = '\0';
	if (strlen(path) >= PATH_MAX)
		return;
	strcpy(folder, path);
	strcpy(name, path);
	if (!realpath(dirname(folder), place) ||
	    strlen(place) + 1 + strlen(basename(name)) >= PATH_MAX)
		*place = '\0';
	else
		strcat(strcat(place, "/"), basename(name));
}

static bool is_same_file(const char *one, const char *other)
{
	char place[PATH_MAX], place_of_other[PATH_MAX];
	struct stat a, b;
	bool there = stat(one, &a) == 0;

	if ((stat(other, &b) == 0) != there)
		return false;
	if (there)
		return S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	place_of(one, place);
	place_of(other, place_of_other);
	return *place && strcmp(place, place_of_other) == 0;
}

static bool collide(const struct used *one, const struct used *other)
{
	return (one->use == ALONE || one->use != other->use) &&
	       is_same_file(one->path, other->path);
}

void outputs_check(const struct options *options, const char *const *files, size_t count)
{
	struct list list = list_all(options, files, count);

	for (size_t i = 0; i < list.count; i++)
		for (size_t k = i + 1; k < list.count; k++)
			if (collide(&list.all[i], &list.all[k]))
				die(EXIT_USAGE, "%s: another file of this command line is the same; "
				    "name one for each", list.all[k].path);
}
