"""Compares schemas/ with every released version in schemas/history: see evolution.sh.

Prints "path:line: what changed; why that matters" per unsafe change. Knows nothing of who may change what:
exceptions stand in schemas/history/exceptions.
"""
import json
import pathlib
import re
import sys

import yaml

NOW = pathlib.Path("schemas")
HISTORY = NOW / "history"
IDS = pathlib.Path("libcore/include/px/avro.h")


class Change:
    def __init__(self, version, path, near, what, why):
        self.version, self.path, self.near, self.what, self.why = version, path, near, what, why

    def key(self):
        return f"{self.version} {self.path.name}: {self.what}"

    def text(self):
        lines = self.path.read_text().splitlines()
        line = next((n for n, text in enumerate(lines, 1) if self.near and self.near in text), 1)
        return f"{self.path}:{line}: {self.what} since {self.version}; {self.why}"


def by(rows, key):
    return {row[key]: row for row in rows or []}


# --- events.yaml -----------------------------------------------------------------------------------------

LOST = "its events in the log would become dead letters: keep it until the log's retention has passed"
TWICE = "events on both sides of the change count twice or not at all: use a new type"
SENDERS = "senders of that version would be refused: add an optional attribute, or stop them first"
MIXED = "stored metadata would hold both kinds under one name: use a new name"


def attribute_changes(kind, name, was, now):
    at = f"type {kind}: attribute {name}"
    if now is None:
        yield name, f"{at} is gone", "what senders of that version send would be dropped: stop them first"
        return
    if now["kind"] != was["kind"]:
        yield name, f"{at} is {now['kind']}, not {was['kind']}", MIXED
        return
    if now.get("required") and not was.get("required"):
        yield name, f"{at} is required now", SENDERS
    if "max" in now and ("max" not in was or now["max"] < was["max"]):
        yield name, f"{at} has a lower max", SENDERS
    if "min" in now and ("min" not in was or now["min"] > was["min"]):
        yield name, f"{at} has a higher min", SENDERS


def event_changes(was, now):
    families, types = by(now["families"], "name"), by(now["types"], "type")
    for name, old in by(was["families"], "name").items():
        if name not in families:
            yield None, f"family {name} is gone", "its topic would not be read any more"
        elif families[name]["topic"] != old["topic"]:
            yield name, f"family {name} has another topic", "what stands in the old one would not be read any more"
    for name, old in by(was["types"], "type").items():
        new = types.get(name)
        if new is None:
            yield None, f"type {name} is gone", LOST
            continue
        if new["family"] != old["family"]:
            yield name, f"type {name} is of another family", "its order in the log would be lost at the change"
        if new["dedupe"] != old["dedupe"]:
            yield name, f"type {name} is counted once per {new['dedupe']}, not {old['dedupe']}", TWICE
        if old.get("pixel") and not new.get("pixel"):
            yield name, f"type {name} is no pixel any more", "pixels on pages out there would get 404"
        attributes, before = by(new.get("attributes"), "name"), by(old.get("attributes"), "name")
        for key, attribute in before.items():
            yield from attribute_changes(name, key, attribute, attributes.get(key))
        for key in attributes.keys() - before.keys():
            if attributes[key].get("required"):
                yield key, f"type {name}: attribute {key} is new and required", SENDERS


# --- rollups.yaml ----------------------------------------------------------------------------------------

STORED = "the rows that are stored mean something else: use a new name"


def shape(rollup):
    return dict(table=rollup.get("table"), bucket=rollup.get("bucket"), key=rollup["key"])


def measures(rollup):
    defaults = dict(of="one", on="counted", when=None)
    return {m.get("column", "value"): {**defaults, **m} for m in rollup["set"]}


