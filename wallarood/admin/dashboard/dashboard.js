// The dashboard: reads server-sent events and draws what they say. No library, no build step.
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

// --- what the cluster says ------------------------------------------------------------------

const workersOf = (event) => [event.cluster.asked, ...event.cluster.others];

function stagesOf(event) {
  const found = new Map();
  for (const worker of workersOf(event)) {
    for (const stage of worker.stages) {
      if (!found.has(stage.index)) found.set(stage.index, { ...stage, instances: [] });
      found.get(stage.index).instances.push({ worker: worker.worker, ...stage });
    }
  }
  for (const stage of found.values()) {
    const busiest = stage.instances.reduce((a, b) => (b.busy > a.busy ? b : a));
    stage.busy = busiest.busy;
    stage.blocked = Math.min(1 - stage.busy, Math.max(...stage.instances.map((each) => each.blocked)));
    stage.rate = sum(stage.instances.map((each) => each.rate));
    stage.rate_out = sum(stage.instances.map((each) => each.rate_out));
    const times = stage.instances.map((each) => each.watermark).filter((each) => each !== null);
    stage.watermark = times.length ? Math.min(...times) : null;
  }
  return found;
}

// The column of each stage: one more than the last of those before it.
function columnsOf(topology) {
  const column = new Map(topology.stages.map((stage) => [stage.index, 0]));
  for (let turn = 0; turn < topology.stages.length; turn += 1) {
    for (const edge of topology.edges) {
      if (edge.target === edge.source) continue;
      const least = column.get(edge.source) + 1;
      if (column.get(edge.target) < least && least < topology.stages.length) column.set(edge.target, least);
    }
  }
  return column;
}

const WIDTH = 210, HEIGHT = 84, GAP_X = 60, GAP_Y = 24;

function drawGraph(event, stages) {
  const graph = byId("graph");
  const topology = event.topology;
  if (topology === null) {
    graph.replaceChildren(element("p", { class: "quiet" }, "There is no topology yet: the cluster is forming."));
    return;
  }
  const focused = document.activeElement && document.activeElement.getAttribute("data-stage");
  const columns = columnsOf(topology);
  const rows = new Map();
  const place = new Map();
  for (const stage of topology.stages) {
    const column = columns.get(stage.index);
    const row = rows.get(column) || 0;
    rows.set(column, row + 1);
    place.set(stage.index, { x: 8 + column * (WIDTH + GAP_X), y: 8 + row * (HEIGHT + GAP_Y) });
  }
  const width = 16 + (Math.max(0, ...columns.values()) + 1) * (WIDTH + GAP_X) - GAP_X;
  const height = 16 + Math.max(1, ...rows.values()) * (HEIGHT + GAP_Y) - GAP_Y;
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  for (const edge of topology.edges) {
    const from = place.get(edge.source), to = place.get(edge.target);
    const x = from.x + WIDTH, y = from.y + HEIGHT / 2, toY = to.y + HEIGHT / 2;
    const middle = (x + to.x) / 2;
    svg.append(drawn("path", { class: "edge", d: `M${x},${y} C${middle},${y} ${middle},${toY} ${to.x},${toY}` }));
  }
  for (const planned of topology.stages) {
    const stage = stages.get(planned.index);
    const { x, y } = place.get(planned.index);
    const busy = stage ? stage.busy : 0, blocked = stage ? stage.blocked : 0;
    const said = stage
      ? `${planned.name}, ${planned.kind}: ${number(stage.rate)} records a second, busy ${share(busy)}, blocked ${share(blocked)}`
      : `${planned.name}, ${planned.kind}: no figures`;
    const node = drawn("g", {
      class: planned.index === chosen ? "node chosen" : "node", tabindex: "0", role: "button",
      "aria-label": said, "aria-pressed": String(planned.index === chosen), "data-stage": planned.index,
    });
    node.append(drawn("rect", { class: "box", x, y, width: WIDTH, height: HEIGHT, rx: 8 }));
    const name = planned.name.length > 26 ? `${planned.name.slice(0, 25)}…` : planned.name;
    node.append(drawn("text", { x: x + 12, y: y + 23 }, name));
    const rate = stage ? `${number(stage.rate)}/s` : "-";
    node.append(drawn("text", { class: "small", x: x + 12, y: y + 42 }, `${planned.kind} · ${rate}`));
    const late = stage && stage.watermark !== null ? eventTime(stage.watermark) : "";
    node.append(drawn("text", { class: "small", x: x + 12, y: y + 58 }, late));
    const bar = WIDTH - 24;
    node.append(drawn("rect", { class: "idle", x: x + 12, y: y + 66, width: bar, height: 8 }));
    node.append(drawn("rect", { class: "busy", x: x + 12, y: y + 66, width: bar * busy, height: 8 }));
    node.append(drawn("rect", { class: "blocked", x: x + 12 + bar * busy, y: y + 66, width: bar * blocked, height: 8 }));
    const choose = () => {
      chosen = chosen === planned.index ? null : planned.index;
      draw(last);
    };
    node.addEventListener("click", choose);
    node.addEventListener("keydown", (pressed) => {
      if (pressed.key === "Enter" || pressed.key === " ") {
        pressed.preventDefault();
        choose();
      }
    });
    svg.append(node);
  }
  graph.replaceChildren(svg);
  if (focused) {
    const again = graph.querySelector(`[data-stage="${focused}"]`);
    if (again) again.focus({ preventScroll: true });
  }
}

