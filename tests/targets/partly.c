/* partly KIND: allocators of which somebody may be told a part only. Every free in it is right; each
 * KIND makes one that looks wrong to who does not see cell_take, or what cells_new calls. */
#include <stdlib.h>
#include <string.h>

#define noipa __attribute__((noipa))
#define CELL 64

struct cell {
	struct cell *next;
};

struct cells { /* they lie behind it */
	size_t used;
	char room[4096 - sizeof(size_t)];
};

static struct cell *free_cells;
static _Alignas(16) char arena[1 << 16];
static size_t used;
static struct cells *last;

static void *pop(void)
{
	struct cell *cell = free_cells;

	if (cell)
		free_cells = cell->next;
	else
		cell = (struct cell *)(arena + used), used += CELL;
	return cell;
}

noipa void *cell_get(size_t size)
{
	return size > CELL ? NULL : pop();
}

noipa void *cell_take(size_t size)
{
	return size > CELL ? NULL : pop();
}

noipa void *cell_resize(void *at, size_t size)
{
	return size > CELL ? NULL : at ? at : pop();
}

noipa void cell_put(void *at)
{
	struct cell *cell = at;

	cell->next = free_cells;
	free_cells = cell;
}

/* Four cells at once. */
noipa void *cell_get_four(void)
{
	void *at = arena + used;

	used += 4 * CELL;
	return at;
}

noipa void *cells_new(void)
{
	last = malloc(sizeof(*last));
	last->used = CELL;
	return last->room;
}

noipa void cells_end(void)
{
	free(last);
}

/* Its one way leads back to where it begins, where no trap can stand then. */
void *loops_back(size_t size);
__asm__(".type loops_back, @function\nloops_back: dec %rdi\njg loops_back\nxor %eax, %eax\nret\n"
        ".size loops_back, . - loops_back\n");

noipa void *object_new(void)
{
	return arena;
}

noipa void object_ref(void *object)
{
	__asm__ volatile("" : : "r"(object) : "memory");
}

noipa void object_unref(void *object)
{
	__asm__ volatile("" : : "r"(object) : "memory");
}

noipa void object_end(void *object)
{
	__asm__ volatile("" : : "r"(object) : "memory");
}

/* The second has the first one's address, and not its reference. */
static void references(void)
{
	void *object = object_new();

	object_ref(object);
	object_end(object);
	object_unref(object_new());
}

/* From one function, the second by a call of its own. */
static void last_reference(void)
{
	void *object = object_new();

	object_ref(object);
	object_unref(object);
	object_end(object);
	__asm__ volatile("" : : : "memory"); /* no jump */
}

static void again(void)
{
	cell_put(cell_get(10));
	cell_put(cell_take(10));
}

static void never_seen(void)
{
	cell_put(cell_take(10));
}

static void resized(void)
{
	cell_put(cell_get(10));
	cell_put(cell_resize(cell_take(10), 20));
}

static void part(void)
{
	char *four = cell_get_four();

	cell_put(four + CELL);
}

static void hidden(void)
{
	cells_new();
	cells_end();
}

/* malloc gives the same block again. */
static void hidden_again(void)
{
	void *at = malloc(sizeof(struct cells));

	__asm__ volatile("" : "+r"(at) : : "memory");
	free(at);
	cells_new();
	if (last != at)
		exit(3);
	cells_end();
}

static void loop(void)
{
	loops_back(3);
}

static const struct {
	const char *name;
	void (*make)(void);
} kinds[] = {
	{ "again", again }, { "never-seen", never_seen }, { "resized", resized }, { "part", part },
	{ "hidden", hidden }, { "references", references },
	{ "last-reference", last_reference }, { "loop", loop }, { "hidden-again", hidden_again },
};

int main(int count, char **words)
{
	for (size_t i = 0; count > 1 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(words[1], kinds[i].name) == 0) {
			kinds[i].make();
			return 0;
		}
	return 2;
}
