#include "life.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "tracer.h"

#define STACK (256 << 10)

static pthread_mutex_t *life;

int life_init(void)
{
	pthread_mutexattr_t robust;

	life = mmap(NULL, sizeof(*life), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (life == MAP_FAILED)
		return -errno;
	pthread_mutexattr_init(&robust);
	pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(life, &robust);
	pthread_mutexattr_destroy(&robust);
	return 0;
}

void life_begin(void)
{
	pthread_mutex_lock(life);
}

void life_end(void)
{
	pthread_mutex_unlock(life);
}

static void (*on_death)(void);

/* Nothing is more urgent then. Where it is not permitted it comes in its turn. */
static void *await_death(void *arg)
{
	const struct sched_param urgent = { .sched_priority = 1 };

	(void)arg;
	sched_setscheduler(0, SCHED_FIFO, &urgent);
	if (pthread_mutex_lock(life) == EOWNERDEAD)
		on_death();
	return NULL;
}

void tracer_watch(void (*killed)(void))
{
	pthread_attr_t detached;
	pthread_t thread;

	on_death = killed;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, STACK);
	pthread_create(&thread, &detached, await_death, NULL);
	pthread_attr_destroy(&detached);
}
