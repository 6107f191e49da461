// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The answer of peermr paths, for programs. */
#include <errno.h>

#include "json.h"
#include "paths.h"

/* What an empty string stands for is null. */
static void json_text(struct json *json, const char *key, const char *value)
{
	if (*value)
		json_string(json, key, value);
	else
		json_null(json, key);
}

static void json_known(struct json *json, const char *key, enum known known)
{
	if (known == KNOWN_NOT)
		json_null(json, key);
	else
		json_bool(json, key, known == KNOWN_YES);
}

static void json_able(struct json *json, const char *key, int result)
{
	if (result == PROBE_NOT_TRIED)
		json_null(json, key);
	else
		json_bool(json, key, result != -EOPNOTSUPP &&
				     result != -EPROTONOSUPPORT);
}

static void json_platform(struct json *json, const struct platform *platform)
{
	json_object_begin(json, "machine");
	json_string(json, "kernel", platform->kernel);
	json_known(json, "pci_p2pdma", platform->p2pdma);
	json_known(json, "peerdirect_api", platform->peer_api);
	json_text(json, "peerdirect_module", platform->peer_module);
	json_array_begin(json, "peerdirect_clients");
	for (int i = 0; i < platform->client_count; i++) {
		json_object_begin(json, NULL);
		json_string(json, "name", platform->clients[i].name);
		json_text(json, "version", platform->clients[i].version);
		json_object_end(json);
	}
	json_array_end(json);
	json_bool(json, "iommu", platform->iommu);
	json_known(json, "memory_encryption", platform->encryption);
	if (platform->memlock == UINT64_MAX)
		json_null(json, "locked_memory_limit");
	else
		json_unsigned(json, "locked_memory_limit", platform->memlock);
	json_text(json, "verbs_extension", platform->extension);
	json_object_end(json);
}

static void json_nic(struct json *json, const struct nic *nic,
		     const struct nic_probe *able)
{
	json_object_begin(json, NULL);
	json_string(json, "name", nic->name);
	json_text(json, "pci_device", nic->pci);
	json_text(json, "iommu_group_type", nic->iommu);
	json_text(json, "kernel_driver", nic->driver);
	json_able(json, "kernel_driver_dmabuf", able->kernel);
	json_text(json, "provider_library", able->library);
	json_able(json, "provider_library_dmabuf", able->provider);
	json_object_end(json);
}

static void json_runtime(struct json *json, const struct runtime *runtime)
{
	json_object_begin(json, NULL);
	json_string(json, "name", runtime->name);
	json_text(json, "library", runtime->library);
	json_text(json, "kernel_driver", runtime->driver);
	json_text(json, "version", runtime->version);
	json_object_end(json);
}

static void json_row(struct json *json, const struct path_row *row)
{
	static const char *const paths[PATH_COUNT] = {
		[PATH_PAGE] = "page",
		[PATH_DMABUF] = "dma-buf",
		[PATH_PEERDIRECT] = "peerdirect",
	};
	const struct verdict *verdict = &row->verdict;

	json_object_begin(json, NULL);
	json_string(json, "rdma_device", row->nic);
	json_string(json, "memory", row->memory);
	json_string(json, "path", paths[row->path]);
	if (verdict->answer == ANSWER_UNKNOWN)
		json_null(json, "works");
	else
		json_bool(json, "works", verdict->answer == ANSWER_YES);
	json_string(json, "reason", verdict->reason);
	json_text(json, "way_out", verdict->way_out);
	json_object_end(json);
}

void paths_json(const struct paths *paths)
{
	struct json json = { .out = stdout };

	json_object_begin(&json, NULL);
	json_platform(&json, &paths->platform);
	json_array_begin(&json, "rdma_devices");
	for (int i = 0; i < paths->nic_count; i++)
		json_nic(&json, &paths->nics[i], &paths->able[i]);
	json_array_end(&json);
	json_array_begin(&json, "windows");
	for (int i = 0; i < paths->window_count; i++) {
		json_object_begin(&json, NULL);
		window_json(&json, &paths->windows[i]);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_array_begin(&json, "runtimes");
	for (int i = 0; i < paths->runtime_count; i++)
		json_runtime(&json, &paths->runtimes[i]);
	json_array_end(&json);
	json_array_begin(&json, "paths");
	for (int i = 0; i < paths->row_count; i++)
		json_row(&json, &paths->rows[i]);
	json_array_end(&json);
	json_object_end(&json);
}
