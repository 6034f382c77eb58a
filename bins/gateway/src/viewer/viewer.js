// The viewer page: follows one job's log as it is written, and pages back through what came before.
//
// It is a module, so nothing here is global. What a log says is only ever set as text: no markup of it is interpreted.
//
// The page shows one unbroken window of the log, from `first` to `last`. While it is attached, the window ends at the
// live edge and grows there. When the reader goes so far back that the far end has to be dropped (the window is
// bounded), it is detached: what arrives is counted, and comes back by "later" or "jump to latest".

const MAX_ROWS = 20_000; // About what a browser lays out without a noticeable pause.
const FRAME_ROWS = 600; // Rows put into the page per animation frame, so that a flood leaves time to scroll and click.
const PAGE_ROWS = 200;
const CHUNK_ROWS = 200; // Rows in one list. The browser lays out only the lists near the screen, which is what makes 20,000 rows light.
const BEFORE_FAILURE = 50; // Lines before a failure that are never folded: the reason usually stands in them.
const AT_BOTTOM = 48; // Pixels from the end that still count as following.

const $ = (id) => document.getElementById(id);
const body = document.body;
const log = $("log");
const scroller = $("scroller");

// ---------------------------------------------------------------------------------------------------------------- words

const PHASES = {
  install: ["Installing packages", "Packages installed"],
  build: ["Building the app", "App built"],
  test: ["Running the tests", "Tests finished"],
  lint: ["Checking the code", "Code checked"],
  dev_server: ["Running the dev server", "Dev server finished"],
  deploy: ["Deploying", "Deployed"],
  migrate: ["Updating the database", "Database updated"],
  clone: ["Fetching the code", "Code fetched"],
};

const CLASSES = {
  deprecated: ["deprecation note", "deprecation notes"],
  notice: ["package manager notice", "package manager notices"],
  funding: ["funding message", "funding messages"],
  telemetry: ["usage-data notice", "usage-data notices"],
  progress: ["progress update", "progress updates"],
  blank: ["blank line", "blank lines"],
};

const OUTCOMES = {
  succeeded: ["Succeeded", "The build finished without errors", "There is nothing left to do here. You can close this page; the log is kept."],
  failed: ["Failed", "The build stopped with an error", "The last lines usually say what went wrong. When you ask for help, send a link to the line: click its number."],
  cancelled: ["Stopped", "The build was stopped", "Somebody asked for it to stop. Nothing is broken; start it again whenever you like."],
  timed_out: ["Timed out", "The build ran out of time", "It took longer than it was allowed. Starting it again often helps; if not, the last lines show where it hung."],
  lost: ["Lost", "Contact with the build machine was lost", "What it wrote until then is kept here. Please start the build again."],
  abandoned: ["Abandoned", "The build did not go on", "Nothing more came from it. Please start it again."],
};

const GAPS = {
  spool_full: "the log store was away, and the room for waiting lines was full",
  writer_killed: "the program that was writing the log was stopped in the middle",
  damaged: "the disk where lines waited gave them back damaged",
  store_lost: "the log store lost what it held, and the writer no longer had all of it",
  unknown_cursor: "the log store lost its most recent part",
  archive_missing: "a part of the archive could not be found",
};

const TROUBLE = {
  draining: "The log service is being updated. This page reconnects by itself.",
  store_unavailable: "The log store cannot be reached right now. Nothing is lost; this page goes on as soon as it is back.",
  auth_unavailable: "Your sign-in cannot be checked right now. This page tries again by itself.",
  archive_unavailable: "The archive cannot be reached right now. This page tries again by itself.",
};

const REFUSALS = {
  401: "You are not signed in, or your session has run out. Sign in again, then come back to this page.",
  403: "This page may not read the log from this address.",
  404: "There is no log here for you to see. Check the address, and that you are signed in as the owner of this build.",
  410: "This log was erased. Its text is gone for good.",
};

const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const clock = (ts) => new Date(ts).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const doing = (phase) => PHASES[phase]?.[0] ?? plain(phase);

function plain(phase) {
  const words = (phase ?? "step").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function duration(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}\u00a0s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}\u00a0s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min\u00a0${String(whole % 60).padStart(2, "0")}\u00a0s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function size(bytes) {
  return bytes < 10_000 ? `${bytes.toLocaleString("en")} bytes` : `${Math.round(bytes / 1024).toLocaleString("en")} KB`;
}

/** What a finished phase says. An exit code above 128 is a signal: 2, 9 and 15 mean that somebody stopped it. */
function finished(entry) {
  const took = duration(entry.duration_ms ?? 0);
  const code = entry.exit_code;
  if (code === 0) {
    const done = PHASES[entry.phase]?.[1];
    return { tone: "good", text: done ? `${done} in ${took}` : `${plain(entry.phase)} finished in ${took}` };
  }
  if (code == null) return { tone: "plain", text: `${doing(entry.phase)}: ended after ${took}, nobody knows how` };
  if ([130, 137, 143].includes(code)) return { tone: "plain", text: `${doing(entry.phase)}: stopped after ${took}` };
  return { tone: "bad", text: `${doing(entry.phase)}: failed after ${took} (exit code ${code})` };
}

function secrets(masked) {
  const total = masked.reduce((sum, one) => sum + one.count, 0);
  const names = masked.map((one) => (masked.length > 1 && one.count > 1 ? `${one.name} × ${one.count}` : one.name));
  return `${count(total, "secret", "secrets")} hidden · ${names.join(", ")}`;
}

