// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Load a module of peermr, and explain why the kernel would not have it. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "sysfs.h"
#include "tool.h"

#define MODULE_THING	"kernel module"

static _Noreturn void module_exec(const char *name, int messages)
{
	char *const argv[] = { "modprobe", (char *)name, NULL };

	/* The messages are matched below: in English, please. */
	setenv("LC_ALL", "C", 1);
	dup2(messages, STDERR_FILENO);
	/* A user's PATH often has no sbin. */
	execv("/sbin/modprobe", argv);
	execvp("modprobe", argv);
	dprintf(messages, "cannot run modprobe: %s\n", strerror(errno));
	_exit(127);
}

/* Run modprobe and keep what it says: its wait status, or -1. */
static int module_run(const char *name, char *text, size_t size)
{
	int channel[2], status;
	size_t used = 0;
	ssize_t got;
	pid_t child;

	if (pipe2(channel, O_CLOEXEC))
		return -1;
	child = fork();
	if (child < 0) {
		close(channel[0]);
		close(channel[1]);
		return -1;
	}
	if (!child)
		module_exec(name, channel[1]);
	close(channel[1]);
	while (used < size - 1) {
		got = read(channel[0], text + used, size - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	text[used] = '\0';
	close(channel[0]);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

/* Lockdown, which Secure Boot turns on, refuses unsigned modules by EPERM. */
static bool module_lockdown(void)
{
	char state[64];

	/* "none [integrity] confidentiality": the one in force in brackets */
	return !sysfs_read("/sys/kernel/security", "lockdown", state,
			   sizeof(state)) && !strstr(state, "[none]");
}

static void module_complain(const char *text)
{
	bool permission = strstr(text, "Operation not permitted");
	struct utsname kernel;

	uname(&kernel);
	if (strstr(text, "Key was rejected") ||
	    strstr(text, "Required key not available") ||
	    (permission && !geteuid() && module_lockdown()))
		complain(MODULE_THING, "the kernel refused it because Secure Boot or lockdown lets in signed modules only; have DKMS sign it, enrol its key with 'mokutil --import /var/lib/dkms/mok.pub' and reboot");
	else if (permission || strstr(text, "Permission denied"))
		complain(MODULE_THING, "not loaded, and no permission to load it; run as root");
	else if (strstr(text, "not found in directory"))
		complain(MODULE_THING, "not installed for kernel %s; build and install it for this kernel",
			 kernel.release);
	else if (strstr(text, "Exec format error") ||
		 strstr(text, "Unknown symbol"))
		complain(MODULE_THING, "built for another kernel than %s; build it anew for this one",
			 kernel.release);
	else
		complain(MODULE_THING, "cannot be loaded: %s; dmesg may say more",
			 *text ? text : "modprobe failed");
}

int module_load(const char *name, const char *trace)
{
	char text[1024] = "";
	size_t length;
	int status;

	if (!access(trace, F_OK))
		return 0;
	status = module_run(name, text, sizeof(text));
	length = strlen(text);
	if (length && text[length - 1] == '\n')
		text[length - 1] = '\0';
	if (status) {
		module_complain(text);
		return -1;
	}
	if (access(trace, F_OK)) {
		complain(MODULE_THING, "loaded, but %s is missing; dmesg may say why",
			 trace);
		return -1;
	}
	return 0;
}
