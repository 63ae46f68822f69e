"use strict";

// Working through a queue: claim, read, answer, next.

async function start() {
  const wanted = new URLSearchParams(location.search);
  const person = await whoWorks();
  state.reviewer = person ?? wanted.get("reviewer") ?? localStorage.getItem("reviewer") ?? "";
  byId("name").hidden = person !== null;
  const knows = person !== null || wanted.get("reviewer") || (wanted.get("item") && state.reviewer);
  if (wanted.get("queue") && knows) return open(wanted.get("queue"), wanted.get("item"));
  await Promise.all([showQueues(wanted.get("queue")), showFields()]);
  byId("reviewer").value = state.reviewer;
  showOnly("start");
  const first = byId("queues").querySelector("input:checked") ?? byId("queues").querySelector("input");
  (state.reviewer === "" ? byId("reviewer") : first ?? byId("help-button")).focus();
}

async function open(queue, item) {
  state.queue = await call(`/api/queues/${encodeURIComponent(queue)}`);
  localStorage.setItem("reviewer", state.reviewer);
  byId("items").href = `/queue?${new URLSearchParams({ queue: state.queue.queue })}`;
  byId("items").hidden = false;
  if (!item) return next();
  await lookUp();
  await lookAt(Number(item));
}

async function lookUp() {
  const name = encodeURIComponent(state.queue.queue);
  const reviewer = encodeURIComponent(state.reviewer);
  [state.queue, state.earlier, state.waiting] = await Promise.all([
    call(`/api/queues/${name}`),
    call(`/api/queues/${name}/earlier/${reviewer}`),
    call(`/api/queues/${name}/waiting/${reviewer}`),
  ]);
  byId("title").textContent = state.queue.queue;
  await loadIssues();
}

async function loadIssues() {
  const issues = (await call("/api/issues")).filter(({ state: stands }) => stands === "open");
  byId("issues").replaceChildren(...issues.map(({ title }) => element("option", null, { value: title })));
}

async function next() {
  await lookUp();
  const name = encodeURIComponent(state.queue.queue);
  try {
    state.claim = await call(`/api/queues/${name}/next`, { reviewer: state.reviewer });
  } catch (error) {
    if (error.error !== "NoItemsAvailable") throw error;
    state.claim = null;
    state.shown = null;
    showSteps();
    tellProgress("");
    byId("end-text").textContent = error.message;
    showOnly("end");
    byId("bar").hidden = true;
    byId("again").focus();
    return;
  }
  show(state.claim, "work");
}

function showSteps() {
  byId("waiting").hidden = state.waiting.length === 0;
  byId("steps").hidden = false;
}

function tellProgress(where) {
  const { completed, skipped, total } = state.queue;
  byId("progress").textContent = `${where}${completed} completed, ${skipped} skipped, of ${total}`;
}

// The modes: working on a claim, looking at an earlier item, deciding a disagreement.
const MODES = {
  work: { primary: "Fully annotated, next", where: () => "" },
  look: { primary: "Take this item", where: () => "" },
  earlier: {
    primary: "Save changes",
    where: () => `your item ${state.place + 1} of ${state.earlier.length}; `,
  },
  decide: { primary: "Decide and next", where: () => `${state.waiting.length} to decide; ` },
};

const TOLD = {
  work: () => "",
  earlier: () => "You have answered this item. What you save now replaces your answer; the earlier one stays on record.",
  decide: () => "Your decision is the authoritative answer; the reviewers' own answers stay.",
  look: ({ status }) => `You look at an item that is not in your hands: it is ${words(status)}.`,
};

// What was chosen and not yet given stays with the claim while one looks elsewhere.
function keepWritten() {
  if (state.mode !== "work" || state.claim === null || state.shown?.item !== state.claim.item) return;
  state.kept = { item: state.claim.item.item_id, values: answers() };
}