function missing(entry) {
  const lines = entry.lines == null ? "Some lines are missing here" : `${count(entry.lines, "line is", "lines are")} missing here`;
  return `${lines}: ${GAPS[entry.reason] ?? "they were lost on the way"}.`;
}

// ----------------------------------------------------------------------------------------------------------------- rows

const rows = new Map(); // seq -> row
let first = null; // seq of the first row in the page
let last = null; // and of the last
let tailRun = null; // the run of noise the last row belongs to
const failures = new Set(); // seqs of the rows that say something failed

const lineTemplate = element("li", "row line");
lineTemplate.append(element("a", "n"), element("span", "t"));
lineTemplate.firstChild.tabIndex = -1; // Thousands of numbers would make the Tab key useless.

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Builds the row of an entry, without a place in the page yet. */
function makeRow(entry) {
  const row = { seq: entry.seq, kind: entry.kind, noise: null, run: null, li: null };
  const li = entry.kind === "line" ? lineRow(entry) : element("li", `row ${entry.kind}`);
  row.li = li;
  li.id = `L${entry.seq}`;
  li.dataset.seq = entry.seq;
  li.dataset.kind = entry.kind;
  if (entry.kind === "line") {
    row.noise = entry.class ?? null;
  } else if (entry.kind === "stage") {
    const said = entry.state === "started" ? { tone: "start", text: doing(entry.phase) } : finished(entry);
    li.dataset.state = entry.state;
    li.dataset.tone = said.tone;
    li.append(element("span", "mark"), element("span", "t", said.text));
    const time = element("time", "", clock(entry.ts));
    time.dateTime = new Date(entry.ts).toISOString();
    li.append(time);
    if (said.tone === "bad") failures.add(entry.seq);
  } else if (entry.kind === "gap") {
    li.append(element("span", "t", missing(entry)));
  } else if (entry.kind === "end") {
    li.dataset.outcome = entry.outcome;
    li.append(element("span", "t", "The log ends here."));
    if (entry.outcome !== "succeeded") failures.add(entry.seq);
  }
  return row;
}

function lineRow(entry) {
  const li = lineTemplate.cloneNode(true);
  const [number, text] = li.childNodes;
  number.href = `#L${entry.seq}`;
  number.textContent = entry.seq;
  number.dataset.ts = entry.ts;
  if (entry.source !== "stdout") li.dataset.source = entry.source;
  if (entry.class) li.dataset.class = entry.class;
  if (entry.masked?.length) {
    hiddenMarks(text, entry.text);
    li.append(element("span", "badge", secrets(entry.masked)));
  } else {
    text.textContent = entry.text;
  }
  if (entry.cut != null) li.append(element("span", "badge cut", `shortened from ${size(entry.cut)}`));
  return li;
}

/** Sets a line's text with the places where something was hidden set apart. */
function hiddenMarks(into, text) {
  text.split(/(\[REDACTED[^\]]*\])/).forEach((part, at) => into.append(at % 2 ? element("span", "masked", part) : part));
}

const rowBefore = (li) => li.previousElementSibling ?? li.parentNode.previousElementSibling?.lastElementChild ?? null;
const rowAfter = (li) => li.nextElementSibling ?? li.parentNode.nextElementSibling?.firstElementChild ?? null;
const lastRow = () => log.lastElementChild?.lastElementChild ?? null;

function firstRow() {
  let li = log.firstElementChild?.firstElementChild ?? null;
  while (li && !li.dataset.seq) li = rowAfter(li); // The head of a fold stands before its rows.
  return li;
}

function removeNode(li) {
  const chunk = li?.parentNode;
  li?.remove();
  if (chunk && chunk.childElementCount === 0) chunk.remove();
}

/**
 * Puts rows into `chunk` and, when that is full or missing, into new ones that go into `into`; folds runs of noise as they
 * grow. Returns the run the last row is in.
 */
function weave(made, chunk, into, run) {
  const changed = new Set();
  for (const row of made) {
    rows.set(row.seq, row);
    if (!chunk || chunk.childElementCount >= CHUNK_ROWS) {
      chunk = element("ol", "chunk");
      into.append(chunk);
    }
    chunk.append(row.li);
    if (row.noise === null) {
      run = null;
      continue;
    }
    run ??= { rows: [], head: null, open: false };
    run.rows.push(row);
    row.run = run;
    changed.add(run);
  }
  changed.forEach(showRun);
  return run;
}

/** A run folds when there is something to gain: two lines of noise, or a whole hole of blank lines. */
function worthFolding(run) {
  let noise = 0;
  for (const row of run.rows) if (row.noise !== "blank" && ++noise === 2) return true;
  return noise + run.rows.length >= 5;
}

