#!/usr/bin/env python3
"""Writes the golden Avro vectors beside this file with fastavro, an implementation that is not ours.

    python3 -m venv venv && venv/bin/pip install fastavro
    venv/bin/python tests/golden/events/generate.py

tests/unit/codec/test_golden.c finds every *.json here, decodes `hex` and compares it with the fields,
and encodes the fields and compares them with `hex` (unless `canonical` is false: other writers may
order and cut a map as they like). writer_*.json were written by other schemas than ours; their fields are
what fastavro reads from the same bytes by Avro's schema resolution. Integers are text, because JSON readers round past 2^53.
The committed vectors were written with fastavro 1.13.1.
"""
import io
import json
import pathlib
import struct
import uuid

import fastavro

HERE = pathlib.Path(__file__).resolve().parent
AVRO = HERE.parents[2] / "schemas" / "avro"
EVENT = fastavro.parse_schema(json.loads((AVRO / "event.avsc").read_text()))
DLQ = fastavro.parse_schema(json.loads((AVRO / "dlq.avsc").read_text()))
DLQ_1 = fastavro.parse_schema(dict(json.loads((AVRO / "dlq-1.avsc").read_text()), name="DeadLetter1"))
DLQ_2 = fastavro.parse_schema(dict(json.loads((AVRO / "dlq-2.avsc").read_text()), name="DeadLetter2"))
TAGS = {str: "string", int: "long", float: "double", bool: "boolean"}


def event(**fields):
    base = dict(event_id="0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", client_event_id=None,
                event_type="visit", player_id="player_12345", banner_tag="spring", session_id=None,
                occurred_at=None, received_at=1795255200123456, attributes={}, source_ip=None,
                user_agent=None, traffic_class=None, traceparent=None)
    return {**base, **fields}


def letter(**fields):
    base = dict(reason="bad_avro", field=None, detail=None, at=1795255200123456,
                service="svc-aggregator", version="0.1.0", topic=None, partition=-1, offset=-1,
                key=None, payload=b"", log_id=None, payload_bytes=None, key_bytes=None, event_type=None,
                received_at=None, request_id=None, source=None, broken_limit=None)
    return {**base, **fields}


EVENTS = {
    "minimal": event(),
    "full": event(
        client_event_id="c-1", event_type="deposit", session_id="s-1",
        occurred_at=1795255199000000, source_ip="2001:db8::1", user_agent="Mozilla/5.0 (X11)",
        traffic_class="browser",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        attributes={"amountMinor": 1250, "b": "x", "currency": "EUR", "s": "\u00e9\U0001f600"}),
    "kinds": event(attributes={"a": "", "b": -1, "c": 0.1, "d": True, "e": False,
                               "f": 9223372036854775807, "g": -9223372036854775808, "h": -0.0}),
    "unicode": event(player_id="\u0434\u0436\u043e\u043d", banner_tag="\u6625\u8282 \U0001f9e8"),
    "early": event(occurred_at=1, received_at=1),
    "long_ids": event(player_id="p" * 128, banner_tag="b" * 128, client_event_id="c" * 128),
    "many_attributes": event(attributes={"k%02d" % i: i for i in range(64)}),
    "unsorted_map": event(attributes={"z": 1, "a": "x", "m": True}),
}
LETTERS = {
    "request": letter(reason="missing_field", field="playerId", detail="is required",
                      service="svc-ingest", payload=b"{\"eventType\":\"visit\"}"),
    "record": letter(topic="EVT_EU_ORG_DEV_AAP_EXT_PIXEL-ANALYTICS_PIXEL_EVENTS", partition=3,
                     offset=9007199254740993, key=b"\x00\xff", payload=bytes(range(256)),
                     log_id="2aFAoaUAkXRSmjx9BCbNow"),
    "cut": letter(reason="bad_frame", topic="EVT", partition=0, offset=0, key=b"k" * 8, payload=b"12345678",
                  payload_bytes=1040001, key_bytes=4097),
}
LETTERS["refused"] = letter(
    reason="too_long", field="attributes.s", service="svc-ingest", payload=b"s=" + b"x" * 62, payload_bytes=512,
    event_type="visit", received_at=1795255200000001, request_id="0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", source="pixel",
    broken_limit=256)
LETTERS_2 = {  # before letters told of the request
    "request_2": LETTERS["request"],
    "record_2": LETTERS["record"],
    "cut_2": LETTERS["cut"],
}
LETTERS_1 = {  # before letters named their log
    "request_1": LETTERS["request"],
    "record_1": dict(LETTERS["record"], log_id=None),
}


# --- other writers: a schema of theirs, and a record by it -----------------------------------------------
def plain(schema):
    """Without logical types, so that fastavro gives numbers and texts as they are in the bytes."""
    if isinstance(schema, dict):
        return {k: plain(v) for k, v in schema.items() if k not in ("logicalType", "doc")}
    return [plain(v) for v in schema] if isinstance(schema, list) else schema


OURS = plain(json.loads((AVRO / "event.avsc").read_text()))


