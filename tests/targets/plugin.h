/* What a plugin tells its host. */
#ifndef PLUGIN_H
#define PLUGIN_H

struct plugin_truth {
	long allocs, frees, bytes_allocated, bytes_freed;
};

/* Allocates in plugin_work and returns how many blocks it left. */
typedef long plugin_work_fn(long rounds);
/* Where to add the plugin's sums when it is unloaded. */
typedef void plugin_report_fn(struct plugin_truth *);

#endif
