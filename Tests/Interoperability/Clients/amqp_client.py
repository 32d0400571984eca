"""Messages to an exchange and from a queue, by Debian's package python3-pika. All headers are texts."""

import pika
import records


def connect(url):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    return connection, connection.channel()


def write(url, exchange, messages):
    connection, channel = connect(url)
    channel.confirm_delivery()
    for fields, _, body in messages:
        headers = {name.decode(): value.decode() for name, value in fields}
        # As Watermill does: persistent, and nothing else.
        properties = pika.BasicProperties(headers=headers, delivery_mode=2)
        channel.basic_publish(exchange, "", body or b"", properties, mandatory=True)
    connection.close()


def read(url, queue, count):
    connection, channel = connect(url)
    found = []
    for _ in records.until_time_is_up():
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            continue
        for name, value in properties.headers.items():
            # A long string, 'S', is a str to pika; everything else is something else.
            if not isinstance(value, str):
                raise SystemExit(f"header '{name}' is a {type(value).__name__}, not a text")
        found.append(([(name.encode(), value.encode()) for name, value in properties.headers.items()], None, body))
        if len(found) == count:
            connection.close()
            return found


records.main(write, read)
