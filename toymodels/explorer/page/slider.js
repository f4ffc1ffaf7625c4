// Sliders whose place is in [0, 1], by keys.

const NUDGES = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

/**
 * Move a slider as a key asks; its new place, or null where it is another key. "any" as a
 * slider's step lets arrow keys jump; a hundredth is what one wants.
 */
export function nudged(event, slider) {
  const by = NUDGES[event.key];
  if (!by) return null;
  event.preventDefault();
  const place = Math.min(Math.max(Number(slider.value) + by / 100, 0), 1);
  slider.value = place;
  return place;
}
