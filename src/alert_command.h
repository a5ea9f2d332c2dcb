/* A user's command, run beside the session: nothing waits for it while something is traced. */
#ifndef ALERT_COMMAND_H
#define ALERT_COMMAND_H

#include "polls.h"

struct alert_value { /* of a variable in its environment, never a part of what the shell reads */
	const char *name, *text; /* text: NULL, a number */
	int64_t number;
};

static inline struct alert_value alert_text(const char *name, const char *text)
{
	return (struct alert_value){ name, text, 0 };
}

static inline struct alert_value alert_number(const char *name, int64_t number)
{
	return (struct alert_value){ name, NULL, number };
}

/* False: it was not started; said once. */
bool alert_command_run(struct polls *, const char *command, const struct alert_value *, size_t count);
bool alert_command_any(void);     /* is one still running? */
void alert_command_end_all(void); /* they are asked to, none is waited for */

#endif
