/// What C has elsewhere and a sink has not: whoever uses it is told when the sink is compiled. For what does not
/// include <wasm_sink.h> the functions are there all the same: the clock begins in 1970, waiting ends at once.

#ifndef WASM_SINK_ABSENT_H
#define WASM_SINK_ABSENT_H

#ifdef __wasm__

#include <time.h>

#define WS_ABSENT(reason) __attribute__((unavailable(reason)))
#define WS_NO_CLOCK                                                                                                    \
    WS_ABSENT("a sink has no clock: take the time from a column, or from the source by ws_plan_metadata")
#define WS_NO_WAIT                                                                                                     \
    WS_ABSENT("a sink cannot wait: return ws_throttled(...) or ws_unavailable(...), and the epoch comes again later")
#define WS_NO_NETWORK                                                                                                  \
    WS_ABSENT("a sink has no network: rows leave by what sink.toml names, and requests by <wasm_sink/http.h>")

struct addrinfo;
struct hostent;
struct timeval;

WS_NO_CLOCK time_t time(time_t *);
WS_NO_CLOCK clock_t clock(void);
WS_NO_CLOCK int clock_gettime(clockid_t, struct timespec *);
WS_NO_CLOCK int timespec_get(struct timespec *, int);
WS_NO_CLOCK int gettimeofday(struct timeval *__restrict, void *__restrict);

WS_NO_WAIT unsigned sleep(unsigned);
WS_NO_WAIT int usleep(unsigned);
WS_NO_WAIT int nanosleep(const struct timespec *, struct timespec *);

WS_NO_NETWORK int socket(int, int, int);
WS_NO_NETWORK int getaddrinfo(const char *__restrict, const char *__restrict, const struct addrinfo *__restrict,
                              struct addrinfo **__restrict);
WS_NO_NETWORK struct hostent *gethostbyname(const char *);

#undef WS_NO_NETWORK
#undef WS_NO_WAIT
#undef WS_NO_CLOCK
#undef WS_ABSENT

#endif
#endif
