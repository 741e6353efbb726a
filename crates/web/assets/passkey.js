// Passkeys for the forms that offer one. A form names where its challenge comes from (data-begin) and what to do with it
// (data-passkey: get, create, or offer to fill in while a name is typed). The answer goes into the form, which is then
// posted like any other. Without this script the forms stay hidden, and passwords and codes work as ever.
"use strict";
(() => {
  if (!window.PublicKeyCredential) return;
  const AGAIN = 270000;
  let waiting = null;

  const decode = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const encode = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const begin = async (form) => {
    const body = new URLSearchParams({ csrf: form.elements.csrf.value });
    const answer = await fetch(form.dataset.begin, { method: "POST", body, redirect: "error" });
    const told = await answer.json().catch(() => ({}));
    if (told.next) location.assign(new URL(told.next, location.origin));
    if (!answer.ok) throw new Error(told.error || "That did not work. Reload the page and try again.");
    const key = told.publicKey;
    key.challenge = decode(key.challenge);
    if (key.user) key.user.id = decode(key.user.id);
    for (const list of [key.allowCredentials, key.excludeCredentials]) {
      for (const known of list || []) known.id = decode(known.id);
    }
    return key;
  };

  const shown = (credential) => {
    const response = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[part]) response[part] = encode(credential.response[part]);
    }
    return JSON.stringify({ id: credential.id, rawId: encode(credential.rawId), type: credential.type, response });
  };

  const say = (form, text) => { form.querySelector("[role=status]").textContent = text; };

  const run = async (form, mediation) => {
    if (waiting) waiting.abort();
    const ours = waiting = new AbortController();
    const publicKey = await begin(form);
    if (ours.signal.aborted) return;
    const asked = { publicKey, signal: ours.signal };
    if (mediation) asked.mediation = mediation;
    const create = form.dataset.passkey === "create";
    const credential = await navigator.credentials[create ? "create" : "get"](asked);
    form.elements.credential.value = shown(credential);
    form.submit();
  };

  const TOLD = {
    NotAllowedError: "Nothing was confirmed: it was cancelled, or took too long. Try again when you are ready.",
    InvalidStateError: "This device has a passkey for this account already.",
    SecurityError: "Passkeys don't work at this address. Open the page under its name.",
  };
  const failed = (form, error) => {
    if (error.name !== "AbortError") say(form, TOLD[error.name] || error.message);
  };

  const offer = async (form) => {
    const can = PublicKeyCredential.isConditionalMediationAvailable;
    if (!can || !(await can.call(PublicKeyCredential))) return;
    const once = () => run(form, "conditional").catch(() => {});
    once();
    // A challenge ends after five minutes: take another one while the page waits.
    setInterval(() => { if (!document.hidden && !form.dataset.busy) once(); }, AGAIN);
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      form.dataset.busy = "yes";
      say(form, "");
      run(form).catch((error) => failed(form, error)).finally(() => delete form.dataset.busy);
    });
    if (form.dataset.passkey === "offer") offer(form);
  }
})();
