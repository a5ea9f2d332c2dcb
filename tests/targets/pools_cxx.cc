// Allocators of its own under names that people write in more than one way.
#include <cstddef>
#include <cstdlib>

#define noipa __attribute__((noipa))

namespace pool {

struct Arena {
	char bytes[1 << 16];
	std::size_t used = 0;

	noipa void *get(std::size_t size);
	noipa void *get(std::size_t size, int kind);
	noipa void put(void *at);
	noipa void *operator()(std::size_t size);
};

noipa void *Arena::get(std::size_t size)
{
	void *at = bytes + used;

	used += (size + 15) & ~std::size_t(15);
	return at;
}

noipa void *Arena::get(std::size_t size, int kind)
{
	return kind ? get(size) : nullptr;
}

noipa void Arena::put(void *at)
{
	*static_cast<volatile char *>(at) = 0;
}

noipa void *Arena::operator()(std::size_t size)
{
	return get(size);
}

template<typename T> noipa T *make(Arena &arena, std::size_t count)
{
	return static_cast<T *>(arena.get(count * sizeof(T)));
}

} // namespace pool

int main()
{
	static pool::Arena arena;
	void *at[5];

	for (std::size_t i = 0; i < 5; i++)
		at[i] = arena.get(10 + i);
	for (std::size_t i = 0; i < 3; i++)
		at[i] = arena.get(20, 1);
	arena.put(at[0]);
	arena(33);
	return pool::make<int>(arena, 4) == nullptr;
}
