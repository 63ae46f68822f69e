"use strict";

// The list of queues, new queues and new fields.

const percent = (value) => (value === null ? "–" : `${Math.round(value)} %`);
const words = (text) => text.replaceAll("_", " ");

function queueTable(queues, chosen) {
  const table = element("table");
  const head = element("tr");
  for (const title of ["Queue", "State", "Items", "Completed", "With responses", ""]) {
    head.append(element("th", title, { scope: "col" }));
  }
  table.append(head, ...queues.map((queue) => queueRow(queue, queue.queue === chosen || queue.link === chosen)));
  return table;
}

function queueRow(queue, isChosen) {
  const row = element("tr");
  const name = element("td");
  const label = element("label");
  const radio = { type: "radio", name: "queue", value: queue.queue, required: "" };
  label.append(element("input", null, isChosen ? { ...radio, checked: "" } : radio), ` ${queue.queue} `);
  label.append(element("small", queue.status === "active" ? queue.kind : `${queue.kind}, ${queue.status}`));
  name.append(label);
  if (queue.description) name.append(element("p", queue.description));
  row.append(name);
  const facts = { State: words(queue.state), Items: queue.total, Completed: percent(queue.completed_percent),
    "With responses": percent(queue.with_responses_percent) };
  for (const [title, fact] of Object.entries(facts)) row.append(element("td", fact, { "data-title": title }));
  const more = element("td", null, { class: "more" });
  more.append(element("a", "Items", { href: `/queue?${new URLSearchParams({ queue: queue.queue })}` }));
  const copy = element("button", "Copy link", { type: "button", "aria-label": `Copy link of ${queue.queue}` });
  copy.addEventListener("click", () => copyText(linkOf(queue.link)));
  more.append(" ", copy);
  row.append(more);
  return row;
}

// Who writes must have a name, also where nobody signs in.
function named(work) {
  return () => exclusively(async () => {
    const written = byId("reviewer")?.value.trim();
    if (written) state.reviewer = written;
    if (!state.reviewer) {
      byId("reviewer")?.focus();
      throw new Error("Write your name first.");
    }
    await work();
  });
}

const newQueue = named(async () => {
  const [{ fields }, columns] = await Promise.all([call("/api/v1/fields"), columnsOf("Trace")]);
  const isLive = ({ live }) => live;
  ask("New queue", [
    { name: "name", label: "Name", required: true },
    { name: "description", label: "Description", help: "A short summary for the list." },
    { name: "instructions", label: "Instructions", kind: "textarea" },
    { name: "fields", label: "Fields of the form", kind: "checks", options: fields.map(({ name }) => name),
      help: fields.length === 0 ? "There are none yet: make one with New field." : "" },
    { name: "assignees", label: "Assignees", placeholder: "ana, ben", help: "Empty: anyone." },
    { name: "shown", label: "Show reviewers only", kind: "checks", options: SHOWN, help: "None: everything." },
    { name: "labels_wanted", label: "Labels an item", kind: "number", value: 1 },
    { name: "live", label: "Make this queue live: add traces as they complete", kind: "checkbox" },
    { name: "sample", label: "Sampling: share of matching traces", kind: "range", value: 10, when: isLive },
    { name: "filter", label: "Filter", when: isLive, columns,
      placeholder: "error_count > 0 AND \"score:judge\" < 0.5",
      help: "A SQL condition over traces, scores and decisions; empty for every trace." },
  ], "Create queue", async ({ assignees, live, sample, filter, labels_wanted, ...rest }) => {
    const body = { ...rest, assignees: listOf(assignees), live, labels_wanted: labels_wanted ?? 1 };
    if (live) body.sample = sample / 100;
    if (live && filter) body.filter = filter;
    await call("/api/v1/queues", body);
    await showQueues(body.name);
    notice(`Created ${body.name}.`, "done");
  });
});

const newField = named(() => {
  const isChoice = ({ type }) => type === "categorical";
  const isNumber = ({ type }) => type === "integer" || type === "number";
  ask("New field", [
    { name: "name", label: "Name", required: true },
    { name: "type", label: "Type", kind: "select",
      options: ["boolean", "categorical", "integer", "number", "string"] },
    { name: "options", label: "Options", when: isChoice, placeholder: "good, bad, unclear" },
    { name: "multiple", label: "Several at once", kind: "checkbox", when: isChoice },
    { name: "min", label: "Least", kind: "number", when: isNumber },
    { name: "max", label: "Greatest", kind: "number", when: isNumber },
    { name: "description", label: "Description", help: "What the reviewer is to judge." },
    { name: "required", label: "No item is completed without it", kind: "checkbox" },
    { name: "shared", label: "Every project may use it", kind: "checkbox" },
  ], "Create field", async (values) => {
    const { options, multiple, min, max, ...body } = values;
    if (isChoice(values)) Object.assign(body, { options: listOf(options), multiple });
    if (isNumber(values)) Object.assign(body, { min, max });
    await call("/api/v1/fields", body);
    await showFields();
    notice(`Created ${body.name}. A field never changes.`, "done");
  });
});

async function showQueues(chosen) {
  const open = ({ total, completed, skipped }) => (total > completed + skipped ? 0 : 1);
  // Where there is work comes first; the order stays otherwise.
  const queues = (await call("/api/queues")).sort((one, other) => open(one) - open(other));
  byId("queues").replaceChildren(element("legend", "Queues"), ...(queues.length > 0
    ? [queueTable(queues, chosen)]
    : [element("p", "No queue yet: make one, or let spandocket analyze make the system queues.")]));
}

async function showFields() {
  const { fields } = await call("/api/v1/fields");
  const table = element("table");
  const head = element("tr");
  for (const title of ["Field", "Type", "Values", "Required"]) head.append(element("th", title, { scope: "col" }));
  table.append(head, ...fields.map((field) => {
    const row = element("tr");
    const name = element("td", field.name);
    name.append(" ", element("small", field.project === null ? "shared" : ""), element("p", field.description));
    const range = [field.min ?? "", field.max ?? ""];
    const values = field.options.length > 0 ? field.options.join(", ") : range.join("") ? range.join(" to ") : "–";
    row.append(name, element("td", field.type, { "data-title": "Type" }),
      element("td", values, { "data-title": "Values" }),
      element("td", field.required ? "yes" : "no", { "data-title": "Required" }));
    return row;
  }));
  byId("field-list").replaceChildren(element("summary", `Fields (${fields.length})`), table);
}

byId("new-queue").addEventListener("click", newQueue);
byId("new-field").addEventListener("click", newField);
