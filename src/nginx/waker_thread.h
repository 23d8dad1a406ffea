/*
 * The waker's thread and its watches. For each watch it waits for a descriptor and for the end of a period, and then
 * rings the watch's socket. No Lua.
 */
#ifndef COROSYNC_LUA_NGINX_WAKER_THREAD_H
#define COROSYNC_LUA_NGINX_WAKER_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nginx/wake_socket.h"
#include "support/cleanup.h"

#define WAKER_LONGEST_PERIOD 86400 /* seconds */

typedef struct waker waker;

typedef struct watch {
	waker *waker; /* NULL when closed */
	struct watch *next;
	uint64_t id;
	pid_t owner;
	int fd;
	bool added;    /* to epoll */
	double period; /* seconds between two rings without an event */
	double due;    /* when the next one is */
	wake_socket socket;
} watch;

struct waker {
	cleanup cleanup;
	pthread_t thread;
	pthread_mutex_t lock; /* of the list and of the watches' sockets; nothing blocks while it is held */
	int epoll, stop;      /* -1 when closed */
	bool running;
	pid_t owner;
	uint64_t last_id;
	watch *watches;
};

/* Starts the thread of a waker whose descriptors are -1. Returns 0; or an errno, and waker_thread_end must follow. */
int waker_thread_start(waker *w);

/* Ends the thread and closes all watches. */
void waker_thread_end(waker *w);

/* Adds a watch with a descriptor, a period and an open socket. Returns 0; or an errno, and closes the socket. */
int waker_thread_add(waker *w, watch *added);

/* Closes a watch that was added. */
void waker_thread_remove(watch *removed);

/* Rings the watch's socket once, as soon as its descriptor is readable. Returns 0 or an errno. */
int waker_thread_arm(watch *armed);

/* Rings the watch's socket now. */
void waker_thread_ring(watch *rung);

/* The address of the watch's socket; with an empty path when that was removed. */
struct sockaddr_un waker_thread_address(watch *of);

#endif