function drawStage(event, stages) {
  const into = byId("stage");
  const stage = stages.get(chosen);
  if (!stage) {
    into.replaceChildren();
    return;
  }
  const planned = event.topology.stages[chosen];
  const slots = (worker) => {
    const index = planned.workers.indexOf(worker);
    const owned = planned.partition_owners.filter((owner) => owner === index).length;
    return planned.partition_owners.length ? owned : "-";
  };
  const parts = [
    element("h3", {}, `Stage ${stage.name}`),
    element("p", { class: "quiet" }, `${stage.kind}: ${planned.steps.join(" + ")}`),
    element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Instances of the stage" },
      table("On each worker", ["worker", "slots#", "in/s#", "out/s#", "busy#", "blocked#", "backlog#", "failing"],
        stage.instances.map((each) => [each.worker, slots(each.worker), number(each.rate), number(each.rate_out),
          share(each.busy), share(each.blocked), number(each.backlog), each.failing || "-"]))),
  ];
  const hot = stage.instances.flatMap((each) => each.hot_keys.map((key) => [key.key, each.worker, share(key.share)]));
  if (hot.length) {
    parts.push(element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Keys with most records" },
      table("Keys with most records, by samples", ["key~", "worker", "share#"], hot)));
  }
  into.replaceChildren(...parts);
}

// --- charts ---------------------------------------------------------------------------------

function chart(into, series, unit, label) {
  const width = 900, height = 170, left = 8, bottom = 22, top = 18;
  const now = points.length ? points[points.length - 1].at : Date.now() / 1000;
  const from = Math.min(now - 60, points.length ? points[0].at : now - 60);
  if (!points.some((point) => series.some(([key]) => point[key]))) {
    into.replaceChildren();
    return;
  }
  const values = points.flatMap((point) => series.map(([key]) => point[key] || 0));
  const most = Math.max(1e-9, ...values) * 1.1;
  const x = (at) => left + ((at - from) / Math.max(1, now - from)) * (width - 2 * left);
  const y = (value) => height - bottom - (value / most) * (height - bottom - top);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label() });
  svg.append(drawn("line", { class: "axis", x1: left, x2: width - left, y1: y(0), y2: y(0) }));
  svg.append(drawn("text", { class: "small", x: left, y: 13 }, unit(most / 1.1)));
  svg.append(drawn("text", { class: "small", x: left, y: height - 6 }, clock(from)));
  svg.append(drawn("text", { class: "small", x: width - left, y: height - 6, "text-anchor": "end" }, clock(now)));
  const step = Math.max(1, Math.floor(points.length / 600));
  for (const [key, kind] of series) {
    const shown = points.filter((point, place) => point[key] !== null && (place % step === 0 || place === points.length - 1));
    const line = shown.map((point) => `${x(point.at).toFixed(1)},${y(point[key]).toFixed(1)}`).join(" ");
    svg.append(drawn("polyline", { class: kind, points: line }));
  }
  into.replaceChildren(svg);
}

