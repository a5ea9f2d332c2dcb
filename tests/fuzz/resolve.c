/* The resolver: symbols against the catalogue, control flow, places for traps. */
#include "analysis/resolve.h"

#include "fuzz.h"

static void hear(void *ctx, const char *sentence)
{
	(void)ctx;
	fuzz_use(sentence);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct resolver *resolver;
	struct functions functions = { 0 };
	struct module module;
	struct plan plan = { .note = hear };

	if (!resolver && !(resolver = resolver_new()))
		abort();
	if (!fuzz_module(&module, bytes, len))
		return 0;
	module.is_loader = len % 2;
	resolve_module(resolver, &module, &functions, &plan);
	for (size_t i = 0; i < plan.count && i < 100; i++)
		resolve_called_name(resolver, &module, plan.probes[i].addr);
	free(plan.probes);
	free(functions.list);
	module_close(&module);
	return 0;
}
