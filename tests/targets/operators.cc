/* Every operator new and delete of libstdc++, each called under its own name
 * and paired so that every delete is used. "idle": none of it. */
#include "truth.h"

#include <new>

static constexpr std::align_val_t wide{ 64 };

/* new_NAME(size) and delete_NAME(block). */
#define NEW(name, id, call)                                                              \
	MARKER(name);                                                                    \
	extern "C" noipa struct block name(size_t size)                                  \
	{                                                                                \
		return took(&name##_marker, id, call, size);                             \
	}

#define DELETE(name, id, call)                                                           \
	extern "C" noipa void name(struct block block)                                   \
	{                                                                                \
		void *at = block.at;                                                     \
		call;                                                                    \
		gave(id, block);                                                         \
	}

NEW(new_plain, T_NEW, ::operator new(size))
NEW(new_nothrow, T_NEW_N, ::operator new(size, std::nothrow))
NEW(new_aligned, T_NEW_A, ::operator new(size, wide))
NEW(new_aligned_nothrow, T_NEW_AN, ::operator new(size, wide, std::nothrow))
NEW(new_array, T_VEC, ::operator new[](size))
NEW(new_array_nothrow, T_VEC_N, ::operator new[](size, std::nothrow))
NEW(new_array_aligned, T_VEC_A, ::operator new[](size, wide))
NEW(new_array_aligned_nothrow, T_VEC_AN, ::operator new[](size, wide, std::nothrow))

DELETE(delete_plain, T_DEL, ::operator delete(at))
DELETE(delete_sized, T_DEL_S, ::operator delete(at, block.size))
DELETE(delete_nothrow, T_DEL_N, ::operator delete(at, std::nothrow))
DELETE(delete_aligned, T_DEL_A, ::operator delete(at, wide))
DELETE(delete_sized_aligned, T_DEL_SA, ::operator delete(at, block.size, wide))
DELETE(delete_aligned_nothrow, T_DEL_AN, ::operator delete(at, wide, std::nothrow))
DELETE(delete_array, T_VDEL, ::operator delete[](at))
DELETE(delete_array_sized, T_VDEL_S, ::operator delete[](at, block.size))
DELETE(delete_array_nothrow, T_VDEL_N, ::operator delete[](at, std::nothrow))
DELETE(delete_array_aligned, T_VDEL_A, ::operator delete[](at, wide))
DELETE(delete_array_sized_aligned, T_VDEL_SA, ::operator delete[](at, block.size, wide))
DELETE(delete_array_aligned_nothrow, T_VDEL_AN, ::operator delete[](at, wide, std::nothrow))

static const struct pair {
	struct block (*take)(size_t);
	void (*give)(struct block);
} pairs[] = {
	{ new_plain, delete_plain },
	{ new_plain, delete_sized },
	{ new_nothrow, delete_nothrow },
	{ new_nothrow, delete_plain },
	{ new_aligned, delete_aligned },
	{ new_aligned, delete_sized_aligned },
	{ new_aligned_nothrow, delete_aligned_nothrow },
	{ new_array, delete_array },
	{ new_array, delete_array_sized },
	{ new_array_nothrow, delete_array_nothrow },
	{ new_array_aligned, delete_array_aligned },
	{ new_array_aligned, delete_array_sized_aligned },
	{ new_array_aligned_nothrow, delete_array_aligned_nothrow },
};

int main(int argc, char **argv)
{
	bool idle = argc > 1 && !strcmp(argv[1], "idle");

	for (const struct pair &pair : pairs) {
		if (idle)
			break;
		for (size_t size = 1; size < 300000; size = size * 3 + 1) {
			pair.give(pair.take(size));
			pair.take(size + 5);
		}
		pair.give(no_block);
	}
	truth_write();
	return 0;
}
