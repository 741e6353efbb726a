// Signs a person in with code + PKCE through the pages, calls the API through the gateway, refreshes, calls again, and
// after a line on stdin calls once more and expects to be refused.
//
// Environment: TESTUDO_ISSUER, TESTUDO_API, TESTUDO_CLIENT_ID, TESTUDO_REDIRECT, TESTUDO_USERNAME, TESTUDO_PASSWORD, and
// NODE_EXTRA_CA_CERTS for a CA of one's own; TESTUDO_SCOPE to ask for other scopes.
//
// Prints one JSON object per step. Exits 0 if all was as expected, 1 if not, 2 if the environment is not complete.

import { createInterface } from "node:readline";
import process from "node:process";

import * as client from "openid-client";

import { Browser, brief } from "./browser.mjs";

const SCOPE = "openid profile email offline_access accounts:read";

class Unexpected extends Error {}

function say(step, facts = {}) {
  process.stdout.write(`${JSON.stringify({ client: "openid-client", step, ok: true, ...facts })}\n`);
}

function expect(condition, message) {
  if (!condition) throw new Unexpected(message);
}

function environment() {
  const names = ["ISSUER", "API", "CLIENT_ID", "REDIRECT", "USERNAME", "PASSWORD"];
  const missing = names.map((name) => `TESTUDO_${name}`).filter((name) => !process.env[name]);
  if (missing.length > 0) {
    process.stderr.write(`openid_client.mjs: set ${missing.join(", ")}\n`);
    process.exit(2);
  }
  return Object.fromEntries(names.map((name) => [name, process.env[`TESTUDO_${name}`]]));
}

async function accounts(config, api, token) {
  const url = new URL(`${api.replace(/\/$/, "")}/accounts`);
  const response = await client.fetchProtectedResource(config, token, url, "GET").catch((error) => {
    // A 401 with a challenge reaches callers of the library as an error that holds the response.
    if (error.response instanceof Response || error.cause instanceof Response) return error.response ?? error.cause;
    throw error;
  });
  const text = await response.text().catch(() => "");
  return { status: response.status, challenge: response.headers.get("www-authenticate"), text };
}

async function main() {
  const env = environment();
  let step = "discovery";
  try {
    const issuer = new URL(env.ISSUER);
    const loopback = issuer.protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(issuer.hostname);
    const options = loopback ? { execute: [client.allowInsecureRequests] } : {};
    const config = await client.discovery(issuer, env.CLIENT_ID, undefined, client.None(), options);
    const server = config.serverMetadata();
    expect(server.issuer === env.ISSUER, `the issuer is ${server.issuer}`);
    expect(server.code_challenge_methods_supported?.includes("S256"), "discovery does not name S256");
    say(step, { issuer: server.issuer, token_endpoint: server.token_endpoint });

    step = "authorize";
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const nonce = client.randomNonce();
    const scope = process.env.TESTUDO_SCOPE ?? SCOPE;
    const start = client.buildAuthorizationUrl(config, {
      redirect_uri: env.REDIRECT,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
      nonce,
      // Asks for a refresh token where a server ties it to consent (OpenID Connect Core section 11).
      ...(process.env.TESTUDO_PROMPT ? { prompt: process.env.TESTUDO_PROMPT } : {}),
    });
    const person = { username: env.USERNAME, password: env.PASSWORD };
    const { url, pages } = await new Browser().signIn(start, env.REDIRECT, person);
    expect(!url.searchParams.has("error"), `refused: ${url.searchParams.get("error")}: ${url.searchParams.get("error_description")}`);
    expect(url.searchParams.has("code"), "there is no code in the redirect");
    expect(url.searchParams.get("iss") === env.ISSUER, `the redirect's iss is ${url.searchParams.get("iss")} (RFC 9207)`);
    say(step, { pages });

    step = "token";
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
    const tokens = await client.authorizationCodeGrant(config, url, checks);
    const claims = tokens.claims();
    expect(claims?.sub, "the ID token has no sub");
    expect(tokens.refresh_token, "there is no refresh token");
    say(step, { sub: claims.sub, expires_in: tokens.expires_in, scope: tokens.scope, acr: claims.acr });

    step = "api";
    const first = await accounts(config, env.API, tokens.access_token);
    expect(first.status === 200, `GET /accounts gave ${first.status}: ${brief(first.text)}`);
    say(step, { status: first.status, accounts: JSON.parse(first.text).accounts?.length });

    step = "userinfo";
    const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    say(step, { sub: info.sub, claims: Object.keys(info).sort() });

    step = "refresh";
    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
    expect(fresh.access_token !== tokens.access_token, "the access token is the old one");
    expect(fresh.refresh_token && fresh.refresh_token !== tokens.refresh_token, "the refresh token was not rotated");
    say(step, { expires_in: fresh.expires_in });

    step = "api after refresh";
    const second = await accounts(config, env.API, fresh.access_token);
    expect(second.status === 200, `GET /accounts gave ${second.status}: ${brief(second.text)}`);
    expect(second.text === first.text, "the accounts are others than before");
    say(step, { status: second.status });

    step = "waiting";
    say(step, { for: "a line on stdin, once the session is revoked" });
    await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve).once("close", resolve));

    step = "after revoke";
    const last = await accounts(config, env.API, fresh.access_token);
    expect(last.status === 401, `GET /accounts gave ${last.status} where 401 was expected: ${brief(last.text)}`);
    say(step, { status: last.status, challenge: last.challenge, body: brief(last.text) });

    step = "refresh after revoke";
    const refused = await client.refreshTokenGrant(config, fresh.refresh_token).then(() => undefined, (error) => error);
    expect(refused?.error === "invalid_grant", `expected invalid_grant, got ${refused ? describe(refused) : "new tokens"}`);
    say(step, { error: refused.error });
    process.exit(0);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ client: "openid-client", step, ok: false, error: describe(error) })}\n`);
    process.stderr.write(`openid_client.mjs: step \`${step}\`: ${describe(error)}\n`);
    process.exit(1);
  }
}

/// An error with its causes; the library keeps what the server said in them.
function describe(error) {
  const said = [error.code, error.error, error.status, error.error_description].filter(Boolean).join(" ");
  const own = error instanceof Unexpected ? error.message : `${error.name}: ${error.message}${said ? ` (${said})` : ""}`;
  const cause = error.cause instanceof Error ? `; because of ${describe(error.cause)}` : "";
  const facts = error.cause && !(error.cause instanceof Error) ? `; ${brief(JSON.stringify(error.cause) ?? "")}` : "";
  return own + cause + facts;
}

await main();
