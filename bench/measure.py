"""Measures Testudo against nginx and haproxy. `run.sh` calls it; `README.md` says what the numbers mean.

All candidates of a profile are measured within each round, one after the other, so that what the machine does besides
falls on all of them; the medians of the rounds are reported.
"""

import argparse
import json
import os
import pathlib
import platform
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import people
from rig import BODY, Failed, Process, certificate, fill, get, h2load, openapi, policies, spent, wrk

ORIGIN, NGINX, HAPROXY, TESTUDO, ADMIN = 19080, 19081, 19082, 19083, 19084
PROXY_CORE, LOAD_CORE = 0, 1
# Profile, what it is compared with, and the most it may cost: as a ratio to nginx, and in microseconds.
GOALS = {
    "https": ("plain HTTPS keep-alive, HTTP/1.1", 1.15, None),
    "h2": ("plain HTTPS, HTTP/2, 16 connections x 8 streams", 1.3, None),
    "handshake": ("a new TLS connection for each request", 0.75, None),
    "warm": ("secured, a token that was seen before (against nginx's plain HTTPS)", 2.0, 30.0),
    "fresh": ("secured, a token that was never seen", None, 90.0),
}
# Profile, and the least share of its throughput that the secured gateway keeps with the Core Rule Set on.
FIREWALL = {
    "waf-get": ("secured, GET, the firewall on", 0.50),
    "waf-post": ("secured, 2 KiB JSON, the firewall on", 0.14),
}


# What an app sends, so that no rule about odd clients matches.
APP = ["User-Agent: ShopApp/4.2.1 (iPhone; iOS 18.1)", "Accept: application/json"]


