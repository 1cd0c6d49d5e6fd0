/* Threads that share the items of one piece of work, tiles or samples. Whoever starts it takes items as well, and waits only for items that
 * others have begun: a thread that gets no processor holds nobody up, as it would at a barrier. One piece at a time is shared; a second one,
 * started meanwhile or from within, is done by its own thread alone. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MOST_THREADS 64
#define SPINS 4000 /* looks for new work, about 50 µs, before a thread sleeps */
#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() (void)0
#endif

typedef void (*Work)(void *about, int64_t item, int64_t thread);

static struct {
    pthread_mutex_t taken, lock; /* taken: by who shares its work; lock: of what follows */
    pthread_cond_t more;
    Work work;
    void *about;
    int64_t items, threads, started, asleep;
    int open;
    atomic_int_fast64_t next, active;
    atomic_uint_fast64_t turn;
} pool = {.taken = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static pthread_mutex_t noting = PTHREAD_MUTEX_INITIALIZER; /* by who adds to what all threads note */

static void take_items(int64_t thread) {
    int64_t item;
    while ((item = atomic_fetch_add(&pool.next, 1)) < pool.items) pool.work(pool.about, item, thread);
}

static void *helping(void *number) {
    uint_fast64_t seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&pool.turn) == seen; i++) PAUSE();
        pthread_mutex_lock(&pool.lock);
        pool.asleep++;
        while (atomic_load(&pool.turn) == seen) pthread_cond_wait(&pool.more, &pool.lock);
        pool.asleep--;
        seen = atomic_load(&pool.turn);
        int help = pool.open && (int64_t)number < pool.threads;
        if (help) atomic_fetch_add(&pool.active, 1);
        pthread_mutex_unlock(&pool.lock);
        if (!help) continue;
        take_items((int64_t)number);
        atomic_fetch_sub(&pool.active, 1);
    }
    return NULL;
}

/* A process that was forked has none of these threads. */
static void forked(void) {
    pthread_mutex_init(&pool.taken, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_mutex_init(&noting, NULL);
    pthread_cond_init(&pool.more, NULL);
    pool.started = pool.asleep = pool.open = 0;
    atomic_store(&pool.active, 0);
}

static void start_threads(int64_t threads) {
    if (!pool.started) pthread_atfork(NULL, NULL, forked);
    for (; pool.started < threads - 1; pool.started++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, helping, (void *)(pool.started + 1))) return;
        pthread_detach(thread);
    }
}

/* work(about, item, thread) for all items, by so many threads at most; thread tells apart those that work at the same time. */
static void share(int64_t threads, int64_t items, Work work, void *about) {
    threads = MIN(MIN(threads, items), MOST_THREADS);
    if (threads < 2 || pthread_mutex_trylock(&pool.taken)) {
        for (int64_t item = 0; item < items; item++) work(about, item, 0);
        return;
    }
    start_threads(threads);
    pthread_mutex_lock(&pool.lock);
    pool.work = work, pool.about = about, pool.items = items, pool.threads = threads, pool.open = 1;
    atomic_store(&pool.next, 0);
    atomic_fetch_add(&pool.turn, 1);
    if (pool.asleep) pthread_cond_broadcast(&pool.more);
    pthread_mutex_unlock(&pool.lock);
    take_items(0);
    pthread_mutex_lock(&pool.lock);
    pool.open = 0;
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; atomic_load(&pool.active); i++)
        if (i < SPINS)
            PAUSE();
        else
            sched_yield();
    pthread_mutex_unlock(&pool.taken);
}
