// The console's live parts. Every page works without this file; nothing here is asked of another origin.
const $ = (query, root = document) => root.querySelector(query);
const $$ = (query, root = document) => [...root.querySelectorAll(query)];

// --- live: one stream; numbers are patched, parts are drawn anew by the server when their structure changed
const STALE_MS = 15000, LOST_MS = 3000, REDRAW_MS = 1500, LOADING_MS = 300;
let heard = performance.now(), heardAt = new Date(), live = $("#pulse")?.dataset.live === "yes", since = "";
// The structure that this page was made from: what changed before its stream began is drawn with the first frame.
let structure = Number($("#pulse")?.dataset.structure), redrawing = false, source = null;

// --- points in time: the server writes UTC; who looks reads their own zone, and sees by pointing which one it is
const clock = (at) => at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString("en-GB") : at.toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "short" });
const wireClock = (line) => line.replace(/^\d{4}-\S+Z/, (at) => `${new Date(at).toLocaleTimeString("en-GB")}.${at.slice(-4, -1)}`);

function here(root) {
  for (const one of $$("time[datetime]", root)) {
    const at = new Date(one.dateTime);
    one.title = at.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "long" });
    if (one.dataset.age) one.dataset.born = Math.round(performance.now() - 1000 * one.dataset.age);
    else one.textContent = clock(at);
  }
  return root;
}

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds)), min = Math.floor(s / 60), h = Math.floor(s / 3600);
  if (s < 60) return `${s} s`;
  if (s < 3600) return s < 600 && s % 60 ? `${min} min ${s % 60} s` : `${min} min`;
  if (s < 86400) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
  return `${Math.floor(s / 86400)} d`;
}

function grow() {
  if (!document.hidden) for (const one of $$("time[data-born]")) patch(one, `${span((performance.now() - one.dataset.born) / 1000)} ago`);
}

const size = (n) => n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : n >= 1e3 ? `${(n / 1e3).toFixed(1)} kB` : `${n} B`;

function listen() {
  // What this page shows: every port's figures, one port's, a host's devices, or none.
  const shown = $$("[data-port]").map((one) => one.dataset.port), host = $("[data-host]")?.dataset.host;
  const topic = shown.length > 1 || $("table.ports") ? "fleet" : shown.length ? `port/${shown[0]}` : host ? `host/${host}` : "page";
  source = new EventSource(`/live?topic=${encodeURIComponent(topic)}`);
  source.onmessage = (event) => take(JSON.parse(event.data));
  // A browser comes back by itself after a cut, but not after an answer that is none: the console is starting, or the session is over.
  source.onerror = () => { if (source.readyState === 2) { setTimeout(listen, 2000); stillIn(); } };
}

async function stillIn() {
  const answer = await fetch("/session", { credentials: "same-origin" }).catch(() => null);
  if (answer?.status === 401) door(answer.headers.get("x-door"));
}

let shut = false;
function door(address) {
  shut = true;
  const link = document.createElement("a");
  link.href = address ?? "/sign-in"; link.target = "_blank"; link.textContent = "Sign in";
  $("#lost").hidden = false;
  $("#lost-text").replaceChildren("You are signed in no more. ", link, ", then go on here: what you typed is kept.");
}

function take(frame) {
  heard = performance.now(); heardAt = new Date(); live = frame.live; since = frame.since;
  for (const row of $$("[data-port]")) {
    const figures = frame.ports[row.dataset.port];
    const busy = figures ? figures[0] : Number.parseInt($("[data-v=busy]", row)?.textContent, 10) || 0;
    if (figures) {
      patch($("[data-v=busy]", row), `${figures[0]}%`);
      patch($("[data-v=rate]", row), `${size(figures[1])}/s`);
    }
    if (!frame.news) push($(".spark", row), busy);
  }
  for (const place of $$("[data-job]")) {
    const share = frame.jobs[place.dataset.job], bar = $("progress", place);
    if (share !== undefined && bar) bar.value = share;
    if (share !== undefined) farWords(place, share);
    // Where a job is told in words, too, they follow it at leisure.
    if (share !== undefined && !place.closest("table, .lines")) redrawIn(REDRAW_MS * 2);
  }
  if (structure !== frame.structure) redrawIn(0);
  structure = frame.structure;
  indicate();
}

