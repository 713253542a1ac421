"""Compares what the platform holds and answers with what px-load knows to be true.

    compare.py sums TRUTH...      SQL against the truth files of all traffic so far
    compare.py ids FILE           every acknowledged event id is in the table events
    compare.py api BASE TRUTH     the REST API against the truth file of all traffic so far
    compare.py dead TRUTH         records of the dead-letter topic (kcat's output on stdin)

Prints "ok - name" or "not ok - name" and details, for lib.sh. SQL goes through psql at $PG_URL.
"""
import collections
import datetime
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

DISPOSITIONS = {"counted": "counted", "repeats": "repeat", "duplicates": "duplicate", "conflicts": "conflict"}
TYPES = ("visit", "registration", "deposit")


def say(ok, name, detail=""):
    print(("ok - " if ok else "not ok - ") + name)
    if not ok and detail:
        print("  " + str(detail)[:2000].replace("\n", "\n  "))


def equal(name, got, want):
    """One test; of two tables only what differs is shown."""
    detail = f"got {got}, want {want}"
    if isinstance(got, dict) and isinstance(want, dict):
        keys = [k for k in sorted(set(got) | set(want), key=str) if got.get(k) != want.get(k)]
        detail = "\n".join(f"{k}: got {got.get(k)}, want {want.get(k)}" for k in keys[:10])
        detail += f"\n({len(keys)} rows differ of {len(want)})"
    say(got == want, name, detail)


def sql(text):
    """Rows as lists of text."""
    run = subprocess.run(["psql", "-qAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", os.environ["PG_URL"], "-c", text],
                         capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"psql: {run.stderr}")
    return [line.split("\t") for line in run.stdout.splitlines()]


def numbers(text):
    return [[int(v) for v in row] for row in sql(text)]


def table(text):
    """Rows with their count last, as a dictionary."""
    return {tuple(row[:-1]): int(row[-1]) for row in sql(text)}


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


class Truth:
    """The union of several runs: their prefixes differ, so their keys never meet."""

    def __init__(self, paths):
        self.runs = [read(p) for p in paths]
        self.exact = all(r["exact"] for r in self.runs)
        self.acked = sum(r["acked"] for r in self.runs)
        self.total_deposits = sum(r["totalDeposits"] for r in self.runs)
        self.types = {t: {m: sum(r["types"][t][m] for r in self.runs) for m in DISPOSITIONS} for t in TYPES}
        self.counted = sum(self.types[t]["counted"] for t in TYPES)

    def rows(self, name, *members):
        out = collections.Counter()
        for run in self.runs:
            for row in run[name]:
                out[tuple(row[m][:16] if m == "minute" else row[m] for m in members)] += row["count"]
        return dict(out)


def check_sums(truth):
    got = numbers("select (select coalesce(sum(count), 0) from daily_metrics), "
                  "(select coalesce(sum(count), 0) from event_summary), "
                  "(select coalesce(sum(count), 0) from minute_summary)")[0]
    equal("SUM(daily_metrics), SUM(event_summary) and SUM(minute_summary) are the natural keys of the truth",
          got, [truth.counted] * 3)
    equal("daily_metrics: each day and type",
          table("select event_date, event_type, count from daily_metrics"), truth.rows("daily", "date", "eventType"))
    equal("event_summary: each day, type and banner",
          table("select event_date, event_type, banner_tag, count from event_summary"),
          truth.rows("banners", "date", "eventType", "bannerTag"))
    equal("minute_summary: each minute, type and banner",
          table("""select to_char(bucket_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI'), event_type, banner_tag, count
                from minute_summary"""), truth.rows("minutes", "minute", "eventType", "bannerTag"))


def check_dispositions(truth):
    want = {(t, sql_name): truth.types[t][m] for t in TYPES for m, sql_name in DISPOSITIONS.items()
            if truth.types[t][m]}
    equal("events: as many of each type and disposition as the truth says",
          table("select event_type, disposition, count(*) from events group by 1, 2"), want)
    got = numbers("select coalesce(sum(counted), 0), coalesce(sum(repeated), 0), coalesce(sum(duplicate), 0), "
                  "coalesce(sum(conflict), 0), "
                  "coalesce(sum(excluded + late + erased + dead_lettered + hole + gap + rewound), 0) "
                  "from partition_ledger")[0]
    equal("partition_ledger: the same dispositions, and nothing excluded, late, dead, missing or rewound", got,
          [sum(truth.types[t][m] for t in TYPES) for m in DISPOSITIONS] + [0])
    equal("players: total_deposits", numbers("select coalesce(sum(total_deposits), 0) from players")[0][0],
          truth.total_deposits)
    equal("events: one row for each acknowledged event", numbers("select count(*) from events")[0][0], truth.acked)


