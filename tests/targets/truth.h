/* Targets tell the truth about what they did: one JSON line, written by
 * truth_write to the file that TRUTH names or else to stdout.
 *
 * A target calls an allocator inside a function of its own that carries a
 * MARKER, and hands the result to took, retook or gave, which count it by the
 * rules of INTERFACE.md. Sums are kept by allocator function and by marker, so
 * what the C runtime allocates beside cannot blur them. A forked child may tell of
 * itself, in a file of its own: truth_child. Nothing here allocates,
 * and all but truth_also and truth_write may be called from any thread and from
 * signal handlers. */
#ifndef TRUTH_H
#define TRUTH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define noipa __attribute__((noipa))
#define unused __attribute__((unused))

#ifndef TRUTH_OTHERS /* a target's own, in the same way */
#define TRUTH_OTHERS(ALLOC, FREE)
#endif
#define TRUTH_FUNCTIONS(ALLOC, FREE)                                                     \
	ALLOC(T_MALLOC, "malloc")                                                        \
	ALLOC(T_CALLOC, "calloc")                                                        \
	ALLOC(T_REALLOC, "realloc")                                                      \
	ALLOC(T_REALLOCARRAY, "reallocarray")                                            \
	ALLOC(T_MEMALIGN, "memalign")                                                    \
	ALLOC(T_POSIX_MEMALIGN, "posix_memalign")                                        \
	ALLOC(T_ALIGNED_ALLOC, "aligned_alloc")                                          \
	ALLOC(T_VALLOC, "valloc")                                                        \
	ALLOC(T_PVALLOC, "pvalloc")                                                      \
	ALLOC(T_STRDUP, "strdup")                                                        \
	ALLOC(T_STRNDUP, "strndup")                                                      \
	FREE(T_FREE, "free")                                                             \
	ALLOC(T_NEW, "operator new(unsigned long)")                                      \
	ALLOC(T_NEW_A, "operator new(unsigned long, std::align_val_t)")                  \
	ALLOC(T_NEW_N, "operator new(unsigned long, std::nothrow_t const&)")             \
	ALLOC(T_NEW_AN,                                                                  \
	      "operator new(unsigned long, std::align_val_t, std::nothrow_t const&)")    \
	ALLOC(T_VEC, "operator new[](unsigned long)")                                    \
	ALLOC(T_VEC_A, "operator new[](unsigned long, std::align_val_t)")                \
	ALLOC(T_VEC_N, "operator new[](unsigned long, std::nothrow_t const&)")           \
	ALLOC(T_VEC_AN,                                                                  \
	      "operator new[](unsigned long, std::align_val_t, std::nothrow_t const&)")  \
	FREE(T_DEL, "operator delete(void*)")                                            \
	FREE(T_DEL_S, "operator delete(void*, unsigned long)")                           \
	FREE(T_DEL_N, "operator delete(void*, std::nothrow_t const&)")                   \
	FREE(T_DEL_A, "operator delete(void*, std::align_val_t)")                        \
	FREE(T_DEL_SA, "operator delete(void*, unsigned long, std::align_val_t)")        \
	FREE(T_DEL_AN,                                                                   \
	     "operator delete(void*, std::align_val_t, std::nothrow_t const&)")          \
	FREE(T_VDEL, "operator delete[](void*)")                                         \
	FREE(T_VDEL_S, "operator delete[](void*, unsigned long)")                        \
	FREE(T_VDEL_N, "operator delete[](void*, std::nothrow_t const&)")                \
	FREE(T_VDEL_A, "operator delete[](void*, std::align_val_t)")                     \
	FREE(T_VDEL_SA, "operator delete[](void*, unsigned long, std::align_val_t)")     \
	FREE(T_VDEL_AN,                                                                  \
	     "operator delete[](void*, std::align_val_t, std::nothrow_t const&)")             \
	TRUTH_OTHERS(ALLOC, FREE)

#define TRUTH_ID(id, name) id,
enum truth_id { TRUTH_FUNCTIONS(TRUTH_ID, TRUTH_ID) TRUTH_ID_COUNT };

struct truth_function {
	const char *name;
	bool frees;
	long calls, failed, null, bytes;
};

