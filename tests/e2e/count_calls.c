/* Preloaded into a service: counts who asks for memory and who takes locks, by the module that the
 * call stands in (the program itself, libevent, librdkafka, anything else). The counts lie in the
 * file that COUNT_FILE names, as text of fixed width, so that a script can read them while the
 * service runs: one line per module, "name allocations locks". */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum module {
    PROGRAM,
    LIBEVENT,
    LIBRDKAFKA,
    OTHER,
    MODULES
};
static const char *const names[MODULES] = {"program", "libevent", "librdkafka", "other"};

#define RANGES_MAX 64
#define LINE       47 /* bytes of a line, with its end */

struct range {
    uintptr_t from, to;
    enum module module;
};

static struct {
    struct range ranges[RANGES_MAX];
    size_t n;
    bool ready;
    _Atomic uint64_t allocations[MODULES], locks[MODULES];
    int (*lock)(pthread_mutex_t *);
    int (*rdlock)(pthread_rwlock_t *);
    int (*wrlock)(pthread_rwlock_t *);
} counts;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static enum module module_of(const void *caller) {
    uintptr_t at = (uintptr_t)caller;
    for (size_t i = 0; i < counts.n; i++) {
        if (at >= counts.ranges[i].from && at < counts.ranges[i].to) {
            return counts.ranges[i].module;
        }
    }
    return OTHER;
}

#define COUNT(what)                                                                                \
    do {                                                                                           \
        if (counts.ready) {                                                                        \
            atomic_fetch_add_explicit(&counts.what[module_of(__builtin_return_address(0))], 1,     \
                                      memory_order_relaxed);                                       \
        }                                                                                          \
    } while (0)

void *malloc(size_t n) {
    COUNT(allocations);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
    COUNT(allocations);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
    COUNT(allocations);
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n) {
    COUNT(allocations);
    return __libc_memalign(align, n);
}

int posix_memalign(void **ret, size_t align, size_t n) {
    COUNT(allocations);
    *ret = __libc_memalign(align, n);
    return *ret ? 0 : 12; /* ENOMEM */
}

int pthread_mutex_lock(pthread_mutex_t *m) {
    COUNT(locks);
    if (!counts.lock) {
        *(void **)&counts.lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    }
    return counts.lock(m);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *l) {
    COUNT(locks);
    if (!counts.rdlock) {
        *(void **)&counts.rdlock = dlsym(RTLD_NEXT, "pthread_rwlock_rdlock");
    }
    return counts.rdlock(l);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *l) {
    COUNT(locks);
    if (!counts.wrlock) {
        *(void **)&counts.wrlock = dlsym(RTLD_NEXT, "pthread_rwlock_wrlock");
    }
    return counts.wrlock(l);
}

static int note_module(struct dl_phdr_info *info, size_t size, void *arg) {
    enum module m = !info->dlpi_name[0]                     ? PROGRAM
                    : strstr(info->dlpi_name, "libevent")   ? LIBEVENT
                    : strstr(info->dlpi_name, "librdkafka") ? LIBRDKAFKA
                                                            : OTHER;
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum && m != OTHER && counts.n < RANGES_MAX; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type == PT_LOAD) {
            uintptr_t from = info->dlpi_addr + h->p_vaddr;
            counts.ranges[counts.n++] =
                (struct range){.from = from, .to = from + h->p_memsz, .module = m};
        }
    }
    return 0;
}

/* Ten times a second the counts as they are: a thread of its own, so that counting stays cheap. */
static void *write_counts(void *arg) {
    char *page = arg;
    for (;;) {
        char text[MODULES * LINE + 1];
        for (int m = 0; m < MODULES; m++) {
            snprintf(text + m * LINE, LINE + 1, "%-12s %16llu %16llu\n", names[m],
                     (unsigned long long)atomic_load(&counts.allocations[m]),
                     (unsigned long long)atomic_load(&counts.locks[m]));
        }
        memcpy(page, text, sizeof text - 1);
        usleep(100 * 1000);
    }
    return NULL;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("COUNT_FILE");
    pthread_t t;
    if (!path) {
        return;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    void *page = fd < 0 || ftruncate(fd, MODULES * LINE)
                     ? MAP_FAILED
                     : mmap(NULL, MODULES * LINE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        abort(); /* a test that counts nothing must not pass */
    }
    dl_iterate_phdr(note_module, NULL);
    counts.ready = true;
    if (pthread_create(&t, NULL, write_counts, page)) {
        abort();
    }
}
