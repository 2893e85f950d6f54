"""The style sheet of the page: light and dark, screen and paper, wide and narrow."""

STYLE = """
:root { --ink:#1b1f24; --soft:#57606a; --line:#d8dee4; --ground:#ffffff; --panel:#f6f8fa; --old:#8c6d1f;
    --new:#0b62c4; --up:#1a7f37; --down:#c0362c; --good:#116329; --bad:#a40e26; --wait:#7a5200;
        color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --ink:#e6edf3; --soft:#9aa7b4; --line:#30363d; --ground:#0d1117; --panel:#161b22; --old:#d9a441;
      --new:#58a6ff; --up:#3fb950; --down:#ff7b72; --good:#56d364; --bad:#ff9a92; --wait:#e3b341; }
}
* { box-sizing:border-box }
html { -webkit-text-size-adjust:100% }
body { margin:0; background:var(--ground); color:var(--ink); font:15px/1.5 system-ui, sans-serif; }
main, header, footer { max-width:1240px; margin:0 auto; padding:0 20px }
header { padding-top:28px }
h1 { font-size:26px; line-height:1.2; margin:0 0 6px }
h2 { font-size:18px; margin:36px 0 10px }
h3 { font-size:15px; margin:18px 0 6px }
p { margin:6px 0 }
a { color:var(--new) }
code { font-size:.92em; overflow-wrap:anywhere }
.reason { color:var(--soft); font-size:17px; max-width:70ch }
.state { display:inline-block; border:1px solid currentColor; border-radius:99px; padding:1px 12px; font-size:13px;
    font-weight:600 }
.good { color:var(--good) }
.bad { color:var(--bad) }
.wait { color:var(--wait) }
.soft { color:var(--soft) }
.facts { display:grid; grid-template-columns:repeat(auto-fit,minmax(190px,1fr)); gap:10px; margin:18px 0 }
.facts div { background:var(--panel); border:1px solid var(--line); border-radius:8px; padding:10px 14px }
.facts div > b { display:block; font-size:20px; line-height:1.25; font-variant-numeric:tabular-nums }
.facts div > span { color:var(--soft); font-size:13px }
dl { display:grid; grid-template-columns:max-content 1fr; gap:4px 18px; margin:8px 0 }
dt { color:var(--soft) }
dd { margin:0; overflow-wrap:anywhere }
.lanes { display:grid; grid-template-columns:92px repeat(9,minmax(0,1fr)); gap:6px; font-size:12px;
    list-style:none; padding:0; margin:10px 0 }
.lanes .lane { grid-column:1; color:var(--soft); align-self:center }
.lanes li.step { border:1px solid var(--line); border-radius:8px; padding:6px 7px; background:var(--panel);
    min-height:78px; overflow-wrap:anywhere }
.lanes li b { display:block; line-height:1.2; margin-bottom:2px }
.lanes li.done { border-color:var(--good) }
.lanes li.failed { border-color:var(--bad) }
figure { margin:10px 0 }
figure svg { width:100%; height:auto; max-width:900px }
figure.any svg { max-width:360px }
figcaption { color:var(--soft); font-size:13px }
figure.narrow { display:none }
.scroll { overflow-x:auto; border:1px solid var(--line); border-radius:8px; margin:10px 0 }
table { border-collapse:collapse; width:100%; font-size:13px; font-variant-numeric:tabular-nums }
th, td { padding:5px 10px; border-bottom:1px solid var(--line); vertical-align:top; white-space:nowrap }
tbody tr:last-child td { border-bottom:0 }
th { background:var(--panel); color:var(--soft); font-weight:600; text-align:left }
.gt_right { text-align:right }
.gt_left { text-align:left }
.gt_center { text-align:center }
.total tbody tr:last-child td { font-weight:600; background:var(--panel) }
.wrap td { white-space:normal }
.wrap td:nth-child(2) { white-space:nowrap }
.wrap td:last-child { min-width:180px }
.pair { display:grid; grid-template-columns:minmax(0,360px) minmax(0,1fr); gap:18px; align-items:start }
details { border:1px solid var(--line); border-radius:8px; padding:6px 12px; margin:6px 0 }
summary { cursor:pointer }
details .scroll { border:0 }
footer { color:var(--soft); font-size:13px; padding-top:30px; padding-bottom:40px }
@media (max-width:760px) {
  main, header, footer { padding-left:14px; padding-right:14px }
  h1 { font-size:21px }
  .pair { grid-template-columns:minmax(0,1fr) }
  .lanes { display:block }
  .lanes .lane { display:none }
  .lanes li.step { min-height:0; margin:4px 0 }
  .lanes li.communication { margin-left:28px }
  .wrap td:first-child { overflow-wrap:anywhere; min-width:96px }
  figure.wide { display:none }
  figure.narrow { display:block }
  dl { grid-template-columns:1fr }
  dt { margin-top:6px }
}
@media print {
  :root { --ink:#000; --soft:#444; --line:#bbb; --ground:#fff; --panel:#f4f4f4; --old:#8c6d1f; --new:#0b62c4;
      --up:#1a7f37; --down:#c0362c; --good:#116329; --bad:#a40e26; --wait:#7a5200 }
  body { font-size:10.5pt }
  .lanes { font-size:10px; grid-template-columns:76px repeat(9,minmax(0,1fr)) }
  main, header, footer { max-width:none; padding:0 }
  .scroll { overflow:visible; border:0 }
  table { font-size:8pt }
  th, td { padding:2px 5px }
  tr, figure, .lanes li, .facts div { break-inside:avoid }
  thead { display:table-header-group }
  h2 { break-after:avoid }
  @page { size:A4 landscape; margin:14mm }
}
"""