// As words.far says it.
function farWords(place, share) {
  const far = $("[data-far]", place), short = far?.dataset.far;
  patch(far, share < 100 ? `${share} %${short ? "" : " received"}` : short ? "no word yet" : "waiting for the printer's word");
}

function patch(node, text) { if (node && node.textContent !== text) node.textContent = text; }

// The last minute of each row. Rows out of sight are drawn when they come into it.
const minutes = new WeakMap(), inSight = new WeakSet();
const XS = Array.from({ length: 60 }, (_, index) => (index * 120 / 59).toFixed(1));
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) { inSight.add(target); draw(target); } else inSight.delete(target);
  }
});

function push(spark, busy) {
  if (!spark) return;
  let ys = minutes.get(spark);
  if (!ys) {
    ys = $("polyline", spark).getAttribute("points").split(" ").map((pair) => pair.split(",")[1]);
    minutes.set(spark, ys);
    sight.observe(spark);
  }
  ys.shift();
  ys.push((23 - busy * 21 / 100).toFixed(1));
  if (inSight.has(spark)) draw(spark);
}

function draw(spark) {
  const ys = minutes.get(spark), points = ys.map((y, index) => `${XS[index]},${y}`).join(" ");
  $("polyline", spark).setAttribute("points", points);
  $("polygon", spark).setAttribute("points", `0,23 ${points} 120,23`);
}

function indicate() {
  const quiet = performance.now() - heard, lost = quiet > LOST_MS || !live;
  const pulse = $("#pulse");
  if (!pulse) return;
  pulse.dataset.live = lost ? "no" : "yes";
  patch($("#pulse-text"), lost ? "Not live" : "Live");
  const from = quiet > LOST_MS ? heardAt : since ? new Date(since) : heardAt;
  const ago = Math.max(0, Math.round((Date.now() - from) / 1000));
  if (shut && !lost) shut = false;
  if (shut) return;
  $("#lost").hidden = !lost;
  if (lost) patch($("#lost-text"), `Live updates stopped ${ago < 1 ? "just now" : ago < 90 ? `${ago} s ago` : `${Math.round(ago / 60)} min ago`}. Numbers are from ${from.toLocaleTimeString("en-GB")}.${quiet > LOST_MS ? "" : " The spooler does not answer."}`);
  document.body.classList.toggle("stale", lost && Date.now() - from > STALE_MS);
}

async function fetched(address, options) {
  const answer = await fetch(address, { credentials: "same-origin", ...options });
  return { answer, page: here(new DOMParser().parseFromString(await answer.text(), "text/html")) };
}

// What is new is drawn at once, and what comes after it a little later.
let due = 0, dueAt = Infinity, drawnAt = -Infinity;
function redrawIn(wait) {
  const at = Math.max(performance.now() + wait, drawnAt + REDRAW_MS);
  if (at >= dueAt) return;
  clearTimeout(due);
  dueAt = at;
  due = setTimeout(redraw, at - performance.now());
}

