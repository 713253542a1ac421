"""Records of the log as files that kcat can send, for the scenarios of the aggregator.

    kcat ... -f '%p %o %K %S\\n%k%s' | a_records.py again FOLDER N    ${N} records as they are, of few keys
    kcat ... -f '%p %o %K %S\\n%k%s' | a_records.py poison FOLDER     one broken record of each kind
    kcat ... -f '%p %o %K %S\\n%k%s' | a_records.py letters           reasons of the dead letters: "count reason"

A folder gets one file per record. The output says how to send them: "partition TAB key TAB file..." for
`again`, "name TAB reason TAB file" for `poison`; the reason is that of the dead letter that must follow.
"""
import collections
import os
import random
import re
import sys

SERVICE = b"svc-aggregator"


def records(stream):
    """(partition, offset, key, value) of each record; null is empty here."""
    while head := stream.readline():
        partition, offset, key, value = (int(n) for n in head.split())
        yield partition, offset, stream.read(max(key, 0)), stream.read(max(value, 0))


def write(folder, name, content):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(content)
    return path


def again(folder, count):
    by_key = collections.defaultdict(list)
    for partition, offset, key, value in records(sys.stdin.buffer):
        by_key[partition, key].append((offset, value))
    left = count
    for (partition, key), found in sorted(by_key.items(), key=lambda kv: -len(kv[1])):
        chosen = found[:left]
        left -= len(chosen)
        if chosen:
            files = [write(folder, f"{partition}-{offset}", value) for offset, value in chosen]
            print(partition, key.decode(), *files, sep="\t")
    if left:
        raise SystemExit(f"the log held {count - left} records, not {count}")


def string_at(value, text):
    """Where the Avro string ${text} (shorter than 64 bytes) begins, its length byte included."""
    return value.index(bytes([2 * len(text)]) + text)


def replaced(value, old, new):
    """Another string in the place of ${old}; its length has one byte below 64 and two from then on."""
    at = string_at(value, old)
    n = 2 * len(new)
    length = bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7])
    return value[:at] + length + new + value[at + 1 + len(old):]


def broken(key, value):
    """(name, reason, bytes) of every way to be wrong; ${value} is a good visit without a client's id."""
    noise = random.Random(1).randbytes(65536)
    frame, body = value[:5], value[5:]
    player = key
    yield "text", "bad_frame", b"hello, this is no event"
    yield "json", "bad_frame", b'{"event_type":"visit","player_id":"p"}'
    yield "deep-json", "bad_frame", b"[" * 10000 + b"]" * 10000
    yield "noise", "bad_frame", b"\x7f" + noise
    yield "wrong-magic", "bad_frame", b"\x01" + value[1:]
    yield "half-a-frame", "bad_frame", value[:3]
    yield "unknown-schema", "unknown_schema", b"\x00\x7f\xff\xff\xfe" + body
    yield "no-body", "bad_avro", frame
    yield "cut", "bad_avro", value[:len(value) // 2]
    yield "cut-by-one", "bad_avro", value[:-1]
    yield "tail", "bad_avro", value + b"\x00\x00"
    yield "negative-length", "bad_avro", frame + b"\x01" + body[1:]
    yield "huge-length", "bad_avro", frame + b"\xfe\xff\xff\xff\x0f" + body[1:]
    yield "wrong-branch", "bad_avro", value[:5 + 37] + b"\x0a" + value[5 + 38:]
    yield "megabyte", "bad_avro", frame + b"A" * 1040000
    yield "megabyte-id", "too_long", replaced_long(value, player, 1040000)
    yield "no-uuid", "bad_avro", replaced(value, uuid_of(value), b"x" * 36)
    yield "nul", "bad_avro", replaced(value, player, b"\x00" + player[1:])
    yield "control", "control_character", replaced(value, player, b"\x07" + player[1:])
    yield "bad-utf8", "bad_avro", replaced(value, player, b"\xff" + player[1:])
    yield "overlong-utf8", "bad_avro", replaced(value, player, b"\xc0\xaf" + player[2:])
    yield "empty-player", "empty_value", replaced(value, player, b"")
    yield "long-player", "too_long", replaced(value, player, b"p" * 200)
    yield "unknown-type", "unknown_event_type", replaced(value, b"visit", b"visix")


def uuid_of(value):
    return re.search(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value).group()


def replaced_long(value, old, length):
    at = string_at(value, old)
    n, varint = 2 * length, b""
    while n > 127:
        varint += bytes([n & 127 | 128])
        n >>= 7
    return value[:at] + varint + bytes([n]) + b"p" * length + value[at + 1 + len(old):]


def poison(folder):
    for _, _, key, value in records(sys.stdin.buffer):
        plain = value[5 + 37:5 + 38] == b"\x00"  # no client's id
        if plain and b"\x0avisit" in value and 2 < len(key) < 60 and bytes([2 * len(key)]) + key in value:
            for name, reason, content in broken(key, value):
                print(name, reason, write(folder, name, content), sep="\t")
            write(folder, "good", value)
            return
    raise SystemExit("no plain visit in the log")


def letters():
    reasons = collections.Counter()
    for _, _, _, value in records(sys.stdin.buffer):
        if SERVICE in value:
            size = value[5] // 2  # the reason is the first field of a dead letter, and short
            reasons[value[6:6 + size].decode("ascii", "replace")] += 1
    for reason in sorted(reasons):
        print(reasons[reason], reason)


if __name__ == "__main__":
    if sys.argv[1:2] == ["again"]:
        again(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ["poison"]:
        poison(sys.argv[2])
    elif sys.argv[1:2] == ["letters"]:
        letters()
    else:
        raise SystemExit(__doc__)
