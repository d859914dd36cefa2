#pragma once
/// The style sheet of the report page: light, printable, from phones to wide screens.

#include <string_view>

namespace fusiform {

inline constexpr std::string_view html_style = R"css(
:root {
  --ink: #22272e; --soft: #57606a; --line: #dfe3e8; --wash: #f6f8fa; --accent: #0072b2; --alert: #d55e00;
  --sans: Inter, "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.6 var(--sans); text-rendering: optimizeLegibility; }
main { max-width: 980px; margin: 0 auto; padding: 56px 32px 96px; }
header { margin-bottom: 28px; }
h1 { font-size: 34px; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 8px; }
h2 { font-size: 22px; line-height: 1.3; letter-spacing: -0.01em; margin: 56px 0 12px; padding-top: 20px; border-top: 1px solid var(--line); }
h3 { font-size: 17px; margin: 32px 0 8px; }
p, ul { max-width: 70ch; margin: 0 0 14px; }
ul { padding-left: 1.2em; }
li { margin: 2px 0; }
.subtitle { color: var(--soft); font-size: 18px; margin: 0; }
nav { display: flex; flex-wrap: wrap; gap: 4px 22px; padding: 12px 0; border-top: 1px solid var(--line); font-size: 14px; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
nav + section h2, header + section h2 { margin-top: 24px; }
.note { border-left: 3px solid var(--alert); background: var(--wash); padding: 10px 16px; font-size: 15px; }
.headlines { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 1px; margin: 20px 0 28px; background: var(--line); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.headlines div { background: #fff; padding: 16px 20px; }
.headlines span { display: block; }
.headlines .label { color: var(--soft); font-size: 13px; line-height: 1.35; min-height: 1.35em; }
.headlines .value { font-size: 30px; line-height: 1.3; letter-spacing: -0.02em; font-weight: 600; font-variant-numeric: tabular-nums; }
.headlines .detail { color: var(--soft); font-size: 13px; line-height: 1.35; font-variant-numeric: tabular-nums; }
.table { overflow-x: auto; margin: 20px 0 28px; }
table { border-collapse: collapse; font-size: 14px; line-height: 1.45; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: 8px; max-width: 80ch; }
caption b, figcaption b { color: var(--ink); font-weight: 600; }
th, td { text-align: left; padding: 6px 28px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; border-bottom: 1.5px solid var(--ink); white-space: nowrap; }
th.number, td.number { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 4px; }
figure { margin: 24px 0 36px; }
.drawing svg { display: block; width: 100%; height: auto; }
.drawing text { font-family: var(--sans); }
figcaption { color: var(--soft); font-size: 14px; line-height: 1.5; max-width: 84ch; margin-top: 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 28px; font-size: 14px; margin: 12px 0 24px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
details { margin: 20px 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); padding: 8px 0; }
summary { cursor: pointer; color: var(--accent); font-size: 15px; }
pre { font: 13px/1.5 var(--mono); background: var(--wash); border-radius: 6px; padding: 14px 18px; overflow-x: auto; }
@media (max-width: 640px) {
  main { padding: 28px 18px 64px; }
  h1 { font-size: 27px; }
  .drawing { overflow-x: auto; }
  .drawing svg { min-width: 520px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
}
@media print {
  @page { margin: 16mm; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  h2, h3 { break-after: avoid; }
  figure, .headlines, tr { break-inside: avoid; }
}
)css";

}  // namespace fusiform
