"use strict";

// Going back: what one answered before, undo, and decisions on what reviewers disagree on.

function fillIn(answers) {
  for (const answer of answers.filter((each) => each.anchor === null)) {
    const inputs = [...byId("fields").querySelectorAll("input")].filter((i) => i.name === answer.field);
    const values = [answer.value].flat().map(String);
    for (const input of inputs) {
      if (input.type === "radio" || input.type === "checkbox") input.checked = values.includes(input.value);
      else input.value = values[0];
    }
  }
}

const itemAs = (id) => call(`/api/items/${id}/as/${encodeURIComponent(state.reviewer)}`);

function step(by) {
  if ((state.mode === "work" || state.mode === "look") && by > 0 && state.shown) return undefined;
  const from = state.mode === "earlier" && state.shown ? state.place : state.earlier.length;
  const to = from + by;
  if (to < 0 || from === to || state.earlier.length === 0) return undefined;
  if (to >= state.earlier.length) return backToWork();
  return exclusively(async () => {
    const payload = await itemAs(state.earlier[to]);
    state.place = to;
    show(payload, "earlier");
  });
}

function backToWork() {
  if (state.mode === "work" && state.shown) return undefined;
  return exclusively(async () => {
    if (state.claim === null) await next();
    else show(state.claim, "work");
  });
}

// Only what was changed is sent; each change keeps the earlier answer on record.
async function saveEarlier() {
  const { item, answers: before } = state.shown;
  const whole = before.filter((each) => each.anchor === null);
  for (const [field, value] of Object.entries(answers())) {
    const old = whole.find((each) => each.field === field);
    if (old === undefined) {
      const body = { reviewer: state.reviewer, field, value, revision: item.revision };
      await call(`/api/items/${item.item_id}/annotations`, body);
    } else if (JSON.stringify(old.value) !== JSON.stringify(value)) {
      await call(`/api/annotations/${old.annotation_id}/edit`, { reviewer: state.reviewer, value });
    }
  }
  show(await itemAs(item.item_id), "earlier");
  notice("Saved.", "done");
}

const undo = () => exclusively(async () => {
  const item = state.last ?? state.earlier.at(-1);
  if (item === undefined) throw new Error("There is nothing to undo.");
  const claim = await call(`/api/items/${item}/undo`, { reviewer: state.reviewer });
  state.claim = claim;
  state.last = null;
  show(claim, "work");
});

const openWaiting = () => exclusively(async () => {
  if (state.waiting.length === 0) return;
  show(await itemAs(state.waiting[0]), "decide");
});

function showDisagreement() {
  const section = byId("disagreement");
  const found = state.mode === "decide" ? state.shown.disagreement ?? {} : {};
  section.hidden = state.mode !== "decide";
  section.replaceChildren();
  const people = new Set();
  for (const [field, given] of Object.entries(found)) {
    const told = element("dl");
    for (const [person, value] of Object.entries(given)) {
      people.add(person);
      list(told, { [person]: value });
    }
    section.append(element("h3", field), told);
  }
  for (const person of people) {
    const button = element("button", `Take ${person}'s answers`, { type: "button" });
    button.addEventListener("click", () => exclusively(() => decide(person)));
    section.append(button);
  }
}

async function decide(pick) {
  const { item } = state.shown;
  const body = { reviewer: state.reviewer, pick, values: answers() };
  await call(`/api/items/${item.item_id}/decide`, body);
  state.waiting = state.waiting.filter((id) => id !== item.item_id);
  if (state.waiting.length > 0) show(await itemAs(state.waiting[0]), "decide");
  else await next();
}
