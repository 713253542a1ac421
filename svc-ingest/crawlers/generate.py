#!/usr/bin/env python3
"""crawler-user-agents.json -> src/sender/crawlers.def and tests/golden/agents/crawlers.tsv.

    python3 -m pip download --no-deps -d /tmp/list crawler-user-agents && unzip -d /tmp/list /tmp/list/*.whl
    svc-ingest/crawlers/generate.py /tmp/list/crawleruseragents/crawler-user-agents.json 1.67.0

Run it at the top of the tree, look at the difference, run build/release/tests/unit/svc-ingest/test_crawlers.

A pattern of the list is a regular expression. What stands in it is little more than text, so it is taken apart
here into needles: text that the user agent must hold, perhaps only at its begin, only at its end, not before a
dash, or followed by a second text anywhere behind it; a digit may stand for any digit. What cannot be taken apart is listed at the end of
crawlers.def and counted there; nothing is left out in silence. The golden file holds the verdict of Python's own
`re` on every example of the list, on browsers, and on damaged copies of the examples.
"""
import json
import pathlib
import random
import re
import sys

OUT = pathlib.Path("svc-ingest/src/sender/crawlers.def")
GOLDEN = pathlib.Path("tests/golden/agents")
BUCKETS = 2048
LONGEST = 512  # bytes of a user agent that are looked at: ING_AGENT_SEEN of crawlers.h
SCANNER = {"scanner"}
DIGIT, DIGITS = "\1", "\2"  # in a needle: one digit; as many more as there are


class Beyond(Exception):
    """Not text enough."""


def split(text, sep):
    """At `sep`, outside brackets and parentheses."""
    parts, depth, at, i = [], 0, 0, 0
    while i < len(text):
        c = text[i]
        if c == "\\":
            i += 1
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == sep and depth == 0:
            parts.append(text[at:i])
            at = i + 1
        i += 1
    return parts + [text[at:]]


def closing(text, at, pair):
    i = at + 1
    while text[i] != pair or text[i - 1] == "\\":
        i += 1
    return i


def expand(pattern):
    """Every text that a concatenation stands for; a gap is None within the list."""
    ways, i = [[""]], 0

    def each(choices):
        return [w[:-1] + [w[-1] + c] if c is not None else w + [""] for w in ways for c in choices]

    while i < len(pattern):
        c = pattern[i]
        if pattern.startswith("[\\s\\S]*", i):
            ways, i = each([None]), i + 7
        elif c == "\\":
            if pattern.startswith("\\d+", i):
                ways, i = each([DIGIT + DIGITS]), i + 3
                continue
            if pattern.startswith("\\d", i):
                ways, i = each([DIGIT]), i + 2
                continue
            if pattern[i + 1].isalnum():
                raise Beyond("\\" + pattern[i + 1])
            ways, i = each([pattern[i + 1]]), i + 2
        elif c == "[":
            end = closing(pattern, i, "]")
            chars = pattern[i + 1:end]
            if not chars.isalnum():
                raise Beyond(pattern[i:end + 1])
            ways, i = each(list(chars)), end + 1
        elif c == "(":
            end = closing(pattern, i, ")")
            choices = split(pattern[i + 1:end], "|")
            if any(re.search(r"[\\()\[\]^$*+?.{}]", x) for x in choices):
                raise Beyond(pattern[i:end + 1])
            ways, i = each(choices), end + 1
        elif c in "*+?.{}^$)|":
            raise Beyond(c)
        else:
            ways, i = each([c]), i + 1
        if i < len(pattern) and pattern[i] in "*+?{":
            raise Beyond(pattern[i])
    return ways


def needles(pattern):
    """Rows of (text, then, flags)."""
    rows = []
    for way in split(pattern, "|"):
        flags = set()
        if way.startswith("(^| )"):  # at the begin, or behind a blank
            way, starts = way[5:], [("BEGIN", ""), (None, " ")]
        elif way.startswith("^"):
            way, starts = way[1:], [("BEGIN", "")]
        else:
            starts = [(None, "")]
        if way.endswith("([^-]|$)"):
            way, flags = way[:-8], {"NO_DASH"}
        elif way.endswith("$") and not way.endswith("\\$"):
            way, flags = way[:-1], {"END"}
        for texts in expand(way):
            if len(texts) > 2 or (len(texts) > 1 and flags):
                raise Beyond("gaps")
            for at, before in starts:
                text = before + texts[0]
                if len(text) < 3 or not text[:3].isprintable() or not text.isascii():
                    raise Beyond("too short")
                rows.append((text, texts[1] if len(texts) > 1 else "", flags | ({at} if at else set())))
    return rows


