/* Exceptions fly through frames that hold blocks; handlers and destructors
 * allocate and free on the way. */
#include "truth.h"

#include <stdexcept>
#include <string>

MARKER(take_held);
extern "C" noipa struct block take_held(size_t size)
{
	return took(&take_held_marker, T_NEW, ::operator new(size), size);
}

MARKER(take_in_destructor);
extern "C" noipa struct block take_in_destructor(size_t size)
{
	return took(&take_in_destructor_marker, T_NEW, ::operator new(size), size);
}

MARKER(take_in_handler);
extern "C" noipa struct block take_in_handler(size_t size)
{
	return took(&take_in_handler_marker, T_MALLOC, malloc(size), size);
}

static void drop(struct block block)
{
	::operator delete(block.at);
	gave(T_DEL, block);
}

struct holder {
	struct block held;
	explicit holder(size_t size) : held(take_held(size)) {}
	~holder()
	{
		drop(take_in_destructor(held.size / 2));
		drop(held);
	}
};

static noipa int fall(int depth)
{
	holder one(static_cast<size_t>(depth) * 8 + 16);

	if (!depth)
		throw std::runtime_error(std::string(100, 'e'));
	return fall(depth - 1) + 1;
}

static noipa void rise(int depth)
{
	try {
		fall(depth);
	} catch (const std::exception &) {
		take_in_handler(static_cast<size_t>(depth) + 1);
		if (depth & 1)
			throw;
	}
}

int main()
{
	long again = 0;

	for (int depth = 0; depth < 30; depth++) {
		try {
			rise(depth);
		} catch (const std::runtime_error &) {
			again++;
		}
	}
	truth_also("rethrown", again);
	truth_write();
	return 0;
}
