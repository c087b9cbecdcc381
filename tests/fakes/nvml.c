/* A stand-in for libnvidia-ml.so.1. It proves our calls and our failure paths, not a real driver's answers or timing.
 *
 * The file named by FAKE_NVML_STATE is read at every call, one "key value" a line:
 *
 *     count 2                          driver 550.54.15
 *     0.name NVIDIA H200               a reading of GPU 0; without its line the call is not supported
 *     0.memory 150 10 21               bytes in all, reserved, in use
 *     0.processes 1234:1024 99:-       pid:bytes, - for "not available"
 *     nvmlDeviceGetName 999            the call fails with this code
 *     0.nvmlDeviceGetName 15           the same, for GPU 0
 *     nvmlDeviceGetName hang           the call never returns
 *
 * Every call is noted in the file named by FAKE_NVML_CALLS. Compiled with -DOLD it lacks what old drivers lack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, TOO_SMALL = 7 };
typedef unsigned long long bytes;
typedef struct { unsigned pid; bytes memory; unsigned gpu_instance, compute_instance; } process;
typedef struct { unsigned version; bytes total, reserved, free, used; } memory_v2;
typedef struct { unsigned version; int sensor, celsius; } temperature_v1;
static int users;

static int find(const char *key, char *value, size_t size) {
    const char *path = getenv("FAKE_NVML_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[4096];
    size_t length = strlen(key);
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file))
        if (!strncmp(line, key, length) && line[length] == ' ') {
            line[strcspn(line, "\n")] = 0;
            snprintf(value, size, "%s", line + length + 1);
            found = 1;
        }
    if (file) fclose(file);
    return found;
}

/* The code that a call is to fail with, or OK; gpu is -1 for calls about no GPU. */
static int begin(const char *call, int gpu) {
    char key[256], value[64];
    const char *path = getenv("FAKE_NVML_CALLS");
    FILE *calls = path ? fopen(path, "a") : NULL;
    if (calls) { fprintf(calls, "%s\n", call); fclose(calls); }
    snprintf(key, sizeof key, "%d.%s", gpu, call);
    if (find(key, value, sizeof value) || find(call, value, sizeof value)) {
        while (!strcmp(value, "hang")) pause();
        return atoi(value);
    }
    return users || !strcmp(call, "nvmlInitWithFlags") ? OK : UNINITIALIZED;
}

/* The number of a GPU is its handle, less one. */
static int read_text(const char *call, void *handle, const char *what, char *value, size_t size) {
    int gpu = (int)(long)handle - 1, code = begin(call, gpu);
    char key[256];
    snprintf(key, sizeof key, "%d.%s", gpu, what);
    return code ? code : find(handle ? key : what, value, size) ? OK : NOT_SUPPORTED;
}

static int read_number(const char *call, void *handle, const char *what, unsigned *number) {
    char value[64];
    int code = read_text(call, handle, what, value, sizeof value);
    if (!code) *number = (unsigned)strtoul(value, NULL, 10);
    return code;
}

static int read_processes(const char *call, void *handle, unsigned *count, process *list) {
    char value[4096], *rest = value, *word;
    unsigned room = *count;
    int code = read_text(call, handle, "processes", value, sizeof value);
    if (code) return code;
    for (*count = 0; (word = strtok_r(rest, " ", &rest)); ++*count) {
        char *colon = strchr(word, ':');
        process one = {(unsigned)strtoul(word, NULL, 10), colon[1] == '-' ? ~0ULL : strtoull(colon + 1, NULL, 10), ~0U, ~0U};
        if (*count < room) list[*count] = one;
    }
    return *count > room ? TOO_SMALL : OK;
}

int nvmlInitWithFlags(unsigned flags) {
    int code = begin(__func__, -1);
    (void)flags;
    users += !code;
    return code;
}

int nvmlShutdown(void) {
    int code = begin(__func__, -1);
    users -= users > 0;
    return code;
}

const char *nvmlErrorString(int code) { return code == 42 ? "Out of \033[31mwhat\033[0m" : "Some Error"; }

int nvmlSystemGetDriverVersion(char *text, unsigned size) { return read_text(__func__, NULL, "driver", text, size); }

int nvmlDeviceGetCount_v2(unsigned *count) { return read_number(__func__, NULL, "count", count); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(long)(index + 1);
    return begin(__func__, (int)index);
}

int nvmlDeviceGetName(void *gpu, char *text, unsigned size) { return read_text(__func__, gpu, "name", text, size); }

int nvmlDeviceGetUUID(void *gpu, char *text, unsigned size) { return read_text(__func__, gpu, "uuid", text, size); }

int nvmlDeviceGetUtilizationRates(void *gpu, unsigned rates[2]) {
    return read_number(__func__, gpu, "utilisation", rates);
}

int nvmlDeviceGetPowerUsage(void *gpu, unsigned *milliwatts) { return read_number(__func__, gpu, "power", milliwatts); }

int nvmlDeviceGetEnforcedPowerLimit(void *gpu, unsigned *limit) { return read_number(__func__, gpu, "limit", limit); }

int nvmlDeviceGetTemperature(void *gpu, int sensor, unsigned *celsius) {
    return sensor ? INVALID : read_number(__func__, gpu, "temperature", celsius);
}

int nvmlDeviceGetMigMode(void *gpu, unsigned *current, unsigned *pending) {
    int code = read_number(__func__, gpu, "mig", current);
    *pending = *current;
    return code;
}

/* As drivers did before they told reserved memory apart: it counts as used. */
int nvmlDeviceGetMemoryInfo(void *gpu, bytes memory[3]) {
    char value[256];
    bytes total = 0, reserved = 0, used = 0;
    int code = read_text(__func__, gpu, "memory", value, sizeof value);
    if (code) return code;
    sscanf(value, "%llu %llu %llu", &total, &reserved, &used);
    memory[0] = total, memory[1] = total - used - reserved, memory[2] = used + reserved;
    return OK;
}

int nvmlDeviceGetComputeRunningProcesses_v2(void *gpu, unsigned *count, process *list) {
    return read_processes(__func__, gpu, count, list);
}

#ifndef OLD
int nvmlDeviceGetMemoryInfo_v2(void *gpu, memory_v2 *memory) {
    char value[256];
    int code = read_text(__func__, gpu, "memory", value, sizeof value);
    if (code) return code;
    if (memory->version != 0x02000028) return INVALID;
    sscanf(value, "%llu %llu %llu", &memory->total, &memory->reserved, &memory->used);
    memory->free = memory->total - memory->reserved - memory->used;
    return OK;
}

int nvmlDeviceGetTemperatureV(void *gpu, temperature_v1 *temperature) {
    if (temperature->version != 0x0100000C || temperature->sensor) return INVALID;
    return read_number(__func__, gpu, "temperature", (unsigned *)&temperature->celsius);
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *gpu, unsigned *count, process *list) {
    return read_processes(__func__, gpu, count, list);
}
#endif