async function redraw() {
  clearTimeout(due);
  dueAt = Infinity; drawnAt = performance.now();
  const parts = $$("[data-part]");
  if (!parts.length || document.hidden || $("#sheet[open]")) return;
  if (redrawing || inHand()) { redrawIn(0); return; }
  redrawing = true;
  try {
    const { answer, page } = await fetched(location.href);
    if (!answer.ok) return;
    if (inHand()) { redrawIn(0); return; }
    for (const part of parts) {
      const fresh = $(`[data-part="${CSS.escape(part.dataset.part)}"]`, page);
      if (!fresh || fresh.isEqualNode(part) || filledIn(part, fresh) || part.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), select, textarea")) continue;
      swap(part, fresh);
    }
    for (const badge of $$(".side .badge")) patch(badge, $(`.side a[href="${badge.closest("a").getAttribute("href")}"] .badge`, page)?.textContent ?? badge.textContent);
    heed(page);
    announce(page);
    marked();
  } catch { /* the stream says it when the console is gone */ } finally { redrawing = false; }
}

// A form in which somebody has chosen or typed something stays as long as the page asks the same.
function filledIn(part, fresh) {
  const filled = $$("input:not([type=checkbox]), textarea", part).filter((one) => one.form && (one.checked !== one.defaultChecked || one.value !== one.defaultValue));
  return filled.some(({ form }) => $$("form", fresh).some((other) => sameQuestion(form, other)));
}
const sameQuestion = (form, other) => form.action === other.action && form.elements.attempts?.value === other.elements.attempts?.value;

// Focus, marks and open details survive a part that is drawn anew.
function swap(part, fresh) {
  const checked = new Set($$("input:checked", part).map((one) => one.name + one.value));
  const open = new Set($$("details[open]", part).map((one) => one.id));
  const focus = part.contains(document.activeElement) ? keyOf(document.activeElement) : "";
  const here = $("tr.here [data-open]", part)?.getAttribute("href");
  const node = document.importNode(fresh, true);
  for (const box of $$("input[type=checkbox]", node)) box.checked = checked.has(box.name + box.value);
  for (const one of $$("details", node)) if (one.id && open.has(one.id)) one.open = true;
  part.replaceWith(node);
  arrange(node);
  needing();
  if (focus) $$("a, button, input, summary", node).find((one) => keyOf(one) === focus)?.focus({ preventScroll: true });
  if (here) $$("[data-open]", node).find((one) => one.getAttribute("href") === here)?.closest("tr").classList.add("here");
}
const keyOf = (one) => one.tagName + (one.getAttribute("href") ?? "") + (one.name ?? "") + (one.value ?? "") + (one.getAttribute("aria-label") ?? "");

// What the server says once, it says to whoever asks next: that may be this page, drawn anew.
function heed(page) {
  const said = $(".said", page);
  if (!said) return;
  $(".said")?.remove();
  $("#dropped").after(document.importNode(said, true));
  patch($("#announce"), said.textContent.trim());
}

let told = 0;
function announce(page) {
  const before = $("#badge-alerts")?.textContent ?? "0", after = $("#badge-alerts", page)?.textContent ?? "0";
  if (before !== after && performance.now() - told > 10000) {
    told = performance.now();
    patch($("#announce"), `${after} things need attention`);
  }
}

// --- marks and the bulk bar
const marks = () => $$("#many .mark input[name]:checked").map((box) => box.value);
const moving = (jobs) => `/move?jobs=${jobs.join()}`;
function marked() {
  const count = marks().length;
  $("#bulk")?.classList.toggle("on", count > 0);
  patch($("#bulk-count"), `${count} marked`);
}

// --- dialogs: a page's sheet, shown above this one
let opener = null;
const sheet = $("#sheet");

async function openSheet(address, from) {
  opener = from;
  // A host that is slow to describe its form shows bones in the meantime; who closes them no longer wants the form.
  let bones = false;
  const late = setTimeout(() => {
    bones = !sheet.open;
    if (bones) { sheet.replaceChildren($("#loading").content.cloneNode(true)); sheet.setAttribute("aria-label", "Loading"); sheet.showModal(); }
  }, LOADING_MS);
  const found = await fetched(address).catch(() => null);
  clearTimeout(late);
  if (bones && !sheet.open) return;
  if (!found || !show(found.page)) { location.href = found?.answer.url ?? address; return; }
  if (!sheet.open) sheet.showModal();
  ($("[autofocus]", sheet) ?? $(".fields :is(input:not([type=hidden]), select)", sheet) ?? $("button", sheet))?.focus();
}

