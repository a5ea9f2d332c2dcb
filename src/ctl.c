#include "ctl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attend.h"
#include "crash.h"
#include "ctl_commands.h"
#include "ctl_dump.h"
#include "ctl_switch.h"
#include "log.h"

#define AT_A_TURN 16
#define SENTENCE 1024

/* ---- answers ----------------------------------------------------------------------------- */

static struct traced *process_of_request(struct session *session, int pid)
{
	struct processes *processes = &session->processes;
	struct traced *found = pid ? NULL : processes->first;

	for (size_t i = 0; pid && i < processes->count; i++)
		if (processes->list[i]->pid == pid && (!found || !processes->list[i]->ended))
			found = processes->list[i];
	return found;
}

const char *ctl_find_process(struct ctl_call *call, const struct ctl_command *command, int pid)
{
	call->traced = process_of_request(call->session, pid);
	if (!call->traced)
		return "this process is not traced here";
	if (command->of && !call->traced->executed)
		return "the program has not begun yet";
	return NULL;
}

/* Its answer, or what is wrong, goes to the file. */
static enum control_status run(struct session *session, const struct ctl_command *command,
                               const struct ctl_args *args, int pid, FILE *out)
{
	struct ctl_call call = { .session = session, .args = args, .out = out };
	struct report report;
	const char *wrong = ctl_find_process(&call, command, pid);

	if (wrong) {
		fputs(wrong, out);
		return CONTROL_ERROR;
	}
	if (command->of) {
		report = reporting_head(&session->reporting, call.traced);
		call.figures = (struct figures){ &report, session->options->stats, time(NULL),
			                         args->json };
	}
	return command->run(&call);
}

void ctl_say(struct session *session, uint64_t client, enum control_status status,
             const char *text)
{
	control_answer(session->ctl.socket, client, status, text, strlen(text));
}

static void do_now(struct session *session, const struct control_request *request,
                   const struct ctl_command *command, const struct ctl_args *args)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	enum control_status status;

	if (!out) {
		ctl_say(session, request->client, CONTROL_ERROR, "no memory");
		return;
	}
	status = run(session, command, args, request->pid, out);
	if (fclose(out) == 0)
		control_answer(session->ctl.socket, request->client, status, text, len);
	else
		ctl_say(session, request->client, CONTROL_ERROR, "no memory");
	free(text);
}

/* ---- jobs -------------------------------------------------------------------------------- */

static void finish(struct session *session, struct ctl_job *job, enum control_status status)
{
	int told = job->errors >= 0 && status != CONTROL_OK ? job->errors : job->answer;
	char text[SENTENCE];
	ssize_t len;

	if (status == CONTROL_OK) {
		control_answer_file(session->ctl.socket, job->request.client, job->answer);
		job->answer = -1;
		return;
	}
	len = pread(told, text, sizeof(text), 0);
	control_answer(session->ctl.socket, job->request.client, status, text, len > 0 ? len : 0);
}

static void drop(struct session *session, struct ctl_job *job)
{
	struct ctl_job **at = &session->ctl.jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (job->ended >= 0) {
		polls_drop(&session->polls, job->ended);
		close(job->ended);
	}
	if (job->answer >= 0)
		close(job->answer);
	if (job->errors >= 0)
		close(job->errors);
	free(job);
}

void ctl_finish(struct session *session, struct ctl_job *job, enum control_status status)
{
	finish(session, job, status);
	drop(session, job);
}

void ctl_refuse(struct session *session, struct ctl_job *job, const char *why)
{
	ctl_say(session, job->request.client, CONTROL_ERROR, why);
	drop(session, job);
}

/* What its exit status tells beside enum control_status. */
enum { COPY_FOUND_SILENCE = 4 };

