/* operator new at its edges: nothing asked for, too much asked for, an
 * exception in place of a return. */
#include "truth.h"

#include <new>

static size_t too_much = PTRDIFF_MAX;

MARKER(new_nothing);
extern "C" noipa struct block new_nothing()
{
	return took(&new_nothing_marker, T_NEW, ::operator new(0), 0);
}

MARKER(new_after);
extern "C" noipa struct block new_after(size_t size)
{
	return took(&new_after_marker, T_NEW, ::operator new(size), size);
}

MARKER(new_too_much);
extern "C" noipa void new_too_much_nothrow()
{
	took(&new_too_much_marker, T_NEW_N, ::operator new(too_much, std::nothrow), too_much);
	took(&new_too_much_marker, T_VEC_N, ::operator new[](too_much, std::nothrow), too_much);
}

static noipa bool throws(void *(*allocate)(size_t))
{
	try {
		truth_keep(allocate(too_much));
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static void *plain(size_t size) { return ::operator new(size); }
static void *array(size_t size) { return ::operator new[](size); }

static void fail_by_exception(void *(*allocate)(size_t), enum truth_id id)
{
	for (int i = 0; i < 10; i++) {
		if (!throws(allocate))
			abort();
		took(&new_too_much_marker, id, nullptr, too_much);
		new_after(48);
	}
}

int main()
{
	new_nothing();
	new_too_much_nothrow();
	fail_by_exception(plain, T_NEW);
	fail_by_exception(array, T_VEC);
	truth_write();
	return 0;
}
