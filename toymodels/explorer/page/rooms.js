// What can be asked of the run beside watching it: a section of the page each.

import { beginBackdoor } from "./backdoor.js";
import { beginMap } from "./map.js";
import { beginPoke } from "./poke.js";

const ROOMS = [beginMap, beginBackdoor, beginPoke];

/**
 * Begin every room.
 *
 * A room is a function of the page that returns { show }: `show(frame)` is called with
 * frames that are drawn, four times a second and whenever something else changes. The page offers { run, page, attempt, change, frame }: the
 * live run, names and ranges, `attempt(work)` that shows what went wrong, `change(values)`
 * of settings, and `frame()`, the one that is shown.
 */
export function beginRooms(offered) {
  return ROOMS.map((begin) => begin(offered));
}