static _Noreturn void be_copy(struct session *session, const struct ctl_job *job, pid_t front)
{
	FILE *out = fdopen(job->answer, "w");
	enum control_status status = CONTROL_ERROR;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != front || !out)
		_exit(CONTROL_ERROR);
	prctl(PR_SET_NAME, "at-writer");
	crash_of_writer();
	heap_ask_server(true);
	status = run(session, job->command, &job->args, job->request.pid, out);
	if (fflush(out) != 0)
		status = CONTROL_ERROR;
	_exit(status | (heap_server_is_silent() ? COPY_FOUND_SILENCE : 0));
}

static void begin_copy(struct session *session, struct ctl_job *job)
{
	pid_t front = getpid();

	job->begun = true;
	job->pid = fork();
	if (job->pid == 0)
		be_copy(session, job, front);
	if (job->pid > 0)
		job->ended = pidfd_open(job->pid, 0);
	if (job->ended >= 0)
		polls_add(&session->polls, job->ended, POLLIN, NULL, NULL);
}

/* Without a descriptor to wait for it we look whenever we are awake. */
static void look_at_copy(struct session *session, struct ctl_job *job)
{
	int status, told;

	if (job->pid < 0) {
		ctl_refuse(session, job, "no memory or no process for the answer");
		return;
	}
	if (waitpid(job->pid, &status, WNOHANG) == 0)
		return;
	told = WIFEXITED(status) ? WEXITSTATUS(status) & ~COPY_FOUND_SILENCE : CONTROL_STATUSES;
	if (WIFEXITED(status) && WEXITSTATUS(status) & COPY_FOUND_SILENCE)
		heap_give_up_on_server();
	if (told < CONTROL_STATUSES)
		ctl_finish(session, job, told);
	else
		ctl_refuse(session, job, "the answer is lost: who made it was killed");
}

static bool is_wanted(const struct session *session, const struct ctl_job *job)
{
	return control_waits(session->ctl.socket, job->request.client);
}

static bool is_copy(const struct ctl_job *job)
{
	return job->command->manner == CTL_COPY;
}

static bool is_switch(const struct ctl_job *job)
{
	return job->command->manner == CTL_OFF || job->command->manner == CTL_ON;
}

/* True: of those behind none is to begin. */
static bool copy_go_on(struct session *session, struct ctl_job *job, bool copying)
{
	if (!job->begun && !copying)
		begin_copy(session, job);
	if (job->pid > 0 && !is_wanted(session, job))
		kill(job->pid, SIGKILL);
	if (job->begun)
		look_at_copy(session, job);
	return true;
}

/* Copies are made one at a time, and so is switched; no dump makes them wait. What nobody waits
 * for any more is not begun. */
static void go_on(struct session *session)
{
	bool copying = false, switching = false;

	for (struct ctl_job *job = session->ctl.jobs, *next; job; job = next) {
		next = job->next;
		if (!job->begun && !is_wanted(session, job))
			drop(session, job);
		else if (is_copy(job))
			copying = copy_go_on(session, job, copying);
		else if (is_switch(job))
			switching = switching || ctl_switch_go_on(session, job);
		else
			ctl_dump_go_on(session, job);
	}
}

/* The words are its own copy's. */
static void add_job(struct session *session, const struct control_request *request,
                    const struct ctl_command *command, const struct ctl_args *args)
{
	struct ctl_job *job = calloc(1, sizeof(*job)), **at = &session->ctl.jobs;

	if (!job) {
		ctl_say(session, request->client, CONTROL_ERROR, "no memory");
		return;
	}
	job->request = *request;
	job->command = command;
	job->args = *args;
	for (int i = 0; i < args->count; i++)
		job->args.words[i] = job->request.line + (args->words[i] - request->line);
	job->ended = job->errors = -1;
	job->answer = memfd_create("answer", MFD_CLOEXEC);
	while (*at)
		at = &(*at)->next;
	*at = job;
}

/* ---- requests ---------------------------------------------------------------------------- */

