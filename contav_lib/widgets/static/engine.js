// The sound of a player: several sounds on one clock. Shared by the widgets that play; their own file follows this one.

const RAMP = 0.02; // seconds: a gain never jumps, so nothing clicks
const REACH = 8; // old samples on either side that a new one between them is made from
const CHANNELS = 32; // at most in one AudioBuffer

/** A context's rate over the sounds' own: at a high rate browsers work in shorter blocks, and a key is heard sooner. */
const finenessOf = (rate) => Math.max(1, Math.round(44100 / rate));

/** One AudioContext serves the page, as browsers allow few. It runs at a multiple of the sounds' rate, see `finer`. */
function audioContext(rate) {
  globalThis.contavAudio ??= {};
  globalThis.contavAudio[rate] ??= new AudioContext({ latencyHint: "interactive", sampleRate: rate * finenessOf(rate) });
  return globalThis.contavAudio[rate];
}

/**
 * A sound at `factor` times its rate: its own samples, and between them those of the one curve through them that has no
 * higher frequencies (a windowed sinc). Browsers would draw straight lines, which can be heard as a hiss on top.
 */
function finer(samples, factor) {
  if (factor === 1) return samples;
  const fine = new Float32Array(samples.length * factor);
  const padded = new Float64Array(samples.length + 2 * REACH);
  padded.set(samples, REACH);
  for (let i = 0; i < samples.length; i++) fine[i * factor] = samples[i];
  for (let phase = 1; phase < factor; phase++) {
    const weights = Float64Array.from({ length: 2 * REACH }, (_, k) => {
      const x = phase / factor + REACH - 1 - k; // from the new sample to the old one
      return (Math.cos((Math.PI * x) / (2 * REACH)) ** 2 * Math.sin(Math.PI * x)) / (Math.PI * x);
    });
    for (let i = 0; i < samples.length; i++) {
      let sum = 0;
      for (let k = 0; k < 2 * REACH; k++) sum += weights[k] * padded[i + k + 1];
      fine[i * factor + phase] = sum;
    }
  }
  return fine;
}

