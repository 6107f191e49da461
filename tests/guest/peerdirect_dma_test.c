// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * PeerDirect with an RDMA device that does DMA: a double, tests/kernel/edu_nic.c,
 * whose MRs QEMU's "edu" reads and writes by the addresses that a client's
 * dma_map() has given. No libibverbs: it has no provider for a double.
 * usage: peerdirect_dma_test [WINDOW [TEST...]], with the RDMA device edu0 enabled
 * and EDU_DEVICE the engine's node
 */
#include <dirent.h>
#include <pthread.h>

#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl.h>

#include "edu_uapi.h"
#include "node.h"
#include "pattern.h"
#include "peer.h"

#define NIC "edu0"
#define LENGTH (64 * 1024UL)
#define ACCESS 7	/* local and remote write, remote read */
#define PART 3000UL

struct mr {
	uint32_t handle;
	uint32_t key;
};

static int verbs, engine, pd;

/* --- what libibverbs would do --- */

struct command {
	struct ib_uverbs_cmd_hdr header;
	union {
		struct ib_uverbs_get_context get_context;
		struct ib_uverbs_alloc_pd alloc_pd;
		struct ib_uverbs_reg_mr reg_mr;
		struct ib_uverbs_dereg_mr dereg_mr;
	};
};

static bool verbs_command(struct command *command, unsigned int number,
			  size_t in, size_t out)
{
	size_t length = sizeof(command->header) + in;

	command->header.command = number;
	command->header.in_words = length / 4;
	command->header.out_words = out / 4;
	return write(verbs, command, length) == (ssize_t)length;
}

static int verbs_open(void)
{
	static const char directory[] = "/sys/class/infiniband_verbs";
	char path[512], name[64];
	struct dirent *entry;
	DIR *dir = opendir(directory);
	int fd = -1;

	CHECK(dir);
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s/ibdev", directory,
			 entry->d_name);
		if (!file_read(path, name, sizeof(name)) ||
		    strncmp(name, NIC, strlen(NIC)))
			continue;
		snprintf(path, sizeof(path), "/dev/infiniband/%s",
			 entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(dir);
	return fd;
}

static void set_up(void)
{
	struct ib_uverbs_get_context_resp context;
	struct ib_uverbs_alloc_pd_resp pd_resp;
	const char *node = getenv("EDU_DEVICE");
	struct command command = { 0 };

	CHECK(node);
	engine = open(node, O_RDWR | O_CLOEXEC);
	CHECK(engine >= 0);
	verbs = verbs_open();
	CHECK(verbs >= 0);
	command.get_context.response = (uintptr_t)&context;
	CHECK(verbs_command(&command, IB_USER_VERBS_CMD_GET_CONTEXT,
			    sizeof(command.get_context), sizeof(context)));
	command.alloc_pd.response = (uintptr_t)&pd_resp;
	CHECK(verbs_command(&command, IB_USER_VERBS_CMD_ALLOC_PD,
			    sizeof(command.alloc_pd), sizeof(pd_resp)));
	pd = pd_resp.pd_handle;
}

static bool mr_register(struct mr *mr, void *address, size_t length)
{
	struct ib_uverbs_reg_mr_resp resp = { 0 };
	struct command command = {
		.reg_mr = {
			.response = (uintptr_t)&resp,
			.start = (uintptr_t)address,
			.length = length,
			.hca_va = (uintptr_t)address,
			.pd_handle = pd,
			.access_flags = ACCESS,
		},
	};
	bool ret = verbs_command(&command, IB_USER_VERBS_CMD_REG_MR,
				 sizeof(command.reg_mr), sizeof(resp));

	*mr = (struct mr){ resp.mr_handle, resp.lkey };
	return ret;
}

static bool mr_deregister(const struct mr *mr)
{
	struct command command = { .dereg_mr.mr_handle = mr->handle };

	return verbs_command(&command, IB_USER_VERBS_CMD_DEREG_MR,
			     sizeof(command.dereg_mr), 0);
}

