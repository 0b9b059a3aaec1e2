"""The style sheet of a page: in both schemes text has a contrast of at least 4.5 to its ground, lines 3."""

from __future__ import annotations

STYLE = """
:root {
  --ground: #f6f7f9; --paper: #fff; --ink: #1c2128; --dim: #59636e; --rule: #dce0e5; --soft: #f1f3f5;
  --error: #b3261e; --warning: #8a5300; --note: #1f5fae; --ok: #1a6b35; --unknown: #6b3fa0;
  --added: #e3f5e8; --removed: #fdeaea; --hit: #fff4d6;
  --c0: #1f6fb5; --c1: #b85a00; --c2: #1b7f5c; --c3: #a8447f; --c4: #6a51a3; --c5: #7a6000;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #13161a; --paper: #1b1f25; --ink: #e3e6ea; --dim: #a2abb6; --rule: #353b44; --soft: #242931;
    --error: #ff8f85; --warning: #f0b65a; --note: #8dbdff; --ok: #7dd39a; --unknown: #c8a6f5;
    --added: #17331f; --removed: #3d1f20; --hit: #3a3116;
    --c0: #69b1f0; --c1: #f0a050; --c2: #5fcea5; --c3: #ea92c4; --c4: #b5a1f0; --c5: #d8c050;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 58rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Ubuntu, sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, h3 { line-height: 1.3; margin: 0; font-weight: 650; text-wrap: balance; }
h1 { font-size: 1.55rem; }
h2 { font-size: 1.15rem; }
h3 { font-size: .95rem; margin: 1.1rem 0 .35rem; }
p { margin: .5rem 0; max-width: 44rem; }
code, th, td, dd { unicode-bidi: isolate; }
code, pre { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.dim, .key, .axis, caption, figcaption, dt { color: var(--dim); }
.error { color: var(--error); } .warning { color: var(--warning); } .note { color: var(--note); }
.ok { color: var(--ok); } .unknown { color: var(--unknown); }
header { margin-bottom: 1.75rem; }
.command-name {
  color: var(--dim); margin: 0 0 .25rem; font: .875rem/1.5 ui-monospace, Menlo, Consolas, monospace;
}
.sign { font-weight: 700; }
.problem, section, main > details {
  margin: 0 0 1rem; padding: 1.1rem 1.35rem 1.2rem;
  background: var(--paper); border: 1px solid var(--rule); border-radius: 8px;
}
.problem { border-left: 4px solid currentColor; }
.problem > * { color: var(--ink); }
.label {
  display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .9rem; margin: 0 0 .3rem; max-width: none;
}
.label .key { margin-left: auto; }
.badge { font-weight: 650; font-size: .875rem; }
.remark { margin: 0 .1rem 1rem; }
ol, ul { margin: .35rem 0; padding-left: 1.5rem; }
li { margin: .35rem 0; }
li > p { margin: 0 0 .35rem; }
pre { margin: 0; padding: .65rem .85rem; background: var(--soft); border-radius: 6px; overflow-x: auto; }
pre code { font-size: inherit; }
.command { user-select: all; white-space: pre-wrap; margin: .35rem 0; }
:focus-visible { outline: 2px solid var(--note); outline-offset: 2px; }
details { margin-top: 1rem; }
summary { cursor: pointer; font-weight: 600; font-size: .95rem; }
main > details > summary { font-size: 1.02rem; }
details > :nth-child(2) { margin-top: .6rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
.problem > :last-child > .scroll, section > .scroll:last-child, section > :last-child { margin-bottom: 0; }
table { border-collapse: collapse; font-size: .9rem; line-height: 1.45; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: baseline; padding: .3rem 1.4rem .3rem 0; }
th { overflow-wrap: break-word; }
th:first-child { min-width: min(10rem, 30vw); }
thead th { border-bottom: 1px solid var(--rule); font-weight: 600; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
tbody th { font-weight: 400; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
th:last-child, td:last-child { padding-right: 0; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1.4rem; margin: .6rem 0 0; }
dt { min-width: 5rem; max-width: 16rem; }
dd { margin: 0; }
dd .dim { margin-left: .6rem; }
figure { margin: 1rem 0; }
figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; font-size: .875rem; margin-bottom: .5rem; }
.legend {
  display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; margin: 0; padding: 0; list-style: none;
  color: var(--ink);
}
.legend li { margin: 0; }
.plot { display: grid; grid-template: 14rem 1.6rem / 3.6rem 1fr; padding: .9rem 1.2rem 0 0; }
.area { position: relative; border: solid var(--dim); border-width: 0 0 1px 1px; }
.area svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.y, .x { position: relative; font-size: .78rem; color: var(--dim); font-variant-numeric: tabular-nums; }
.y span { position: absolute; right: .5rem; transform: translateY(50%); white-space: nowrap; }
.x { grid-column: 2; }
.x span { position: absolute; top: .3rem; transform: translateX(-50%); white-space: nowrap; }
.x-label { text-align: center; font-size: .8rem; margin: 0 1.2rem 0 3.6rem; max-width: none; }
path { fill: none; vector-effect: non-scaling-stroke; }
.grid { stroke: var(--rule); stroke-width: 1; }
.line { stroke: currentColor; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.band { fill: currentColor; fill-opacity: .16; }
.layer { fill: currentColor; fill-opacity: .78; }
.mark { stroke: var(--dim); stroke-width: 1; stroke-dasharray: 3 3; }
.flag {
  position: absolute; top: -.9rem; transform: translateX(-50%); min-width: 1.25rem; padding: 0 .25rem;
  border-radius: 1rem; background: var(--dim); color: var(--paper); font-size: .72rem; line-height: 1.25rem;
  text-align: center; font-weight: 650;
}
.marks { font-size: .875rem; margin-left: 2.1rem; }
.marks li { margin: .1rem 0; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.bars { width: 100%; margin: .6rem 0; }
.bars tr > * { border: 0; padding: .15rem .9rem .15rem 0; vertical-align: middle; }
.bars th { min-width: 14rem; max-width: 14rem; }
.bars .bar { width: 100%; }
.bars .number { white-space: nowrap; text-align: left; }
.bar svg { display: block; width: 100%; height: 1.5rem; overflow: visible; color: var(--c0); }
.bar rect { fill: currentColor; fill-opacity: .78; }
.whisker { stroke: var(--ink); stroke-width: 1.4; }
.code figcaption { font-family: ui-monospace, Menlo, Consolas, monospace; margin-bottom: .3rem; }
.code pre, .diff { padding: .65rem 0; }
h2 + .diff { margin-top: .5rem; }
.row { display: block; padding: 0 .85rem; min-width: max-content; }
.gutter { color: var(--dim); user-select: none; }
.hit { background: var(--hit); box-shadow: inset 3px 0 var(--error); }
.hit .gutter { color: var(--ink); font-weight: 700; }
.added { background: var(--added); } .removed { background: var(--removed); }
.diff .head { font-weight: 650; } .diff .hunk { color: var(--dim); }
@media (max-width: 34rem) {
  body { padding: 1.1rem .8rem 3rem; font-size: 15px; }
  h1 { font-size: 1.3rem; }
  .problem, section, main > details { padding: .9rem .9rem 1rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  .facts thead { display: none; }
  .facts tr, .facts tr > * { display: block; border: 0; padding: 0; }
  .facts tr { padding: .35rem 0; }
  .plot { grid-template-rows: 11rem 1.6rem; grid-template-columns: 2.9rem 1fr; padding-right: .6rem; }
  .bars tr { display: grid; grid-template-columns: 1fr auto; padding: .3rem 0; }
  .bars .bar { grid-row: 2; grid-column: 1 / 3; padding: 0; }
  .bars th { min-width: 0; }
  .bars .number { padding: 0; }
}
@media print {
  :root { --ground: #fff; --paper: #fff; --ink: #000; --soft: #f3f3f3; color-scheme: light; }
  body { padding: 0; max-width: none; font-size: 10.5pt; }
  .problem, section, main > details { break-inside: avoid-page; }
  pre { white-space: pre-wrap; }
  .row { min-width: 0; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""