def schema(change=lambda fields: fields, **top):
    copy = json.loads(json.dumps(OURS))
    return {**copy, **top, "fields": change(copy["fields"])}


def typed(**types):
    return lambda fields: [{"name": f["name"], "type": types.get(f["name"], f["type"])} for f in fields]


MANY = [
    {"name": "level", "type": {"type": "enum", "name": "Level", "symbols": ["LOW", "HIGH"]}},
    {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": 3}},
    {"name": "again", "type": {"type": "array", "items": "Digest"}},
    {"name": "places", "type": {"type": "array", "items": {"type": "record", "name": "Place", "fields": [
        {"name": "x", "type": "double"}, {"name": "y", "type": "float"}, {"name": "tag", "type": ["null", "Level"]}]}}},
    {"name": "lists", "type": {"type": "map", "values": {"type": "array", "items": "long"}}},
    {"name": "chain", "type": ["null", {"type": "record", "name": "Link", "fields": [
        {"name": "n", "type": "int"}, {"name": "next", "type": ["null", "Link"]}]}]},
    {"name": "flag", "type": "boolean"}, {"name": "raw", "type": "bytes"}, {"name": "nothing", "type": "null"},
]
MANY_VALUES = dict(level="HIGH", digest=b"abc", again=[b"123", b"456"], lists={"a": [1, 2, 3], "b": []},
                   places=[dict(x=1.5, y=2.5, tag=None), dict(x=-1.0, y=0.0, tag="LOW")],
                   chain=dict(n=1, next=dict(n=2, next=dict(n=3, next=None))), flag=True, raw=b"\x00\xff",
                   nothing=None)
OPTIONAL = [f["name"] for f in OURS["fields"] if "default" in f]
WRITERS = {
    "later": (schema(lambda fields: fields + [{"name": "locale", "type": ["null", "string"], "default": None}]),
              event(locale="de", player_id="later", attributes={"k": 1})),
    "unknown_types": (schema(lambda fields: MANY + fields), event(**MANY_VALUES, session_id="s")),
    "earlier": (schema(lambda fields: [f for f in fields if f["name"] not in OPTIONAL]), event()),
    "reversed": (schema(lambda fields: fields[::-1]), event(session_id="s", attributes={"b": True, "a": "x"})),
    "promoted": (schema(typed(received_at="int", occurred_at=["int", "null"], player_id="bytes",
                              attributes={"type": "map", "values": ["boolean", "int", "float", "bytes"]})),
                 event(received_at=7, occurred_at=5, player_id="p\u00e9".encode(),
                       attributes={"f": 0.5, "b": "x".encode(), "i": -3, "t": False})),
    "never_null": (schema(typed(session_id="string", occurred_at="long", traceparent=["string", "null"],
                                player_id=["null", "string"], attributes=["null", OURS["fields"][8]["type"]])),
                   event(session_id="s", occurred_at=9, traceparent=None, player_id="p", attributes={"a": 1})),
    "other_namespace": (schema(namespace="elsewhere"), event(user_agent="x")),
}


def tagged(attributes):
    return {k: {TAGS[type(v)]: repr(v) if isinstance(v, float) else str(v).lower()
                if isinstance(v, bool) else str(v)} for k, v in attributes.items()}


def framed(schema, schema_id, record):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return (struct.pack(">bI", 0, schema_id) + out.getvalue()).hex()


def as_json(record):
    texts = {}
    for name, value in record.items():
        if value is None:
            continue
        if isinstance(value, dict):
            texts[name] = tagged(value)
        elif isinstance(value, bytes):
            texts[name] = value.hex()
        else:
            texts[name] = str(value)
    return texts


def write(name, vector):
    text = json.dumps(vector, ensure_ascii=True, indent=1)
    (HERE / (name + ".json")).write_text(text + "\n")


for name, record in EVENTS.items():
    attributes = record["attributes"]
    encodable = {**record, "event_id": uuid.UUID(record["event_id"])}
    write("event_" + name, {
        "canonical": list(attributes) == sorted(attributes),
        "event": as_json(record),
        "hex": framed(EVENT, 1, encodable)})
for name, record in LETTERS.items():
    write("letter_" + name, {
        "canonical": True, "letter": as_json(record), "hex": framed(DLQ, 4, record)})
for name, record in LETTERS_2.items():
    write("letter_" + name, {
        "canonical": False, "letter": as_json(record), "hex": framed(DLQ_2, 3, record)})
for name, record in LETTERS_1.items():
    write("letter_" + name, {
        "canonical": False, "letter": as_json(record), "hex": framed(DLQ_1, 2, record)})
for name, (theirs, record) in WRITERS.items():
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(theirs))), record)
    out.seek(0)
    read = fastavro.schemaless_reader(out, fastavro.parse_schema(json.loads(json.dumps(theirs))),
                                      fastavro.parse_schema(json.loads(json.dumps(OURS))))
    write("writer_" + name, {
        "canonical": False, "writer": json.dumps(theirs), "event": as_json(read),
        "hex": (struct.pack(">bI", 0, 7) + out.getvalue()).hex()})
