"use strict";
// Asks /status again and again, and shows what it says. All text goes in as text: what components and records say
// is nobody's markup.

const EVERY_MS = 1000;
const TOKEN = "wasm-sink-token";

const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const whole = new Intl.NumberFormat("en");
const count = (value) => whole.format(Math.round(value));

function scaled(value, units, step) {
  let unit = 0;
  while (value >= step && unit < units.length - 1) {
    value /= step;
    unit += 1;
  }
  return `${unit === 0 ? count(value) : value.toFixed(1)} ${units[unit]}`;
}

const bytes = (value) => scaled(value, ["B", "kB", "MB", "GB", "TB"], 1000);

function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 1) return `${count(ms)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${count(seconds / 60)} min`;
  if (seconds < 172800) return `${count(seconds / 3600)} h`;
  return `${count(seconds / 86400)} days`;
}

const time = (text) => new Date(text).toLocaleTimeString();
const short = (hash) => hash.slice(0, 12);
const lagText = (lag) =>
  lag === null ? "–" : "records" in lag ? count(lag.records) : bytes(lag.bytes);

function figure(value, label, key) {
  return element("div", { class: "figure", "data-figure": key }, element("b", {}, value), element("span", {}, label));
}

function table(name, heads, rows) {
  const head = element("tr", {}, ...heads.map(([text, kind]) => element("th", kind ? { class: kind } : {}, text)));
  const body = rows.map((cells) =>
    element("tr", {}, ...cells.map((cell, at) => element("td", heads[at][1] ? { class: heads[at][1] } : {}, cell))));
  return element("div", { class: "scroll", "data-table": name },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function part(title, ...content) {
  return element("div", {}, element("h3", {}, title), ...content.filter((child) => child !== null));
}

function limits(pipeline) {
  const shown = { bytes, ms: duration, count };
  return table("limits", [["[limits]"], ["used", "number"], ["limit", "number"], [""]],
    pipeline.limits.map((limit) => [
      element("code", {}, limit.key),
      shown[limit.unit](limit.used),
      shown[limit.unit](limit.limit),
      element("meter", { min: 0, max: limit.limit, high: limit.limit * 0.8, value: limit.used,
        "aria-label": `${limit.key}: used of the limit` }),
    ]));
}

function component(pipeline) {
  const named = (one) => element("span", {}, `${one.name} `, element("code", { title: one.hash }, short(one.hash)));
  const parts = [named(pipeline.component)];
  if (pipeline.trial_epochs_left !== null) {
    parts.push(` (on trial for ${pipeline.trial_epochs_left} more epochs)`);
  }
  if (pipeline.canary !== null) {
    parts.push(" · canary ", named(pipeline.canary));
  }
  return element("p", { class: "quiet", "data-part": "component" }, ...parts);
}

function opened(pipeline) {
  if (!("source" in pipeline)) return [];
  const partitions = pipeline.partitions.map((one) =>
    [`${one.partition}`, one.position ?? "–", lagText(one.lag)]);
  const more = pipeline.partitions_total - pipeline.partitions.length;
  const swaps = pipeline.swaps.map((swap) => [
    time(swap.time), `${swap.asked}: ${swap.event}`, short(swap.to?.component ?? ""), swap.error ?? ""]);
  return [element("div", { class: "wide" },
    part(`Partitions (${count(pipeline.partitions_total)})`,
      table("partitions", [["partition"], ["delivered up to"], ["behind", "number"]], partitions),
      more > 0 ? element("p", { class: "quiet" }, `and ${count(more)} more`) : null,
      pipeline.lag.error ? element("p", { class: "quiet" }, pipeline.lag.error) : null),
    part("Last commits", table("commits",
      [["at", "word"], ["rows", "number"], ["dead letters", "number"], ["bytes", "number"], ["took", "number"]],
      pipeline.commits.map((commit) => [time(commit.at), count(commit.records), count(commit.dead_letters),
        bytes(commit.bytes), duration(commit.took_ms)]))),
    part("Limits", limits(pipeline)),
    swaps.length === 0 ? null :
      part("Swaps", table("swaps", [["at", "word"], ["what", "word"], ["component", "word"], ["error"]], swaps)))];
}

function letters(pipeline) {
  if (pipeline.dead_letters.length === 0) return null;
  const place = pipeline.dead_letters_in;
  return part("Dead letters by reason, since the start",
    place ? element("p", { class: "quiet" }, `in ${place}`) : null,
    table("dead-letters", [["rows", "number"], ["by", "word"], ["reason"], ["the last one"]],
      pipeline.dead_letters.map((one) => [count(one.count), one.by, one.reason,
        one.last ? `${one.last}: ${one.last_reason}` : ""])));
}

function lagFigure(pipeline) {
  const lag = pipeline.lag;
  if (!lag) return "–";
  const parts = [];
  if (lag.records !== null) parts.push(count(lag.records));
  if (lag.bytes !== null) parts.push(bytes(lag.bytes));
  return parts.join(" + ") || "–";
}

function shown(pipeline) {
  const { totals, rates } = pipeline;
  const way = "source" in pipeline ? `${pipeline.source} → ${pipeline.destinations.join(", ")}` : "";
  return element("section", { "data-pipeline": pipeline.pipeline, "data-status": pipeline.status },
    element("div", { class: "head" },
      element("h2", {}, pipeline.pipeline),
      element("span", { class: `badge ${pipeline.status}` }, pipeline.status),
      element("span", { class: "quiet" }, way)),
    "component" in pipeline ? component(pipeline) : null,
    pipeline.error === null ? null : element("p", { class: "error" }, pipeline.error),
    element("div", { class: "figures" },
      figure(`${count(rates.records_read)}/s`, "rows read", "rate"),
      figure(`${bytes(rates.bytes_read)}/s`, "bytes read", "byte-rate"),
      figure(count(totals.records_written), "rows delivered", "written"),
      figure(pipeline.last_commit_age_ms === null ? "none" : `${duration(pipeline.last_commit_age_ms)} ago`,
        "last commit", "last-commit"),
      figure(lagFigure(pipeline), "behind the source", "lag"),
      figure(count(totals.dead_letters), "dead letters", "dead-letters"),
      figure(count(totals.retries), "retries", "retries"),
      figure(duration(pipeline.uptime_ms), `up, process ${pipeline.process}`, "uptime")),
    ...opened(pipeline),
    letters(pipeline));
}

function summary(pipelines) {
  const counts = new Map();
  for (const { status } of pipelines) counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = [...counts].map(([status, number]) => `${number} ${status}`);
  return `${pipelines.length} pipeline${pipelines.length === 1 ? "" : "s"}: ${parts.join(", ")}`;
}

// Where a reader has scrolled to stays.
function replace(sections) {
  const places = new Map();
  const key = (scroll) => `${scroll.closest("section").dataset.pipeline}/${scroll.dataset.table}`;
  for (const scroll of document.querySelectorAll("[data-table]")) places.set(key(scroll), scroll.scrollTop);
  byId("pipelines").replaceChildren(...sections);
  for (const scroll of document.querySelectorAll("[data-table]")) scroll.scrollTop = places.get(key(scroll)) ?? 0;
}

function say(trouble) {
  byId("connection").hidden = trouble === null;
  byId("connection").textContent = trouble ?? "";
}

async function ask() {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  const answer = await fetch("status", { headers, cache: "no-store" });
  if (answer.status === 401) {
    byId("login-error").textContent = token === null ? "" : "that is not the token";
    sessionStorage.removeItem(TOKEN);
    byId("login").hidden = false;
    byId("summary").textContent = "";
    replace([]);
    return false;
  }
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  const { pipelines } = await answer.json();
  byId("login").hidden = true;
  byId("summary").textContent = summary(pipelines);
  const failing = pipelines.some(({ status }) => status === "failed" || status === "retrying");
  document.title = `${failing ? "! " : ""}wasm-sink: ${summary(pipelines)}`;
  replace(pipelines.map(shown));
  return true;
}

async function run() {
  let goesOn = true;
  try {
    goesOn = await ask();
    say(null);
  } catch (error) {
    say(`no answer, asking again: ${error.message}`);
  }
  if (goesOn) setTimeout(run, EVERY_MS);
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId("token").value);
  byId("token").value = "";
  run();
});
run();