function show(page) {
  const found = $(".sheet", page);
  if (!found) return false;
  sheet.replaceChildren(document.importNode(found, true));
  sheet.setAttribute("aria-label", $("h1", sheet)?.textContent ?? "Dialog");
  arrange(sheet);
  return true;
}

// What opened the sheet may have been drawn anew since.
const still = (one) => one?.isConnected === false ? $$("a, button, input, summary").find((other) => keyOf(other) === keyOf(one)) : one;
sheet?.addEventListener("close", () => { sheet.replaceChildren(); still(opener)?.focus?.(); redraw(); });

// A form is checked as it is typed in: messages, summary and visibility are patched, never the fields themselves.
let checking = 0, checks = 0;
function arrange(root) {
  const form = $("form[data-check]", root);
  if (!form) return;
  const check = () => { clearTimeout(checking); checking = setTimeout(() => verify(form), 250); };
  form.addEventListener("change", check);
  form.addEventListener("input", check);
}

async function verify(form) {
  const body = new URLSearchParams(new FormData(form));
  body.set("check", "1");
  const mine = ++checks;
  try {
    const { answer, page } = await fetched(form.action, { method: "POST", body });
    // What was typed since has been asked about, or another form is shown: a late answer is about neither.
    if (mine !== checks || !form.isConnected) return;
    const fresh = $("form[data-check]", page);
    if (!answer.ok || !fresh) return;
    for (const field of $$("[data-field]", form)) {
      const other = $(`[data-field="${CSS.escape(field.dataset.field)}"]`, fresh);
      if (!other) continue;
      field.hidden = other.hidden;
      field.classList.toggle("wrong", other.classList.contains("wrong"));
      patch($(".wrongly", field), $(".wrongly", other)?.textContent ?? "");
    }
    // A page may have a form of its own below the dialog.
    for (const id of ["form-summary", "form-verdict", "form-wrong"]) patch($(`#${id}`, form.closest(".card")), page.getElementById(id)?.textContent ?? "");
    const save = $("button[data-save]", form), can = $("button[data-save]", fresh);
    if (save && can) save.disabled = can.hasAttribute("data-off");
  } catch { patch($("#form-verdict"), "The console does not answer; what you typed is kept."); }
}

async function send(form, submitter) {
  const ask = () => fetched(form.action || location.href, { method: "POST", body: new URLSearchParams(new FormData(form, submitter)), headers: { "x-sheet": "1" } });
  const asked = ask();
  if (submitter) submitter.disabled = true;
  try {
    let { answer, page } = await asked;
    if (answer.status === 401) { door(answer.headers.get("x-door")); patch($("#form-verdict", sheet), "You are signed in no more. Sign in in another tab, then save again."); return; }
    if (answer.status === 403 && await renew()) ({ answer, page } = await ask());
    const to = answer.headers.get("x-go");
    if (to) { location.href = to; return; }
    if (!show(page)) patch($("#form-verdict", sheet), $("h1", page)?.textContent ?? "It did not work.");
  } catch {
    patch($("#form-verdict", sheet), "The console does not answer; what you typed is kept. Save again in a moment.");
  } finally { if (submitter) submitter.disabled = false; }
}

// Whoever signed in again in another tab has another visit: forms that are open get its token.
async function renew() {
  const { answer, page } = await fetched(location.href);
  const token = $("input[name=token]", page)?.value;
  if (!answer.ok || !token || token === $("input[name=token]", sheet)?.value) return false;
  for (const one of $$("input[name=token]")) one.value = token;
  return true;
}

