"""What the clients share: records as JSON, in which all that is bytes stands in hexadecimal digits.

    {"fields": [["6e616d65", "76616c7565"]], "key": "6b", "body": "00ff"}

A field is a pair of name and value. What is not there is null; key and body may be left out as well.
"""

import json
import sys
import time

# Only what fails waits so long.
PATIENCE = 60


def load(path):
    """The records of a file, as (fields, key, body) with bytes."""
    with open(path) as file:
        return [_decoded(record) for record in json.load(file)]


def _decoded(record):
    fields = [(bytes.fromhex(name), _bytes(value)) for name, value in record["fields"]]
    return fields, _bytes(record.get("key")), _bytes(record.get("body"))


def _bytes(text):
    return None if text is None else bytes.fromhex(text)


def save(path, records):
    """Writes records of the same form to a file."""
    with open(path, "w") as file:
        json.dump([_encoded(*record) for record in records], file)


def _encoded(fields, key, body):
    return {
        "fields": [[name.hex(), _text(value)] for name, value in fields],
        "key": _text(key),
        "body": _text(body),
    }


def _text(value):
    return None if value is None else value.hex()


def until_time_is_up():
    """Counts while there is time, and then fails."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        yield
    sys.exit(f"not everything came within {PATIENCE} seconds")


def main(write, read):
    """Runs `write URL PLACE FILE` or `read URL PLACE FILE COUNT`."""
    verb, url, place, path, *rest = sys.argv[1:]
    if verb == "write":
        write(url, place, load(path))
    elif verb == "read":
        save(path, read(url, place, int(rest[0])))
    else:
        sys.exit(f"'{verb}' is neither write nor read")
