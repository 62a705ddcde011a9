"""The colours of a report, by light and by dark, on screen and on paper."""

from __future__ import annotations

STYLE = """
:root { --ground: #ffffff; --ink: #1c2430; --soft: #5b6675; --edge: #b9c2cd; --fill: #f4f6f9;
  --ok: #1a7f4b; --bad: #c22f2f; --out: #b97900; --unknown: #7b8794; --sign: #ffffff; } @media
  screen and (prefers-color-scheme: dark) { :root { --ground: #12171e; --ink: #e6ebf1; --soft:
  #9aa6b4; --edge: #3a4552; --fill: #1b222c; --ok: #3fb777; --bad: #f06a6a; --out: #e0a63a;
  --unknown: #8894a2; --sign: #12171e; } } .cluster { font-family: system-ui, sans-serif; width:
  100%; height: auto; } .ground { fill: var(--ground); } .cluster text { fill: var(--ink);
  font-size: 13px; } .cluster .head { font-weight: 600; font-size: 15px; } .cluster .small {
  fill: var(--soft); font-size: 12px; } .cluster .note { fill: var(--soft); font-size: 13px; }
  .cluster .end { text-anchor: end; } .cluster .address { font-family: ui-monospace, monospace;
  font-size: 12px; } .cluster .sign { fill: var(--sign); font-size: 12px; font-weight: 700;
  pointer-events: none; } .box { fill: var(--fill); stroke: var(--edge); stroke-width: 1.5; rx:
  8px; } .box.ok { stroke: var(--ok); } .box.bad { stroke: var(--bad); stroke-width: 2.5; }
  .box.out { stroke: var(--out); } .box.unknown { stroke: var(--unknown); stroke-dasharray: 5 4;
  } .dot.ok, .chip.ok { fill: var(--ok); } .dot.bad, .chip.bad { fill: var(--bad); } .dot.out,
  .chip.out { fill: var(--out); } .dot.unknown, .chip.unknown { fill: var(--unknown); } .cable {
  stroke: var(--soft); stroke-width: 1.5; } .arrow { fill: var(--soft); } .segment { stroke:
  var(--ink); stroke-width: 4; stroke-linecap: round; }
""".replace("\n", " ")

PAGE = """
body { margin: 0 auto; max-width: 1200px; padding: 1rem; background: var(--ground); color:
  var(--ink); font: 15px/1.5 system-ui, sans-serif; } h1 { margin: 0 0 .2rem; font-size: 1.5rem;
  } h2 { margin: 2rem 0 .6rem; font-size: 1.15rem; } .about, .remedy { color: var(--soft); }
  .remedy { margin: .2rem 0 0 1rem; } .verdict { display: inline-block; padding: .1rem .7rem;
  border-radius: 1rem; color: var(--sign); font-weight: 600; } .verdict.ok { background:
  var(--ok); } .verdict.bad { background: var(--bad); } .verdict.unknown { background:
  var(--unknown); } .finding { border-left: 4px solid var(--out); padding: .2rem .8rem; margin:
  .6rem 0; background: var(--fill); overflow-wrap: anywhere; } .finding.error { border-color:
  var(--bad); } code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap:
  anywhere; } .wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%;
  font-size: 14px; } th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid
  var(--edge); vertical-align: top; } th { color: var(--soft); font-weight: 600; } td.number,
  th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  tr.service td { background: var(--fill); font-weight: 600; } .state.ok { color: var(--ok); }
  .state.bad { color: var(--bad); } .state.out { color: var(--out); } .state.unknown { color:
  var(--unknown); } @media print { body { max-width: none; padding: 0; font-size: 11px; }
  .finding, tr { break-inside: avoid; } .cluster { max-height: 24cm; } }
""".replace("\n", " ")
