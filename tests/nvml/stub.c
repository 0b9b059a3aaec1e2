/* A libnvidia-ml.so.1 that answers from a scenario file (NVML_STUB_SCENARIO), for the real pynvml to read.
 *
 * Structs are laid out as nvml.h has them. What a scenario does not state is NOT_SUPPORTED. Beside facts a
 * scenario may state, for a function or for one GPU of it:
 *   error.FUNCTION[.GPU] = NAME    it returns NVML_ERROR_NAME; `error.*.3` is all functions of GPU 3
 *   missing.FUNCTION = 1           it returns FUNCTION_NOT_FOUND
 *   hang.FUNCTION[.GPU] = 1        it never returns
 *   crash.FUNCTION[.GPU] = 1       it writes to address 0
 *   print.FUNCTION = TEXT          it prints to standard output
 * With NVML_STUB_LIVE the scenario is read anew at each question for the energy: it may change while a program
 * runs. (One GPU only: others would read what is being replaced.)
 * Built with -DOLD_DRIVER it lacks the symbols that came after driver 450; with -DLONG_PROCESS_V3 its process
 * lists are those of drivers 535.43 to 535.86.
 */
#include <stdint.h>
#include <unistd.h>

#include "scenario.h"

typedef unsigned int u32;
typedef unsigned long long u64;
typedef struct device {
    int gpu, mig; /* mig: -1 for the whole GPU */
} *Device;

enum { SUCCESS, INVALID_ARGUMENT = 2, NOT_SUPPORTED, NOT_FOUND = 6, INSUFFICIENT_SIZE };
enum { FUNCTION_NOT_FOUND = 13, VERSION_MISMATCH = 25 };

static const struct {
    const char *name;
    int code;
    const char *text;
} errors[] = {
    {"UNINITIALIZED", 1, "Uninitialized"},
    {"INVALID_ARGUMENT", 2, "Invalid Argument"},
    {"NOT_SUPPORTED", 3, "Not Supported"},
    {"NO_PERMISSION", 4, "Insufficient Permissions"},
    {"NOT_FOUND", 6, "Not Found"},
    {"INSUFFICIENT_POWER", 8, "Insufficient External Power"},
    {"DRIVER_NOT_LOADED", 9, "Driver Not Loaded"},
    {"FUNCTION_NOT_FOUND", 13, "Function Not Found"},
    {"CORRUPTED_INFOROM", 14, "Corrupted infoROM"},
    {"GPU_IS_LOST", 15, "GPU is lost"},
    {"RESET_REQUIRED", 16, "GPU requires reset"},
    {"LIB_RM_VERSION_MISMATCH", 18, "Driver/library version mismatch"},
    {"ARGUMENT_VERSION_MISMATCH", 25, "Argument version mismatch"},
    {"NOT_READY", 27, "System is not ready for the request"},
    {"GPU_NOT_FOUND", 28, "No GPUs were found"},
    {"UNKNOWN", 999, "Unknown Error"},
};
#define ERRORS (int)(sizeof errors / sizeof *errors)

static struct device gpus[64], migs[64][8];

/* What stands under KIND for this function, for the GPU before the function at large. */
static const char *special(const char *kind, const char *function, int gpu) {
    const char *found = gpu < 0 ? NULL : ask("%s.%s.%d", kind, function, gpu);
    return found ? found : ask("%s.%s", kind, function);
}

static int enter(const char *function, int gpu) {
    if (getenv("NVML_STUB_LIVE") && !strcmp(function, "nvmlDeviceGetTotalEnergyConsumption")) {
        count_ = 0;
        load(getenv("NVML_STUB_SCENARIO"));
    }
    const char *text = special("print", function, gpu);
    if (text) {
        printf("%s\n", text);
        fflush(stdout);
    }
    if (special("crash", function, gpu)) *(volatile int *)0 = 1;
    if (special("hang", function, gpu))
        for (;;) pause();
    if (special("missing", function, -1)) return FUNCTION_NOT_FOUND;
    if ((text = special("error", function, gpu)))
        for (int at = 0; at < ERRORS; at++)
            if (!strcmp(errors[at].name, text)) return errors[at].code;
    return SUCCESS;
}

