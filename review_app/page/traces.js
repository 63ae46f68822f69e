"use strict";

// Traces, or sessions: filtered, chosen for a queue or a dataset; filters of traces saved as views.

const isSessions = location.pathname === "/sessions";
const KIND = isSessions
  ? { one: "session", many: "sessions", key: "conversation_id", shape: "Session" }
  : { one: "trace", many: "traces", key: "trace_id", shape: "Trace" };
const FILTERS = ["queue", "answered", "where"];
let cursor = null;
let views = [];

const known = (value, digits) => (value === null ? "–" : value.toFixed(digits));

function rowOf(trace) {
  const row = element("tr");
  const box = element("td");
  const id = trace[KIND.key];
  const name = isSessions ? trace.agent_names.join(", ") : trace.name;
  box.append(element("input", null, { type: "checkbox", value: id, "aria-label": `Choose ${name || id}` }));
  const about = element("td");
  const within = isSessions ? `, ${trace.trace_count} ${trace.trace_count === 1 ? "trace" : "traces"}` : "";
  about.append(element("span", name || "–"), element("p", `${id}${within}`));
  const found = (trace.detectors ?? []).map((entry) => entry.detector ?? entry).join(", ");
  const started = trace.start_time === null ? "–" : new Date(trace.start_time).toLocaleString();
  row.append(box, about, element("td", started, { "data-title": "Started" }),
    element("td", known(trace.duration_ms === null ? null : trace.duration_ms / 1000, 1), { "data-title": "Seconds" }),
    element("td", known(trace.total_tokens, 0), { "data-title": "Tokens" }),
    element("td", known(trace.cost_usd, 4), { "data-title": "Cost, USD" }),
    element("td", known(trace.error_count, 0), { "data-title": "Errors" }),
    element("td", found || "–", { "data-title": "Detectors" }));
  return row;
}

const boxes = () => [...byId("rows").querySelectorAll("input")];
const chosen = () => boxes().filter((box) => box.checked).map((box) => box.value);

function showChosen() {
  const count = chosen().length;
  byId("chosen").hidden = count === 0;
  byId("count").textContent = `${count} chosen`;
  byId("all").checked = count > 0 && count === boxes().length;
}

async function more() {
  const asked = new URLSearchParams({ limit: "100" });
  for (const name of FILTERS) if (byId(name).value.trim()) asked.set(name, byId(name).value.trim());
  if (cursor !== null) asked.set("cursor", cursor);
  const page = await call(`/api/v1/${KIND.many}?${asked}`);
  byId("rows").append(...page[KIND.many].map(rowOf));
  cursor = page.cursor;
  byId("more").hidden = cursor === null;
  const count = boxes().length;
  byId("progress").textContent = `${count}${cursor === null ? "" : " and more"} ${count === 1 ? KIND.one : KIND.many}`;
  showChosen();
}

const apply = () => exclusively(async () => {
  const address = new URLSearchParams();
  for (const name of FILTERS) if (byId(name).value.trim()) address.set(name, byId(name).value.trim());
  history.replaceState(null, "", `/${KIND.many}?${address}`);
  cursor = null;
  byId("rows").replaceChildren();
  await more();
});

function showViews(name) {
  const usable = views.filter((view) => Object.keys(view.filters).every((key) => FILTERS.includes(key)));
  byId("views").replaceChildren(element("option", "none", { value: "" }),
    ...usable.map((view) => element("option", view.name, { value: view.name })));
  byId("views").value = name;
}

// Who writes must have a name, also where nobody signs in.
function withName(work) {
  return () => exclusively(async () => {
    state.reviewer = byId("reviewer").value.trim() || state.reviewer;
    if (!state.reviewer) {
      byId("chosen").hidden = false;
      byId("reviewer").focus();
      throw new Error("Write your name first.");
    }
    localStorage.setItem("reviewer", state.reviewer);
    await work();
  });
}

const saveView = withName(() => ask("Save view", [
  { name: "name", label: "Name", required: true, value: byId("views").value },
], "Save", async ({ name }) => {
  const filters = {};
  for (const key of ["answered", "where"]) if (byId(key).value.trim()) filters[key] = byId(key).value.trim();
  await call("/api/v1/views", { name, queue: byId("queue").value || null, filters });
  ({ views } = await call("/api/v1/views"));
  showViews(name);
  notice(`Saved ${name}; also: spandocket views show ${name}`, "done");
}));

async function begin() {
  document.title = isSessions ? "Sessions" : "Traces";
  document.querySelector("h1").textContent = document.title;
  for (const each of document.querySelectorAll(".of-traces")) each.hidden = isSessions;
  const person = await whoWorks();
  state.reviewer = person ?? localStorage.getItem("reviewer") ?? "";
  byId("reviewer").value = state.reviewer;
  document.querySelector(".person").hidden = person !== null;
  const [queues, { fields }, saved, columns] = await Promise.all([
    call("/api/queues"), call("/api/v1/fields"), call("/api/v1/views"), columnsOf(KIND.shape)]);
  views = saved.views;
  byId("filter").append(filterBuilder(byId("where"), columns, apply));
  const option = (name) => element("option", name, { value: name });
  byId("queue").append(...queues.map(({ queue }) => option(queue)));
  byId("answered").append(...fields.map(({ name }) => option(name)));
  showViews("");
  const wanted = new URLSearchParams(location.search);
  for (const name of FILTERS) byId(name).value = wanted.get(name) ?? "";
  await more();
}

byId("filter").addEventListener("submit", (event) => { event.preventDefault(); apply(); });
byId("queue").addEventListener("change", apply);
byId("answered").addEventListener("change", apply);
byId("views").addEventListener("change", () => {
  const view = views.find(({ name }) => name === byId("views").value);
  byId("queue").value = view?.queue ?? "";
  for (const name of ["answered", "where"]) byId(name).value = view?.filters[name] ?? "";
  apply();
});
byId("save").addEventListener("click", saveView);
byId("more").addEventListener("click", () => exclusively(more));
byId("rows").addEventListener("change", showChosen);
byId("all").addEventListener("change", () => {
  for (const box of boxes()) box.checked = byId("all").checked;
  showChosen();
});
const done = (told) => notice(told, "done");
byId("to-queue").addEventListener("click", withName(() =>
  addToQueue(KIND, chosen(), done)));
byId("to-dataset").addEventListener("click", withName(() =>
  addToDataset({ objects: chosen().map((object_id) => ({ object_id, object_type: KIND.one })) },
    `${chosen().length} ${KIND.many}`, done)));

exclusively(begin);