def order():
    """2,048 bytes of JSON with 111 values, as an app sends an order."""
    lines = [{"sku": f"SKU-{1000 + number}", "qty": number % 5 + 1, "price": 1999 + number, "note": ""}
             for number in range(25)]
    document = {"id": "ord-20260401-00017", "currency": "EUR", "customer": {
        "name": "Anna Jansen", "city": "Utrecht", "street": "Oudegracht 12", "zip": "3511AB", "phone": "+31 30 1234567",
        "mail": "anna.jansen@example.org", "language": "nl-NL"}, "lines": lines, "express": False}
    text = json.dumps(document, separators=(",", ":"))
    missing = 2048 - len(text)
    for place in range(max(0, missing)):
        lines[place % len(lines)]["note"] += "gift wrap "[(place // len(lines)) % 10]
    return json.dumps(document, separators=(",", ":"))


class Bench:
    """The candidates, and what is needed to start them."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        self.binary = str(pathlib.Path(options.testudo).resolve())
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TESTUDO_")}
        self.environment["TESTUDO_DATA"] = str(work / "data")
        self.environment["TESTUDO_CONFIG"] = str(work / "testudo.toml")
        self.password = secrets.token_urlsafe(24)
        self.tokens = []
        self.notes = {}

    def prepare(self):
        """Writes the settings, and registers the app and the person of the bench."""
        work = self.work
        certificate(work)
        openapi(work)
        policies(work)
        values = {"work": work, "origin": ORIGIN}
        fill("origin.conf.in", work / "origin.conf", body=BODY, **values)
        fill("nginx.conf.in", work / "nginx.conf", port=NGINX, **values)
        fill("haproxy.cfg.in", work / "haproxy.cfg", port=HAPROXY, **values)
        fill("testudo.toml.in", work / "testudo.toml", port=TESTUDO, admin=ADMIN, **values)
        (work / "order.json").write_text(order(), encoding="ascii")
        (work / "data").mkdir(mode=0o700)
        self.testudo_command("check")

    def testudo_command(self, *arguments, text=None):
        """Runs a command of the binary; gives its output."""
        done = subprocess.run(
            [self.binary, *arguments], input=text, capture_output=True, text=True, env=self.environment, timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise Failed(f"testudo {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, name):
        """Starts a candidate and waits until it answers with the body of the origin."""
        work = self.work
        if name == "origin":
            command, core, port, scheme = ["nginx", "-c", work / "origin.conf"], LOAD_CORE, ORIGIN, "http"
        elif name == "nginx":
            command, core, port, scheme = ["nginx", "-c", work / "nginx.conf"], PROXY_CORE, NGINX, "https"
        elif name == "haproxy":
            command, core, port, scheme = ["haproxy", "-db", "-f", work / "haproxy.cfg"], PROXY_CORE, HAPROXY, "https"
        else:
            command, core, port, scheme = [self.binary, "up"], PROXY_CORE, TESTUDO, "https"
        environment = dict(self.environment)
        if name == "crs":
            rules = json.dumps([str(pathlib.Path(self.options.crs).resolve())])
            environment |= {"TESTUDO__WAF__MODE": "block", "TESTUDO__WAF__RULES": rules, "TESTUDO__WAF__PARANOIA": "1"}
        process = Process(name, command, {core}, port, work / f"{name}.log", environment)
        try:
            process.ready_after = process.wait_until_ready("/plain", scheme)
            if get(port, "/plain", scheme)[1].decode() != BODY:
                raise Failed(f"{name} does not answer with the body of the origin")
        except Failed:
            process.stop()
            raise
        return process

    def make_tokens(self):
        """Signs in and refreshes until there are enough tokens; measures that too."""
        process = self.start("testudo")
        try:
            self.notes["ready_ms"] = round(process.ready_after * 1000)
            self.notes["idle_mib"] = round(process.memory_mib(), 1)
            self.testudo_command("client", "create", people.CLIENT, "--redirect", people.REDIRECT, "--first-party")
            self.testudo_command("user", "create", people.USERNAME, "--keep-password", text=self.password + "\n")
            # Outside of what is measured: each asks for a hash that is slow on purpose.
            signed_in = [people.sign_in(TESTUDO, self.password) for _ in range(16)]
            work = lambda: people.collect(TESTUDO, signed_in, self.options.tokens)
            (self.tokens, made, seconds), used = spent(process, work)
            self.notes["refresh_us"] = round(used / made / 1000, 1)
            self.notes["refreshes_per_second"] = round(made / seconds)
        finally:
            process.stop()
        (self.work / "tokens").write_text("\n".join(self.tokens) + "\n", encoding="ascii")

    def candidates(self, profile):
        """Who takes part."""
        names = ["nginx", "haproxy", "testudo"] if profile in ("https", "h2", "handshake") else ["nginx", "testudo"]
        if profile in FIREWALL:
            return ["testudo", "crs"]
        return ["testudo"] if profile == "fresh" else names

    def once(self, profile, name):
        """One measurement of one candidate: microseconds per request, and requests per second."""
        process = self.start(name)
        try:
            url = f"https://localhost:{process.port}"
            secured = name in ("testudo", "crs") and profile in ("warm", "fresh", *FIREWALL)
            path = "/secured" if secured else "/plain"
            warm = [f"Authorization: Bearer {self.tokens[0]}"] if secured else []
            seconds = self.options.seconds
            if secured and get(process.port, path)[0] != 401:
                raise Failed("a secured route answers without a token")
            # Connections, caches and, for Testudo, the tuning of Argon2 that follows readiness.
            wrk(LOAD_CORE, url + path, max(1, seconds // 3), headers=[*warm, *APP])
            if name in ("testudo", "crs"):
                time.sleep(self.options.settle)
            if profile == "h2":
                work = lambda: h2load(LOAD_CORE, url + path, seconds)
            elif profile == "handshake":
                work = lambda: wrk(LOAD_CORE, url + path, seconds, connections=16, headers=["Connection: close"])
            elif profile == "waf-post":
                file = self.work / "order.json"
                work = lambda: wrk(LOAD_CORE, url + path, seconds, headers=warm, script="post.lua", arguments=[file])
            elif profile == "waf-get":
                work = lambda: wrk(LOAD_CORE, url + path, seconds, headers=[*warm, *APP])
            elif profile == "fresh":
                file = self.work / "tokens"
                work = lambda: wrk(LOAD_CORE, url + path, seconds, script="tokens.lua", arguments=[file])
            else:
                work = lambda: wrk(LOAD_CORE, url + path, seconds, headers=warm)
            (requests, lasted), used = spent(process, work)
            if requests == 0:
                raise Failed(f"{name}: no request was answered")
            if profile == "fresh" and requests > len(self.tokens):
                raise Failed(f"{requests} requests for {len(self.tokens)} tokens; some were sent twice")
            return {"us": used / requests / 1000, "rps": requests / lasted, "mib": process.memory_mib()}
        finally:
            process.stop()


def report(results, notes, options):
    """Prints the table, and what is above its goal."""
    print(f"\n{options.rounds} rounds of {options.seconds} s, proxy on core {PROXY_CORE}, load on core {LOAD_CORE}; "
          "CPU microseconds per request: median (least to most)\n")
    print("| Profile | Candidate | us/request | requests/s | to nginx | goal | memory |")
    print("|---|---|---:|---:|---:|---:|---:|")
    missed = []
    for profile, by_name in results.items():
        if profile in FIREWALL:
            continue
        what, ratio_goal, us_goal = GOALS[profile]
        median = {name: statistics.median(run["us"] for run in runs) for name, runs in by_name.items()}
        for name, runs in by_name.items():
            costs = [run["us"] for run in runs]
            rps = statistics.median(run["rps"] for run in runs)
            ratio = median[name] / median["nginx"] if "nginx" in median else None
            goal = []
            if name == "testudo":
                if us_goal is not None:
                    goal.append(f"<= {us_goal:g} us")
                    missed += [f"{profile}: {median[name]:.1f} us"] if median[name] > us_goal else []
                if ratio_goal is not None:
                    goal.append(f"<= {ratio_goal:g}x")
                    missed += [f"{profile}: {ratio:.2f}x"] if ratio > ratio_goal else []
            print(f"| {what} | {name} | {median[name]:.1f} ({min(costs):.1f} to {max(costs):.1f}) | {rps:.0f} | "
                  f"{'' if ratio is None else f'{ratio:.2f}x'} | {', '.join(goal)} | "
                  f"{max(run['mib'] for run in runs):.0f} MiB |")
    for profile in (profile for profile in results if profile in FIREWALL):
        what, least = FIREWALL[profile]
        runs = {name: [run["rps"] for run in found] for name, found in results[profile].items()}
        kept = statistics.median(runs["crs"]) / statistics.median(runs["testudo"])
        cost = {name: statistics.median(run["us"] for run in found) for name, found in results[profile].items()}
        print(f"\n{what}: {statistics.median(runs['testudo']):.0f} requests/s without, "
              f"{statistics.median(runs['crs']):.0f} with: {kept:.0%} kept (goal {least:.0%}); "
              f"{cost['testudo']:.1f} and {cost['crs']:.1f} us CPU a request")
        missed += [f"{profile}: {kept:.0%}"] if kept < least else []
    if notes:
        print(f"\nTestudo: ready after {notes['ready_ms']} ms, {notes['idle_mib']} MiB then; a refresh costs "
              f"{notes['refresh_us']} us CPU ({1e6 / notes['refresh_us']:.0f} per second and core; "
              f"{notes['refreshes_per_second']} per second were made).")
    print("\nabove the goal: " + ("; ".join(missed) if missed else "nothing"))
    return missed


def versions(binary):
    """What was measured, and where."""
    first = lambda *command: subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    said = lambda done: (done.stdout + done.stderr).strip().splitlines()[0]
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), platform.machine())
    return {
        "nginx": said(first("nginx", "-v")), "haproxy": said(first("haproxy", "-v")),
        "wrk": said(first("wrk", "-v")), "h2load": said(first("h2load", "--version")),
        "testudo": said(first(binary, "--version")),
        "cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "date": time.strftime("%Y-%m-%d"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--testudo", default="target/release/testudo", help="the binary")
    parser.add_argument("--profiles", help="which, with commas")
    parser.add_argument("--crs", help="the folder of a release of the OWASP Core Rule Set, for `waf-get` and `waf-post`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="of each measurement")
    parser.add_argument("--settle", type=float, default=3.0, help="seconds that Testudo rests after its warm-up")
    parser.add_argument("--tokens", type=int, default=60000, help="tokens for the profile `fresh`")
    parser.add_argument("--json", type=pathlib.Path, help="a file for all measurements")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    options = parser.parse_args()
    known = [*GOALS, *(FIREWALL if options.crs else ())]
    profiles = options.profiles.split(",") if options.profiles else known
    unknown = [profile for profile in profiles if profile not in known]
    if unknown:
        parser.error(f"not a profile: {unknown}; there are {', '.join(known)}")
    if os.cpu_count() < 2:
        parser.error("two cores are needed: one for the proxy, one for load and origin")
    os.sched_setaffinity(0, {LOAD_CORE})
    work = pathlib.Path(tempfile.mkdtemp(prefix="testudo-bench-"))
    # nginx drops its rights: its worker must reach its own files.
    work.chmod(0o711)
    bench, origin = Bench(options, work), None
    results = {profile: {} for profile in profiles}
    try:
        bench.prepare()
        origin = bench.start("origin")
        if {"warm", "fresh", *FIREWALL}.intersection(profiles):
            if "fresh" not in profiles:
                options.tokens = min(options.tokens, 2000)
            bench.make_tokens()
        for number in range(options.rounds):
            for profile in profiles:
                for name in bench.candidates(profile):
                    run = bench.once(profile, name)
                    results[profile].setdefault(name, []).append(run)
                    print(f"round {number + 1} {profile:<10} {name:<8} {run['us']:8.1f} us {run['rps']:9.0f}/s",
                          file=sys.stderr)
        found = versions(bench.binary)
        print("\n".join(f"{name}: {value}" for name, value in found.items()))
        missed = report(results, bench.notes, options)
        if options.json:
            document = {"versions": found, "results": results, "notes": bench.notes}
            options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        sys.exit(1 if missed and options.strict else 0)
    except Failed as error:
        print(f"measure.py: {error}", file=sys.stderr)
        for log in sorted(work.glob("*.log")):
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            print("\n".join(f"{log.name}: {line}" for line in tail), file=sys.stderr)
        sys.exit(3)
    finally:
        if origin is not None:
            origin.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
