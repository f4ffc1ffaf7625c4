// The colours of the figures (toymodels/plotting/palette.py), and which scheme is on.

export const BLUE = "#0072B2";
export const VERMILLION = "#D55E00";
export const GREEN = "#009E73";
export const SKY = "#56B4E9";

// Eleven even places of Matplotlib's cividis and RdBu_r.
const CIVIDIS = ["#00224e", "#083370", "#35456c", "#4f576c", "#666970", "#7d7c78",
  "#948e77", "#aea371", "#c8b866", "#e5cf52", "#fee838"].map(channels);
const DIVERGING = ["#053061", "#2065ab", "#4393c3", "#90c4dd", "#d1e5f0", "#f7f6f6",
  "#fddbc7", "#f3a481", "#d6604d", "#b1182b", "#67001f"].map(channels);

const darkScheme = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  return darkScheme.matches;
}

/** Draw again when the scheme changes; what is returned ends that. */
export function onScheme(redraw) {
  darkScheme.addEventListener("change", redraw);
  return () => darkScheme.removeEventListener("change", redraw);
}

function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function between(anchors, share) {
  const place = Math.min(Math.max(share, 0), 1) * (anchors.length - 1);
  const low = Math.min(Math.floor(place), anchors.length - 2);
  const [a, b] = [anchors[low], anchors[low + 1]];
  return a.map((value, k) => Math.round(value + (place - low) * (b[k] - value)));
}

/** Red, green and blue of a signed value in [-1, 1]; white at 0. */
export function diverging(value) {
  return between(DIVERGING, (value + 1) / 2);
}

/** The colour of feature i: cividis without the end that the page's ground hides. */
export function featureColour(i, n) {
  const share = n > 1 ? i / (n - 1) : 0;
  const [low, high] = isDark() ? [0.42, 1] : [0, 0.78];
  return `rgb(${between(CIVIDIS, low + share * (high - low)).join(" ")})`;
}