function showRun(run) {
  if (run.rows.length === 0 || !worthFolding(run)) {
    removeNode(run.head);
    run.head = null;
    for (const row of run.rows) row.li.hidden = false;
    return;
  }
  if (!run.head) {
    run.head = element("li", "fold");
    const button = element("button");
    button.type = "button";
    button.addEventListener("click", () => {
      if (!run.open) stopFollowing();
      run.open = !run.open;
      showRun(run);
    });
    run.head.append(button);
  }
  if (run.head.nextSibling !== run.rows[0].li) {
    const chunk = run.head.parentNode;
    run.rows[0].li.before(run.head);
    if (chunk?.childElementCount === 0) chunk.remove();
  }
  const counts = {};
  for (const row of run.rows) counts[row.noise] = (counts[row.noise] ?? 0) + 1;
  const words = Object.entries(counts)
    .filter(([name]) => name !== "blank" || Object.keys(counts).length === 1)
    .map(([name, n]) => count(n, ...(CLASSES[name] ?? [`line of ${plain(name)}`, `lines of ${plain(name)}`])));
  const button = run.head.firstChild;
  button.textContent = `${words.join(", ")}`;
  button.setAttribute("aria-expanded", String(run.open));
  for (const row of run.rows) row.li.hidden = !run.open;
}

/** Unfolds what stands before each failure. */
function unfoldFailures() {
  for (const seq of failures) {
    let row = rows.get(seq)?.li;
    for (let left = BEFORE_FAILURE; row && left > 0; row = rowBefore(row)) {
      if (row.dataset.kind !== "line") continue;
      left -= 1;
      const run = rows.get(Number(row.dataset.seq))?.run;
      if (run && !run.open) {
        run.open = true;
        showRun(run);
      }
    }
  }
}

function forgetRow(row) {
  rows.delete(row.seq);
  failures.delete(row.seq);
  removeNode(row.li);
  if (!row.run) return;
  const { run } = row;
  if (run.rows[0] === row) run.rows.shift();
  else if (run.rows.at(-1) === row) run.rows.pop();
  else run.rows = run.rows.filter((other) => other !== row);
  if (run.rows.length === 0) removeNode(run.head);
}

/** Learns the window's ends and the last run again, after rows have gone. */
function measureWindow() {
  const [top, bottom] = [firstRow(), lastRow()];
  first = top ? Number(top.dataset.seq) : null;
  last = bottom ? Number(bottom.dataset.seq) : null;
  tailRun = last === null ? null : rows.get(last).run;
}

function dropFromTop(excess) {
  const touched = new Set();
  for (; excess > 0; excess -= 1) {
    const row = rows.get(Number(firstRow().dataset.seq));
    if (row.run) touched.add(row.run);
    forgetRow(row);
  }
  touched.forEach(showRun);
  measureWindow();
  beginning(false);
}

function dropFromBottom(excess) {
  const touched = new Set();
  for (; excess > 0; excess -= 1) {
    const row = rows.get(Number(lastRow().dataset.seq));
    if (row.run) touched.add(row.run);
    forgetRow(row);
  }
  touched.forEach(showRun);
  measureWindow();
}

function clearRows() {
  log.replaceChildren();
  rows.clear();
  failures.clear();
  first = last = tailRun = null;
  beginning(false);
}

/** Appends entries that follow the window. */
function appendEntries(entries) {
  const made = [];
  for (const entry of entries) {
    if (rows.has(entry.seq) || (last !== null && entry.seq < last)) continue;
    made.push(makeRow(entry));
  }
  if (made.length === 0) return;
  const failed = failures.size;
  tailRun = weave(made, log.lastElementChild, log, tailRun);
  first ??= made[0].seq;
  last = made.at(-1).seq;
  if (made[0].seq === 1) beginning(true);
  if (failed) unfoldFailures();
  widenGutter(last);
}

/** Puts entries before the window, without moving what the reader sees. */
function prependEntries(entries) {
  const made = entries.filter((entry) => first === null || entry.seq < first).map(makeRow);
  if (made.length === 0) return;
  const anchor = topRow();
  const place = anchor?.getBoundingClientRect().top;
  const seam = first === null ? null : rows.get(first).run;
  const fragment = document.createDocumentFragment();
  const run = weave(made, null, fragment, null);
  // Their true height is needed now, or what the reader sees would move when it becomes known.
  const chunks = [...fragment.children];
  for (const chunk of chunks) chunk.classList.add("drawn");
  requestAnimationFrame(() => requestAnimationFrame(() => chunks.forEach((chunk) => chunk.classList.remove("drawn"))));
  log.prepend(fragment);
  if (seam && run) joinRuns(run, seam);
  if (first === null) {
    tailRun = run;
    last = made.at(-1).seq;
  }
  first = made[0].seq;
  unfoldFailures();
  widenGutter(last);
  if (rows.size > MAX_ROWS) {
    dropFromBottom(rows.size - MAX_ROWS);
    detach();
  }
  if (anchor?.isConnected) moveBy(anchor.getBoundingClientRect().top - place);
}

function joinRuns(run, later) {
  for (const row of later.rows) row.run = run;
  run.rows.push(...later.rows);
  run.open ||= later.open;
  later.head?.remove();
  if (tailRun === later) tailRun = run;
  showRun(run);
}

/** The first line that is on screen: first its list, which has a place without being laid out, then the line. */
function topRow() {
  const edge = scroller.getBoundingClientRect().top + 1;
  const reaches = (node) => node.getBoundingClientRect().bottom > edge;
  const chunk = [...log.children].find(reaches) ?? log.lastElementChild;
  // The head of a fold may be put elsewhere, and a folded line has no place; other rows stay.
  const stays = (li) => li.dataset.seq && !li.hidden;
  return chunk && ([...chunk.children].find((li) => stays(li) && reaches(li)) ?? null);
}

function widenGutter(seq) {
  log.style.setProperty("--digits", String(Math.max(3, String(seq).length)));
}

