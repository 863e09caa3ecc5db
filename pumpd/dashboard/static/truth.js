// Shows what the server says, and strikes it out by this browser's own clock when it is too old.
//
// The page asks, the server answers with the same mark: an answer is never younger than its question, however long it
// lay on the way. So no dead server, broker, daemon or link can keep an old value looking new.
"use strict";

window.pumpd = window.pumpd || {};

(() => {
  const ASK_EVERY_MS = 500;
  const SHOW_EVERY_MS = 200;
  const LOST_AFTER_MS = 2800; // so that the words stand within 3 s
  const truth = { pictures: {}, mark: null, settings: {} };
  pumpd.truth = truth;

  const text = (node, words) => {
    if (node.textContent !== words) node.textContent = words;
  };
  const flag = (node, name, on) => {
    if (node.hasAttribute(name) !== on) node.toggleAttribute(name, on);
  };

  truth.sinceMark = () => (truth.mark === null ? Infinity : performance.now() - truth.mark);

  truth.isLost = (picture) => {
    const age = picture && picture.beat_age_ms !== null ? picture.beat_age_ms + truth.sinceMark() : Infinity;
    return !(age <= LOST_AFTER_MS);
  };

  // Called by the server: `mark` is what the page asked with last.
  truth.hear = (mark, pictures) => {
    if (truth.mark !== null && mark < truth.mark) return; // overtaken on the way
    truth.mark = mark;
    for (const picture of pictures) truth.pictures[picture.bed] = picture;
    truth.show();
  };

  function ageWords(ms) {
    if (!(ms < Infinity)) return "age unknown";
    return ms < 60000 ? `${Math.floor(ms / 1000)} s` : `${Math.floor(ms / 60000)} min ${Math.floor(ms / 1000) % 60} s`;
  }

  function showValues(root, picture, since, lost) {
    for (const node of root.querySelectorAll("[data-key]")) {
      const value = picture && picture.values[node.dataset.key];
      const age = value && value.age_ms !== null ? value.age_ms + since : Infinity;
      const old = lost || !(age <= (value ? value.good_ms : 0));
      text(node, value ? (old && node.dataset.whenOld) || value.text : node.dataset.whenOld || "");
      flag(node, "data-old", Boolean(value) && old);
      const level = value ? value.level : "";
      if (node.dataset.level !== level) node.dataset.level = level;
    }
    for (const node of root.querySelectorAll("[data-age]")) {
      const value = picture && picture.values[node.dataset.age];
      const age = value && value.age_ms !== null ? value.age_ms + since : Infinity;
      text(node, value && value.level !== "missing" ? ageWords(age) : "");
    }
  }

  function showLists(root, picture, lost) {
    for (const node of root.querySelectorAll("[data-list]")) {
      const lines = (picture && picture.lists[node.dataset.list]) || [];
      const key = lines.join("\n");
      flag(node, "data-old", lost);
      if (node.pumpdKey === key) continue;
      node.pumpdKey = key;
      node.replaceChildren(
        ...lines.map((line) => {
          const item = document.createElement("li");
          item.textContent = line;
          return item;
        }),
      );
    }
  }

  const SYMBOL = { high: "▲▲▲", medium: "▲▲", low: "▲" };

  function alarmRow(bed, alarm, brief) {
    const row = document.createElement("li");
    row.className = "alarm";
    row.dataset.priority = alarm.priority;
    row.dataset.noted = String(alarm.acknowledged_by !== null);
    const head = document.createElement("strong");
    const stands = alarm.active ? "" : " (has passed)";
    head.textContent = `${SYMBOL[alarm.priority]} ${alarm.priority.toUpperCase()} ${alarm.text}${stands}`;
    row.append(head);
    if (brief) return row;
    const more = [
      `since ${alarm.since} UTC; ${alarm.values}`,
      `pumpd: ${alarm.action}`,
      `Do: ${alarm.advice}`,
      alarm.acknowledged_by ? `noted by ${alarm.acknowledged_by}` : null,
      alarm.passed_to && !alarm.acknowledged_by ? `NOBODY CAME: passed to ${alarm.passed_to}` : null,
      alarm.audio_paused_by ? `tone paused by ${alarm.audio_paused_by}` : null,
    ];
    for (const line of more.filter(Boolean)) {
      const words = document.createElement("div");
      words.textContent = line;
      row.append(words);
    }
    if (pumpd.mayCommand) {
      for (const [kind, label] of [
        ["acknowledge", "Note"],
        ["audio-pause", "Pause tone"],
      ]) {
        if (kind === "acknowledge" && alarm.acknowledged_by) continue;
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = label;
        button.setAttribute("aria-label", `${label}: ${alarm.text}`);
        button.onclick = () => pumpd.press(bed, kind, { alarm: alarm.id, episode: alarm.episode });
        row.append(button);
      }
    }
    return row;
  }

  function showAlarms(root, picture, lost) {
    for (const node of root.querySelectorAll("[data-alarms]")) {
      const alarms = (picture && picture.alarms) || [];
      const key = JSON.stringify(alarms);
      flag(node, "data-old", lost);
      if (node.pumpdKey === key) continue;
      node.pumpdKey = key;
      node.replaceChildren(...alarms.map((alarm) => alarmRow(picture.bed, alarm, node.dataset.alarms === "brief")));
    }
  }

  function showLinks(root, picture, lost) {
    let bad = lost;
    for (const node of root.querySelectorAll("[data-links]")) {
      const links = { page: lost ? ["LOST", "bad"] : ["connected", "good"], ...((picture && picture.links) || {}) };
      const shown = Object.entries(links).map(([name, [word, state]]) =>
        lost && name !== "page" ? [name, "unknown", "bad"] : [name, word, state],
      );
      bad = bad || shown.some(([, , state]) => state === "bad");
      const key = JSON.stringify(shown);
      if (node.pumpdKey === key) continue;
      node.pumpdKey = key;
      node.replaceChildren(
        ...shown.map(([name, word, state]) => {
          const light = document.createElement("span");
          light.className = "light";
          light.dataset.state = state;
          light.textContent = `${name}: ${word}`;
          return light;
        }),
      );
    }
    return bad;
  }

  function topPriority(picture) {
    const order = ["high", "medium", "low"];
    const found = ((picture && picture.alarms) || []).map((alarm) => alarm.priority);
    return order.find((priority) => found.includes(priority)) || "";
  }

  truth.show = () => {
    const since = truth.sinceMark();
    let anyLost = false;
    for (const root of document.querySelectorAll("[data-bed]")) {
      const picture = truth.pictures[root.dataset.bed];
      const lost = truth.isLost(picture);
      anyLost = anyLost || lost;
      showValues(root, picture, since, lost);
      showLists(root, picture, lost);
      showAlarms(root, picture, lost);
      const bad = showLinks(root, picture, lost);
      flag(root, "data-lost", lost);
      // the worst of all links colours the whole (UI-02)
      const summary = lost ? "lost" : topPriority(picture) || (bad ? "bad" : picture.mode);
      if (root.dataset.summary !== summary) root.dataset.summary = summary;
      const mode = lost || !picture ? "unknown" : picture.mode;
      if (root.dataset.mode !== mode) root.dataset.mode = mode;
      for (const bar of root.querySelectorAll("[data-progress]")) {
        bar.style.setProperty("--done", `${((picture && picture.progress) || 0) / 10}%`);
      }
      if (root.dataset.sorted !== undefined && picture) root.style.order = String(lost ? 0 : picture.rank);
      for (const button of root.querySelectorAll("[data-needs-link]")) button.disabled = lost;
    }
    // one bed lost is a tile's matter on the ward; with the server gone everything is
    flag(document.body, "data-link-lost", document.body.dataset.view === "bed" ? anyLost : truth.sinceMark() > LOST_AFTER_MS);
    if (pumpd.sound) pumpd.sound.follow(truth);
    if (pumpd.showPresses) pumpd.showPresses();
  };

  truth.ask = () => {
    if (!window.socket || !window.socket.connected) return; // never queued: an old question is worth nothing
    const sound = pumpd.sound ? pumpd.sound.report() : { on: false, heard_age_s: null };
    emitEvent("ask", { mark: performance.now(), sound });
  };

  // A worker's timer runs on in a window that nobody looks at, where the page's own is slowed down.
  const beat = (every, call) => {
    const source = `setInterval(() => postMessage(0), ${every})`;
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    worker.onmessage = call;
  };
  document.addEventListener("DOMContentLoaded", () => {
    beat(ASK_EVERY_MS, truth.ask);
    beat(SHOW_EVERY_MS, truth.show);
  });
})();
