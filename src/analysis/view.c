#include "view.h"

#include <stdlib.h>

struct view *view_of(struct heap *heap, pid_t tid)
{
	uint64_t *slot = table_put(&heap->views, tid);

	if (!slot)
		return NULL;
	if (!*slot)
		*slot = (uintptr_t)calloc(1, sizeof(struct view));
	return (struct view *)(uintptr_t)*slot;
}

static void view_free(struct view *view)
{
	if (view) {
		image_deinit(&view->image);
		image_deinit(&view->other);
		unwound_deinit(&view->stack);
	}
	free(view);
}

void view_drop(struct heap *heap, pid_t tid)
{
	const uint64_t *slot = table_find(&heap->views, tid);

	if (slot)
		view_free((struct view *)(uintptr_t)*slot);
	table_remove(&heap->views, tid);
}

void view_drop_all(struct heap *heap)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&heap->views, &at));)
		view_free((struct view *)(uintptr_t)slot->value);
	table_clear(&heap->views);
}

void view_forget_walks(struct heap *heap)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&heap->views, &at));)
		((struct view *)(uintptr_t)slot->value)->stack.count = 0;
}
