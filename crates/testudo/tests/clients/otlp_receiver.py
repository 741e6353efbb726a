"""An OTLP/HTTP receiver over the protocol's own types (PyPI opentelemetry-proto): writes each log record as a line.

Usage: otlp_receiver.py PORT FILE. Prints `ready`.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)


def plain(value):
    return getattr(value, value.WhichOneof("value"))


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path != "/v1/logs" or self.headers["content-type"] != "application/x-protobuf":
            self.send_response(415)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        request = ExportLogsServiceRequest.FromString(body)
        with open(sys.argv[2], "a", encoding="utf-8") as out:
            for resource_logs in request.resource_logs:
                resource = {pair.key: plain(pair.value) for pair in resource_logs.resource.attributes}
                for scope_logs in resource_logs.scope_logs:
                    for record in scope_logs.log_records:
                        line = {
                            "service": resource["service.name"],
                            "scope": scope_logs.scope.name,
                            "event": record.event_name,
                            "severity": record.severity_number,
                            "time": record.time_unix_nano,
                            "body": record.body.string_value,
                            "attributes": {pair.key: plain(pair.value) for pair in record.attributes},
                        }
                        out.write(json.dumps(line) + "\n")
        answer = ExportLogsServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print("ready", flush=True)
server.serve_forever()
