// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Revoke a window and wait, in a way that Ctrl-C ends, for its last pin. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "revoke.h"
#include "tool.h"

/* Seconds between looks at who holds the window, after a first look at 1 s. */
#define REVOKE_LOOK_INTERVAL	5

static volatile sig_atomic_t revoke_stopped;

/*
 * The timer's signal only makes ioctl() return EINTR. It repeats, so a signal
 * that comes between two ioctl()s costs at most one more second.
 */
static void revoke_signal(int number)
{
	if (number != SIGALRM)
		revoke_stopped = 1;
}

static int revoke_ioctl(int fd, unsigned int flags)
{
	struct peermr_revoke revoke = {
		.size = sizeof(revoke),
		.flags = flags,
	};

	return ioctl(fd, PEERMR_IOC_REVOKE, &revoke) ? -errno : 0;
}

int revoke_unused(int fd)
{
	int err;

	do {
		err = revoke_ioctl(fd, 0);
	} while (err == -EINTR);
	return err;
}

static void revoke_signals_set(void)
{
	static const int signals[] = { SIGALRM, SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = revoke_signal };
	struct sigaction old;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		/* nohup, and shells for background jobs, ignore some. */
		sigaction(signals[i], NULL, &old);
		if (signals[i] == SIGALRM || old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

/*
 * Print who holds the window, unless that is what *@shown says already, which
 * is replaced.
 */
static void revoke_look(const struct window *window, int fd,
			struct peermr_holder **shown, int *shown_count)
{
	struct peermr_holder *holders;
	int count = holder_list(fd, &holders);

	if (count < 0)
		return;
	if (count != *shown_count ||
	    (count && memcmp(holders, *shown, (size_t)count * sizeof(*holders)))) {
		complain(window->name, "revoked; waiting until the last pin is gone; Ctrl-C ends the wait");
		holder_complain(window, holders, count);
	}
	free(*shown);
	*shown = holders;
	*shown_count = count;
}

int revoke_force(const struct window *window, int fd)
{
	const struct itimerval every_second = {
		.it_interval = { .tv_sec = 1 },
		.it_value = { .tv_sec = 1 },
	};
	const struct itimerval never = { 0 };
	struct peermr_holder *shown = NULL;
	unsigned int seconds = 0;
	int shown_count = 0, err;

	revoke_signals_set();
	setitimer(ITIMER_REAL, &every_second, NULL);
	for (;;) {
		err = revoke_ioctl(fd, PEERMR_REVOKE_FORCE);
		if (err != -EINTR || revoke_stopped)
			break;
		if (seconds++ % REVOKE_LOOK_INTERVAL == 0)
			revoke_look(window, fd, &shown, &shown_count);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	free(shown);
	return err;
}
