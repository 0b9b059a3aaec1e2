/* MIG, NVLink, fabric, peers and processes. */

int nvmlDeviceGetMigMode(Device device, u32 *current, u32 *pending) {
    ENTER(device->gpu);
    int code = put(current, 1, GPU("mig_mode"));
    return code ? code : put(pending, 1, GPU("mig_pending") ? GPU("mig_pending") : GPU("mig_mode"));
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device device, u32 index, Device *out) {
    ENTER(device->gpu);
    if (index >= 8) return INVALID_ARGUMENT;
    if (!ask("gpu.%d.mig.%u.name", device->gpu, index)) return NOT_FOUND;
    *out = &migs[device->gpu][index];
    return SUCCESS;
}

/* A value of one link: links stand under gpu.N.nvlink.L, their number under gpu.N.nvlinks. */
#define LINK(field) ask("gpu.%d.nvlink.%u." field, device->gpu, link)

static int no_link(Device device, u32 link) {
    const char *count = GPU("nvlinks");
    if (!count) return NOT_SUPPORTED;
    return link < number(count) ? SUCCESS : INVALID_ARGUMENT;
}
int nvmlDeviceGetNvLinkState(Device device, u32 link, u32 *out) {
    ENTER(device->gpu);
    int code = no_link(device, link);
    return code ? code : put(out, 1, LINK("active"));
}
int nvmlDeviceGetNvLinkErrorCounter(Device device, u32 link, u32 counter, u64 *out) {
    ENTER(device->gpu);
    if (no_link(device, link)) return no_link(device, link);
    const char *value = ask("gpu.%d.nvlink.%u.errors.%u", device->gpu, link, counter);
    if (value) *out = (u64)number(value);
    return value ? SUCCESS : NOT_SUPPORTED;
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(Device device, u32 link, Pci *out) {
    ENTER(device->gpu);
    return no_link(device, link) ? no_link(device, link) : pci(out, LINK("peer"));
}

static int pair(Device one, Device other, u32 *out, const char *key) {
    const char *value = ask("%s.%d.%d", key, one->gpu, other->gpu);
    return put(out, 1, value ? value : ask("%s.%d.%d", key, other->gpu, one->gpu));
}
int nvmlDeviceGetP2PStatus(Device device, Device other, u32 index, u32 *out) {
    ENTER(device->gpu);
    if (index != 0) return INVALID_ARGUMENT;
    return pair(device, other, out, "p2p");
}
int nvmlDeviceGetTopologyCommonAncestor(Device device, Device other, u32 *out) {
    ENTER(device->gpu);
    return pair(device, other, out, "topology");
}

/* Processes: `PID:MEMORY, ...`; PID may be `self` or `parent`; without memory it is not told.
 * `processes = 1` says that the lists can be read, and are empty where no other line fills them. */
typedef struct {
    u32 pid;
    u64 memory;
    u32 gpu_instance, compute_instance;
} Process;

#ifdef LONG_PROCESS_V3 /* drivers 535.43 to 535.86 */
typedef struct {
    Process common;
    u64 protected_memory;
} Process3;
int nvmlDeviceGetConfComputeMemSizeInfo(Device device) { return device ? NOT_SUPPORTED : INVALID_ARGUMENT; }
#else
typedef Process Process3;
#endif

/* `size`: bytes from one entry of `out` to the next */
static int processes(const char *list, u32 *count, void *out, size_t size) {
    if (!list) return NOT_SUPPORTED;
    u32 have = 0, room = *count;
    for (const char *at = list; at && isalnum((unsigned char)*at);) {
        u32 pid = (u32)atoi(at);
        if (!strncmp(at, "self", 4)) pid = (u32)getpid();
        if (!strncmp(at, "parent", 6)) pid = (u32)getppid();
        const char *comma = strchr(at, ','), *colon = strchr(at, ':');
        int told = colon && (!comma || colon < comma);
        if (out && have < room)
            *(Process *)((char *)out + have * size) =
                (Process){pid, told ? (u64)number(colon + 1) : ~0ull, 0xffffffff, 0xffffffff};
        have++;
        at = comma;
        while (at && !isalnum((unsigned char)*at)) at++;
    }
    *count = have;
    return have > room ? INSUFFICIENT_SIZE : SUCCESS;
}
#define PROCESSES(kind, key, version, type)                                                        \
    int nvmlDeviceGet##kind##RunningProcesses_##version(Device device, u32 *count, void *out) {    \
        ENTER(device->gpu);                                                                        \
        const char *none = GPU("processes") ? "-" : NULL;                                          \
        return processes(GPU(key) ? GPU(key) : none, count, out, sizeof(type));                    \
    }
PROCESSES(Compute, "compute", v2, Process)
PROCESSES(Graphics, "graphics", v2, Process)
PROCESSES(MPSCompute, "mps", v2, Process)

/* Use of the SMs: `used = PID:PERCENT, ...`; where no line says so, nobody has used it. */
typedef struct {
    u32 pid;
    u64 time; /* us */
    u32 sm, memory, encoder, decoder;
} Sample;

int nvmlDeviceGetProcessUtilization(Device device, Sample *out, u32 *count, u64 since) {
    ENTER(device->gpu);
    Process list[16];
    u32 have = 16;
    if (!GPU("used")) return NOT_FOUND;
    if (processes(GPU("used"), &have, list, sizeof *list) || !have) return NOT_FOUND;
    if (!out || *count < have) {
        *count = have;
        return INSUFFICIENT_SIZE;
    }
    *count = have;
    for (u32 at = 0; at < have; at++) out[at] = (Sample){list[at].pid, since + 1, (u32)list[at].memory, 0, 0, 0};
    return SUCCESS;
}

#ifndef OLD_DRIVER
PROCESSES(Compute, "compute", v3, Process3)
PROCESSES(Graphics, "graphics", v3, Process3)
PROCESSES(MPSCompute, "mps", v3, Process3)

int nvmlDeviceGetMemoryAffinity(Device device, u32 words, u64 *out, u32 scope) {
    ENTER(device->gpu);
    return scope ? INVALID_ARGUMENT : mask(words, out, GPU("numa_node"));
}

typedef struct {
    unsigned char cluster[16];
    int status;
    u32 clique, state;
} Fabric;

int nvmlDeviceGetGpuFabricInfo(Device device, Fabric *out) {
    ENTER(device->gpu);
    memset(out, 0, sizeof *out);
    if (GPU("fabric_status")) out->status = (int)number(GPU("fabric_status"));
    return put(&out->state, 1, GPU("fabric_state"));
}

typedef struct {
    u32 version;
    Fabric info;
    u32 health;
    unsigned char summary; /* version 3 only */
} FabricV;

int nvmlDeviceGetGpuFabricInfoV(Device device, FabricV *out) {
    ENTER(device->gpu);
    const char *newest = ask("fabric_version"), *health = GPU("fabric_health");
    u32 version = out->version >> 24;
    if (version > (newest ? number(newest) : 3) || version < 2) return VERSION_MISMATCH;
    if ((out->version & 0xffffff) != (version == 2 ? 0x24u : 0x28u)) return VERSION_MISMATCH;
    out->health = health ? (u32)number(health) : 0;
    if (version == 3) out->summary = 1;
    return nvmlDeviceGetGpuFabricInfo(device, &out->info);
}
#endif
