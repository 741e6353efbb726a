// The console in a real browser. It is told where the server is and how to enrol, and says what it found on stdout as
// lines of JSON: `{"step": ..., "ok": true}` or `{"step": ..., "ok": false, "fault": ...}`.

import { readFileSync } from "node:fs";
import https from "node:https";
import path from "node:path";
import { fault, judge, launch, step as passed, totp } from "./browser.mjs";

const AXE = judge();
const { TESTUDO_ADMIN: admin, TESTUDO_PUBLIC: gateway, TESTUDO_TOKEN: token, TESTUDO_CA: ca, TESTUDO_SHOTS: shots } = process.env;
const OWNER = "owner@example.org";
const PASSWORD = "correct horse battery staple";
/// What must never run, wherever it stands.
const HOSTILE = "\u202e<img src=x onerror=window.hurt=1><script>window.hurt=1</script>{{7*7}}\"'`${7*7}";

const check = (step, holds, what) => (holds ? passed(step) : fault(step, what));

function call(method, target, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request(new URL(target, gateway), { method, headers, ca: readFileSync(ca) }, (answer) => {
      let body = "";
      answer.on("data", (bytes) => { body += bytes; });
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body }));
    });
    request.on("error", reject);
    request.end();
  });
}

const browser = await launch(admin);
const faults = [];
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
// Violations of the policy are told to the page; they are kept where the page's own script can't reach.
await context.exposeBinding("testudoViolation", (_, text) => { faults.push(`policy: ${text}`); });
await context.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", (event) => {
    window.testudoViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
  });
});
const page = await context.newPage();
page.on("console", (message) => { if (message.type() === "error") faults.push(`console: ${message.text()}`); });
page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
page.on("dialog", async (dialog) => { faults.push(`dialog: ${dialog.message()}`); await dialog.dismiss(); });
const quiet = (step) => check(step, faults.length === 0, faults.splice(0).join("; "));
const open = async (target) => {
  const answer = await page.goto(new URL(target, admin).href, { waitUntil: "load" });
  return answer.status();
};

let secret = "";
let used = "";
/// A code that was not used yet.
async function code() {
  let next = totp(secret);
  while (next === used) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    next = totp(secret);
  }
  used = next;
  return next;
}

