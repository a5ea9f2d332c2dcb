// Has operators of its own, which the compiler puts where they are called, or does not, and frees
// all by the right one.
#include <cstdlib>
#include <new>
#include <string>

#define noipa __attribute__((noipa))

void *operator new(std::size_t size)
{
	void *at = std::malloc(size ? size : 1);

	if (!at)
		throw std::bad_alloc();
	return at;
}

void operator delete(void *at) noexcept
{
	std::free(at);
}

void operator delete(void *at, std::size_t) noexcept
{
	std::free(at);
}

// A call through these is the operator's.
static void *(*volatile make)(std::size_t) = operator new;
static void (*volatile drop)(void *) = operator delete;

template<typename T> static noipa T *keep(T *at)
{
	__asm__ volatile("" : "+r"(at) : : "memory");
	return at;
}

int main()
{
	std::string text;

	::operator delete(keep(make(10)));
	drop(keep(::operator new(20)));
	delete[] keep(new char[30]);
	for (int i = 0; i < 100; i++)
		text += std::to_string(i);
	return text.empty();
}
