// The stem player: what its model says is what sounds and what is shown; controls and keys only change the model.

const VIEWS = ["waveform", "spectrogram", "mask"];

/** What the sounds of a model are, and what is heard of them. Python describes (see `Stem.describe`); this reads. */
class Stems {
  constructor(model) {
    this.model = model;
    this.sounds = model.get("sounds").map((view, i) => decode(view, model.get("scales")[i]));
    this.stems = model.get("stems");
  }

  /** The take of a stem at the slider's place. */
  current(stem) {
    return stem.takes[Math.min(this.model.get("step"), stem.takes.length - 1)];
  }

  /** [samples]: a sound, or the difference of two. */
  samplesOf(take) {
    const plus = this.sounds[take.plus];
    return take.minus < 0 ? plus : plus.map((value, i) => value - this.sounds[take.minus][i]);
  }

  isHeard(stem) {
    const solo = this.model.get("solo");
    return solo.length ? solo.includes(stem.name) : !this.model.get("mute").includes(stem.name);
  }

  levelOf(take) {
    return this.model.get("matched") ? take.gain : 1;
  }

  /** How much of each sound is heard. All of them play all the time; a residual is one sound less another. */
  gains() {
    const gains = this.sounds.map(() => 0);
    for (const stem of this.stems.filter((each) => this.isHeard(each))) {
      const take = this.current(stem);
      const gain = this.levelOf(take) * 10 ** ((this.model.get("gains")[stem.name] ?? 0) / 20);
      gains[take.plus] += gain;
      if (take.minus >= 0) gains[take.minus] -= gain;
    }
    return gains;
  }

  picture(stem) {
    const view = this.model.get("pictures")[this.current(stem).picture];
    return view && new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  mixture() {
    return this.stems.find((stem) => stem.name === "mixture");
  }
}

/** What a listener can do, in the model's terms. */
class Actions {
  constructor(model, engine, stems) {
    Object.assign(this, { model, engine, stems });
  }

  set(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
  }

  toggle(name) {
    this.set({ [name]: !this.model.get(name) });
  }

  togglePlaying() {
    this.engine.playing ? this.engine.pause() : this.engine.play();
  }

  nudge(seconds) {
    this.engine.seek(this.engine.position() + seconds);
  }

  turn(by) {
    this.set({ volume: Math.max(0, Math.min(1, this.model.get("volume") + by)) });
  }

  /** Solo: in a group it replaces the solo of another version. */
  solo(stem) {
    const rivals = this.stems().stems.filter((other) => stem.group && other.group === stem.group).map(({ name }) => name);
    const solo = this.model.get("solo");
    if (solo.includes(stem.name)) return this.set({ solo: solo.filter((name) => name !== stem.name) });
    this.set({ solo: [...solo.filter((name) => !rivals.includes(name)), stem.name] });
  }

  /** Exclusive solo: this stem and no other; once more, and all are heard again. */
  only(stem) {
    const solo = this.model.get("solo");
    this.set({ solo: solo.length === 1 && solo[0] === stem.name ? [] : [stem.name] });
  }

  mute(stem) {
    const mute = this.model.get("mute");
    const isMute = mute.includes(stem.name);
    this.set({ mute: isMute ? mute.filter((name) => name !== stem.name) : [...mute, stem.name] });
  }

  hearAll() {
    this.set({ solo: [], mute: [] });
  }

  setGain(stem, decibels) {
    this.set({ gains: { ...this.model.get("gains"), [stem.name]: decibels } });
  }

  /** The next version of what is heard: within its group, exclusively. */
  nextVersion() {
    const { stems } = this.stems();
    const grouped = stems.filter((stem) => stem.group);
    if (!grouped.length) return;
    const heard = grouped.find((stem) => this.model.get("solo").includes(stem.name));
    const versions = grouped.filter((stem) => stem.group === (heard ?? grouped[0]).group);
    const next = versions[(versions.indexOf(heard) + 1) % versions.length];
    const others = this.model.get("solo").filter((name) => grouped.some((stem) => stem.name === name && stem.group !== next.group));
    this.set({ solo: [...others, next.name] });
  }

  nextView() {
    const views = availableViews(this.model, this.stems());
    this.set({ view: views[(views.indexOf(this.model.get("view")) + 1) % views.length] });
  }

  moveStep(by) {
    const last = this.model.get("steps").length - 1;
    if (last > 0) this.set({ step: Math.max(0, Math.min(last, this.model.get("step") + by)) });
  }

  loopFrom(start, end) {
    const [low, high] = [Math.max(0, Math.min(start, end)), Math.min(this.engine.duration, Math.max(start, end))];
    if (high - low >= 0.05) this.set({ loop: [low, high], looping: true });
  }

  /** One end of the loop is here; the other stays, if it is on the right side. */
  loopEdge(isStart) {
    const here = this.engine.position();
    const [start, end] = this.model.get("loop").length ? this.model.get("loop") : [0, this.engine.duration];
    if (isStart) this.loopFrom(here, end > here ? end : this.engine.duration);
    else this.loopFrom(start < here ? start : 0, here);
  }
}

function availableViews(model, stems) {
  if (!model.get("pictures").length) return VIEWS.slice(0, 1);
  return stems.mixture() ? VIEWS : VIEWS.slice(0, 2);
}

/** The model's changes become sound, and the sound's course becomes the model's state. */
function connect(model, engine, stems) {
  const reload = () => {
    stems.now = new Stems(model);
    engine.load(stems.now.sounds, model.get("rate"));
    engine.seek(model.get("position"));
  };
  reload();
  model.set("playing", false); // a page that has just opened is silent
  model.on("change:content", reload);
  for (const name of ["solo", "mute", "gains", "matched", "step"]) model.on(`change:${name}`, () => engine.regain());
  for (const name of ["loop", "looping"]) model.on(`change:${name}`, () => engine.reloop());
  model.on("change:volume", () => engine.setLevel(model.get("volume")));
  engine.level = model.get("volume");
  model.on("change:playing", () => (model.get("playing") ? engine.play() : engine.pause()));
  model.on("change:position", () => {
    if (!engine.playing && Math.abs(model.get("position") - engine.pausedAt) > 1e-6) engine.seek(model.get("position"));
  });
  engine.addEventListener("change", () => {
    model.set("position", engine.position());
    model.set("playing", engine.playing);
    model.save_changes();
  });
}

export default () => {
  const stems = { now: null };
  let engine;
  return {
    initialize({ model }) {
      const region = () => {
        if (!model.get("looping")) return null;
        const [start, end] = model.get("loop").length ? model.get("loop") : [0, engine.duration];
        return start < engine.duration ? [start, Math.min(end, engine.duration)] : null;
      };
      engine = new Engine(() => stems.now.gains(), region);
      connect(model, engine, stems);
      return () => engine.dispose();
    },
    render({ model, el }) {
      return new PlayerPage(model, engine, new Actions(model, engine, () => stems.now)).show(el);
    },
  };
};