/* There is room for all clients that there are, once those that have gone are left out. */
static void wait_for(struct session *session, struct ctl_waiters *waiters,
                     const struct control_request *request)
{
	unsigned count = 0;

	for (unsigned i = 0; i < waiters->count; i++)
		if (control_waits(session->ctl.socket, waiters->clients[i]))
			waiters->clients[count++] = waiters->clients[i];
	waiters->clients[count++] = request->client;
	waiters->count = count;
}

static void tell_all(struct session *session, struct ctl_waiters *waiters,
                     enum control_status status, const char *text)
{
	while (waiters->count)
		ctl_say(session, waiters->clients[--waiters->count], status, text);
}

void ctl_tell_alert(struct session *session, const char *line)
{
	if (session->ctl.socket)
		tell_all(session, &session->ctl.alerted, CONTROL_OK, line);
}

static void stop(struct session *session, const struct control_request *request)
{
	attend_leave(session);
	wait_for(session, &session->ctl.stoppers, request);
}

static void tell_stoppers(struct session *session)
{
	if (session->tracer_ended)
		tell_all(session, &session->ctl.stoppers, CONTROL_OK,
		         session->leaving ? "let go\n" : "it has ended\n");
}

static void obey(struct session *session, const struct control_request *request)
{
	const struct ctl_command *command = ctl_command_find(request->words[0]);
	struct ctl_args args;
	const char *wrong = command ? ctl_args_read(&args, request, &command->syntax) :
	                              "no such command; help lists what there is";

	if (wrong)
		ctl_say(session, request->client, CONTROL_USAGE, wrong);
	else if (command->manner == CTL_NOW)
		do_now(session, request, command, &args);
	else if (command->manner == CTL_STOP)
		stop(session, request);
	else if (command->manner == CTL_ALERT)
		wait_for(session, &session->ctl.alerted, request);
	else
		add_job(session, request, command, &args);
}

void ctl_work(struct session *session)
{
	struct ctl *ctl = &session->ctl;
	const struct control_request *request = NULL;
	int i = 0;

	if (!ctl->socket)
		return;
	for (; i < AT_A_TURN && (request = control_take(ctl->socket)); i++)
		obey(session, request);
	ctl->more = request;
	go_on(session);
	tell_stoppers(session);
}

bool ctl_is_awaited(const struct session *session)
{
	bool copies = false, watched = false;

	for (const struct ctl_job *job = session->ctl.jobs; job; job = job->next) {
		copies |= is_copy(job);
		watched |= job->ended >= 0;
	}
	return session->ctl.more || (copies && !watched);
}

/* ---- begin and end ----------------------------------------------------------------------- */

static void serve(void *ctx, short revents)
{
	(void)revents;
	control_serve(ctx);
}

void ctl_begin(struct session *session)
{
	struct ctl *ctl = &session->ctl;

	if (session->options->ctl == CTL_NONE)
		return;
	ctl->socket = control_open();
	if (!ctl->socket && session->options->ctl == CTL_NEEDED)
		die(EXIT_OURS, "there is no place for a control socket in /tmp/alloctrace-ctl-%u:",
		    geteuid());
	if (ctl->socket)
		polls_add(&session->polls, control_fd(ctl->socket), POLLIN, serve, ctl->socket);
}

void ctl_end(struct session *session)
{
	struct ctl *ctl = &session->ctl;

	go_on(session); /* a dump's writer has been waited for */
	while (ctl->jobs) {
		if (ctl->jobs->pid > 0) {
			kill(ctl->jobs->pid, SIGKILL);
			waitpid(ctl->jobs->pid, NULL, 0);
		}
		ctl_refuse(session, ctl->jobs, "the session has ended");
	}
	if (ctl->socket) {
		tell_stoppers(session);
		tell_all(session, &ctl->alerted, CONTROL_ERROR, "the session has ended");
	}
	control_close(ctl->socket);
	ctl->socket = NULL;
}
