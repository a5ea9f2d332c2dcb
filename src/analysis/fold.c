#include "fold.h"

#include <string.h>

#include "types.h"

/* Where the demangled name begins. C++: what the standard containers of libstdc++ and
 * libc++ go through; Rust: the alloc crate down to the global allocator. */
static const char *const beginnings[] = {
	"operator new",
	"void* operator new",
	"__gnu_cxx::new_allocator<",
	"__gnu_cxx::__alloc_traits<",
	"std::__new_allocator<",
	"std::allocator<",
	"std::allocator_traits<",
	"std::__1::allocator<",
	"std::__1::allocator_traits<",
	"std::__1::__libcpp_allocate",
	"std::__1::__libcpp_operator_new",
	"__rust_alloc",
	"__rust_realloc",
	"__rdl_alloc",
	"__rdl_realloc",
	"alloc::alloc::",
	"alloc::raw_vec::",
	"<alloc::alloc::Global as ",
	"std::sys::alloc::",
	"std::alloc::",
};

/* Members of containers that only allocate. */
static const char *const endings[] = {
	"::_M_allocate(unsigned long)",
	"::_M_get_node()",
	"::_M_allocate_node<",
};

bool fold_is_wrapper(const char *function)
{
	for (unsigned i = 0; function && i < countof(beginnings); i++)
		if (strncmp(function, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	for (unsigned i = 0; function && i < countof(endings); i++)
		if (strstr(function, endings[i]))
			return true;
	return false;
}
