"""A browser, pages, and a front: what the cases of px.js are made of.

Pages come from http://NAME.localhost:PORT, each name an origin (and a localStorage) of its own. The collector's
origin is the front: a proxy before the real svc-ingest that keeps a book of what passes and can stand in its way as
proxies and networks do. Everything listens on 127.0.0.1 and ends with the program.
"""
import http.client
import http.server
import json
import os
import shutil
import tempfile
import threading
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common import utils

CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After, X-Error-Code"}
# In every document, before its own scripts: what the browser complains about, and a hook for reports.
OBSERVER = """
window.told = [];
window.note = (fate, event, detail) => told.push([fate, event, detail]);
window.faults = [];
addEventListener("error", e => faults.push("error: " + (e.message || e.target.src || e.target)), true);
addEventListener("unhandledrejection", e => faults.push("rejection: " + e.reason));
document.addEventListener("securitypolicyviolation", e => faults.push("policy: " + e.effectiveDirective));
"""


def until(what, seconds=15):
    """The first true answer of what(), or its last one when time is up."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.02)


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def descendants(root):
    """The processes that root started, and those that they started."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
        children.setdefault(parent, []).append(int(name))
    found, rest = [], [root]
    while rest:
        new = children.get(rest.pop(), [])
        found += new
        rest += new
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Pages:
    """What http://NAME.localhost:PORT/PATH holds."""

    def __init__(self):
        held = self.held = {}

        class PageHandler(Handler):
            def do_GET(self):
                name = self.headers["Host"].split(".localhost")[0]
                path = self.path.split("?")[0]
                html, headers, kind = held.get((name, path), (None, {}, "text/plain"))
                self.answer(404 if html is None else 200, {"Content-Type": kind, **headers}, (html or "").encode())

            do_POST = do_GET  # a form that is sent

        self.server = serve(PageHandler)

    def put(self, name, path, html, headers=None, kind="text/html; charset=utf-8"):
        self.held[name, path] = (html, headers or {}, kind)
        return self.url(name, path)

    def url(self, name, path="/"):
        return f"http://{name}.localhost:{self.server.server_port}{path}"


class Front:
    """A proxy before svc-ingest. `rule(request)` is asked about each request for events: None lets it pass,
    (status, headers[, content]) answers it, "cut" ends the connection, "lose" lets it pass and loses the answer, and an Event
    holds it until that is set."""

    def __init__(self, port):
        front = self
        self.book = []  # requests for events
        self.others = []
        self.rule = None

        class FrontHandler(Handler):
            def do_GET(self):
                front.exchange(self, port)

            do_POST = do_HEAD = do_OPTIONS = do_GET

        self.server = serve(FrontHandler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def exchange(self, handler, port):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        seen = {"at": time.monotonic(), "method": handler.command, "path": handler.path, "headers": handler.headers,
                "body": body.decode(), "status": 0}
        event = handler.path.startswith("/api/")
        (self.book if event else self.others).append(seen)
        verdict = self.rule(seen) if self.rule and event else None
        if isinstance(verdict, threading.Event):
            verdict.wait(20)
            verdict = None
        if isinstance(verdict, tuple):
            seen["status"] = verdict[0]
            handler.answer(verdict[0], {**CORS, **verdict[1]}, *verdict[2:])
            return
        if verdict != "cut":
            self.forward(handler, port, body, seen, verdict == "lose")
        if verdict:
            handler.close_connection = True

    @staticmethod
    def forward(handler, port, body, seen, lose):
        inner = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        inner.request(handler.command, handler.path, body or None, dict(handler.headers.items()))
        answer = inner.getresponse()
        content = answer.read()
        if not lose:
            seen["answer"] = content
            seen["status"] = answer.status
            keep = {k: v for k, v in answer.getheaders() if k.lower() not in ("content-length", "date", "connection")}
            try:
                handler.answer(answer.status, keep, content)
            except OSError:
                seen["gone"] = True  # the page is closed
        inner.close()

    def of(self, *players):
        """The requests that are about these players."""
        return [r for r in list(self.book) if any(f'"{p}"' in r["body"] or f"playerId={p}&" in r["path"] + "&" for p in players)]


    def scripts(self, page):
        """The requests for px.js that a page made."""
        return [r for r in list(self.others) if f"//{page}." in (r["headers"]["Referer"] or "")]

    def answered(self, count, *players):
        """Waits for so many answers about these players."""
        return until(lambda: len([r for r in self.of(*players) if r["status"]]) >= count)


class Driver(Service):
    """chromedriver by its address: the name localhost needs a file of hosts, which a bare system has not."""

    @property
    def service_url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_connectable(self):
        return utils.is_connectable(self.port, "127.0.0.1")


class Browser:
    """Chromium without a window, driven over chromedriver; its profile is a temporary folder."""

    def __init__(self):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        self.profile = tempfile.mkdtemp(prefix="px-browser.")
        for argument in ("--headless=new", f"--user-data-dir={self.profile}", "--disable-gpu", "--no-first-run",
                         "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
                         "--disable-sync", "--disable-extensions", "--disable-popup-blocking", "--remote-debugging-pipe"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium refuses to sandbox what root starts
        self.service = Driver("/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(service=self.service, options=options)
        self.driver.set_page_load_timeout(20)
        self.driver.set_script_timeout(20)
        self.main = self.driver.current_window_handle
        self.observe()

    def observe(self, source=OBSERVER):
        return self.cdp("Page.addScriptToEvaluateOnNewDocument", source=source)["identifier"]

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def open(self, url):
        self.driver.get(url)

    def tab(self, url=None):
        """A new tab in front; returns its handle."""
        self.driver.switch_to.new_window("tab")
        self.observe()
        if url:
            self.open(url)
        return self.driver.current_window_handle

    def go(self, handle):
        self.driver.switch_to.window(handle)

    def close_tab(self):
        """Closes the tab in front and goes back to the first one."""
        self.driver.close()
        self.go(self.main)

    def click(self, selector):
        self.driver.find_element("css selector", selector).click()

    def at(self, path):
        return until(lambda: path in self.driver.current_url)

    def js(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def counts(self):
        return self.js("return window.px && px.counts || {}")

    def counted(self, fate, least=1, seconds=15):
        return until(lambda: self.counts().get(fate, 0) >= least, seconds)

    def loaded(self, part):
        """Waits until the page has the answer to a request whose address holds that part."""
        return until(lambda: self.js("return performance.getEntriesByType('resource').some(e => e.responseEnd > 0 &&"
                                     " e.name.includes(arguments[0]))", part))

    def told(self, fate):
        """[event, detail] of each report of that fate."""
        return [t[1:] for t in self.js("return told") if t[0] == fate]

    def queue(self):
        """What px.js keeps in localStorage: a list of events."""
        return [json.loads(v) for v in self.js(
            "return Object.keys(localStorage).filter(k => k.startsWith('px:')).sort().map(k => localStorage[k])")]

    def empty(self):
        return until(lambda: not self.queue())

    def faults(self):
        return self.js("return faults")

    def quit(self):
        """Ends the browser with all its processes: they are gone when this returns."""
        family = descendants(self.service.process.pid)
        try:
            self.driver.quit()
        except WebDriverException:
            pass  # it did not listen; below it is ended
        if not until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), 5):
            for pid in family:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
        shutil.rmtree(self.profile, ignore_errors=True)