def rollup_changes(was, now):
    rollups = by(now["rollups"], "name")
    for name, old in by(was["rollups"], "name").items():
        new = rollups.get(name)
        if new is None:
            yield None, f"rollup {name} is gone", "who reads it gets nothing: keep it until nobody does"
            continue
        for part in ("table", "bucket", "key"):
            if shape(new)[part] != shape(old)[part]:
                yield name, f"rollup {name} has another {part}", STORED
        ours = measures(new)
        for column, measure in measures(old).items():
            if column not in ours:
                yield name, f"rollup {name}: measure {column} is gone", "its column stands still: use a new name"
            elif ours[column] != measure:
                yield name, f"rollup {name}: measure {column} is moved by other events", STORED
        for column in ours.keys() - measures(old).keys():
            yield name, f"rollup {name}: measure {column} is new", "it would lack what came before: use a new rollup"


# --- avro/*.avsc -----------------------------------------------------------------------------------------

OLD_READERS = "readers of that version cannot read what this one writes"


def plain(schema):
    if isinstance(schema, dict):
        return {k: plain(v) for k, v in schema.items() if k not in ("doc", "default")}
    return [plain(v) for v in schema] if isinstance(schema, list) else schema


def avro_changes(was, now):
    if [was[k] for k in ("type", "name", "namespace")] != [now[k] for k in ("type", "name", "namespace")]:
        yield None, "the record has another name", OLD_READERS
    old, new = by(was["fields"], "name"), by(now["fields"], "name")
    for name, field in old.items():
        if name not in new:
            yield None, f"field {name} is gone", OLD_READERS + ("" if "default" not in field else " without a registry")
        elif plain(new[name]["type"]) != plain(field["type"]):
            yield name, f"field {name} has another type", OLD_READERS
        elif "default" in field and "default" not in new[name]:
            yield name, f"field {name} has no default any more", "a record without it could not be read"
    kept = [name for name in new if name in old]
    if kept != [name for name in old if name in new] or list(new)[:len(kept)] != kept:
        yield None, "fields stand in another order", "add new fields at the end: golden bytes and readers rely on it"
    for name in new.keys() - old.keys():
        if "default" not in new[name]:
            yield name, f"field {name} is new and has no default", "records of that version could not be read"


def fixed_ids():
    return {n.lower(): int(v) for n, v in re.findall(r"#define PX_SCHEMA_(\w+) +(\d+)", IDS.read_text())}


def id_changes(version, name, was, now):
    before = dict(line.split() for line in (HISTORY / version / "ids").read_text().splitlines())
    same = int(before[name]) == fixed_ids()[name]
    if plain(was) != plain(now) and same:
        yield None, f"{name}.avsc differs under the same fixed id {before[name]}", \
            "readers without a registry would take it for the old one: give it a new id in px/avro.h"
    if plain(was) == plain(now) and not same:
        yield None, f"{name}.avsc is the same under another fixed id", "readers of that version know only theirs"


# --- all of them -----------------------------------------------------------------------------------------

def changes(version):
    old = HISTORY / version

    def found(path, pairs):
        return [Change(version, path, *pair) for pair in pairs]

    for name, compare in (("events.yaml", event_changes), ("rollups.yaml", rollup_changes)):
        yield from found(NOW / name, compare(yaml.safe_load((old / name).read_text()),
                                             yaml.safe_load((NOW / name).read_text())))
    for name in ("event", "dlq"):
        was, now = (json.loads((at / "avro" / f"{name}.avsc").read_text()) for at in (old, NOW))
        yield from found(NOW / "avro" / f"{name}.avsc", avro_changes(was, now))
        yield from found(NOW / "avro" / f"{name}.avsc", id_changes(version, name, was, now))


def main():
    versions = sorted(p.name for p in HISTORY.iterdir() if p.is_dir())
    if not versions:
        print(f"{HISTORY}:1: no released version is here; see its README.md")
    allowed = {}
    for n, line in enumerate((HISTORY / "exceptions").read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            what, _, why = line.partition(" -- ")
            allowed[what] = n
            if not why.strip():
                print(f"{HISTORY}/exceptions:{n}: no reason; say why it is all right, behind ' -- '")
    found = [change for version in versions for change in changes(version)]
    for change in found:
        if change.key() not in allowed:
            print(change.text())
    for what in allowed.keys() - {change.key() for change in found}:
        print(f"{HISTORY}/exceptions:{allowed[what]}: fits no change; remove the row")


sys.exit(main())
