"use strict";

// The items of one queue: what each is about, where it stands, who answered it.

const wanted = new URLSearchParams(location.search);
const path = `/api/queues/${encodeURIComponent(wanted.get("queue") ?? "")}`;
const STATUSES = ["", "pending", "in_progress", "awaiting_adjudication", "completed", "skipped", "removed"];
let cursor = null;

function rowOf(item) {
  const row = element("tr");
  const about = element("td");
  const address = new URLSearchParams({ queue: state.queue.queue, item: item.item_id });
  about.append(element("a", item.name ?? item.object_id, { href: `/?${address}` }));
  about.append(element("p", item.reason || `${item.object_type} ${item.object_id}`));
  const status = item.holder ? `held by ${item.holder}` : item.status.replaceAll("_", " ");
  row.append(about,
    element("td", item.started === null ? "–" : new Date(item.started).toLocaleString(), { "data-title": "Created" }),
    element("td", status, { "data-title": "Status" }),
    element("td", item.reviewers.join(", ") || "–", { "data-title": "Reviewed by" }),
    element("td", item.priority.toPrecision(3), { "data-title": "Priority" }));
  return row;
}

async function more() {
  const asked = new URLSearchParams({ status: byId("status").value, cursor: cursor ?? "" });
  const page = await call(`${path}/rows?${asked}`);
  byId("rows").append(...page.items.map(rowOf));
  if (byId("rows").children.length === 0) {
    const row = element("tr");
    row.append(element("td", "No items.", { colspan: "5" }));
    byId("rows").append(row);
  }
  cursor = page.cursor;
  byId("more").hidden = cursor === null;
}

async function begin() {
  await whoWorks();
  state.queue = await call(path);
  const { queue, description, completed, skipped, total, link } = state.queue;
  document.title = `Items of ${queue}`;
  byId("title").textContent = queue;
  byId("description").textContent = description;
  byId("progress").textContent = `${completed} completed, ${skipped} skipped, of ${total}`;
  byId("review").href = `/?${new URLSearchParams({ queue })}`;
  byId("copy").addEventListener("click", () => copyText(linkOf(link)));
  byId("status").append(...STATUSES.map((status) =>
    element("option", status === "" ? "all" : status.replaceAll("_", " "), { value: status })));
  byId("status").value = wanted.get("status") ?? "";
  await more();
}

byId("status").addEventListener("change", () => exclusively(async () => {
  cursor = null;
  byId("rows").replaceChildren();
  await more();
}));
byId("more").addEventListener("click", () => exclusively(more));

exclusively(begin);
