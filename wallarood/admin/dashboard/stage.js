// --- the stage that is chosen ---------------------------------------------------------------
// Its buttons stay where they are while the figures change: they may be in focus.

let looked = null; // the stage whose records or keys were asked for

const slotsOf = (planned, worker) => {
  const index = planned.workers.indexOf(worker);
  return planned.partition_owners.filter((owner) => owner === index).length;
};

function choose(index) {
  chosen = chosen === index ? null : index;
  draw(last);
}

function drawStage(event, stages) {
  const stage = stages.get(chosen);
  byId("stage").hidden = !stage;
  if (!stage) return;
  const planned = event.topology.stages[chosen];
  if (looked !== chosen) {
    looked = chosen;
    for (const id of ["samples", "stage-keys"]) byId(id).replaceChildren();
    byId("look-said").textContent = "";
  }
  byId("stage-title").textContent = `Stage ${stage.name}`;
  byId("stage-about").textContent = `${stage.kind}: ${planned.steps.join(" + ")}${skewOf(stage)}`;
  byId("instances").replaceChildren(table("On each worker",
    ["worker", "slots#", "in/s#", "out/s#", "busy#", "blocked#", "idle#", "backlog#", "failed/s#", "late/s#", "failing"],
    stage.instances.map((each) => [each.worker, planned.partition_owners.length ? slotsOf(planned, each.worker) : "-",
      number(each.rate), number(each.rate_out), share(each.busy), share(each.blocked),
      share(Math.max(0, 1 - each.busy - each.blocked)), number(each.backlog), each.failed_rate.toFixed(1),
      each.late_rate.toFixed(1), each.failing || "-"])));
  const hot = stage.instances.flatMap((each) => each.hot_keys.map((key) => [key.key, each.worker, share(key.share)]));
  fill("stage-hot", hot, () => table("Keys with most records, by samples", ["key~", "worker", "share#"], hot));
  drawSlots(stage);
  const failures = stage.instances.flatMap((each) => each.failures.map((one) => ({ worker: each.worker, ...one })));
  fill("stage-failures", failures, () => failureTable("The last records that failed or were late here", failures));
  const states = stage.instances.flatMap((each) => each.states.map((one) => ({ worker: each.worker, ...one })));
  fill("stage-states", states, () => table("What it keeps", ["computation", "worker", "keys#", "about#"],
    states.map((each) => [each.computation, each.worker, number(each.keys), bytes(each.bytes)])));
  byId("count-keys").hidden = !states.length || !planned.partition_owners.length;
}

// A table where there is something to show, and nothing else.
function fill(id, rows, make) {
  byId(id).hidden = !rows.length;
  byId(id).replaceChildren(...(rows.length ? [make()] : []));
}

function skewOf(stage) {
  const total = stage.rate;
  if (stage.kind !== "partitioned" || stage.instances.length < 2 || total <= 0) return "";
  const most = stage.instances.reduce((a, b) => (b.rate > a.rate ? b : a));
  return `; ${most.worker} gets ${((most.rate * stage.instances.length) / total).toFixed(1)} times the mean of all workers`;
}

function drawSlots(stage) {
  const rows = stage.instances.flatMap((each) => each.slots.map(([first, end, part]) =>
    ({ worker: each.worker, slots: `${first} to ${end}`, part, rate: part * each.rate, times: part * each.slots.length })));
  rows.sort((a, b) => b.rate - a.rate);
  fill("stage-slots", rows, () => table("Slots with most records, by samples",
    ["slots", "worker", "in/s#", "of its worker#", "times their part#"],
    rows.slice(0, 8).map((each) => [each.slots, each.worker, number(each.rate), share(each.part), each.times.toFixed(1)])));
}

// Ask all workers for something of the chosen stage, and say what they could not tell.
async function look(path, show) {
  const asked = chosen;
  byId("look-said").textContent = "Asking the workers …";
  try {
    const answer = await fetch(path, { headers: headers() });
    const value = await answer.json();
    if (asked !== chosen) return;
    if (!answer.ok) throw new Error(value.error);
    const rows = Object.entries(value.workers).flatMap(([worker, found]) =>
      (Array.isArray(found) ? found.map((each) => ({ worker, ...each })) : []));
    show(rows);
    byId("look-said").textContent = value.silent.length ? `No answer from ${value.silent.join(", ")}.` : "";
  } catch (error) {
    byId("look-said").textContent = `Not possible: ${error.message}`;
  }
}

byId("show-samples").addEventListener("click", () => {
  const name = last.topology.stages[chosen].name;
  look(`/api/v1/tap?count=5&seconds=2&stage=${encodeURIComponent(name)}`, (rows) => {
    byId("samples").replaceChildren(rows.length
      ? table("Some records that have come", ["worker", "key", "record~"],
        rows.map((each) => [each.worker, each.key ?? "-", each.record]))
      : element("p", { class: "quiet" }, "No record has come in two seconds."));
  });
});

byId("count-keys").addEventListener("click", async () => {
  const stage = stagesOf(last).get(chosen);
  const names = [...new Set(stage.instances.flatMap((each) => each.states.map((one) => one.computation)))];
  byId("stage-keys").replaceChildren();
  for (const name of names) {
    await look(`/api/v1/slots?computation=${encodeURIComponent(name)}`, (rows) => {
      const mean = Math.max(1, sum(rows.map((each) => each.keys))) / Math.max(1, rows.length);
      rows.sort((a, b) => b.keys - a.keys);
      byId("stage-keys").append(table(`Slots with most keys of ${name}`, ["slots", "worker", "keys#", "of the mean#"],
        rows.slice(0, 8).map((each) => [`${each.first} to ${each.last}`, each.worker, number(each.keys),
          (each.keys / mean).toFixed(1)])));
    });
  }
});
