/* Memory, ECC, limits and clocks of a GPU. */

typedef struct {
    u64 total, free, used;
} Memory;

int nvmlDeviceGetMemoryInfo(Device device, Memory *out) {
    ENTER(device->gpu);
    int whole = device->mig < 0;
    const char *total = whole ? GPU("memory_total") : ask("gpu.%d.mig.%d.memory", device->gpu, device->mig);
    const char *used = whole ? GPU("memory_used") : NULL, *reserved = whole ? GPU("memory_reserved") : NULL;
    if (!total) return NOT_SUPPORTED;
    out->total = (u64)number(total);
    /* version 1 counts what the driver reserves as used */
    out->used = (u64)(used ? number(used) : 0) + (u64)(reserved ? number(reserved) : 0);
    out->free = out->total - out->used;
    return SUCCESS;
}

int nvmlDeviceGetPowerManagementLimitConstraints(Device device, u32 *low, u32 *high) {
    ENTER(device->gpu);
    int code = put(low, 1000, GPU("power_min"));
    return code ? code : put(high, 1000, GPU("power_max"));
}

int nvmlDeviceGetEccMode(Device device, u32 *current, u32 *pending) {
    ENTER(device->gpu);
    int code = put(current, 1, GPU("ecc"));
    return code ? code : put(pending, 1, GPU("ecc_pending") ? GPU("ecc_pending") : GPU("ecc"));
}

/* error: 0 corrected, 1 uncorrected; counter: 0 volatile, 1 aggregate */
int nvmlDeviceGetTotalEccErrors(Device device, u32 error, u32 counter, u64 *out) {
    ENTER(device->gpu);
    const char *value = ask("gpu.%d.ecc_errors.%u.%u", device->gpu, error, counter);
    if (value) *out = (u64)number(value);
    return value ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetRetiredPages(Device device, u32 cause, u32 *count, u64 *pages) {
    ENTER(device->gpu);
    const char *value = ask("gpu.%d.retired_pages.%u", device->gpu, cause);
    if (!value) return NOT_SUPPORTED;
    u32 have = (u32)number(value);
    if (*count < have || (have && !pages)) {
        *count = have;
        return INSUFFICIENT_SIZE;
    }
    *count = have;
    for (u32 at = 0; at < have; at++) pages[at] = 0x1000ull * at;
    return SUCCESS;
}

int nvmlDeviceGetRemappedRows(Device device, u32 *fixed, u32 *broken, u32 *pending, u32 *failed) {
    ENTER(device->gpu);
    const char *value = GPU("row_remap"); /* correctable uncorrectable pending failed */
    if (!value || sscanf(value, "%u %u %u %u", fixed, broken, pending, failed) != 4) return NOT_SUPPORTED;
    return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(Device device, u64 *out) { /* mJ; the scenario has J */
    ENTER(device->gpu);
    const char *value = GPU("energy");
    if (value) *out = (u64)(number(value) * 1000);
    return value ? SUCCESS : NOT_SUPPORTED;
}

static int reasons(const char *value, u64 *out) {
    if (value) *out = (u64)number(value);
    return value ? SUCCESS : NOT_SUPPORTED;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Device device, u64 *out) {
    ENTER(device->gpu);
    return reasons(GPU("clock_reasons"), out);
}
int nvmlDeviceGetSupportedClocksThrottleReasons(Device device, u64 *out) {
    ENTER(device->gpu);
    return reasons(GPU("clock_reasons_supported"), out);
}

typedef struct {
    u64 reference, violation; /* us, ns */
} Violation;

int nvmlDeviceGetViolationStatus(Device device, u32 policy, Violation *out) {
    ENTER(device->gpu);
    const char *seconds = ask("gpu.%d.violation.%u", device->gpu, policy); /* 0 power, 1 thermal */
    if (!seconds) return NOT_SUPPORTED;
    *out = (Violation){1000000, (u64)(number(seconds) * 1e9)};
    return SUCCESS;
}

typedef struct {
    u32 gpu, memory;
} Utilization;

int nvmlDeviceGetUtilizationRates(Device device, Utilization *out) {
    ENTER(device->gpu);
    int code = put(&out->gpu, 1, GPU("utilization_gpu"));
    return code ? code : put(&out->memory, 1, GPU("utilization_memory"));
}

typedef struct {
    u32 id, scope;
    int64_t timestamp, latency;
    u32 type;
    int code;
    union {
        double real;
        u32 u;
        u64 wide;
    } value;
} Field;

int nvmlDeviceGetFieldValues(Device device, int count, Field *fields) {
    ENTER(device->gpu);
    for (int at = 0; at < count; at++) {
        const char *value = ask("gpu.%d.field.%u.%u", device->gpu, fields[at].id, fields[at].scope);
        if (!value) value = ask("gpu.%d.field.%u", device->gpu, fields[at].id);
        fields[at].code = value ? SUCCESS : NOT_SUPPORTED;
        fields[at].type = 1; /* unsigned int */
        if (value) fields[at].value.u = (u32)number(value);
    }
    return SUCCESS;
}

#ifndef OLD_DRIVER
typedef struct {
    u32 version;
    u64 total, reserved, free, used;
} Memory2;

int nvmlDeviceGetMemoryInfo_v2(Device device, Memory2 *out) {
    ENTER(device->gpu);
    Memory plain;
    if (out->version != 0x02000028) return VERSION_MISMATCH;
    int code = nvmlDeviceGetMemoryInfo(device, &plain);
    if (code) return code;
    out->total = plain.total;
    out->free = plain.free;
    out->reserved = GPU("memory_reserved") && device->mig < 0 ? (u64)number(GPU("memory_reserved")) : 0;
    out->used = plain.used - out->reserved;
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksEventReasons(Device device, u64 *out) {
    ENTER(device->gpu);
    return reasons(GPU("clock_reasons"), out);
}
int nvmlDeviceGetSupportedClocksEventReasons(Device device, u64 *out) {
    ENTER(device->gpu);
    return reasons(GPU("clock_reasons_supported"), out);
}

typedef struct {
    u32 version;
    u64 counts[11];
    u32 threshold_exceeded;
} Sram;

int nvmlDeviceGetSramEccErrorStatus(Device device, Sram *out) {
    ENTER(device->gpu);
    if (out->version != 0x01000068) return VERSION_MISMATCH;
    memset(out->counts, 0, sizeof out->counts);
    return put(&out->threshold_exceeded, 1, GPU("sram_threshold_exceeded"));
}

int nvmlDeviceGetClock(Device device, u32 type, u32 id, u32 *out) {
    ENTER(device->gpu);
    if (id == 1) return put(out, 1, ask("gpu.%d.clock_app.%u", device->gpu, type));
    return put(out, 1, ask("gpu.%d.clock_app_default.%u", device->gpu, type));
}

typedef struct {
    u32 version, sensor;
    int value;
} Temperature;

int nvmlDeviceGetTemperatureV(Device device, Temperature *out) {
    ENTER(device->gpu);
    if (out->version != 0x0100000c) return VERSION_MISMATCH;
    return put((u32 *)&out->value, 1, ask("gpu.%d.temperature.%u", device->gpu, out->sensor));
}
#endif
