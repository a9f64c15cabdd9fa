// What the pages of the stem player and of the blind test share: one engine's sounds, and keys.

/** A subclass builds its page, and says how to `refresh`, to `showPosition`, and whether a key does something: `press`. */
class SoundPage {
  constructor(model, engine, name, label, lost) {
    Object.assign(this, { model, engine });
    this.root = make("div", {
      className: `contav contav-${name}`, tabIndex: 0, role: "group", "aria-label": label, "data-lm-suppress-shortcuts": "true",
    });
    this.root.stemPlayer = engine; // for tests and scripts
    this.kernelGone = make("div", { className: "contav-alarm", hidden: true },
      `The kernel does not answer: it is gone, or busy for long. ${lost}`);
    this.onEngine = () => this.refresh();
    engine.addEventListener("change", this.onEngine);
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.root.addEventListener("pointerenter", () => engine.prepare());
    this.root.addEventListener("pointerdown", () => engine.warm());
    this.root.addEventListener("focusin", () => navigator.userActivation?.hasBeenActive && engine.warm());
    this.said = make("div", { className: "contav-said", role: "status", "aria-live": "polite" });
  }

  /** Call these handlers, by the model's event, as long as the page is there. */
  react(handlers) {
    this.handlers = handlers;
    for (const [event, handler] of Object.entries(handlers)) this.model.on(event, handler);
  }

  /** Show the page in `el`; returns how to end it. */
  show(el) {
    el.replaceChildren(this.root);
    this.follow();
    const unwatch = watchKernel(el, (alive) => (this.kernelGone.hidden = alive), this.model);
    return () => [unwatch(), this.end()];
  }

  end() {
    this.engine.removeEventListener("change", this.onEngine);
    cancelAnimationFrame(this.frame);
    for (const [event, handler] of Object.entries(this.handlers)) this.model.off(event, handler);
  }

  /** The position moves with the clock of the sound. */
  follow() {
    if (this.engine.playing) this.showPosition();
    this.frame = requestAnimationFrame(() => this.follow());
  }

  makePlay() {
    const { engine } = this;
    this.play = makeButton("", "Play", () => (engine.playing ? engine.pause() : engine.play()));
    this.play.className = "contav-play";
    return this.play;
  }

  showPlaying() {
    this.play.textContent = this.engine.playing ? "❚❚ Pause" : "▶ Play";
    this.play.setAttribute("aria-label", this.engine.playing ? "Pause" : "Play");
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!isOwnKey(event)) {
      if (!this.press(event)) return;
      event.preventDefault();
    }
    event.stopPropagation(); // or the notebook would take it
  }
}
