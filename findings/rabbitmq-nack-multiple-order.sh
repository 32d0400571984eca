#!/usr/bin/env bash
# Believed: basic.nack with multiple and requeue gives unacknowledged messages back to a quorum queue in their old order, as closing
#   the channel does, however many there are and whether or not the queue has a delivery limit.
# Happens: in RabbitMQ 3.10.8 a quorum queue with x-delivery-limit gives back up to 32 of them in order. With 33 or more they come in an
#   order that is neither the old one nor its reverse. Closing the channel gives the same messages back in their old order, with the
#   limit as well; and without a limit a nack keeps it, too. In RabbitMQ 4.0.5 all of it is in order.
# Versions: rabbitmq-server 3.10.8-1.1+deb12u1 (Debian bookworm) and 4.0.5-6+deb13u2 (trixie), pika 1.3.2. Seen 2026-11-30.
#
# Needs root, debootstrap and unshare; takes some minutes. Everything is in a temporary folder and on ports of the loopback.
set -euo pipefail
STATED_OLD=3.10.8 STATED_NEW=4.0.5

folder=$(mktemp -d)
nodes=()
cleanup() {
    for pid in "${nodes[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    for pid in "${nodes[@]}"; do while [[ -d /proc/$pid ]] && ! grep -q '^State:.[ZX]' "/proc/$pid/status" 2>/dev/null; do sleep 0.1; done; done
    rm -rf --one-file-system "$folder"
}
trap cleanup EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pika==1.3.2

start() { # The RabbitMQ of Debian's suite $1, on the port $2 and the two behind it.
    local root=$folder/$1
    debootstrap --variant=minbase --include=rabbitmq-server "$1" "$root" >"$folder/log" 2>&1 || { tail -5 "$folder/log"; exit 2; }
    cp /etc/hosts "$root/etc/hosts"
    mkdir "$root/node"
    printf 'listeners.tcp.1 = 127.0.0.1:%s\n' "$2" >"$root/node/rabbitmq.conf"
    echo '[].' >"$root/node/enabled_plugins"
    cat >"$root/node/start" <<END
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/node ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$(($2 + 2))
export RABBITMQ_NODENAME=n$2@localhost RABBITMQ_NODE_PORT=$2 RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_DIST_PORT=$(($2 + 1))
export RABBITMQ_MNESIA_BASE=/node/data RABBITMQ_LOG_BASE=/node/logs RABBITMQ_PID_FILE=/node/pid RABBITMQ_CONF_ENV_FILE=/dev/null
export RABBITMQ_CONFIG_FILE=/node/rabbitmq RABBITMQ_ENABLED_PLUGINS_FILE=/node/enabled_plugins RUNNING_UNDER_SYSTEMD=true
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
epmd -address 127.0.0.1 -port $(($2 + 2)) &
exec /usr/lib/rabbitmq/bin/rabbitmq-server
END
    unshare --mount --pid --fork --kill-child bash -c \
        'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec env -i PATH="$PATH" chroot "$0" /bin/sh /node/start' \
        "$root" >"$root/node/log" 2>&1 &
    nodes+=("$!")
    disown
    for _ in $(seq 240); do ! grep -q 'Starting broker... completed' "$root/node/log" || return 0; sleep 0.5; done
    tail "$root/node/log"
    exit 2
}

cat >"$folder/look.py" <<'END'
import sys

import pika


def connect(port):
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))


def second_delivery(port, count, limit, nacks):
    """In which order a second consumer gets what the first one has given back."""
    maker = connect(port)
    channel = maker.channel()
    channel.confirm_delivery()
    queue, arguments = f"q-{count}-{limit}-{nacks}", {"x-queue-type": "quorum"}
    if limit:
        arguments["x-delivery-limit"] = limit
    channel.queue_declare(queue, durable=True, arguments=arguments)
    for number in range(count):
        channel.basic_publish("", queue, b"%d" % number)
    orders = []
    for _ in range(2):
        connection = connect(port)
        channel = connection.channel()
        channel.basic_qos(prefetch_count=count)
        order = []
        tag = channel.basic_consume(queue, lambda _, method, properties, body: order.append(int(body)))
        while len(order) < count:
            connection.process_data_events(1)
        orders.append(order)
        channel.basic_cancel(tag)
        if nacks:
            channel.basic_nack(0, multiple=True, requeue=True)
        channel.close()
        connection.close()
    maker.close()
    return orders


port, stated, mixes = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "mixes"
connection = connect(port)
version = connection._impl.server_properties["version"]
version = version.decode() if isinstance(version, bytes) else version
connection.close()
print(f"RabbitMQ {version}")
failed = version != stated
for count in (32, 33, 50):
    for limit in (None, 20):
        for nacks in (False, True):
            first, second = second_delivery(port, count, limit, nacks)
            in_order = second == sorted(second)
            expected = not (mixes and limit and nacks and count > 32)
            failed = failed or first != sorted(first) or in_order != expected
            how = "nack" if nacks else "close"
            print(f"  {count} messages, limit {limit}, given back by {how}: {'in order' if in_order else second[:10]}")
sys.exit(1 if failed else 0)
END

start bookworm 41710
start trixie 41720
status=0
"$folder/venv/bin/python" "$folder/look.py" 41710 "$STATED_OLD" mixes || status=1
"$folder/venv/bin/python" "$folder/look.py" 41720 "$STATED_NEW" keeps || status=1
[[ $status -eq 0 ]] && echo "as stated" || echo "this has changed"
exit "$status"
