// What a person presses, from the finger to the final word. A press is never silent: what has no answer is UNKNOWN.
"use strict";

(() => {
  const WARN_AFTER_MS = 2000;
  const UNKNOWN_AFTER_MS = 10000;
  const KEPT = 20;
  const HALTING = new Set(["stop", "pause", "symptom"]);
  const ON_AN_ORDER = new Set(["confirm", "start", "resume"]);
  const FINAL = new Set(["verified", "refused", "unknown"]);
  const STORE = "pumpd-presses";
  // What is said of a press that has no answer: at a pump people look at the pump, at the clinic's desk at the course.
  const SAID = {
    pump: {
      late: "waiting, WATCH THE PUMP",
      unanswered: "no answer within 10 s: check the pump",
      anew: "the page was loaded anew: check the pump",
    },
    desk: {
      late: "waiting for the clinic's desk",
      unanswered: "no answer of the clinic's desk within 10 s: look at the course whether it was done before you press again",
      anew: "the page was loaded anew: look at the course whether it was done before you press again",
    },
  };
  let presses = [];
  const said = (press) => SAID[press.at_desk ? "desk" : "pump"];

  const keep = () => {
    try {
      sessionStorage.setItem(STORE, JSON.stringify(presses));
    } catch (_full) {
      // the list on the screen is what counts
    }
  };
  const isFinal = (press) => FINAL.has(press.state);

  function send(press) {
    // for a stop the socket's queue is welcome: late is better than never. Nothing else waits in it.
    emitEvent("press", press.message);
  }

  // Lists a press that was just made, and keeps it over a new load of the page.
  pumpd.list = (press) => {
    presses.unshift(press);
    presses.length = Math.min(presses.length, KEPT);
    keep();
    pumpd.showPresses();
  };

  // Called when the button is let go: what the page shows at this moment is what the command quotes.
  pumpd.press = (bed, kind, fields) => {
    const picture = pumpd.truth.pictures[bed];
    const lost = pumpd.truth.isLost(picture);
    const press = { id: crypto.randomUUID(), bed, kind, at: Date.now(), state: "sent", reason: "" };
    if (!HALTING.has(kind) && (lost || !window.socket.connected)) {
      press.state = "refused";
      press.reason = "nothing was sent: the link is lost. Watch the pump";
    } else {
      const quoted = picture || { token: null, session: null, rev: null };
      if (kind === "prepare") fields = { ...fields, clearance_hash: quoted.clearance_hash || "" };
      if (ON_AN_ORDER.has(kind)) fields = { ...fields, order_hash: quoted.order_hash || "" };
      if (kind === "confirm-loosen") fields = { ...fields, loosening_hash: quoted.loosening_hash || "" };
      if (kind === "witness") fields = { ...fields, account_hash: quoted.account_hash || "" };
      press.message = {
        id: press.id,
        bed,
        kind,
        fields: fields || {},
        token: quoted.token,
        session: quoted.session,
        rev: quoted.rev,
        mark: pumpd.truth.mark,
        pressed: performance.now(),
      };
      if (lost) press.reason = "no link: it is sent when the link returns. STOP AT THE PUMP";
      send(press);
      // what is kept for a new page is a stop to be sent again; nothing else is, least of all a password
      if (!HALTING.has(kind)) delete press.message;
    }
    pumpd.list(press);
    return press.id;
  };

  // Called by the server.
  pumpd.receipt = (receipt) => {
    const press = presses.find((each) => each.id === receipt.id);
    if (!press) return;
    if (isFinal(press) && !FINAL.has(receipt.state)) return; // overtaken by the final word
    press.state = receipt.state;
    press.reason = receipt.reason;
    keep();
    pumpd.showPresses();
  };

  function words(press) {
    const waited = Date.now() - press.at;
    if (!isFinal(press) && waited >= UNKNOWN_AFTER_MS) {
      press.state = "unknown";
      press.reason = press.reason || said(press).unanswered;
      keep();
    }
    const late = !isFinal(press) && waited >= WARN_AFTER_MS ? said(press).late : "";
    return [press.bed, press.kind, press.state.toUpperCase(), late || press.reason].filter(Boolean).join(": ");
  }

  pumpd.showPresses = () => {
    const node = document.getElementById("presses");
    if (!node) return;
    const shown = presses.slice(0, 5).map((press) => [press.id, words(press), press.state]);
    const key = JSON.stringify(shown);
    if (node.pumpdKey === key) return;
    node.pumpdKey = key;
    node.replaceChildren(
      ...shown.map(([id, line, state]) => {
        const item = document.createElement("li");
        item.textContent = line;
        item.dataset.state = state;
        item.dataset.id = id;
        return item;
      }),
    );
  };

  // Tells the server what is typed into an order, and shows what it will be.
  pumpd.preview = (words) => {
    const node = document.getElementById("preview");
    if (node && node.textContent !== words) node.textContent = words;
  };
  document.addEventListener("input", (event) => {
    const form = event.target.closest("[data-preview]");
    if (form) emitEvent("preview", pumpd.fields(form.id));
  });

  // Collects the fields of the form that a button belongs to, as they stand on the screen.
  pumpd.fields = (form) => {
    const fields = {};
    for (const input of document.querySelectorAll(`#${form} [name]`)) {
      if (input.type === "checkbox") fields[input.name] = input.checked;
      else fields[input.name] = input.value.trim();
    }
    return fields;
  };

  // A button that acts when it was held for a second and is let go: finger, mouse, space or enter.
  pumpd.held = (button, act) => {
    const HOLD_MS = 1000;
    let since = null;
    const begin = () => {
      if (button.disabled || since !== null) return;
      since = performance.now();
      button.dataset.held = "yes";
    };
    const end = (acts) => {
      const long = since !== null && performance.now() - since >= HOLD_MS;
      since = null;
      delete button.dataset.held;
      if (acts && long && !button.disabled) act();
    };
    button.addEventListener("pointerdown", begin);
    button.addEventListener("pointerup", () => end(true));
    for (const name of ["pointerleave", "pointercancel", "blur"]) button.addEventListener(name, () => end(false));
    button.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") {
        event.preventDefault();
        begin();
      }
    });
    button.addEventListener("keyup", (event) => {
      if (event.key === " " || event.key === "Enter") end(true);
    });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
  };

  function wire() {
    for (const button of document.querySelectorAll("button[data-press], button[data-desk-press]")) {
      if (button.pumpdWired) continue;
      button.pumpdWired = true;
      const act = () => {
        const fields = { ...JSON.parse(button.dataset.fields || "{}") };
        if (button.dataset.form) Object.assign(fields, pumpd.fields(button.dataset.form));
        if (button.dataset.deskPress) pumpd.desk.press(button.dataset.deskPress, fields);
        else pumpd.press(button.dataset.pressBed, button.dataset.press, fields);
        if (button.dataset.clears) {
          for (const name of button.dataset.clears.split(" ")) {
            const input = document.querySelector(`#${button.dataset.form} [name=${name}]`);
            if (input) input.value = "";
          }
        }
      };
      if (button.dataset.hold !== undefined) pumpd.held(button, act);
      else button.addEventListener("click", act);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    try {
      presses = JSON.parse(sessionStorage.getItem(STORE)) || [];
    } catch (_broken) {
      presses = [];
    }
    for (const press of presses.filter((each) => !isFinal(each))) {
      press.reason = said(press).anew;
      if (HALTING.has(press.kind) && press.message) {
        const again = setInterval(() => {
          if (!window.socket || !window.socket.connected) return;
          clearInterval(again);
          if (!isFinal(press) || press.state === "unknown") send(press);
        }, 200);
      } else press.state = "unknown";
    }
    keep();
    wire();
    new MutationObserver(wire).observe(document.body, { childList: true, subtree: true });
  });
})();
