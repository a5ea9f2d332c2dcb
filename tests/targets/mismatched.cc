// Frees by functions of another family than it allocates by, each pair once, and some rightly.
#include <cstdlib>
#include <new>

#define noipa __attribute__((noipa))

template<typename T> static noipa T *keep(T *at)
{
	__asm__ volatile("" : "+r"(at) : : "memory");
	return at;
}

// A jump to the free would leave no frame.
static inline void stay()
{
	__asm__ volatile("" : : : "memory");
}

static noipa void new_by_free()
{
	std::free(keep(::operator new(10)));
	stay();
}

static noipa void array_by_delete()
{
	::operator delete(keep(::operator new[](20)));
	stay();
}

static noipa void new_by_array_delete()
{
	::operator delete[](keep(::operator new(30)));
	stay();
}

static noipa void malloc_by_delete()
{
	::operator delete(keep(std::malloc(40)));
	stay();
}

static noipa void array_by_realloc()
{
	std::free(std::realloc(keep(::operator new[](50)), 60));
	stay();
}

static noipa void rightly()
{
	::operator delete(keep(::operator new(1)));
	::operator delete(keep(::operator new(2)), std::size_t(2));
	::operator delete[](keep(::operator new[](3)));
	::operator delete(keep(::operator new(4, std::nothrow)), std::nothrow);
	::operator delete(keep(::operator new(64, std::align_val_t(64))), std::align_val_t(64));
	std::free(keep(std::realloc(keep(std::malloc(5)), 50)));
	std::free(keep(std::calloc(6, 6)));
}

int main()
{
	rightly();
	new_by_free();
	array_by_delete();
	new_by_array_delete();
	malloc_by_delete();
	array_by_realloc();
	rightly();
}
