"""A collector that reads traces as the published messages of OTLP have them, and writes each span as a line."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        # OTLP says hexadecimal where JSON of protobuf says base64: the ids are read as texts of the same letters.
        request = json_format.Parse(body, ExportTraceServiceRequest(), ignore_unknown_fields=False)
        with open(sys.argv[2], "a", encoding="utf-8") as lines:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        lines.write(f"{self.path} {span.name}\n")
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Collector)
with open(sys.argv[1], "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
server.serve_forever()
