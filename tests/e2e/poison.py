"""Poisoned records for the dead letters, and what must become of them.

    poison.py make FOLDER PARTITIONS EACH UNKNOWN    one file per record; "partition TAB file..." a line, for kcat
    poison.py letters FOLDER LIST < DUMP             every poisoned record of the log against --dlq=list --json
    poison.py copies COUNT < DUMP                    what a replay wrote: "key headers" of each copy, as it must be

DUMP is what kcat prints with -f '%p %o %K %S\\n%k%s' (copies: '%p %o %K %S %h\\n%k%s'). The broken kinds are those of
tests/chaos/a_records.py; UNKNOWN records per partition are good events of two types that the catalog does not have.
Prints "ok - name" or "not ok - name" and details, for lib.sh.
"""
import collections
import json
import os
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
from a_records import broken, write  # noqa: E402

NOW = 1795255200123456
TYPES = (b"level_up", b"bonus")
PLAYER = b"poisoned-player"  # must never be printed


def say(good, name, detail=""):
    print(("ok - " if good else "not ok - ") + name)
    if not good and detail:
        print("  " + str(detail)[:2000].replace("\n", "\n  "))


def long(v):
    z, out = (v << 1) ^ (v >> 63), b""
    z &= (1 << 64) - 1
    while z > 127:
        out += bytes([z & 127 | 128])
        z >>= 7
    return out + bytes([z])


def text(s):
    return long(len(s)) + s


def event(kind, player, received=NOW, eid=None, attributes=0):
    many = long(attributes) + b"".join(text(b"k%03d" % i) + b"\x02" + long(i) for i in range(attributes))
    return (b"\0\0\0\0\1" + text(str(uuid.uuid4()).encode()) + (b"\2" + text(eid) if eid else b"\0") + text(kind) +
            text(player) + text(b"spring") + b"\0\0" + long(received) + (many if attributes else b"") + b"\0" +
            b"\2" + text(b"192.0.2.77") + b"\0\0\0")


def kinds():
    """(name, reason, bytes): those of the chaos scenario and a few more."""
    yield from broken(PLAYER, event(b"visit", PLAYER))
    yield "old-date", "out_of_range", event(b"visit", PLAYER, received=-5)
    yield "far-date", "out_of_range", event(b"visit", PLAYER, received=1 << 54)
    yield "many-attributes", "bad_avro", event(b"visit", PLAYER, attributes=65)
    yield "empty", "bad_frame", b""


def make(folder, partitions, each, unknown):
    """An empty file is no message for kcat: those are sent as "empty" by the script, with the tombstones."""
    kind = [(n, r, c) for n, r, c in kinds() if n not in ("empty", "unknown-type")]
    small = [k for k in kind if not k[0].startswith("megabyte")]
    files = {n: write(folder, n, c) for n, _, c in kind}
    for p in range(partitions):
        chosen = [files[n] for n in ("megabyte", "megabyte-id")]
        for i in range(unknown):
            eid = b"eid-%d-%d" % (p, i) if i % 3 == 0 else None
            content = event(TYPES[i % 2], PLAYER + b"-%d-%d" % (p, i), eid=eid)
            chosen.append(write(folder, f"unknown-{p}-{i}", content))
        while len(chosen) < each:
            chosen.append(files[small[len(chosen) % len(small)][0]])
        print(p, *chosen, sep="\t")


def dump(stream, headers=False):
    while head := stream.readline():
        head = head.decode().split(maxsplit=4)
        partition, offset, key, value = (int(n) for n in head[:4])
        yield (partition, offset, stream.read(max(key, 0)), stream.read(value) if value >= 0 else None,
               head[4].strip() if headers and len(head) > 4 else "")


def expected(folder):
    """Content of a record -> the reason that its letter must give."""
    reason = {name: r for name, r, _ in kinds()}
    want = {None: "null_message", b"": reason["empty"]}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            want[f.read()] = reason.get(name, "unknown_event_type")
    return want


def letters(folder, path):
    reasons = expected(folder)
    want = {(p, o): reasons[value] for p, o, _, value, _ in dump(sys.stdin.buffer) if value in reasons}
    got = collections.defaultdict(set)
    with open(path, encoding="utf-8") as f:
        printed = f.read()
    for line in printed.splitlines():
        letter = json.loads(line)
        if letter.get("service") == "svc-aggregator":
            got[letter["partition"], letter["offset"]].add(letter["reason"])
    wrong = [(at, reason, got[at]) for at, reason in want.items() if got.get(at) != {reason}]
    say(len(want) == 1000, "the log holds 1000 poisoned records", len(want))
    say(len(set(want.values())) >= 9, "for many reasons", collections.Counter(want.values()))
    say(not wrong, "each has its dead letter, with its reason", wrong[:10])
    say(set(got) == set(want), "and there are no others", sorted(set(got) - set(want))[:10])
    say(PLAYER.decode() not in printed and "192.0.2.77" not in printed, "no player and no address is printed")


def copies(count):
    originals, replayed, wrong = {}, {}, []
    for partition, offset, key, value, headers in dump(sys.stdin.buffer, headers=True):
        if value is None or PLAYER not in value or b"visit" in value:
            continue
        if headers.startswith("px-replay-of="):
            topic, p, o = headers.split("=", 1)[1].rsplit("/", 2)
            replayed[int(p), int(o)] = (key, value)
        else:
            originals[partition, offset] = (key, value)
    for at, copy in replayed.items():
        if originals.get(at) != copy:
            wrong.append(at)
    say(len(replayed) == count, f"{count} records were written again", len(replayed))
    say(not wrong, "each with the key and the bytes of the record that its header names", wrong[:10])


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(sys.argv[2], *map(int, sys.argv[3:6]))
    elif sys.argv[1:2] == ["letters"]:
        letters(*sys.argv[2:4])
    elif sys.argv[1:2] == ["copies"]:
        copies(int(sys.argv[2]))
    else:
        raise SystemExit(__doc__)
