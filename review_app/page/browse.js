"use strict";

// Walking along a queue in its order, and taking an item that was looked at.

async function showPlace() {
  const { item } = state.shown;
  const place = await call(`/api/items/${item.item_id}/place`);
  if (state.shown?.item !== item) return;
  state.beside = place;
  byId("position").textContent = item.status === "removed" ? "removed" : `${place.position} of ${place.total}`;
  byId("previous").disabled = place.before === null;
  byId("next").disabled = place.after === null;
}

const walk = (way) => exclusively(async () => {
  const there = state.beside?.[way];
  if (there !== null && there !== undefined) await lookAt(there);
});

// One's own claim is worked on, one's own answers can be changed, the rest is looked at.
async function lookAt(id) {
  if (state.claim?.item.item_id === id) return show(state.claim, "work");
  const payload = await itemAs(id);
  state.place = state.earlier.indexOf(id);
  return show(payload, state.place >= 0 ? "earlier" : "look");
}

// What is in hand and untouched goes back first, so that nobody holds two items without knowing.
async function take() {
  const { item } = state.shown;
  const before = state.claim;
  const claim = await call(`/api/items/${item.item_id}/claim`, { reviewer: state.reviewer });
  if (before !== null && before.item.item_id !== item.item_id) {
    const body = { token: before.token };
    await call(`/api/items/${before.item.item_id}/release`, body).catch((error) => notice(error.message));
  }
  state.claim = claim;
  show(claim, "work");
}

byId("previous").addEventListener("click", () => walk("before"));
byId("next").addEventListener("click", () => walk("after"));
byId("dataset").addEventListener("click", () => keepShown());
byId("copy").addEventListener("click", () => copyText(linkOf(state.queue.link)));

const keepShown = () => exclusively(() =>
  addToDataset({ items: [state.shown.item.item_id] }, "this item", (told) => notice(told, "done")));
