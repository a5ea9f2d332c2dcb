/* Names of addresses, by libdw: symbol tables, .gnu_debugdata, DWARF lines. */
#include "analysis/symbol.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct module module;
	struct symbol *symbols;
	size_t count;

	if (!fuzz_module(&module, bytes, len))
		return 0;
	for (unsigned i = 0; i < 0x2000; i += 0x2b) {
		symbols = symbols_of(&module, module.begin + i, i & 1, &count);
		for (size_t k = 0; k < count; k++) {
			fuzz_use(symbols[k].function);
			fuzz_use(symbols[k].name);
			fuzz_use(symbols[k].file);
			symbol_free(&symbols[k]);
		}
		free(symbols);
	}
	module_close(&module);
	return 0;
}
