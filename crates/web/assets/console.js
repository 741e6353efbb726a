// The console's own script: live lines, parts of pages that refresh, local times. Without it every page works as plain
// links and forms. Markup of our own server passes one gate, and nothing else becomes markup (Trusted Types).
"use strict";
(() => {
  const gate = window.trustedTypes
    ? trustedTypes.createPolicy("testudo", { createHTML: (text) => text })
    : { createHTML: (text) => text };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const MOST_LINES = 200;

  // Times: UTC as the server wrote them, or as this clock says.
  const key = "testudo-times";
  let local = false;
  try { local = localStorage.getItem(key) === "local"; } catch { /* No storage: UTC. */ }
  const pad = (number, digits = 2) => String(number).padStart(digits, "0");
  const write = (at, style, zone) => {
    const of = (name) => (zone ? at[`getUTC${name}`]() : at[`get${name}`]());
    const day = `${of("FullYear")}-${pad(of("Month") + 1)}-${pad(of("Date"))}`;
    const clock = `${pad(of("Hours"))}:${pad(of("Minutes"))}`;
    const end = zone ? " UTC" : "";
    if (style === "clock") return `${clock}:${pad(of("Seconds"))}`;
    if (style === "exact") return `${day} ${clock}:${pad(of("Seconds"))}.${pad(of("Milliseconds"), 3)}${end}`;
    return `${day} ${clock}${end}`;
  };
  const times = (root) => {
    for (const time of root.querySelectorAll("time[data-ms]")) {
      const at = new Date(Number(time.dataset.ms));
      time.textContent = write(at, time.dataset.style, !local);
      time.title = local ? write(at, "exact", true) : `${write(at, "exact", false)} local time`;
    }
  };
  for (const button of document.querySelectorAll("[data-times]")) {
    const name = () => { button.textContent = local ? "Show times in UTC" : "Show local times"; };
    button.hidden = false;
    name();
    button.addEventListener("click", () => {
      local = !local;
      try { localStorage.setItem(key, local ? "local" : "utc"); } catch { /* Kept for this page only. */ }
      name();
      times(document);
    });
  }
  times(document);

  // Parts of pages: asked for in the background, put in place whole.
  const part = async (url, selector) => {
    const answer = await fetch(url, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(gate.createHTML(await answer.text()), "text/html");
    return { title: page.title, found: page.querySelector(selector), page };
  };
  const put = (old, fresh) => {
    const open = new Set([...old.querySelectorAll("details[open][id]")].map((details) => details.id));
    const placed = document.adoptNode(fresh);
    for (const details of placed.querySelectorAll("details[id]")) details.open = open.has(details.id);
    old.replaceWith(placed);
    times(placed);
    return placed;
  };
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-swap]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    const old = document.querySelector(link.dataset.swap);
    if (!old) return;
    event.preventDefault();
    try {
      const { title, found } = await part(link.href, link.dataset.swap);
      put(old, found);
      document.title = title;
      history.replaceState(null, "", link.href);
      for (const other of link.parentElement.querySelectorAll("a[data-swap]")) other.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
    } catch {
      location.assign(link.href);
    }
  });
  const refreshed = document.querySelector("[data-refresh]");
  if (refreshed && refreshed.id) {
    setInterval(async () => {
      const old = document.getElementById(refreshed.id);
      // Nobody is interrupted: not while reading with the keyboard in it, and not in a tab that is not seen.
      if (document.hidden || !old || old.contains(document.activeElement)) return;
      try {
        const { found } = await part(location.href, `#${refreshed.id}`);
        if (found && !old.contains(document.activeElement)) put(old, found);
      } catch { /* The next turn tries again. */ }
    }, Number(refreshed.dataset.refresh) * 1000);
  }

  // Live lines.
  for (const button of document.querySelectorAll("[data-live]")) {
    const body = document.querySelector("table.events tbody");
    const status = document.querySelector("[data-live-status]");
    let source = null;
    let fresh = 0;
    const stop = () => {
      if (source) source.close();
      source = null;
      button.setAttribute("aria-pressed", "false");
      button.textContent = "Follow live";
    };
    const start = () => {
      source = new EventSource(button.dataset.live);
      button.setAttribute("aria-pressed", "true");
      button.textContent = "Live, pause";
      source.addEventListener("lines", (event) => {
        const holder = document.createElement("template");
        holder.innerHTML = gate.createHTML(`<table><tbody>${event.data}</tbody></table>`);
        const rows = [...holder.content.querySelectorAll("tr")];
        times(holder.content);
        for (const row of rows) if (!calm.matches) row.classList.add("new");
        body.prepend(...rows);
        while (body.rows.length > MOST_LINES) body.lastElementChild.remove();
        for (const empty of document.querySelectorAll(".flush > .empty")) empty.remove();
        fresh += rows.length;
      });
      source.addEventListener("error", () => {
        // The browser comes back by itself; when it was sent away, we stop.
        if (source && source.readyState === EventSource.CLOSED) stop();
      });
    };
    setInterval(() => {
      // Said now and then, not with each line.
      if (fresh > 0 && status) status.textContent = `${fresh} new events`;
      fresh = 0;
    }, 5000);
    button.hidden = !body;
    button.addEventListener("click", () => (source ? stop() : start()));
    if (body) start();
  }
})();
