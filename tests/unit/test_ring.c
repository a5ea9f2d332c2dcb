/* The ring, within one process and between two. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ring.h"

#define PAGE 4096
#define RECORDS 1000000

static struct ring ring_of(size_t size)
{
	struct ring ring;

	assert_int_equal(ring_init(&ring, size), 0);
	return ring;
}

static void fill(void *at, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)at)[i] = seed * 31 + i * 7;
}

static bool is_filled(const void *at, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		if (((const uint8_t *)at)[i] != (uint8_t)(seed * 31 + i * 7))
			return false;
	return true;
}

static void put(struct ring *ring, size_t len, unsigned seed)
{
	void *at = ring_reserve(ring, len);

	assert_non_null(at);
	fill(at, len, seed);
	ring_commit(ring, len);
}

static void take(struct ring *ring, size_t len, unsigned seed)
{
	size_t there;
	const void *at = ring_peek(ring, &there);

	assert_true(there >= len);
	assert_true(is_filled(at, len, seed));
	ring_consume(ring, len);
}

static void new_ring_is_empty(void **state)
{
	struct ring ring = ring_of(PAGE);
	size_t len = 1;

	(void)state;
	assert_int_equal(ring.size, PAGE);
	assert_true(ring_empty(&ring));
	ring_peek(&ring, &len);
	assert_int_equal(len, 0);
	ring_deinit(&ring);
	assert_null(ring.shared);
	ring_deinit(&ring);
}

static void nothing_wraps(void **state)
{
	struct ring ring = ring_of(PAGE);

	(void)state;
	put(&ring, PAGE - 16, 1);
	take(&ring, PAGE - 16, 1);
	put(&ring, 64, 2);
	take(&ring, 64, 2);
	assert_true(is_filled(ring.body + PAGE - 16, 64, 2));
	fill(ring.body + PAGE, 48, 3); /* the same memory as the body's first bytes */
	assert_memory_equal(ring.body, ring.body + PAGE, 48);
	ring_deinit(&ring);
}

static void every_length_passes_every_place(void **state)
{
	struct ring ring = ring_of(PAGE);

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = 8 * (1 + i * 37 % (PAGE / 8));

		put(&ring, len, i);
		take(&ring, len, i);
	}
	assert_true(ring_empty(&ring));
	ring_deinit(&ring);
}

static void records_queue_up_contiguously(void **state)
{
	struct ring ring = ring_of(PAGE);
	size_t len;

	(void)state;
	put(&ring, PAGE - 80, 0);
	take(&ring, PAGE - 80, 0);
	for (unsigned i = 0; i < 10; i++)
		put(&ring, 40, i);
	ring_peek(&ring, &len);
	assert_int_equal(len, 400);
	for (unsigned i = 0; i < 10; i++)
		take(&ring, 40, i);
	assert_true(ring_empty(&ring));
	ring_deinit(&ring);
}

static void less_may_be_committed_than_was_reserved(void **state)
{
	struct ring ring = ring_of(PAGE);
	uint8_t *first = ring_reserve(&ring, 512), *second;
	size_t len;

	(void)state;
	ring_commit(&ring, 24);
	ring_peek(&ring, &len);
	assert_int_equal(len, 24);
	second = ring_reserve(&ring, 8);
	assert_ptr_equal(second, first + 24);
	ring_deinit(&ring);
}

static void full_ring_returns_null(void **state)
{
	struct ring ring = ring_of(2 * PAGE);

	(void)state;
	assert_null(ring_reserve(&ring, 2 * PAGE + 8));
	put(&ring, 2 * PAGE, 1);
	assert_null(ring_reserve(&ring, 8));
	ring_consume(&ring, 8);
	assert_null(ring_reserve(&ring, 16));
	put(&ring, 8, 2);
	assert_null(ring_reserve(&ring, 8));
	ring_consume(&ring, 2 * PAGE - 8);
	take(&ring, 8, 2);
	assert_non_null(ring_reserve(&ring, 2 * PAGE));
	ring_deinit(&ring);
}

