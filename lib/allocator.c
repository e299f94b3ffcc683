/* SPDX-License-Identifier: Apache-2.0 */

/* The memory allocator; see allocator.h. */

#include <config.h>
#include "allocator.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "util.h"

#if defined(OVN_TCMALLOC)

#include <gperftools/malloc_extension_c.h>
#include <gperftools/tcmalloc.h>

static size_t
property(const char *name)
{
    size_t value;

    return MallocExtension_GetNumericProperty(name, &value) ? value : 0;
}

char *
allocator_name(void)
{
    const char *patch;
    int major, minor;

    tc_version(&major, &minor, &patch);
    return xasprintf("tcmalloc %d.%d%s", major, minor, patch);
}

void
allocator_get_usage(size_t *heap, size_t *unused)
{
    *heap = (property("generic.heap_size")
             - property("tcmalloc.pageheap_unmapped_bytes"));
    *unused = *heap - property("generic.current_allocated_bytes");
}

void
allocator_release(void)
{
    MallocExtension_ReleaseFreeMemory();
}

#elif defined(OVN_JEMALLOC)

#include <inttypes.h>
#include <jemalloc/jemalloc.h>

static size_t
property(const char *name)
{
    size_t value = 0, len = sizeof value;

    return !mallctl(name, &value, &len, NULL, 0) ? value : 0;
}

char *
allocator_name(void)
{
    const char *version = "";
    size_t len = sizeof version;

    mallctl("version", &version, &len, NULL, 0);
    return xasprintf("jemalloc %s", version);
}

void
allocator_get_usage(size_t *heap, size_t *unused)
{
    uint64_t epoch = 1;

    /* The numbers are those of the last time that this was done. */
    mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
    *heap = property("stats.resident");
    *unused = *heap - property("stats.allocated");
}

void
allocator_release(void)
{
    char name[32];

    snprintf(name, sizeof name, "arena.%d.purge", MALLCTL_ARENAS_ALL);
    mallctl(name, NULL, NULL, NULL, 0);
}

#elif defined(__GLIBC__)

#include <malloc.h>

char *
allocator_name(void)
{
    return xstrdup("libc");
}

void
allocator_get_usage(size_t *heap, size_t *unused)
{
    const struct mallinfo2 info = mallinfo2();

    *heap = info.arena + info.hblkhd;
    *unused = info.fordblks;
}

void
allocator_release(void)
{
    malloc_trim(0);
}

#else

char *
allocator_name(void)
{
    return xstrdup("libc");
}

void
allocator_get_usage(size_t *heap, size_t *unused)
{
    *heap = *unused = 0;
}

void
allocator_release(void)
{
    /* There is no way to ask for it. */
}

#endif

void
allocator_print_version(void)
{
    char *name = allocator_name();

    printf("Allocator %s\n", name);
    free(name);
}
