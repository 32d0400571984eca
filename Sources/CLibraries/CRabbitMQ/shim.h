#pragma once
#if !__has_include(<amqp.h>)
#error MillraceAMQP needs librabbitmq: apt-get install librabbitmq-dev (Debian), dnf install librabbitmq-devel (Fedora), brew install rabbitmq-c (macOS)
#else

#include <sys/time.h>
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

// Swift can't call functions with a variable number of arguments.
static inline amqp_rpc_reply_t millrace_amqp_login(amqp_connection_state_t state, const char *vhost, int channel_max,
                                                   int frame_max, int heartbeat, const amqp_table_t *properties,
                                                   const char *user, const char *password) {
  return amqp_login_with_properties(state, vhost, channel_max, frame_max, heartbeat, properties,
                                    AMQP_SASL_METHOD_PLAIN, user, password);
}

#endif
