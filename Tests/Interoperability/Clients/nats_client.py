"""Messages of a subject in JetStream, by nats-py. Debian does not have it: see the variable MILLRACE_NATS_PYTHON."""

import asyncio
import nats
import records


def write(url, subject, messages):
    async def run():
        connection = await nats.connect(url)
        stream = connection.jetstream()
        for fields, _, body in messages:
            headers = {name.decode(): value.decode() for name, value in fields}
            await stream.publish(subject, body or b"", headers=headers or None)
        await connection.close()

    asyncio.run(run())


def read(url, subject, count):
    async def run():
        connection = await nats.connect(url)
        subscription = await connection.jetstream().subscribe(subject, ordered_consumer=True)
        found = []
        while len(found) < count:
            message = await subscription.next_msg(timeout=records.PATIENCE)
            headers = [(name.encode(), value.encode()) for name, value in (message.headers or {}).items()]
            found.append((headers, None, message.data))
        await connection.close()
        return found

    return asyncio.run(run())


records.main(write, read)
