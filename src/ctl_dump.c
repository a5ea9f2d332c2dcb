#include "ctl_dump.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl_commands.h"

/* NULL, or why not. A descriptor's number would be the session's, which the client does not
 * know. */
static const char *read_dest(struct ctl_job *job, const char *text)
{
	if (!dest_parse(&job->dest, text))
		return "not a destination; see -o in alloctrace --help";
	if (!job->dest.output)
		return "not a report's format; see -o in alloctrace --help";
	if (job->dest.kind != DEST_FD)
		return NULL;
	if (strcmp(job->dest.path, "-") != 0)
		return "a descriptor's number is the session's own; - is here";
	job->dest.fd = job->answer;
	return NULL;
}

static const char *prepare(struct ctl_job *job)
{
	const char *text = job->args.words[0];
	const char *wrong = text ? read_dest(job, text) : NULL;

	job->errors = memfd_create("errors", MFD_CLOEXEC);
	if (!wrong && (job->errors < 0 || job->answer < 0))
		wrong = "no memory";
	job->one_off = (struct one_off){ .dest = text ? &job->dest : NULL,
		                         .pid = job->request.pid, .errors = job->errors,
		                         .failed = true };
	return wrong;
}

static void begin(struct session *session, struct ctl_job *job)
{
	const char *wrong;

	if (session->due_for) /* another's first */
		return;
	wrong = prepare(job);
	if (wrong) {
		ctl_refuse(session, job, wrong);
		return;
	}
	job->begun = true;
	session->due_for = &job->one_off;
}

/* What the session says of it begins with its name, as the client's own will. */
static void tell(struct session *session, struct ctl_job *job)
{
	static const char name[] = "alloctrace: ";
	char line[1024], *text = line, *end;
	ssize_t len = pread(job->errors, line, sizeof(line) - 1, 0);

	line[len > 0 ? len : 0] = 0;
	end = strchr(line, '\n');
	if (end)
		*end = 0;
	if (strncmp(line, name, sizeof(name) - 1) == 0)
		text += sizeof(name) - 1;
	ctl_refuse(session, job, *text ? text : "the report could not be written");
}

void ctl_dump_go_on(struct session *session, struct ctl_job *job)
{
	bool due = session->due_for == &job->one_off;

	if (session->tracer_ended && (due || !job->begun)) {
		session->due_for = NULL;
		ctl_refuse(session, job, "nothing is traced any more");
	} else if (!job->begun) {
		begin(session, job);
	} else if (!due && reporting_writes(&session->reporting, &job->one_off)) {
		if (!control_waits(session->ctl.socket, job->request.client))
			reporting_give_up(&session->reporting, &job->one_off);
	} else if (!due) {
		if (job->one_off.failed)
			tell(session, job);
		else
			ctl_finish(session, job, CONTROL_OK);
	}
}