// --- a preset fills fields; the monitor's answer to an action may, too. Nothing is saved by it.
function fill(values) {
  const form = $("form[data-check]");
  for (const [name, value] of Object.entries(values)) {
    for (const control of $$(`[name="f.${CSS.escape(name)}"]`, form)) {
      if (control.type === "radio") control.checked = control.value === String(value);
      else if (control.type === "checkbox") control.checked = Boolean(value);
      else if (control.type !== "hidden") control.value = String(value);
    }
  }
  form.dispatchEvent(new Event("change"));
}

async function ask(button) {
  const form = button.closest("form"), place = $("output", button.closest(".asks")), body = new URLSearchParams(new FormData(form));
  body.set("ask", button.value);
  body.set("chosen", $(`[data-choice="${CSS.escape(button.value)}"]`, form)?.value ?? "");
  button.disabled = true;
  patch(place, "Asking…");
  try {
    const answer = await fetch(form.dataset.ask, { method: "POST", body, credentials: "same-origin" });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "", lines = [];
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      rest += value;
      const whole = rest.split("\n"); rest = whole.pop();
      for (const text of whole.filter(Boolean)) {
        const step = JSON.parse(text);
        const about = step.text?.split(":")[0];
        if (about && lines.at(-1)?.startsWith(`${about}:`)) lines.pop();
        if (step.text) lines.push(step.text);
        if (step.fill) fill(step.fill);
      }
      patch(place, lines.join("\n"));
    }
  } catch { patch(place, "The console does not answer."); } finally { button.disabled = false; }
}

// --- upload with progress
function upload(form) {
  const file = $("input[type=file]", form).files[0];
  if (!file) return false;
  const request = new XMLHttpRequest(), bar = $("progress", form), say = $("output", form);
  const query = new URLSearchParams({ printer: form.elements.printer.value, name: form.elements.title.value || file.name, id: form.elements.id.value, token: form.elements.token.value });
  bar.hidden = false;
  request.upload.onprogress = (event) => { bar.value = 100 * event.loaded / event.total; patch(say, `${size(event.loaded)} of ${size(event.total)}`); };
  request.onload = () => {
    const answer = (() => { try { return JSON.parse(request.responseText); } catch { return {}; } })();
    if (request.status === 200) location.href = answer.path;
    else patch(say, answer.message ?? "It was not accepted. Nothing will print.");
  };
  request.onerror = () => patch(say, "The console does not answer. Send it again: it prints once.");
  request.open("POST", `/print/upload?${query}`);
  request.setRequestHeader("content-type", "application/octet-stream");
  request.send(file);
  return true;
}

// --- the wire: lines in a ring; holding stops the view, not the capture
const WIRE_LINES = 2000;
let wire = null, wireHeld = false, wireText = [], wireNew = [];

function tap(button) {
  if (wire) { stopTap("not shown"); return; }
  const say = $("#wire-say");
  $("#wire").replaceChildren(); wireText = []; wireNew = [];
  patch(say, "live");
  button.lastChild.textContent = "Stop";
  for (const id of ["wire-hold", "wire-save"]) document.getElementById(id).hidden = false;
  wire = new EventSource(button.dataset.wire);
  wire.onmessage = (event) => {
    for (const line of JSON.parse(event.data)) { wireNew.push(line); wireText.push(line[1] + (line[2] ? `  ; ${line[2]}` : "")); }
    if (wireText.length > WIRE_LINES) wireText.splice(0, wireText.length - WIRE_LINES);
    if (!wireHeld && wireNew.length) requestAnimationFrame(drawWire);
  };
  wire.addEventListener("line", (event) => { for (const [name, how] of Object.entries(JSON.parse(event.data))) lamp(name, how); });
  wire.addEventListener("ended", (event) => stopTap(JSON.parse(event.data)));
  wire.onerror = () => stopTap("the console does not answer");
}

function lamp(name, how) {
  const place = $(`[data-lamp="${CSS.escape(name)}"]`);
  if (!place) return;
  place.classList.toggle("on", how !== "off");
  patch($("small", place), how.endsWith("Z") ? clock(new Date(how)) : how);
}

