#include "check.h"

#include "bare_stop.h"
#include "log.h"
#include "session.h"

#define LOOK_MS 1000

int check_main(int argc, char **argv, struct title title)
{
	struct options options;

	options_parse(&options, argc, argv, "check:-");
	if (options.argv)
		die(EXIT_USAGE, "check looks at a process that runs: alloctrace check -p PID");
	options_check_outputs(&options, argv[0], "reports", false);
	if (options.record)
		die(EXIT_USAGE, "--record %s: check keeps no recording; see alloctrace --help",
		    options.record);
	if (!options.duration_ms)
		options.duration_ms = LOOK_MS;
	options.bare_stop = bare_stop_measure();
	return session_run(&options, title);
}
