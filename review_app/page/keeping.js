"use strict";

// Keeping items and traces: in a dataset, in a queue.

// `what` is { items } or { objects }, as the API takes them.
async function addToDataset(what, count, done) {
  const { datasets } = await call("/api/v1/datasets");
  const names = datasets.map((dataset) => dataset.name);
  ask(`Add ${count} to a dataset`, [
    { name: "name", label: "Dataset", required: true, options: names,
      value: localStorage.getItem("dataset") ?? names[0],
      help: names.length > 0 ? "Choose one, or write the name of a new one." : "A new one is made." },
    { name: "note", label: "Note", placeholder: "what this version is about" },
  ], "Add", async ({ name, note }) => {
    if (!names.includes(name)) await call("/api/v1/datasets", { name });
    const added = await call(`/api/v1/datasets/${encodeURIComponent(name)}/entries`, { ...what, note });
    localStorage.setItem("dataset", name);
    done(`Added to ${name}: ${added.entries} ${added.entries === 1 ? "entry" : "entries"} in version ${added.version}.`);
  });
}

const SHOWN = ["instructions", "input", "output", "tools", "facts"];

// `kind` says what the ids are, in `one` word and in that for `many`.
async function addToQueue(kind, objectIds, done) {
  const queues = await call("/api/queues");
  const names = queues.map((queue) => queue.queue);
  const count = `${objectIds.length} ${objectIds.length === 1 ? kind.one : kind.many}`;
  ask(`Add ${count} to a queue`, [
    { name: "queue", label: "Queue", kind: "select", options: names },
    { name: "priority", label: "Priority", kind: "number", value: 0, help: "Higher is served first." },
    { name: "reason", label: "Reason", placeholder: "why a person should look" },
    { name: "shown", label: "Show reviewers of this queue only", kind: "checks", options: SHOWN,
      help: "None: as the queue says now." },
  ], `Add ${count}`, async ({ queue, priority, reason, shown }) => {
    const path = `/api/v1/queues/${encodeURIComponent(queue)}`;
    if (shown.length > 0) await call(path, { shown }, "PATCH");
    const items = objectIds.map((object_id) => ({ object_id, object_type: kind.one, priority: priority ?? 0, reason }));
    const added = await call(`${path}/items`, { items });
    const unknown = added.unknown.length > 0 ? `, ${added.unknown.length} unknown` : "";
    done(`${queue}: ${added.added} added, ${added.duplicates} there already${unknown}.`);
  });
}