function drawMoving(event, stages) {
  const read = sum(workersOf(event).map((each) => each.rate));
  const sinks = [...stages.values()].filter((stage) => stage.kind === "sink");
  const sunk = sum(sinks.map((stage) => stage.rate));
  const counts = workersOf(event).map((each) => [sum(each.delivery.counts), each.delivery.seconds]);
  const [records, seconds] = [sum(counts.map((each) => each[0])), sum(counts.map((each) => each[1]))];
  const before = points.length ? points[points.length - 1] : null;
  let delivery = before ? before.delivery : null;
  if (before && before.records !== undefined && records > before.records) {
    delivery = (seconds - before.seconds) / (records - before.records);
  }
  if (!before || event.at > before.at) points.push({ at: event.at, read, sunk, delivery, records, seconds });
  while (points.length > POINTS_MAX) points.shift();
  byId("rates").textContent =
    `Sources read ${number(read)} records/s, sinks write ${number(sunk)} records/s; ` +
    `from read to committed ${duration(delivery)}.`;
  chart(byId("throughput"), [["read", "read"], ["sunk", "sunk"]], (most) => `${number(most)} records/s`,
    () => `Records read and written in the last hour: now ${number(read)} read, ${number(sunk)} written a second`);
  chart(byId("delivery"), [["delivery", "read"]], (most) => `${duration(most)} from read to committed`,
    () => `Time from read to committed in the last hour: now ${duration(delivery)}`);
}

// --- tables ---------------------------------------------------------------------------------

const lagBytes = (source) => {
  if (source.ended) return 0;
  return source.bytes_total === null || source.bytes_read === null ? null : source.bytes_total - source.bytes_read;
};

function drawSources(event) {
  const sources = workersOf(event).flatMap((each) => each.sources);
  const left = (each) => each.lag_records ?? lagBytes(each) ?? 0;
  sources.sort((a, b) => left(b) - left(a));
  byId("sources").replaceChildren(table(
    sources.length > 100 ? `The 100 of ${sources.length} partitions with most left` : "Source partitions",
    ["source", "partition~", "worker", "per s#", "records left#", "bytes left#", "state"],
    sources.slice(0, 100).map((each) => [each.source, each.partition, each.worker, number(each.rate),
      number(each.ended ? 0 : each.lag_records), bytes(lagBytes(each)),
      each.ended ? "ended" : each.blocked > 0.2 ? `waits for its stage ${share(each.blocked)}` : "reading"])));
  const timed = sources.filter((each) => each.condition);
  const open = timed.filter((each) => each.condition === "active" || each.condition === "unopened");
  const holder = open.reduce((a, b) => (a === null || (b.watermark ?? -1) < (a.watermark ?? -1) ? b : a), null);
  byId("holder").textContent = !timed.length ? "No source of this application has event time."
    : holder === null ? "No partition holds event time." : `Event time is held by partition ${holder.partition} of ` +
    `${holder.source} on ${holder.worker}, at ${eventTime(holder.watermark)}.`;
  byId("watermarks").replaceChildren(...(timed.length ? [table("Event time by partition",
    ["source", "partition~", "worker", "state", "watermark"],
    timed.slice(0, 100).map((each) => [each.source, each.partition, each.worker, each.condition, eventTime(each.watermark)]))] : []));
}

function drawStates(event) {
  const found = new Map();
  for (const worker of workersOf(event)) {
    for (const stage of worker.stages) {
      for (const state of stage.states) {
        const of = found.get(state.computation) || { keys: 0, bytes: 0, before: 0, ago: 0 };
        of.keys += state.keys;
        of.bytes += state.bytes;
        of.before += state.keys_before;
        of.ago = Math.max(of.ago, state.before_s);
        found.set(state.computation, of);
      }
    }
  }
  byId("states").replaceChildren(found.size ? table("State of each computation, on all workers",
    ["computation", "keys#", "about#", "more than before#", "in"],
    [...found].map(([name, of]) => [name, number(of.keys), bytes(of.bytes), number(of.keys - of.before), duration(of.ago)]))
    : element("p", { class: "quiet" }, "No computation keeps state."));
}

