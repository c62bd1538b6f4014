// --- charts ---------------------------------------------------------------------------------

function chart(into, series, unit, label) {
  const width = widthOf(into), height = 170, left = 8, bottom = 22, top = 18;
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

