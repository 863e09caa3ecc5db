"""A stand-in for `pumpd dashboard`: the same command line, one page, and an end where /end is asked for."""

import argparse
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from pumpd.mqtt.site import load_site

BROKEN = 3


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/end":
            os._exit(BROKEN)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a page")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    assert load_site(options.site).readers == ("dashboard",)
    server = HTTPServer(("127.0.0.1", options.port), Pages)
    print(f"dashboard listening on http://127.0.0.1:{options.port}", flush=True)
    server.serve_forever()
