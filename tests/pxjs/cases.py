"""What px.js must do, case by case, in Chromium and against the real svc-ingest.

    cases.py INGEST_PORT KEYED_PORT BROKER_PID PXJS_MD RESULT

KEYED_PORT is of an svc-ingest that asks for a site key: shop-7f3a91, or slow-7f3a91 for one event per second.
Prints "ok - name" or "not ok - name" for lib.sh. RESULT receives what must be in the database in the end, for
stored.py: events of pages reach it later than their answers.
"""
import json
import os
import re
import signal
import sys
import threading
import time
import traceback

from examples import Examples
from rig import Browser, Front, Pages, until

UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
STUB = "window.px = window.px || function () { (px.q = px.q || []).push(arguments) };"
FOREIGN_AGE = 15  # seconds until a page sends what another one left behind


class Verdicts:
    """Results as they come, and what the database must hold in the end."""

    def __init__(self):
        self.failed = 0
        self.expected = []

    def ok(self, name, good, detail=""):
        print(("ok - " if good else "not ok - ") + name, flush=True)
        if not good:
            self.failed += 1
            if detail:
                print("  " + str(detail)[:2000].replace("\n", "\n  "), flush=True)

    def same(self, name, got, want):
        self.ok(name, got == want, f"got:  {got}\nwant: {want}")

    def stored(self, player, types, ids=None, banner=None, attributes=None, texts=None):  # pylint: disable=too-many-arguments
        """One event of each of these types is the player's, and further copies are duplicates."""
        self.expected.append({"player": player, "types": sorted(types), "ids": ids, "banner": banner,
                              "attributes": attributes, "texts": texts})