function drawWire() {
  const place = $("#wire"), bottom = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
  for (const [kind, line, note] of wireNew.splice(0).slice(-WIRE_LINES)) {
    const row = document.createElement("span");
    row.className = kind; row.textContent = wireClock(line);
    place.append(row);
    if (note) { const said = document.createElement("span"); said.className = "said-of"; said.textContent = note; place.append(said); }
  }
  while (place.childElementCount > WIRE_LINES) place.firstChild.remove();
  if (bottom) place.scrollTop = place.scrollHeight;
}

function stopTap(why) {
  wire?.close(); wire = null;
  patch($("#wire-say"), why);
  const button = $("#wire-show");
  if (button) button.lastChild.textContent = "Show";
  $("#wire-hold")?.setAttribute("hidden", "");
}

function holdWire(button) {
  wireHeld = !wireHeld;
  button.setAttribute("aria-pressed", String(wireHeld));
  patch($("#wire-say"), wireHeld ? "held; it goes on behind" : "live");
  if (!wireHeld) drawWire();
}

function saveWire() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([wireText.join("\n") + "\n"], { type: "text/plain" }));
  link.download = "wire.txt";
  link.click();
  URL.revokeObjectURL(link.href);
}

// --- events
// --- a button that needs a choice waits for one; without scripts the server says that there is none
function needing() {
  for (const button of $$("button[data-needs]")) button.disabled = !$(`${button.dataset.needs}:checked`, button.form);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("a, button");
  if (!target) return;
  if (target.matches("a[data-sheet]") && !event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); openSheet(target.href, target); }
  else if (target.matches("[data-cancel]") && sheet.open) { event.preventDefault(); sheet.close(); }
  else if (target.dataset.preset) fill(JSON.parse(target.dataset.preset));
  else if (target.dataset.asks !== undefined) { event.preventDefault(); ask(target); }
  else if (target.dataset.copy) navigator.clipboard?.writeText($(target.dataset.copy).textContent.trim()).then(() => patch($("#announce"), "Copied"), () => {});
  else if (target.id === "wire-show") tap(target);
  else if (target.id === "wire-hold") holdWire(target);
  else if (target.id === "wire-save") saveWire();
  else if (target.id === "bulk-move") openSheet(moving(marks()), target);
  else if (target.id === "keys-open") $("#keys").showModal();
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) event.preventDefault();
  else if (form.matches("#print-form") && upload(form)) event.preventDefault();
  else if (wire && comesBack(form)) { event.preventDefault(); put(form, event.submitter?.value); }
  else if (form.matches("[data-stay]")) { event.preventDefault(); put(form, event.submitter.value); }
  else if (sheet?.contains(form) && form.method === "post") { event.preventDefault(); send(form, event.submitter); }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-mark-all]")) for (const box of $$("#many tbody .mark input")) box.checked = event.target.checked;
  if (event.target.closest(".mark")) marked();
  needing();
  if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit();
  if (event.target.matches(".drop input")) patch($(".drop output"), event.target.files[0]?.name ?? "");
  if (event.target.id === "keys-on") localStorage.setItem("keys", event.target.checked ? "on" : "off");
});
// What somebody has under the finger stays where it is: a button that is drawn anew between press and release is not pressed.
let pressed = false;
const inHand = () => pressed || dragged !== null;
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, () => { pressed = false; }, true);
addEventListener("blur", () => { pressed = false; });

// --- forms that are sent from where one is: focus and page stay. Those that put something a place earlier or later always are
document.addEventListener("keydown", (event) => {
  const how = event.altKey && { ArrowUp: "earlier", ArrowDown: "later" }[event.key];
  const button = how && $(`[data-stay] [value="${how}"]`, event.target.closest?.("[data-place]") ?? document.createElement("i"));
  if (button) { event.preventDefault(); button.click(); }
});

