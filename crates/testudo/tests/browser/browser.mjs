// Headless Chromium for the tests of pages: started with the flags that a machine without a screen needs, trusting the one
// certificate of the server under test. Whoever started us is told of each step as a line of JSON, and may answer by lines.

import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import tls from "node:tls";

const require = createRequire(path.join(process.env.TESTUDO_BROWSER_CLIENTS, "package.json"));
const { chromium } = require("playwright-core");

/// The text of the script that judges whether everybody can use a page.
export const judge = () => readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/// The hash by which Chromium trusts the key of a server, and no other.
function keyOf(origin) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: hostname, port, servername: hostname, rejectUnauthorized: false }, () => {
      const key = socket.getPeerX509Certificate().publicKey.export({ type: "spki", format: "der" });
      socket.end();
      resolve(createHash("sha256").update(key).digest("base64"));
    });
    socket.on("error", reject);
  });
}

export async function launch(origin) {
  return chromium.launch({
    executablePath: process.env.TESTUDO_CHROMIUM,
    headless: true,
    args: [...FLAGS, `--ignore-certificate-errors-spki-list=${await keyOf(origin)}`],
  });
}

/// A page, with what its console and its errors said.
export async function open(context) {
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { page, complaints };
}

export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

/// A device that holds passkeys, and what it is told to do.
export async function authenticator(page, transport = "internal") {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport, hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const set = (what, enabled) =>
    devtools.send(`WebAuthn.set${what}`, { authenticatorId, [what === "UserVerified" ? "isUserVerified" : "enabled"]: enabled });
  return { set, remove: () => devtools.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId }) };
}

/// The six digits of an authenticator app (RFC 6238) at a time in milliseconds.
export function totp(secret, at = Date.now()) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replaceAll(" ", "")].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const word = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(word % 1000000).padStart(6, "0");
}

/// One step that went well, for whoever started us.
export const step = (name, more = {}) => console.log(JSON.stringify({ step: name, ok: true, ...more }));

/// One step that did not.
export const fault = (name, what) => console.log(JSON.stringify({ step: name, ok: false, fault: String(what) }));

export function check(holds, what) {
  if (!holds) throw new Error(what);
}

/// Waits for a line of whoever started us.
let lines;
export async function told(expected) {
  lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  check(value === expected, `told "${value}" instead of "${expected}"`);
}

/// Plays it in a browser that is closed in any case; what is thrown becomes a step that failed.
export async function play(origin, walk) {
  const browser = await launch(origin);
  try {
    await walk(browser);
  } catch (error) {
    fault("failed", error.stack ?? error);
    process.exitCode = 1;
  } finally {
    await browser.close();
    process.stdin.destroy();
  }
}
