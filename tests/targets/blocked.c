/* Eight threads, each blocked in another system call for as long as it takes, that
 * count every return before they are woken.
 *
 * "ready PID" when all have begun; a line on stdin wakes them. Then one line each,
 * "NAME eintr N early N", and exit 0, or 99 when there was any. */
#include "truth.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>

enum { DISTURBED = 99 };

static int ending, begun;
static int epoll_fd, epoll_pipe[2], poll_pipe[2], read_pipe[2], semaphores, futex_word;
static aio_context_t aio;

static bool must(bool done)
{
	if (!done)
		abort();
	return done;
}

static void put_byte(int fd)
{
	must(write(fd, "", 1) == 1);
}

/* ---- what each waits in: 0 or more, or -1 and errno ---------------------------- */

static long wait_epoll(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, -1);
}

static long wait_semop(void)
{
	struct sembuf take = { .sem_op = -1 };

	return semop(semaphores, &take, 1);
}

static long wait_signal(void)
{
	const struct timespec day = { .tv_sec = 86400 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return sigtimedwait(&set, NULL, &day);
}

static long wait_aio(void)
{
	struct io_event event;

	return syscall(SYS_io_getevents, aio, 1, 1, &event, NULL);
}

static long wait_sleep(void)
{
	const struct timespec day = { .tv_sec = 86400 };

	return syscall(SYS_nanosleep, &day, NULL);
}

static long wait_futex(void)
{
	return syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static long wait_poll(void)
{
	struct pollfd input = { .fd = poll_pipe[0], .events = POLLIN };

	return poll(&input, 1, -1);
}

static long wait_read(void)
{
	char c;

	return read(read_pipe[0], &c, 1);
}

/* ---- how each is woken ------------------------------------------------------------ */

struct waiter;

static void wake_epoll(struct waiter *waiter);
static void wake_semop(struct waiter *waiter);
static void wake_signal(struct waiter *waiter);
static void wake_aio(struct waiter *waiter);
static void wake_sleep(struct waiter *waiter);
static void wake_futex(struct waiter *waiter);
static void wake_poll(struct waiter *waiter);
static void wake_read(struct waiter *waiter);

static struct waiter {
	const char *name;
	long (*wait)(void);
	void (*wake)(struct waiter *waiter);
	pthread_t thread;
	long eintr, early;
} waiters[] = {
	{ "epoll_wait", wait_epoll, wake_epoll, 0, 0, 0 },
	{ "semop", wait_semop, wake_semop, 0, 0, 0 },
	{ "sigtimedwait", wait_signal, wake_signal, 0, 0, 0 },
	{ "io_getevents", wait_aio, wake_aio, 0, 0, 0 },
	{ "nanosleep", wait_sleep, wake_sleep, 0, 0, 0 },
	{ "futex", wait_futex, wake_futex, 0, 0, 0 },
	{ "poll", wait_poll, wake_poll, 0, 0, 0 },
	{ "read", wait_read, wake_read, 0, 0, 0 },
};
enum { WAITERS = sizeof(waiters) / sizeof(waiters[0]) };

static void wake_epoll(struct waiter *waiter unused)
{
	put_byte(epoll_pipe[1]);
}

static void wake_semop(struct waiter *waiter unused)
{
	struct sembuf give_one = { .sem_op = 1 };

	must(semop(semaphores, &give_one, 1) == 0);
}

static void wake_signal(struct waiter *waiter)
{
	pthread_kill(waiter->thread, SIGUSR1);
}

static void wake_aio(struct waiter *waiter unused)
{
	static char byte;
	static struct iocb read_zero = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_nbytes = 1 };
	struct iocb *list = &read_zero;

	read_zero.aio_buf = (uintptr_t)&byte;
	read_zero.aio_fildes = (unsigned)open("/proc/self/exe", O_RDONLY);
	must(syscall(SYS_io_submit, aio, 1, &list) == 1);
}

static void wake_sleep(struct waiter *waiter)
{
	pthread_kill(waiter->thread, SIGUSR2);
}

static void wake_futex(struct waiter *waiter unused)
{
	__atomic_store_n(&futex_word, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wake_poll(struct waiter *waiter unused)
{
	put_byte(poll_pipe[1]);
}

static void wake_read(struct waiter *waiter unused)
{
	put_byte(read_pipe[1]);
}

/* ---- the threads --------------------------------------------------------------------- */

static void *be_blocked(void *argument)
{
	struct waiter *waiter = argument;

	__atomic_fetch_add(&begun, 1, __ATOMIC_RELEASE);
	for (;;) {
		long result = waiter->wait();
		int error = errno;

		if (__atomic_load_n(&ending, __ATOMIC_ACQUIRE))
			return NULL;
		if (result < 0 && error == EINTR)
			waiter->eintr++;
		else
			waiter->early++;
	}
}

static void on_signal(int number unused)
{
}

static void prepare(void)
{
	struct epoll_event input = { .events = EPOLLIN };
	sigset_t set;

	must(!pipe(epoll_pipe) && !pipe(poll_pipe) && !pipe(read_pipe));
	epoll_fd = epoll_create1(0);
	must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, epoll_pipe[0], &input) == 0);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	must(semaphores >= 0);
	must(syscall(SYS_io_setup, 1, &aio) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR2, on_signal);
}

static long tell(const struct waiter *waiter)
{
	char format[64];

	snprintf(format, sizeof(format), "%s eintr %%ld ", waiter->name);
	say(format, waiter->eintr);
	say("early %ld\n", waiter->early);
	return waiter->eintr + waiter->early;
}

int main(void)
{
	long disturbances = 0;
	char c;

	prepare();
	for (int i = 0; i < WAITERS; i++)
		must(pthread_create(&waiters[i].thread, NULL, be_blocked, &waiters[i]) == 0);
	while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) < WAITERS)
		usleep(100);
	say("ready %ld\n", getpid());
	while (read(0, &c, 1) < 0 && errno == EINTR)
		disturbances++;
	__atomic_store_n(&ending, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < WAITERS; i++) {
		waiters[i].wake(&waiters[i]);
		pthread_join(waiters[i].thread, NULL);
	}
	semctl(semaphores, 0, IPC_RMID);
	say("main eintr %ld early 0\n", disturbances);
	for (int i = 0; i < WAITERS; i++)
		disturbances += tell(&waiters[i]);
	return disturbances ? DISTURBED : 0;
}
