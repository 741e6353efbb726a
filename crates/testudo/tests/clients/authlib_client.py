"""Signs a person in with code + PKCE through the pages, calls the API through the gateway, refreshes, calls again, and
after a line on stdin calls once more and expects to be refused.

Environment: TESTUDO_ISSUER, TESTUDO_API, TESTUDO_CLIENT_ID, TESTUDO_REDIRECT, TESTUDO_USERNAME, TESTUDO_PASSWORD, and
TESTUDO_CA for the file of a CA of one's own (REQUESTS_CA_BUNDLE works too); TESTUDO_SCOPE to ask for other scopes.

Prints one JSON object per step. Exits 0 if all was as expected, 1 if not, 2 if the environment is not complete.
"""

import json
import os
import re
import secrets
import sys
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken, UserInfo
from joserfc import jwt
from joserfc.jwk import KeySet

SCOPE = "openid profile email offline_access accounts:read"
MAX_STEPS = 20
TIMEOUT = 15
REFUSING = {"no", "0", "false", "deny", "cancel", "refuse"}


class Unexpected(Exception):
    """Something is other than a client may expect."""


def say(step, **facts):
    print(json.dumps({"client": "authlib", "step": step, "ok": True, **facts}), flush=True)


def expect(condition, message):
    if not condition:
        raise Unexpected(message)


def brief(text):
    text = " ".join(text.split())
    return text if len(text) <= 400 else text[:400] + "..."