/* Likewise of a dma-buf: the attributes of UVERBS_METHOD_REG_DMABUF_MR. */
static int dmabuf_register(int fd, uint64_t length)
{
	uint32_t keys[2];
	struct ib_uverbs_attr attrs[] = {
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_HANDLE },
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_PD_HANDLE, .data = pd },
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_OFFSET, .len = 8 },
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_LENGTH, .len = 8,
		  .data = length },
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_IOVA, .len = 8 },
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_FD, .len = 4,
		  .data = (uint32_t)fd },
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_ACCESS_FLAGS, .len = 8,
		  .data = ACCESS },
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_RESP_LKEY, .len = 4,
		  .data = (uintptr_t)&keys[0] },
		{ .attr_id = UVERBS_ATTR_REG_DMABUF_MR_RESP_RKEY, .len = 4,
		  .data = (uintptr_t)&keys[1] },
	};
	const unsigned int count = sizeof(attrs) / sizeof(attrs[0]);
	struct ib_uverbs_ioctl_hdr *command;
	unsigned int i;

	command = calloc(1, sizeof(*command) + sizeof(attrs));
	CHECK(command);
	command->length = sizeof(*command) + sizeof(attrs);
	command->object_id = UVERBS_OBJECT_MR;
	command->method_id = UVERBS_METHOD_REG_DMABUF_MR;
	command->num_attrs = count;
	command->driver_id = RDMA_DRIVER_RXE;	/* as the double has it */
	for (i = 0; i < count; i++)
		attrs[i].flags = UVERBS_ATTR_F_MANDATORY;
	memcpy(command->attrs, attrs, sizeof(attrs));
	return ioctl(verbs, RDMA_VERBS_IOCTL, command);
}

/* Have the device write @data into the MR, or read it @from there. */
static int mr_transfer(const struct mr *mr, size_t at, void *data,
		       size_t length, bool from)
{
	struct edu_transfer transfer = {
		.user = (uintptr_t)data,
		.at = at,
		.length = length,
		.flags = (from ? EDU_TRANSFER_FROM : 0) |
			 mr->key << EDU_TRANSFER_KEY_SHIFT,
	};

	return ioctl(engine, EDU_IOC_MR, &transfer);
}

/* --- the tests --- */

/* Both ways, at a place that begins and ends within pages. */
static void check_transfers(unsigned char *memory)
{
	unsigned char data[PART], back[PART] = { 0 };
	size_t first = 100, at = 5000, i;
	struct mr mr;

	memset(memory, 0x11, LENGTH);
	pattern_fill(data, PART, 7);
	CHECK(mr_register(&mr, memory + first, LENGTH - first));
	CHECK(!mr_transfer(&mr, at, data, PART, false));
	CHECK(!memcmp(memory + first + at, data, PART));
	for (i = 0; i < LENGTH; i++)
		if (i < first + at || i >= first + at + PART)
			CHECK_EQ(memory[i], 0x11);
	CHECK(!mr_transfer(&mr, at, back, PART, true));
	CHECK(!memcmp(back, data, PART));
	CHECK_ERRNO(mr_transfer(&mr, LENGTH - first - 1, data, 2, false), EINVAL);
	CHECK(mr_deregister(&mr));
	CHECK_ERRNO(mr_transfer(&mr, 0, data, 1, false), EINVAL);
}

static void a_device_reads_and_writes_a_window(void)
{
	set_up();
	check_transfers(node_map_fresh(LENGTH));
}

static void a_device_reads_and_writes_part_of_a_buffer(void)
{
	unsigned char *memory = node_map_fresh(4 * MIB);

	set_up();
	/* So by the client's callbacks, and in the middle of the buffer. */
	CHECK(!munmap(memory, 2 * MIB));
	check_transfers(memory + 2 * MIB);
}