// While the wire is shown, so is a form that comes back here: another page would close it.
const comesBack = (form) => {
  const back = $("main")?.contains(form) && !sheet?.contains(form) && form.elements.back?.value;
  return Boolean(back) && new URL(back, location.href).href === location.href.split("#")[0];
};

async function put(form, how) {
  const body = new URLSearchParams(new FormData(form));
  if (how) body.set("do", how);
  const answer = await fetch(form.action, { method: "POST", credentials: "same-origin", body, headers: { "x-sheet": "1" } }).catch(() => null);
  if (!answer) { $("#dropped").hidden = false; patch($("#dropped"), "The console does not answer."); return; }
  if (answer.headers.has("x-go")) { redraw(); return; }
  // What went wrong is said by a page of its own.
  if (!how) { form.submit(); return; }
  const choice = document.createElement("input");
  choice.type = "hidden"; choice.name = "do"; choice.value = how;
  form.append(choice);
  form.submit();
}

// --- dragging, of a job or a port to another place in its list, and of jobs onto another printer: sends the form that buttons send
let dragged = null, move = null;
const dock = $("#dock");
const below = (row, event) => event.clientY > row.getBoundingClientRect().top + row.offsetHeight / 2;
function over(event) {
  const place = event.target.closest?.("[data-place], [data-takes]");
  if (!place || !dragged || place === dragged) return null;
  return place.dataset.takes !== undefined || place.dataset.of === dragged.dataset.of ? place : null;
}
function unmark() { for (const one of $$(".put-before, .put-after, .dock .over")) one.classList.remove("put-before", "put-after", "over"); }
document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-place], [data-goes]") ?? null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.place ?? dragged.dataset.goes);
  dragged.classList.add("dragged");
  if (dragged.dataset.goes) offer(dragged);
});
document.addEventListener("dragend", () => { dragged?.classList.remove("dragged"); dragged = null; dock.hidden = true; unmark(); redrawIn(0); });
document.addEventListener("dragover", (event) => {
  const place = over(event);
  unmark();
  if (!place) return;
  event.preventDefault();
  place.classList.add(place.dataset.takes !== undefined ? "over" : below(place, event) ? "put-after" : "put-before");
});
document.addEventListener("drop", (event) => {
  const place = over(event);
  if (!place) return;
  event.preventDefault();
  if (place.dataset.takes !== undefined) { bring(place.dataset.takes); return; }
  const form = $("[data-stay]", dragged);
  form.elements.other.value = place.dataset.place;
  put(form, below(place, event) ? "after" : "before");
});

// Where jobs can go is what the page about moving them says. A marked job takes the other marked ones along.
async function offer(row) {
  const all = marks(), one = row.dataset.goes;
  move = null;
  const found = await fetched(moving(all.includes(one) ? all : [one])).catch(() => null);
  if (!found?.answer.ok || dragged !== row) return;
  move = found.page;
  patch($("p", dock), `${$("h1", move).textContent} to`);
  $("ul", dock).replaceChildren(...$$(".pick label", move).map((label) => {
    const place = document.createElement("li"), radio = $("input", label);
    place.append(...document.importNode($("span", label), true).childNodes);
    if (radio.disabled) place.className = "unfit"; else place.dataset.takes = radio.value;
    return place;
  }));
  dock.hidden = false;
}

// They go at once, and can be taken back; where some of them cannot go, that is shown first.
function bring(printer) {
  opener = $("[data-sheet], [data-open]", dragged);
  show(move);
  $$(".pick input", sheet).find((one) => one.value === printer).checked = true;
  sheet.showModal();
  if (!$(".staying", sheet)) send($("form", sheet), $("footer .primary", sheet));
}

