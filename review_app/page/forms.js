"use strict";

// Dialogs that ask: a title, what is asked, and what is done with it. What `work` refuses is told
// in the dialog, and what was written stays. An entry is { name, label, kind, ... }; `when` says
// with which values it is asked at all.

function ask(title, entries, primary, work) {
  const dialog = element("dialog", null, { "aria-label": title });
  const form = element("form", null, { class: "ask" });
  const problem = element("p", null, { role: "alert", hidden: "" });
  const submit = element("button", `${primary} `, { type: "submit" });
  submit.append(element("kbd", "Ctrl Enter"));
  const back = element("button", "Back", { type: "button" });
  const shown = entries.map((entry) => [entry, entryOf(entry)]);
  const buttons = element("p", null, { class: "actions" });
  buttons.append(submit, back);
  form.append(...shown.map(([, made]) => made), problem, buttons);
  dialog.append(element("h2", title), form);
  document.body.append(dialog);
  const values = () => Object.fromEntries(entries.map((entry) => [entry.name, valueIn(form, entry)]));
  const settle = () => {
    for (const [entry, made] of shown) made.hidden = entry.when !== undefined && !entry.when(values());
  };
  form.addEventListener("input", settle);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await work(values());
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    } finally {
      submit.disabled = false;
    }
  });
  back.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  settle();
  dialog.showModal();
  form.querySelector("input, select, textarea").focus();
}

function entryOf(entry) {
  const about = { name: entry.name };
  if (entry.required) about.required = "";
  if (entry.kind === "checks") return checksOf(entry);
  const label = element("label");
  if (entry.kind === "checkbox") {
    label.append(element("input", null, { type: "checkbox", ...about }), ` ${entry.label}`);
    return label;
  }
  if (entry.columns) {
    // A label holds one control; the builder has three.
    const group = element("div", null, { class: "group" });
    const made = inputOf(entry, about);
    made.firstChild.setAttribute("aria-label", entry.label);
    group.append(element("span", entry.label), made);
    if (entry.help) group.append(element("small", entry.help));
    return group;
  }
  label.append(entry.label);
  label.append(inputOf(entry, about));
  if (entry.help) label.append(element("small", entry.help));
  return label;
}

const OPERATORS = ["=", "<>", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL"];

// Column, comparison and value; what is added goes behind what stands in the input already.
function filterBuilder(input, columns, done) {
  const builder = element("details");
  const row = element("span", null, { class: "tools" });
  const [column, operator] = [["Column", Object.keys(columns)], ["Comparison", OPERATORS]].map(([name, options]) => {
    const select = element("select", null, { "aria-label": name });
    select.append(...options.map((option) => element("option", option, { value: option })));
    return select;
  });
  const operand = element("input", null, { "aria-label": "Value", autocomplete: "off" });
  const add = element("button", "Add", { type: "button" });
  add.addEventListener("click", () => {
    const isText = [columns[column.value].type].flat().includes("string");
    const value = isText ? `'${operand.value.trim().replaceAll("'", "''")}'` : operand.value.trim();
    const condition = `${column.value} ${operator.value}${operator.value.startsWith("IS") ? "" : ` ${value}`}`;
    input.value = input.value.trim() ? `${input.value.trim()} AND ${condition}` : condition;
    operand.value = "";
    done();
  });
  operand.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add.click();
  });
  row.append(column, operator, operand, add);
  builder.append(element("summary", "Add filter"), row);
  return builder;
}

async function columnsOf(shape) {
  const description = await call("/api/v1/openapi.json");
  return description.components.schemas[shape].properties;
}

function inputOf(entry, about) {
  if (entry.kind === "textarea") return element("textarea", entry.value, { rows: "3", ...about });
  if (entry.kind === "select") {
    const select = element("select", null, about);
    select.append(...entry.options.map((option) => element("option", option, { value: option })));
    return select;
  }
  if (entry.kind === "range") {
    const both = element("span", null, { class: "range" });
    const told = element("output", `${entry.value} %`);
    const range = element("input", null, { type: "range", min: 0, max: 100, value: entry.value, ...about });
    range.addEventListener("input", () => { told.textContent = `${range.value} %`; });
    both.append(range, told);
    return both;
  }
  const input = element("input", null, { type: entry.kind ?? "text", autocomplete: "off", ...about });
  if (entry.value !== undefined) input.value = entry.value;
  if (entry.placeholder) input.placeholder = entry.placeholder;
  if (entry.columns) {
    const both = element("span");
    both.append(input, filterBuilder(input, entry.columns, () => input.focus()));
    return both;
  }
  if (!entry.options) return input;
  const both = element("span");
  const id = `known-${entry.name}`;
  const known = element("datalist", null, { id });
  known.append(...entry.options.map((option) => element("option", null, { value: option })));
  input.setAttribute("list", id);
  both.append(input, known);
  return both;
}

function checksOf(entry) {
  const group = element("fieldset");
  group.append(element("legend", entry.label));
  for (const option of entry.options) {
    const label = element("label");
    const checked = entry.value?.includes(option) ? { checked: "" } : {};
    label.append(element("input", null, { type: "checkbox", name: entry.name, value: option, ...checked }));
    label.append(` ${option}`);
    group.append(label);
  }
  if (entry.help) group.append(element("small", entry.help));
  return group;
}

function valueIn(form, entry) {
  const inputs = [...form.elements].filter((input) => input.name === entry.name);
  if (entry.kind === "checks") return inputs.filter((input) => input.checked).map((input) => input.value);
  if (entry.kind === "checkbox") return inputs[0].checked;
  if (entry.kind === "range" || entry.kind === "number") {
    return inputs[0].value === "" ? null : Number(inputs[0].value);
  }
  return inputs[0].value.trim();
}

const listOf = (text) => text.split(",").map((each) => each.trim()).filter((each) => each !== "");

// Copies, also where a page without TLS may not use the clipboard.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  notice(`Copied ${text}`, "done");
}

const linkOf = (queue) => `${location.origin}/?${new URLSearchParams({ queue })}`;
