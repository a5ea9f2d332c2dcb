/* A suppression against a site. valgrind's begin with the function it replaced: where
 * strdup is one call here, it is malloc called by strdup there. */
#include "match.h"

#include <stdlib.h>
#include <string.h>

#include "pattern.h"

static const char nameless[] = "???"; /* what valgrind writes for what has no name */

static const char *or_nameless(const char *name)
{
	return name ? name : nameless;
}

/* Other names valgrind has for the same: it knows no clone3, and calls whatever calls
 * main "(below main)". */
static const struct { const char *symbol, *other; } others[] = {
	{ "clone3", "clone" },
	{ "__clone3", "clone" },
	{ "_start", "(below main)" },
	{ "__libc_start_main", "(below main)" },
	{ "__libc_start_main_impl", "(below main)" },
	{ "__libc_start_call_main", "(below main)" },
};

static bool is_other(const char *pattern, const char *symbol)
{
	for (size_t i = 0; symbol && i < countof(others); i++)
		if (strcmp(symbol, others[i].symbol) == 0 &&
		    pattern_whole(pattern, others[i].other))
			return true;
	return false;
}

static bool is_function(const char *pattern, const struct heap_frame *frame)
{
	return pattern_whole(pattern, or_nameless(frame->symbol)) ||
	       (frame->function && pattern_whole(pattern, frame->function)) ||
	       is_other(pattern, frame->symbol);
}

/* valgrind knows files without their folders. */
static bool is_source(const struct step *step, const struct heap_frame *frame)
{
	const char *file = or_nameless(frame->file), *slash = strrchr(file, '/');

	return (!step->line || step->line == frame->line) &&
	       (pattern_whole(step->pattern, file) ||
	        (slash && pattern_whole(step->pattern, slash + 1)));
}

static bool is_step(const struct step *step, const struct heap_frame *frame)
{
	switch (step->kind) {
	case STEP_FUN:
		return is_function(step->pattern, frame);
	case STEP_OBJ:
		return pattern_whole(step->pattern, or_nameless(frame->module));
	case STEP_SRC:
		return is_source(step, frame);
	default:
		return false;
	}
}

/* The frames begin with the steps. */
static bool is_chain(const struct suppression *suppression, const struct heap_frame *frames,
                     size_t count)
{
	const struct step *steps = suppression->steps;
	size_t step = 0, frame = 0, gap = 0, skipped = 0; /* gap: the step after the last ... */

	while (step < suppression->step_count) {
		if (steps[step].kind == STEP_FRAMES) {
			gap = ++step;
			skipped = frame;
		} else if (frame < count && is_step(&steps[step], &frames[frame])) {
			step++;
			frame++;
		} else if (gap && skipped < count) {
			step = gap;
			frame = ++skipped;
		} else {
			return false;
		}
	}
	return suppression->step_count > 0;
}

static bool is_within(const char *pattern, const struct heap_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *texts[] = { frames[i].function, frames[i].module, frames[i].file };

		for (size_t k = 0; k < countof(texts); k++)
			if (texts[k] && pattern_within(pattern, texts[k]))
				return true;
	}
	return false;
}

/* How else valgrind sees a call: another function in its place, or another one that
 * it calls in turn. Found by comparing. */
static const struct form {
	const char *prefix; /* of the site's function */
	const char *inner;
	bool instead;
} forms[] = {
	{ "strdup", "malloc", false },
	{ "strndup", "malloc", false },
	{ "realloc", "malloc", true }, /* of NULL */
	{ "reallocarray", "realloc", true },
	{ "reallocarray", "realloc", false },
	{ "aligned_alloc", "memalign", true },
	{ "posix_memalign", "memalign", false },
	{ "_Zn", "malloc", false },
	{ "_Zn", "memalign", false },
	{ "_Zn", "aligned_alloc", false },
};

struct stack { /* room for an inner function, the site's own, and its callers */
	struct heap_frame own, *frames;
	size_t count;
};

static bool is_prefix(const char *prefix, const char *name)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_form(const struct suppression *by, const struct stack *stack,
                    const struct form *form)
{
	const struct heap_frame inner = { .function = form->inner, .symbol = form->inner };

	if (!is_prefix(form->prefix, stack->own.symbol) &&
	    !is_prefix(form->prefix, stack->own.function))
		return false;
	stack->frames[form->instead] = inner;
	stack->frames[!form->instead] = stack->own;
	return is_chain(by, stack->frames + form->instead, stack->count - form->instead);
}

static bool is_covered(const struct suppression *by, const struct stack *stack)
{
	stack->frames[1] = stack->own;
	if (by->step_count == 1 && by->steps->kind == STEP_ANY)
		return is_within(by->steps->pattern, stack->frames + 1, stack->count - 1);
	if (is_chain(by, stack->frames + 1, stack->count - 1))
		return true;
	for (size_t i = 0; i < countof(forms); i++)
		if (is_form(by, stack, &forms[i]))
			return true;
	return false;
}

size_t match_site(const struct suppressions *all, const struct heap_site *site,
                  const struct heap_frame *callers, size_t count)
{
	struct stack stack = { { .function = site->function, .symbol = site->symbol },
		               calloc(count + 2, sizeof(*callers)), count + 2 };
	size_t i = 0;

	if (!stack.frames)
		return all->count;
	if (count)
		memcpy(stack.frames + 2, callers, count * sizeof(*callers));
	while (i < all->count && !is_covered(&all->list[i], &stack))
		i++;
	free(stack.frames);
	return i;
}
