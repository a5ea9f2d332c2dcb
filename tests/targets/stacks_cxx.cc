/* Allocations below C++ frames: methods, templates, lambdas, a static object's
 * constructor, a handler of an exception, a destructor during unwinding. */
#include "truth.h"

#include <functional>
#include <stdexcept>
#include <string>

#define AFTER_THE_CALL __asm__ volatile("" ::: "memory")

MARKER(leak_new);
extern "C" noipa void leak_new()
{
	took(&leak_new_marker, T_NEW, ::operator new(24), 24);
}

namespace zoo
{
struct animal {
	virtual ~animal() = default;
	virtual void speak(int times) const = 0;
};

struct parrot : animal {
	noipa void speak(int times) const override;
};

void parrot::speak(int times) const
{
	if (times > 1)
		speak(times - 1);
	else
		leak_new();
	AFTER_THE_CALL;
}

template <typename Kind> struct cage {
	Kind kind;
	noipa void open(const std::string &)
	{
		static_cast<const animal &>(kind).speak(3);
		AFTER_THE_CALL;
	}
};

struct early {
	noipa early()
	{
		leak_new();
		AFTER_THE_CALL;
	}
};

struct late {
	noipa ~late()
	{
		leak_new();
		AFTER_THE_CALL;
	}
};
}

static zoo::early static_object;

static noipa void call_function(const std::function<void(int)> &function)
{
	function(1);
	AFTER_THE_CALL;
}

static noipa void throw_past(int depth)
{
	zoo::late destroyed_while_unwinding;

	if (!depth)
		throw std::runtime_error("x");
	throw_past(depth - 1);
	AFTER_THE_CALL;
}

static noipa void catch_it()
{
	try {
		throw_past(1);
	} catch (const std::exception &) {
		leak_new();
	}
	AFTER_THE_CALL;
}

int main()
{
	zoo::cage<zoo::parrot> cage;

	cage.open("word");
	call_function([](int) {
		leak_new();
		AFTER_THE_CALL;
	});
	catch_it();
	truth_write();
	return 0;
}