function show(payload, mode) {
  keepWritten();
  state.shown = payload;
  state.mode = mode;
  const { item, facts, messages } = payload;
  const why = element("p", item.reason);
  const about = element("dl");
  const terms = element("dl");
  list(about, { [item.object_type]: item.object_id, ...facts, ...item.metadata,
    priority: item.priority.toPrecision(3) });
  list(terms, item.priority_terms);
  const metadata = element("details", null, matchMedia("(min-width: 60rem)").matches ? { open: "" } : {});
  metadata.append(element("summary", "Metadata"), about);
  const attributes = element("details");
  const pairs = element("dl");
  list(pairs, payload.attributes);
  attributes.append(element("summary", "Attributes"), pairs);
  const how = element("details");
  how.append(element("summary", "how the priority came about"), terms);
  byId("facts").replaceChildren(why, metadata, ...(pairs.children.length > 0 ? [attributes] : []), ...(terms.children.length > 0 ? [how] : []));
  const conversation = byId("conversation");
  conversation.replaceChildren(...messages.map(showMessage));
  if (messages.length === 0) conversation.append(element("p", "No message content was recorded."));
  byId("instructions").querySelector("p").textContent = state.queue.instructions;
  byId("instructions").open = state.earlier.length === 0 && mode === "work";
  byId("fields").replaceChildren(...state.queue.fields.map((field) => showField(field)));
  fillIn(payload.answers);
  if (mode === "work" && state.kept?.item === item.item_id) {
    fillIn(Object.entries(state.kept.values).map(([field, value]) => ({ field, value, anchor: null })));
  }
  byId("fields").hidden = mode === "look";
  byId("known").hidden = mode !== "work";
  byId("issue").value = "";
  showOthers();
  showPassages();
  showDisagreement();
  byId("complete").querySelector("span").textContent = MODES[mode].primary;
  byId("skip").hidden = mode !== "work";
  byId("complete").hidden = mode === "look" && payload.status !== "pending" && payload.status !== "in_progress";
  byId("annotate").hidden = mode === "decide" || mode === "look";
  byId("back").hidden = mode === "work";
  byId("mode").hidden = mode === "work";
  byId("mode").textContent = TOLD[mode](payload);
  showSteps();
  tellProgress(MODES[mode].where());
  showOnly("work");
  conversation.scrollTop = 0;
  scrollTo(0, 0);
  (mode === "look" ? conversation : byId("fields").querySelector("input") || byId("complete"))
    .focus({ preventScroll: true });
  showPlace().catch((error) => notice(error.message));
}

// Open queues show what others and evaluators said; blind ones send nothing of it.
function showOthers() {
  const { others = [], verdicts = [] } = state.shown;
  byId("others").hidden = others.length + verdicts.length === 0;
  byId("others").replaceChildren(element("h3", "What others said"));
  for (const { reviewer, field, value, comment, quote } of others) {
    const row = element("p", `${reviewer}: ${field} ${JSON.stringify(value)}${comment ? `, ${comment} ` : " "}`);
    if (quote) row.append(element("q", quote));
    byId("others").append(row);
  }
  for (const { evaluator, score, label, explanation } of verdicts) {
    const told = [score, label, explanation].filter((each) => each !== null).join(", ");
    byId("others").append(element("p", `${evaluator}: ${told || "failed"}`));
  }
}

function showMessage(message) {
  const kind = message.role === "assistant" ? "assistant" : message.role.includes("error") ? "error" : "";
  const card = element("article", null, { class: `message ${kind}`, tabindex: "-1" });
  card.place = message.message_index === undefined ? null
    : { span_id: message.span_id, direction: message.part, message_index: message.message_index };
  // Instructions are long, and the same in every item: one click away.
  const body = message.role === "system" ? element("details") : card;
  body.append(element(body === card ? "h3" : "summary", message.role));
  if (body !== card) card.append(body);
  for (const [index, part] of message.parts.entries()) {
    const { type, content, ...rest } = part;
    if (typeof content === "string") body.append(showText(content, card.place, index));
    else body.append(element("pre", `${type}\n${JSON.stringify(content ?? rest, null, 2)}`, { class: "code" }));
  }
  return card;
}

