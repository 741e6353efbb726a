// A browser as far as signing in needs one: cookies, forms and redirects, no JavaScript.
//
// It sends what browsers send (Origin, Referer, Sec-Fetch-*), keeps cookies by host, path and Secure, and refuses what
// Chromium refuses: a form whose page forbids, by the `form-action` of its Content-Security-Policy, where it leads.

import http from "node:http";
import https from "node:https";

const MAX_STEPS = 20;
const MAX_BODY = 1 << 20;

export class Browser {
  #cookies = [];

  /// Walks from `start` to `redirect`, filling in the forms on the way. Gives the address that was reached.
  async signIn(start, redirect, { username, password }) {
    let request = { method: "GET", url: new URL(start), site: "none" };
    const pages = [];
    let formActions;
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const response = await this.#send(request);
      const place = `${request.method} ${request.url.origin}${request.url.pathname} -> ${response.status}`;
      pages.push(place);
      if (response.status >= 300 && response.status < 400) {
        const location = response.headers.location;
        if (!location) throw new Error(`${place}: a redirect without Location`);
        const next = new URL(location, request.url);
        if (formActions && !formActions(next)) {
          throw new Error(`${place}: browsers refuse to go on to ${next.origin === "null" ? next.protocol : next.origin}: ` +
            "the page of the form has a Content-Security-Policy whose form-action does not allow it");
        }
        if (isSame(next, new URL(redirect))) return { url: next, pages };
        const keeps = response.status === 307 || response.status === 308;
        const site = request.url.origin === next.origin ? "same-origin" : "cross-site";
        request = keeps ? { ...request, url: next } : { method: "GET", url: next, site, referer: request.url };
        continue;
      }
      const kind = response.headers["content-type"] ?? "";
      if (response.status !== 200 || !kind.startsWith("text/html")) {
        throw new Error(`${place}: expected a page or a redirect, got ${kind}: ${brief(response.body)}`);
      }
      formActions = formActionOf(response.headers["content-security-policy"], request.url);
      request = this.#submit(response.body, request.url, { username, password }, pages);
      if (!formActions(request.url)) throw new Error(`${place}: the page's own Content-Security-Policy forbids its form`);
    }
    throw new Error(`the redirect URI was not reached in ${MAX_STEPS} steps:\n  ${pages.join("\n  ")}`);
  }

  #submit(html, base, { username, password }, pages) {
    const forms = parseForms(html);
    const has = (form, name) => form.inputs.some((input) => input.name === name);
    const approval = (form) => form.buttons.filter((button) => button.name === "approve");
    const signIn = forms.find((form) => has(form, "username") && has(form, "password"));
    const consent = forms.find((form) => approval(form).length > 0 || has(form, "approve"));
    const form = signIn ?? consent;
    const seen = forms.map((each) => `${each.method} ${each.action}: ${each.inputs.map((input) => input.name).join(", ")}`);
    if (!form) {
      throw new Error(`no form with \`username\` and \`password\`, nor one with a button \`approve\`, at ${base}; ` +
        `forms: ${seen.join(" | ") || "none"}; text: ${brief(textOf(html))}`);
    }
    if (signIn && pages.filter((page) => page.startsWith("POST")).length > 0) {
      throw new Error(`the sign-in form came again, so the user name or password was not accepted; text: ${brief(textOf(html))}`);
    }
    const fields = new URLSearchParams();
    for (const input of form.inputs) {
      const box = input.type === "checkbox" || input.type === "radio";
      if (!input.name || ["submit", "button", "reset", "image", "file"].includes(input.type) || (box && !input.checked)) continue;
      fields.append(input.name, input.value);
    }
    if (signIn) {
      fields.set("username", username);
      fields.set("password", password);
      const button = form.buttons.find((each) => each.name);
      if (button) fields.append(button.name, button.value);
    } else {
      const refusing = /^(no|0|false|deny|cancel|refuse)$/i;
      const button = approval(form).find((each) => !refusing.test(each.value)) ?? { name: "approve", value: "yes" };
      fields.set(button.name, button.value);
    }
    const target = new URL(form.action || base.href, base);
    const origin = base.origin;
    const site = target.origin === origin ? "same-origin" : "cross-site";
    if (form.method === "GET") {
      target.search = fields.toString();
      return { method: "GET", url: target, site, referer: base };
    }
    return { method: "POST", url: target, site, referer: base, origin, body: fields.toString() };
  }

  async #send({ method, url, site, referer, origin, body }) {
    const headers = {
      accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
      "accept-language": "en",
      "user-agent": "testudo-client-test",
      "sec-fetch-site": site,
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
      "sec-fetch-user": "?1",
    };
    if (referer) headers.referer = `${referer.origin}${referer.pathname}`;
    if (origin) headers.origin = origin;
    if (body !== undefined) {
      headers["content-type"] = "application/x-www-form-urlencoded";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const cookies = this.#cookies.filter((cookie) =>
      cookie.host === url.hostname && (!cookie.secure || url.protocol === "https:") && pathMatches(url.pathname, cookie.path));
    if (cookies.length > 0) headers.cookie = cookies.map((cookie) => `${cookie.name}=${cookie.value}`).join("; ");
    const response = await exchange(url, method, headers, body);
    for (const line of response.headers["set-cookie"] ?? []) this.#keep(line, url);
    return response;
  }

  #keep(line, url) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const find = (wanted) => attributes.find((each) => each.toLowerCase().split("=")[0] === wanted);
    const valueOf = (wanted) => find(wanted)?.split("=").slice(1).join("=");
    const secure = find("secure") !== undefined;
    const path = valueOf("path")?.startsWith("/") ? valueOf("path") : url.pathname.replace(/\/[^/]*$/, "") || "/";
    if (name.startsWith("__Host-") && (!secure || path !== "/" || find("domain"))) {
      throw new Error(`browsers refuse the cookie ${name}: __Host- needs Secure, Path=/ and no Domain`);
    }
    if (name.startsWith("__Secure-") && !secure) throw new Error(`browsers refuse the cookie ${name}: it lacks Secure`);
    if (secure && url.protocol !== "https:") throw new Error(`browsers refuse the cookie ${name}: Secure over http`);
    this.#cookies = this.#cookies.filter((old) => old.name !== name || old.host !== url.hostname || old.path !== path);
    const age = valueOf("max-age");
    const expires = valueOf("expires");
    const gone = age !== undefined ? Number(age) <= 0 : expires !== undefined && Date.parse(expires) <= Date.now();
    if (!gone) this.#cookies.push({ name, value, host: url.hostname, path, secure });
  }
}

