#!/usr/bin/env python3
"""An implementation of Avro that is not ours (Debian's python3-avro), at both ends of the log.

  avro_other.py add URL SUBJECT SCHEMA-FILE           registers a schema; prints its id
  avro_other.py find URL SUBJECT SCHEMA-FILE          prints the id of a schema that is registered
  avro_other.py later SCHEMA-FILE                     prints that schema with one more optional field, locale
  avro_other.py write SCHEMA-FILE ID DIR PLAYER N     N framed visits of PLAYER as DIR/1 ... DIR/N
  avro_other.py read URL TYPE                         reads "LENGTH:bytes" records (kcat -f '%S:%s'), each by the
                                                      schema that the registry gives for its id; prints how often
                                                      each id came, then one line per record: ID and the field TYPE
"""
import collections
import datetime
import io
import json
import pathlib
import struct
import sys
import time
import urllib.request
import uuid

import avro.io
import avro.schema


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def text(path):
    return pathlib.Path(path).read_text()


def add(url, subject, path):
    print(ask(f"{url}/subjects/{subject}/versions", {"schema": text(path)})["id"])


def find(url, subject, path):
    print(ask(f"{url}/subjects/{subject}", {"schema": text(path)})["id"])


def later(path):
    schema = json.loads(text(path))
    schema["fields"].append({"name": "locale", "type": ["null", "string"], "default": None})
    print(json.dumps(schema))


def uuid7(k):
    head = int(time.time() * 1000) << 80 | 7 << 76 | 2 << 62
    return str(uuid.UUID(int=head | (uuid.uuid4().int & (1 << 62) - 1) ^ k))


def write(path, schema_id, folder, player, n):
    schema = avro.schema.parse(text(path))
    out = pathlib.Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for k in range(1, int(n) + 1):
        record = dict(event_id=uuid7(k), event_type="visit", player_id=f"{player}{k}", banner_tag="other",
                      received_at=datetime.datetime.now(datetime.timezone.utc), attributes={}, locale="de", shard=3)
        names = {f.name: None for f in schema.fields}
        body = io.BytesIO()
        avro.io.DatumWriter(schema).write({**names, **{k: v for k, v in record.items() if k in names}},
                                          avro.io.BinaryEncoder(body))
        (out / str(k)).write_bytes(struct.pack(">bI", 0, int(schema_id)) + body.getvalue())


def frames(stream):
    data = stream.read()
    at = 0
    while at < len(data):
        colon = data.index(b":", at)
        n = int(data[at:colon])
        yield data[colon + 1:colon + 1 + n]
        at = colon + 1 + n


def read(url, field):
    schemas, lines = {}, []
    for frame in frames(sys.stdin.buffer):
        magic, schema_id = struct.unpack(">bI", frame[:5])
        assert magic == 0, frame[:5]
        if schema_id not in schemas:
            schemas[schema_id] = avro.schema.parse(ask(f"{url}/schemas/ids/{schema_id}")["schema"])
        body = io.BytesIO(frame[5:])
        record = avro.io.DatumReader(schemas[schema_id]).read(avro.io.BinaryDecoder(body))
        assert body.tell() == len(frame) - 5, "bytes behind the record"
        lines.append(f"{schema_id} {record[field]}")
    count = collections.Counter(line.split()[0] for line in lines)
    print(" ".join(f"{k}:{v}" for k, v in sorted(count.items(), key=lambda kv: int(kv[0]))))
    print("\n".join(lines))


{"add": add, "find": find, "later": later, "write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
