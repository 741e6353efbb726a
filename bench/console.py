"""Measures the pages of the console over a journal of a million events.

Starts the release binary over a folder that is removed at the end, enrols an administrator through the pages, lets wrk make
the events (requests of many addresses: allowed, refused, unknown), and then opens each page again and again over one
connection that is kept, as a browser does. What counts is the time from the request to the last byte of its page.
"""

import argparse
import base64
import hmac
import json
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from people import Origin, hidden_fields
from rig import Failed, Process

GATEWAY, ADMIN = 19085, 19086
OWNER, PASSWORD = "owner@example.org", "correct horse battery staple"
PAGES = [
    "/", "/?span=day", "/events", "/events?kind=request.decided&outcome=failure", "/events?kind=sign-in", "@event",
    "@request", "/incidents", "/people", "@person", "/limits", "/policies", "/audit", "/audit/proof?seq=500000",
    "/detection", "/exports", "/settings",
]
WRK = """
local paths = {"/health", "/health", "/accounts", "/nowhere"}
local number = tonumber(%d)
request = function()
  number = number + 1
  local block, host = math.floor(number / 250) %% 250, number %% 250
  return wrk.format("GET", paths[number %% 4 + 1], {["Host"] = "localhost:%d",
    ["X-Forwarded-For"] = "198." .. (18 + math.floor(number / 62500) %% 2) .. "." .. block .. "." .. host})
end
"""


def totp(secret):
    """Six digits of an authenticator app now (RFC 6238)."""
    key = base64.b32decode(secret.replace(" ", ""))
    mac = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    place = mac[19] & 15
    return f"{(struct.unpack('>I', mac[place:place + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def submit(origin, path, page, fields):
    """Sends the form of a page, and follows where the answer leads."""
    status, headers, page = origin.ask("POST", path, hidden_fields(page) | fields)
    while status in (302, 303):
        path = headers["Location"].removeprefix(origin.name)
        status, headers, page = origin.ask("GET", path)
    if status != 200:
        raise Failed(f"{path} answered {status}")
    return path, page


def enrol(token):
    """Makes the administrator, with an authenticator app; gives her browser."""
    origin = Origin(ADMIN)
    page = origin.ask("GET", "/enrol")[2]
    fields = {"token": token, "username": OWNER, "password": PASSWORD}
    path, page = submit(origin, "/enrol", page, fields)
    if "totp" not in path:
        path, page = "/account/totp", origin.ask("GET", "/account/totp")[2]
    secret = re.search(r"Type this key: <code>([A-Z2-7 ]+)</code>", page).group(1)
    submit(origin, path, page, {"code": totp(secret)})
    return origin


def fill(process, command, wanted, folder):
    """Lets wrk make events until the journal has as many as wanted."""
    number = 0
    while True:
        have = json.loads(command("--format", "json", "audit", "checkpoint"))["size"]
        print(f"{have:,} events", file=sys.stderr)
        if have >= wanted:
            return have
        script = folder / "events.lua"
        script.write_text(WRK % (number, GATEWAY), encoding="ascii")
        done = subprocess.run(
            ["wrk", "-t", "1", "-c", "64", "-d", "15s", "-s", str(script), f"https://127.0.0.1:{GATEWAY}"],
            capture_output=True, text=True, check=True,
        )
        number += int(re.search(r"(\d+) requests in", done.stdout).group(1))
        time.sleep(1)
        if process.process.poll() is not None:
            raise Failed(f"testudo ended; see {process.log.name}")


def measure(origin, target, times):
    """Opens a page `times` times; gives the milliseconds, sorted."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        status, _, page = origin.ask("GET", target)
        taken.append((time.perf_counter() - began) * 1000)
        if status != 200 or "</html>" not in page:
            raise Failed(f"{target} answered {status}")
    return sorted(taken)


def main():
    """Prints a table, and writes it as JSON where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--testudo", default="target/release/testudo", help="the binary")
    parser.add_argument("--events", type=int, default=1_000_000, help="events in the journal")
    parser.add_argument("--times", type=int, default=100, help="how often each page is opened")
    parser.add_argument("--json", type=pathlib.Path, help="write the results there")
    options = parser.parse_args()
    binary = str(pathlib.Path(options.testudo).resolve())
    with tempfile.TemporaryDirectory(prefix="console-bench-") as name:
        folder = pathlib.Path(name)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TESTUDO_")}
        environment |= {"TESTUDO_DATA": str(folder / "data"), "TESTUDO_CONFIG": str(folder / "testudo.toml")}
        (folder / "testudo.toml").write_text(
            f'[server]\nlisten = ["127.0.0.1:{GATEWAY}"]\nadmin = "127.0.0.1:{ADMIN}"\ntrusted-proxies = ["127.0.0.0/8"]\n'
            '[limits]\n' + "".join(f'{what} = "100000/s burst 1000000"\n' for what in ("address", "subnet", "route")),
            encoding="ascii")

        def command(*arguments):
            return subprocess.run([binary, *arguments], capture_output=True, text=True, env=environment, check=True).stdout

        process = Process("testudo", [binary, "up"], set(range(os.cpu_count())), GATEWAY, folder / "log", environment)
        try:
            process.wait_until_ready("/health")
            greeting = (folder / "log").read_text(encoding="utf-8")
            origin = enrol(re.search(r"token:?\s+([A-Za-z0-9_-]{20,})", greeting).group(1))
            have = fill(process, command, options.events, folder)
            names = {}
            page = origin.ask("GET", "/events?kind=request.decided&outcome=failure")[2]
            names["@event"] = re.search(r'href="(/events/\d+)"', page).group(1)
            names["@request"] = re.search(r'href="(/requests/[^"]+)"', page).group(1)
            names["@person"] = re.search(r'href="(/people/per_[^"]+)"', origin.ask("GET", "/people")[2]).group(1)
            results = {}
            print(f"{have:,} events, each page {options.times} times, in milliseconds:\n")
            print(f"{'page':50} {'median':>8} {'p95':>8} {'longest':>8}")
            for target in PAGES:
                taken = measure(origin, names.get(target, target), options.times)
                p95 = taken[-(-len(taken) * 95 // 100) - 1]
                results[target] = {"median": statistics.median(taken), "p95": p95, "longest": taken[-1]}
                print(f"{target:50} {results[target]['median']:8.1f} {p95:8.1f} {taken[-1]:8.1f}")
            print(f"\nresident memory: {process.memory_mib():.0f} MiB")
            if options.json:
                options.json.write_text(json.dumps({"events": have, "pages": results}, indent=1), encoding="utf-8")
        finally:
            process.stop()


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"failed: {failed}")
