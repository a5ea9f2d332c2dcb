/* The same figures for programs, and what both take from the heap. */
#ifndef FIGURES_JSON_H
#define FIGURES_JSON_H

#include <yajl/yajl_gen.h>

#include "figures.h"

uint64_t figures_mem_count(const struct heap_counters *); /* usable bytes in use, if known */
int64_t figures_net_mmaps(const struct heap_maps *);
int64_t figures_net_shm(const struct heap_maps *); /* bytes */
uint64_t figures_held(const struct heap_maps *); /* bytes that allocators have mapped */

void figures_json_stat(FILE *, const struct figures *);
void figures_json_groups(FILE *, const struct figures *, enum heap_group_by);
void figures_json_sites(FILE *, const struct figures *);
void figures_json_growth(FILE *, const struct figures *, const struct heap_growth *, size_t count);
void figures_json_site(FILE *, const struct figures *, const struct heap_site *sites, size_t count,
                       int tid);

/* Members, for the reports too. */
void figures_json_counters(yajl_gen, struct heap *);        /* a map of these: */
void figures_json_counter_members(yajl_gen, struct heap *);
void figures_json_site_counters(yajl_gen, struct heap *, uint32_t site);
void figures_json_by_group(yajl_gen, const char *key, struct heap *, enum heap_group_by);

#endif
