#include "page/style.h"

namespace gaincell::page {

const std::string_view kStyle = R"css(
:root{color-scheme:light;--paper:#fff;--raised:#f5f7f9;--ink:#1c2127;--soft:#5c6670;--grid:#d8dde2;
--table:#1f6fb5;--measured:#c2410c;--band:#8fb8dc;--limit:#b3261e;--published:#8b95a1;--pass:#1a7f37}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;--paper:#14171a;
--raised:#1e2328;--ink:#e6e9ec;--soft:#a3adb7;--grid:#39414a;--table:#6cb2f0;--measured:#ff9a5c;
--band:#3b6288;--limit:#ff7b72;--published:#7d8894;--pass:#56d364}}
:root[data-theme=dark]{color-scheme:dark;--paper:#14171a;--raised:#1e2328;--ink:#e6e9ec;--soft:#a3adb7;
--grid:#39414a;--table:#6cb2f0;--measured:#ff9a5c;--band:#3b6288;--limit:#ff7b72;--published:#7d8894;
--pass:#56d364}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header,nav,main,footer{max-width:1320px;margin:0 auto;padding:0 16px}
header{display:flex;justify-content:space-between;align-items:baseline;gap:12px;padding-top:16px}
h1{font-size:1.6rem;margin:0;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:2.2rem 0 .5rem;border-bottom:2px solid var(--grid);overflow-wrap:anywhere}
h3{font-size:1.08rem;margin:1.6rem 0 .4rem}
h4{font-size:1rem;margin:1.2rem 0 .3rem}
p,ul{max-width:80ch;margin:.4rem 0;overflow-wrap:anywhere}
nav a{overflow-wrap:anywhere}
nav{padding-top:8px;padding-bottom:8px}
nav a{margin-right:1rem}
a{color:var(--table)}
code{font:0.92em ui-monospace,monospace}
button{font:inherit;color:inherit;background:var(--raised);border:1px solid var(--grid);border-radius:6px;
padding:4px 12px;min-height:40px;cursor:pointer}
header button{white-space:nowrap;flex:none}
.wide{overflow-x:auto;margin:.6rem 0;border:1px solid var(--grid);border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;vertical-align:top;border-top:1px solid var(--grid)}
td:first-child:has(>code){position:sticky;left:0;background:var(--paper)}
td.n,td.s{white-space:nowrap}td.m{min-width:11rem}td.l{min-width:20rem}
th{background:var(--raised);border-top:0;white-space:nowrap;padding:0}
th button{border:0;background:none;font-weight:600;padding:5px 10px;width:100%;text-align:inherit}
th[aria-sort=ascending] button::after{content:" \2191"}
th[aria-sort=descending] button::after{content:" \2193"}
td.n,th.n{text-align:right}
.pass{color:var(--pass)}.fail{color:var(--limit);font-weight:700}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:16px;margin:.8rem 0}
figure{margin:0;padding:10px;border:1px solid var(--grid);border-radius:6px;min-width:0;
display:flex;flex-direction:column;justify-content:space-between}
figcaption{font-size:.85rem;color:var(--soft);overflow-wrap:anywhere}
figcaption strong{color:var(--ink);display:block}
figure svg{display:block;width:100%;height:auto;margin-top:6px}
details{margin:.6rem 0}summary{cursor:pointer;min-height:40px;padding:6px 0}
footer{color:var(--soft);font-size:.85rem;padding-top:24px;padding-bottom:24px}
@media print{:root,:root[data-theme=dark],:root:not([data-theme=light]){color-scheme:light;--paper:#fff;
--raised:#f5f7f9;--ink:#000;--soft:#444;--grid:#bbb;--table:#1f6fb5;--measured:#c2410c;--band:#8fb8dc;
--limit:#b3261e;--published:#8b95a1;--pass:#1a7f37}
body{font-size:10pt}header button,nav{display:none}.wide{overflow:visible;border:0}table{font-size:7.5pt}
td,td.s,td.m,td.l{white-space:normal;overflow-wrap:anywhere}td{min-width:0}td.s{min-width:5em}td.m{min-width:8em}
td.l{min-width:11em}th button{display:contents}th,td{padding:2px 3px}th{white-space:normal}
td:first-child:has(>code){overflow-wrap:normal}thead{display:table-header-group}
figure,tr,ul{break-inside:avoid}h2,h3,h4,h3+p,h4+p,ul{break-after:avoid}
.gallery{grid-template-columns:1fr 1fr}}
)css";

const std::string_view kScript = R"js(
'use strict';
(() => {
  const root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  document.getElementById('theme').addEventListener('click', () => {
    root.dataset.theme = dark() ? 'light' : 'dark';
  });
  const order = (a, b) => {
    const x = a.dataset.v, y = b.dataset.v;
    if (x !== undefined && y !== undefined) return Number(x) - Number(y);
    if (x !== undefined) return -1;
    if (y !== undefined) return 1;
    return a.textContent.localeCompare(b.textContent, 'en');
  };
  for (const head of document.querySelectorAll('th')) {
    head.firstElementChild.addEventListener('click', () => {
      const body = head.closest('table').tBodies[0];
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of head.parentElement.children) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const cell = (row) => row.cells[head.cellIndex];
      const rows = Array.from(body.rows);
      rows.sort((a, b) => {
        const known = (c) => c.dataset.v !== undefined;
        if (known(cell(a)) !== known(cell(b))) return order(cell(a), cell(b));
        return up ? order(cell(a), cell(b)) : order(cell(b), cell(a));
      });
      body.append(...rows);
    });
  }
  addEventListener('beforeprint', () => {
    for (const one of document.querySelectorAll('details')) one.open = true;
  });
})();
)js";

}  // namespace gaincell::page
