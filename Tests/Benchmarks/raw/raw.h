/* What the loops share: the clock, an id for each message, and the line that says how fast something went. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A line for each scenario of `millrace bench`: its name, and messages a second. */
static void report(const char *scenario, int count, double start) {
    printf("%s %.0f\n", scenario, count / (now() - start));
    fflush(stdout);
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

/* A text like that of a UUID; no two of a run are the same. */
static void make_id(char id[37], unsigned number) {
    static unsigned seed;
    if (seed == 0) seed = (unsigned)time(NULL);
    snprintf(id, 37, "%08x-0000-7000-8000-%012x", seed, number);
}
