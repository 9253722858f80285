// The page is whole without this: it adds the reader's own time, buttons that
// copy, and what changes.
"use strict";

const local = new Intl.DateTimeFormat(undefined, {dateStyle: "short", timeStyle: "medium"});

function dress(root) {
  for (const t of root.querySelectorAll("time:not([data-dressed])")) {
    t.dataset.dressed = "";
    const own = document.createElement("span");
    own.className = "own";
    own.textContent = local.format(new Date(t.dateTime));
    t.prepend(own, " ");
  }
  for (const c of root.querySelectorAll("code[data-copy]:not([data-dressed])")) {
    c.dataset.dressed = "";
    if (!navigator.clipboard) continue;
    const b = document.createElement("button");
    b.type = "button";
    b.className = "copy";
    b.textContent = "copy";
    b.setAttribute("aria-label", "Copy " + c.closest("div").querySelector("dt").textContent);
    b.addEventListener("click", async () => {
      await navigator.clipboard.writeText(c.textContent);
      say("copied");
    });
    c.after(" ", b);
  }
}

function say(text) {
  document.getElementById("link").textContent = text;
}

// parsed is what the server has filled in, escaped by it.
function parsed(html) {
  const t = document.createElement("template");
  t.innerHTML = html;
  dress(t.content);
  return t.content;
}

// put shows rows in the list: in their place where they stand, else at its head.
function put(main, change) {
  const rows = document.getElementById("rows");
  if (change.all && main.dataset.list === "newest") rows.replaceChildren();
  for (const id of change.gone || []) document.getElementById(id)?.remove();
  for (const row of change.rows || []) {
    const old = document.getElementById(row.id);
    if (old) old.replaceWith(parsed(row.html));
    else if (main.dataset.list === "newest") change.all ? rows.append(parsed(row.html)) : rows.prepend(parsed(row.html));
  }
  while (rows.children.length > Number(main.dataset.most)) rows.lastElementChild.remove();
  document.getElementById("none").hidden = rows.children.length > 0;
  summary(change.summary);
}

// summary replaces what stands above the list, and leaves the focus where it is.
function summary(html) {
  const box = document.getElementById("summary");
  const at = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  box.replaceChildren(parsed(html));
  if (at) [...box.querySelectorAll("a")].find(a => a.getAttribute("href") === at)?.focus();
}

// reload reads the story anew.
async function reload() {
  const res = await fetch(location.href, {cache: "no-store"});
  if (!res.ok) return;
  const fresh = new DOMParser().parseFromString(await res.text(), "text/html");
  for (const what of ["h1", "#story"]) {
    const now = document.querySelector(what), then = fresh.querySelector(what);
    if (now && then) now.replaceWith(document.adoptNode(then));
  }
  document.title = fresh.title;
  dress(document);
}

function follow(main) {
  const at = new URL(main.dataset.live, location.href);
  at.searchParams.set("from", main.dataset.from);
  const stream = new EventSource(at);
  stream.addEventListener("open", () => say("live"));
  stream.addEventListener("error", () => {
    say("not connected; trying again");
    // A browser gives up where it was refused; it is asked for again here.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => follow(main), 3000);
  });
  stream.addEventListener("change", e => {
    main.dataset.from = e.lastEventId;
    const change = JSON.parse(e.data);
    if (main.dataset.list) put(main, change);
    else if (change.all || main.dataset.watch === "any" || (change.rows || []).some(r => r.id === main.dataset.watch)) reload();
  });
}

dress(document);
const main = document.querySelector("main[data-live]");
if (main) follow(main);