// --------------------------------------------------------------------------------------------------- scrolling, following

let following = true;
let unseen = 0;
let lastTop = 0;

const distance = () => scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;

function toBottom() {
  scroller.scrollTop = scroller.scrollHeight;
  lastTop = scroller.scrollTop;
}

function moveBy(pixels) {
  if (pixels !== 0) scroller.scrollTop += pixels;
  lastTop = scroller.scrollTop;
}

function stopFollowing() {
  following = false;
  latestButton();
}

function latestButton() {
  const button = $("latest");
  if (following && !detached) unseen = 0;
  button.hidden = (following && !detached) || rows.size === 0;
  button.textContent = unseen > 0 ? `Jump to latest · ${unseen.toLocaleString("en")} new` : "Jump to latest";
  $("load-later").hidden = !detached;
}

scroller.addEventListener("scroll", () => {
  const top = scroller.scrollTop;
  if (distance() < AT_BOTTOM) following = !detached;
  else if (top < lastTop - 1) following = false;
  lastTop = top;
  latestButton();
}, { passive: true });

// The log grows when the browser learns the true height of lists it had only guessed.
const resized = new ResizeObserver(() => following && toBottom());
resized.observe(scroller);
resized.observe(log);

$("latest").addEventListener("click", jumpToLatest);

// --------------------------------------------------------------------------------------------------- the live edge

let queue = []; // entries that arrived and are not in the page yet
let overflowed = false; // more arrived than the page will ever hold
let scheduled = false;
let holding = 0; // while a page is being fetched that ends at the live edge
let detached = false;

function detach() {
  detached = true;
  queue = [];
  latestButton();
}

function arrived(entry) {
  unseen += 1;
  if (detached && holding === 0) return schedule(); // Only the count on the button changes.
  queue.push(entry);
  if (queue.length > MAX_ROWS * 1.25) {
    // A hidden page is given no frames, and a flood can outrun them. Only the newest would survive in the page anyway.
    queue.splice(0, queue.length - MAX_ROWS);
    overflowed = true;
  }
  schedule();
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  if (document.hidden) setTimeout(flush, 500);
  else requestAnimationFrame(flush);
}

function flush() {
  scheduled = false;
  if (queue.length === 0) return latestButton();
  if (holding > 0) return;
  if (overflowed) {
    overflowed = false;
    if (!following && rows.size > 0) return detach();
    clearRows();
  }
  if (!following && rows.size >= MAX_ROWS) return detach();
  appendEntries(queue.splice(0, FRAME_ROWS));
  if (following && rows.size > MAX_ROWS) dropFromTop(rows.size - MAX_ROWS);
  waiting();
  if (following) toBottom();
  latestButton();
  if (queue.length > 0) schedule();
}

// --------------------------------------------------------------------------------------------------- pages of history

const job = jobFromPath();
const base = job === null ? null : `/v1/jobs/${encodeURIComponent(job)}`;
let busy = false;
let wantsEarlier = false;

function jobFromPath() {
  const found = location.pathname.match(/^\/jobs\/([^/]+)\/?$/);
  try {
    return found ? decodeURIComponent(found[1]) : null;
  } catch {
    return found[1];
  }
}

/** Asks the gateway. Throws an Error whose message may be shown. Waits once where it is told to wait shortly. */
async function ask(path, again = true) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", headers: { accept: "application/json" } });
  } catch {
    throw new Error("The log service could not be reached. Check your connection and try again.");
  }
  if (answer.ok) return answer.json();
  const wait = Number(answer.headers.get("retry-after"));
  if (again && (answer.status === 429 || answer.status === 503) && wait <= 5) {
    await pause((wait || 1) * 1000);
    return ask(path, false);
  }
  throw new Error((await problem(answer)).words);
}

