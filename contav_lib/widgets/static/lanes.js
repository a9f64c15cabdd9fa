// What a stem looks like: its waveform, its spectrogram, its share of the mixture.

const COLUMNS = 600;
const QUIETEST = -70; // dB, what 0 stands for in a picture from Python
// Dark to light, evenly spaced in brightness (after matplotlib's "magma").
const BRIGHTNESS = colourTable(["#000004", "#281159", "#651a80", "#9f2f7f", "#d54a68", "#f57d61", "#febb81", "#fcfdbf"]);

/** An SVG of a waveform that stretches to its lane: it follows the theme's colours and any width by itself. */
function drawWaveform(samples, gain, highest) {
  const columns = Math.min(COLUMNS, samples.length);
  const upper = [];
  const lower = [];
  for (let column = 0; column < columns; column++) {
    const end = Math.max(Math.floor(((column + 1) * samples.length) / columns), 1);
    let low = Infinity;
    let high = -Infinity;
    for (let i = Math.floor((column * samples.length) / columns); i < end; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    upper.push(`${column},${height(high)}`);
    lower.push(`${column},${height(low)}`);
  }
  // At least a hair's breadth: silence is a line.
  function height(value) {
    return ((-value * gain) / highest).toFixed(4);
  }
  const path = makeSvg("path", { d: `M${upper.join("L")}L${lower.reverse().join("L")}Z` });
  return makeSvg("svg", { viewBox: `0 -1.02 ${Math.max(columns - 1, 1)} 2.04`, preserveAspectRatio: "none" }, path);
}

/** A canvas of levels 0 to 255 `[bins, frames]`, lowest frequency below, in 256 colours [r, g, b] or [r, g, b, a]. */
function drawPicture(levels, bins, colours = BRIGHTNESS) {
  const frames = levels.length / bins;
  const canvas = make("canvas", { width: frames, height: bins });
  const image = new ImageData(frames, bins);
  const palette = new Uint32Array(Uint8ClampedArray.from(colours.flatMap(([r, g, b, a = 255]) => [r, g, b, a])).buffer);
  const pixels = new Uint32Array(image.data.buffer); // one write a pixel: a change of gain redraws many pictures
  for (let row = 0; row < bins; row++) {
    const there = (bins - 1 - row) * frames;
    for (let frame = 0; frame < frames; frame++) pixels[there + frame] = palette[levels[row * frames + frame]];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Marks of a picture's frequencies, upwards on the axis of `audio.warp`: as many of these as keep their distance. */
function hertzMarks(rate) {
  let below = -Infinity;
  const marks = [100, 400, 1000, 3000, 10000, 30000].flatMap((hertz) => {
    const height = (100 * Math.log1p((40 * hertz) / rate)) / Math.log(21); // percent
    if (height < 6 || height > 94 || height - below < 18) return [];
    below = height;
    return [make("span", { style: `bottom: ${height}%` }, hertz < 1000 ? `${hertz} Hz` : `${hertz / 1000} kHz`)];
  });
  return make("div", { className: "contav-hertz", "aria-hidden": "true" }, ...marks);
}

/** Marks of the seconds below pictures, at most seven. */
function secondMarks(duration) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120].find((seconds) => duration / seconds < 7) ?? 600;
  const count = Math.floor(duration / step + 1e-6);
  const marks = Array.from({ length: count + 1 }, (_, k) => make("span", { style: `left: ${(100 * k * step) / duration}%` },
    `${Number((k * step).toFixed(1))}${k === count ? " s" : ""}`));
  return make("div", { className: "contav-seconds", "aria-hidden": "true" }, ...(duration ? marks : []));
}

/** The share of the mixture that a stem is, 0 to 1 as 0 to 255; 0 where the mixture itself is too quiet to say. */
function shareOf(mixture, levels) {
  const ratios = Float32Array.from({ length: 511 }, (_, i) => 10 ** ((((i - 255) / 255) * -QUIETEST) / 20));
  return levels.map((level, i) => (mixture[i] ? Math.min(255, 255 * ratios[level - mixture[i] + 255]) : 0));
}

/** Seconds as m:ss.cc */
function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}
