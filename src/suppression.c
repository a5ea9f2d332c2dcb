/* Reading suppressions. A line that is an opening brace begins one of valgrind's,
 * any other is LSan's. */
#include "suppression.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct reader {
	FILE *from;
	const char *file;
	char *buffer;
	size_t size;
	unsigned line;
};

/* The next line that says something, without the blanks around it; or NULL. */
static char *next_line(struct reader *reader)
{
	ssize_t len;

	while ((len = getline(&reader->buffer, &reader->size, reader->from)) >= 0) {
		char *text = reader->buffer + strspn(reader->buffer, " \t\r\n");

		reader->line++;
		if (strlen(reader->buffer) != (size_t)len)
			return strcpy(reader->buffer, "?"); /* NUL: not a text */
		for (char *end = strchr(text, '\0'); end > text && isspace((uint8_t)end[-1]);)
			*--end = '\0';
		if (*text && *text != '#')
			return text;
	}
	return NULL;
}

static void *or_die(void *memory)
{
	if (!memory)
		die(EXIT_OURS, "cannot read suppressions: no memory");
	return memory;
}

static struct suppression *add(struct suppressions *all, const struct reader *reader,
                               const char *name)
{
	struct suppression *added;

	all->list = or_die(realloc(all->list, (all->count + 1) * sizeof(*all->list)));
	added = &all->list[all->count++];
	*added = (struct suppression){ .use.line = reader->file ? reader->line : 0 };
	added->use.name = or_die(strdup(name));
	added->use.file = reader->file ? or_die(strdup(reader->file)) : NULL;
	return added;
}

static struct step *add_step(struct suppression *to, enum step_kind kind, const char *pattern)
{
	struct step *added;

	to->steps = or_die(realloc(to->steps, (to->step_count + 1) * sizeof(*to->steps)));
	added = &to->steps[to->step_count++];
	*added = (struct step){ .kind = kind, .pattern = or_die(strdup(pattern)) };
	return added;
}

static void drop_steps(struct suppression *of)
{
	while (of->step_count)
		free(of->steps[--of->step_count].pattern);
}

void suppression_deinit(struct suppression *suppression)
{
	drop_steps(suppression);
	free(suppression->steps);
	free((char *)suppression->use.name);
	free((char *)suppression->use.file);
}

/* ---- valgrind's ----------------------------------------------------------------- */

/* "Memcheck,Addrcheck:Leak": is it a leak of memcheck's? */
static bool is_leak(const char *line)
{
	const char *colon = strchr(line, ':');

	if (strcmp(colon, ":Leak") != 0)
		return false;
	for (const char *tool = line; tool < colon; tool += strcspn(tool, ",:") + 1)
		if (strncmp(tool, "Memcheck", strcspn(tool, ",:")) == 0 &&
		    strcspn(tool, ",:") == strlen("Memcheck"))
			return true;
	return false;
}

static const char *skip_block(struct reader *reader)
{
	const char *line;

	do
		line = next_line(reader);
	while (line && strcmp(line, "}") != 0);
	return line ? NULL : "no } ends the block";
}

static bool is_kinds(const char *set)
{
	static const char *const kinds[] = { "definite", "indirect", "possible", "reachable",
		                             "all", "none" };
	char *words = or_die(strdup(set)), *rest = words, *word;
	bool known = *set;

	while (known && (word = strsep(&rest, ","))) {
		known = false;
		word += strspn(word, " \t");
		for (size_t i = 0; i < countof(kinds); i++)
			known = known || strcmp(word, kinds[i]) == 0;
	}
	free(words);
	return known;
}

/* A version (pthread_create@@GLIBC_2.34) is in no name here. */
static void cut_version(char *pattern)
{
	char *at = strchr(pattern, '@');

	if (at && at > pattern && at[-1] != '*')
		*at = '\0';
}

static void cut_line(struct step *step)
{
	char *colon = strrchr(step->pattern, ':');

	if (!colon || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")])
		return;
	step->line = atoi(colon + 1);
	*colon = '\0';
}

static bool take_step(struct suppression *to, const char *line)
{
	static const char prefixes[][5] = { "fun:", "obj:", "src:" }; /* by enum step_kind */

	if (strcmp(line, "...") == 0) {
		add_step(to, STEP_FRAMES, "");
		return true;
	}
	for (unsigned kind = STEP_FUN; kind <= STEP_SRC; kind++) {
		struct step *step;

		if (strncmp(line, prefixes[kind], 4) != 0 || !line[4])
			continue;
		step = add_step(to, kind, line + 4);
		if (kind == STEP_FUN)
			cut_version(step->pattern);
		if (kind == STEP_SRC)
			cut_line(step);
		return true;
	}
	return false;
}

static bool has_place(const struct suppression *suppression)
{
	for (unsigned i = 0; i < suppression->step_count; i++)
		if (suppression->steps[i].kind != STEP_FRAMES)
			return true;
	return false;
}

/* From after the tool's line to the brace. Which of valgrind's kinds a block is of is
 * not known here: only "none" says anything. */
static const char *read_steps(struct suppression *to, struct reader *reader)
{
	static const char kinds[] = "match-leak-kinds:";
	const char *line = next_line(reader);
	bool none = false;

	if (line && strncmp(line, kinds, strlen(kinds)) == 0) {
		line += strlen(kinds);
		line += strspn(line, " \t");
		none = strcmp(line, "none") == 0;
		if (!is_kinds(line))
			return "not a set of leak kinds";
		line = next_line(reader);
	}
	for (; line && strcmp(line, "}") != 0; line = next_line(reader))
		if (!take_step(to, line))
			return "not fun:, obj:, src: or ...";
	if (!line)
		return "no } ends the block";
	if (!has_place(to))
		return "no fun:, obj: or src: in the block";
	if (none)
		drop_steps(to);
	return NULL;
}

static const char *read_block(struct suppressions *all, struct reader *reader)
{
	struct suppression *added;
	unsigned begin = reader->line;
	const char *line = next_line(reader);

	if (!line)
		return "no } ends the block";
	if (strcmp(line, "}") == 0)
		return "no name in the block";
	added = add(all, reader, line);
	added->use.line = reader->file ? begin : 0;
	line = next_line(reader);
	if (!line)
		return "no } ends the block";
	if (!strchr(line, ':') || strchr(line, ' '))
		return "not TOOL:KIND, as Memcheck:Leak";
	if (is_leak(line))
		return read_steps(added, reader);
	suppression_deinit(added);
	all->count--;
	return skip_block(reader);
}

/* ---- a file ------------------------------------------------------------------------ */

static const char *read_line(struct suppressions *all, struct reader *reader, const char *line)
{
	if (strcmp(line, "{") == 0)
		return read_block(all, reader);
	if (strncmp(line, "leak:", 5) != 0)
		return "neither leak:PATTERN nor a block in { }";
	if (!line[5])
		return "leak: without a pattern";
	add_step(add(all, reader, line + 5), STEP_ANY, line + 5);
	return NULL;
}

const char *suppression_read(struct suppressions *all, FILE *from, const char *file,
                             unsigned *number)
{
	struct reader reader = { .from = from, .file = file };
	const char *line, *wrong = NULL;

	while (!wrong && (line = next_line(&reader)))
		wrong = read_line(all, &reader, line);
	*number = reader.line;
	if (ferror(from)) {
		*number = 0;
		wrong = "";
	}
	free(reader.buffer);
	return wrong;
}
