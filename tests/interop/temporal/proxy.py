"""A bad line between the two servers: what is started over it is answered late, or its first answer is lost."""

import http.client
import http.server
import logging
import threading
import time


class Line(http.server.BaseHTTPRequestHandler):
    """`/lose/PORT/…` loses the first answer of each request id, `/hold/PORT/…` keeps answers back for a while."""

    protocol_version = "HTTP/1.1"
    seen: dict[str, int] = {}
    guard = threading.Lock()
    # Longer than what is held takes to come to its end.
    HELD_SECONDS = 2.5

    def do_POST(self) -> None:
        _, fault, port, path = self.path.split("/", 3)
        body = self.body()
        line = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
        hops = ("host", "connection", "transfer-encoding", "content-length")
        line.request("POST", f"/{path}", body, {k: v for k, v in self.headers.items() if k.lower() not in hops})
        answer = line.getresponse()
        told = answer.read()
        request = self.headers.get("nexus-request-id", "")
        with self.guard:
            self.seen[request] = self.seen.get(request, 0) + 1
            times = self.seen[request]
        if fault == "lose" and times == 1:
            self.close_connection = True
            return
        if fault == "hold":
            time.sleep(self.HELD_SECONDS)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        pass


class Lines(http.server.ThreadingHTTPServer):
    """All lines."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        logging.exception("a line broke")


def serve(port: int) -> None:
    """Carries requests from now on."""
    server = Lines(("127.0.0.1", port), Line)
    threading.Thread(target=server.serve_forever, daemon=True).start()
