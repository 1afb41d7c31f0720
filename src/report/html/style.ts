/** The look of the report page. Colours carry meaning: green is the DLA, amber is emulation's limit, red is the GPU. */

export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #16202c; --soft: #5b6877; --line: #dde2e8;
  --dla: #2e9e5b; --gpu: #d5473c; --limit: #d99214; --quiet: #aab4bf;
  --compute: #3b7dd8; --memory: #e0872c; --overhead: #98a2ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151b; --card: #182029; --ink: #e6ebf1; --soft: #95a3b3; --line: #2a3541;
    --dla: #45c27a; --gpu: #f0695e; --limit: #f0b040; --quiet: #566373;
    --compute: #6aa5f5; --memory: #f2a352; --overhead: #6d7987;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 0 0 4px; }
h3 { font-size: 15px; margin: 20px 0 6px; }
p { margin: 4px 0 12px; } .soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 24px; margin-top: 20px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin-top: 20px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 25px; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.tile span { color: var(--soft); font-size: 13px; }
.scroll { overflow: auto; max-height: 640px; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; position: sticky; top: 0; background: var(--card); }
td.n, th.n { text-align: right; } td.wrap { white-space: normal; min-width: 240px; }
code { font: 12.5px/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.key { display: inline-flex; align-items: center; gap: 6px; margin-right: 16px; color: var(--soft); font-size: 13px; }
.key i { width: 11px; height: 11px; border-radius: 3px; display: inline-block; }
.badge { display: inline-block; padding: 1px 8px; border-radius: 99px; font-size: 12.5px; color: #fff; background: var(--quiet); }
.badge.dla { background: var(--dla); } .badge.gpu { background: var(--gpu); } .badge.limit { background: var(--limit); }
svg { display: block; max-width: 100%; } .scroll svg { max-width: none; }
svg text { fill: var(--ink); font: 11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
svg text.soft { fill: var(--soft); } svg .axis { stroke: var(--line); } svg .edge { stroke: var(--quiet); fill: none; }
.tabs > input { position: absolute; opacity: 0; }
.tabs > label { display: inline-block; padding: 5px 14px; margin: 8px 4px 12px 0; border: 1px solid var(--line); border-radius: 99px; cursor: pointer; font-size: 13.5px; }
.tabs > input:checked + label { background: var(--ink); color: var(--card); border-color: var(--ink); }
.tabs > input:focus-visible + label { outline: 2px solid var(--compute); outline-offset: 2px; }
.tabs > .panel { display: none; }
ol.changes { padding-left: 22px; margin: 8px 0 0; } ol.changes li { margin-bottom: 12px; }
details summary { cursor: pointer; color: var(--soft); margin-top: 12px; }
footer { color: var(--soft); font-size: 13px; margin-top: 24px; }
`;

/** Shows the panel whose radio button is checked; no script needed. */
export const tabStyle = (group: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `#${group}-${index}:checked ~ .panel-${index} { display: block; }`).join(
    '\n',
  );
