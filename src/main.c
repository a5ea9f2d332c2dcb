#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "session.h"

/* argv's own strings lie in a row: the tracer overwrites them in its copy. The
 * environment behind them is left alone. */
static struct title title_of(char **argv)
{
	char *end = argv[0];

	for (int i = 0; argv[i]; i++)
		if (argv[i] == end)
			end += strlen(argv[i]) + 1;
	return (struct title){ argv[0], end - argv[0] };
}

int main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	return session_run(&options, title_of(argv));
}