#define TRUTH_ALLOC(id, name) { name, false, 0, 0, 0, 0 },
#define TRUTH_FREE(id, name) { name, true, 0, 0, 0, 0 },
static struct truth_function truth_functions[] = { TRUTH_FUNCTIONS(TRUTH_ALLOC, TRUTH_FREE) };

struct marker {
	const char *name;
	long allocs, frees, bytes_allocated, bytes_freed;
	long inherited_blocks, inherited_bytes; /* a child's, see truth_child */
} __attribute__((aligned(64)));

/* Markers gather in a section of their own, so none has to be registered. */
#define MARKER(name)                                                                     \
	static struct marker name##_marker                                               \
	        __attribute__((section("markers"), used)) = { #name, 0, 0, 0, 0, 0, 0 }

#ifdef __cplusplus
extern "C" {
#endif
extern struct marker __start_markers[] __attribute__((weak, visibility("hidden")));
extern struct marker __stop_markers[] __attribute__((weak, visibility("hidden")));
#ifdef __cplusplus
}
#endif

struct block {
	void *at;
	size_t size;
	struct marker *by;
};

static const struct block no_block unused = { NULL, 0, NULL };

static inline void truth_add(long *sum, long value)
{
	__atomic_fetch_add(sum, value, __ATOMIC_RELAXED);
}

/* Keeps the compiler from seeing through, reordering or tail-calling. */
static inline void *truth_keep(void *at)
{
	__asm__ volatile("" : "+r"(at) : : "memory");
	return at;
}

static inline struct block truth_block(struct marker *by, enum truth_id id, void *at, size_t size)
{
	struct block block = { at, size, by };

	truth_add(&truth_functions[id].bytes, (long)size);
	truth_add(&by->allocs, 1);
	truth_add(&by->bytes_allocated, (long)size);
	return block;
}

static inline void truth_gone(struct block block)
{
	truth_add(&block.by->frees, 1);
	truth_add(&block.by->bytes_freed, (long)block.size);
}

/* An allocation of size bytes returned at. Of none it may be a null pointer. */
static inline struct block took(struct marker *by, enum truth_id id, void *at, size_t size)
{
	at = truth_keep(at);
	truth_add(&truth_functions[id].calls, 1);
	if (at)
		return truth_block(by, id, at, size);
	truth_add(&truth_functions[id].failed, size != 0);
	return no_block;
}

/* A reallocation of old to size bytes returned at. */
static unused struct block retook(struct marker *by, enum truth_id id, struct block old, void *at,
                                  size_t size)
{
	at = truth_keep(at);
	truth_add(&truth_functions[id].calls, 1);
	if (!at && (size || !old.at)) {
		truth_add(&truth_functions[id].failed, 1);
		return old;
	}
	if (old.at)
		truth_gone(old);
	return at ? truth_block(by, id, at, size) : no_block;
}

/* A block, or a null pointer, was given back. */
static inline void gave(enum truth_id id, struct block block)
{
	truth_keep(block.at);
	truth_add(&truth_functions[id].calls, 1);
	if (block.at)
		truth_gone(block);
	else
		truth_add(&truth_functions[id].null, 1);
}

static unused void give(struct block block)
{
	free(block.at);
	gave(T_FREE, block);
}

/* A function named name(size) that allocates by the given call and is marked. */
#define ALLOCATOR(name, id, call)                                                        \
	MARKER(name);                                                                    \
	static noipa struct block name(size_t size)                                      \
	{                                                                                \
		return took(&name##_marker, id, call, size);                             \
	}

/* ---- telling ------------------------------------------------------------ */

static struct {
	char text[24576];
	size_t length;
} truth_line;

static struct {
	const char *key;
	long value;
} truth_notes[16];

/* One more key of the line. */
static unused void truth_also(const char *key, long value)
{
	for (size_t i = 0; i < sizeof(truth_notes) / sizeof(truth_notes[0]); i++) {
		if (truth_notes[i].key && strcmp(truth_notes[i].key, key))
			continue;
		truth_notes[i].key = key;
		truth_notes[i].value = value;
		return;
	}
	abort();
}

static void truth_say(const char *text)
{
	size_t length = strlen(text);

	if (truth_line.length + length >= sizeof(truth_line.text))
		abort();
	memcpy(truth_line.text + truth_line.length, text, length);
	truth_line.length += length;
}

static void truth_unsay_comma(void)
{
	if (truth_line.text[truth_line.length - 1] == ',')
		truth_line.length--;
}

static void truth_say_number(const char *key, long value)
{
	char text[128];

	snprintf(text, sizeof(text), "\"%s\":%ld,", key, value);
	truth_say(text);
}

static void truth_open(const char *key)
{
	truth_say("\"");
	truth_say(key);
	truth_say("\":{");
}

static void truth_close(void)
{
	truth_unsay_comma();
	truth_say("},");
}

static void truth_say_function(const struct truth_function *function)
{
	truth_open(function->name);
	truth_say_number("calls", function->calls);
	if (function->frees) {
		truth_say_number("null", function->null);
	} else {
		truth_say_number("failed", function->failed);
		truth_say_number("bytes", function->bytes);
	}
	truth_close();
}

static long truth_live_blocks(const struct marker *sum)
{
	return sum->inherited_blocks + sum->allocs - sum->frees;
}

static long truth_live_bytes(const struct marker *sum)
{
	return sum->inherited_bytes + sum->bytes_allocated - sum->bytes_freed;
}

static void truth_say_sums(const struct marker *sum)
{
	truth_open(sum->name);
	truth_say_number("allocs", sum->allocs);
	truth_say_number("frees", sum->frees);
	truth_say_number("bytes_allocated", sum->bytes_allocated);
	truth_say_number("bytes_freed", sum->bytes_freed);
	truth_say_number("inherited_blocks", sum->inherited_blocks);
	truth_say_number("inherited_bytes", sum->inherited_bytes);
	truth_say_number("live_blocks", truth_live_blocks(sum));
	truth_say_number("live_bytes", truth_live_bytes(sum));
	truth_close();
}

static struct marker truth_total(void)
{
	struct marker total = { "totals", 0, 0, 0, 0, 0, 0 };

	for (const struct marker *m = __start_markers; m < __stop_markers; m++) {
		total.allocs += m->allocs;
		total.frees += m->frees;
		total.bytes_allocated += m->bytes_allocated;
		total.bytes_freed += m->bytes_freed;
		total.inherited_blocks += m->inherited_blocks;
		total.inherited_bytes += m->inherited_bytes;
	}
	return total;
}

static void truth_compose(void)
{
	struct marker total = truth_total();

	truth_line.length = 0;
	truth_say("{");
	truth_open("functions");
	for (int id = 0; id < TRUTH_ID_COUNT; id++)
		if (truth_functions[id].calls)
			truth_say_function(&truth_functions[id]);
	truth_close();
	truth_say_sums(&total);
	truth_open("markers");
	for (const struct marker *m = __start_markers; m < __stop_markers; m++)
		truth_say_sums(m);
	truth_close();
	for (size_t i = 0; truth_notes[i].key; i++)
		truth_say_number(truth_notes[i].key, truth_notes[i].value);
	truth_unsay_comma();
	truth_say("}\n");
}

static bool truth_is_child;

/* We are a forked child: what there is now is inherited, and nothing is done yet. */
static unused void truth_child(void)
{
	for (struct marker *m = __start_markers; m < __stop_markers; m++) {
		m->inherited_blocks = truth_live_blocks(m);
		m->inherited_bytes = truth_live_bytes(m);
		m->allocs = m->frees = m->bytes_allocated = m->bytes_freed = 0;
	}
	for (int id = 0; id < TRUTH_ID_COUNT; id++) {
		struct truth_function *function = &truth_functions[id];

		function->calls = function->failed = function->null = function->bytes = 0;
	}
	truth_is_child = true;
}

static const char *truth_path(void)
{
	static char of_child[4096];
	const char *path = getenv("TRUTH");

	if (!truth_is_child)
		return path;
	if (!path || !strcmp(path, "/dev/null"))
		return "/dev/null";
	snprintf(of_child, sizeof(of_child), "%s.%d", path, (int)getpid());
	return of_child;
}

static unused void truth_write(void)
{
	const char *path = truth_path();
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : 1;

	truth_compose();
	if (fd < 0 || write(fd, truth_line.text, truth_line.length) != (ssize_t)truth_line.length)
		abort();
	if (path)
		close(fd);
}

/* Plain words to stdout, past stdio, which allocates. */
static unused void say(const char *format, long value)
{
	char text[256];
	int length = snprintf(text, sizeof(text), format, value);

	if (write(1, text, (size_t)length) != length)
		abort();
}

#endif