function exchange(url, method, headers, body) {
  const { request } = url.protocol === "https:" ? https : http;
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers, timeout: 15_000 }, (response) => {
      const chunks = [];
      let size = 0;
      response.on("data", (chunk) => {
        size += chunk.length;
        if (size > MAX_BODY) call.destroy(new Error(`${url.origin}${url.pathname}: the page is larger than ${MAX_BODY} bytes`));
        chunks.push(chunk);
      });
      response.on("end", () => resolve({
        status: response.statusCode,
        headers: response.headers,
        body: Buffer.concat(chunks).toString("utf8"),
      }));
      response.on("error", reject);
    });
    call.on("timeout", () => call.destroy(new Error(`${url.origin}${url.pathname}: no answer in 15 s`)));
    call.on("error", reject);
    call.end(body);
  });
}

function isSame(url, redirect) {
  return url.protocol === redirect.protocol && url.host === redirect.host && url.pathname === redirect.pathname;
}

function pathMatches(path, of) {
  return path === of || (path.startsWith(of) && (of.endsWith("/") || path[of.length] === "/"));
}

/// Says which addresses the `form-action` of a policy allows.
function formActionOf(policies, page) {
  const lists = [policies ?? []].flat().flatMap((policy) => policy.split(","))
    .flatMap((policy) => policy.split(";"))
    .map((directive) => directive.trim().split(/\s+/))
    .filter(([name]) => name?.toLowerCase() === "form-action")
    .map(([, ...sources]) => sources);
  const allows = (source, url) => {
    if (source === "'self'") return url.origin === page.origin;
    if (source === "*") return url.protocol === "http:" || url.protocol === "https:";
    if (/^[a-z][a-z0-9+.-]*:$/i.test(source)) return url.protocol === source.toLowerCase();
    const match = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+|\*))?(\/.*)?$/i.exec(source);
    if (!match) return false;
    const [, scheme, host, port, path] = match;
    const usual = { "http:": "80", "https:": "443" }[url.protocol];
    const samePort = port === "*" || (port ?? usual) === (url.port || usual);
    return url.protocol === `${scheme.toLowerCase()}:` && url.hostname === host.toLowerCase() && samePort &&
      (!path || path === "/" || url.pathname === path || (path.endsWith("/") && url.pathname.startsWith(path)));
  };
  return (url) => lists.every((sources) => sources.some((source) => allows(source, url)));
}

/// The forms of a page with their inputs and buttons.
function parseForms(html) {
  const forms = [];
  const markup = html.replace(/<!--[\s\S]*?-->/g, "").replace(/<(script|style|textarea)\b[\s\S]*?<\/\1\s*>/gi, "");
  const tags = /<(\/?)(form|input|button)\b((?:[^"'>]|"[^"]*"|'[^']*')*)>/gi;
  let form;
  for (const [, closing, tag, rest] of markup.matchAll(tags)) {
    const name = tag.toLowerCase();
    const attributes = parseAttributes(rest);
    if (name === "form") {
      form = undefined;
      if (!closing) {
        form = { action: attributes.action ?? "", method: (attributes.method ?? "get").toUpperCase(), inputs: [], buttons: [] };
        forms.push(form);
      }
    } else if (form && !closing) {
      const field = {
        name: attributes.name,
        value: attributes.value ?? "",
        type: (attributes.type ?? (name === "button" ? "submit" : "text")).toLowerCase(),
        checked: attributes.checked !== undefined,
      };
      if (name === "button" || field.type === "submit") form.buttons.push(field);
      if (name === "input") form.inputs.push(field);
    }
  }
  return forms;
}

function parseAttributes(text) {
  const attributes = {};
  for (const [, name, double, single, bare] of text.matchAll(/([^\s"'=<>/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    attributes[name.toLowerCase()] ??= unescape(double ?? single ?? bare ?? "");
  }
  return attributes;
}

function unescape(text) {
  const named = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(amp|lt|gt|quot|apos));/gi, (_, hex, decimal, name) =>
    name ? named[name.toLowerCase()] : String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal)));
}

function textOf(html) {
  return unescape(html.replace(/<(head|script|style|svg)\b[\s\S]*?<\/\1\s*>/gi, " ").replace(/<[^>]*>/g, " ")).replace(/\s+/g, " ");
}

export function brief(text) {
  const line = text.trim();
  return line.length > 400 ? `${line.slice(0, 400)}...` : line;
}