function drawCheckpoints(event) {
  const asked = event.cluster.asked;
  const ages = workersOf(event).map((each) => each.checkpoint.age_s).filter((age) => age !== null);
  const away = asked.workers.filter((each) => each.state !== "here" && each.state !== "connected");
  const age = ages.length ? Math.max(...ages) : null;
  const read = sum(workersOf(event).map((each) => each.rate));
  byId("safe").textContent = age === null
    ? "No checkpoint has been written since the start."
    : `Checkpoint ${asked.checkpoint.committed} is committed; a crash now would read about ` +
      `${number(age * read)} records again (${duration(age)}). An orderly restart replays none. ` +
      (away.length ? `Not now: ${away.map((each) => each.name).join(", ")} is away already.` : "");
  const runs = asked.checkpoint.recent;
  const took = (run) => (run.collect_s || 0) + (run.queue_s || 0) + (run.write_s || 0) + (run.commit_s || 0);
  const most = Math.max(0.01, ...runs.map(took));
  const width = 900, height = 90, step = width / 60;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `The last ${runs.length} checkpoints: ${runs.filter((run) => run.outcome === "committed").length} committed` });
  runs.forEach((run, place) => {
    const tall = Math.max(4, (took(run) / most) * (height - 24));
    svg.append(drawn("rect", { class: run.outcome, x: place * step + 1, y: height - 18 - tall, width: step - 3, height: tall }));
  });
  svg.append(drawn("text", { class: "small", x: 0, y: height - 3 }, runs.length ? `checkpoint ${runs[0].number}` : ""));
  svg.append(drawn("text", { class: "small", x: width, y: height - 3, "text-anchor": "end" },
    runs.length ? `${runs[runs.length - 1].number}; the longest took ${duration(most)}` : ""));
  byId("timeline").replaceChildren(svg);
  byId("runs").replaceChildren(table(`The last checkpoints on ${asked.worker}`,
    ["number#", "at", "outcome", "collect#", "queue#", "write#", "commit#", "size#"],
    runs.slice(-8).reverse().map((run) => [run.number, clock(run.at), run.outcome, duration(run.collect_s),
      duration(run.queue_s), duration(run.write_s), duration(run.commit_s), bytes(run.size_bytes)])));
}

function drawErrors(event) {
  const stages = workersOf(event).flatMap((each) => each.stages.map((stage) => ({ worker: each.worker, ...stage })));
  const late = sum(stages.flatMap((stage) => stage.late.map(([, count]) => count)));
  byId("lost").textContent = `${number(sum(stages.map((stage) => stage.skipped)))} records skipped, ` +
    `${number(sum(stages.map((stage) => stage.dead_letters)))} to dead letters, ${number(late)} too late.`;
  const failures = stages.flatMap((stage) => stage.failures.map((each) => ({ worker: stage.worker, ...each })));
  failures.sort((a, b) => b.at - a.at);
  byId("failures").replaceChildren(...(failures.length ? [table("The last ones",
    ["at", "worker", "computation", "error~", "record~"],
    failures.slice(0, 20).map((each) => [clock(each.at), each.worker, each.computation,
      each.file ? `${each.error} (${each.file}:${each.line})` : each.error, each.record]))] : []));
}

