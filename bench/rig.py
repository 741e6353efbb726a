"""What a measurement stands on: processes on a core, the CPU time that they used, load generators, and Testudo's setting.

The method is that of `README.md` in this folder: CPU microseconds of the proxy's process per answered request, with all of
its threads and child processes, from `/proc/PID/task/*/schedstat`.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
BODY = "t" * 1024


class Failed(Exception):
    """The measurement can't go on, or its result would be wrong."""


def fill(template, target, **values):
    """Writes a file from its template; `@NAME@` stands for a value."""
    text = (HERE / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name.upper()}@", str(value))
    left = re.findall(r"@[A-Z]+@", text)
    if left:
        raise Failed(f"{template}: nothing stands for {left}")
    target.write_text(text, encoding="utf-8")
    return target


def certificate(work):
    """One P-256 certificate for all candidates."""
    key, pem = work / "tls.key", work / "tls.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", key, "-out", pem, "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
        check=True, capture_output=True,
    )
    key.chmod(0o600)
    (work / "both.pem").write_bytes(pem.read_bytes() + key.read_bytes())


class Process:
    """A program on its cores."""

    def __init__(self, name, command, cores, port, log, environment=None):
        self.name, self.port = name, port
        self.log = open(log, "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )

    def wait_until_ready(self, path="/", scheme="https", port=None, expected=(200,), timeout=20):
        """Asks until the answer is as expected; gives the seconds since the start."""
        port = port or self.port
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}; see {self.log.name}")
            try:
                if get(port, path, scheme)[0] in expected:
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.005)
        raise Failed(f"{self.name} was not ready within {timeout} s; see {self.log.name}")

    def members(self):
        """The process and its children."""
        members, rest = [], [self.process.pid]
        while rest:
            pid = rest.pop()
            members.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    children = pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
                    rest.extend(int(child) for child in children.split())
            except FileNotFoundError:
                pass
        return members

    def cpu_nanoseconds(self):
        """CPU time by thread."""
        used = {}
        for pid in self.members():
            for task in os.listdir(f"/proc/{pid}/task"):
                try:
                    text = pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text(encoding="ascii")
                except FileNotFoundError:
                    continue
                used[task] = int(text.split()[0])
        return used

    def memory_mib(self):
        """Resident memory, with children."""
        total = 0
        for pid in self.members():
            status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            total += int(re.search(r"^VmRSS:\s+(\d+)", status, re.M).group(1))
        return total / 1024

    def stop(self):
        """Stops in order, or else by force."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def get(port, path, scheme="https", headers=None):
    """One request; status and body."""
    if scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def spent(process, work):
    """Runs the work; gives its result and the CPU nanoseconds that the process used meanwhile."""
    before = process.cpu_nanoseconds()
    result = work()
    after = process.cpu_nanoseconds()
    gone = [task for task in before if task not in after]
    if gone:
        lost = sum(before[task] for task in gone) / max(1, sum(before.values()))
        # A thread that ended took its last microseconds along. Idle ones of a pool do; busy ones must not.
        if lost > 0.05:
            raise Failed(f"{process.name}: busy threads ended during the measurement")
    return result, sum(used - before.get(task, 0) for task, used in after.items())


def wrk(core, url, seconds, connections=48, headers=(), script=None, arguments=()):
    """Runs wrk with one thread; gives the answered requests and the seconds. Anything but 2xx is a failure."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency"]
    for header in headers:
        command += ["-H", header]
    if script:
        command += ["-s", str(HERE / script)]
    command += [url, "--", *map(str, arguments)]
    text = pinned(core, command)
    if "Non-2xx" in text or re.search(r"Socket errors: .*(connect|read|write) [1-9]", text):
        # With `Connection: close`, wrk counts each orderly end as a read error in some versions.
        closes = any("close" in header.lower() for header in headers) and "Non-2xx" not in text
        if not closes:
            raise Failed(f"wrk saw errors at {url}:\n{text}")
    found = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text)
    if not found:
        raise Failed(f"wrk said something else:\n{text}")
    unit = {"ms": 0.001, "s": 1, "m": 60}[found.group(3)]
    return int(found.group(1)), float(found.group(2)) * unit


def h2load(core, url, seconds, connections=16, streams=8, headers=()):
    """Runs h2load with one thread; gives the answered requests and the seconds."""
    command = ["h2load", "-t", "1", "-c", str(connections), "-m", str(streams), "-D", str(seconds)]
    for header in headers:
        command += ["-H", header]
    text = pinned(core, [*command, url])
    done = re.search(r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed", text)
    codes = re.search(r"status codes: (\d+) 2xx", text)
    if not done or not codes:
        raise Failed(f"h2load said something else:\n{text}")
    if int(done.group(3)) or int(codes.group(1)) < int(done.group(1)):
        raise Failed(f"h2load saw errors at {url}:\n{text}")
    return int(done.group(1)), float(seconds)


def pinned(core, command):
    """Runs a generator on a core and gives what it printed."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode != 0:
        raise Failed(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def openapi(work):
    """The API of the bench: one public route, one that needs a token, and fifty more so that routing has something to do."""
    answer = {"responses": {"200": {"description": "good"}}}
    paths = {
        "/plain": {"get": {"operationId": "plain", "security": [], **answer}},
        "/secured": {
            "get": {"operationId": "secured", **answer},
            "post": {"operationId": "order", "requestBody": {"content": {"application/json": {}}}, **answer},
        },
    }
    for number in range(50):
        parameter = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        paths[f"/things{number}/{{id}}"] = {
            "parameters": [parameter],
            "get": {"operationId": f"read{number}", **answer},
            "put": {"operationId": f"write{number}", **answer},
        }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "bench", "version": "1"},
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }
    (work / "openapi.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


def policies(work):
    """A hundred Cedar policies beside the two that are built in: ninety for other routes and roles, ten that each request
    to `/secured` must be checked against."""
    text = []
    for number in range(60):
        text.append(f'@id("other-{number}")\nforbid (principal in Role::"guest-{number}", action in Action::"write", '
                    f'resource == Route::"PUT /things{number % 50}/{{id}}");')
    for number in range(30):
        text.append(f'@id("step-up-{number}")\n@advice("step-up")\nforbid (principal, action in Action::"write", '
                    f'resource == Route::"PUT /things{number}/{{id}}")\nwhen {{ context.acr < 2 }};')
    for number in range(5):
        text.append(f'@id("role-{number}")\nforbid (principal in Role::"suspended-{number}", action, '
                    'resource == Route::"GET /secured");')
    for number in range(5):
        text.append(f'@id("network-{number}")\nforbid (principal, action, resource == Route::"GET /secured")\n'
                    f'when {{ context.network.isInRange(ip("192.0.2.{number * 16}/28")) || context.risk > {90 + number} }};')
    (work / "bench.cedar").write_text("\n\n".join(text) + "\n", encoding="utf-8")