static void readers_are_woken_as_they_sleep(void **state)
{
	static const struct {
		enum ring_reader reader;
		size_t used;
		bool urgent, wakes;
	} rules[] = {
		{ RING_AWAKE, 8, false, false },
		{ RING_AWAKE, 8, true, false },
		{ RING_AWAKE, PAGE, false, false },
		{ RING_AWAKE, PAGE, true, false },
		{ RING_NAPPING, 8, false, false },
		{ RING_NAPPING, 8, true, true },
		{ RING_NAPPING, PAGE / 4 - 8, false, false },
		{ RING_NAPPING, PAGE / 4, false, true },
		{ RING_NAPPING, PAGE / 4, true, true },
		{ RING_NAPPING, PAGE, false, true },
		{ RING_ASLEEP, 8, false, true },
		{ RING_ASLEEP, 8, true, true },
		{ RING_ASLEEP, PAGE, false, true },
	};

	(void)state;
	for (size_t i = 0; i < countof(rules); i++) {
		struct ring ring = ring_of(PAGE);

		put(&ring, rules[i].used, 0);
		ring_set_reader(&ring, rules[i].reader);
		assert_int_equal(ring_should_wake(&ring, rules[i].urgent), rules[i].wakes);
		/* who is woken once is not woken again; who is not sleeps on */
		assert_int_equal(ring_should_wake(&ring, true),
				 !rules[i].wakes && rules[i].reader != RING_AWAKE);
		assert_false(ring_should_wake(&ring, true));
		ring_deinit(&ring);
	}
}

static void reader_starts_awake(void **state)
{
	struct ring ring = ring_of(PAGE);

	(void)state;
	put(&ring, PAGE, 0);
	assert_false(ring_should_wake(&ring, true));
	ring_deinit(&ring);
}

/* ---- two processes ----------------------------------------------------------- */

struct packet {
	uint64_t number, len, sum;
	uint64_t words[];
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t sum_of(const struct packet *packet)
{
	uint64_t sum = packet->number * 0x9e3779b97f4a7c15u + packet->len;

	for (size_t i = 0; i < (packet->len - sizeof(*packet)) / 8; i++)
		sum = (sum << 5 | sum >> 59) ^ packet->words[i];
	return sum;
}

static void send_all(struct ring *ring, int bell)
{
	const uint64_t one = 1;
	uint64_t random = 88172645463325252u;

	for (uint64_t number = 0; number < RECORDS; number++) {
		size_t words = next_random(&random) % 16;
		size_t len = sizeof(struct packet) + words * 8;
		struct packet *packet;

		while (!(packet = ring_reserve(ring, len)))
			sched_yield();
		packet->number = number;
		packet->len = len;
		for (size_t i = 0; i < words; i++)
			packet->words[i] = next_random(&random);
		packet->sum = sum_of(packet);
		ring_commit(ring, len);
		if (ring_should_wake(ring, number % 1000 == 0 || number == RECORDS - 1) &&
		    write(bell, &one, sizeof(one)) != sizeof(one))
			_exit(2);
	}
	_exit(0);
}

/* False: the packets there are not the next ones, or not whole. */
static bool receive(struct ring *ring, uint64_t *number)
{
	size_t len, done = 0;
	const uint8_t *at = ring_peek(ring, &len);

	for (; done < len; ++*number) {
		const struct packet *packet = (const struct packet *)(at + done);

		if (len - done < sizeof(*packet) || len - done < packet->len ||
		    packet->number != *number || packet->sum != sum_of(packet))
			return false;
		done += packet->len;
	}
	ring_consume(ring, done);
	return true;
}

static void sleep_until_woken(struct ring *ring, int bell, enum ring_reader how)
{
	uint64_t rung;

	ring_set_reader(ring, how);
	if (ring_empty(ring))
		assert_int_equal(read(bell, &rung, sizeof(rung)), sizeof(rung));
	ring_set_reader(ring, RING_AWAKE);
}

static void two_processes_pass_records_in_order(void **state)
{
	struct ring ring = ring_of(16 * PAGE);
	int bell = eventfd(0, EFD_CLOEXEC), status;
	uint64_t number = 0, naps = 0;
	pid_t writer;

	(void)state;
	assert_true(bell >= 0);
	fflush(NULL);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		send_all(&ring, bell);
	alarm(120); /* a wake that is lost must not hang the test */
	while (number < RECORDS) {
		if (ring_empty(&ring))
			sleep_until_woken(&ring, bell, naps++ % 2 ? RING_ASLEEP : RING_NAPPING);
		assert_true(receive(&ring, &number));
	}
	alarm(0);
	assert_int_equal(number, RECORDS);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	assert_true(ring_empty(&ring));
	close(bell);
	ring_deinit(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_ring_is_empty),
		cmocka_unit_test(nothing_wraps),
		cmocka_unit_test(every_length_passes_every_place),
		cmocka_unit_test(records_queue_up_contiguously),
		cmocka_unit_test(less_may_be_committed_than_was_reserved),
		cmocka_unit_test(full_ring_returns_null),
		cmocka_unit_test(readers_are_woken_as_they_sleep),
		cmocka_unit_test(reader_starts_awake),
		cmocka_unit_test(two_processes_pass_records_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
