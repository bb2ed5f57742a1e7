/** The look of the report; it follows the reader's choice of light or dark. */
export const style = `
:root {
  color-scheme: light dark;
  --text: #1b1f24; --soft: #57606a; --page: #ffffff; --edge: #d0d7de; --line: #0b5cad; --bound: #9a6700;
  --others: #8c959f; --ejected: #f4a9a4; --probing: #f7c98b; --ramping: #f3e59a; --paused: #cdb4f0; --evicted: #a9b0b8;
  --held: #bc4c00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6edf3; --soft: #9aa6b2; --page: #0d1117; --edge: #30363d; --line: #6cb6ff; --bound: #d9a93b;
    --others: #5b6673; --ejected: #7d2b2b; --probing: #7a4d14; --ramping: #5f5717; --paused: #513b7a; --evicted: #3c444d;
    --held: #f0883e;
  }
}
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: var(--text); background: var(--page);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-top: 1px solid var(--edge); padding-top: 1rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 0.3rem; } p, ul { margin: 0.4rem 0; } .soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { text-align: left; padding: 0.25rem 0.7rem 0.25rem 0; border-bottom: 1px solid var(--edge); vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; } td.tight { white-space: nowrap; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.grid { stroke: var(--edge); stroke-width: 0.5; fill: none; }
.line { fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.value { stroke: var(--line); } .bound { stroke: var(--bound); stroke-dasharray: 4 3; stroke-width: 1; }
.others { stroke: var(--others); stroke-width: 0.8; }
.ejected { fill: var(--ejected); background: var(--ejected); } .probing { fill: var(--probing); background: var(--probing); }
.ramping { fill: var(--ramping); background: var(--ramping); } .paused { fill: var(--paused); background: var(--paused); }
.evicted { fill: var(--evicted); background: var(--evicted); } .held { fill: var(--held); background: var(--held); }
.key { display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; margin: 0.6rem 0; color: var(--soft); font-size: 13px; }
.key i { display: inline-block; width: 1.1rem; height: 0.75rem; margin-right: 0.35rem; vertical-align: -1px; }
.key i.value, .key i.bound, .key i.others { height: 0; border-top: 2px solid var(--line); vertical-align: 4px; }
.key i.bound { border-top: 2px dashed var(--bound); } .key i.others { border-top-color: var(--others); }
`;