class Cases:
    def __init__(self, ingest, keyed, broker, document):
        self.keyed_origin = f"http://127.0.0.1:{keyed}"
        self.broker = broker
        self.t = Verdicts()
        self.front = Front(ingest)
        self.pages = Pages()
        self.browser = Browser()
        self.document = document

    def page(self, name, attributes="", path="/", headers=None, body="", origin=None):
        """A page with px.js on it, for the player and banner of that name; its address."""
        html = (f'<!doctype html><title>{name}</title><link rel="icon" href="data:,">'
                f'<script async src="{origin or self.front.origin}/px.js" data-px-player-id="{name}" data-px-banner-tag="b-{name}" '
                f'data-px-report="note" {attributes}></script>{body}')
        return self.pages.put(name, path, html, headers)

    def show(self, name, attributes="", **more):
        url = self.page(name, attributes, **more)
        self.browser.open(url)
        return url

    # --- the broker stands still: first, because what is left behind must grow old -------------------------

    def outage(self):
        t, b, front = self.t, self.browser, self.front
        blocked = {"Content-Security-Policy": "connect-src 'none'"}
        first = self.page("outage")
        second = self.page("outage-pixel", headers=blocked)
        os.kill(self.broker, signal.SIGSTOP)
        try:
            b.tab(first)
            b.js("px('registration'); px('deposit', {amountMinor: 5})")
            other = b.driver.current_window_handle
            b.tab(second)
            # The first page's visit, and what it said when it went into the background, by beacon.
            t.ok("outage: both pages are answered", front.answered(2, "outage") and front.answered(1, "outage-pixel"))
            t.same("outage: batches are told to come again",
                   {i["status"] for r in front.of("outage") if r["status"] for i in json.loads(r["answer"])["results"]}, {"retry"})
            t.same("outage: a pixel is told 503", {r["status"] for r in front.of("outage-pixel")}, {503})
            t.ok("outage: the pixel's answer reached its page", b.loaded("/api/pixel/"))
            t.same("outage: a pixel that was answered 503 stays in the queue", len(b.queue()), 1)
            b.driver.close()
            b.go(other)
            t.ok("outage: the batch's answer reached its page", b.loaded("/api/events"))
            t.same("outage: so do three events of a page", len(b.queue()), 3)
            b.close_tab()
            self.left_at = time.monotonic()
        finally:
            os.kill(self.broker, signal.SIGCONT)
        t.stored("outage", ["deposit", "registration", "visit", "visit"])  # one view more: opened again
        t.stored("outage-pixel", ["visit", "visit"])

    def reopened(self):
        t, b = self.t, self.browser
        time.sleep(max(0, FOREIGN_AGE + 1 - (time.monotonic() - self.left_at)))
        for name in ("outage", "outage-pixel"):
            b.open(self.pages.url(name))
            t.ok(f"{name}: opened again, it delivers what was left", b.empty(), b.queue())
            t.ok(f"{name}: and is answered for it", b.counted("accepted"), b.counts())
        for name in ("wait-429", "wait-503"):  # younger, and left behind by a page before this one
            b.open(self.pages.url(name))
            t.ok(f"{name}: the page before left an event", b.counted("accepted", 1, FOREIGN_AGE + 5) and b.empty(), b.counts())

    # --- ways to send ---------------------------------------------------------------------------------------

    def by_fetch(self):
        t, b, front = self.t, self.browser, self.front
        self.show("fetch")
        t.ok("fetch: a page view is accepted", b.counted("accepted"))
        request = front.of("fetch")[0]
        event = json.loads(request["body"])[0]
        t.same("fetch: by POST of a batch", (request["method"], request["path"].rstrip("?")), ("POST", "/api/events"))
        t.ok("fetch: as text, which needs no preflight", request["headers"]["Content-Type"].startswith("text/plain"))
        t.same("fetch: no preflight was asked for", [r for r in front.book if r["method"] == "OPTIONS"], [])
        t.ok("fetch: without cookies", "Cookie" not in request["headers"])
        t.same("fetch: what it says", {k: event[k] for k in ("eventType", "playerId", "bannerTag", "attributes")},
               {"eventType": "visit", "playerId": "fetch", "bannerTag": "b-fetch", "attributes": {}})
        t.ok("fetch: under an id of its own", re.match(UUID7, event["eventId"]), event)
        t.same("fetch: and no time of the browser", sorted(event),
               ["attributes", "bannerTag", "eventId", "eventType", "playerId"])
        b.js("for (let i = 0; i < 5; i++) px('deposit', {eventId: 'f-' + i, amountMinor: i, none: null, deep: {a: 1}})")
        t.ok("fetch: calls in one go are accepted", b.counted("accepted", 6))
        t.same("fetch: and travel together", [r["body"].count("eventType") for r in front.of("fetch")], [1, 5])
        t.same("fetch: nothing stays", b.queue(), [])
        t.same("fetch: one name more in the page", b.js(
            "const f = document.createElement('iframe'); document.body.append(f);"
            "return Object.keys(window).filter(k => !(k in f.contentWindow) && !['told', 'note', 'faults', 'ret_nodes'].includes(k)"
            " && isNaN(k))"), ["px"])
        t.same("fetch: no cookie", b.js("return document.cookie"), "")
        b.js("const s = document.createElement('script'); s.src = arguments[0]; document.body.append(s)",
             front.origin + "/px.js?again")
        b.loaded("px.js?again")
        t.same("fetch: a second copy of the script does nothing", b.counts(), {"accepted": 6})
        t.same("fetch: the page saw no fault", b.faults(), [])
        t.stored("fetch", ["deposit"] * 5 + ["visit"])

    def by_image(self):
        t, b, front = self.t, self.browser, self.front
        gate = threading.Event()
        front.rule = lambda r: gate
        self.show("image", headers={"Content-Security-Policy": "connect-src 'none'"})
        t.ok("image: the page is loaded before it is answered", until(lambda: front.of("image")) and
             b.js("return document.readyState") == "complete")
        gate.set()
        front.rule = None
        t.ok("image: where fetch is forbidden a pixel is accepted", b.counted("accepted"))
        t.ok("image: it was a pixel", front.of("image")[0]["path"].startswith("/api/pixel/visit?"))
        b.js("px('deposit', {amountMinor: 7, sessionId: 's 1'}); px('deposit', {playerId: 'null'})")
        t.ok("image: a refused pixel is known by its size", b.counted("rejected"))
        t.ok("image: beside an accepted one", b.counted("accepted", 2))
        t.same("image: nothing stays", b.queue(), [])
        t.stored("image", ["deposit", "visit"])

    def by_get(self):
        t, b, front = self.t, self.browser, self.front
        self.show("get", 'data-px-transport="get" data-px-session-id="s-1" data-px-s="x y&amp;z"')
        t.ok("get: accepted", b.counted("accepted"))
        t.same("get: by GET", {r["method"] for r in front.of("get")}, {"GET"})
        b.js("px('deposit', {amountMinor: 'many'}); px('registration')")
        t.ok("get: refused", b.counted("rejected"))
        t.same("get: with the collector's code", b.told("rejected")[0][1], "bad_type")
        t.ok("get: the next one is accepted", b.counted("accepted", 2))
        t.same("get: one request each, none again", len(front.of("get")), 3)
        t.stored("get", ["registration", "visit"], attributes={"s": "x y&z"})

    def by_beacon(self):
        t, b, front = self.t, self.browser, self.front
        self.show("beacon", 'data-px-transport="beacon"')
        t.ok("beacon: taken by the browser", b.counted("beaconed"))
        t.ok("beacon: taken by the collector", front.answered(1, "beacon"))
        t.same("beacon: it was one", front.of("beacon")[0]["headers"]["Sec-Fetch-Mode"], "no-cors")
        t.same("beacon: forgotten", b.queue(), [])
        t.stored("beacon", ["visit"])

    def with_key(self):
        """A collector that asks for a key, without anything before it."""
        t, b, origin = self.t, self.browser, self.keyed_origin
        self.show("no-key", origin=origin)
        t.ok("key: without one an event is refused", b.counted("rejected"))
        t.same("key: with the collector's code", b.told("rejected")[0][1], "site_key_required")
        for name, attributes, policy in (("key", "", None), ("key-get", 'data-px-transport="get"', None),
                                         ("key-image", "", {"Content-Security-Policy": "connect-src 'none'"})):
            self.show(name, f'data-px-site-key="shop-7f3a91" {attributes}', headers=policy, origin=origin)
            t.ok(f"{name}: accepted with it", b.counted("accepted"), b.counts())
            t.stored(name, ["visit"])
        self.show("slow", 'data-px-site-key="slow-7f3a91" data-px-transport="get" data-px-event="none"', origin=origin)
        b.js("for (let i = 0; i < 3; i++) px('deposit', {amountMinor: i})")
        t.ok("slow: what is told 429 comes again", b.counted("accepted", 3), b.counts())
        t.same("slow: nothing was given up", b.counts(), {"accepted": 3})
        t.stored("slow", ["deposit"] * 3)

    # --- when a page is seen ----------------------------------------------------------------------------------

    def background(self):
        t, b, front = self.t, self.browser, self.front
        url = self.page("background", body=f"<script>{STUB} px('registration')</script>")
        target = b.cdp("Target.createTarget", url=url, background=True)["targetId"]
        t.ok("background: what the page says itself is sent", front.answered(1, "background"))
        t.ok("background: its view is not", '"visit"' not in front.of("background")[0]["body"])
        b.go(target)
        t.ok("background: it is, once the tab is in front", b.counted("accepted", 2))
        b.close_tab()
        t.same("background: two requests", len(front.of("background")), 2)
        t.stored("background", ["registration", "visit"])

    def prerender(self):
        t, b, front = self.t, self.browser, self.front
        self.page("prerender", path="/next", body=f"<script>{STUB} px('registration')</script>")
        url = self.pages.put("prerender", "/", '<a id="next" href="/next">next</a><script type="speculationrules">'
                             '{"prerender": [{"urls": ["/next"], "eagerness": "immediate"}]}</script>')
        b.tab(url)
        t.ok("prerender: a page loads the script in advance", until(lambda: front.scripts("prerender")))
        time.sleep(0.3)  # nothing to wait for: it is about what does not happen
        t.same("prerender: and sends nothing", front.of("prerender"), [])
        t.same("prerender: nor leaves anything for others to send", b.queue(), [])
        b.click("#next")
        b.go((set(b.driver.window_handles) - {b.main}).pop())  # the tab shows another document
        b.at("/next")
        t.ok("prerender: once it is opened, its events are accepted", b.counted("accepted", 2), b.counts())
        t.ok("prerender: it had been rendered in advance", b.js(
            "return performance.getEntriesByType('navigation')[0].activationStart > 0"))
        b.close_tab()
        t.stored("prerender", ["registration", "visit"])

    def back_forward(self):
        t, b = self.t, self.browser
        url = self.show("bfcache")
        b.counted("accepted")
        b.open(self.pages.put("bfcache", "/other", "<title>other</title>"))
        b.driver.back()
        t.ok("bfcache: a page that comes back is counted again", b.counted("accepted", 2), b.counts())
        t.same("bfcache: it was the same document", (b.driver.current_url, b.counts()), (url, {"accepted": 2}))
        t.stored("bfcache", ["visit", "visit"])

    def single_page(self):
        t, b = self.t, self.browser
        self.show("spa", "data-px-spa")
        b.counted("accepted")
        b.js("history.pushState({}, '', '/a'); history.pushState({}, '', '/a'); history.replaceState({}, '', '/b?c=1');"
             "history.replaceState({x: 1}, '', '/b?c=1'); history.pushState({}, '', '#part')")
        t.ok("spa: each new address is a page view", b.counted("accepted", 3))
        b.driver.back()
        b.driver.back()
        t.ok("spa: so is the way back", b.counted("accepted", 4), b.counts())
        t.same("spa: the page's own call went through", b.js("return [history.pushState.length >= 0, location.pathname]"),
               [True, "/a"])
        time.sleep(0.2)
        t.same("spa: the same address and a part of the page are none", b.counts(), {"accepted": 4})
        t.stored("spa", ["visit"] * 4)
        self.show("spa-hash", 'data-px-spa="hash"')
        b.counted("accepted")
        b.js("history.pushState({}, '', '#one'); location.hash = 'two'")
        t.ok("spa: a part of the page is one where it was asked for", b.counted("accepted", 3), b.counts())
        t.stored("spa-hash", ["visit"] * 3)

    # --- when it goes wrong ------------------------------------------------------------------------------------

    def offline(self):
        t, b, front = self.t, self.browser, self.front
        self.show("offline", 'data-px-event="none"')
        b.cdp("Network.enable")
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        b.cdp("Network.emulateNetworkConditions", offline=True, **conditions)
        b.js("px('visit'); px('deposit', {amountMinor: 3})")
        t.same("offline: events wait", until(lambda: len(b.queue()) == 2) and b.counts(), {})
        t.same("offline: nothing is sent", front.of("offline"), [])
        b.cdp("Network.emulateNetworkConditions", offline=False, **conditions)
        t.ok("offline: back online they are accepted", b.counted("accepted", 2) and b.empty())
        b.cdp("Network.disable")
        t.stored("offline", ["deposit", "visit"])

    def closed_while_sending(self):
        t, b, front = self.t, self.browser, self.front
        for name, attributes, method in (("closing", "", "POST"), ("closing-get", 'data-px-transport="get"', "GET")):
            url = self.page(name, attributes)
            gate = threading.Event()
            front.rule = lambda r, g=gate: g
            b.tab(url)
            until(lambda n=name: front.of(n))
            b.js("px('deposit', {amountMinor: 9})")
            t.ok(f"{name}: the second event waits for the first one's answer", len(front.of(name)) == 1)
            b.close_tab()
            t.ok(f"{name}: it leaves when the page is closed", until(lambda n=name: len(front.of(n)) == 2))
            t.same(f"{name}: by", front.of(name)[1]["method"], method)
            gate.set()
            t.ok(f"{name}: both are taken", front.answered(2, name))
            front.rule = None
            t.stored(name, ["deposit", "visit"])

    def lost_answer(self):
        t, b, front = self.t, self.browser, self.front
        losses = ["lose"] * 4  # Chromium itself tries a second time
        front.rule = lambda r: losses.pop() if losses else None
        self.show("lost")
        t.ok("lost answer: the event is sent again", b.counted("accepted"), b.counts())
        front.rule = None
        ids = set()
        for request in front.of("lost"):
            ids.update(re.findall(r'(?:"eventId":"|eid=)([0-9a-f-]{36})', request["body"] + request["path"]))
        t.ok("lost answer: more than once, under one id", len(front.of("lost")) >= 2 and len(ids) == 1, ids)
        t.stored("lost", ["visit"])

    def strange_answers(self):
        """200 from somebody who is not the collector, and from one that says what px.js does not know."""
        t, b, front = self.t, self.browser, self.front
        answers = [(200, {}, b'{"results": [{"status": "soon"}]}'), (200, {}, b"<html>please log in</html>"), (200, {})]
        front.rule = lambda r: answers.pop() if answers else None
        self.show("strange")
        for number in (1, 2, 3):
            front.answered(number, "strange")
            t.same(f"strange answer {number}: the event stays", len(b.queue()), 1)
            b.js("dispatchEvent(new Event('online'))")  # or it would wait a while
        t.ok("strange answers: it is accepted in the end", b.counted("accepted"), b.counts())
        t.same("strange answers: nothing was taken for one", b.counts(), {"accepted": 1})
        t.stored("strange", ["visit"])

    def told_to_wait(self):
        t, b, front = self.t, self.browser, self.front
        for status in (429, 503):
            name = f"wait-{status}"
            answers = [(status, {"Retry-After": "2"})]
            front.rule = lambda r, a=answers: a.pop() if a else None
            self.show(name, 'data-px-event="none"')
            b.js("px('visit')")
            front.answered(1, name)
            b.open(self.pages.url(name))
            b.js("px('registration')")
            t.ok(f"{status}: accepted in the end", b.counted("accepted"))
            requests = front.of(name)
            pause = requests[1]["at"] - requests[0]["at"]
            t.ok(f"{status}: not before Retry-After, on the next page neither ({pause:.1f} s)", pause >= 1.9)
            front.rule = None
            t.stored(name, ["registration", "visit"])
        self.left_at = time.monotonic()

    def refused(self):
        t, b, front = self.t, self.browser, self.front
        self.show("refused", 'data-px-event="none"')
        b.js("px('visit', {playerId: 'null'}); px('visit')")
        t.ok("refused: what will never be taken leaves the queue", b.counted("rejected") and b.empty())
        t.same("refused: with its code", b.told("rejected")[0][1], "junk_value")
        t.ok("refused: what came with it is accepted", b.counted("accepted"))
        for status in (400, 413, 415):
            answers = [(status, {"X-Error-Code": f"e{status}"})] * 2
            front.rule = lambda r, a=answers: a.pop() if a else None
            before = len(front.of("refused"))
            b.js("px('deposit'); px('deposit')")
            t.ok(f"{status} to a batch: its events are asked about one by one", b.counted("rejected", b.counts()["rejected"])
                 and b.empty(), b.counts())
            t.same(f"{status} to a batch: three requests, none again", len(front.of("refused")) - before, 3)
            front.rule = None
        t.same("refused: one of each two was refused", (b.counts()["rejected"], b.counts()["accepted"]), (4, 4))
        t.stored("refused", ["deposit"] * 3 + ["visit"])

    def large(self):
        """Much at once: no request is larger than browsers let go on their way behind a page's back."""
        t, b, front = self.t, self.browser, self.front
        self.show("large", 'data-px-event="none" data-px-queue="400" data-px-queue-bytes="400000"')
        b.js("for (let i = 0; i < 125; i++) px('deposit', {filler: i < 24 ? '\u00e9'.repeat(1500) : ''})")
        t.ok("large: everything is accepted", b.counted("accepted", 125), b.counts())
        requests = front.of("large")
        t.ok("large: in requests of 32 KiB at most", max(len(r["body"].encode()) for r in requests) <= 32768,
             [len(r["body"]) for r in requests])
        t.same("large: and of 100 events at most", max(r["body"].count('"eventType"') for r in requests), 100)
        t.stored("large", ["deposit"] * 125)

    def half_a_character(self):
        """A text that was cut through a character beyond U+FFFF."""
        t, b = self.t, self.browser
        for name, attributes in (("half", ""), ("half-get", 'data-px-transport="get"')):
            self.show(name, 'data-px-event="none" ' + attributes)
            b.js("px('visit', {s: 'caf\u00e9 \ud83d\ude00'.slice(0, 6)}); px('registration', {s: '\ud83d\ude00'})")
            t.ok(f"{name}: accepted, and so is what travels with it", b.counted("accepted", 2), b.counts())
            t.same(f"{name}: nothing was refused", b.counts(), {"accepted": 2})
            t.stored(name, ["registration", "visit"], texts=["caf\u00e9 ?", "\U0001f600"])

    def full_queue(self):
        t, b, front = self.t, self.browser, self.front
        front.rule = lambda r: "cut"
        self.show("full", 'data-px-event="none" data-px-queue="3"')
        b.js("for (let i = 0; i < 5; i++) px('deposit', {eventId: 'full-' + i})")
        t.ok("full: the oldest go", b.counted("dropped", 2))
        t.same("full: and are named", [[e["eventId"], why] for e, why in b.told("dropped")],
               [["full-0", "full"], ["full-1", "full"]])
        t.same("full: the others stay, in order", [e["eventId"] for e in b.queue()], ["full-2", "full-3", "full-4"])
        b.js("px({queue: 200, queueBytes: 250})")
        t.ok("full: by bytes too", b.counted("dropped", 3), b.counts())
        b.js("for (const k of Object.keys(localStorage)) {const old = k.replace(/[0-9a-f]{8}-[0-9a-f]{4}/, '01900000-0000');"
             "if (old != k) {localStorage[old] = localStorage[k]; localStorage.removeItem(k)}} px({queueBytes: 65536})")
        t.same("full: what is older than a day goes", until(lambda: not b.queue()) and b.told("dropped")[-1][1], "age")
        front.rule = None

    def no_storage(self):
        t, b, front = self.t, self.browser, self.front
        inner = self.page("denied")
        b.open(self.pages.put("denied", "/outer", f'<iframe id="f" sandbox="allow-scripts" src="{inner}"></iframe>'))
        b.driver.switch_to.frame("f")
        t.ok("storage denied: accepted all the same", b.counted("accepted"))
        t.ok("storage denied: it was", b.js("try {localStorage; return false} catch (e) {return e.name == 'SecurityError'}"))
        front.rule = lambda r: (503, {"Retry-After": "60"})
        b.js("px('registration')")
        front.answered(2, "denied")
        b.js("px('deposit')")
        front.rule = None
        b.driver.switch_to.default_content()
        b.open("about:blank")
        t.ok("storage denied: what is left goes out when the page is closed", front.answered(3, "denied"))
        t.ok("storage denied: both what was refused for now and what was not sent yet",
             all(f'"{kind}"' in front.of("denied")[2]["body"] for kind in ("registration", "deposit")))
        t.stored("denied", ["deposit", "registration", "visit"])

        b.open(self.pages.put("filled", "/before", "<title>before</title>"))
        b.js("let s = 'x'.repeat(1 << 20); for (let i = 0; s; i++) {"
             "try {localStorage['big' + i] = s} catch (e) {s = s.slice(0, s.length >> 1)}}")
        self.show("filled")
        b.js("px('deposit')")
        t.ok("storage full: accepted all the same", b.counted("accepted", 2))
        t.same("storage full: it was", b.js("try {localStorage.more = 'x'; return ''} catch (e) {return e.name}"),
               "QuotaExceededError")
        b.js("localStorage.clear()")
        t.stored("filled", ["deposit", "visit"])

    def two_tabs(self):
        t, b, front = self.t, self.browser, self.front
        front.rule = lambda r: "cut"
        url = self.page("tabs", 'data-px-event="none"')
        one = b.tab(url)
        b.js("px('registration', {eventId: 't-1'})")
        two = b.tab(url)
        b.js("px('deposit', {eventId: 't-2'})")
        t.ok("two tabs: they share the queue", until(lambda: len(b.queue()) == 2))
        b.js("localStorage['px:' + arguments[0] + ':01900000-0000-7000-8000-000000000000'] = '{broken'", front.origin)
        front.rule = None
        for tab in (one, two):
            b.go(tab)
            b.js("dispatchEvent(new Event('online'))")
        t.ok("two tabs: together they empty it", b.empty(), b.queue())
        b.driver.close()
        b.go(one)
        b.close_tab()
        t.stored("tabs", ["deposit", "registration"], ids=["t-1", "t-2"])

    # --- who is not counted --------------------------------------------------------------------------------------

    def honoured(self):
        t, b, front = self.t, self.browser, self.front
        for signal_name, script in (("gpc", "Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})"),
                                    ("dnt", "Object.defineProperty(navigator, 'doNotTrack', {get: () => '1'})")):
            identifier = b.observe(script)
            self.show(signal_name, f'data-px-honour="{signal_name}"')
            t.ok(f"{signal_name}: honoured", b.counted("filtered"))
            t.same(f"{signal_name}: and told", (b.told("filtered")[0][1], b.counts()), (signal_name, {"filtered": 1}))
            self.show(f"{signal_name}-not")
            t.ok(f"{signal_name}: not looked at unless asked to", b.counted("accepted"))
            t.same(f"{signal_name}: nothing was sent", front.of(signal_name), [])
            t.stored(f"{signal_name}-not", ["visit"])
            b.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=identifier)

    def filters(self):
        t, b, front = self.t, self.browser, self.front
        for why in ("local", "webdriver"):
            self.show(f"filter-{why}", 'data-px-filter="local"' if why == "local" else 'data-px-filter="webdriver file"')
            t.ok(f"filter {why}: not counted", b.counted("filtered") and b.told("filtered")[0][1] == why)
        inner = self.page("filter-iframe", 'data-px-filter="iframe"')
        b.open(self.pages.put("filter-iframe", "/outer", f'<iframe id="f" src="{inner}"></iframe>'))
        b.driver.switch_to.frame("f")
        t.ok("filter iframe: not counted", b.counted("filtered") and b.told("filtered")[0][1] == "iframe")
        b.driver.switch_to.default_content()
        path = os.path.join(b.profile, "page.html")
        for name, wanted in (("filter-file", "filtered"), ("file", "accepted")):
            self.page(name, 'data-px-filter="file"' if wanted == "filtered" else "")
            with open(path, "w", encoding="utf-8") as f:
                f.write(self.pages.held[name, "/"][0])
            b.open("file://" + path)
            t.ok(f"file:// {'with the filter' if wanted == 'filtered' else 'without'}: {wanted}", b.counted(wanted))
        t.same("filters: nothing was sent", front.of("filter-local", "filter-webdriver", "filter-iframe", "filter-file"), [])
        t.stored("file", ["visit"])

    def hooks(self):
        t, b = self.t, self.browser
        self.show("hooks", 'data-px-event="none"')
        b.js("px({before: e => { e.attributes.s = 'changed' }}); px('visit');"
             "px({before: e => Object.assign({}, e, {bannerTag: 'other'})}); px('registration');"
             "px({before: () => false}); px('deposit'); px({before: () => { throw new Error('hook') }}); px('deposit');"
             "px({before: null}); px('deposit', {playerId: ''}); px('deposit', {s: 'x'.repeat(20000)}); px(); px(5)")
        t.ok("hooks: changed and replaced events are accepted", b.counted("accepted", 2))
        counts = b.counts()
        t.same("hooks: vetoed, and a hook that throws", (counts["vetoed"], counts["errors"] >= 1), (2, True))
        t.same("hooks: what cannot be sent says why", [why for _, why in b.told("invalid")], ["playerId", "size"])
        b.js("px({report: () => { throw new Error('hook') }}); px('deposit')")
        t.ok("hooks: a report that throws stops nothing", b.counted("accepted", 3) and b.empty())
        t.same("hooks: the page saw no fault", b.faults(), [])
        t.stored("hooks", ["deposit", "registration", "visit"])

    def run(self):
        examples = Examples(self.document, self.t, self.browser, self.pages, self.front)
        try:
            for case in (self.outage, self.told_to_wait, self.by_fetch, self.by_image, self.by_get, self.by_beacon, self.with_key, self.background,
                         self.prerender, self.back_forward, self.single_page, self.offline, self.closed_while_sending,
                         self.lost_answer, self.strange_answers, self.refused, self.large, self.half_a_character, self.full_queue, self.no_storage,
                         self.two_tabs, self.honoured, self.filters, self.hooks, examples.check,
                         self.reopened):
                begin = time.monotonic()
                try:
                    case()
                except Exception:  # pylint: disable=broad-except
                    self.t.ok(f"{case.__name__}: ran to its end", False, traceback.format_exc())
                    break
                self.front.rule = None
                print(f"# {case.__name__} took {time.monotonic() - begin:.1f} s", flush=True)
        finally:
            self.browser.quit()


def main():
    # Asked to stop, it still ends the browser.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    cases = Cases(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    cases.run()
    with open(sys.argv[5], "w", encoding="utf-8") as f:
        json.dump(cases.t.expected, f)
    sys.exit(cases.t.failed > 0)


main()
