"""Entries of a stream, by redis-py: Debian's package python3-redis."""

import redis
import records


def write(url, stream, entries):
    server = redis.Redis.from_url(url)
    for fields, _, _ in entries:
        server.execute_command("XADD", stream, "*", *[part for field in fields for part in field])


def read(url, stream, count):
    # The answer as it comes: a dictionary would lose the order of the fields.
    server = redis.Redis.from_url(url)
    server.response_callbacks.pop("XRANGE", None)
    for _ in records.until_time_is_up():
        entries = server.execute_command("XRANGE", stream, "-", "+")
        if len(entries) >= count:
            return [(list(zip(parts[::2], parts[1::2])), None, None) for _, parts in entries]


records.main(write, read)
