// Alarms to be heard. Tones are made here; whether they truly sound is measured before the station counts.
"use strict";

(() => {
  // bursts of ten, three and one tones tell the priorities apart (ALRM-02)
  const BURSTS = {
    high: { tones: 10, hz: 880, tone_ms: 150, gap_ms: 100, every_ms: 7000 },
    medium: { tones: 3, hz: 660, tone_ms: 200, gap_ms: 200, every_ms: 12000 },
    low: { tones: 1, hz: 440, tone_ms: 300, gap_ms: 0, every_ms: 25000 },
  };
  const ORDER = ["high", "medium", "low"];
  const LOUD = 0.3;
  const HEARD_FROM = 0.05;
  const TEST_MS = 3000;
  const sound = { signals: BURSTS, context: null, place: "station", heard_at: null, last: {}, peak: 0, bursts: [] };
  pumpd.sound = sound;

  function open() {
    if (sound.context === null) {
      sound.context = new AudioContext();
      sound.gain = sound.context.createGain();
      sound.gain.gain.value = LOUD;
      sound.analyser = sound.context.createAnalyser();
      sound.analyser.fftSize = 2048;
      sound.gain.connect(sound.analyser);
      sound.analyser.connect(sound.context.destination);
    }
  }

  // Greatest amplitude that goes to the loudspeaker at this moment, 0 to 1.
  sound.level = () => {
    if (sound.context === null || sound.context.state !== "running") return 0;
    const samples = new Float32Array(sound.analyser.fftSize);
    sound.analyser.getFloatTimeDomainData(samples);
    return samples.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  };

  sound.isOn = () => sound.context !== null && sound.context.state === "running" && sound.heard_at !== null;

  sound.report = () => ({
    on: sound.isOn(),
    heard_age_s: sound.isOn() ? (performance.now() - sound.heard_at) / 1000 : null,
  });

  sound.burst = (priority) => {
    const burst = BURSTS[priority];
    let at = sound.context.currentTime + 0.02;
    for (let tone = 0; tone < burst.tones; tone += 1) {
      const source = sound.context.createOscillator();
      source.frequency.value = burst.hz;
      source.connect(sound.gain);
      source.start(at);
      source.stop(at + burst.tone_ms / 1000);
      at += (burst.tone_ms + burst.gap_ms) / 1000;
    }
    sound.bursts.push({ priority, at: Date.now() });
    sound.bursts = sound.bursts.slice(-50);
  };

  // By a press of "start watching": plays the test, measures it, then asks the person.
  sound.test = async () => {
    open();
    await sound.context.resume();
    sound.burst("medium");
    let peak = 0;
    const until = performance.now() + TEST_MS; // a busy machine begins late
    while (performance.now() < until && peak < HEARD_FROM) {
      peak = Math.max(peak, sound.level());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    sound.peak = peak;
    return peak >= HEARD_FROM;
  };

  sound.heard = () => {
    sound.heard_at = performance.now();
    sound.show();
  };

  sound.show = () => {
    const badge = document.getElementById("sound-badge");
    if (!badge) return;
    const on = sound.isOn();
    const words = on ? `sound on (${sound.place})` : "SOUND OFF: alarms are silent here";
    if (badge.textContent !== words) badge.textContent = words;
    badge.dataset.state = on ? "good" : "bad";
  };

  // Since when each bed sounds, whatever its priority.
  const since = {};
  function soundsFor(picture) {
    if (picture.sounding === null) delete since[picture.bed];
    else since[picture.bed] = since[picture.bed] || performance.now();
    return picture.sounding === null ? 0 : performance.now() - since[picture.bed];
  }

  // In a quiet room all but high is silent for a while, but only while somebody elsewhere was heard in a test, and never
  // about what was passed on because nobody came (ALRM-07).
  function isQuiet(truth, picture, sounds_ms) {
    if (sound.place !== "room" || picture.listening < 2) return false;
    if (picture.alarms.some((alarm) => alarm.passed_to !== null && alarm.acknowledged_by === null)) return false;
    return sounds_ms < (truth.settings.quiet_ms || 0);
  }

  // Which priority must be heard now, from what is shown. High is heard at once everywhere.
  sound.wanted = (truth) => {
    let found = null;
    for (const picture of Object.values(truth.pictures)) {
      const sounds_ms = soundsFor(picture);
      const sounding = truth.isLost(picture) ? "high" : picture.sounding;
      if (sounding === null) continue;
      if (sounding !== "high" && isQuiet(truth, picture, sounds_ms)) continue;
      if (found === null || ORDER.indexOf(sounding) < ORDER.indexOf(found)) found = sounding;
    }
    return found;
  };

  sound.follow = (truth) => {
    sound.show();
    const priority = sound.wanted(truth);
    if (priority === null || sound.context === null || sound.context.state !== "running") return;
    const now = performance.now();
    const waited = sound.last.priority === priority ? now - sound.last.at : Infinity;
    if (waited >= BURSTS[priority].every_ms) {
      sound.last = { priority, at: now };
      sound.burst(priority);
    }
  };

  async function startWatching() {
    const place = document.querySelector("[name=place]");
    if (place) sound.place = place.value;
    const words = document.getElementById("sound-words");
    const ask = document.getElementById("sound-heard");
    words.textContent = "You should hear three tones now …";
    const made = await sound.test();
    words.textContent = made
      ? "Did you hear three tones?"
      : "This browser made no sound. Allow sound for this page, then try again.";
    ask.hidden = !made;
  }

  document.addEventListener("click", (event) => {
    const id = event.target.closest("button") && event.target.closest("button").id;
    if (id === "start-watching") startWatching();
    if (id === "sound-heard") {
      sound.heard();
      document.getElementById("sound-words").textContent = "This station listens.";
      document.getElementById("sound-heard").hidden = true;
    }
  });
})();
