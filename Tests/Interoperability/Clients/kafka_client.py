"""Records of partition 0 of a topic, by Confluent's client: Debian's package python3-confluent-kafka."""

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
import records


def servers(url):
    return url.split("//")[1]


def write(url, topic, messages):
    failures = []
    producer = Producer({"bootstrap.servers": servers(url), "message.max.bytes": 4_000_000})
    for fields, key, body in messages:
        # An empty list is not the same as none to this client, and makes no difference on the wire.
        headers = [(name.decode(), value) for name, value in fields]
        producer.produce(
            topic, body, key, 0, headers=headers or None, on_delivery=lambda error, _: error and failures.append(str(error)))
    left = producer.flush(records.PATIENCE)
    if failures or left:
        raise SystemExit(f"{left} were not delivered: {failures}")


def read(url, topic, count):
    consumer = Consumer({
        "bootstrap.servers": servers(url), "group.id": "foreign", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "fetch.message.max.bytes": 4_000_000,
    })
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = []
    for _ in records.until_time_is_up():
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                continue
            raise SystemExit(str(message.error()))
        headers = [(name.encode(), value) for name, value in message.headers() or []]
        found.append((headers, message.key(), message.value()))
        if len(found) == count:
            consumer.close()
            return found


records.main(write, read)
