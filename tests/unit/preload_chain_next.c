// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "preload_chain.h"

int chain_place(void)
{
	return 1;
}
