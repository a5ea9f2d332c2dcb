#include "map_calls.h"

const struct map_call_name map_calls[] = {
	{ MAP_CALL_MMAP, "mmap", true },
	{ MAP_CALL_MUNMAP, "munmap", true },
	{ MAP_CALL_MREMAP, "mremap", true },
	{ MAP_CALL_BRK, "brk", true },
	{ MAP_CALL_SHMAT, "shmat", false },
	{ MAP_CALL_SHMDT, "shmdt", false },
	{ MAP_CALL_PROTECT, "mprotect", false },
	{ MAP_CALL_IO_SETUP, "io_setup", false },
	{ MAP_CALL_IO_DESTROY, "io_destroy", false },
	{ MAP_CALL_SHADOW_STACK, "map_shadow_stack", false },
	{ MAP_CALL_REMAP_PAGES, "remap_file_pages", false },
};
const size_t map_call_count = countof(map_calls);
