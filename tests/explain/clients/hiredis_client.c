/* Set one key with hiredis, and print what it says of it. Without TLS: Debian 12 builds hiredis 0.14, which has none.
 *
 *     hiredis_client CLIENT HOST PORT TLS USER PASSWORD CA-FILE ADDRESS
 *
 * ADDRESS is dialled. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

/* Print a failure as the examples of hiredis do. Returns whether it was one. */
static int failed(redisContext *context, redisReply *reply, const char *command) {
    if (reply == NULL) {
        fprintf(stderr, "%s: hiredis error: %s\n", command, context->errstr);
        return 1;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "%s: hiredis reply: %s\n", command, reply->str);
        return 1;
    }
    return 0;
}

int main(int count, char **words) {
    struct timeval patience = {3, 0};
    if (count != 9) return 2;
    redisContext *context = redisConnectWithTimeout(words[8], atoi(words[3]), patience);
    if (context == NULL || context->err) {
        fprintf(stderr, "Connection error: hiredis: %s\n", context ? context->errstr : "no memory");
        return 1;
    }
    redisSetTimeout(context, patience);
    if (*words[6]) {
        redisReply *login = *words[5] ? redisCommand(context, "AUTH %s %s", words[5], words[6])
                                      : redisCommand(context, "AUTH %s", words[6]);
        if (failed(context, login, "AUTH")) return 1;
    }
    return failed(context, redisCommand(context, "SET k v"), "SET");
}