// Nothing is chosen beforehand: a form that suggests an answer biases it. What the reviewer said
// before is filled in afterwards.
function showField(field, prefix = "") {
  const group = element("fieldset", null, { "data-field": field.name, "data-type": field.type });
  group.append(element("legend", field.name + (field.required ? " (required)" : "")));
  if (field.description) group.append(element("p", field.description));
  const options = field.type === "boolean"
    ? [{ value: "true", help: "" }, { value: "false", help: "" }] : field.options;
  if (options.length > 0) {
    options.forEach((option, index) => {
      const label = element("label");
      const type = field.multiple ? "checkbox" : "radio";
      label.append(element("input", null, { type, name: prefix + field.name, value: option.value }));
      label.append(` ${option.value} `, element("kbd", String(index + 1)), ` ${option.help}`);
      group.append(label);
    });
  } else {
    const numeric = field.type === "integer" || field.type === "number";
    const input = element("input", null, { name: prefix + field.name, type: numeric ? "number" : "text",
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
    const value = valueOf(field, byId("fields"), field.name);
    if (value !== undefined) values[field.name] = value;
  }
  return values;
}

function valueOf(field, form, name) {
  const inputs = [...form.querySelectorAll("input")].filter((input) => input.name === name);
  const chosen = inputs.filter((input) => input.checked).map((input) => input.value);
  if (chosen.length > 0) {
    if (field.multiple) return chosen;
    return field.type === "boolean" ? chosen[0] === "true" : chosen[0];
  }
  if (inputs[0].type === "radio" || inputs[0].type === "checkbox") return undefined;
  const text = inputs[0].value.trim();
  if (text === "") return undefined;
  return inputs[0].type === "number" ? Number(text) : text;
}

const complete = () => exclusively(async () => {
  if (state.mode === "earlier") return saveEarlier();
  if (state.mode === "decide") return decide("");
  if (state.mode === "look") return take();
  const { token, item } = state.claim;
  const body = { token, revision: item.revision, values: answers(), issue: byId("issue").value.trim() };
  await call(`/api/items/${item.item_id}/complete`, body);
  state.last = item.item_id;
  await next();
});

const skip = (reason) => exclusively(async () => {
  const { token, item } = state.claim;
  await call(`/api/items/${item.item_id}/skip`, { token, reason });
  state.last = item.item_id;
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

const KEYS = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  Escape: () => backToWork(),
  a: () => !byId("annotate").hidden && writeNote(),
  d: () => openWaiting(),
  j: () => readOn(1),
  k: () => readOn(-1),
  n: () => walk("after"),
  p: () => walk("before"),
  s: () => state.mode === "work" && askWhy(),
  t: () => keepShown(),
  u: () => undo(),
};

// Bare keys are dead inside text fields and dialogs, and while the next item loads.
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const writing = event.target.matches("select, input:not([type=radio]):not([type=checkbox])");
  const started = !byId("steps").hidden && !state.busy;
  const working = started && !byId("work").hidden;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (working) complete();
  } else if (writing) {
    if (event.key === "Escape") event.target.blur();
  } else if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  } else if (event.key === "?") {
    byId("help").showModal();
  } else if (working && /^[1-9]$/.test(event.key)) {
    event.preventDefault();
    choose(Number(event.key));
  } else if (KEYS[event.key] && (working || (started && "duArrowLeft".includes(event.key)))) {
    event.preventDefault();
    KEYS[event.key]();
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
byId("annotate").addEventListener("click", writeNote);
byId("before").addEventListener("click", () => step(-1));
byId("after").addEventListener("click", () => step(1));
byId("undo").addEventListener("click", undo);
byId("waiting").addEventListener("click", openWaiting);
byId("back").addEventListener("click", backToWork);
byId("help-button").addEventListener("click", () => byId("help").showModal());
byId("again").addEventListener("click", () => exclusively(next));
byId("start-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = new FormData(event.target);
  state.reviewer = chosen.get("reviewer").trim() || state.reviewer;
  const wanted = new URLSearchParams({ queue: chosen.get("queue"), reviewer: state.reviewer });
  history.replaceState(null, "", `/?${wanted}`);
  exclusively(() => open(chosen.get("queue")));
});

// A claim in hand stays ours while the page is open.
setInterval(() => {
  if (state.claim === null || state.busy) return;
  const { token, item } = state.claim;
  call(`/api/items/${item.item_id}/heartbeat`, { token }).catch((error) => notice(error.message));
}, HEARTBEAT_MILLISECONDS);

exclusively(start);