static void a_device_reads_and_writes_other_clients_memory(void)
{
	static const char * const clients[] = {
		"peer_keeps", "peer_revokes", "peer_unmaps", "peer_plain",
	};
	size_t i;

	set_up();
	for (i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		check_transfers(peer_open(clients[i], LENGTH).memory);
	CHECK(!peer_counts_imbalance());
}

/* Until it is @taken, and not after. */
static void check_revocation(unsigned char *memory, void (*take)(void *arg),
			     void *arg, bool readable)
{
	unsigned char data[64];
	struct mr mr;

	memset(memory, 0x22, LENGTH);
	memset(data, 0x33, sizeof(data));
	CHECK(mr_register(&mr, memory, LENGTH));
	CHECK(!mr_transfer(&mr, 0, data, sizeof(data), false));
	take(arg);
	CHECK_ERRNO(mr_transfer(&mr, 4096, data, sizeof(data), false), EACCES);
	if (readable) {
		CHECK_EQ(memory[0], 0x33);
		CHECK_EQ(memory[4096], 0x22);
	}
	CHECK(mr_deregister(&mr));
}

static void take_back(void *arg)
{
	peer_invalidate(arg);
}

static void what_a_client_takes_back_is_not_accessed(void)
{
	static const char * const clients[] = {
		"peer_revokes", "peer_unmaps", "peer_plain",
	};
	struct peer peer;
	size_t i;

	set_up();
	for (i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		peer = peer_open(clients[i], LENGTH);
		check_revocation(peer.memory, take_back, &peer, true);
	}
	CHECK(!peer_counts_imbalance());
}

static void revoke_window(void *arg)
{
	int node = node_open();

	(void)arg;
	CHECK(!node_revoke(node, PEERMR_REVOKE_FORCE));
	close(node);
}

static void a_revoked_window_is_not_accessed(void)
{
	set_up();
	check_revocation(node_map_fresh(LENGTH), revoke_window, NULL, false);
}

static void a_revoked_part_of_a_buffer_is_not_accessed(void)
{
	unsigned char *memory = node_map_fresh(4 * MIB);

	set_up();
	CHECK(!munmap(memory, 2 * MIB));
	check_revocation(memory + 2 * MIB, revoke_window, NULL, false);
}

static void a_table_that_cannot_be_right_is_refused(void)
{
	static const struct {
		const char *fault;
		int error;
	} faults[] = {
		{ "short table", EINVAL }, { "short count", EINVAL },
		{ "odd length", EINVAL }, { "early end", EINVAL },
		{ "page size", EINVAL },
		{ "dma_map", EIO }, { "invalidate in dma_map", ENODEV },
	};
	struct peer peer;
	struct mr mr;
	size_t i;

	set_up();
	peer = peer_open("peer_plain", LENGTH);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		peer_set_fault(faults[i].fault);
		if (mr_register(&mr, peer.memory, LENGTH) ||
		    errno != faults[i].error) {
			peer_set_fault("");
			TEST_FAIL("%s: %s", faults[i].fault, strerror(errno));
		}
		peer_set_fault("");
		CHECK(!peer_counts_imbalance());
	}
	CHECK(mr_register(&mr, peer.memory, LENGTH));
	CHECK(mr_deregister(&mr));
}

/* A copy of the descriptor of a dma-buf, as soon as there is one. */
static void *steal_dmabuf(void *stolen)
{
	char path[64], file[64];
	ssize_t length;
	int fd;

	for (fd = 3;; fd = fd < 20 ? fd + 1 : 3) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, file, sizeof(file) - 1);
		if (length <= 0)
			continue;
		file[length] = '\0';
		if (strncmp(file, "/dmabuf:", 8))
			continue;
		*(int *)stolen = dup(fd);
		return NULL;
	}
}

static void set_late_error(bool on)
{
	CHECK(file_write("/sys/module/edu_importer/parameters/late_error",
			 on ? "Y" : "N"));
}

/* Its client has the memory back then, whoever still has the dma-buf. */
static void what_failed_to_register_cannot_be_registered_later(void)
{
	struct peer peer;
	pthread_t thief;
	int stolen = -1;
	bool registered;
	struct mr mr;

	set_up();
	peer = peer_open("peer_plain", LENGTH);
	CHECK(!pthread_create(&thief, NULL, steal_dmabuf, &stolen));
	set_late_error(true);
	registered = mr_register(&mr, peer.memory, LENGTH);
	set_late_error(false);
	CHECK(!registered);
	CHECK(!pthread_join(thief, NULL));
	CHECK(stolen >= 0);
	CHECK(!peer_counts_imbalance());
	CHECK_ERRNO(dmabuf_register(stolen, LENGTH), ENODEV);
	close(stolen);
}

static void the_device_has_no_other_memory(void)
{
	unsigned char page[4096];
	struct mr mr;

	set_up();
	CHECK_ERRNO(!mr_register(&mr, page, sizeof(page)), EFAULT);
}

static const struct test tests[] = {
	TEST(a_device_reads_and_writes_a_window),
	TEST(a_device_reads_and_writes_part_of_a_buffer),
	TEST(a_device_reads_and_writes_other_clients_memory),
	TEST(what_a_client_takes_back_is_not_accessed),
	TEST(a_revoked_window_is_not_accessed),
	TEST(a_revoked_part_of_a_buffer_is_not_accessed),
	TEST(a_table_that_cannot_be_right_is_refused),
	TEST(what_failed_to_register_cannot_be_registered_later),
	TEST(the_device_has_no_other_memory),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
