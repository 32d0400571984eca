/* kafka SERVERS COUNT SIZE   the work of the scenarios publish, publish-batch and drain, by librdkafka alone, with one request on its
                              way at a time, which is what its mock brokers can do at speed */
#include "raw.h"
#include <librdkafka/rdkafka.h>

static void set(rd_kafka_conf_t *configuration, const char *name, const char *value) {
    char error[256];
    if (rd_kafka_conf_set(configuration, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) fail(name, error);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *configuration, const char *servers) {
    char error[256];
    set(configuration, "bootstrap.servers", servers);
    set(configuration, "log_level", "0");
    rd_kafka_t *client = rd_kafka_new(type, configuration, error, sizeof error);
    if (client == NULL) fail("client", error);
    return client;
}

static int delivered;

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context) {
    (void)client;
    (void)context;
    if (message->err) fail("delivery", rd_kafka_err2str(message->err));
    delivered++;
}

/* Has the broker make a topic, which takes a moment that is not to count. */
static void prepare(rd_kafka_t *producer, const char *topic) {
    delivered = 0;
    rd_kafka_resp_err_t error = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE("", 0), RD_KAFKA_V_END);
    if (error) fail("produce", rd_kafka_err2str(error));
    while (delivered < 1) rd_kafka_poll(producer, 100);
}

/* Publishes with so many records on their way at most. The header is that of Millrace. */
static void publish(rd_kafka_t *producer, const char *scenario, const char *topic, int count, int size, int window) {
    char *payload = calloc(1, (size_t)size);
    prepare(producer, topic);
    delivered = 0;
    double start = now();
    for (int sent = 0; sent < count;) {
        while (sent < count && sent - delivered < window) {
            char id[37];
            make_id(id, (unsigned)sent);
            rd_kafka_resp_err_t error = rd_kafka_producev(
                producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(payload, (size_t)size),
                RD_KAFKA_V_HEADER("_watermill_message_uuid", id, 36), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
            if (error) fail("produce", rd_kafka_err2str(error));
            sent++;
        }
        rd_kafka_poll(producer, 100);
    }
    while (delivered < count) rd_kafka_poll(producer, 100);
    report(scenario, count, start);
    free(payload);
}

/* Reads in batches of 1,000, from the first record on, as a member of a group that commits nothing. */
static void drain(const char *servers, const char *topic, int count) {
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();
    set(configuration, "group.id", topic);
    set(configuration, "auto.offset.reset", "earliest");
    set(configuration, "enable.auto.commit", "false");
    /* The mock makes members wait for their session in places. */
    set(configuration, "session.timeout.ms", "6000");
    set(configuration, "heartbeat.interval.ms", "200");
    set(configuration, "fetch.wait.max.ms", "50");
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, configuration, servers);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer, topics);
    if (error) fail("subscribe", rd_kafka_err2str(error));
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    rd_kafka_message_t *messages[1000];
    double start = 0, deadline = now() + 60;
    for (int done = 0; done < count && now() < deadline;) {
        /* No more than are left: it would wait for others. */
        int wanted = done == 0 ? 1 : count - done < 1000 ? count - done : 1000;
        ssize_t got = rd_kafka_consume_batch_queue(queue, 200, messages, (size_t)wanted);
        for (ssize_t index = 0; index < got; index++) {
            if (!messages[index]->err && done++ == 0) start = now();
            rd_kafka_message_destroy(messages[index]);
        }
        if (done >= count) report("drain", count, start);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
}

int main(int argc, char **argv) {
    if (argc != 4) fail("usage", "kafka SERVERS COUNT SIZE");
    int count = atoi(argv[2]), size = atoi(argv[3]);
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();
    set(configuration, "enable.idempotence", "true");
    set(configuration, "linger.ms", "0");
    set(configuration, "max.in.flight.requests.per.connection", "1");
    rd_kafka_conf_set_dr_msg_cb(configuration, on_delivery);
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, configuration, argv[1]);
    char topic[32], batches[64];
    snprintf(topic, sizeof topic, "raw-%ld", (long)time(NULL));
    snprintf(batches, sizeof batches, "%s-batches", topic);
    publish(producer, "publish", topic, count, size, 64);
    publish(producer, "publish-batch", batches, count, size, 100);
    rd_kafka_destroy(producer);
    drain(argv[1], topic, count);
    return 0;
}