async function problem(answer) {
  const said = await answer.json().catch(() => ({}));
  const words = said.detail || REFUSALS[answer.status] || "Something went wrong on our side. Please try again in a moment.";
  return { status: answer.status, code: said.code, words };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function beginning(reached) {
  $("beginning").hidden = !reached;
  $("load-earlier").hidden = reached;
}

async function loadEarlier(showEnd = false) {
  if (cursor === null && state !== "refused") {
    wantsEarlier = true; // The first words of the stream say where the live edge is; they are on their way.
    return;
  }
  await withPages($("load-earlier"), async () => {
    const edge = first ?? queue[0]?.seq ?? (cursor === null ? null : cursor + 1);
    const before = edge === null ? null : Math.ceil(edge);
    const page = await ask(`${base}/logs?${before === null ? "" : `before=${before}&`}limit=${PAGE_ROWS}`);
    const empty = rows.size === 0;
    prependEntries(page.entries);
    if (page.has_more === false || page.next_before == null || page.entries[0]?.seq === 1) beginning(true);
    if ((empty || showEnd) && following) toBottom();
  });
}

async function loadLater() {
  await withPages($("load-later"), async () => {
    const page = await ask(`${base}/logs?after=${Math.floor(last)}&limit=${PAGE_ROWS}`);
    following = false;
    appendEntries(page.entries);
    if (rows.size > MAX_ROWS) {
      const anchor = topRow();
      const place = anchor?.getBoundingClientRect().top;
      dropFromTop(rows.size - MAX_ROWS);
      if (anchor?.isConnected) moveBy(anchor.getBoundingClientRect().top - place);
    }
    if (last >= cursor) detached = false;
  });
}

/** Shows the newest page and follows again. What arrives meanwhile waits, so that nothing is lost or doubled at the seam. */
async function jumpToLatest() {
  following = true;
  if (detached) {
    await withPages($("latest"), async () => {
      await showWindow(cursor + 1);
    });
  }
  toBottom();
  latestButton();
  scroller.focus({ preventScroll: true });
}

/** Replaces the window by the page that ends before `before`. */
async function showWindow(before) {
  holding += 1;
  try {
    const reachesEdge = before > cursor;
    const page = await ask(`${base}/logs?before=${before}&limit=${PAGE_ROWS}`);
    clearRows();
    prependEntries(page.entries);
    if (page.has_more === false || page.next_before == null) beginning(true);
    // What arrived during the request is in the queue and follows a page that reached the edge as it was before.
    detached = !reachesEdge;
    queue = detached ? [] : queue.filter((entry) => last === null || entry.seq > last);
  } finally {
    holding -= 1;
    if (queue.length > 0) schedule();
  }
}

/** Runs something that fetches pages: one at a time, with the button saying so and failures told. */
async function withPages(button, work) {
  if (busy) return;
  busy = true;
  button.setAttribute("aria-busy", "true");
  try {
    await work();
    if (pageTrouble) notice(null);
    pageTrouble = false;
  } catch (error) {
    pageTrouble = true;
    notice(error.message);
  } finally {
    busy = false;
    button.removeAttribute("aria-busy");
    waiting();
    latestButton();
  }
}

let pageTrouble = false;

$("load-earlier").addEventListener("click", () => loadEarlier());
$("load-later").addEventListener("click", loadLater);

/** Brings a line into view, from wherever it is held. */
async function openAt(seq) {
  if (!rows.has(seq)) {
    if (cursor === null || seq < 1 || seq > cursor) return;
    stopFollowing();
    await withPages($("load-earlier"), () => showWindow(Math.min(seq + PAGE_ROWS / 2 + 1, cursor + 1)));
  }
  const row = rows.get(seq);
  if (!row) return;
  stopFollowing();
  if (row.run && !row.run.open) {
    row.run.open = true;
    showRun(row.run);
  }
  log.querySelector(".chosen")?.classList.remove("chosen");
  row.li.classList.add("chosen");
  row.li.scrollIntoView({ block: "center" });
  lastTop = scroller.scrollTop;
  latestButton();
}

const lineInHash = () => Number(location.hash.match(/^#L(\d{1,16})$/)?.[1] ?? 0);

addEventListener("hashchange", () => lineInHash() && openAt(lineInHash()));

log.addEventListener("click", (event) => {
  const number = event.target.closest("a.n");
  if (!number || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.replaceState(null, "", number.hash);
  log.querySelector(".chosen")?.classList.remove("chosen");
  number.parentNode.classList.add("chosen");
  say("The address of this page now points to this line.");
});

log.addEventListener("pointerover", (event) => {
  const number = event.target.closest?.("a.n");
  if (number && !number.title) number.title = `${new Date(Number(number.dataset.ts)).toLocaleString()} · click for a link to this line`;
});

// ------------------------------------------------------------------------------------------- what was hidden or erased later

async function readAgain(seq) {
  const row = rows.get(seq);
  // Whatever was asked to disappear disappears at once, even if the new reading has to wait.
  row?.li.querySelector(".t")?.replaceChildren("This line is being hidden …");
  for (const entry of queue) if (entry.seq === seq) entry.text = "This line is being hidden …";
  try {
    const page = await ask(`${base}/logs?before=${seq + 1}&limit=1`);
    page.entries.forEach(replaceEntry);
  } catch {
    row?.li.querySelector(".t")?.replaceChildren("This line was hidden.");
  }
}

function replaceEntry(entry) {
  const waitingAt = queue.findIndex((other) => other.seq === entry.seq);
  if (waitingAt >= 0) queue[waitingAt] = entry;
  const row = rows.get(entry.seq);
  if (!row) return;
  const made = makeRow(entry);
  made.li.hidden = row.li.hidden;
  row.li.replaceWith(made.li);
  row.li = made.li;
}

/** Reads everything on the page again, from its end to its start. */
async function readAllAgain() {
  try {
    let before = last === null ? null : Math.floor(last) + 1;
    while (before !== null && first !== null && before > first) {
      const page = await ask(`${base}/logs?before=${before}&limit=1000`);
      page.entries.forEach(replaceEntry);
      before = page.entries.length > 0 && page.has_more ? page.next_before : null;
    }
  } catch (error) {
    notice(error.message);
  }
}

function erased() {
  hangUp();
  clearRows();
  queue = [];
  refuse(REFUSALS[410], false);
}

// --------------------------------------------------------------------------------------------------- the stream

let source = null;
let cursor = null; // everything up to here has been heard
let revision = null;
let state = "reconnecting";
let ended = false;
let attempts = 0;
let timer = 0;
let heard = Date.now();
let patience = 40_000;
let silentSince = null;

function setState(next, word) {
  state = next;
  body.dataset.state = next;
  $("state-word").textContent = word;
}

function streamUrl() {
  return `${base}/logs/stream${cursor ? `?last_event_id=${cursor}` : ""}`;
}

function hangUp() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function connect() {
  hangUp();
  body.removeAttribute("data-bare");
  heard = Date.now();
  const stream = new EventSource(streamUrl());
  // What the browser would resume from by itself. It can fall behind what the page knows: a fresh stream that breaks
  // before its first line, or a rewind. Then the page reconnects in its place.
  let resumesFrom = cursor || null;
  source = stream;
  const on = (name, then) =>
    stream.addEventListener(name, (event) => {
      if (source !== stream) return;
      heard = Date.now();
      if (event.lastEventId) resumesFrom = Number(event.lastEventId);
      const data = JSON.parse(event.data);
      then(data, event);
    });
  on("hello", hello);
  for (const kind of ["line", "stage", "gap"]) on(kind, (data, event) => entryCame({ ...data, kind }, Number(event.lastEventId)));
  on("heartbeat", () => state !== "silent" && live());
  on("status", (data) => (data.status === "silent" ? silent(data.since) : live(true)));
  on("rewind", rewound);
  on("purge", (data) => {
    revision = data.revision;
    if (data.seq === null) erased();
    else readAgain(data.seq);
  });
  on("unavailable", (data) => later(data.retry_ms, TROUBLE[data.reason] ?? TROUBLE.store_unavailable));
  on("reauth", (data) => later(data.retry_ms, null));
  on("end", (data, event) => {
    cursor = Number(event.lastEventId);
    arrived({ ...data, kind: "end" });
    if (revision !== null && data.revision > revision) readAllAgain();
    over(data);
  });
  stream.onerror = () => {
    if (source !== stream || ended) return;
    if (stream.readyState === EventSource.CLOSED) return void diagnose();
    setState("reconnecting", "Reconnecting");
    notice("The connection was interrupted. Nothing is lost: this page goes on where it stopped.", { slow: true });
    if (resumesFrom !== (cursor || null)) later(1000 + Math.random() * 1000, null);
  };
}

function hello(data) {
  attempts = 0;
  patience = (data.heartbeat_s || 15) * 2500;
  const wasAtStart = cursor === 0;
  if (cursor === null || wasAtStart) cursor = data.head;
  if (revision !== null && data.revision > revision) readAllAgain();
  revision = data.revision;
  if (data.status === "silent") silent(silentSince ?? facts?.silent_since);
  else live(true);
  if (cursor === 0) beginning(true);
  else if (rows.size === 0) beginning(false);
  // Between a first connection that heard nothing and this one, lines may have come that no cursor asked for.
  if (wantsEarlier || (wasAtStart && data.head > 0 && rows.size === 0)) loadEarlier();
  wantsEarlier = false;
  if (lineInHash() && rows.size === 0) openAt(lineInHash());
  waiting();
}

function entryCame(entry, id) {
  if (entry.reason === "unknown_cursor") forget(entry.from, entry.to);
  if (Number.isFinite(id)) cursor = id;
  // A gap that the reading side made up has no number of its own. It stands just before what it says is missing, and
  // what comes next may have any of those numbers.
  entry.seq ??= (entry.from ?? id) - 0.5;
  if (state !== "live") live(true);
  if (entry.kind === "stage") stageCame(entry);
  else if (entry.kind === "line" && entry.phase && entry.phase !== now.phase) now = { phase: entry.phase, since: null };
  arrived(entry);
}

/** Forgets what is shown under ids that the store has given up: they will be used again, or come again as others. */
function forget(from, to) {
  const touched = new Set();
  for (const row of [...rows.values()]) {
    if (row.seq < from || row.seq > to) continue;
    if (row.run) touched.add(row.run);
    forgetRow(row);
  }
  touched.forEach(showRun);
  queue = queue.filter((entry) => entry.seq < from || entry.seq > to);
  measureWindow();
}

function rewound({ from, to }) {
  forget(from, to);
  if (cursor >= from) cursor = from - 1;
  notice("The log store moved to its standby. The newest lines are being read again.", { brief: true });
}

function live(clear = false) {
  if (ended) return;
  silentSince = null;
  setState("live", "Live");
  if (clear && !pageTrouble) notice(null);
}

function silent(since) {
  silentSince = since ?? silentSince;
  setState("silent", "Quiet");
  const from = silentSince ? ` since ${clock(silentSince)}` : "";
  notice(`The build machine has not been heard${from}. It may come back; this page keeps waiting, and you can leave it open.`);
}

/** Comes back after a while: what the server asked for, else longer each time, up to half a minute. */
function later(ms, words) {
  if (ended) return;
  hangUp();
  setState("reconnecting", "Reconnecting");
  notice(words ?? "Reconnecting. Nothing is lost: this page goes on where it stopped.", { slow: words === null });
  const wait = ms ?? Math.min(30_000, 1000 * 2 ** Math.min(attempts, 5)) * (0.75 + Math.random() / 2);
  attempts += 1;
  // Even when asked to hurry, not faster and faster: a server that keeps saying so would be called without end.
  const floor = Math.min(10_000, 150 * 2 ** Math.min(Math.max(0, attempts - 2), 7));
  timer = setTimeout(connect, Math.max(floor, Math.min(wait, 60_000)));
}

/** EventSource does not say why it gave up. One plain request does. */
async function diagnose() {
  hangUp();
  setState("reconnecting", "Reconnecting");
  const cut = new AbortController();
  let answer;
  try {
    answer = await fetch(streamUrl(), { credentials: "same-origin", cache: "no-store", signal: cut.signal, headers: { accept: "text/event-stream" } });
  } catch {
    return later(undefined, "The log service could not be reached. This page keeps trying; nothing is lost.");
  }
  if (answer.status === 200) {
    cut.abort();
    return later(undefined, null);
  }
  if (answer.status === 204) return alreadyOver();
  const { status, code, words } = await problem(answer);
  if (status === 429 || status >= 500) {
    const wait = Number(answer.headers.get("retry-after"));
    return later(wait > 0 ? wait * 1000 : undefined, words);
  }
  if (code === "bad_cursor" && cursor !== null) {
    cursor = null;
    clearRows();
    return later(undefined, null);
  }
  refuse(words, status !== 410);
}

/** There is nothing after the cursor: the last entry says how it ended. */
async function alreadyOver() {
  try {
    const page = await ask(`${base}/logs?limit=1`);
    const entry = page.entries.at(-1);
    if (entry?.kind !== "end") return later(undefined, null);
    arrived(entry);
    over(entry);
  } catch (error) {
    later(undefined, error.message);
  }
}

function refuse(words, again = true) {
  setState("refused", "Not available");
  body.toggleAttribute("data-bare", rows.size === 0); // What is on the screen already may stay there.
  notice(words, { again });
  waiting();
}

$("retry").addEventListener("click", () => {
  notice(null);
  setState("reconnecting", "Connecting");
  connect();
});

addEventListener("online", () => state === "reconnecting" && !ended && connect());

// A connection can die without a word; the heartbeat is there to notice. After a laptop's sleep this is how it comes back.
setInterval(() => {
  if (source && !ended && Date.now() - heard > patience) later(0, null);
}, 5000);

// --------------------------------------------------------------------------------------------------- what the reader is told

let now = { phase: null, since: null };
let facts = null;
let slowNotice = 0;

function notice(words, { slow = false, brief = false, again = false } = {}) {
  clearTimeout(slowNotice);
  const show = () => {
    $("notice").hidden = !words;
    $("notice-text").textContent = words ?? "";
    $("retry").hidden = !again;
  };
  // Most interruptions are over before anyone could read about them.
  if (slow && words) slowNotice = setTimeout(show, 1500);
  else show();
  if (brief) slowNotice = setTimeout(() => notice(null), 8000);
}

function say(words) {
  $("announce").textContent = words;
}

function stageCame(entry) {
  if (entry.state === "started") {
    now = { phase: entry.phase, since: entry.ts };
    say(doing(entry.phase));
  } else {
    if (now.phase === entry.phase) now = { phase: null, since: null };
    say(finished(entry).text);
  }
  tick();
}

function tick() {
  if (ended) return;
  const words = now.phase === null ? "" : doing(now.phase);
  // A phase that lasts longer than the clocks differ; a machine's clock that is ahead of this one must not show less than nothing.
  $("now").textContent = now.since === null ? words : `${words} · ${duration(Math.floor(Math.max(0, Date.now() - now.since) / 1000) * 1000).replace(".0", "")}`;
}

function waiting() {
  const idle = rows.size === 0 && queue.length === 0 && !ended && state !== "refused";
  $("waiting").hidden = !idle;
  $("waiting-text").textContent =
    state !== "live" && state !== "silent" ? "Connecting to the build …"
    : cursor === 0 ? "Connected. The first line will appear here."
    : "Connected. New lines will appear here as they are written.";
}

function over(end) {
  ended = true;
  hangUp();
  const [word, title, next] = OUTCOMES[end.outcome] ?? ["Over", "The build is over", "You can close this page; the log is kept."];
  setState("ended", word);
  notice(null);
  now = { phase: null, since: null };
  $("now").textContent = "";
  const code = end.outcome === "failed" && end.exit_code != null ? ` (exit code ${end.exit_code})` : "";
  $("outcome-title").textContent = title + code;
  $("outcome-next").textContent = next;
  const told = [count(end.lines ?? 0, "line", "lines")];
  if (end.redactions) told.push(`${count(end.redactions, "secret", "secrets")} hidden`);
  if (end.gaps) told.push(count(end.gaps, "gap", "gaps"));
  $("outcome-facts").textContent = told.join(" · ");
  $("outcome-show").hidden = end.outcome === "succeeded";
  $("outcome").dataset.outcome = end.outcome;
  $("state").dataset.outcome = end.outcome;
  $("outcome").hidden = false;
  document.title = `${word} · ${job}`;
  say(`${title}${code}. ${next}`);
  tellFacts().then(() => {
    if (!facts?.ended) return;
    told.push(`took ${duration(facts.ended - (facts.started ?? facts.opened))}`);
    $("outcome-facts").textContent = told.join(" · ");
  });
  // Somebody who comes after the end has nothing live to see; the last page is what they came for.
  if (rows.size === 0 && (!lineInHash() || lineInHash() > cursor)) loadEarlier(true);
  waiting();
}

$("outcome-show").addEventListener("click", async () => {
  await jumpToLatest();
  unfoldFailures();
  toBottom();
});

/** Asks once how things stand, so that whoever comes in the middle knows the phase. The page works without an answer. */
async function tellFacts() {
  try {
    facts = await ask(base, false);
  } catch {
    return;
  }
  const running = facts.phases?.findLast((phase) => phase.duration_ms == null);
  if (!ended && running && now.since === null) now = { phase: running.phase, since: running.started };
  if (state === "silent" && facts.silent_since) silent(facts.silent_since);
  tick();
}

// --------------------------------------------------------------------------------------------------- search

let searched = "";
let searchedBefore = null;
let searchNumber = 0;

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  searched = $("query").value.trim();
  searchedBefore = null;
  $("results-list").replaceChildren();
  if (searched === "") return closeResults();
  search();
});

async function search() {
  const number = ++searchNumber;
  $("results").hidden = false;
  $("results-more").hidden = true;
  $("results-title").textContent = "Searching …";
  const query = new URLSearchParams({ q: searched, limit: "50" });
  if (searchedBefore !== null) query.set("before", String(searchedBefore));
  try {
    const page = await ask(`${base}/logs/search?${query}`);
    if (number !== searchNumber) return;
    for (const entry of page.entries.toReversed()) $("results-list").append(foundRow(entry));
    searchedBefore = page.next_before ?? null;
    $("results-more").hidden = !(page.has_more && searchedBefore !== null);
    const found = $("results-list").childElementCount;
    const more = $("results-more").hidden ? "" : " so far";
    $("results-title").textContent = found === 0 ? `Nothing found${more} for “${searched}”` : `${count(found, "line", "lines")}${more} with “${searched}”`;
  } catch (error) {
    if (number === searchNumber) $("results-title").textContent = error.message;
  }
}

function foundRow(entry) {
  const button = element("button", "found");
  button.type = "button";
  const text = element("span", "t");
  const said = entry.text ?? "";
  const at = said.toLowerCase().indexOf(searched.toLowerCase());
  const from = Math.max(0, at - 60);
  if (at < 0) text.append(said.slice(0, 300));
  else text.append((from > 0 ? "…" : "") + said.slice(from, at), element("mark", "", said.slice(at, at + searched.length)), said.slice(at + searched.length, at + searched.length + 200));
  button.append(element("span", "n", entry.seq), text);
  button.addEventListener("click", () => {
    history.replaceState(null, "", `#L${entry.seq}`);
    if (matchMedia("(max-width: 60rem)").matches) closeResults();
    openAt(entry.seq);
  });
  const li = element("li");
  li.append(button);
  return li;
}

function closeResults() {
  searchNumber += 1;
  $("results").hidden = true;
}

$("results-more").addEventListener("click", search);
$("results-close").addEventListener("click", () => {
  closeResults();
  $("query").focus();
});

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "Escape" && !$("results").hidden) {
    closeResults();
    scroller.focus({ preventScroll: true });
  } else if (event.key === "/" && !typing && job !== null) {
    event.preventDefault();
    $("query").focus();
  } else if (event.key === "End" && !typing && job !== null) {
    event.preventDefault();
    jumpToLatest();
  }
});

