"""Tokens as apps get them: somebody signs in through the pages with code + PKCE, and refreshes."""

import base64
import hashlib
import http.client
import json
import re
import secrets
import ssl
import threading
import time
from html import unescape
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from rig import Failed

CLIENT = "bench-app"
REDIRECT = "http://127.0.0.1/callback"
USERNAME = "bench@example.org"


class Origin:
    """A connection that is kept, with cookies."""

    def __init__(self, port):
        context = ssl.create_default_context()
        # The certificate of the bench is its own; who answers on this port was started a moment ago.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.name = f"https://localhost:{port}"
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
        self.cookies = {}

    def ask(self, method, path, form=None):
        """One request; status, headers and text."""
        headers = {"Host": self.name.removeprefix("https://")}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            body = urlencode(form)
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.name,
                        "Sec-Fetch-Site": "same-origin"}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                cookie, _, rest = value.partition(";")
                key, _, content = cookie.partition("=")
                if content == "" or "max-age=0" in rest.lower():
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = content
        return answer.status, answer.headers, answer.read().decode()


def hidden_fields(page):
    """The hidden inputs of the page's form."""
    fields = {}
    for tag in re.findall(r"<input[^>]*>", page):
        if 'type="hidden"' in tag:
            name = re.search(r'name="([^"]*)"', tag)
            value = re.search(r'value="([^"]*)"', tag)
            if name:
                fields[unescape(name.group(1))] = unescape(value.group(1)) if value else ""
    return fields


def sign_in(port, password):
    """Signs in with code + PKCE; gives what the token endpoint answered."""
    origin = Origin(port)
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    method, form = "GET", None
    path = "/authorize?" + urlencode({
        "response_type": "code", "client_id": CLIENT, "redirect_uri": REDIRECT, "state": state,
        "scope": "openid offline_access", "code_challenge": challenge, "code_challenge_method": "S256",
    })
    for _ in range(10):
        status, headers, page = origin.ask(method, path, form)
        if status in (302, 303):
            target = urljoin(origin.name + path, headers["Location"])
            parts = urlsplit(target)
            if target.startswith("http://127.0.0.1"):
                given = parse_qs(parts.query)
                if given.get("state") != [state] or "code" not in given:
                    raise Failed(f"the sign-in was refused: {given.get('error_description', given.get('error'))}")
                break
            method, form, path = "GET", None, parts.path + ("?" + parts.query if parts.query else "")
            continue
        if status != 200 or "password" not in page or form is not None:
            raise Failed(f"{method} {path.split('?')[0]} answered {status}")
        form = hidden_fields(page) | {"username": USERNAME, "password": password}
        method, path = "POST", "/sign-in"
    else:
        raise Failed("the sign-in did not come to an end")
    status, _, text = origin.ask("POST", "/token", {
        "grant_type": "authorization_code", "code": given["code"][0], "redirect_uri": REDIRECT, "client_id": CLIENT,
        "code_verifier": verifier,
    })
    if status != 200:
        raise Failed(f"/token answered {status}: {text[:300]}")
    return json.loads(text)


def refresh(port, refresh_token, count, into, failures):
    """Refreshes `count` times in a row; each answer gives the next refresh token."""
    try:
        origin = Origin(port)
        for _ in range(count):
            status, _, text = origin.ask("POST", "/token", {
                "grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": CLIENT,
            })
            if status != 200:
                raise Failed(f"/token answered {status}: {text[:300]}")
            answer = json.loads(text)
            refresh_token = answer["refresh_token"]
            into.append(answer["access_token"])
    except (Failed, OSError, http.client.HTTPException) as error:
        failures.append(str(error))


def collect(port, signed_in, count):
    """Makes `count` access tokens for who has signed in; gives them and the seconds that the refreshes took."""
    families = len(signed_in)
    tokens, failures, threads = [], [], []
    began = time.monotonic()
    for answer in signed_in:
        task = (port, answer["refresh_token"], -(-count // families), tokens, failures)
        threads.append(threading.Thread(target=refresh, args=task))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed(failures[0])
    return tokens[:count], len(tokens), time.monotonic() - began