def check_ledger():
    rows = numbers("select partition_id, next_offset - first_offset + rewound, "
                   "counted + repeated + duplicate + conflict + excluded + late + erased + dead_lettered + hole + gap "
                   "from partition_ledger order by 1")
    equal("accounting identity of each partition", {r[0]: r[1] for r in rows}, {r[0]: r[2] for r in rows})
    say(len(rows) == 10, "the ledger has a row for each of ten partitions", f"{len(rows)} rows")
    equal("ledger and offsets agree where the log was read to",
          dict(map(tuple, numbers("select partition_id, next_offset from partition_ledger"))),
          dict(map(tuple, numbers("select partition_id, next_offset from consumer_offsets"))))
    equal("a row of players for each player, with the deposits of its events", numbers(
        """select count(*) from (
             select player_id, count(*) filter (where event_type = 'deposit' and (disposition = 'counted'
                 or disposition = 'repeat' and client_event_id is not null)) as deposits, min(received_at) as first
             from events where disposition <> 'conflict' group by player_id) e
           full join players p using (player_id)
           where e.deposits is distinct from p.total_deposits""")[0][0], 0)


def check_ids(path):
    with open(path, encoding="ascii") as f:
        acked = f.read().split()
    stored = {row[0] for row in sql("select id from events")}
    lost = [i for i in acked if i not in stored]
    say(len(acked) > 0 and not lost, f"each of {len(acked)} acknowledged event ids is in the table events",
        f"{len(lost)} are not: {lost[:5]}")
    say(len(set(acked)) == len(acked), "no event id was given twice", "")


# --- the REST API --------------------------------------------------------------------------------------


class Api:
    def __init__(self, base):
        self.base = base

    def get(self, path, **params):
        url = f"{self.base}{path}?{urllib.parse.urlencode(params)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def data(self, path, **params):
        status, body = self.get(path, **params)
        if status != 200:
            raise SystemExit(f"{path} {params}: {status} {body}")
        return body["data"]


def rate(numerator, denominator):
    return {"numerator": numerator, "denominator": denominator,
            "rate": round(numerator / denominator, 6) if denominator else None}


def funnel(visits, registrations, deposits):
    return {"visits": visits, "registrations": registrations, "deposits": deposits,
            "visitToRegistration": rate(registrations, visits),
            "registrationToDeposit": rate(deposits, registrations), "visitToDeposit": rate(deposits, visits)}


def funnel_data(days, counts):
    """What a funnel answers for those days; ${counts}: (date, type) -> count."""
    def of(day):
        return [counts.get((day, t), 0) for t in TYPES]
    total = funnel(*[sum(v) for v in zip(*[of(d) for d in days])])
    return total | {"series": [{"date": d} | funnel(*of(d)) for d in days]}


