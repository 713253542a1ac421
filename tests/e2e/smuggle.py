#!/usr/bin/env python3
"""Requests of two meanings, through proxies: smuggle.py NAME=PORT... sends each to each proxy at 127.0.0.1:PORT, with a
good request behind it, and reads until the proxy ends the connection. Whoever answers, the proxy or svc-ingest behind it:
never more answers than requests, never an error of the proxy for what came back to it (502, 504). The requests hidden in
others name the player "smuggled", the good ones "player-behind-". Prints "ok - name" and "not ok - name"."""
import re
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

LINE = b"GET /api/pixel/visit?playerId=%s&bannerTag=b HTTP/1.1\r\n"
GET = LINE % b"p" + b"Host: a\r\n"
HIDDEN = LINE % b"smuggled" + b"Host: a\r\n\r\n"
BEHIND = LINE % b"player-behind-" + b"Host: a\r\nConnection: close\r\n\r\n"
POST = b"POST /api/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
JSON = b'{"eventType":"visit","playerId":"p","bannerTag":"b"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def length(n):
    return b"Content-Length: %d\r\n" % n


# name: bytes, or (bytes, status, X-Error-Code) where every proxy passes it on and svc-ingest's gate refuses it
SHAPES = {
    "length and chunks": POST + length(5 + len(HIDDEN)) + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "chunks and length": POST + CHUNKED + length(4) + b"\r\n%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n",
    "two lengths": POST + length(0) + length(len(HIDDEN)) + b"\r\n" + HIDDEN,
    "length as a list": POST + b"Content-Length: 52, 52\r\n\r\n" + JSON,
    "length with a sign": POST + b"Content-Length: +52\r\n\r\n" + JSON,
    "another coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + HIDDEN,
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a tab before chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n" + length(len(HIDDEN)) + b"\r\n" + HIDDEN,
    "two codings": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n" + length(len(HIDDEN)) + b"\r\n" + HIDDEN,
    "a folded line": POST + length(len(HIDDEN)) + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "bare line ends": (GET + b"\r\n").replace(b"\r\n", b"\n"),
    "a chunk's line ends bare": POST + CHUNKED + b"\r\n2;\nxx\r\n%x\r\n0\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "a length with GET": GET + length(len(HIDDEN)) + b"\r\n" + HIDDEN,
    "two hosts": GET + b"Host: b\r\n\r\n",
    "no host": LINE % b"p" + b"\r\n",
    "a host with a blank": LINE % b"p" + b"Host: a b\r\n\r\n",
    "a NUL": GET + b"X: a\0b\r\n\r\n",
    "a bare CR": GET + b"X: a\rb\r\n\r\n",
    "a name that is none": GET + b"X(: a\r\n\r\n",
    "a fragment": (GET + b"\r\n").replace(b"bannerTag=b", b"bannerTag=b#x"),
    "bytes above 127": (GET + b"\r\n").replace(b"=p", b"=\xc3\xa9"),
    "HTTP/1.2": (GET + b"\r\n").replace(b"/1.1", b"/1.2"),
    "another method": (GET + b"\r\n").replace(b"GET", b"FOO"),
    "an upgrade to HTTP/2": GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "a field of 14 KiB": GET + b"X-Forwarded-For: " + b"127.0.0.66, " * 1170 + b"\r\n\r\n",
    "20 KiB of fields": GET + b"".join(b"X%d: " % i + b"a" * 5000 + b"\r\n" for i in range(4)) + b"\r\n",
    "a body too large": POST + length(300000) + b"\r\n" + b" " * 300000,
    "a control character": (GET + b"X: a\x01b\r\n\r\n", b"400", b"bad_field"),
    "70 fields": (GET + b"".join(b"X%d: a\r\n" % i for i in range(70)) + b"\r\n", b"431", b"headers_too_large"),
}


def ask(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=("127.0.0.5", 0)) as s:
        got = b""
        try:
            s.sendall(data)
        except OSError:
            pass  # refused before all of it was sent; the answer is there
        try:
            while more := s.recv(65536):
                got += more
        except ConnectionError:
            pass  # the same, seen from the other side
        return got


def judge(got, want):
    heads = re.findall(rb"HTTP/1\.[01] (\d{3})[^\n]*\n(.*?)\r\n\r\n", got, re.S)
    statuses = [status for status, _ in heads]
    if not 1 <= len(heads) <= 2:
        return f"{len(heads)} answers"
    if any(s[:1] == b"5" and s not in (b"501", b"505") for s in statuses) or statuses[1:] not in ([], [b"200"]):
        return f"answers {statuses}"
    code = re.search(rb"(?im)^x-error-code: *([a-z_]*)", heads[0][1])
    if want and (statuses[0], code and code[1]) != want:
        return f"{statuses[0]} {code and code[1]} instead of {want}"
    return None


def main():
    proxies = [arg.split("=") for arg in sys.argv[1:]]
    with ThreadPoolExecutor(16) as threads:
        jobs = []
        for name, shape in SHAPES.items():
            data, *want = shape if isinstance(shape, tuple) else (shape,)
            for proxy, port in proxies:
                jobs.append((f"{proxy}: {name}", tuple(want), threads.submit(ask, int(port), data + BEHIND)))
        for title, want, job in jobs:
            fault = judge(job.result(), want)
            print(f"not ok - {title}: {fault}: {job.result()[:300]!r}" if fault else f"ok - {title}")


main()
