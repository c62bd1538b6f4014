// --- checkpoints, and orders ----------------------------------------------------------------

const TOOK = ["collect_s", "queue_s", "write_s", "commit_s"];
const took = (run) => sum(TOOK.map((phase) => run[phase] || 0));

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
  drawTimeline(event.at, asked.checkpoint.recent);
  byId("runs").replaceChildren(table(`The last checkpoints on ${asked.worker}`,
    ["number#", "at", "outcome", "collect#", "queue#", "write#", "commit#", "size#"],
    asked.checkpoint.recent.slice(-8).reverse().map((run) => [run.number, clock(run.at), run.outcome,
      ...TOOK.map((phase) => duration(run[phase])), bytes(run.size_bytes)])));
  drawOrders(event);
}

// Each checkpoint where it began in time, as wide as it took, and as high as it took of the longest.
function drawTimeline(now, runs) {
  if (!runs.length) {
    byId("timeline").replaceChildren();
    return;
  }
  const width = widthOf(byId("timeline")), height = 96, base = height - 20;
  const from = Math.min(runs[0].at, now - 10);
  const scale = width / Math.max(1, now - from);
  const most = Math.max(0.01, ...runs.map(took));
  const committed = runs.filter((run) => run.outcome === "committed").length;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `The last ${runs.length} checkpoints in time: ${committed} committed; the longest took ${duration(most)}` });
  svg.append(drawn("line", { class: "axis", x1: 0, x2: width, y1: base, y2: base }));
  for (const run of runs) {
    const lasts = run.outcome === "running" ? now - run.at : took(run);
    const tall = Math.max(4, (Math.min(most, lasts) / most) * (base - 18));
    const x = (run.at - from) * scale;
    const bar = drawn("rect", { class: run.outcome, x: x.toFixed(1), y: base - tall, height: tall,
      width: Math.max(2, Math.min(width - x, lasts * scale) - 1).toFixed(1) });
    bar.append(drawn("title", {}, `checkpoint ${run.number}, ${clock(run.at)}: ${run.outcome}, ${duration(lasts)}`));
    svg.append(bar);
  }
  svg.append(drawn("text", { class: "small", x: 0, y: 13 }, `the longest took ${duration(most)}`));
  svg.append(drawn("text", { class: "small", x: 0, y: height - 4 }, `${clock(from)}: checkpoint ${runs[0].number}`));
  svg.append(drawn("text", { class: "small", x: width, y: height - 4, "text-anchor": "end" },
    `${clock(now)}: checkpoint ${runs[runs.length - 1].number}`));
  byId("timeline").replaceChildren(svg);
}

let wanted = null; // {after, keep}: the checkpoint that was ordered, until it is committed

function drawOrders(event) {
  byId("orders").hidden = !token;
  const { committed, kept } = event.cluster.asked.checkpoint;
  if (wanted !== null && committed > wanted.after) {
    const name = wanted.keep;
    const number_ = name ? (kept.find(([each]) => each === name) || [name, committed])[1] : committed;
    byId("order-said").textContent = `Checkpoint ${number_} is committed${name ? `, kept as ${name}` : ""}.`;
    wanted = null;
  }
  const shown = JSON.stringify(kept);
  if (byId("kept").dataset.shown === shown) return;
  byId("kept").dataset.shown = shown;
  byId("kept").replaceChildren(...kept.map(([name, number_]) => {
    const button = element("button", { type: "button" }, `Drop ${name}`);
    button.addEventListener("click", () => order(`drop?name=${encodeURIComponent(name)}`,
      `Keep checkpoint ${number_} no longer? What was copied of it cannot be put back then.`,
      () => `Checkpoint ${number_} is kept as ${name} no longer.`));
    return element("li", {}, `checkpoint ${number_}, kept as ${name} `, button);
  }));
}

// Give an order after it was confirmed; *said* makes of the answer what is told of it.
async function order(target, question, said) {
  if (!window.confirm(question)) return;
  try {
    const answer = await fetch(`/api/v1/${target}`, { method: "POST", headers: headers() });
    const value = await answer.json();
    byId("order-said").textContent = answer.ok ? said(value) : `Refused: ${value.error}`;
  } catch (error) {
    byId("order-said").textContent = `No answer: ${error.message}`;
  }
}

byId("take-checkpoint").addEventListener("click", () => order("checkpoint", "Take a checkpoint now?", (value) => {
  wanted = { after: value.after, keep: "" };
  return "A checkpoint is being taken.";
}));

byId("keep-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const keep = byId("keep-name").value.trim();
  if (!keep) return;
  order(`checkpoint?keep=${encodeURIComponent(keep)}`, `Take a checkpoint now, and keep it as ${keep} on all workers?`,
    (value) => {
      wanted = { after: value.after, keep };
      byId("keep-name").value = "";
      return `A checkpoint is being taken, to be kept as ${keep}.`;
    });
});

byId("reload").addEventListener("click", () => order("reload", "Reload the configuration files of this worker?",
  (value) => `Reloaded; changed: ${value.changed.join(", ") || "nothing"}.`));
