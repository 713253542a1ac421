#!/usr/bin/env python3
"""A reverse proxy that says who connected to it, as real ones do: proxy.py STYLE SOURCE PORT prints its own port and
forwards every request to 127.0.0.1:PORT from the address SOURCE. Styles: append (X-Forwarded-For, nginx and most),
field (one more X-Forwarded-For behind the others, HAProxy), forwarded (RFC 7239)."""
import http.client
import http.server
import sys

STYLE, SOURCE, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def fields(self):
        peer = self.client_address[0]
        fields = [(k, v) for k, v in self.headers.items() if k.lower() not in ("connection", "host")]
        if STYLE == "forwarded":
            return fields + [("Forwarded", f'for="{peer}:{self.client_address[1]}";proto=http')]
        if STYLE == "field":
            return fields + [("X-Forwarded-For", peer)]
        came = [v for k, v in fields if k.lower() == "x-forwarded-for"]
        return [f for f in fields if f[0].lower() != "x-forwarded-for"] + [("X-Forwarded-For", ", ".join(came + [peer]))]

    def do_GET(self):
        to = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10, source_address=(SOURCE, 0))
        to.putrequest(self.command, self.path, skip_accept_encoding=True)
        for name, value in self.fields():
            to.putheader(name, value)
        to.endheaders()
        answer = to.getresponse()
        body = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        to.close()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(server.server_port, flush=True)
server.serve_forever()
