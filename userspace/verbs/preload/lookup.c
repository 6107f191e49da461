// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * dlsym() and dlvsym(): a handle of libibverbs leads to our functions as well.
 *
 * What an object names in its symbol table the dynamic linker finds here, as we
 * are preloaded. A look-up by handle never does: it searches libibverbs and what
 * that needs. Of a library built by gcc only ibv_reg_mr() and ibv_reg_mr_iova()
 * come back here, by their own call of ibv_reg_mr_iova2(); one built by clang,
 * which binds that call at compile time, calls nothing we could see.
 *
 * The other way would be an auditor (LD_AUDIT, la_symbind64()), which is told of
 * each binding and may change it. Tried with both libraries, it caught the same
 * registrations as this does. But it lives in a namespace of its own, where the
 * runtimes that own device memory are not loaded, so it needs a preloaded library
 * beside it; it is not told which version was asked for, and must not answer a
 * program of the ABI 1.0; and before glibc 2.35 it is not told of bindings made at
 * start-up (-z now, as libibverbs is built) and makes every call through a PLT
 * slower. What only an auditor sees are objects loaded by dlmopen(), or with
 * RTLD_DEEPBIND.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "c_library.h"
#include "registration.h"

#define EXPORT __attribute__((visibility("default")))

/*
 * The C library tells by the return address who calls, and for RTLD_NEXT and
 * RTLD_DEFAULT that decides: so the call must be a jump. This file is always
 * optimised, where gcc makes it one; clang is told.
 */
#ifdef __clang__
#define TAIL_CALL __attribute__((musttail))
#else
#define TAIL_CALL
#endif

static const struct {
	const char *name;
	const char *version;
	void *function;
} replacements[] = {
	{ "ibv_reg_mr", "IBVERBS_1.1", ibv_reg_mr },
	{ "ibv_reg_mr_iova", "IBVERBS_1.7", ibv_reg_mr_iova },
	{ "ibv_reg_mr_iova2", "IBVERBS_1.8", ibv_reg_mr_iova2 },
	{ "ibv_reg_mr_ex", "IBVERBS_1.15", ibv_reg_mr_ex },
};

/* The pseudo handles find us without help. */
static bool peermr_lookup_concerns(void *handle, const char *name)
{
	return !strncmp(name, "ibv_reg_mr", strlen("ibv_reg_mr")) &&
	       handle != RTLD_DEFAULT && handle != RTLD_NEXT;
}

/*
 * Somebody else's function of that name is left alone. Wheels of Python come
 * with a libibverbs-DIGEST.so.1 of their own.
 */
static bool peermr_lookup_is_verbs(void *function)
{
	const char *file;
	Dl_info info;

	if (!dladdr(function, &info) || !info.dli_fname)
		return false;
	file = strrchr(info.dli_fname, '/');
	file = file ? file + 1 : info.dli_fname;
	return !strncmp(file, "libibverbs", strlen("libibverbs"));
}

/* @found, or ours in its place; @version NULL for the default one. */
static void *peermr_lookup_replace(void *found, const char *name,
				   const char *version)
{
	size_t i;

	if (!found)
		return NULL;
	for (i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++)
		if (!strcmp(replacements[i].name, name) &&
		    (!version || !strcmp(replacements[i].version, version)))
			return peermr_lookup_is_verbs(found) ?
				       replacements[i].function : found;
	return found;
}

EXPORT void *dlsym(void *restrict handle, const char *restrict name)
{
	const struct peermr_c_library *c_library = peermr_c_library();

	if (peermr_lookup_concerns(handle, name))
		return peermr_lookup_replace(c_library->dlsym(handle, name),
					     name, NULL);
	TAIL_CALL return c_library->dlsym(handle, name);
}

EXPORT void *dlvsym(void *restrict handle, const char *restrict name,
		    const char *restrict version)
{
	const struct peermr_c_library *c_library = peermr_c_library();

	if (peermr_lookup_concerns(handle, name))
		return peermr_lookup_replace(c_library->dlvsym(handle, name,
							       version),
					     name, version);
	TAIL_CALL return c_library->dlvsym(handle, name, version);
}
