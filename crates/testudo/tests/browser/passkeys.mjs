// An administrator with a passkey, and a person without JavaScript.

import { authenticator, check, open, play, press, step, totp } from "./browser.mjs";

const { TESTUDO_ADMIN: admin, TESTUDO_PUBLIC: site, TESTUDO_TOKEN: token } = process.env;
const OWNER = "owner@example.org";
const PASSWORD = "correct horse battery staple";

const path = (page) => new URL(page.url()).pathname;

async function administrator(browser) {
  const context = await browser.newContext();
  const { page, complaints } = await open(context);
  const device = await authenticator(page);

  await page.goto(`${admin}/enrol`);
  await page.getByLabel("Enrolment token").fill(token);
  await page.getByLabel("E-mail address or user name").fill(OWNER);
  await page.getByLabel("Password").fill(PASSWORD);
  await press(page, "Make administrator");
  await page.waitForURL(`${admin}/account/totp`);
  await press(page, "Use a passkey of this device");
  await page.getByRole("heading", { name: "Keep these codes" }).waitFor();
  check((await page.locator("ul.codes li").count()) === 10, "ten recovery codes");
  step("enrolled");

  const cookies = await context.cookies(admin);
  const session = cookies.find((cookie) => cookie.name === "__Host-testudo-admin");
  check(session && session.sameSite === "Strict" && session.httpOnly && session.secure, JSON.stringify(cookies));
  check(session.expires - Date.now() / 1000 < 8 * 3600 + 60, "eight hours at most");
  check(!cookies.some((cookie) => cookie.name === "__Host-testudo"), "none for the public address");

  await page.goto(`${admin}/account`);
  check((await page.getByText("for localhost, since").count()) === 1, "one passkey");
  await device.set("AutomaticPresenceSimulation", false);
  await press(page, "Sign out");
  await page.waitForURL(/after=sign-out/);
  await page.goto(`${admin}/account`);
  check(path(page) === "/sign-in", "signed out");
  step("signed-out");

  // Cancelled: nobody touches it, and then somebody closes the dialogue by verifying wrongly.
  await device.set("UserVerified", false);
  await device.set("AutomaticPresenceSimulation", true);
  await press(page, "Sign in with a passkey");
  const told = page.locator("form[data-begin='/sign-in/passkey/begin'] [role=status]");
  await page.waitForFunction((element) => element.textContent.length > 0, await told.elementHandle());
  const text = await told.textContent();
  check(text.startsWith("Nothing was confirmed"), text);
  check(path(page) === "/sign-in", "still there");
  step("cancelled", { text });

  await device.set("UserVerified", true);
  await press(page, "Sign in with a passkey");
  await page.waitForURL(`${admin}/account`);
  check((await page.getByText(OWNER).count()) > 0, "signed in without a name");
  step("signed-in");

  await page.goto(`${admin}/confirm?return_to=%2Faccount`);
  await press(page, "Confirm with a passkey");
  await page.waitForURL(`${admin}/account`);
  step("confirmed");

  // The only factor of an owner stays.
  await page.getByRole("button", { name: /^Remove the passkey/ }).click();
  await page.getByText("This is your only second factor").waitFor();
  step("kept-the-last");

  // The same device once more, and then another one.
  await press(page, "Add a passkey");
  await page.getByText("This device has a passkey for this account already.").waitFor();
  await device.set("AutomaticPresenceSimulation", false);
  const other = await authenticator(page, "usb");
  await page.goto(`${admin}/account`);
  await page.getByLabel("Its name").fill("Key <b>ring</b>");
  await press(page, "Add a passkey");
  await page.waitForURL(/done=passkey-added/);
  check((await page.getByText("Key <b>ring</b>").count()) > 0, "its name, as it was typed");
  await page.locator("summary").last().click();
  await page.getByLabel("New name").last().fill("Key ring");
  await press(page, "Rename");
  await page.waitForURL(/done=passkey-renamed/);
  await page.getByRole("button", { name: "Remove the passkey Key ring" }).click();
  await page.waitForURL(/done=passkey-removed/);
  await other.remove();
  step("added-and-removed");

  // Password, then the passkey as the second factor.
  await press(page, "Sign out");
  await page.waitForURL(/sign-in/);
  // One passkey serves both addresses of one host.
  await page.goto(`${site}/sign-in`);
  await page.getByLabel("E-mail address or user name").fill(OWNER);
  await page.getByLabel("Password").fill(PASSWORD);
  await press(page, "Sign in");
  await page.waitForURL(`${site}/sign-in/factor`);
  await device.set("AutomaticPresenceSimulation", true);
  await press(page, "Use a passkey");
  await page.waitForURL(`${site}/account`);
  step("second-factor");

  // While a name is typed the browser offers the passkey by itself; here somebody touches it at once.
  await press(page, "Sign out");
  await page.waitForURL(`${site}/account`);
  step("offered");
  const unexpected = complaints.filter((text) => !/4(01|09|22) \(/.test(text) && !text.includes("status of 4"));
  check(unexpected.length === 0, unexpected.join("\n"));
  await context.close();
}

async function withoutScript(browser) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const { page } = await open(context);
  await page.goto(`${site}/sign-up`);
  await page.getByLabel("E-mail address or user name").fill("ada@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await press(page, "Make account");
  await page.waitForURL(/after=sign-up/);
  await page.getByLabel("E-mail address or user name").fill("ada@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  check((await page.getByRole("button", { name: "Sign in with a passkey" }).count()) === 0, "passkeys are hidden");
  await press(page, "Sign in");
  await page.waitForURL(`${site}/account`);
  await page.goto(`${site}/account/totp`);
  const secret = await page.locator("code").first().textContent();
  await page.getByLabel("Six digits").fill(totp(secret, Date.now() - 30000));
  await press(page, "Take it into use");
  await page.getByRole("heading", { name: "Keep these codes" }).waitFor();
  await page.goto(`${site}/account`);
  await press(page, "Sign out");
  await page.waitForURL(/after=sign-out/);
  await page.getByLabel("E-mail address or user name").fill("ada@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await press(page, "Sign in");
  await page.getByLabel("Code").fill(totp(secret, Date.now()));
  await press(page, "Continue");
  await page.waitForURL(`${site}/account`);
  step("without-script");

  // She administers nothing: the admin address turns her away.
  await page.goto(`${admin}/sign-in`);
  await page.getByLabel("E-mail address or user name").fill("ada@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await press(page, "Sign in");
  await page.getByLabel("Code").fill(totp(secret, Date.now() + 30000));
  await press(page, "Continue");
  await page.getByRole("heading", { name: "This address is for administrators" }).waitFor();
  await page.goto(`${admin}/account`);
  check(path(page) === "/sign-in", "no session there");
  step("turned-away");
  await context.close();
}

await play(admin, async (browser) => {
  await administrator(browser);
  await withoutScript(browser);
});