#define ENTER(gpu)                          \
    do {                                    \
        int code_ = enter(__func__, (gpu)); \
        if (code_) return code_;            \
    } while (0)

static int put(u32 *out, double scale, const char *value) {
    if (value) *out = (u32)(int64_t)(number(value) * scale);
    return value ? SUCCESS : NOT_SUPPORTED;
}

static int copy(char *out, u32 size, const char *value) {
    if (value) snprintf(out, size, "%s", value);
    return value ? SUCCESS : NOT_SUPPORTED;
}

#define GPU(field) ask("gpu.%d." field, device->gpu)

/* ---- the system ---- */

const char *nvmlErrorString(int code) {
    for (int at = 0; at < ERRORS; at++)
        if (errors[at].code == code) return errors[at].text;
    return code ? "Unknown Error" : "The operation was successful";
}

int nvmlInitWithFlags(u32 flags) {
    const char *path = getenv("NVML_STUB_SCENARIO");
    if (!path) return 9;
    if (!count_) load(path);
    for (int gpu = 0; gpu < 64; gpu++) {
        gpus[gpu] = (struct device){gpu, -1};
        for (int mig = 0; mig < 8; mig++) migs[gpu][mig] = (struct device){gpu, mig};
    }
    if (flags & 1) return SUCCESS; /* NVML_INIT_FLAG_NO_GPUS */
    ENTER(-1);
    return SUCCESS;
}

int nvmlShutdown(void) { return SUCCESS; }

int nvmlSystemGetDriverVersion(char *out, u32 size) {
    ENTER(-1);
    return copy(out, size, ask("driver"));
}
int nvmlSystemGetNVMLVersion(char *out, u32 size) {
    ENTER(-1);
    return copy(out, size, ask("nvml"));
}
int nvmlSystemGetCudaDriverVersion_v2(int *out) {
    ENTER(-1);
    return put((u32 *)out, 1, ask("cuda"));
}
int nvmlDeviceGetCount_v2(u32 *out) {
    ENTER(-1);
    return put(out, 1, ask("count"));
}
int nvmlDeviceGetHandleByIndex_v2(u32 index, Device *out) {
    const char *count = ask("count");
    if (!count || index >= number(count)) return INVALID_ARGUMENT;
    ENTER((int)index);
    *out = &gpus[index];
    return SUCCESS;
}

/* ---- one number or text of one GPU ---- */

#define TEXT(function, field)                           \
    int function(Device device, char *out, u32 size) {  \
        ENTER(device->gpu);                             \
        return copy(out, size, GPU(field));             \
    }
#define NUMBER(function, field, scale)        \
    int function(Device device, u32 *out) {   \
        ENTER(device->gpu);                   \
        return put(out, (scale), GPU(field)); \
    }
/* ... that is chosen by a number: field.0, field.1 */
#define CHOSEN(function, field)                                          \
    int function(Device device, u32 which, u32 *out) {                   \
        ENTER(device->gpu);                                              \
        return put(out, 1, ask("gpu.%d." field ".%u", device->gpu, which)); \
    }

