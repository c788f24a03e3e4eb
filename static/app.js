// Makes the pages quicker; all but the what-if works without it.
"use strict";

document.documentElement.classList.add("scripted");

// --- dates in the reader's own zone ---

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime*='T']:not([data-ago])")) {
    const date = new Date(time.dateTime);
    if (!isNaN(date)) time.textContent = date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
  for (const time of root.querySelectorAll("time[datetime]:not([datetime*='T'])")) {
    const date = new Date(`${time.dateTime}T12:00:00`);
    if (!isNaN(date)) time.textContent = date.toLocaleDateString([], { dateStyle: "medium" });
  }
  for (const time of root.querySelectorAll("time[data-ago]")) time.title = new Date(time.dateTime).toLocaleString();
}

// --- search, sort, filters and pages in place: the parts of the page that the address leads to replace those here ---

let asked = 0;

async function show(url, remember = true) {
  const mine = ++asked;
  let text;
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" } });
    text = answer.ok ? await answer.text() : null;
  } catch { text = null; }
  if (mine !== asked) return;
  if (text === null) { location.assign(url); return; }
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (other) part.replaceWith(document.adoptNode(other));
  }
  document.title = page.title;
  if (remember) history.replaceState(null, "", url);
  localTimes(document);
}

const tools = document.querySelector("form[data-tools]");
if (tools) {
  const address = () => {
    const url = new URL(location.href);
    for (const [name, value] of new FormData(tools)) {
      if (name === "show") continue;
      if (value && !(name === "sort" && value === "rank")) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    }
    for (const name of ["page", "offset"]) url.searchParams.delete(name);
    return url;
  };
  let waiting;
  tools.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => show(address()), event.target.type === "search" ? 150 : 0);
  });
  tools.addEventListener("submit", (event) => { event.preventDefault(); show(address()); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-in-place]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const query = new URL(link.href).searchParams;
    for (const field of tools.elements) if (field.name && field.type !== "hidden") field.value = query.get(field.name) || (field.name === "sort" ? "rank" : "");
    show(link.href);
  });
}

// --- what if ---

const whatIf = document.querySelector("form[data-what-if]");
if (whatIf) {
  const said = whatIf.querySelector(".answer");
  const labelOf = (name) => whatIf.elements.namedItem(name).labels[0].querySelector("bdi").textContent;
  let latest = 0, waiting;
  const ask = async () => {
    const mine = ++latest, client = {};
    for (const field of whatIf.querySelectorAll("input")) {
      const numeric = field.dataset.kind === "numeric";
      if (field.validity.badInput || (numeric && !Number.isFinite(Number(field.value)))) {
        said.textContent = `${labelOf(field.name)}: expected a number.`;
        return;
      }
      client[field.name] = field.value.trim() === "" ? null : numeric ? Number(field.value) : field.value;
    }
    let answer, told;
    try {
      answer = await fetch("/prediction", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ clients: [client] }),
      });
      told = await answer.json();
    } catch { if (mine === latest) said.textContent = "The service does not answer."; return; }
    if (mine !== latest) return;
    said.textContent = "";
    if (!answer.ok) {  // people know a figure by its label, and there is but one client
      const fault = `row 0: ${told.field}: `, label = told.field && whatIf.elements.namedItem(told.field) && labelOf(told.field);
      said.textContent = label && told.detail.startsWith(fault) ? `${label}: ${told.detail.slice(fault.length)}` : told.detail;
      return;
    }
    const strong = document.createElement("strong");
    strong.textContent = `${Math.round(told.risks[0] * 100)} %`;
    const own = Number(whatIf.dataset.rank), found = told.ranks[0];  // the client as it is does not stand before itself
    const rank = found === null ? "" : `, rank ${(found > own ? found - 1 : found).toLocaleString()}`;
    said.append("The model would state ", strong, `${rank}.`);
    for (const it of told.warnings.filter((it) => it.row === 0)) {
      said.append(document.createElement("br"), `${labelOf(it.field)}${it.message.slice(it.field.length)}.`);
    }
  };
  whatIf.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 150); });
  whatIf.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  whatIf.addEventListener("reset", () => { said.textContent = ""; });
}

// --- what came of a call: sent without leaving the page ---

const record = document.querySelector("form[data-record]");
if (record) {
  const said = record.querySelector(".answer");
  record.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = record.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(record.action, { method: "POST", body: new URLSearchParams(new FormData(record)) });
      if (answer.ok) { location.reload(); return; }
      said.textContent = (await answer.json()).detail;
    } catch { said.textContent = "It was not recorded: the service does not answer."; }
    button.disabled = false;
  });
}

// --- what a link on this page leads to is opened ---

function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!target || target.tagName !== "DETAILS") return;
  target.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", openTarget);
openTarget();

localTimes(document);
