"""The examples of docs/PXJS.md: each block of HTML, by the name that stands before it."""
import base64
import hashlib
import re
import urllib.request

HOST = "https://collect.example"


def read(path):
    """{name: (kind, text)}; every block of HTML or of header fields must have a name of its own."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = re.findall(r"<!-- example: (\w+) -->\n```(html|http)\n(.*?)```", text, re.S)
    blocks = len(re.findall(r"^```(?:html|http)$", text, re.M))
    if len({name for name, _, _ in found}) != blocks:
        raise SystemExit(f"{path}: {blocks} examples, {len(found)} of them named; name each")
    return {name: (kind, body) for name, kind, body in found}


class Examples:
    def __init__(self, path, verdicts, browser, pages, front):
        self.all = read(path)
        self.used = set()
        self.verdicts, self.browser, self.pages, self.front = verdicts, browser, pages, front

    def text(self, name):
        self.used.add(name)
        return self.all[name][1].replace(HOST, self.front.origin)

    def player(self, name, html=None):
        """The example with a player of its own, so that it can be told apart."""
        return (html or self.text(name)).replace("p-4711", f"example-{name}")

    def show(self, name, path="/", headers=None, html=None):
        """Opens the example as a page of its own."""
        body = f"<!doctype html><title>{name}</title>\n{self.player(name, html)}"
        url = self.pages.put(name, "/", body, headers)
        self.browser.open(url[:-1] + path)
        return f"example-{name}"

    def check(self):
        t, b, front = self.verdicts, self.browser, self.front

        who = self.show("start")
        t.ok("example start: the visit is accepted", b.counted("accepted"))
        t.stored(who, ["visit"])

        who = self.show("call")
        t.ok("example call: an event that was made before px.js was there", b.counted("accepted"))
        t.stored(who, ["deposit"], ids=["tx-1001"], attributes={"amountMinor": 1250, "currency": "EUR"})

        who = self.show("declared", "/?btag=autumn")
        self.pages.put("declared", "/lobby", "<!doctype html><title>lobby</title>")
        self.pages.put("declared", "/welcome", "<!doctype html><title>welcome</title>")
        b.click("#play")
        t.ok("example declared: the link leads on", b.at("/lobby"))
        self.show("declared", "/?btag=autumn")
        b.click("#join button")
        t.ok("example declared: the form is sent", b.at("/welcome"))
        t.stored(who, ["registration", "visit"], banner="autumn")

        self.show("later")
        b.js("signedIn('example-later')")
        t.ok("example later: an event of a player that became known", b.counted("accepted"))
        t.stored("example-later", ["visit"])

        who = self.show("hooks")
        t.ok("example hooks: accepted", b.counted("accepted"))
        b.js("px('deposit', {playerId: 'test-7'})")
        t.ok("example hooks: a test player is vetoed", b.counted("vetoed"))
        t.stored(who, ["visit"], attributes={"s": "/"})

        who = self.show("choice")
        t.ok("example choice: accepted", b.counted("accepted"))
        b.click("#off")
        b.open(self.pages.url("choice"))
        t.ok("example choice: off holds for the next page", b.counted("filtered"))
        t.same("example choice: and says why", b.js("px('visit'); return px.counts"), {"filtered": 2})
        b.click("#on")
        b.js("px('registration')")
        t.ok("example choice: on again", b.counted("accepted"))
        t.stored(who, ["registration", "visit"])

        policy = dict([self.text("policy").strip().split(": ", 1)])
        who = self.show("strict", headers=policy)
        t.ok("example strict: accepted under its policy", b.counted("accepted"))
        t.same("example strict: without a violation", b.faults(), [])
        t.stored(who, ["visit"])

        script = urllib.request.urlopen(front.origin + "/px.js").read()  # pylint: disable=consider-using-with
        digest = base64.b64encode(hashlib.sha384(script).digest()).decode()
        self.pages.put("integrity", "/px.js", script.decode(), kind="text/javascript; charset=utf-8")
        who = self.show("integrity", html=self.text("integrity").replace("HASH", digest))
        t.ok("example integrity: a copy whose hash fits sends to the collector", b.counted("accepted"))
        t.stored(who, ["visit"])

        b.cdp("Emulation.setScriptExecutionDisabled", value=True)
        who = self.show("noscript")
        t.ok("example noscript: the pixel is asked for", front.answered(1, who))
        b.cdp("Emulation.setScriptExecutionDisabled", value=False)
        t.stored(who, ["visit"])

        who = self.show("mail")
        self.show("mail")
        t.ok("example mail: the pixel is asked for twice", front.answered(2, who))
        t.stored(who, ["visit"], ids=["mail-2026-11-example-mail"], banner="mail-2026-11")

        t.same("every example of docs/PXJS.md was used", sorted(set(self.all) - self.used), [])
