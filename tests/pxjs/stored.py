"""What the database holds in the end, against what the pages of cases.py did.

    stored.py DATABASE EXPECTED

Every player has just the events that its pages made: each under one id, counted or a repeat once, all further copies
duplicates. Prints "ok - name" or "not ok - name" for lib.sh.
"""
import collections
import json
import sqlite3
import sys


def say(name, got, want):
    print(("ok - " if got == want else "not ok - ") + name)
    if got != want:
        print(f"  got:  {got}\n  want: {want}")


def main():
    database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=5)
    with open(sys.argv[2], encoding="utf-8") as f:
        expected = json.load(f)
    rows = collections.defaultdict(list)
    for row in database.execute("SELECT player_id, event_type, banner_tag, client_event_id, disposition, metadata_json "
                                "FROM events ORDER BY received_at"):
        rows[row[0]].append(row[1:])
    say("stored: the players of all pages and no others", sorted(rows), sorted(e["player"] for e in expected))
    copies = 0
    for e in expected:
        held = rows[e["player"]]
        own = [r for r in held if r[3] in ("counted", "repeat")]
        rest = [r for r in held if r not in own]
        say(f"stored: {e['player']}: each event once", (sorted(r[0] for r in own), len({r[2] for r in own})),
            (e["types"], len(e["types"])))
        say(f"stored: {e['player']}: copies are duplicates of them", [r for r in rest if r[3] != "duplicate" or
                                                                      r[2] not in {o[2] for o in own}], [])
        copies += len(rest)
        if e["banner"]:
            say(f"stored: {e['player']}: the banner", {r[1] for r in own}, {e["banner"]})
        if e["ids"]:
            say(f"stored: {e['player']}: the ids", sorted(r[2] for r in own), e["ids"])
        if e["attributes"]:
            say(f"stored: {e['player']}: attributes", [json.loads(r[4]) for r in own][0], e["attributes"])
        if e["texts"]:
            say(f"stored: {e['player']}: its texts", sorted(json.loads(r[4])["s"] for r in own), sorted(e["texts"]))
    # The log was away while pages sent, answers were lost: if nothing was sent twice, nothing was tried.
    say("stored: some events were sent more than once", copies > 0, True)


main()