// --------------------------------------------------------------------------------------------------- the list of builds

async function home() {
  body.dataset.page = "home";
  document.title = "Builds · Tailwater";
  $("home").hidden = false;
  setState("live", "");
  let answer;
  try {
    answer = await fetch("/v1/jobs", { credentials: "same-origin", cache: "no-store", headers: { accept: "application/json" } });
  } catch {
    $("home-words").textContent = "The log service could not be reached. Please reload this page in a moment.";
    return;
  }
  if (answer.status === 401) {
    $("home-words").textContent = "You are not signed in here. Open the address that tailwater printed in the terminal; it signs you in.";
    return;
  }
  if (!answer.ok) {
    $("home-words").textContent = "This page shows one build at a time. Open the link to your build, which ends in /jobs/ and its name.";
    return;
  }
  const { jobs } = await answer.json();
  $("home-words").textContent = jobs.length === 0 ? "No build has been recorded yet. Start one with: tailwater run -- npm install" : "";
  $("home-words").hidden = jobs.length > 0;
  for (const one of jobs) {
    const word = one.outcome ? (OUTCOMES[one.outcome]?.[0] ?? one.outcome) : one.status === "silent" ? "Quiet" : "Running";
    const link = element("a");
    link.href = `/jobs/${encodeURIComponent(one.job)}`;
    const pill = element("span", "state", "");
    pill.dataset.outcome = one.outcome ?? one.status;
    pill.append(element("span", "dot"), element("span", "", word));
    const opened = one.opened ? new Date(one.opened).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
    link.append(element("span", "job-name", one.job), element("span", "job-facts", [opened, count(one.lines ?? 0, "line", "lines")].filter(Boolean).join(" · ")), pill);
    const li = element("li");
    li.append(link);
    $("home-list").append(li);
  }
}

// --------------------------------------------------------------------------------------------------- start

/** On a single machine the printed address carries a code behind the #, which no server sees unless the page sends it. */
async function signIn() {
  const code = location.hash.match(/^#code=([^&]+)/)?.[1];
  if (!code) return;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await fetch("/v1/dev/session", { method: "POST", body: decodeURIComponent(code), headers: { "content-type": "text/plain" }, credentials: "same-origin" });
  } catch {
    // Whatever is asked next tells the reader, in its own words.
  }
}

async function start() {
  await signIn();
  if (job === null) return home();
  $("title").textContent = job;
  document.title = `${job} · Tailwater`;
  $("raw").href = $("outcome-raw").href = `${base}/logs/raw`;
  setState("reconnecting", "Connecting");
  waiting();
  tellFacts();
  connect();
  setInterval(tick, 1000);
}

start();
