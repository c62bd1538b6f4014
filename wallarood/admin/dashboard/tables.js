// --- tables ---------------------------------------------------------------------------------

const LAG_AFTER_S = 5; // how long a lag is looked at before its pace is known
const lagLooks = new Map(); // "source\npartition" → [{at, left}], the last looks

// When a partition will have been caught up with at the pace of the last seconds; null if it is not known.
function caughtUp(each, left, at) {
  const name = `${each.source}\n${each.partition}`;
  const looks = lagLooks.get(name) || [];
  lagLooks.set(name, looks);
  if (!looks.length || at > looks[looks.length - 1].at) looks.push({ at, left });
  while (looks.length > 1 && looks[1].at <= at - LAG_AFTER_S) looks.shift();
  if (left === null) return null;
  if (left === 0) return 0;
  const pace = (looks[0].left - left) / Math.max(1e-9, at - looks[0].at);
  return at - looks[0].at < LAG_AFTER_S || pace <= 0 ? null : left / pace;
}

const lagBytes = (source) => {
  if (source.ended) return 0;
  return source.bytes_total === null || source.bytes_read === null ? null : source.bytes_total - source.bytes_read;
};

function drawSources(event) {
  const sources = workersOf(event).flatMap((each) => each.sources);
  const known = (each) => (each.ended ? 0 : each.lag_records ?? lagBytes(each));
  const left = (each) => known(each) ?? 0;
  sources.sort((a, b) => left(b) - left(a));
  byId("sources").replaceChildren(table(
    sources.length > 100 ? `The 100 of ${sources.length} partitions with most left` : "Source partitions",
    ["source", "partition~", "worker", "per s#", "records left#", "bytes left#", "caught up in#", "state"],
    sources.slice(0, 100).map((each) => [each.source, each.partition, each.worker, number(each.rate),
      number(each.ended ? 0 : each.lag_records), bytes(lagBytes(each)), duration(caughtUp(each, known(each), event.at)),
      each.ended ? "ended" : each.blocked > 0.2 ? `waits for its stage ${share(each.blocked)}` : "reading"])));
  const timed = sources.filter((each) => each.condition);
  const open = timed.filter((each) => each.condition === "active" || each.condition === "unopened");
  const holder = open.reduce((a, b) => (a === null || (b.watermark ?? -1) < (a.watermark ?? -1) ? b : a), null);
  byId("holder").textContent = !timed.length ? "No source of this application has event time."
    : holder === null ? "No partition holds event time." : `Event time is held by partition ${holder.partition} of ` +
    `${holder.source} on ${holder.worker}, at ${eventTime(holder.watermark)}.`;
  byId("watermarks").replaceChildren(...(timed.length ? [table("Event time by partition",
    ["source", "partition~", "worker", "state", "watermark", "behind the clock#"],
    timed.slice(0, 100).map((each) => [each.source, each.partition, each.worker, each.condition, eventTime(each.watermark),
      each.watermark === null || each.watermark >= MAX_TIME ? "-" : duration(Math.max(0, event.at - each.watermark / 1e6))]))] : []));
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

function drawErrors(event) {
  const stages = workersOf(event).flatMap((each) => each.stages.map((stage) => ({ worker: each.worker, ...stage })));
  const late = sum(stages.flatMap((stage) => stage.late.map(([, count]) => count)));
  byId("lost").textContent = `${number(sum(stages.map((stage) => stage.skipped)))} records skipped, ` +
    `${number(sum(stages.map((stage) => stage.dead_letters)))} to dead letters, ${number(late)} too late.`;
  const failures = stages.flatMap((stage) => stage.failures.map((each) => ({ worker: stage.worker, ...each })));
  byId("failures").replaceChildren(...(failures.length ? [failureTable("The last ones", failures)] : []));
}

function failureTable(caption, failures) {
  failures.sort((a, b) => b.at - a.at);
  return table(caption, ["at", "worker", "computation", "error~", "record~"],
    failures.slice(0, 20).map((each) => [clock(each.at), each.worker, each.computation,
      each.file ? `${each.error} (${each.file}:${each.line})` : each.error, each.record]));
}

function drawWorkers(event) {
  const told = new Map(workersOf(event).map((each) => [each.worker, each]));
  const names = [...new Set([...event.cluster.asked.workers.map((each) => each.name), ...told.keys()])];
  const seen = new Map(event.cluster.asked.workers.map((each) => [each.name, each]));
  const staged = (event.topology ? event.topology.stages : []).filter((stage) => stage.partition_owners.length);
  const rows = names.map((name) => {
    const each = told.get(name), host = each && each.host;
    const slots = staged.length ? sum(staged.map((stage) => slotsOf(stage, name))) : "-";
    if (!each) return [name, `${seen.get(name).state}: no answer`, "-", slots, "-", "-", "-", "-", "-", "-"];
    const phase = each.restored ? `${each.phase}; restored from a copy: no vote in changes` : each.phase;
    return [name, phase, each.version, slots, `${each.checkpoint.committed}`, host.starts, `${host.cpu.toFixed(2)} cores`,
      bytes(host.memory_bytes), duration(host.loop_delay_s),
      host.certificate_ends === null ? "-" : new Date(host.certificate_ends * 1000).toISOString().slice(0, 10)];
  });
  byId("members").replaceChildren(table("Workers, as they say themselves",
    ["worker", "phase~", "version", "slots#", "checkpoint#", "starts#", "processor#", "memory#", "loop delay#", "certificate ends"], rows));
}

