#include "fn_check.h"

#include "log.h"

static bool any_of_set(const struct fn_list *list, const struct heap *heap, const char *set)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->fns[i].set == set && !heap_fn_problem(heap, i))
			return true;
	return false;
}

static bool is_first_of_set(const struct fn_list *list, size_t i)
{
	return i == 0 || list->fns[i - 1].set != list->fns[i].set;
}

bool fn_check(const struct fn_list *list, const struct heap *heap)
{
	bool good = true;

	for (size_t i = 0; i < list->count; i++) {
		const struct fn *fn = &list->fns[i];
		const char *problem = heap_fn_problem(heap, i);

		if (!problem || (fn->set && (!is_first_of_set(list, i) ||
		                             any_of_set(list, heap, fn->set))))
			continue;
		good = false;
		if (fn->set)
			warn("--fn @%s: none of its functions is in the program", fn->set);
		else
			warn("--fn %s: not traced: %s", fn->text, problem);
	}
	return good;
}
