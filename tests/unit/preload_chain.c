// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <dlfcn.h>
#include <stddef.h>

#include "preload_chain.h"

int chain_place(void)
{
	return 0;
}

int chain_next_place(void)
{
	int (*next)(void) = (int (*)(void))dlsym(RTLD_NEXT, "chain_place");

	return next ? next() : -1;
}

int chain_next_versioned_place(void)
{
	int (*next)(void) = (int (*)(void))dlvsym(RTLD_NEXT, "chain_place",
						  "CHAIN_1");

	return next ? next() : -1;
}
