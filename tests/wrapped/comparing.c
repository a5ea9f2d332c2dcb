/* Linked into alloctrace: every stack is unwound once more, by libunwind from its first frame to
 * its last, without what the thread's previous stack tells. COMPARED=FILE: there it is told at
 * the end how many stacks and frames there were, how many stacks were not the same, and the
 * nanoseconds of processor time that alloctrace's own way took for all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/unwind.h"
#include "clock.h"

#define UNWINDERS_MAX 64

static struct {
	struct unwinder *real, *plain;
} pairs[UNWINDERS_MAX];

static struct {
	unsigned long stacks, frames, different;
	uint64_t ns;
} compared;

struct unwinder *__real_unwinder_new(struct modules *, unsigned depth);
struct unwinder *__wrap_unwinder_new(struct modules *, unsigned depth);
void __real_unwinder_free(struct unwinder *);
void __wrap_unwinder_free(struct unwinder *);
void __real_unwinder_set_pid(struct unwinder *, pid_t);
void __wrap_unwinder_set_pid(struct unwinder *, pid_t);
void __real_unwinder_flush(struct unwinder *);
void __wrap_unwinder_flush(struct unwinder *);
void __real_unwind(struct unwinder *, const struct stack_image *, const struct stack_image *other,
                   const struct unwound_frame *start, taddr_t unchanged_from, struct unwound *);
void __wrap_unwind(struct unwinder *, const struct stack_image *, const struct stack_image *other,
                   const struct unwound_frame *start, taddr_t unchanged_from, struct unwound *);

static struct unwinder **plain_of(const struct unwinder *real)
{
	for (unsigned i = 0; i < UNWINDERS_MAX; i++)
		if (pairs[i].real == real)
			return &pairs[i].plain;
	abort();
}

static void tell(void)
{
	const char *path = getenv("COMPARED");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "{\"stacks\": %lu, \"frames\": %lu, \"different\": %lu, \"ns\": %lu}\n",
	        compared.stacks, compared.frames, compared.different, (unsigned long)compared.ns);
	fclose(file);
}

struct unwinder *__wrap_unwinder_new(struct modules *modules, unsigned depth)
{
	static bool is_told;
	struct unwinder *real = __real_unwinder_new(modules, depth);
	struct unwinder **plain = plain_of(NULL);

	if (!is_told)
		atexit(tell);
	is_told = true;
	*plain = __real_unwinder_new(modules, depth);
	for (unsigned i = 0; i < UNWINDERS_MAX; i++)
		if (&pairs[i].plain == plain)
			pairs[i].real = real;
	return real;
}

void __wrap_unwinder_free(struct unwinder *real)
{
	if (!real)
		return;
	__real_unwinder_free(*plain_of(real));
	for (unsigned i = 0; i < UNWINDERS_MAX; i++)
		if (pairs[i].real == real)
			pairs[i].real = NULL;
	__real_unwinder_free(real);
}

void __wrap_unwinder_set_pid(struct unwinder *real, pid_t pid)
{
	__real_unwinder_set_pid(real, pid);
	__real_unwinder_set_pid(*plain_of(real), pid);
}

void __wrap_unwinder_flush(struct unwinder *real)
{
	__real_unwinder_flush(real);
	__real_unwinder_flush(*plain_of(real));
}

static bool is_same(const struct unwound *a, const struct unwound *b)
{
	bool same = a->count == b->count && a->truncated == b->truncated;

	for (unsigned i = 0; same && i < a->count; i++)
		same = a->frames[i].regs.pc == b->frames[i].regs.pc &&
		       a->frames[i].regs.sp == b->frames[i].regs.sp &&
		       a->frames[i].exact == b->frames[i].exact;
	return same;
}

void __wrap_unwind(struct unwinder *real, const struct stack_image *image,
                   const struct stack_image *other, const struct unwound_frame *start,
                   taddr_t unchanged_from, struct unwound *last)
{
	static struct unwound plain;
	uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	__real_unwind(real, image, other, start, unchanged_from, last);
	compared.ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
	plain.count = 0;
	__real_unwind(*plain_of(real), image, other, start, UINT64_MAX, &plain);
	compared.stacks++;
	compared.frames += last->count;
	compared.different += !is_same(last, &plain);
}
