// Reads the states every two seconds, and the report when a run ends. Elements that stay keep focus, scroll position and selection.
const runs = document.getElementById("runs"), report = document.getElementById("report");
const connection = document.getElementById("connection"), usual = connection.innerHTML;
let drawn = "", drawing = false;

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(address);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// The same for a run, image or section in the old and the new page, wherever it stands.
function identity(node) {
  const mark = node.querySelector?.("th, h2, h4, img");
  return [node.nodeName, node.dataset?.run ?? node.ariaLabel ?? (mark?.alt || mark?.textContent)].join(" ");
}

function update(old, fresh) {
  for (const { name, value } of fresh.attributes ?? []) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...(old.attributes ?? [])]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  if (fresh.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
  } else updateChildren(old, [...fresh.childNodes]);
}

function updateChildren(parent, nodes) {
  const left = new Map();
  for (const child of parent.childNodes) left.set(identity(child), [...(left.get(identity(child)) ?? []), child]);
  const pairs = nodes.map((node) => [left.get(identity(node))?.shift(), node]);
  for (const child of [...left.values()].flat()) child.remove();
  let place = parent.firstChild;
  for (const [old, node] of pairs) {
    if (old) update(old, node);
    if (old && old === place) place = place.nextSibling;
    else parent.insertBefore(old ?? node, place); // a moved element loses focus
  }
}

async function draw(version) {
  if (drawing || version === drawn) return;
  drawing = true;
  try {
    const page = await read("/report");
    page.querySelector("h1")?.remove(); // this page has one
    updateChildren(report, [...page.querySelectorAll("body > header, main > *, body > p")]);
    drawn = version;
  } finally {
    drawing = false;
  }
}

async function renew() {
  try {
    const states = await read("/runs");
    updateChildren(runs, [...states.body.childNodes]);
    draw(states.querySelector("[data-report]").dataset.report).catch(() => {}); // takes longer than the states, and is repeated
    if (connection.innerHTML !== usual) connection.innerHTML = usual;
  } catch {
    connection.textContent = "zoo serve has ended or cannot be reached; the page shows the last state.";
  }
  setTimeout(renew, 2000);
}
renew();
