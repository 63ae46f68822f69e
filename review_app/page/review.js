"use strict";

// Working through a queue: claim, read, answer, next.

async function start() {
  const wanted = new URLSearchParams(location.search);
  const person = await whoWorks();
  state.reviewer = person ?? wanted.get("reviewer") ?? "";
  byId("name").hidden = person !== null;
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
  (person === null ? byId("reviewer") : list.querySelector("input") ?? byId("help-button")).focus();
}

async function open(queue) {
  state.queue = await call(`/api/queues/${encodeURIComponent(queue)}`);
  await next();
}

async function next() {
  const name = encodeURIComponent(state.queue.queue);
  const reviewer = encodeURIComponent(state.reviewer);
  [state.queue, state.earlier, state.waiting] = await Promise.all([
    call(`/api/queues/${name}`),
    call(`/api/queues/${name}/earlier/${reviewer}`),
    call(`/api/queues/${name}/waiting/${reviewer}`),
  ]);
  byId("title").textContent = state.queue.queue;
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
  work: { primary: "Complete and next", where: () => "" },
  earlier: {
    primary: "Save changes",
    where: () => `your item ${state.place + 1} of ${state.earlier.length}; `,
  },
  decide: { primary: "Decide and next", where: () => `${state.waiting.length} to decide; ` },
};

function show(payload, mode) {
  state.shown = payload;
  state.mode = mode;
  const { item, facts, messages } = payload;
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
  byId("instructions").open = state.queue.completed === 0 && mode === "work";
  byId("fields").replaceChildren(...state.queue.fields.map((field) => showField(field)));
  fillIn(payload.answers);
  showPassages();
  showDisagreement();
  byId("complete").querySelector("span").textContent = MODES[mode].primary;
  byId("skip").hidden = mode !== "work";
  byId("annotate").hidden = mode === "decide";
  byId("back").hidden = mode === "work";
  byId("mode").hidden = mode === "work";
  byId("mode").textContent = mode === "earlier"
    ? "You have answered this item. What you save now replaces your answer; the earlier one stays on record."
    : "Your decision is the authoritative answer; the reviewers' own answers stay.";
  showSteps();
  tellProgress(MODES[mode].where());
  showOnly("work");
  conversation.scrollTop = 0;
  (byId("fields").querySelector("input") || byId("complete")).focus();
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
  const { token, item } = state.claim;
  const body = { token, revision: item.revision, values: answers() };
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
  a: () => state.mode !== "decide" && writeNote(),
  d: () => openWaiting(),
  j: () => readOn(1),
  k: () => readOn(-1),
  s: () => state.mode === "work" && askWhy(),
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
  state.reviewer = chosen.get("reviewer").trim();
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
