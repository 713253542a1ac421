/* Call tsan_threads() anywhere in a test that runs librdkafka: it does nothing but bring the
 * stand-ins for C11 threads into a SAN=thread build (see tsan_threads.c). */
#ifndef TSAN_THREADS_H
#define TSAN_THREADS_H

void tsan_threads(void);

#endif
