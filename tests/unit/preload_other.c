// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A library that has nothing to do with verbs, but a function of that name. */

void ibv_reg_mr(void);

void ibv_reg_mr(void)
{
}
