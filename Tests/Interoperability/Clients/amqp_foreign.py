"""Messages that are not Watermill's, by Debian's package python3-pika:

    typed URL EXCHANGE    one with a header of every type, and every property
    bare URL EXCHANGE     four that have little but a body
    large URL EXCHANGE    one with headers that take more than a frame when they are texts
    same URL EXCHANGE     twenty that share one message-id
    show URL QUEUE        prints the next message of a queue, with its properties, as JSON
"""

import datetime
import decimal
import json
import sys

import pika


def typed(channel, exchange):
    deep = []
    for _ in range(60):
        deep = [deep]
    headers = {
        "_watermill_message_uuid": "0198f2c4-7b1e-7c3a-9d2e-5a6b7c8d9e0f", "text": "grüße", "": "unnamed",
        "yes": True, "small": 7, "large": 2**40, "negative": -5, "nothing": None, "bytes": bytes([255, 0, 1]),
        "decimal": decimal.Decimal("1.05"), "time": datetime.datetime(2026, 1, 2, 3, 4, 5), "list": [1, "a", None, [True]],
        "table": {"b": {"c": "d\n"}, "n": 1}, "deep": deep, "x-death": [{"reason": "expired", "count": 2}],
        "millrace-key": "customer 7", "millrace-attempt": "3", "x-delivery-count": 4,
    }
    properties = pika.BasicProperties(
        headers=headers, content_type="application/json", content_encoding="identity", priority=3, correlation_id="c-1",
        reply_to="answers", expiration="60000", message_id="m-1", timestamp=1700000000, type="order", user_id="guest",
        app_id="pika", delivery_mode=2)
    channel.basic_publish(exchange, "", b"\x00payload", properties)


def bare(channel, exchange):
    channel.basic_publish(exchange, "", b"")
    channel.basic_publish(exchange, "", b"x", pika.BasicProperties(headers={"_watermill_message_uuid": 5}))
    channel.basic_publish(exchange, "", b"y", pika.BasicProperties(message_id="own"))
    channel.basic_publish(exchange, "", b"z", pika.BasicProperties(headers={f"h{i}": i for i in range(6000)}))


def large(channel, exchange):
    headers = {"list": [True] * 50000, "bytes": bytes(range(256)) * 50}
    channel.basic_publish(exchange, "", b"x", pika.BasicProperties(headers=headers))


def same(channel, exchange):
    for number in range(20):
        channel.basic_publish(exchange, "", b"%d" % number, pika.BasicProperties(message_id="the one"))


def show(channel, queue):
    _, properties, body = channel.basic_get(queue, auto_ack=True)
    values = [
        body.decode(), properties.headers, properties.delivery_mode, properties.content_type, properties.correlation_id,
        properties.priority,
    ]
    print(json.dumps(values, sort_keys=True))


verb, url, place = sys.argv[1:]
connection = pika.BlockingConnection(pika.URLParameters(url))
{"typed": typed, "bare": bare, "large": large, "same": same, "show": show}[verb](connection.channel(), place)
connection.close()
