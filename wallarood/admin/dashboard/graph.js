// --- the pipeline as a graph ----------------------------------------------------------------

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
    node.addEventListener("click", () => choose(planned.index));
    node.addEventListener("keydown", (pressed) => {
      if (pressed.key === "Enter" || pressed.key === " ") {
        pressed.preventDefault();
        choose(planned.index);
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

