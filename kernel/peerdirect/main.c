// SPDX-License-Identifier: GPL-2.0
/*
 * PeerDirect for kernels that lack it. Where the kernel has it, the module
 * loader refuses this module, as it exports the same symbols.
 */

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>

#include "compat.h"
#include "peerdirect.h"

static int __init peerdirect_init(void)
{
	int ret;

	ret = peerdirect_sysfs_init();
	if (ret)
		return ret;
	ret = ib_register_client(&peerdirect_ib_client);
	if (ret)
		peerdirect_sysfs_exit();
	return ret;
}

static void __exit peerdirect_exit(void)
{
	ib_unregister_client(&peerdirect_ib_client);

	/*
	 * Nobody finds our operations any more. Who found them before is not in
	 * the SRCU section yet, in it, or on the way out.
	 */
	synchronize_rcu_tasks();
	synchronize_srcu(&peerdirect_srcu);
	synchronize_rcu_tasks();

	peerdirect_sysfs_exit();
	xa_destroy(&peerdirect_mrs);
}

module_init(peerdirect_init);
module_exit(peerdirect_exit);

MODULE_AUTHOR("The peermr developers");
MODULE_DESCRIPTION("PeerDirect: RDMA into the memory of drivers that register as clients");
MODULE_LICENSE("GPL");
peermr_compat_import_dma_buf;
