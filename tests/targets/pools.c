/* Allocators of its own, which --fn is told of; what is done to each is in tests/test_fn.py. As
 * `pools wait` it first says "ready PID" and, at a line, goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

struct node {
	struct node *next;
	char rest[56];
};

static char arena[1 << 20];
static size_t used;
int a_variable = 1;

/* Its memory lies in one block of malloc's, whose address the first of it has. */
static char *slab;
static size_t slab_used;

noipa void *pool_get(void *pool, size_t size)
{
	void *at = arena + used;

	(void)pool;
	used += (size + 15) & ~15ul;
	return at;
}

noipa void pool_put(void *pool, void *at)
{
	(void)pool;
	*(volatile char *)at = 0;
}

noipa void *pool_clear(size_t count, int flags, size_t size)
{
	(void)flags;
	return pool_get(arena, count * size);
}

noipa void *pool_resize(int flags, void *old, size_t size)
{
	(void)flags, (void)old;
	return size ? pool_get(arena, size) : NULL;
}

noipa struct node *node_new(void)
{
	return pool_get(arena, sizeof(struct node));
}

noipa void node_free_all(struct node *first)
{
	__asm__ volatile("" : : "r"(first) : "memory");
}

noipa int store_block(int a, int b, int c, int d, size_t size, void **out)
{
	if (a + b + c + d != 10)
		return 1;
	*out = pool_get(arena, size);
	return 0;
}

noipa void *wrap_malloc(size_t size)
{
	return malloc(size + 16);
}

noipa void wrap_free(void *at)
{
	free(at);
}

noipa void *slab_get(size_t size)
{
	void *at;

	if (!slab)
		slab = malloc(4096);
	at = slab + slab_used;
	slab_used += size;
	return at;
}

noipa void slab_put(void *at)
{
	__asm__ volatile("" : : "r"(at) : "memory");
}

static noipa void *take_indeed(void *ctx, size_t size)
{
	return pool_get(ctx, size);
}

static void *(*volatile indeed)(void *, size_t) = take_indeed;

/* Where it goes on is known at run time. */
noipa void *jump_on(size_t size)
{
	return indeed(arena, size);
}

static void *chain(unsigned count)
{
	struct node *first = NULL, *node;

	while (count--) {
		node = node_new();
		node->next = first;
		first = node;
	}
	return first;
}

/* The result goes where no general register does first. */
noipa double as_double(void)
{
	double value;
	void *at = jump_on(40);

	memcpy(&value, &at, sizeof(value));
	return value;
}

struct object {
	unsigned references;
};

noipa struct object *object_new(void)
{
	struct object *object = malloc(sizeof(*object));

	object->references = 1;
	return object;
}

noipa void object_ref(struct object *object)
{
	object->references++;
}

noipa void object_unref(struct object *object)
{
	if (!--object->references)
		free(object);
}

/* The first two are left with a reference. */
static void use_objects(void)
{
	struct object *objects[4];

	for (unsigned i = 0; i < 4; i++)
		objects[i] = object_new();
	for (unsigned i = 0; i < 4; i++)
		for (unsigned n = 0; n < i; n++)
			object_ref(objects[i]);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned n = 0; n < i; n++)
			object_unref(objects[i]);
	object_unref(objects[3]);
	object_unref(objects[2]);
}

int main(int count, char **words)
{
	void *at[10], *out = NULL;
	char line[16];

	(void)words;
	if (count > 1) {
		printf("ready %d\n", getpid());
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			return 2;
	}
	for (size_t i = 0; i < 10; i++)
		at[i] = pool_get(arena, 100 + i);
	for (size_t i = 0; i < 4; i++)
		pool_put(arena, at[i]);
	at[0] = pool_clear(7, 1, 11);
	at[0] = pool_resize(1, at[0], 50);
	if (pool_resize(1, at[0], 0))
		return 3;
	node_free_all(chain(25));
	node_free_all(NULL);
	chain(3);
	if (store_block(1, 2, 3, 4, 777, &out) || !store_block(2, 2, 3, 4, 555, &out))
		return 4;
	for (size_t i = 0; i < 10; i++)
		at[i] = wrap_malloc(50);
	for (size_t i = 0; i < 6; i++)
		wrap_free(at[i]);
	for (size_t i = 0; i < 10; i++)
		at[i] = slab_get(32);
	slab_put(at[0]);
	free(slab);
	for (size_t i = 0; i < 5; i++)
		at[i] = jump_on(i + 1);
	for (size_t i = 0; i < 3; i++)
		pool_put(arena, at[i]);
	use_objects();
	return as_double() == 0 ? 5 : 0;
}
