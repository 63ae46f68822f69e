"use strict";

// The state of the page: who reviews which queue, the claim in hand, and whether a call is under
// way. While one is, keys do nothing, so that a fast hand never answers the wrong item.
const state = { reviewer: "", queue: null, claim: null, busy: false };
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

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = text === "";
}

function showOnly(id) {
  for (const name of ["start", "work", "end"]) byId(name).hidden = name !== id;
}

async function start() {
  const wanted = new URLSearchParams(location.search);
  state.reviewer = wanted.get("reviewer") || "";
  if (wanted.get("queue") && state.reviewer) return open(wanted.get("queue"));
  const queues = await call("/api/queues");
  const list = byId("queues");
  for (const queue of queues) {
    const label = element("label");
    label.append(element("input", null, { type: "radio", name: "queue", value: queue.queue, required: "" }));
    const open = queue.total - queue.completed - queue.skipped;
    label.append(` ${queue.queue} (${open} of ${queue.total} open)`);
    list.append(label);
  }
  if (queues.length === 0) list.append(element("p", "No queue yet: spandocket analyze makes them."));
  byId("reviewer").value = state.reviewer;
  showOnly("start");
  byId("reviewer").focus();
}

async function open(queue) {
  state.queue = await call(`/api/queues/${encodeURIComponent(queue)}`);
  await next();
}

async function next() {
  const name = encodeURIComponent(state.queue.queue);
  state.queue = await call(`/api/queues/${name}`);
  byId("title").textContent = state.queue.queue;
  byId("progress").textContent =
    `${state.queue.completed} completed, ${state.queue.skipped} skipped, of ${state.queue.total}`;
  try {
    state.claim = await call(`/api/queues/${name}/next`, { reviewer: state.reviewer });
  } catch (error) {
    if (error.error !== "NoItemsAvailable") throw error;
    state.claim = null;
    byId("end-text").textContent = error.message;
    showOnly("end");
    byId("again").focus();
    return;
  }
  showClaim();
}

function showClaim() {
  const { item, facts, messages } = state.claim;
  const about = element("dl");
  const terms = element("dl");
  list(about, { reason: item.reason, [item.object_type]: item.object_id, ...facts, ...item.metadata,
    priority: item.priority.toPrecision(3) });
  list(terms, item.priority_terms);
  const why = element("details");
  why.append(element("summary", "how the priority came about"), terms);
  byId("facts").replaceChildren(about, ...(terms.children.length > 0 ? [why] : []));
  const conversation = byId("conversation");
  conversation.replaceChildren(...messages.map(showMessage));
  if (messages.length === 0) conversation.append(element("p", "No message content was recorded."));
  byId("instructions").querySelector("p").textContent = state.queue.instructions;
  byId("instructions").open = state.queue.completed === 0;
  byId("fields").replaceChildren(...state.queue.fields.map(showField));
  showOnly("work");
  conversation.scrollTop = 0;
  (byId("fields").querySelector("input") || byId("complete")).focus();
}

function list(target, entries) {
  for (const [key, value] of Object.entries(entries)) {
    if (value === null || value === "") continue;
    target.append(element("dt", key.replaceAll("_", " ")));
    target.append(element("dd", typeof value === "object" ? JSON.stringify(value) : String(value)));
  }
}

function showMessage(message) {
  const kind = message.role === "assistant" ? "assistant" : message.role.includes("error") ? "error" : "";
  const card = element("article", null, { class: `message ${kind}` });
  // Instructions are long, and the same in every item: one click away.
  const body = message.role === "system" ? element("details") : card;
  body.append(element(body === card ? "h3" : "summary", message.role));
  if (body !== card) card.append(body);
  for (const part of message.parts) {
    const { type, content, ...rest } = part;
    if (typeof content === "string") body.append(element("pre", content));
    else body.append(element("pre", `${type}\n${JSON.stringify(content ?? rest, null, 2)}`, { class: "code" }));
  }
  return card;
}

