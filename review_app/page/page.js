"use strict";

// The state of the page: who reviews which queue, the claim in hand, and whether a call is under
// way. While one is, keys do nothing, so that a fast hand never answers the wrong item.
const state = { reviewer: "", queue: null, claim: null, shown: null, mode: "work", busy: false,
  earlier: [], place: 0, beside: null, waiting: [], last: null, kept: null };
const HEARTBEAT_MILLISECONDS = 60_000;

const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// A call that needs somebody signed in waits until somebody is; what is written stays as it is.
async function call(path, body, method = body === undefined ? "GET" : "POST") {
  const options = { method, headers: {} };
  if (state.reviewer) options.headers["x-spandocket-person"] = encodeURIComponent(state.reviewer);
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  for (;;) {
    const response = await fetch(path, options);
    const answer = await response.json();
    if (response.ok) return answer;
    if (answer.error !== "NotSignedIn" || path === "/api/session") {
      throw Object.assign(new Error(answer.message), answer);
    }
    await signedIn();
  }
}

let signingIn = null;

// Resolves when somebody has signed in; several calls wait for one dialog.
function signedIn() {
  signingIn ??= new Promise((resolve) => {
    const dialog = element("dialog", null, { "aria-label": "Sign in" });
    const form = element("form", null, { class: "ask" });
    const label = element("label", "Your token");
    const token = element("input", null, { type: "password", required: "", autocomplete: "current-password" });
    const problem = element("p", null, { role: "alert", hidden: "" });
    const help = element("p", "Whoever runs this page makes one: ");
    const submit = element("button", "Sign in ", { type: "submit" });
    help.append(element("code", "spandocket tokens create --reviewer NAME"));
    submit.append(element("kbd", "Enter"));
    label.append(token);
    form.append(label, help, problem, submit);
    dialog.append(element("h2", "Sign in"), form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const { person } = await call("/api/session", { token: token.value });
        if (state.reviewer && person !== state.reviewer) location.assign("/");
        state.reviewer = person;
        dialog.remove();
        signingIn = null;
        resolve();
      } catch (error) {
        problem.textContent = error.message;
        problem.hidden = false;
      }
    });
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
    token.focus();
  });
  return signingIn;
}

// Who works here: who is signed in, else who the address or the form names.
async function whoWorks() {
  let session = await call("/api/session");
  if (session.needs_token && session.person === null) {
    await signedIn();
    session = await call("/api/session");
  }
  for (const button of document.querySelectorAll(".sign-out")) {
    button.hidden = session.person === null;
    button.textContent = `Sign out ${session.person}`;
    button.onclick = () => call("/api/session", undefined, "DELETE").then(() => location.assign("/"));
  }
  return session.person;
}

// One call at a time; an error is shown and leaves everything as it is.
async function exclusively(work) {
  if (state.busy) return;
  state.busy = true;
  document.body.setAttribute("aria-busy", "true");
  notice("");
  try {
    await work();
  } catch (error) {
    notice(error.message);
  } finally {
    state.busy = false;
    document.body.removeAttribute("aria-busy");
  }
}

function notice(text, kind = "problem") {
  byId("notice").textContent = text;
  byId("notice").className = kind;
  byId("notice").hidden = text === "";
}

function showOnly(id) {
  byId("bar").hidden = id === "start";
  for (const name of ["start", "work", "end"]) byId(name).hidden = name !== id;
}

// Facts as people write them; the exact value is the title.
const WRITTEN = {
  duration_ms: (value) => ["duration", `${(value / 1000).toFixed(1)} s`],
  cost_usd: (value) => ["cost", `${value.toPrecision(3)} USD`],
  start_time: (value) => ["start", new Date(value).toLocaleString()],
};

function list(target, entries) {
  for (const [key, value] of Object.entries(entries)) {
    if (value === null || value === "") continue;
    const told = typeof value === "object" ? JSON.stringify(value) : String(value);
    const [name, text] = WRITTEN[key]?.(value) ?? [key.replaceAll("_", " "), told];
    target.append(element("dt", name), element("dd", text, text === told ? {} : { title: told }));
  }
}
