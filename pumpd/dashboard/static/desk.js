// Shows what the clinic's desk says of courses, with its age by this browser's own clock, and sends what is pressed there.
"use strict";

(() => {
  const OLD_AFTER_MS = 12000; // it is asked every 5 s: two questions had no answer
  const SHOW_EVERY_MS = 200;
  const NO_ANSWER = "THE CLINIC'S DESK DOES NOT ANSWER";
  const desk = { mark: null, revision: null, as_of: "", trouble: "", refusal: "" };
  pumpd.desk = desk;

  const age = () => (desk.mark === null ? Infinity : performance.now() - desk.mark);
  desk.isLost = () => desk.trouble !== "" || !(age() <= OLD_AFTER_MS);

  // Called by the server: an answer to what this page asked when its mark was `mark`.
  desk.hear = (mark, answer) => {
    if (desk.mark !== null && mark < desk.mark) return; // overtaken on the way
    Object.assign(desk, { mark, as_of: answer.as_of, refusal: answer.refusal });
    if (answer.html !== null) {
      desk.revision = answer.revision;
      draw(answer.html);
    }
    show();
  };

  // Called by the server: why the desk cannot be asked, nothing where it can.
  desk.tell = (trouble) => {
    desk.trouble = trouble;
    show();
  };

  // Puts the new text in place, and the keyboard's place with it.
  function draw(html) {
    const view = document.getElementById("desk-view");
    if (!view || view.pumpdKey === html) return;
    view.pumpdKey = html;
    const held = view.contains(document.activeElement) ? document.activeElement.id : "";
    view.innerHTML = html;
    if (held) document.getElementById(held)?.focus();
  }

  function words() {
    const known = desk.mark === null ? "nothing was heard yet" : `as of ${desk.as_of}, ${Math.floor(age() / 1000)} s ago`;
    if (desk.trouble) return `NOT CURRENT, ${known}: ${desk.trouble}`;
    if (desk.mark === null) return "asking the clinic's desk …";
    if (desk.isLost()) return `NOT CURRENT, ${known}: ${NO_ANSWER}; what you press may still be carried out`;
    return desk.refusal ? `refused, ${known}: ${desk.refusal}` : known;
  }

  function show() {
    const line = document.getElementById("desk-line");
    if (!line) return;
    const text = words();
    if (line.textContent !== text) line.textContent = text;
    const lost = desk.isLost();
    line.dataset.state = lost ? "bad" : "good";
    document.getElementById("desk-view").toggleAttribute("data-old", lost);
    for (const button of document.querySelectorAll("[data-needs-desk]")) button.disabled = lost;
  }

  // Called when the button is let go: the request quotes the revision that the page shows at this moment.
  desk.press = (kind, fields) => {
    const course = document.getElementById("desk-view").dataset.course || null;
    const press = { id: crypto.randomUUID(), bed: course || "courses", kind, at: Date.now(), state: "sent", reason: "" };
    press.at_desk = true;
    const linked = window.socket && window.socket.connected;
    if (desk.isLost() || !linked) {
      press.state = "refused";
      press.reason = `nothing was sent: ${linked ? desk.trouble || NO_ANSWER : "the link to the pages is lost"}`;
    } else {
      emitEvent("desk-press", {
        id: press.id,
        kind,
        course,
        revision: desk.revision,
        fields,
        mark: pumpd.truth.mark,
        pressed: performance.now(),
      });
    }
    pumpd.list(press);
    return press.id;
  };

  document.addEventListener("DOMContentLoaded", () => setInterval(show, SHOW_EVERY_MS));
})();