class Forms(HTMLParser):
    """The forms of a page with their inputs and buttons, and its text."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.forms = []
        self.text = []
        self.form = None
        self.hidden = 0

    def handle_starttag(self, tag, attrs):
        # The first of two attributes with one name counts, as in browsers.
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag in ("script", "style", "head", "svg"):
            self.hidden += 1
        elif tag == "form":
            self.form = {"action": given.get("action", ""), "method": given.get("method", "get").lower(), "inputs": [], "buttons": []}
            self.forms.append(self.form)
        elif tag in ("input", "button") and self.form is not None:
            kind = given.get("type", "submit" if tag == "button" else "text").lower()
            field = {"name": given.get("name"), "value": given.get("value", ""), "type": kind, "checked": "checked" in given}
            if tag == "button" or kind == "submit":
                self.form["buttons"].append(field)
            else:
                self.form["inputs"].append(field)

    def handle_endtag(self, tag):
        if tag in ("script", "style", "head", "svg"):
            self.hidden -= 1
        elif tag == "form":
            self.form = None

    def handle_data(self, data):
        if not self.hidden:
            self.text.append(data)


class Browser:
    """A browser as far as signing in needs one: cookies, forms and redirects, no JavaScript."""

    def __init__(self, verify):
        self.session = requests.Session()
        self.session.verify = verify
        self.session.headers = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en", "User-Agent": "testudo-client-test"}
        self.pages = []
        self.submitted = False

    def sign_in(self, start, redirect, username, password):
        """Walks from `start` to `redirect`, filling in the forms on the way; gives the address that was reached."""
        method, url, body, headers = "GET", start, None, self.navigation("none")
        for _ in range(MAX_STEPS):
            response = self.session.request(method, url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT)
            parts = urlsplit(url)
            place = f"{method} {parts.scheme}://{parts.netloc}{parts.path} -> {response.status_code}"
            self.pages.append(place)
            if 300 <= response.status_code < 400:
                expect("Location" in response.headers, f"{place}: a redirect without Location")
                target = urljoin(url, response.headers["Location"])
                if is_same(target, redirect):
                    return target
                if response.status_code not in (307, 308):
                    same = urlsplit(target)[:2] == parts[:2]
                    method, body, headers = "GET", None, self.navigation("same-origin" if same else "cross-site")
                url = target
                continue
            kind = response.headers.get("Content-Type", "")
            is_page = response.status_code == 200 and kind.startswith("text/html")
            expect(is_page, f"{place}: expected a page or a redirect, got {kind}: {brief(response.text)}")
            method, url, body, headers = self.submit(response.text, url, username, password)
        raise Unexpected(f"the redirect URI was not reached in {MAX_STEPS} steps:\n  " + "\n  ".join(self.pages))

    @staticmethod
    def navigation(site):
        return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    def submit(self, html, base, username, password):
        page = Forms()
        page.feed(html)
        text = brief(" ".join(page.text))
        names = lambda form: {field["name"] for field in form["inputs"]}
        approvals = lambda form: [button for button in form["buttons"] if button["name"] == "approve"]
        sign_in = next((form for form in page.forms if {"username", "password"} <= names(form)), None)
        form = sign_in or next((form for form in page.forms if approvals(form)), None)
        seen = " | ".join(f"{each['method']} {each['action']}: {sorted(filter(None, names(each)))}" for each in page.forms)
        expect(form, f"no form with `username` and `password`, nor one with a button `approve`, at {base}; forms: {seen or 'none'}; text: {text}")
        fields = []
        for field in form["inputs"]:
            unchecked = field["type"] in ("checkbox", "radio") and not field["checked"]
            if field["name"] and not unchecked and field["type"] not in ("button", "reset", "image", "file"):
                fields.append((field["name"], field["value"]))
        if sign_in:
            expect(not self.submitted, f"the sign-in form came again, so the user name or password was not accepted; text: {text}")
            self.submitted = True
            typed = {"username": username, "password": password}
            fields = [(name, typed.get(name, value)) for name, value in fields]
        else:
            button = next((each for each in approvals(form) if each["value"].lower() not in REFUSING), None)
            expect(button, "every button `approve` refuses")
            fields.append((button["name"], button["value"]))
        target = urljoin(base, form["action"] or base)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(base))
        same = target.startswith(origin + "/")
        headers = {**self.navigation("same-origin" if same else "cross-site"), "Referer": base.split("?")[0]}
        if form["method"] == "post":
            return "POST", target, fields, {**headers, "Origin": origin}
        return "GET", requests.Request("GET", target, params=fields).prepare().url, None, headers


def is_same(url, redirect):
    one, other = urlsplit(url), urlsplit(redirect)
    return one[:3] == other[:3]


def environment():
    names = ["ISSUER", "API", "CLIENT_ID", "REDIRECT", "USERNAME", "PASSWORD"]
    missing = [f"TESTUDO_{name}" for name in names if not os.environ.get(f"TESTUDO_{name}")]
    if missing:
        print(f"authlib_client.py: set {', '.join(missing)}", file=sys.stderr)
        sys.exit(2)
    return {name: os.environ[f"TESTUDO_{name}"] for name in names}


def check_id_token(token, server, env, nonce, session):
    """Verifies the ID token as OpenID Connect Core section 3.1.3.7 asks."""
    keys = KeySet.import_key_set(session.get(server["jwks_uri"], withhold_token=True, timeout=TIMEOUT).json())
    algorithms = server["id_token_signing_alg_values_supported"]
    expect("none" not in algorithms, "discovery offers unsigned ID tokens")
    decoded = jwt.decode(token["id_token"], keys, algorithms=algorithms)
    options = {
        "iss": {"essential": True, "value": env["ISSUER"]},
        "aud": {"essential": True, "value": env["CLIENT_ID"]},
        "nonce": {"essential": True, "value": nonce},
    }
    params = {"nonce": nonce, "client_id": env["CLIENT_ID"], "access_token": token["access_token"]}
    claims = CodeIDToken(decoded.claims, decoded.header, options, params)
    claims.validate(leeway=30)
    return claims


def accounts(session, env, **options):
    return session.get(env["API"].rstrip("/") + "/accounts", timeout=TIMEOUT, **options)


def run(env):
    verify = os.environ.get("TESTUDO_CA") or True
    if env["ISSUER"].startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    scope = os.environ.get("TESTUDO_SCOPE", SCOPE)
    session = OAuth2Session(
        env["CLIENT_ID"], redirect_uri=env["REDIRECT"], scope=scope, code_challenge_method="S256", token_endpoint_auth_method="none"
    )
    session.verify = verify

    yield "discovery"
    answer = session.get(env["ISSUER"].rstrip("/") + "/.well-known/openid-configuration", withhold_token=True, timeout=TIMEOUT)
    expect(answer.status_code == 200, f"discovery gave {answer.status_code}: {brief(answer.text)}")
    server = answer.json()
    expect(server["issuer"] == env["ISSUER"], f"the issuer is {server['issuer']}")
    expect("S256" in server.get("code_challenge_methods_supported", []), "discovery does not name S256")
    session.metadata["token_endpoint"] = server["token_endpoint"]
    say("discovery", issuer=server["issuer"], token_endpoint=server["token_endpoint"])

    yield "authorize"
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    extra = {"prompt": os.environ["TESTUDO_PROMPT"]} if os.environ.get("TESTUDO_PROMPT") else {}
    start, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **extra)
    browser = Browser(verify)
    reached = browser.sign_in(start, env["REDIRECT"], env["USERNAME"], env["PASSWORD"])
    given = {name: values[0] for name, values in parse_qs(urlsplit(reached).query).items()}
    expect("error" not in given, f"refused: {given.get('error')}: {given.get('error_description')}")
    expect(given.get("state") == state, "the state of the redirect is another")
    expect(given.get("iss") == env["ISSUER"], f"the redirect's iss is {given.get('iss')} (RFC 9207)")
    say("authorize", pages=browser.pages)

    yield "token"
    token = dict(session.fetch_token(authorization_response=reached, state=state, code_verifier=verifier, timeout=TIMEOUT))
    expect("id_token" in token, "there is no ID token")
    expect("refresh_token" in token, "there is no refresh token")
    claims = check_id_token(token, server, env, nonce, session)
    say("token", sub=claims["sub"], expires_in=token["expires_in"], scope=token.get("scope"), acr=claims.get("acr"))

    yield "api"
    first = accounts(session, env)
    expect(first.status_code == 200, f"GET /accounts gave {first.status_code}: {brief(first.text)}")
    say("api", status=first.status_code, accounts=len(first.json()["accounts"]))

    yield "userinfo"
    answer = session.get(server["userinfo_endpoint"], timeout=TIMEOUT)
    expect(answer.status_code == 200, f"userinfo gave {answer.status_code}: {brief(answer.text)}")
    info = UserInfo(answer.json())
    expect(info["sub"] == claims["sub"], "userinfo is about somebody else")
    say("userinfo", sub=info["sub"], claims=sorted(info))

    yield "refresh"
    fresh = dict(session.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"], timeout=TIMEOUT))
    expect(fresh["access_token"] != token["access_token"], "the access token is the old one")
    expect(fresh.get("refresh_token") not in (None, token["refresh_token"]), "the refresh token was not rotated")
    say("refresh", expires_in=fresh["expires_in"])

    yield "api after refresh"
    second = accounts(session, env)
    expect(second.status_code == 200, f"GET /accounts gave {second.status_code}: {brief(second.text)}")
    expect(second.text == first.text, "the accounts are others than before")
    say("api after refresh", status=second.status_code)

    yield "waiting"
    say("waiting", **{"for": "a line on stdin, once the session is revoked"})
    sys.stdin.readline()

    yield "after revoke"
    last = accounts(session, env)
    expect(last.status_code == 401, f"GET /accounts gave {last.status_code} where 401 was expected: {brief(last.text)}")
    say("after revoke", status=last.status_code, challenge=last.headers.get("WWW-Authenticate"), body=brief(last.text))

    yield "refresh after revoke"
    try:
        session.refresh_token(server["token_endpoint"], refresh_token=fresh["refresh_token"], timeout=TIMEOUT)
    except OAuthError as error:
        expect(error.error == "invalid_grant", f"expected invalid_grant, got {error}")
        say("refresh after revoke", error=error.error)
    else:
        raise Unexpected("expected invalid_grant, got new tokens")


def main():
    env = environment()
    step = "start"
    try:
        for step in run(env):
            pass
    except Exception as error:  # Whatever it is, the step that it happened in is named.
        described = str(error) if isinstance(error, Unexpected) else f"{type(error).__name__}: {error}"
        described = re.sub(re.escape(env["PASSWORD"]), "[password]", described)
        print(json.dumps({"client": "authlib", "step": step, "ok": False, "error": described}), flush=True)
        print(f"authlib_client.py: step `{step}`: {described}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
