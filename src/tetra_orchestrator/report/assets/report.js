"use strict";
// Everything is there without this script. It filters, turns pages, follows arrow keys and switches the theme.
const PORTION = 200;

const themes = ["system", "light", "dark"];
const button = document.getElementById("theme");
const kept = {
  get() { try { return localStorage.getItem("tetra-theme") || "system"; } catch { return "system"; } },
  set(name) { try { localStorage.setItem("tetra-theme", name); } catch { /* nowhere to keep it */ } },
};
function show(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.textContent = `Theme: ${theme}`;
}
button.hidden = false;
show(themes.includes(kept.get()) ? kept.get() : "system");
button.addEventListener("click", () => {
  const next = themes[(themes.indexOf(document.documentElement.dataset.theme || "system") + 1) % themes.length];
  kept.set(next);
  show(next);
});

// A table in portions. Its rows are those that are there, and the rest, which is kept as data. All are escaped.
const figure = (count) => count.toLocaleString("en");
class List {
  constructor(root) {
    this.body = root.querySelector("tbody");
    this.figures = [...root.querySelectorAll("thead th")].map((head) => head.className);
    this.rows = [...this.body.rows].map((row) => (
      { key: row.id, state: row.dataset.state || "", cells: [...row.cells].map((cell) => cell.innerHTML) }));
    const rest = root.querySelector("script");
    if (rest) {
      const { pool, rows } = JSON.parse(rest.textContent);
      for (const [key, state, ...places] of rows) this.rows.push({ key, state, cells: places.map((at) => pool[at]) });
    }
    this.find = root.querySelector("input");
    this.state = root.querySelector("select");
    this.count = root.querySelector(".count");
    this.earlier = root.querySelector(".earlier");
    this.further = root.querySelector(".further");
    this.first = 0;
    this.fitting = this.rows;
    this.find.addEventListener("input", () => this.filter());
    if (this.state) this.state.addEventListener("change", () => this.filter());
    this.earlier.addEventListener("click", () => this.turn(this.first - PORTION));
    this.further.addEventListener("click", () => this.turn(this.first + PORTION));
    this.tell();
  }
  filter() {
    const text = this.find.value.trim().toLowerCase();
    const state = this.state ? this.state.value : "";
    this.fitting = this.rows.filter((row) => (!state || row.state === state) && (!text || words(row).includes(text)));
    this.turn(0);
  }
  turn(first) {
    this.first = Math.max(0, Math.min(first, this.fitting.length - 1));
    this.body.innerHTML = this.fitting.slice(this.first, this.first + PORTION).map((row) => this.markup(row)).join("");
    this.body.closest(".frame").scrollTop = 0;
    this.tell();
  }
  markup(row) {
    const [first, ...others] = row.cells;
    const cells = others.map((cell, at) => `<td class="${this.figures[at + 1]}">${cell}</td>`);
    return `<tr id="${row.key}"><th scope="row">${first}</th>${cells.join("")}</tr>`;
  }
  tell() {
    const all = this.fitting.length;
    const last = Math.min(this.first + PORTION, all);
    const of = all === this.rows.length ? `${figure(all)} rows` : `${figure(all)} of ${figure(this.rows.length)} rows`;
    this.count.textContent = all === 0 ? "no row fits" : all <= PORTION ? of : `${figure(this.first + 1)} to ${figure(last)} of ${of}`;
    this.earlier.disabled = this.first === 0;
    this.further.disabled = last >= all;
    this.earlier.hidden = this.further.hidden = all <= PORTION;
  }
  reveal(key) {
    if (document.getElementById(key)) return;
    const sought = this.rows.find((row) => row.key === key);
    if (!sought) return;
    if (!this.fitting.includes(sought)) {
      this.find.value = "";
      if (this.state) this.state.value = "";
      this.fitting = this.rows;
    }
    const at = this.fitting.indexOf(sought);
    this.turn(at - (at % PORTION));
  }
}
// What a row says, in small letters, once somebody asks.
function words(row) {
  if (row.words === undefined) {
    const signs = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };
    const text = row.cells.join(" ").replace(/<[^>]*>/g, "");
    row.words = text.replace(/&(amp|lt|gt|quot|#x27);/g, (_, name) => signs[name]).toLowerCase();
  }
  return row.words;
}
const lists = [...document.querySelectorAll(".list")].filter((root) => root.querySelector(".tools")).map((root) => new List(root));

// A link leads to its row although that is not shown, and to an excerpt that is folded.
function arrive() {
  const key = location.hash.slice(1);
  if (!key) return;
  lists.forEach((list) => list.reveal(key));
  const target = document.getElementById(key);
  if (!target) return;
  for (let part = target; part; part = part.parentElement) {
    const folded = part === target ? part.querySelector("details") : part.closest("details");
    if (folded) folded.open = true;
  }
  target.scrollIntoView({ block: "center" });
}
addEventListener("hashchange", arrive);
arrive();

// Up and down go from row to row in the timeline; in the graph the arrows go to the nearest node that way.
document.addEventListener("keydown", (event) => {
  const link = event.target instanceof Element && event.target.closest("a");
  if (!link || event.altKey || event.ctrlKey || event.metaKey) return;
  const next = link.closest(".graph") ? neighbour(link, event.key) : along(link, event.key);
  if (!next) return;
  event.preventDefault();
  next.focus();
});
function along(link, key) {
  const row = link.closest("tr");
  if (!row || !["ArrowUp", "ArrowDown", "Home", "End"].includes(key)) return null;
  const links = [...row.closest("table").querySelectorAll("tbody th a")];
  const at = links.indexOf(link);
  return { ArrowUp: links[at - 1], ArrowDown: links[at + 1], Home: links[0], End: links[links.length - 1] }[key];
}
function neighbour(link, key) {
  const here = link.getBoundingClientRect();
  const ways = {
    ArrowRight: (box) => box.left - here.left, ArrowLeft: (box) => here.left - box.left,
    ArrowDown: (box) => box.top - here.top, ArrowUp: (box) => here.top - box.top,
  };
  if (!ways[key]) return null;
  const sideways = key === "ArrowDown" || key === "ArrowUp";
  let best = null;
  let least = Infinity;
  for (const other of link.closest(".graph").querySelectorAll("a")) {
    const box = other.getBoundingClientRect();
    const way = ways[key](box);
    if (other === link || way < 8) continue;
    const distance = way + 3 * (sideways ? Math.abs(box.left - here.left) : Math.abs(box.top - here.top));
    if (distance < least) { least = distance; best = other; }
  }
  return best;
}

// A large drawing begins where its critical path does: its corner may be empty.
for (const frame of document.querySelectorAll(".picture")) {
  const first = frame.querySelector(".node.critical") || frame.querySelector(".node");
  const box = first.getBoundingClientRect();
  frame.scrollTop = box.top - frame.getBoundingClientRect().top - (frame.clientHeight - box.height) / 2;
}

// What goes on beyond its edge has a shadow there.
const frames = [...document.querySelectorAll(".frame, nav ul")];
function shade(frame) {
  frame.classList.toggle("more-right", frame.scrollLeft + frame.clientWidth < frame.scrollWidth - 1);
  frame.classList.toggle("more-below", frame.scrollTop + frame.clientHeight < frame.scrollHeight - 1);
}
const sizes = new ResizeObserver((changed) => changed.forEach((one) => shade(one.target.closest(".frame, nav ul"))));
frames.forEach((frame) => {
  frame.addEventListener("scroll", () => shade(frame), { passive: true });
  sizes.observe(frame);
  if (frame.firstElementChild) sizes.observe(frame.firstElementChild);
});

// On paper nothing is folded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((one) => { one.open = true; });
});
addEventListener("afterprint", () => { folded.forEach((one) => { one.open = false; }); });
