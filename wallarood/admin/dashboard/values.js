// The dashboard: reads server-sent events and draws what they say. No library, no build step: the
// files of this directory are served as one script, this one first.
// All text of the cluster is put in by textContent: nothing of it is ever read as HTML.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const POINTS_MAX = 3600; // an hour of live points, each a second
const MAX_TIME = 2 ** 62;
const byId = (id) => document.getElementById(id);
const points = []; // {at, read, sunk, delivery}
let last = null;
let chosen = null;
let token = sessionStorage.getItem("wallarood-token") || "";

// --- values as text -------------------------------------------------------------------------

const number = (value) => (value === null || value === undefined ? "-" : Math.round(value).toLocaleString("en"));
const share = (value) => `${Math.round(100 * value)} %`;

function bytes(value) {
  if (value === null || value === undefined) return "-";
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (value >= size) return `${(value / size).toFixed(1)} ${unit}`;
  }
  return `${Math.round(value)} B`;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const parts = [];
  let left = Math.round(seconds);
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    const amount = Math.floor(left / size);
    left %= size;
    if (amount) parts.push(`${amount} ${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");
const eventTime = (stamp) => {
  if (stamp === null) return "-";
  if (stamp >= MAX_TIME) return "the end";
  const date = new Date(stamp / 1000);
  return Number.isNaN(date.getTime()) ? number(stamp / 1e6) : date.toISOString().replace("T", " ").slice(0, 19) + "Z";
};
const sum = (list) => list.reduce((a, b) => a + b, 0);

// --- elements -------------------------------------------------------------------------------

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

// How wide a drawing in *into* is: as wide as there is room, so that its texts are as large as others.
const widthOf = (into) => Math.max(280, Math.min(1200, into.clientWidth || 900));

// A table of texts; a head that ends with "#" is of numbers, one with "~" of long texts.
function table(caption, heads, rows) {
  const kind = (head) => ({ "#": "n", "~": "wide" })[head.slice(-1)] || "";
  const names = heads.map((head) => head.replace(/[#~]$/, ""));
  const line = element("tr");
  names.forEach((name, place) => line.append(element("th", { scope: "col", class: kind(heads[place]) }, name)));
  const body = element("tbody");
  for (const row of rows) {
    const tr = element("tr");
    row.forEach((cell, place) => tr.append(element("td", { class: kind(heads[place]) }, String(cell))));
    body.append(tr);
  }
  return element("table", {}, element("caption", {}, caption), element("thead", {}, line), body);
}

function list(into, lines) {
  into.replaceChildren(...lines.map((line) => element("li", {}, line)));
}