function drawWorkers(event) {
  const told = new Map(workersOf(event).map((each) => [each.worker, each]));
  const names = [...new Set([...event.cluster.asked.workers.map((each) => each.name), ...told.keys()])];
  const seen = new Map(event.cluster.asked.workers.map((each) => [each.name, each]));
  const rows = names.map((name) => {
    const each = told.get(name), host = each && each.host;
    if (!each) return [name, `${seen.get(name).state}: no answer`, "-", "-", "-", "-", "-", "-", "-"];
    return [name, each.phase, each.version, `${each.checkpoint.committed}`, host.starts, `${host.cpu.toFixed(2)} cores`,
      bytes(host.memory_bytes), duration(host.loop_delay_s),
      host.certificate_ends === null ? "-" : new Date(host.certificate_ends * 1000).toISOString().slice(0, 10)];
  });
  byId("members").replaceChildren(table("Workers, as they say themselves",
    ["worker", "phase~", "version", "checkpoint#", "starts#", "processor#", "memory#", "loop delay#", "certificate ends"], rows));
}

function draw(event) {
  const asked = event.cluster.asked;
  byId("application").textContent = asked.application;
  const state = byId("state");
  state.textContent = asked.job;
  state.className = `badge ${{ running: "good", completed: "good" }[asked.job] || "bad"}`;
  const silent = event.cluster.silent.length ? `; no answer from ${event.cluster.silent.join(", ")}` : "";
  byId("cluster").textContent = `${asked.cluster_id || "no cluster yet"}, epoch ${asked.epoch}, round ${asked.round}${silent}`;
  byId("live").textContent = `live from ${asked.worker}, ${clock(event.at)}`;
  const [first, ...others] = event.findings;
  const sentence = `${first.sentence[0].toUpperCase()}${first.sentence.slice(1)}.`;
  if (byId("sentence").textContent !== sentence) byId("sentence").textContent = sentence;
  list(byId("also"), others.map((each) => `Also: ${each.sentence}.`));
  list(byId("evidence"), first.evidence);
  const stages = stagesOf(event);
  drawGraph(event, stages);
  drawStage(event, stages);
  drawMoving(event, stages);
  drawSources(event);
  drawStates(event);
  drawCheckpoints(event);
  drawErrors(event);
  drawWorkers(event);
  byId("take-checkpoint").hidden = !token;
}

// --- the connection -------------------------------------------------------------------------

const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

// Read events until the connection ends. By fetch and not EventSource, which cannot show a token.
async function follow() {
  const answer = await fetch("/api/v1/events", { headers: headers(), cache: "no-store" });
  if (answer.status === 401 || answer.status === 429) {
    byId("sign-in").hidden = false;
    byId("token-error").textContent = token ? "This token is not accepted." : "";
    byId("live").textContent = "a token is needed";
    return false;
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
  byId("sign-in").hidden = true;
  await readHistory();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return true;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    if (events.length) {
      last = JSON.parse(events[events.length - 1].replace(/^data: /, ""));
      draw(last);
    }
  }
}

// What the workers remember of the last hour, before this page was opened.
async function readHistory() {
  if (points.length) return;
  const answer = await fetch("/api/v1/history", { headers: headers() });
  if (!answer.ok) return;
  const slots = new Map();
  for (const moments of Object.values((await answer.json()).workers)) {
    if (!Array.isArray(moments)) continue;
    for (const each of moments) {
      const at = Math.round(each.at / 10) * 10;
      const slot = slots.get(at) || { at, read: 0, sunk: 0, delivery: null };
      slot.read += each.read;
      slot.sunk += each.sunk;
      slot.delivery = each.delivery_s ?? slot.delivery;
      slots.set(at, slot);
    }
  }
  points.push(...[...slots.values()].sort((a, b) => a.at - b.at));
}

async function run() {
  for (;;) {
    try {
      if (!(await follow())) return;
      byId("live").textContent = "connection ended; connecting again";
    } catch (error) {
      byId("live").textContent = `no connection (${error.message}); trying again`;
    }
    const state = byId("state");
    state.textContent = "no connection";
    state.className = "badge bad";
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

byId("token-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  token = byId("token").value.trim();
  sessionStorage.setItem("wallarood-token", token);
  run();
});

byId("take-checkpoint").addEventListener("click", async () => {
  if (!window.confirm("Take a checkpoint now?")) return;
  const answer = await fetch("/api/v1/checkpoint", { method: "POST", headers: headers() });
  const value = await answer.json();
  byId("order-said").textContent = answer.ok ? "A checkpoint is being taken." : value.error;
});

run();
