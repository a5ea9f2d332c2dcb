/* Names as people write them against symbols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis/fn_name.h"

static const struct {
	const char *name, *symbol;
	bool is;
} cases[] = {
	{ "pool_get", "pool_get", true },
	{ "pool_get", "pool_get2", false },
	{ "pool_get", "my_pool_get", false },
	{ "pool_get", "_Z8pool_getm", true },
	{ "pool_get(unsigned long)", "_Z8pool_getm", true },
	{ "pool_get( unsigned  long )", "_Z8pool_getm", true },
	{ "pool_get(int)", "_Z8pool_getm", false },
	{ "pool_get()", "_Z8pool_getv", true },
	{ "get", "_ZN4pool5Arena3getEm", false },
	{ "Arena::get", "_ZN4pool5Arena3getEm", false },
	{ "pool::Arena::get", "_ZN4pool5Arena3getEm", true },
	{ "pool::Arena::get", "_ZNK4pool5Arena3getEm", true },
	{ "pool::Arena::get(unsigned long) const", "_ZNK4pool5Arena3getEm", true },
	{ "pool::Arena::get(unsigned long)", "_ZNK4pool5Arena3getEm", false },
	{ "pool::Arena::operator()", "_ZN4pool5ArenaclEm", true },
	{ "pool::Arena::operator()(unsigned long)", "_ZN4pool5ArenaclEm", true },
	{ "pool::Arena::operator()", "_ZN4pool5ArenaixEm", false },
	{ "pool::Arena::operator[]", "_ZN4pool5ArenaixEm", true },
	{ "pool::make<int>", "_ZN4pool4makeIiEEPT_RNS_5ArenaEm", true },
	{ "pool::make<long>", "_ZN4pool4makeIiEEPT_RNS_5ArenaEm", false },
	{ "int* pool::make<int>(pool::Arena&, unsigned long)",
	  "_ZN4pool4makeIiEEPT_RNS_5ArenaEm", true },
	{ "make<int>", "_ZN4pool4makeIiEEPT_RNS_5ArenaEm", false },
	{ "_ZN4pool5Arena3getEm", "_ZN4pool5Arena3getEm", true },
	{ "alloc::alloc::exchange_malloc",
	  "_ZN5alloc5alloc15exchange_malloc17h0123456789abcdefE", true },
	{ "mycrate::pool::get", "_RNvNtCs1234_7mycrate4pool3get", true },
	{ "pool", "_Z", false },
	{ "", "_Z8pool_getm", false },
};

static void each(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (fn_name_is(cases[i].name, cases[i].symbol) != cases[i].is)
			fail_msg("\"%s\" and %s", cases[i].name, cases[i].symbol);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each) };

	return cmocka_run_group_tests_name("fn_name", tests, NULL, NULL);
}
