/* Children of the keeper's rows. Static, so that an exec of it is cheap.
 *
 *     nothing             ends with 0 at once
 *     nothing wait        ends when its standard input does
 *     nothing last FIFO   after 2 ms, in which whoever bore it falls asleep again, says in one record of 16 bytes what time it is; then ends
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2) return 0;
    if (strcmp(argv[1], "wait") == 0) {
        char byte;
        while (read(0, &byte, 1) > 0) continue;
        return 0;
    }
    if (argc < 3 || strcmp(argv[1], "last") != 0) return 2;
    int fifo = open(argv[2], O_WRONLY | O_CLOEXEC);
    struct timespec pause = { .tv_nsec = 2000000 }, now;
    if (fifo < 0 || nanosleep(&pause, NULL) != 0) return 1;
    uint64_t record[2] = { 0, (uint64_t)getpid() };
    clock_gettime(CLOCK_MONOTONIC, &now);
    record[0] = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    _exit(write(fifo, record, sizeof record) != sizeof record);
}