try {
  // Enrolment, and the second factor that administrators need.
  await open("/enrol");
  await page.fill("#token", token);
  await page.fill("#username", OWNER);
  await page.fill("#password", PASSWORD);
  await Promise.all([page.waitForNavigation(), page.press("#password", "Enter")]);
  if (!page.url().includes("totp")) await open("/account/totp");
  secret = (await page.textContent("main")).match(/Type this key:\s*([A-Z2-7 ]{20,})/)[1].trim();
  await page.fill("#code", await code());
  await Promise.all([page.waitForNavigation(), page.press("#code", "Enter")]);
  check("the authenticator app is enrolled", (await page.textContent("main")).includes("Keep these codes"), page.url());
  faults.splice(0);

  // Traffic, and hostile texts wherever a caller can put one.
  const visitor = await context.newPage();
  await visitor.goto(new URL("/sign-up", gateway).href);
  await visitor.fill("#username", "eve@example.org");
  await visitor.fill("#name", HOSTILE.replace("\u202e", "").slice(0, 60));
  await visitor.fill("#password", PASSWORD);
  await Promise.all([visitor.waitForNavigation(), visitor.press("#password", "Enter")]);
  await visitor.close();
  const agent = HOSTILE.replace("\u202e", "");
  for (const target of ["/health", "/accounts", "/nowhere/%3Cscript%3Ewindow.hurt=1%3C%2Fscript%3E?q=%22%3E%3Cimg%20src=x%20onerror=window.hurt=1%3E", `/${"x".repeat(4000)}`]) {
    await call("GET", target, { "User-Agent": agent });
  }
  const refused = await call("GET", "/accounts", { "User-Agent": agent, Authorization: `Bearer ${"a".repeat(300)}` });
  const request = refused.headers["testudo-request"];
  await new Promise((resolve) => setTimeout(resolve, 1500));

  // Signing in with the password and a code leads to the overview.
  await context.clearCookies();
  const status = await open("/");
  check("a stranger is sent to sign in", page.url().includes("/sign-in") && status === 200, page.url());
  await page.fill("#username", OWNER);
  await page.fill("#password", PASSWORD);
  await Promise.all([page.waitForNavigation(), page.press("#password", "Enter")]);
  await page.fill("#code", await code());
  await Promise.all([page.waitForNavigation(), page.press("#code", "Enter")]);
  check("signing in leads to the overview", (await page.textContent("h1")) === "Overview", page.url());
  faults.splice(0);

  // A network is blocked, and the block lifted, by keyboard alone.
  const focusOn = async (what) => {
    for (let step = 0; step < 80; step += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((text) => (document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "").trim().startsWith(text), what)) return;
    }
    throw new Error(`${what} can't be reached with the Tab key on ${page.url()}`);
  };
  const go = async (what) => {
    await focusOn(what);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  };
  await open("/");
  await page.keyboard.press("Tab");
  check("the first stop skips the menu", (await page.evaluate(() => document.activeElement.className)) === "skip", "another");
  await go("Limits and blocks");
  await go("Block a network");
  if (page.url().includes("/confirm")) {
    await page.fill("#code", await code());
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  }
  await page.focus("#network");
  await page.keyboard.type("203.0.113.0/24");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("stuffing from there");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  const blocked = await page.textContent("main");
  check("a network is blocked by keyboard", blocked.includes("is blocked") && blocked.includes("203.0.•.•/24"), page.url());
  check("the network is masked", !blocked.includes("203.0.113"), "it stands in full");
  await page.screenshot({ path: path.join(shots, "limits.png") });

  const people = async () => {
    await open("/people");
    return page.$$eval("main tbody a[href^='/people/per_']", (links) => links.map((link) => link.getAttribute("href")));
  };
  const accounts = await people();
  await open("/events?kind=request.decided&outcome=failure");
  const event = await page.getAttribute("main tbody tr a[href^='/events/']", "href");
  const pages = [
    "/", "/?span=day", "/events", "/events?kind=request.decided&outcome=failure", "/events?nonsense=1&kind=%3Cb%3E",
    event, "/requests", `/requests/${request}`, "/incidents", "/incidents?all=1", "/people", ...accounts, "/limits",
    "/limits/block", "/policies", "/audit", "/audit/proof?seq=1", "/detection", "/exports", "/settings",
    `/acts/lock-person/${accounts[0]?.split("/").pop()}`,
  ];
  await open("/incidents?all=1");
  const incident = await page.$("main a[href^='/incidents/inc_']");
  if (incident) pages.push(await incident.getAttribute("href"));

  for (const scheme of ["light", "dark"]) {
    for (const [width, height] of [[1280, 900], [390, 844]]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height });
      for (const target of pages) {
        const step = `${target} ${width} ${scheme}`;
        const status = await open(target);
        if (status !== 200) { fault(step, `status ${status}`); continue; }
        // What stands folded is judged, too.
        await page.evaluate(() => { for (const details of document.querySelectorAll("main details")) details.open = true; });
        // The judge's own script is put in from outside of the page, so that the policy stays as it is.
        await page.evaluate(AXE);
        const found = await page.evaluate(async () => {
          const result = await window.axe.run(document, { resultTypes: ["violations"] });
          return result.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ")}`);
        });
        check(`axe ${step}`, found.length === 0, found.join("; "));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        check(`fits ${step}`, wide <= 0, `${wide} pixels too wide`);
        check(`harmless ${step}`, !(await page.evaluate(() => window.hurt)), "a hostile text ran");
        quiet(`quiet ${step}`);
        const name = target.replace(/[?=&]/g, "-").split("/").slice(0, 2).join("") || "overview";
        await page.screenshot({ path: path.join(shots, `${name.slice(0, 40)}-${width}-${scheme}.png`), fullPage: width < 600 });
      }
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 900 });

  // The phone's menu opens without the script.
  const plain = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 }, storageState: await context.storageState() });
  const bare = await plain.newPage();
  await bare.goto(new URL("/", admin).href);
  await bare.click(".drawer summary");
  await bare.click(".drawer nav a[href='/people']");
  await bare.waitForLoadState();
  check("without the script the menu leads on", (await bare.textContent("h1")) === "People", bare.url());
  await plain.close();

  // Live: an event appears by itself.
  await open("/events");
  await page.waitForFunction(() => document.querySelector("[data-live]")?.getAttribute("aria-pressed") === "true");
  const before = await page.$$eval("table.events tbody tr", (rows) => rows.length);
  await new Promise((resolve) => setTimeout(resolve, 600));
  const live = await call("GET", "/accounts?live=1", { "User-Agent": agent });
  const wanted = `/requests/${live.headers["testudo-request"]}`;
  const came = await page.waitForSelector(`table.events a[href="${wanted}"]`, { timeout: 5000 }).catch(() => null);
  check("a live event appears by itself", came !== null, `${before} lines, and none of ${wanted}`);
  await page.screenshot({ path: path.join(shots, "live.png") });
  quiet("quiet live");

  // A reveal needs a reason and is in the log.
  const eve = accounts.find((account) => account) ?? "/people";
  await open(eve);
  check("people are masked", !(await page.textContent("main")).includes("@example.org"), "a name stands in full");
  await page.fill("#reveal-reason", "a test of the reveal");
  await Promise.all([page.waitForNavigation(), page.press("#reveal-reason", "Enter")]);
  check("what is revealed is shown", (await page.textContent("main")).includes("@example.org"), await page.textContent("h1"));
  check("a revealed name does not run", !(await page.evaluate(() => window.hurt)), "it ran");
  await open("/events?kind=data.disclosed");
  check("the reveal is in the log", (await page.textContent("main")).includes("data.disclosed"), "it is not");

  // Undone by keyboard alone.
  await open("/limits");
  await go("Lift block");
  if (page.url().includes("/confirm")) {
    await page.fill("#code", await code());
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  }
  await page.keyboard.type("it hit an honest person");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  check("the block is lifted by keyboard", (await page.textContent("main")).includes("lifted"), page.url());
  quiet("quiet at the end");

  // Policies: a dry run with a candidate that forbids what was allowed.
  await open("/policies");
  await page.fill("#candidate", '@id("test") forbid (principal, action, resource);');
  await Promise.all([page.waitForNavigation(), page.click("text=Dry run")]);
  const run = await page.textContent("#dry-run-result");
  check("a dry run says what would change", /newly refused/.test(run), run);
  await page.fill("#candidate", "permit (principal");
  await Promise.all([page.waitForNavigation(), page.click("text=Dry run")]);
  check("mistakes of a candidate are told", (await page.textContent("#dry-run-result")).includes("mistakes"), "they are not");

  // The log verifies, and an entry is proven.
  await open("/audit");
  await page.click("text=Verify the whole log");
  await page.waitForLoadState();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await open("/audit");
  check("the log verifies", (await page.textContent("main")).includes("sound"), "it does not say so");
} catch (error) {
  fault("the walk through the console", `${error.stack} at ${page.url()}; ${faults.join("; ")}`);
  await page.screenshot({ path: path.join(shots, "failed.png") }).catch(() => {});
}
await browser.close();
