// Colours that mean the same in every widget, on light paper and on dark; a widget's own file follows this one.

/** 256 colours between stops "#rrggbb", each [r, g, b]. */
function colourTable(stops) {
  const rgb = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    return rgb[low].map((value, c) => value + (rgb[low + 1][c] - value) * (place - low));
  });
}

/** From -1 (purple) over 0 (the paper's colour) to 1 (orange); matplotlib's PuOr_r, and its like for dark paper. */
const COLOURS = {
  light: colourTable(["#2d004b", "#542788", "#8073ac", "#b2abd2", "#d8daeb", "#f7f7f7", "#fee0b6", "#fdb863", "#e08214", "#b35806", "#7f3b08"]),
  dark: colourTable(["#cfc0ff", "#ad97f2", "#8a72d0", "#63519f", "#3f356a", "#212124", "#59381b", "#8f5418", "#c57617", "#f0992e", "#ffca7a"]),
};
const TASK_COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f0e442"];

/** Black or white, whichever can be read better on a colour [r, g, b]. */
function inkOn(rgb) {
  const linear = (value) => (value <= 10.3 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return rgb.reduce((sum, value, c) => sum + linear(value) * [0.2126, 0.7152, 0.0722][c], 0) > 0.18 ? "#000000" : "#ffffff";
}

/** "light" or "dark", and the ink itself, where an element stands; light while it stands nowhere yet. */
function themeOf(element) {
  const { color: ink, fontFamily: font } = getComputedStyle(element);
  const [r, g, b] = (ink.match(/[\d.]+/g) ?? [0, 0, 0]).map((part) => Number(part) * (ink.startsWith("rgb") ? 1 : 255));
  return { theme: r + g + b > 380 ? "dark" : "light", ink, font }; // light ink stands on dark paper
}

/** Call `onChange` when the page's theme changes, now and when its colours, which load slowly, have come. */
function watchTheme(onChange) {
  const observer = new MutationObserver(() => [0, 300, 1500].forEach((wait) => setTimeout(onChange, wait)));
  observer.observe(document.body, { attributes: true });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", onChange);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", onChange);
  };
}

/** A value with a true minus sign; a dash where there is none. */
function decimals(value, digits = 3) {
  return value === null || Number.isNaN(value) ? "–" : value.toFixed(digits).replace("-", "−");
}

/** Where the arrow keys go in a matrix, [rows, columns]. */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** For `onkeydown` of a widget: the arrow keys of a slider and Enter on a button are the widget's, not the notebook's. */
function keepKey(event) {
  if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
}
