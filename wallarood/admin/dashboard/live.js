// --- all of it, and the connection ----------------------------------------------------------

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
}

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

run();
