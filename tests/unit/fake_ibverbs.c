// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A double of a libibverbs with memory providers: keeps the one that is added
 * where the test finds it.
 */
#include "mem_provider.h"

const struct ibv_mem_provider *fake_provider;
int ibv_register_mem_provider(const struct ibv_mem_provider *provider);

int ibv_register_mem_provider(const struct ibv_mem_provider *provider)
{
	fake_provider = provider;
	return 0;
}
