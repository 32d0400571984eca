/* amqp PORT COUNT SIZE classic|quorum   the work of the scenarios publish, publish-batch and drain, by librabbitmq alone, over one
                                         connection, with durable queues and persistent messages */
#include "raw.h"
#include <sys/time.h>
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

static amqp_connection_state_t connection;

static void check(const char *what) {
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    fail(what, reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ? amqp_error_string2(reply.library_error) : "refused");
}

/* Waits until so many messages are confirmed, and returns how many are. */
static int confirmed(int done, int wanted) {
    while (done < wanted) {
        amqp_frame_t frame;
        if (amqp_simple_wait_frame(connection, &frame) != AMQP_STATUS_OK) fail("confirmation", "the connection is lost");
        if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD) fail("confirmation", "refused");
        amqp_basic_ack_t *ack = frame.payload.method.decoded;
        done = ack->multiple ? (int)ack->delivery_tag : done + 1;
    }
    amqp_maybe_release_buffers(connection);
    return done;
}

/* Publishes in groups, and waits for the confirmation of each. Tags of a channel go on counting. */
static void publish(const char *scenario, int count, int size, int group, int before) {
    char id[37];
    amqp_table_entry_t header = {.key = amqp_cstring_bytes("_watermill_message_uuid")};
    header.value.kind = AMQP_FIELD_KIND_UTF8;
    amqp_basic_properties_t properties = {0};
    properties._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.delivery_mode = 2;
    properties.headers.num_entries = 1;
    properties.headers.entries = &header;
    amqp_bytes_t payload = {.len = (size_t)size, .bytes = calloc(1, (size_t)size)};
    double start = now();
    for (int sent = 0; sent < count;) {
        int end = sent + group < count ? sent + group : count;
        for (int number = sent; number < end; number++) {
            make_id(id, (unsigned)(before + number));
            header.value.value.bytes = amqp_cstring_bytes(id);
            int status = amqp_basic_publish(
                connection, 1, amqp_cstring_bytes("raw"), amqp_cstring_bytes("raw"), 0, 0, &properties, payload);
            if (status != AMQP_STATUS_OK) fail("publish", amqp_error_string2(status));
        }
        confirmed(before + sent, before + end);
        sent = end;
    }
    report(scenario, count, start);
    free(payload.bytes);
}

/* Acknowledges 100 at once. */
static void drain(int count) {
    amqp_channel_open(connection, 2);
    check("channel");
    amqp_basic_qos(connection, 2, 0, 4096, 0);
    check("qos");
    amqp_basic_consume(connection, 2, amqp_cstring_bytes("raw"), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check("consume");
    double start = 0;
    for (int done = 0; done < count; done++) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers(connection);
        amqp_rpc_reply_t reply = amqp_consume_message(connection, &envelope, NULL, 0);
        if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("consume", "the connection is lost");
        /* As with the scenario: it takes time to begin. */
        if (done == 0) start = now();
        if ((done + 1) % 100 == 0 || done + 1 == count) amqp_basic_ack(connection, 2, envelope.delivery_tag, 1);
        amqp_destroy_envelope(&envelope);
    }
    report("drain", count, start);
    amqp_channel_close(connection, 2, AMQP_REPLY_SUCCESS);
}

int main(int argc, char **argv) {
    if (argc != 5) fail("usage", "amqp PORT COUNT SIZE classic|quorum");
    int count = atoi(argv[2]), size = atoi(argv[3]);
    connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    if (amqp_socket_open(socket, "127.0.0.1", atoi(argv[1])) != AMQP_STATUS_OK) fail("connect", argv[1]);
    amqp_rpc_reply_t login = amqp_login(connection, "/", 0, 131072, 60, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    if (login.reply_type != AMQP_RESPONSE_NORMAL) fail("login", "refused");
    amqp_channel_open(connection, 1);
    check("channel");
    amqp_exchange_declare(
        connection, 1, amqp_cstring_bytes("raw"), amqp_cstring_bytes("fanout"), 0, 1, 0, 0, amqp_empty_table);
    check("exchange");
    amqp_table_entry_t type = {.key = amqp_cstring_bytes("x-queue-type")};
    type.value.kind = AMQP_FIELD_KIND_UTF8;
    type.value.value.bytes = amqp_cstring_bytes(argv[4]);
    amqp_table_t arguments = {.num_entries = 1, .entries = &type};
    amqp_queue_declare(connection, 1, amqp_cstring_bytes("raw"), 0, 1, 0, 0, arguments);
    check("queue");
    amqp_queue_bind(connection, 1, amqp_cstring_bytes("raw"), amqp_cstring_bytes("raw"), amqp_empty_bytes, amqp_empty_table);
    check("bind");
    amqp_confirm_select(connection, 1);
    check("confirms");
    publish("publish", count, size, 64, 0);
    publish("publish-batch", count, size, 100, count);
    drain(2 * count);
    amqp_queue_delete(connection, 1, amqp_cstring_bytes("raw"), 0, 0);
    amqp_exchange_delete(connection, 1, amqp_cstring_bytes("raw"), 0);
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(connection);
    return 0;
}