TEXT(nvmlDeviceGetVbiosVersion, "vbios")
NUMBER(nvmlDeviceGetBrand, "brand", 1)
NUMBER(nvmlDeviceGetPowerUsage, "power_draw", 1000)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, "power_limit", 1000)
NUMBER(nvmlDeviceGetPowerManagementLimit, "power_limit_set", 1000)
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, "power_default", 1000)
NUMBER(nvmlDeviceGetPerformanceState, "pstate", 1)
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_gen", 1)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, "pcie_gen_max", 1)
NUMBER(nvmlDeviceGetGpuMaxPcieLinkGeneration, "pcie_gen_device_max", 1)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width", 1)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, "pcie_width_max", 1)
NUMBER(nvmlDeviceGetPcieReplayCounter, "pcie_replays", 1)
NUMBER(nvmlDeviceGetPersistenceMode, "persistence", 1)
NUMBER(nvmlDeviceGetComputeMode, "compute_mode", 1)
NUMBER(nvmlDeviceGetDisplayActive, "display_active", 1)
NUMBER(nvmlDeviceGetRetiredPagesPendingStatus, "retirement_pending", 1)
NUMBER(nvmlDeviceGetMaxMigDeviceCount, "mig_max", 1)
NUMBER(nvmlDeviceGetVirtualizationMode, "virtualization", 1)
CHOSEN(nvmlDeviceGetTemperature, "temperature")
CHOSEN(nvmlDeviceGetTemperatureThreshold, "threshold")
CHOSEN(nvmlDeviceGetClockInfo, "clock")
CHOSEN(nvmlDeviceGetMaxClockInfo, "clock_max")
CHOSEN(nvmlDeviceGetApplicationsClock, "clock_app")
CHOSEN(nvmlDeviceGetDefaultApplicationsClock, "clock_app_default")

/* ---- names and addresses ---- */

int nvmlDeviceGetName(Device device, char *out, u32 size) {
    ENTER(device->gpu);
    if (device->mig < 0) return copy(out, size, GPU("name"));
    return copy(out, size, ask("gpu.%d.mig.%d.name", device->gpu, device->mig));
}
int nvmlDeviceGetUUID(Device device, char *out, u32 size) {
    ENTER(device->gpu);
    if (device->mig >= 0)
        snprintf(out, size, "MIG-%08d-0000-0000-0000-%012d", device->gpu + 1, device->mig + 1);
    else
        snprintf(out, size, "GPU-%08d-0000-0000-0000-000000000000", device->gpu + 1);
    return SUCCESS;
}

typedef struct {
    char bus_id_legacy[16];
    u32 domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
} Pci;

static int pci(Pci *out, const char *address) {
    if (!address) return NOT_SUPPORTED;
    memset(out, 0, sizeof *out);
    sscanf(address, "%x:%x:%x", &out->domain, &out->bus, &out->device);
    snprintf(out->bus_id_legacy, sizeof out->bus_id_legacy, "%04X:%02X:%02X.0", out->domain & 0xffff,
             out->bus & 0xff, out->device & 0xff);
    snprintf(out->bus_id, sizeof out->bus_id, "%08X:%02X:%02X.0", out->domain, out->bus, out->device);
    return SUCCESS;
}
int nvmlDeviceGetPciInfo_v3(Device device, Pci *out) {
    ENTER(device->gpu);
    char own[32];
    snprintf(own, sizeof own, "0:%x:0", 0x1a + device->gpu);
    return pci(out, GPU("pci") ? GPU("pci") : own);
}
int nvmlDeviceGetCudaComputeCapability(Device device, int *major, int *minor) {
    ENTER(device->gpu);
    const char *value = GPU("compute_capability");
    return value && sscanf(value, "%d.%d", major, minor) == 2 ? SUCCESS : NOT_SUPPORTED;
}

/* Bit masks: comma-separated ranges of numbers. */
static int mask(u32 words, u64 *out, const char *ranges) {
    if (!ranges) return NOT_SUPPORTED;
    memset(out, 0, words * sizeof *out);
    for (const char *at = ranges; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        u32 first, last;
        int read = sscanf(at, "%u-%u", &first, &last);
        for (u32 bit = first; read && bit <= (read == 2 ? last : first) && bit < 64 * words; bit++)
            out[bit / 64] |= 1ull << bit % 64;
    }
    return SUCCESS;
}
int nvmlDeviceGetCpuAffinity(Device device, u32 words, u64 *out) {
    ENTER(device->gpu);
    return mask(words, out, GPU("cpu_affinity"));
}

#include "stub_health.h"
#include "stub_shared.h"