// Nothing is chosen beforehand: a form that suggests an answer biases it.
function showField(field) {
  const group = element("fieldset", null, { "data-field": field.name, "data-type": field.type });
  group.append(element("legend", field.name + (field.required ? " (required)" : "")));
  if (field.description) group.append(element("p", field.description));
  const options = field.type === "boolean"
    ? [{ value: "true", help: "" }, { value: "false", help: "" }] : field.options;
  if (options.length > 0) {
    options.forEach((option, index) => {
      const label = element("label");
      const type = field.multiple ? "checkbox" : "radio";
      label.append(element("input", null, { type, name: field.name, value: option.value }));
      label.append(` ${option.value} `, element("kbd", String(index + 1)), ` ${option.help}`);
      group.append(label);
    });
  } else {
    const numeric = field.type === "integer" || field.type === "number";
    const input = element("input", null, { name: field.name, type: numeric ? "number" : "text",
      "aria-label": field.name, autocomplete: "off" });
    if (numeric) input.step = field.type === "integer" ? "1" : "any";
    if (field.minimum !== null) input.min = field.minimum;
    if (field.maximum !== null) input.max = field.maximum;
    group.append(input);
  }
  return group;
}

function answers() {
  const values = {};
  for (const field of state.queue.fields) {
    const inputs = [...byId("fields").querySelectorAll("input")].filter((i) => i.name === field.name);
    const chosen = inputs.filter((input) => input.checked).map((input) => input.value);
    const text = inputs[0].type === "radio" || inputs[0].type === "checkbox" ? null : inputs[0].value.trim();
    if (field.multiple && chosen.length > 0) values[field.name] = chosen;
    else if (field.type === "boolean" && chosen.length > 0) values[field.name] = chosen[0] === "true";
    else if (chosen.length > 0) values[field.name] = chosen[0];
    else if (text) values[field.name] = inputs[0].type === "number" ? Number(text) : text;
  }
  return values;
}

const complete = () => exclusively(async () => {
  const { token, item } = state.claim;
  const body = { token, revision: item.revision, values: answers() };
  await call(`/api/items/${item.item_id}/complete`, body);
  await next();
});

const skip = (reason) => exclusively(async () => {
  const { token, item } = state.claim;
  await call(`/api/items/${item.item_id}/skip`, { token, reason });
  await next();
});

function askWhy() {
  byId("skip-reason").value = "";
  byId("skip-dialog").showModal();
  byId("skip-reason").focus();
}

function move(step) {
  const groups = [...byId("fields").children];
  const here = groups.findIndex((group) => group.contains(document.activeElement));
  const there = groups[Math.min(Math.max(here + step, 0), groups.length - 1)];
  there?.querySelector("input").focus();
}

function choose(number) {
  const groups = [...byId("fields").children];
  const group = groups.find((each) => each.contains(document.activeElement)) || groups[0];
  const input = group?.querySelectorAll("input[type=radio], input[type=checkbox]")[number - 1];
  if (!input) return;
  input.focus();
  input.click();
}

// Bare keys are dead inside text fields and dialogs, and while the next item loads.
document.addEventListener("keydown", (event) => {
  if (byId("help").open || byId("skip-dialog").open) return;
  const writing = event.target.matches("input:not([type=radio]):not([type=checkbox])");
  const working = !byId("work").hidden && state.claim !== null && !state.busy;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (working) complete();
  } else if (writing) {
    if (event.key === "Escape") event.target.blur();
  } else if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  } else if (event.key === "?") {
    byId("help").showModal();
  } else if (!working) {
    return;
  } else if (event.key === "s") {
    event.preventDefault();
    askWhy();
  } else if (/^[1-9]$/.test(event.key)) {
    event.preventDefault();
    choose(Number(event.key));
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  }
});

byId("answers").addEventListener("submit", (event) => { event.preventDefault(); complete(); });
byId("skip").addEventListener("click", askWhy);
byId("skip-cancel").addEventListener("click", () => byId("skip-dialog").close());
byId("skip-form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("skip-dialog").close();
  skip(byId("skip-reason").value);
});
byId("help-button").addEventListener("click", () => byId("help").showModal());
byId("again").addEventListener("click", () => exclusively(next));
byId("start-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = new FormData(event.target);
  state.reviewer = chosen.get("reviewer").trim();
  const wanted = new URLSearchParams({ queue: chosen.get("queue"), reviewer: state.reviewer });
  history.replaceState(null, "", `/?${wanted}`);
  exclusively(() => open(chosen.get("queue")));
});

// A claim in hand stays ours while the page is open.
setInterval(() => {
  if (state.claim === null || state.busy || byId("work").hidden) return;
  const { token, item } = state.claim;
  call(`/api/items/${item.item_id}/heartbeat`, { token }).catch((error) => notice(error.message));
}, HEARTBEAT_MILLISECONDS);

exclusively(start);