// --- files dropped on a printer: each is a job, and what became of each is said
async function dropped(printer, files) {
  const say = $("#dropped"), said = [];
  say.hidden = false;
  for (const file of files) {
    patch(say, [...said, `Sending ${file.name} to ${printer}…`].join(" "));
    const query = new URLSearchParams({ printer, name: file.name, id: crypto.randomUUID?.() ?? String(Math.random()), token: $("input[name=token]").value });
    try {
      const answer = await fetch(`/print/upload?${query}`, { method: "POST", body: file, headers: { "content-type": "application/octet-stream" } });
      const found = await answer.json();
      said.push(answer.ok ? `${file.name} is job ${found.job} on ${printer}.` : `${file.name} was not accepted: ${found.message}`);
    } catch { said.push(`${file.name} was not sent: the console does not answer.`); }
    patch(say, said.join(" "));
  }
}
for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, (event) => {
  const place = event.target.closest?.("[data-drop]");
  if (!place || !event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  place.classList.toggle("over", kind === "dragover");
  if (kind === "drop") dropped(place.dataset.drop, [...event.dataTransfer.files]);
});
for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, (event) => {
  const place = event.target.closest?.(".drop");
  if (!place) return;
  event.preventDefault();
  place.classList.toggle("over", kind === "dragover");
  if (kind === "drop") { $("input", place).files = event.dataTransfer.files; patch($("output", place), event.dataTransfer.files[0]?.name ?? ""); }
});

// --- keys: never in a field, and they can be switched off
const keysOn = () => localStorage.getItem("keys") !== "off";
if ($("#keys-on")) $("#keys-on").checked = keysOn();
let gone = -Infinity;
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "k") { event.preventDefault(); $("#search").focus(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox]), select, textarea") || $("dialog[open]") || !keysOn()) return;
  const rows = $$("[data-row]"), at = rows.findIndex((row) => row.classList.contains("here"));
  const onRow = rows[at];
  if (performance.now() - gone < 1500) { gone = -Infinity; const link = $(`[data-go="${CSS.escape(event.key)}"]`); if (link) { event.preventDefault(); link.click(); } return; }
  const keys = {
    w: () => $("#wire-show")?.click(),
    "/": () => ($("#filter") ?? $("#search")).focus(),
    "?": () => $("#keys").showModal(),
    g: () => { gone = performance.now(); },
    j: () => step(rows, at + 1), k: () => step(rows, at < 0 ? 0 : at - 1),
    Enter: () => { if (!event.target.matches("a, button, input, summary")) $("[data-open]", onRow ?? document.createElement("i"))?.click(); else return true; },
    " ": () => { const box = onRow && $(".mark input", onRow); if (!box || event.target.matches("input, button, summary")) return true; box.checked = !box.checked; marked(); },
    f: () => $("#faults")?.click(), c: () => $("[data-key=c]")?.click(), m: () => (onRow && $("a[href^='/move']", onRow) || $("[data-key=m]"))?.click(), t: () => $("[data-key=t] button")?.click(), p: () => $("[data-key=p] button")?.click(),
  };
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (act && !act()) event.preventDefault();
});
function step(rows, to) {
  const row = rows[Math.min(Math.max(to, 0), rows.length - 1)];
  if (!row) return;
  for (const other of rows) other.classList.toggle("here", other === row);
  row.scrollIntoView({ block: "nearest" });
  $("[data-open]", row)?.focus({ preventScroll: true });
}

// A screen's key stands behind the # of its link, which no server and no proxy sees.
const wallDoor = $("#wall-door");
if (wallDoor && location.hash.length > 32) {
  wallDoor.elements.key.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  wallDoor.requestSubmit();
}

here(document);
setInterval(grow, 1000);
arrange(document);
marked();
needing();
addEventListener("pageshow", needing);
if ($("#pulse")) { listen(); setInterval(indicate, 500); }
document.addEventListener("visibilitychange", () => { if (document.hidden) { source?.close(); } else if (source?.readyState === 2) { heard = performance.now(); listen(); redraw(); } });
