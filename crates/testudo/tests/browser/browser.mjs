// Headless Chromium for the tests of pages: started with the flags that a machine without a screen needs, trusting the one
// certificate of the server under test.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import tls from "node:tls";

const require = createRequire(`${process.env.TESTUDO_BROWSER_MODULES}/package.json`);
export const { chromium } = require("playwright-core");
export const axe = () => require("axe-core").source;

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

/// One step that went well, for whoever started us.
export const step = (name, more = {}) => console.log(JSON.stringify({ step: name, ok: true, ...more }));

export function check(holds, what) {
  if (!holds) throw new Error(what);
}
