"use strict";

// Notes on messages and passages. Places are counted in code points, as the store counts them.

const points = (text) => [...text].length;

// A part's text with the reviewer's own passages marked.
function showText(content, place, partIndex) {
  const pre = element("pre");
  if (place === null) {
    pre.textContent = content;
    return pre;
  }
  pre.place = { ...place, part_index: partIndex };
  const letters = [...content];
  let at = 0;
  for (const { anchor } of notesOn(pre.place)) {
    if (anchor.start < at || anchor.end > letters.length) continue;
    pre.append(letters.slice(at, anchor.start).join(""));
    pre.append(element("mark", letters.slice(anchor.start, anchor.end).join("")));
    at = anchor.end;
  }
  pre.append(letters.slice(at).join(""));
  return pre;
}

function notesOn(place) {
  return state.shown.answers
    .filter(({ anchor }) => anchor !== null && anchor.start !== null &&
      ["span_id", "direction", "message_index", "part_index"].every((key) => anchor[key] === place[key]))
    .sort((one, other) => one.anchor.start - other.anchor.start);
}

function showPassages() {
  const notes = state.shown.answers.filter((each) => each.anchor !== null);
  byId("passages").replaceChildren(...notes.map((note) => {
    const row = element("p");
    const value = typeof note.value === "string" ? note.value : JSON.stringify(note.value);
    row.append(element("q", note.anchor.quote || `${note.anchor.direction} ${note.anchor.message_index + 1}`));
    row.append(` ${note.field}: ${value}${note.comment ? `, ${note.comment}` : ""} `);
    const button = element("button", "Remove", { type: "button" });
    button.addEventListener("click", () => exclusively(async () => {
      await call(`/api/annotations/${note.annotation_id}/withdraw`, { reviewer: state.reviewer });
      forgetNote(note);
    }));
    row.append(button);
    return row;
  }));
}

function forgetNote(note) {
  state.shown.answers = state.shown.answers.filter((each) => each !== note);
  showNotesAgain();
}

// The conversation and the list again; what is written in the form stays.
function showNotesAgain() {
  const conversation = byId("conversation");
  const top = conversation.scrollTop;
  conversation.replaceChildren(...state.shown.messages.map(showMessage));
  conversation.scrollTop = top;
  showPassages();
}

function readOn(by) {
  const cards = [...byId("conversation").querySelectorAll(".message")];
  const here = cards.findIndex((card) => card.contains(document.activeElement));
  const there = cards[Math.min(Math.max(here + by, 0), cards.length - 1)];
  there?.focus();
  there?.scrollIntoView({ block: "nearest" });
}

// What is selected inside one text: its place with the range; null without a selection.
function selectedPlace() {
  const selection = getSelection();
  if (selection.rangeCount === 0 || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const holder = range.commonAncestorContainer;
  const pre = (holder.nodeType === Node.TEXT_NODE ? holder.parentElement : holder).closest("pre");
  if (!pre?.place) return null;
  const before = document.createRange();
  before.setStart(pre, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const start = points(before.toString());
  return { ...pre.place, start, end: start + points(range.toString()), quote: range.toString() };
}

let notePlace = null;

async function writeNote() {
  const selected = selectedPlace();
  const card = document.activeElement.closest?.(".message");
  notePlace = selected ?? card?.place ?? lastMessage()?.place ?? null;
  if (notePlace === null) return notice("There is no message to make a note on.");
  byId("note-quote").value = selected?.quote ?? "";
  byId("note-comment").value = "";
  byId("note-issue").value = "";
  byId("note-problem").hidden = true;
  byId("note-field").replaceChildren(
    ...state.queue.fields.map((field) => element("option", field.name, { value: field.name })));
  showNoteField();
  byId("note-dialog").showModal();
  byId("note-field").focus();
  await loadIssues();
  return undefined;
}

function lastMessage() {
  return [...byId("conversation").querySelectorAll(".message")].filter((card) => card.place).at(-1);
}

const noteField = () => state.queue.fields.find((field) => field.name === byId("note-field").value);

function showNoteField() {
  byId("note-value").replaceChildren(showField(noteField(), "note-"));
}

// The place of the passage that was written: as selected, else where it stands in the message.
function placeOf(quote) {
  if (quote === "") {
    const { span_id, direction, message_index } = notePlace;
    return { span_id, direction, message_index };
  }
  if (quote === notePlace.quote) return notePlace;
  for (const pre of byId("conversation").querySelectorAll("pre")) {
    const here = pre.place;
    if (here?.span_id !== notePlace.span_id || here.direction !== notePlace.direction) continue;
    if (here.message_index !== notePlace.message_index) continue;
    const at = pre.textContent.indexOf(quote);
    if (at < 0) continue;
    const start = points(pre.textContent.slice(0, at));
    return { ...here, start, end: start + points(quote) };
  }
  throw new Error("The passage does not stand in this message.");
}

async function saveNote() {
  const value = valueOf(noteField(), byId("note-value"), `note-${noteField().name}`);
  if (value === undefined) throw new Error("Choose a value.");
  const { item } = state.shown;
  const note = await call(`/api/items/${item.item_id}/annotations`, {
    reviewer: state.reviewer,
    field: noteField().name,
    value,
    revision: item.revision,
    comment: byId("note-comment").value.trim(),
    issue: byId("note-issue").value.trim(),
    place: placeOf(byId("note-quote").value),
  });
  state.shown.answers = state.shown.answers
    .filter((each) => each.annotation_id !== note.annotation_id).concat(note);
  byId("note-dialog").close();
  showNotesAgain();
}

byId("note-field").addEventListener("change", showNoteField);
byId("note-cancel").addEventListener("click", () => byId("note-dialog").close());
byId("note-form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("note-form").requestSubmit();
});
byId("note-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.busy) return;
  saveNote().catch((error) => {
    byId("note-problem").textContent = error.message;
    byId("note-problem").hidden = false;
  });
});
