#!/usr/bin/env python3
"""The JSON Schema that svc-ingest serves and its own judgement, asked about the same events.

  schema_agrees.py BASE-URL MORE-TYPES    prints "ok - ..." or "not ok - ..." lines

The schema is read by an implementation that is not ours (Debian's python3-jsonschema), the judgement is a dry run.
Three kinds of events: both take it, both refuse it, and what only the collector can see. MORE-TYPES names the
catalog's type with an attribute of each kind that the catalog of this test adds.
"""
import http.client
import json
import sys
import urllib.parse

import jsonschema

base, more = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
http = http.client.HTTPConnection(base.hostname, base.port, timeout=10)


def asked(method, path, body=None):
    http.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = http.getresponse()
    return answer, answer.read()


answer, text = asked("GET", "/api/events/schema")
assert answer.status == 200, answer.status
schema = json.loads(text)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)


def event(**members):
    whole = {"eventType": "visit", "playerId": "p", "bannerTag": "b", **members}
    return {k: v for k, v in whole.items() if v is not ...}


def deposit(**attributes):
    return event(eventType="deposit", attributes=attributes)


def typed(**attributes):
    return event(eventType=more, attributes={"must": "x", **attributes})


BOTH_TAKE = [
    event(),
    event(playerId="x" * 128),
    event(playerId="Žofie 猫"),
    event(bannerTag=" blanks count "),
    event(eventId=None, sessionId=None, timestamp=None, ip=None, attributes=None),
    event(eventId="e", sessionId="s"),
    event(playerId="nulls", bannerTag="xnull"),
    event(attributes={}),
    event(attributes={"s": None, "unknown": {"deep": [1]}, "b": ""}),
    event(attributes={"s": "x" * 256}),
    event(timestamp="2026-11-21T10:00:00Z"),
    event(timestamp="1970-01-01t00:00:01.123456789z"),
    event(timestamp="9999-12-31T22:59:59-01:00"),
    event(timestamp="2024-02-29T10:00:00.5+14:00"),
    deposit(amountMinor=0),
    deposit(amountMinor=100000000000),
    deposit(amountMinor="1250", currency="EUR"),
    typed(), typed(flag=True), typed(flag="false"), typed(ratio=0.5), typed(ratio=-7), typed(ratio="1e3"),
    typed(ratio=9007199254740992), typed(level=-5), typed(level="-5"), typed(flag=None, ratio=None, level=None),
]
BOTH_REFUSE = [
    7, "x", None, [], {},
    event(eventType=...), event(playerId=...), event(bannerTag=...),
    event(eventType="purchase"), event(eventType=""), event(eventType=7), event(eventType=None),
    event(playerId=7), event(playerId=None), event(playerId=""), event(playerId="x" * 129),
    event(playerId="a\nb"), event(playerId="a\n"), event(playerId="\u0085"), event(playerId="\x7f"),
    event(playerId="null"), event(playerId="NULL"), event(playerId="Undefined"), event(playerId="[object Object]"),
    event(bannerTag="nan"), event(bannerTag="00000000-0000-0000-0000-000000000000"),
    event(eventId=""), event(eventId="null"), event(eventId=5), event(sessionId="x" * 129), event(sessionId="\t"),
    event(more=1), event(metadata=None), event(playerid="p"), event(attributes=[]), event(attributes="x"),
    event(ip=7), event(timestamp=""), event(timestamp="yesterday"), event(timestamp=1700000000), event(timestamp="2026-11-21"),
    event(timestamp="2026-11-21T10:00:00"), event(timestamp="2026-11-21 10:00:00Z"),
    event(timestamp="2026-13-01T10:00:00Z"), event(timestamp="2026-04-31T10:00:00Z"),
    event(timestamp="2026-11-21T24:00:00Z"), event(timestamp="2026-11-21T10:00:60Z"),
    event(timestamp="2026-11-21T10:00:00.Z"), event(timestamp="2026-11-21T10:00:00.1234567890Z"),
    event(timestamp="2026-11-21T10:00:00Z\n"), event(timestamp="1969-12-31T23:59:59Z"),
    event(timestamp="2026-11-21T10:00:00+0100"), event(timestamp="٢٠٢٦-11-21T10:00:00Z"),
    event(attributes={"s": 7}), event(attributes={"s": "x" * 257}), event(attributes={"s": "a\x01b"}),
    event(attributes={"s": ["x"]}),
    deposit(amountMinor=-1), deposit(amountMinor=100000000001), deposit(amountMinor=12.5), deposit(amountMinor=True),
    deposit(amountMinor="12.5"), deposit(amountMinor="+1"), deposit(amountMinor="01"), deposit(amountMinor="-0"),
    deposit(amountMinor=""), deposit(amountMinor="5\n"), deposit(currency="EURO"),
    event(eventType=more), event(eventType=more, attributes=None), event(eventType=more, attributes={}),
    typed(must=None), typed(must=""), typed(must=7),
    typed(flag=1), typed(flag="TRUE"), typed(flag="1"), typed(ratio=True), typed(ratio="x"), typed(ratio=".5"),
    typed(ratio="05"), typed(ratio="1e"), typed(level=1.5), typed(level=100), typed(level="a"),
]
ONLY_THE_COLLECTOR = [
    (event(playerId="é" * 65), "too_long"),
    (event(attributes={"s": "猫" * 86}), "too_long"),
    (event(attributes={"s": "a@b.example"}), "email_address"),
    (event(eventId="4111 1111 1111 1111"), "card_number"),
    (event(timestamp="2026-02-29T10:00:00Z"), "bad_timestamp"),
    (event(ip="192.0.2.1"), "needs_key"),
    (deposit(amountMinor=5.0), "bad_type"),
    (deposit(amountMinor="100000000001"), "out_of_range"),
    (typed(ratio="1e300"), "out_of_range"),
]


def judged(value):
    answer, text = asked("POST", "/api/events?dryRun=1", json.dumps(value))
    said = json.loads(text)
    if answer.status == 400 and isinstance(value, list):
        return False, said["code"]  # an empty batch
    assert answer.status == 200 and said["dryRun"] is True, (answer.status, said, value)
    return said["valid"], said["errors"][0]["code"] if said["errors"] else None


for name, cases, want in (
    ("both take it", [(c, None) for c in BOTH_TAKE], (True, True)),
    ("both refuse it", [(c, None) for c in BOTH_REFUSE], (False, False)),
    ("only the collector sees it", ONLY_THE_COLLECTOR, (True, False)),
):
    wrong = []
    for value, code in cases:
        by_schema = validator.is_valid(value)
        by_us, why = judged(value)
        if (by_schema, by_us) != want or (code and why != code):
            wrong.append(f"schema {by_schema}, collector {by_us} ({why}): {json.dumps(value)[:200]}")
    print(f"{'not ok' if wrong else 'ok'} - schema and collector about {len(cases)} events: {name}")
    for line in wrong:
        print(line)

resolver = jsonschema.RefResolver.from_schema(schema)
batches = jsonschema.Draft202012Validator({"$ref": "#/$defs/batch"}, resolver=resolver)
takes = [[event()], [event(), event()] * 250, {"events": [event()]}]
refuses = [[], [event()] * 501, {"events": []}, {"events": [event()], "more": 1}, {"events": [event(playerId=...)]}, 7]
good = all(batches.is_valid(b) for b in takes) and not any(batches.is_valid(b) for b in refuses)
print(f"{'ok' if good else 'not ok'} - the schema of a batch holds 1 to 500 events")
