#include "point_parse.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "log.h"
#include "place_parse.h"

static const struct {
	const char *word;
	enum point_action action;
} actions[] = { { "reset", POINT_RESET }, { "stat", POINT_STAT }, { "dump", POINT_DUMP },
	        { "log:on", POINT_LOG_ON }, { "log:off", POINT_LOG_OFF } };

static bool read_action(struct point *point, const char *text)
{
	static const char mark[] = "mark:";

	for (size_t i = 0; i < countof(actions); i++)
		if (strcmp(text, actions[i].word) == 0) {
			point->action = actions[i].action;
			return true;
		}
	if (strncmp(text, mark, strlen(mark)) != 0 || !text[strlen(mark)])
		return false;
	point->action = POINT_MARK;
	point->name = text + strlen(mark);
	return true;
}

/* The = in front of the action: a name of C++'s may have some, and a mark's too. */
static char *find_action(struct point *point, char *text)
{
	for (char *at = strchr(text, '='); at; at = strchr(at + 1, '='))
		if (read_action(point, at + 1))
			return at;
	return NULL;
}

/* FILE:LINE; no part of a name of C++'s. */
static bool read_line(struct point *point, char *text)
{
	char *colon = strrchr(text, ':'), *end;
	unsigned long line;

	if (!colon || colon == text || colon[-1] == ':' || colon[1] < '0' || colon[1] > '9')
		return false;
	errno = 0;
	line = strtoul(colon + 1, &end, 10);
	if (*end || errno || line < 1 || line > INT_MAX)
		return false;
	*colon = '\0';
	point->file = text;
	point->line = (int)line;
	return true;
}

static const char *read_point(struct point *point, const char *text)
{
	char *copy = strdup(text), *action = copy ? find_action(point, copy) : NULL;
	struct place place;

	if (!copy)
		die(EXIT_OURS, "--at %s: no memory", text);
	if (!action)
		return "what follows = is mark:NAME, reset, stat, dump, log:on or log:off";
	*action = '\0';
	if (read_line(point, copy))
		return NULL;
	if (!place_parse(&place, copy))
		return "it names no place";
	point->module = place.module;
	point->function = place.name;
	if (!place.name && !point->name) /* nothing is kept of it */
		free(copy);
	point->place = place.addr;
	return NULL;
}

void point_parse(struct point_list *list, const char *text)
{
	struct point *points = realloc(list->points, (list->count + 1) * sizeof(*points));
	const char *wrong;

	if (!points)
		die(EXIT_OURS, "--at %s: no memory", text);
	list->points = points;
	points[list->count] = (struct point){ .text = text };
	wrong = read_point(&points[list->count++], text);
	if (wrong)
		die(EXIT_USAGE, "--at %s: %s; e.g. main=mark:begin, see the README", text, wrong);
}

bool point_check(const struct point_list *list, const struct heap *heap)
{
	bool good = true;

	for (size_t i = 0; i < list->count; i++) {
		const char *problem = heap_point_problem(heap, i);

		if (problem)
			warn("--at %s: %s", list->points[i].text, problem);
		good &= !problem;
	}
	return good;
}
