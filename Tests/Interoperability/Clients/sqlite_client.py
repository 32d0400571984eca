"""Rows of a topic, by Python's own module. A field's name is that of the column and its type; what is NULL is no field."""

import sqlite3
import records


def write(path, topic, rows):
    database = sqlite3.connect(path, timeout=records.PATIENCE, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    number, last = database.execute("SELECT id, last FROM millrace_topics WHERE name = ?", (topic,)).fetchone()
    for fields, _, body in rows:
        last += 1
        columns = {"uuid": b"", "key": None, "metadata": None}
        for name, value in fields:
            column, kind = name.decode().split(" ")
            columns[column] = value if kind == "blob" else value.decode()
        values = ((number << 40) + last, 0, columns["uuid"], columns["key"], columns["metadata"], body or b"")
        database.execute("INSERT INTO millrace_messages VALUES (?, ?, ?, ?, ?, ?)", values)
    database.execute("UPDATE millrace_topics SET last = ? WHERE id = ?", (last, number))
    database.execute("COMMIT")


def read(path, topic, count):
    query = """
        SELECT uuid, key, metadata, payload FROM millrace_messages
        WHERE id >> 40 = (SELECT id FROM millrace_topics WHERE name = ?) ORDER BY id
        """
    database = sqlite3.connect(path, timeout=records.PATIENCE)
    return [_record(*row) for row in database.execute(query, (topic,))]


def _record(uuid, key, metadata, payload):
    columns = [("uuid", uuid), ("key", key), ("metadata", metadata)]
    return [_field(name, value) for name, value in columns if value is not None], None, payload


def _field(name, value):
    if isinstance(value, str):
        return f"{name} text".encode(), value.encode()
    return f"{name} blob".encode(), value


records.main(write, read)
