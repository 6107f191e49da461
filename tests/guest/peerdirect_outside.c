// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * peerdirect_outside FILE: write the bytes of FILE by RDMA into a window without
 * struct pages, registered by plain ibv_reg_mr(), say "ready" and wait, so that
 * somebody outside the guest can look for them in the device's memory. Linked
 * statically, as peerdirect_test.
 */
#include <infiniband/verbs.h>

#include "node.h"
#include "rdma.h"

static const char *file;

static void put(void)
{
	struct rdma_link link;
	struct ibv_mr *mr, *host_mr;
	unsigned char *host;
	struct stat stat;
	int fd;

	fd = open(file, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(!fstat(fd, &stat));
	host = aligned_alloc(4096, stat.st_size);
	CHECK(host);
	CHECK_EQ(read(fd, host, stat.st_size), stat.st_size);

	rdma_link_open(&link);
	host_mr = rdma_register(&link.ends[0], host, stat.st_size);
	mr = rdma_register(&link.ends[1], node_map_fresh(stat.st_size),
			   stat.st_size);
	CHECK_EQ(rdma_do(&link.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ host_mr, 0, stat.st_size },
			 &(struct rdma_range){ mr, 0, stat.st_size }),
		 IBV_WC_SUCCESS);
	puts("ready");
	fflush(stdout);
	pause();
}

int main(int argc, char **argv)
{
	static const struct test run = { "peerdirect_outside", put };

	if (argc != 2 || !node_find(NULL)) {
		fprintf(stderr, "usage: peerdirect_outside FILE\n");
		return 2;
	}
	file = argv[1];
	return test_run_one(&run);
}