/** 16-bit little-endian samples to floats; `scale` is what full scale stands for. */
function decode(view, scale) {
  const samples = new Float32Array(view.byteLength >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = (view.getInt16(2 * i, true) / 32767) * scale;
  return samples;
}

function ramp(parameter, value, now) {
  parameter.cancelScheduledValues(now);
  parameter.setValueAtTime(parameter.value, now);
  parameter.linearRampToValueAtTime(value, now + RAMP);
}

/** Sounds [samples] as the channels of one AudioBuffer, or of a few: what is one buffer can't get out of step. */
function makeBuffers(sounds, rate) {
  const buffers = [];
  for (let first = 0; first < sounds.length; first += CHANNELS) {
    const channels = sounds.slice(first, first + CHANNELS);
    const buffer = new AudioBuffer({ numberOfChannels: channels.length, length: channels[0].length, sampleRate: rate });
    channels.forEach((samples, i) => buffer.copyToChannel(samples, i));
    buffers.push(buffer);
  }
  return buffers;
}

/** The same at the rate of the page's AudioContext. */
function makeFineBuffers(sounds, rate) {
  const factor = finenessOf(rate);
  return makeBuffers(sounds.map((samples) => finer(samples, factor)), rate * factor);
}

/**
 * Everything that sounds between a start and a stop: each sound has a gain, all of them start at one time.
 * The same for the loudspeaker and for an OfflineAudioContext.
 */
class Voice {
  constructor(context, buffers, gains, loop, output) {
    this.context = context;
    this.bus = new GainNode(context);
    this.bus.connect(output);
    this.gains = gains.map((gain) => new GainNode(context, { gain }));
    this.gains.forEach((node) => node.connect(this.bus));
    this.sources = buffers.map((buffer, number) => {
      const source = new AudioBufferSourceNode(context, { buffer });
      if (loop) Object.assign(source, { loop: true, loopStart: loop[0], loopEnd: loop[1] });
      const splitter = new ChannelSplitterNode(context, { numberOfOutputs: buffer.numberOfChannels });
      source.connect(splitter);
      for (let i = 0; i < buffer.numberOfChannels; i++) splitter.connect(this.gains[number * CHANNELS + i], i);
      return source;
    });
  }

  /** Seconds to plan ahead: several sources need more than the sound card's buffer, lest one of them comes too late. */
  get lead() {
    return this.sources.length > 1 ? 0.03 : 0.003;
  }

  start(when, offset) {
    for (const source of this.sources) source.start(when, offset);
  }

  fadeIn(when) {
    this.bus.gain.setValueAtTime(0, when).linearRampToValueAtTime(1, when + RAMP);
  }

  setGains(gains) {
    gains.forEach((gain, i) => ramp(this.gains[i].gain, gain, this.context.currentTime));
  }

  stop() {
    const now = this.context.currentTime;
    ramp(this.bus.gain, 0, now);
    for (const source of this.sources) {
      source.onended = null;
      source.stop(now + RAMP);
    }
    setTimeout(() => this.bus.disconnect(), 1000 * (RAMP + 0.1));
  }
}

/**
 * Plays sounds of one length together. `gains()` says how loud each is now, `loop()` the region that repeats in seconds,
 * or null. Says "change" when it starts, stops or is moved.
 */
class Engine extends EventTarget {
  constructor(gains, loop) {
    super();
    Object.assign(this, { gains, loop, samples: [], rate: 1, buffers: null, voice: null, pausedAt: 0, level: 1 });
    // One player at a time: another one that starts makes this one pause.
    this.onOther = (event) => event.detail !== this && this.pause();
    globalThis.addEventListener("contav-play", this.onOther);
  }

  dispose() {
    this.pause();
    globalThis.removeEventListener("contav-play", this.onOther);
  }

  /** Take new sounds, [samples] each, all of one length. */
  load(samples, rate) {
    this.pause();
    const isPrepared = this.buffers !== null;
    Object.assign(this, { samples, rate, buffers: null, output: null });
    this.pausedAt = Math.min(this.pausedAt, this.duration);
    if (isPrepared) setTimeout(() => this.prepare());
  }

  get context() {
    return audioContext(this.rate);
  }

  get duration() {
    return this.samples.length ? this.samples[0].length / this.rate : 0;
  }

  get playing() {
    return this.voice !== null;
  }

  /** Seconds, by the clock of the AudioContext. */
  position() {
    if (!this.playing) return this.pausedAt;
    const now = this.startedAt + Math.max(0, this.context.currentTime - this.when);
    if (!this.looped) return Math.min(now, this.duration);
    const [start, end] = this.looped;
    return now < end ? now : start + ((now - start) % (end - start));
  }

  /** Compute what is played; it takes longer than a listener should wait after a key. */
  prepare() {
    this.buffers ??= makeFineBuffers(this.samples, this.rate);
  }

  /** Make everything before it is needed: the first note then comes as quickly as the others. */
  warm() {
    if (this.context.state === "suspended") this.context.resume();
    this.output ??= this.makeOutput(this.context);
    this.prepare();
  }

  makeOutput(context) {
    const output = new GainNode(context, { gain: this.level });
    output.connect(context.destination);
    return output;
  }

  play() {
    if (this.playing || !this.duration) return;
    globalThis.dispatchEvent(new CustomEvent("contav-play", { detail: this }));
    this.start(this.pausedAt);
  }

  start(position) {
    this.warm();
    this.voice?.stop();
    this.looped = this.loop();
    const [first, end] = this.looped ?? [0, this.duration];
    this.startedAt = position >= first && position < end ? position : first;
    this.voice = new Voice(this.context, this.buffers, this.gains(), this.looped, this.output);
    this.when = this.context.currentTime + this.voice.lead;
    this.voice.fadeIn(this.when);
    this.voice.start(this.when, this.startedAt);
    this.voice.sources[0].onended = () => this.rest(0);
    this.changed();
  }

  pause() {
    if (this.playing) this.rest(this.position());
  }

  rest(position) {
    this.voice.stop();
    this.voice = null;
    this.pausedAt = position;
    this.changed();
  }

  seek(position) {
    const target = Math.max(0, Math.min(position, this.duration));
    if (this.playing) return this.start(target);
    this.pausedAt = target;
    this.changed();
  }

  /** The loop has changed: go on from where we are, or from the region's start. */
  reloop() {
    if (this.playing) this.start(this.position());
  }

  regain() {
    this.voice?.setGains(this.gains());
  }

  setLevel(level) {
    this.level = level;
    if (this.output) ramp(this.output.gain, level, this.context.currentTime);
  }

  /** What would be heard from beginning to end, without a loop, [samples]: the same graph on an OfflineAudioContext. */
  async render() {
    const context = new OfflineAudioContext(1, this.samples[0].length, this.rate);
    const buffers = makeBuffers(this.samples, this.rate);
    new Voice(context, buffers, this.gains(), null, this.makeOutput(context)).start(0, 0);
    return (await context.startRendering()).getChannelData(0);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
