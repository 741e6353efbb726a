// The security administrator's side of an attack: she watches it, undoes what hit somebody honest, and takes the evidence.

import path from "node:path";
import { authenticator, check, open, play, press, step, told } from "./browser.mjs";

const { TESTUDO_ADMIN: admin, TESTUDO_SHOTS: shots } = process.env;

await play(admin, async (browser) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const { page, complaints } = await open(context);
  await authenticator(page);
  const shot = (name) => page.screenshot({ path: path.join(shots, `${name}.png`) });
  const rows = (action) => page.locator("section[aria-labelledby=actions] tr", { has: page.getByText(action, { exact: true }) });

  // She signs in for the first time, and adds a passkey, which administrators need.
  await page.goto(admin);
  await page.getByLabel("E-mail address or user name").fill("sara@example.org");
  await page.getByLabel("Password").fill("correct horse battery staple");
  await press(page, "Sign in");
  await page.waitForURL(`${admin}/account/totp**`);
  await press(page, "Use a passkey of this device");
  await page.getByRole("heading", { name: "Keep these codes" }).waitFor();
  step("signed-in");

  // The alert comes to her by itself.
  await page.goto(`${admin}/events?kind=alert.raised`);
  await page.waitForFunction(() => document.querySelector("[data-live]")?.getAttribute("aria-pressed") === "true");
  check((await page.locator("table.events tbody tr").count()) === 0, "there was an alert before the attack");
  step("watching");
  const first = page.locator("table.events tbody tr").first();
  await first.waitFor({ timeout: 60_000 });
  const raised = Date.parse(await first.locator("time").first().getAttribute("datetime"));
  step("seen", { after: Date.now() - raised, text: (await first.innerText()).replaceAll(/\s+/g, " ") });
  await shot("alert");

  await told("over");
  await page.goto(admin);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await shot("overview");
  await page.goto(`${admin}/incidents`);
  await page.locator("main a[href^='/incidents/inc_']").first().click();
  await page.waitForURL(/\/incidents\/inc_/);
  const incident = new URL(page.url()).pathname.split("/").pop();
  const actions = await page.locator("section[aria-labelledby=actions]").innerText();
  check(!actions.includes("203.0.113"), "a network stands in full");
  await page.locator("main details").evaluateAll((all) => { for (const one of all) one.open = true; });
  await shot("incident");
  step("contained", { incident, actions });

  // Somebody calls: it was her. She is found by her name, and the one action against her is undone.
  await page.goto(`${admin}/people`);
  await page.getByLabel("Find by name or id").fill("heather@example.org");
  await press(page, "Find");
  await page.waitForURL(/\/people\/per_/);
  const person = new URL(page.url()).pathname.split("/").pop();
  await shot("person");
  await page.goto(`${admin}/incidents/${incident}`);
  const undo = page.getByRole("link", { name: /^Undo/ }).and(page.locator(`tr:has-text("${person}") a`));
  check((await undo.count()) >= 1, `nothing to undo for ${person}: ${await page.locator("main").innerText()}`);
  const what = await undo.first().getAttribute("aria-label");
  await undo.first().click();
  await page.waitForURL(/\/(acts|confirm)/);
  if (page.url().includes("/confirm")) {
    await press(page, "Confirm with a passkey");
    await page.waitForURL(/\/acts\/undo/);
  }
  await page.getByLabel("Reason").fill("she called, and it was her");
  await page.locator("main form button[type=submit]").click();
  await page.waitForURL(`${admin}/incidents/${incident}**`);
  check((await page.locator("section[aria-labelledby=actions] .chip", { hasText: "undone" }).count()) === 1, "nothing was undone");
  step("undone", { person, what });

  await told("the evidence");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download the evidence" }).click()]);
  await download.saveAs(path.join(shots, "evidence.zip"));
  step("exported");
  check(complaints.length === 0, complaints.join("\n"));
  await context.close();
});
