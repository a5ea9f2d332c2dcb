#include "map_call.h"

#include <sys/syscall.h>

static const struct {
	int number;
	enum map_call_kind kind;
} calls[] = {
	{ SYS_mmap, MAP_CALL_MMAP },
	{ SYS_munmap, MAP_CALL_MUNMAP },
	{ SYS_mremap, MAP_CALL_MREMAP },
	{ SYS_brk, MAP_CALL_BRK },
	{ SYS_shmat, MAP_CALL_SHMAT },
	{ SYS_shmdt, MAP_CALL_SHMDT },
	{ SYS_mprotect, MAP_CALL_PROTECT },
	{ SYS_pkey_mprotect, MAP_CALL_PROTECT },
	{ SYS_io_setup, MAP_CALL_IO_SETUP },
	{ SYS_io_destroy, MAP_CALL_IO_DESTROY },
	{ 453, MAP_CALL_SHADOW_STACK }, /* SYS_map_shadow_stack, not in older headers */
	{ SYS_remap_file_pages, MAP_CALL_REMAP_PAGES },
	{ SYS_exit_group, MAP_CALL_EXIT },
	{ SYS_clone, MAP_CALL_CLONE },
	{ SYS_clone3, MAP_CALL_CLONE },
};

enum map_call_kind map_call_of(int number)
{
	for (unsigned i = 0; i < countof(calls); i++)
		if (calls[i].number == number)
			return calls[i].kind;
	return MAP_CALL_NONE;
}

bool map_call_maps(enum map_call_kind kind)
{
	return kind != MAP_CALL_NONE && kind != MAP_CALL_EXIT && kind != MAP_CALL_CLONE;
}

bool map_call_is_restarted(int64_t result)
{
	return result >= -516 && result <= -512;
}

bool map_call_failed(const struct map_call *call)
{
	return call->result < 0 && call->result > -4096;
}

/* The enum's order is the one they are told in. */
static const char *const names[MAP_CALLS] = {
	[MAP_CALL_MMAP] = "mmap", [MAP_CALL_MUNMAP] = "munmap", [MAP_CALL_MREMAP] = "mremap",
	[MAP_CALL_BRK] = "brk", [MAP_CALL_SHMAT] = "shmat", [MAP_CALL_SHMDT] = "shmdt",
	[MAP_CALL_PROTECT] = "mprotect", [MAP_CALL_IO_SETUP] = "io_setup",
	[MAP_CALL_IO_DESTROY] = "io_destroy", [MAP_CALL_SHADOW_STACK] = "map_shadow_stack",
	[MAP_CALL_REMAP_PAGES] = "remap_file_pages", [MAP_CALL_EXIT] = "exit_group",
	[MAP_CALL_CLONE] = "clone",
};

const char *map_call_name(enum map_call_kind kind)
{
	return names[kind];
}

unsigned map_call_arguments(enum map_call_kind kind)
{
	static const unsigned char arguments[MAP_CALLS] = {
		[MAP_CALL_MMAP] = 6, [MAP_CALL_MUNMAP] = 2, [MAP_CALL_MREMAP] = 5,
		[MAP_CALL_BRK] = 1, [MAP_CALL_SHMAT] = 3, [MAP_CALL_SHMDT] = 1,
		[MAP_CALL_PROTECT] = 3, [MAP_CALL_IO_SETUP] = 2, [MAP_CALL_IO_DESTROY] = 1,
		[MAP_CALL_SHADOW_STACK] = 3, [MAP_CALL_REMAP_PAGES] = 5, [MAP_CALL_EXIT] = 1,
		[MAP_CALL_CLONE] = 5,
	};

	return arguments[kind];
}
