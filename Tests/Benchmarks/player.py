#!/usr/bin/env python3
"""Plays a recorded conversation with Redis, so that what a client of it does can be counted without a server, and always the same.

    player.py FILE                  listens on a free port, which it prints, and answers each command as a server once did
    player.py FILE --record PORT    asks the server on that port instead, and writes its answers to the file; ends on SIGTERM

The conversation is that of `counted redis`, which publishes a hundred messages at a time and reads them. A kind of command has one
answer. It takes time and chance out of it: the hundred are answered at once when all of them are there, and a read then.

The file holds kinds of commands and their answers in turn, all in the server's own protocol.
"""

import collections
import selectors
import signal
import socket
import sys

TURN = 100


class Values:
    """Bytes of the protocol, of which whole commands or answers are taken."""

    def __init__(self, content=b""):
        self.content = content

    def end(self, start):
        """Where the value that begins there ends; None when that is not there yet."""
        line = self.content.find(b"\r\n", start)
        if line < 0:
            return None
        kind, end = self.content[start:start + 1], line + 2
        length = int(self.content[start + 1:line]) if kind in b"$*" else -1
        if kind == b"$" and length >= 0:
            end += length + 2
        for _ in range(length if kind == b"*" else 0):
            end = self.end(end)
            if end is None:
                return None
        return end if end <= len(self.content) else None

    def take(self):
        values, start = [], 0
        while start < len(self.content) and (end := self.end(start)) is not None:
            values.append(self.content[start:end])
            start = end
        self.content = self.content[start:]
        return values


def kind(command):
    """What tells a command from others: its name, and the one that follows it where that is a part of it."""
    words = command.split(b"\r\n")[2::2]
    return b" ".join(words[:2] if words[0] in (b"CLIENT", b"XGROUP", b"INFO") else words[:1])


class Connection:
    def __init__(self, client, server):
        self.client = client
        self.values = Values()
        self.answers = b""
        self.server = socket.create_connection(("127.0.0.1", server)) if server else None

    def ask(self, command):
        self.server.sendall(command)
        reply = Values()
        while True:
            reply.content += self.server.recv(1 << 20)
            if values := reply.take():
                return values[0]


class Player:
    def __init__(self, path, server):
        self.path = path
        self.server = server
        self.recorded = {}
        self.connections = []
        self.forget()
        if not server:
            with open(path, "rb") as file:
                values = Values(file.read()).take()
            self.recorded = {key[1:-2]: answer for key, answer in zip(values[::2], values[1::2])}

    def forget(self):
        """The next client begins anew."""
        self.published = 0
        self.unread = 0
        # Reads that wait for messages: who has sent them.
        self.reads = collections.deque()

    def answer(self, connection, command):
        key = kind(command)
        if self.server:
            self.recorded[key] = connection.ask(command)
        if key not in self.recorded:
            print(f"player.py: the recording has no '{key.decode()}'; record it anew", file=sys.stderr)
        connection.answers += self.recorded.get(key, b"-ERR not recorded\r\n")

    def hear(self, connection):
        for command in connection.values.take():
            if kind(command) == b"XREADGROUP":
                self.reads.append((connection, command))
                continue
            self.answer(connection, command)
            if kind(command) == b"XADD":
                self.published += 1
                self.unread += 1
        if self.published % TURN == 0:
            while self.reads and self.unread >= TURN:
                self.unread -= TURN
                self.answer(*self.reads.popleft())
            for each in self.connections:
                if each.answers:
                    each.client.sendall(each.answers)
                    each.answers = b""

    def run(self):
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    client = listener.accept()[0]
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.connections.append(Connection(client, self.server))
                    selector.register(client, selectors.EVENT_READ, self.connections[-1])
                elif content := self.receive(key.fileobj):
                    key.data.values.content += content
                    self.hear(key.data)
                else:
                    selector.unregister(key.fileobj)
                    self.connections.remove(key.data)
                    if not self.connections:
                        self.forget()

    @staticmethod
    def receive(client):
        try:
            return client.recv(1 << 20)
        except ConnectionResetError:
            return b""

    def write(self):
        with open(self.path, "wb") as file:
            for key, answer in self.recorded.items():
                file.write(b"+" + key + b"\r\n" + answer)


def main():
    path, *rest = sys.argv[1:]
    player = Player(path, int(rest[1]) if rest[:1] == ["--record"] else None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        player.run()
    finally:
        if player.server:
            player.write()


main()
