#include "nginx/waker_thread.h"

#include <errno.h>
#include <sys/epoll.h>

#include "support/clock.h"
#include "support/descriptor.h"
#include "support/thread.h"

#define EVENTS_AT_ONCE 16
#define STACK_SIZE ((size_t)64 * 1024)

/* A descriptor's tag in epoll. An id is never used twice, so a late event finds no watch. */
#define TAG_STOP UINT64_C(0)
#define TAG_DESCRIPTOR(id) ((id)*2)
#define TAG_LISTENER(id) ((id)*2 + 1)

/* ---- the thread ---- */

static watch *find(const waker *w, uint64_t id)
{
	watch *each = w->watches;

	while (each != NULL && each->id != id) {
		each = each->next;
	}
	return each;
}

static void handle_event(waker *w, uint64_t tag)
{
	watch *found = find(w, tag / 2);

	if (found == NULL) {
		return;
	}
	if (tag == TAG_LISTENER(found->id)) {
		wake_socket_accept(&found->socket);
	} else {
		wake_socket_ring(&found->socket);
	}
}

static void ring_due(waker *w, double now)
{
	watch *each;

	for (each = w->watches; each != NULL; each = each->next) {
		if (each->due <= now) {
			wake_socket_ring(&each->socket);
			each->due = now + each->period;
		}
	}
}

/*
 * Until the next ring; -1, without end, if there are no watches. The connection of a new watch is an event that comes
 * before its first ring, so its period is never missed.
 */
static int milliseconds_left(waker *w)
{
	double left = WAKER_LONGEST_PERIOD, now = clock_seconds();
	const watch *each;

	(void)pthread_mutex_lock(&w->lock);
	for (each = w->watches; each != NULL; each = each->next) {
		left = each->due - now < left ? each->due - now : left;
	}
	each = w->watches;
	(void)pthread_mutex_unlock(&w->lock);
	return each == NULL ? -1 : left <= 0 ? 0 : (int)(left * 1000) + 1;
}

/* True when the thread must end. */
static bool handle_events(waker *w, const struct epoll_event *events, int count)
{
	bool stop = false;
	int i;

	(void)pthread_mutex_lock(&w->lock);
	for (i = 0; i < count; i++) {
		stop = stop || events[i].data.u64 == TAG_STOP;
		handle_event(w, events[i].data.u64);
	}
	ring_due(w, clock_seconds());
	(void)pthread_mutex_unlock(&w->lock);
	return stop;
}

static void *run(void *argument)
{
	waker *w = argument;
	struct epoll_event events[EVENTS_AT_ONCE];
	int count;

	do {
		count = epoll_wait(w->epoll, events, EVENTS_AT_ONCE, milliseconds_left(w));
	} while ((count < 0 && errno == EINTR) || (count >= 0 && !handle_events(w, events, count)));
	return NULL;
}

/* ---- start and end ---- */

static bool add_to_epoll(const waker *w, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = {.events = events, .data.u64 = tag};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int waker_thread_start(waker *w)
{
	int error;

	(void)pthread_mutex_init(&w->lock, NULL);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0) {
		return errno;
	}
	w->stop = thread_eventfd();
	if (w->stop < 0 || !add_to_epoll(w, w->stop, EPOLLIN, TAG_STOP)) {
		return errno;
	}
	error = thread_start(&w->thread, STACK_SIZE, "corosync-waker", run, w);
	w->running = error == 0;
	return error;
}

static void stop_thread(waker *w)
{
	if (w->running) {
		thread_eventfd_set(w->stop);
		(void)pthread_join(w->thread, NULL);
		w->running = false;
	}
}

/* Under the lock, or after the thread has ended. */
static void detach(watch *each)
{
	each->waker = NULL;
	wake_socket_close(&each->socket);
}

void waker_thread_end(waker *w)
{
	watch *each, *next;

	stop_thread(w);
	for (each = w->watches; each != NULL; each = next) {
		next = each->next;
		detach(each);
	}
	w->watches = NULL;
	descriptor_close(&w->stop);
	descriptor_close(&w->epoll);
	(void)pthread_mutex_destroy(&w->lock);
}

/* ---- watches ---- */

int waker_thread_add(waker *w, watch *added)
{
	int error;

	(void)pthread_mutex_lock(&w->lock);
	added->id = ++w->last_id;
	added->due = clock_seconds() + added->period;
	added->waker = w;
	added->next = w->watches;
	w->watches = added;
	error = add_to_epoll(w, added->socket.listener, EPOLLIN, TAG_LISTENER(added->id)) ? 0 : errno;
	(void)pthread_mutex_unlock(&w->lock);
	if (error != 0) {
		waker_thread_remove(added);
	}
	return error;
}

void waker_thread_remove(watch *removed)
{
	waker *w = removed->waker;
	watch **link;

	(void)pthread_mutex_lock(&w->lock);
	for (link = &w->watches; *link != removed; link = &(*link)->next) {
	}
	*link = removed->next;
	if (removed->added) {
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, removed->fd, NULL);
	}
	detach(removed);
	(void)pthread_mutex_unlock(&w->lock);
}

/* Added to epoll only here, because epoll reports a hang-up even without events to wait for. */
int waker_thread_arm(watch *armed)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = TAG_DESCRIPTOR(armed->id)};

	if (epoll_ctl(armed->waker->epoll, armed->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, armed->fd, &event) != 0) {
		return errno;
	}
	armed->added = true;
	return 0;
}

void waker_thread_ring(watch *rung)
{
	(void)pthread_mutex_lock(&rung->waker->lock);
	wake_socket_ring(&rung->socket);
	(void)pthread_mutex_unlock(&rung->waker->lock);
}

struct sockaddr_un waker_thread_address(watch *of)
{
	struct sockaddr_un address;

	(void)pthread_mutex_lock(&of->waker->lock);
	address = of->socket.address;
	(void)pthread_mutex_unlock(&of->waker->lock);
	return address;
}
