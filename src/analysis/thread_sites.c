#include "thread_sites.h"

#include <stdlib.h>

static uint64_t key_of(int tid, uint32_t site)
{
	return (uint64_t)(uint32_t)tid << 32 | (site + 1);
}

static uint32_t take_number(struct thread_sites *all)
{
	size_t wanted = all->capacity + all->capacity / 8 + 64;
	struct thread_site *grown;
	uint32_t number = all->unused;

	if (number) {
		all->unused = all->list[number - 1].next;
		return number;
	}
	if (all->count == all->capacity) {
		grown = realloc(all->list, wanted * sizeof(*grown));
		if (!grown)
			return 0;
		all->list = grown;
		all->capacity = wanted;
	}
	return ++all->count;
}

/* 0: there is none, or no memory. */
static uint32_t find(struct thread_sites *all, int tid, uint32_t site, bool make)
{
	uint64_t key = key_of(tid, site), *number;

	if (all->last && all->last_key == key)
		return all->last;
	number = make ? table_put(&all->by_key, key) : table_find(&all->by_key, key);
	if (!number)
		return 0;
	if (!*number) {
		*number = take_number(all);
		if (!*number) {
			table_remove(&all->by_key, key);
			return 0;
		}
		all->list[*number - 1] = (struct thread_site){ .view = { .site = site, .tid = tid },
			                                       .ended = true };
	}
	all->last_key = key;
	return all->last = *number;
}

static void drop(struct thread_sites *all, uint32_t number)
{
	struct thread_site *one = &all->list[number - 1];

	table_remove(&all->by_key, key_of(one->view.tid, one->view.site));
	*one = (struct thread_site){ .next = all->unused };
	all->unused = number;
	all->last = 0;
}

/* The number may have been another thread's, whose blocks live on. */
static void link_to(struct thread_site *one, uint32_t number, uint32_t *first)
{
	if (!one->ended)
		return;
	one->ended = false;
	one->next = *first;
	*first = number;
}

void thread_sites_change(struct thread_sites *all, int tid, uint32_t site, int64_t bytes,
                         uint64_t time_ns, uint32_t *first)
{
	uint32_t number = find(all, tid, site, first != NULL);
	struct thread_site *one = number ? &all->list[number - 1] : NULL;

	if (!one || (!first && !one->view.live_blocks)) /* inherited, or from before */
		return;
	if (first) {
		link_to(one, number, first);
		one->view.allocs++;
		one->view.live_blocks++;
	} else {
		one->view.live_blocks--;
	}
	one->view.live_bytes += bytes;
	one->view.delta = bytes;
	one->time_ns = time_ns;
	if (one->ended && !one->view.live_blocks)
		drop(all, number);
}

void thread_sites_end(struct thread_sites *all, uint32_t first)
{
	while (first) {
		struct thread_site *one = &all->list[first - 1];
		uint32_t number = first;

		first = one->next;
		one->next = 0;
		one->ended = true;
		if (!one->view.live_blocks)
			drop(all, number);
	}
}

void thread_sites_clear(struct thread_sites *all)
{
	all->count = all->unused = all->last = 0;
	table_clear(&all->by_key);
}

void thread_sites_deinit(struct thread_sites *all)
{
	free(all->list);
	table_deinit(&all->by_key);
	*all = (struct thread_sites){ 0 };
}