def name_of(pattern):
    """What operators see: the pattern without its grammar."""
    text = split(pattern, "|")[0]
    text = re.sub(r"\(\[\^-\]\|\$\)$|^\(\^\| \)|^\^|\$$", "", text)
    text = re.sub(r"\[\\s\\S\]\*", " ", text)
    text = re.sub(r"\[(.)[^\]]*\]", r"\1", text)
    text = re.sub(r"\((?!\?)([^|()\\]*)\|[^()]*\)", r"\1", text)
    text = re.sub(r"\\d\+?", "N", text)
    text = re.sub(r"\\(.)", r"\1", text).strip().rstrip("/")
    return re.sub(r"[^!-~ ]", "?", text)[:44]


def bucket(text):
    a, b, c = text.encode()[:3]
    return ((a * 31 + b) * 31 + c) % BUCKETS


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?").replace(DIGIT, "\\001").replace(DIGITS, "\\002") + '"'


def write_def(listed, version):
    crawlers, rows, beyond = [], [], []
    for entry in listed:
        try:
            found = needles(entry["pattern"])
        except Beyond as e:
            beyond.append(f'{entry["pattern"]}    ({e})')
            crawlers.append(None)
            continue
        crawlers.append(("SCANNER" if SCANNER & set(entry.get("tags", [])) else "BOT", name_of(entry["pattern"])))
        rows += [(bucket(t), t, then, flags, len(crawlers) - 1) for t, then, flags in found]
    rows.sort(key=lambda r: (r[0], r[4], r[1]))
    starts, at = [], 0
    for b in range(BUCKETS + 1):
        while at < len(rows) and rows[at][0] < b:
            at += 1
        starts.append(at)
    out = [
        f"/* Made by svc-ingest/crawlers/generate.py: do not edit. {len(listed)} patterns of crawler-user-agents {version},",
        " * https://github.com/monperrus/crawler-user-agents, MIT (svc-ingest/crawlers/LICENSE), in the order of the list:",
        f" * {len(listed) - len(beyond)} of them as {len(rows)} needles, {len(beyond)} of them beyond needles and named at the end. */",
        "#ifdef ING_CRAWLERS_LIST",
        f"ING_CRAWLERS_LIST({quoted(version)}, {len(listed)}, {len(beyond)})",
        "#endif", "#ifdef ING_CRAWLER"]
    out += [f"ING_CRAWLER({c[0]}, {quoted('ua:' + c[1])})" if c else 'ING_CRAWLER(BOT, "")' for c in crawlers]
    out += ["#endif", "#ifdef ING_NEEDLE"]
    out += [f"ING_NEEDLE({quoted(t)}, {quoted(then)}, {' | '.join('ING_AT_' + f for f in sorted(flags)) or '0'}, {c})"
            for _, t, then, flags, c in rows]
    out += ["#endif", "#ifdef ING_BUCKET"]
    out += ["".join(f"ING_BUCKET({s}) " for s in starts[i:i + 8]).rstrip() for i in range(0, len(starts), 8)]
    out += ["#endif", "/* Beyond needles:"] + [" * " + b.replace("*/", "* /") for b in beyond or ["none"]] + [" */", ""]
    OUT.write_text("\n".join(out))
    return beyond


def damaged(agents):
    """Near misses: most hold a bot's name no more, some still do. The same ones each time."""
    chance = random.Random(1)
    for agent in agents:
        at = chance.randrange(len(agent))
        how = chance.randrange(4)
        yield (agent[:at] + agent[at + 1:] if how == 0 else agent[:at] + agent[at].swapcase() + agent[at + 1:] if how == 1
               else agent[at:] if how == 2 else agent[:at])


def main():
    listed, version = json.loads(pathlib.Path(sys.argv[1]).read_text()), sys.argv[2]
    beyond = write_def(listed, version)
    compiled = [re.compile(e["pattern"]) for e in listed]
    skip = {i for i, e in enumerate(listed) if any(b.startswith(e["pattern"] + "    ") for b in beyond)}

    def verdict(agent):
        return next((i for i, p in enumerate(compiled) if i not in skip and p.search(agent)), -1)

    examples = sorted({a for e in listed for a in e["instances"] if a.isascii() and a.isprintable()})
    left_out = {a for e in listed for a in e["instances"]} - set(examples)
    browsers = (GOLDEN / "browsers.txt").read_text().splitlines()
    near = [a for a in damaged(examples[::3]) if a]
    lines = [f"{verdict(a)}\t{a}" for a in examples + browsers + near]
    (GOLDEN / "crawlers.tsv").write_text("\n".join(lines) + "\n")
    missed = [a for a in examples if verdict(a) < 0]
    print(f"{len(listed)} patterns, {len(beyond)} beyond needles; {len(examples)} examples ({len(left_out)} not ASCII left out), "
          f"{len(missed)} of them match no needle; {len(browsers)} browsers, {sum(verdict(b) >= 0 for b in browsers)} of them match; "
          f"longest {max(map(len, examples))} of {LONGEST}")
    for text in beyond + missed + sorted(left_out):
        print("   ", text)


main()
