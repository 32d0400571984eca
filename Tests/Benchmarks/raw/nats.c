/* nats HOST:PORT COUNT SIZE   the work of the scenarios publish, publish-batch and drain, by libnats alone, in a stream on disk */
#include "raw.h"
#include <nats/nats.h>

static natsConnection *connection;
static jsCtx *jet;

static void check(const char *what, natsStatus status) {
    if (status != NATS_OK) fail(what, natsStatus_GetText(status));
}

/* Publishes with so many messages on their way at most. The headers are those of Millrace: its id, and the one to recognise it by. */
static void publish(const char *scenario, const char *subject, int count, int size, int window, unsigned first) {
    jsCtx *context;
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = window;
    check("context", natsConnection_JetStream(&context, connection, &options));
    char *payload = calloc(1, (size_t)size);
    double start = now();
    for (int number = 0; number < count; number++) {
        char id[37];
        make_id(id, first + (unsigned)number);
        natsMsg *message;
        check("message", natsMsg_Create(&message, subject, NULL, payload, size));
        check("header", natsMsgHeader_Set(message, "_watermill_message_uuid", id));
        check("header", natsMsgHeader_Set(message, "Nats-Msg-Id", id));
        natsStatus status;
        while ((status = js_PublishMsgAsync(context, &message, NULL)) == NATS_TIMEOUT) {}
        check("publish", status);
    }
    check("acknowledgements", js_PublishAsyncComplete(context, NULL));
    report(scenario, count, start);
    free(payload);
    jsCtx_Destroy(context);
}

/* Fetches 1,000 at a time and acknowledges each. */
static void drain(const char *stream, int count) {
    jsConsumerConfig consumer;
    jsConsumerConfig_Init(&consumer);
    consumer.Durable = "raw";
    consumer.AckPolicy = js_AckExplicit;
    consumer.MaxAckPending = 4096;
    check("consumer", js_AddConsumer(NULL, jet, stream, &consumer, NULL, NULL));
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = stream;
    options.Consumer = "raw";
    natsSubscription *subscription;
    check("subscription", js_PullSubscribe(&subscription, jet, stream, "raw", NULL, &options, NULL));
    double start = now();
    for (int done = 0; done < count;) {
        natsMsgList list;
        int left = count - done;
        check("fetch", natsSubscription_Fetch(&list, subscription, left < 1000 ? left : 1000, 10000, NULL));
        for (int index = 0; index < list.Count; index++) check("acknowledge", natsMsg_Ack(list.Msgs[index], NULL));
        done += list.Count;
        natsMsgList_Destroy(&list);
    }
    check("flush", natsConnection_Flush(connection));
    report("drain", count, start);
    natsSubscription_Destroy(subscription);
}

int main(int argc, char **argv) {
    if (argc != 4) fail("usage", "nats HOST:PORT COUNT SIZE");
    int count = atoi(argv[2]), size = atoi(argv[3]);
    char url[128];
    snprintf(url, sizeof url, "nats://%s", argv[1]);
    check("connect", natsConnection_ConnectTo(&connection, url));
    check("context", natsConnection_JetStream(&jet, connection, NULL));
    jsStreamConfig stream;
    jsStreamConfig_Init(&stream);
    const char *subjects[] = {"raw"};
    stream.Name = "raw";
    stream.Subjects = subjects;
    stream.SubjectsLen = 1;
    check("stream", js_AddStream(NULL, jet, &stream, NULL, NULL));
    publish("publish", "raw", count, size, 64, 0);
    publish("publish-batch", "raw", count, size, 100, (unsigned)count);
    drain("raw", 2 * count);
    check("delete", js_DeleteStream(jet, "raw", NULL, NULL));
    jsCtx_Destroy(jet);
    natsConnection_Destroy(connection);
    nats_Close();
    return 0;
}
