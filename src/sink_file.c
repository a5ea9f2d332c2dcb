#include "sink_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "sink_open.h"

static bool is_moved(const struct sink *sink)
{
	struct stat named, opened;

	return sink->kind == DEST_FILE && !sink->sent &&
	       (stat(sink->path, &named) < 0 || fstat(sink->fd, &opened) < 0 ||
	        named.st_ino != opened.st_ino || named.st_dev != opened.st_dev);
}

void sink_reopen(struct sink *sink)
{
	int error;

	if (sink->kind != DEST_FILE || sink->fd < 0 || sink->sent)
		return;
	sink_close(sink);
	error = sink_open(sink);
	if (error)
		sink_lose(sink, -error);
}

/* What leads elsewhere (/dev/stdout) is not ours to rename. */
static bool has_own_name(const struct sink *sink)
{
	struct stat named;

	return sink->kind == DEST_FILE && lstat(sink->path, &named) == 0 &&
	       S_ISREG(named.st_mode) && !is_moved(sink);
}

bool sink_can_rotate(const struct sink *sink)
{
	const struct stream_options *options = sink->options;

	return !sink->is_file || !options->max_size || !options->keep || has_own_name(sink);
}

/* FILE.1 becomes FILE.2, and so on; the last one is gone. False: to is in the way. */
static bool rotate(const struct sink *sink, char *to, size_t len)
{
	char from[len];

	snprintf(to, len, "%s.1", sink->path);
	errno = ELOOP;
	if (!has_own_name(sink))
		return false;
	for (unsigned i = sink->options->keep; i > 0; i--) {
		snprintf(from, len, i > 1 ? "%s.%u" : "%s", sink->path, i - 1);
		snprintf(to, len, "%s.%u", sink->path, i);
		if (rename(from, to) < 0 && (i == 1 || errno != ENOENT))
			return false;
	}
	return true;
}

/* It grows by as much again, and is tried again then: nothing is lost. */
static void outgrow(struct sink *sink, uint64_t size, const char *to)
{
	int error = errno;
	char why[128];

	if (!sink->outgrown)
		warn("%s is full and cannot be %s%s: %s; it grows on", sink->path,
		     to ? "renamed to " : "truncated", to ? to : "",
		     strerror_r(error, why, sizeof(why)));
	sink->outgrown = size;
}

static void make_room(struct sink *sink, uint64_t size)
{
	size_t len = strlen(sink->path) + 16;
	char to[len];

	if (!sink->options->keep) {
		if (ftruncate(sink->fd, 0) < 0)
			outgrow(sink, size, NULL);
		else if (sink->kind == DEST_FD)
			lseek(sink->fd, 0, SEEK_SET);
	} else if (rotate(sink, to, len)) {
		sink_reopen(sink);
	} else {
		outgrow(sink, size, to);
	}
}

/* A line that alone is longer than a file may be has one of its own. */
size_t sink_file_room(struct sink *sink, const char *bytes, size_t len)
{
	uint64_t max = sink->options->max_size;
	struct stat stat_;
	const char *end;
	size_t room;

	if (is_moved(sink))
		sink_reopen(sink);
	if (sink->fd < 0 || !max)
		return sink->fd < 0 ? 0 : len;
	for (int i = 0; !sink->sent && i < 2 && fstat(sink->fd, &stat_) == 0; i++) {
		uint64_t size = (uint64_t)stat_.st_size, limit = max + sink->outgrown;

		room = size < limit ? limit - size : 0;
		end = room < len ? memrchr(bytes, '\n', room) : bytes + len - 1;
		if (end)
			return end + 1 - bytes;
		if (size)
			make_room(sink, size);
		if (sink->fd < 0)
			return 0;
	}
	end = memchr(bytes, '\n', len);
	return end ? (size_t)(end + 1 - bytes) : len;
}
