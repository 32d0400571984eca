/* redis PORT COUNT SIZE   the work of the scenarios publish, publish-batch and drain, by hiredis alone, over one connection */
#include "raw.h"
#include <hiredis/hiredis.h>

static redisContext *connection;

/* The next reply, for the caller to free. */
static redisReply *next(const char *what) {
    void *reply;
    if (redisGetReply(connection, &reply) != REDIS_OK) fail(what, connection->errstr);
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) fail(what, ((redisReply *)reply)->str);
    return reply;
}

static void call(const char *command) {
    if (redisAppendCommand(connection, command) != REDIS_OK) fail(command, connection->errstr);
    freeReplyObject(next(command));
}

/* Publishes with so many messages on their way at most: the fields are those of Millrace. */
static void publish(const char *scenario, int count, int size, int window, int first) {
    char id[37];
    char *payload = calloc(1, (size_t)size);
    const char *words[] = {"XADD", "raw", "*", "_watermill_message_uuid", id, "metadata", "\x80", "payload", payload};
    size_t lengths[] = {4, 3, 1, 23, 36, 8, 1, 7, (size_t)size};
    double start = now();
    for (int sent = 0; sent < count;) {
        int end = sent + window < count ? sent + window : count;
        for (int number = sent; number < end; number++) {
            make_id(id, (unsigned)(first + number));
            redisAppendCommandArgv(connection, 9, words, lengths);
        }
        for (; sent < end; sent++) freeReplyObject(next("XADD"));
    }
    report(scenario, count, start);
    free(payload);
}

/* Reads 100 at a time, and acknowledges them in one command while the next are read. */
static void drain(int count) {
    enum { most = 100 };
    static char ids[most][48];
    const char *words[most + 3] = {"XACK", "raw", "group"};
    size_t lengths[most + 3] = {4, 3, 5};
    call("XGROUP CREATE raw group 0");
    double start = now();
    for (int done = 0, acknowledged = 0; done < count;) {
        redisAppendCommand(connection, "XREADGROUP GROUP group member COUNT 100 STREAMS raw >");
        if (acknowledged < done) freeReplyObject(next("XACK"));
        redisReply *reply = next("XREADGROUP");
        acknowledged = done;
        if (reply->type != REDIS_REPLY_ARRAY) fail("XREADGROUP", "messages are missing");
        redisReply *entries = reply->element[0]->element[1];
        for (size_t index = 0; index < entries->elements; index++) {
            redisReply *entry = entries->element[index]->element[0];
            lengths[index + 3] = entry->len;
            memcpy(ids[index], entry->str, entry->len);
            words[index + 3] = ids[index];
        }
        done += (int)entries->elements;
        redisAppendCommandArgv(connection, (int)entries->elements + 3, words, lengths);
        freeReplyObject(reply);
    }
    freeReplyObject(next("XACK"));
    report("drain", count, start);
}

int main(int argc, char **argv) {
    if (argc != 4) fail("usage", "redis PORT COUNT SIZE");
    int count = atoi(argv[2]), size = atoi(argv[3]);
    connection = redisConnect("127.0.0.1", atoi(argv[1]));
    if (connection == NULL || connection->err) fail("connect", argv[1]);
    publish("publish", count, size, 64, 0);
    publish("publish-batch", count, size, 100, count);
    drain(2 * count);
    call("DEL raw");
    redisFree(connection);
    return 0;
}
