"""The report's style sheet, light and dark.

Python text, not a .css file: the page needs it inline, and a module cannot be left out
of an installation. Text has a contrast of 4.5 : 1 or more in both schemes.
"""

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b1f24; --faint: #57606a;
  --line: #d0d7de; --panel: #f6f8fa; --link: #0550ae; --yes: #116329; --no: #a40e26;
  --open: #6e4600; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --ink: #e6edf3; --faint: #9198a1; --line: #3d444d;
    --panel: #161b22; --link: #79c0ff; --yes: #56d364; --no: #ff9492; --open: #e3b341; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem;
  background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h2 { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
p, li { max-width: 44rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; background: var(--page); }
.tally { display: flex; flex-wrap: wrap; gap: 1.5rem; padding: 0; list-style: none; }
.contents { columns: 22rem; padding: 0; list-style: none; }
.contents li { break-inside: avoid; }
.verdict { white-space: nowrap; font-weight: 600; font-size: .9rem; }
.supported { color: var(--yes); }
.not-supported { color: var(--no); }
.inconclusive { color: var(--open); }
figure { margin: 1.5rem 0; }
figure img { display: block; max-width: 100%; height: auto; padding: .5rem;
  background: #ffffff; border: 1px solid var(--line); border-radius: 6px; }
figcaption { color: var(--faint); font-size: .9rem; margin-top: .4rem; }
article { margin: 1.5rem 0; padding: 1rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: 6px; }
dl { margin: 0 0 1rem; }
dl div { display: grid; grid-template-columns: 10rem 1fr; gap: 0 1rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; width: 100%;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0;
  border-bottom: 1px solid var(--line); }
tbody th { font-weight: normal; min-width: 14rem; }
thead th, .number { white-space: nowrap; }
thead th { color: var(--faint); font-weight: 600; }
details { margin: 1rem 0; }
details table { width: auto; }
summary { cursor: pointer; }
code { font-size: .9em; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  dl div { grid-template-columns: 1fr; margin-bottom: .5rem; }
}
@media print { details { display: none; } article, figure { break-inside: avoid; } }
"""