def near(a, b):
    """Equal, but for the last digit of a rate."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and abs(a - b) < 1.5e-6
    return a == b


def same(name, got, want):
    say(near(got, want), name, f"got  {json.dumps(got)}\nwant {json.dumps(want)}")


def shift(day, days):
    return str(datetime.date.fromisoformat(day) + datetime.timedelta(days=days))


def check_queries(api, truth):
    daily = truth.rows("daily", "date", "eventType")
    first, last = min(d for d, _ in daily), max(d for d, _ in daily)
    days = [first] if first == last else [first, last]
    both = {"startDate": first, "endDate": last}
    same("conversion-rates of today", api.data("/api/metrics/conversion-rates", **both), funnel_data(days, daily))
    same("the aliases from and to mean the same",
         api.data("/api/metrics/conversion-rates", **{"from": first, "to": last}), funnel_data(days, daily))

    banners = truth.rows("banners", "date", "eventType", "bannerTag")
    sizes = collections.Counter()
    for (_, _, banner), n in banners.items():
        sizes[banner] += n
    biggest = sizes.most_common(1)[0][0]
    of_banner = {(d, t): n for (d, t, b), n in banners.items() if b == biggest}
    path = "/api/metrics/campaigns/"
    same(f"campaign of the biggest banner ({sizes[biggest]} events)", api.data(path + biggest, **both),
         {"bannerTag": biggest} | funnel_data(days, of_banner))
    same("campaign of an unknown banner: zeros and null", api.data(path + "nobody", **both),
         {"bannerTag": "nobody"} | funnel_data(days, {}))

    same("/api/metrics: each day and type, in order", api.data("/api/metrics", **{"from": first, "to": last}),
         [{"date": d, "eventType": t, "count": daily.get((d, t), 0)} for d in days for t in TYPES])
    for t in TYPES:
        total = sum(daily.get((d, t), 0) for d in days)
        same(f"trend of {t}", api.data("/api/metrics/trends/" + t, **both),
             {"eventType": t, "total": total, "series": [{"date": d, "count": daily.get((d, t), 0)} for d in days],
              "change": {"previousTotal": 0, "absolute": total, "relative": None,
                         "direction": "up" if total else "flat"}})
    check_minutes(api, truth, both)
    return first, last


def pages(api, path, **params):
    out, cursor = [], {}
    while True:
        status, body = api.get(path, **params, **cursor)
        if status != 200:
            raise SystemExit(f"{path} {params} {cursor}: {status} {body}")
        out.append(body)
        if not body["page"]["hasMore"]:
            return out
        cursor = {"cursor": body["page"]["nextCursor"]}


def check_minutes(api, truth, both):
    want = collections.Counter()
    for (minute, event_type), n in truth.rows("minutes", "minute", "eventType").items():
        if event_type == "visit":
            want[minute] += n
    answers = pages(api, "/api/metrics/trends/visit", **both, grain="minute", limit=1000)
    series = [p for a in answers for p in a["data"]["series"]]
    stamp = next((k for k in series[0] if k != "count"), "")
    equal("trend by minute: each minute that has visits",
          {p[stamp][:16]: p["count"] for p in series if p["count"]}, dict(want))
    days = 1 + (datetime.date.fromisoformat(both["endDate"]) - datetime.date.fromisoformat(both["startDate"])).days
    equal("trend by minute: every minute once, over several pages", (len({p[stamp] for p in series}), len(answers) > 1),
          (1440 * days, True))
    equal("trend by minute: the total covers all pages", {a["data"]["total"] for a in answers}, {sum(want.values())})


def refused(api, name, field, path="/api/metrics/conversion-rates", status=400, **params):
    got, body = api.get(path, **params)
    fields = [e.get("field") for e in body.get("errors", [])]
    say(got == status and field in fields, f"{name}: {status} that names {field}", f"{got} {json.dumps(body)}")


def check_edges(api, first, last):
    empty = {"startDate": shift(first, -9), "endDate": shift(first, -8)}
    same("an empty range: zeros, null for 0/0, every day there",
         api.data("/api/metrics/conversion-rates", **empty), funnel_data(list(empty.values()), {}))
    refused(api, "reversed range", "startDate", startDate=last, endDate=shift(last, -1))
    refused(api, "not a date", "startDate", startDate="2026-02-30", endDate=last)
    refused(api, "not a date", "endDate", startDate=first, endDate="tomorrow")
    refused(api, "twenty years", "endDate", startDate=shift(last, -7305), endDate=last)
    refused(api, "no range", "startDate", endDate=last)
    refused(api, "unknown event type", "eventType", "/api/metrics/trends/purchase", 404, startDate=first, endDate=last)
    refused(api, "unknown parameter", "banner", startDate=first, endDate=last, banner="x")


def check_freshness(api, first, last):
    today = api.get("/api/metrics/conversion-rates", startDate=first, endDate=last)[1]["meta"]
    same("meta names the range and the zone", (today["range"], today["tz"]),
         ({"startDate": first, "endDate": last}, "UTC"))
    say(today["watermark"] is not None and today["lagSeconds"] is not None and 0 <= today["lagSeconds"] < 10,
        "meta: caught up, so a watermark and a lag of seconds", today)
    say(today["complete"] is False, "meta: today is not complete", today)
    say(isinstance(today["revision"], int) and today["revision"] > 0, "meta: a revision", today)
    past = api.get("/api/metrics/conversion-rates", startDate=shift(first, -3), endDate=shift(first, -1))[1]["meta"]
    say(past["complete"] is True, "meta: a past range is complete", past)


def check_dead(truth):
    records = [r for r in sys.stdin.buffer.read().split(b"\x1e") if r]
    got = collections.Counter()
    for record in records:
        codes = [c for c in truth.runs[0]["refusedByCode"] if bytes([2 * len(c)]) + c.encode() in record]
        got[codes[0] if len(codes) == 1 else f"unclear: {codes}"] += 1
    want = {c: sum(r["refusedByCode"][c] for r in truth.runs) for c in truth.runs[0]["refusedByCode"]}
    equal("dead letters: one for each refused request, with its reason", dict(got), {c: n for c, n in want.items() if n})


def main(command, *args):
    if command == "sums":
        truth = Truth(args)
        say(truth.exact, "the fate of every request is known")
        check_sums(truth)
        check_dispositions(truth)
        check_ledger()
    elif command == "ids":
        check_ids(*args)
    elif command == "api":
        api = Api(args[0])
        first, last = check_queries(api, Truth(args[1:]))
        check_edges(api, first, last)
        check_freshness(api, first, last)
    elif command == "dead":
        check_dead(Truth(args))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as broken:  # pylint: disable=broad-except  # a test that cannot be made has failed
        say(False, f"compare.py {' '.join(sys.argv[1:2])}", repr(broken))
    except SystemExit as broken:
        say(broken.code in (None, 0), f"compare.py {' '.join(sys.argv[1:2])}", broken.code)
