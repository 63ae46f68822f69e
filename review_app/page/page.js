"use strict";

// The state of the page: who reviews which queue, the claim in hand, and whether a call is under
// way. While one is, keys do nothing, so that a fast hand never answers the wrong item.
const state = { reviewer: "", queue: null, claim: null, shown: null, mode: "work", busy: false,
  earlier: [], place: 0, waiting: [], last: null };
const HEARTBEAT_MILLISECONDS = 60_000;

const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

async function call(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.message), answer);
  return answer;
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
  for (const name of ["start", "work", "end"]) byId(name).hidden = name !== id;
}

function list(target, entries) {
  for (const [key, value] of Object.entries(entries)) {
    if (value === null || value === "") continue;
    target.append(element("dt", key.replaceAll("_", " ")));
    target.append(element("dd", typeof value === "object" ? JSON.stringify(value) : String(value)));
  }
}
