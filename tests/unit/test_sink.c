/* What a reader who does not read costs: whole records, which are counted, or a brake. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sink.h"

#define RECORDS 60000 /* of 100 bytes: more than is kept for a reader */

struct pipe_sink {
	int reader, writer;
	struct polls polls;
	struct stream_options options;
	struct sink *sink;
};

static struct pipe_sink *open_sink(enum sink_on_block on_block)
{
	struct pipe_sink *one = calloc(1, sizeof(*one));
	struct dest dest = { .kind = DEST_FD, .path = "3" };
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	one->reader = ends[0];
	one->writer = dest.fd = ends[1];
	one->options.on_block = on_block;
	one->sink = sink_new(&dest, 1, &one->options, &one->polls);
	assert_non_null(one->sink);
	fcntl(one->reader, F_SETFL, O_NONBLOCK);
	return one;
}

static void close_sink(struct pipe_sink *one)
{
	sink_free(one->sink);
	close(one->reader);
	close(one->writer);
	free(one);
}

static void put(struct pipe_sink *one, unsigned number)
{
	fprintf(one->sink->file, "%098u\n", number);
	fprintf(one->sink->file, "\n"); /* two lines, one record */
	sink_take(one->sink);
}

/* All that comes now: how many records, each of which is whole; *last: the highest. */
static unsigned read_records(struct pipe_sink *one, unsigned *last)
{
	static char text[100];
	static size_t have;
	unsigned count = 0;
	ssize_t n;

	while ((n = read(one->reader, text + have, sizeof(text) - have)) > 0) {
		have += (size_t)n;
		if (have < sizeof(text))
			continue;
		assert_int_equal(strspn(text, "0123456789"), 98);
		assert_memory_equal(text + 98, "\n\n", 2);
		*last = (unsigned)strtoul(text, NULL, 10);
		have = 0;
		count++;
	}
	return count;
}

static unsigned drain(struct pipe_sink *one, unsigned *last)
{
	unsigned count = 0;

	while (!sink_is_empty(one->sink)) {
		count += read_records(one, last);
		polls_wait(&one->polls, 0);
		sink_write(one->sink);
	}
	return count + read_records(one, last);
}

static void what_does_not_fit_is_dropped_whole_and_counted(void **state)
{
	struct pipe_sink *one = open_sink(SINK_DROPS);
	unsigned last = 0, count;

	(void)state;
	for (unsigned i = 1; i <= RECORDS; i++) {
		put(one, i);
		assert_false(sink_brakes(one->sink));
	}
	assert_true(one->sink->dropped > 0);
	count = drain(one, &last);
	assert_int_equal(count + one->sink->dropped, RECORDS);
	assert_int_equal(last, count); /* the first ones, in their order */
	put(one, RECORDS + 1);
	assert_int_equal(drain(one, &last), 1);
	assert_int_equal(last, RECORDS + 1);
	assert_false(one->sink->failed);
	close_sink(one);
}

static void whoever_waits_brakes_until_half_is_read(void **state)
{
	struct pipe_sink *one = open_sink(SINK_WAITS);
	unsigned written = 0, got = 0, last = 0;

	(void)state;
	while (!sink_brakes(one->sink))
		put(one, ++written);
	while (sink_brakes(one->sink)) {
		got += read_records(one, &last);
		polls_wait(&one->polls, 0);
	}
	assert_in_range(got, written / 2 - 1000, written / 2 + 1000); /* some are in the pipe */
	got += drain(one, &last);
	assert_int_equal(got, written);
	assert_int_equal(one->sink->dropped, 0);
	close_sink(one);
}

static void a_waiting_that_is_ended_drops_until_there_is_a_reader(void **state)
{
	struct pipe_sink *one = open_sink(SINK_WAITS);
	unsigned written = 0, got, last = 0;

	(void)state;
	while (!sink_brakes(one->sink))
		put(one, ++written);
	sink_release(one->sink, false);
	assert_false(sink_brakes(one->sink));
	for (int i = 0; i < 1000; i++)
		put(one, ++written);
	assert_int_equal(one->sink->dropped, 1000);
	got = drain(one, &last);
	assert_int_equal(got + 1000, written);
	while (!sink_brakes(one->sink))
		put(one, ++written);
	assert_int_equal(drain(one, &last) + got + 1000, written);
	close_sink(one);
}

static void a_descriptor_without_a_reader_is_gone_for_good(void **state)
{
	struct pipe_sink *one = open_sink(SINK_WAITS);
	int silent = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);

	(void)state;
	close(one->reader);
	one->reader = -1;
	dup2(nowhere, STDERR_FILENO);
	put(one, 1);
	sink_write(one->sink);
	put(one, 2);
	dup2(silent, STDERR_FILENO);
	close(silent);
	close(nowhere);
	assert_true(one->sink->gone && one->sink->failed);
	assert_false(sink_brakes(one->sink));
	assert_true(sink_is_empty(one->sink));
	close_sink(one);
}

static void a_long_line_is_whole_in_a_file_that_is_not_too_long(void **state)
{
	char folder[] = "/tmp/test_sink.XXXXXX", path[64], name[80];
	const struct stream_options options = { .max_size = 180000, .keep = 3 };
	const struct dest dest = { .kind = DEST_FILE, .path = path };
	struct polls polls = { .count = 0 };
	struct sink *sink;
	struct stat stat_;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/long", folder);
	sink = sink_new(&dest, 1, &options, &polls);
	assert_non_null(sink);
	for (int i = 0; i < 3; i++) {
		fprintf(sink->file, "%0100000d\n", i);
		assert_true(sink_take(sink));
	}
	sink_free(sink);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), i ? "%s.%d" : "%s", path, i);
		assert_int_equal(stat(name, &stat_), 0);
		assert_int_equal(stat_.st_size, 100001);
		assert_int_equal(unlink(name), 0);
	}
	assert_int_equal(rmdir(folder), 0);
}

static void nothing_is_slept_through_where_there_is_no_room_to_wait(void **state)
{
	struct pipe_sink *one = open_sink(SINK_WAITS);
	unsigned written = 0, last = 0;

	(void)state;
	for (int i = 0; i < POLLS_MAX; i++) /* none of which is ever ready */
		assert_true(polls_add(&one->polls, -1, POLLIN, NULL, NULL));
	while (!sink_brakes(one->sink))
		put(one, ++written);
	assert_false(one->sink->polled);
	alarm(60);
	polls_wait(&one->polls, -1);
	alarm(0);
	one->polls.count = 0;
	assert_int_equal(drain(one, &last), written);
	close_sink(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_dropped_whole_and_counted),
		cmocka_unit_test(whoever_waits_brakes_until_half_is_read),
		cmocka_unit_test(a_waiting_that_is_ended_drops_until_there_is_a_reader),
		cmocka_unit_test(a_descriptor_without_a_reader_is_gone_for_good),
		cmocka_unit_test(a_long_line_is_whole_in_a_file_that_is_not_too_long),
		cmocka_unit_test(nothing_is_slept_through_where_there_is_no_room_to_wait),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
