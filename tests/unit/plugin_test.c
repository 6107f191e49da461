// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The plug-in of libibverbs, loaded by one that has memory providers, a double,
 * and by none. In a process of its own each, as it is never unloaded.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem_provider.h"
#include "testing.h"

static const char *plugin, *library;

/* The provider that the plug-in adds, or NULL; in the process that asks. */
static const struct ibv_mem_provider *provider_of(const char *path)
{
	const struct ibv_mem_provider **added = NULL;
	void *handle;

	if (path) {
		handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		CHECK(handle);
		added = dlsym(handle, "fake_provider");
		CHECK(added);
	}
	CHECK(dlopen(plugin, RTLD_NOW));
	return added ? *added : NULL;
}

/* What the plug-in says while it is loaded. */
static void said(const char *path, const char *debug, char *text, size_t size)
{
	int fds[2], status;
	ssize_t length;
	pid_t child;

	CHECK(!pipe(fds));
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		dup2(fds[1], STDERR_FILENO);
		if (debug)
			setenv("PEERMR_DEBUG", debug, 1);
		provider_of(path);
		_exit(0);
	}
	close(fds[1]);
	length = read(fds[0], text, size - 1);
	CHECK(length >= 0);
	text[length] = 0;
	close(fds[0]);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void without_memory_providers_it_says_nothing(void)
{
	char text[256];

	said(NULL, NULL, text, sizeof(text));
	CHECK(!*text);
	said(NULL, "1", text, sizeof(text));
	CHECK(strstr(text, "does nothing"));
}

static void it_adds_a_provider_silently(void)
{
	char text[256];

	said(library, NULL, text, sizeof(text));
	CHECK(!*text);
	said(library, "1", text, sizeof(text));
	CHECK(strstr(text, "the plug-in is in"));
}

/* Nothing of the pd is looked at where the memory cannot be meant. */
static void it_leaves_other_requests_alone(void)
{
	const struct ibv_mem_provider *provider = provider_of(library);
	struct ibv_mem_request request = { .addr = &request, .length = 0 };
	struct ibv_mr *mr = NULL;

	CHECK(provider && provider->reg_mr && provider->name);
	CHECK(!provider->comp_mask);
	CHECK(!provider->reg_mr(&request, &mr) && !mr);
	request.length = SIZE_MAX;
	CHECK(!provider->reg_mr(&request, &mr) && !mr);
	request.length = sizeof(request);
	request.error = ENOMEM;
	CHECK(!provider->reg_mr(&request, &mr) && !mr);
	request.error = 0;
	request.comp_mask = 1;
	CHECK(!provider->reg_mr(&request, &mr) && !mr);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(without_memory_providers_it_says_nothing),
		TEST(it_adds_a_provider_silently),
		TEST(it_leaves_other_requests_alone),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: plugin_test PLUGIN LIBIBVERBS\n");
		return 1;
	}
	plugin = argv[1];
	library = argv[2];
	return TEST_MAIN_RUN(tests);
}
