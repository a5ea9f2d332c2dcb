/* Loads and unloads plugins. What the dynamic loader allocates for it is not
 * stated; the plugin's own sums are, as notes. */
#include "truth.h"

#include <dlfcn.h>
#include <link.h>

#include "plugin.h"

static struct plugin_truth plugins;

ALLOCATOR(host_take, T_MALLOC, malloc(size))

static void *symbol(void *handle, const char *name)
{
	void *at = dlsym(handle, name);

	if (!at)
		abort();
	return at;
}

static void *opened(void *handle)
{
	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(3);
	}
	return handle;
}

static void work_and_close(void *handle, long rounds)
{
	plugin_report_fn *report = (plugin_report_fn *)(uintptr_t)symbol(handle, "plugin_report");
	plugin_work_fn *work = (plugin_work_fn *)(uintptr_t)symbol(handle, "plugin_work");

	report(&plugins);
	if (work(rounds) != rounds)
		abort();
	dlclose(handle);
}

/* Something between the cycles, so that plugins do not always land alike. */
static void load_and_unload(const char *path, int cycles)
{
	for (int i = 0; i < cycles; i++) {
		host_take(100 + (size_t)i);
		work_and_close(opened(dlopen(path, i & 1 ? RTLD_NOW : RTLD_LAZY)), 3);
	}
}

#ifndef LM_ID_NEWLM /* musl has one namespace */
#define LM_ID_NEWLM 0
#define dlmopen(space, path, how) dlopen(path, how)
#endif

static void load_in_namespaces(const char *path, int cycles)
{
	for (int i = 0; i < cycles; i++) {
		host_take(100 + (size_t)i);
		work_and_close(opened(dlmopen(LM_ID_NEWLM, path, RTLD_NOW)), 3);
	}
}

/* The plugin's own allocator, called through its handle. */
MARKER(pool_take);
static noipa struct block pool_take(void *(*take)(size_t), size_t size)
{
	return took(&pool_take_marker, T_MALLOC, take(size), size);
}

static void use_pool(const char *path, int cycles)
{
	void *handle = opened(dlopen(path, RTLD_NOW | RTLD_LOCAL));
	void *(*take)(size_t) = (void *(*)(size_t))(uintptr_t)symbol(handle, "malloc");
	void (*give_back)(void *) = (void (*)(void *))(uintptr_t)symbol(handle, "free");
	struct block block;

	for (int i = 0; i < cycles; i++) {
		block = pool_take(take, 64 + (size_t)i);
		if (i & 1)
			continue;
		give_back(block.at);
		gave(T_FREE, block);
	}
	host_take(10);
}

/* host load|namespace|pool PLUGIN CYCLES */
int main(int argc, char **argv)
{
	int cycles = argc > 3 ? atoi(argv[3]) : 0;

	if (!cycles)
		return 2;
	if (!strcmp(argv[1], "load"))
		load_and_unload(argv[2], cycles);
	else if (!strcmp(argv[1], "namespace"))
		load_in_namespaces(argv[2], cycles);
	else
		use_pool(argv[2], cycles);
	truth_also("plugin_allocs", plugins.allocs);
	truth_also("plugin_frees", plugins.frees);
	truth_also("plugin_bytes_allocated", plugins.bytes_allocated);
	truth_also("plugin_bytes_freed", plugins.bytes_freed);
	truth_write();
	return 0;
}
