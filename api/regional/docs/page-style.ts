/** How the page looks, light and dark, wide and narrow; in the page itself, so that it is one answer. */
export const pageStyle = `
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a3f4b); --soft: light-dark(#f4f5f7, #1e222a);
  --text: light-dark(#1b1f27, #e4e7ec); --quiet: light-dark(#565d6b, #a2a9b6); --link: light-dark(#0b57c4, #8ab8ff); }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: light-dark(#fff, #14171d); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--soft); padding: .5rem; z-index: 1; }
nav { padding: 1rem 1.5rem; border-bottom: 1px solid var(--line); font-size: .925rem; }
nav ul { list-style: none; margin: 0; padding: 0; columns: 16rem; }
nav li { break-inside: avoid; padding: .15rem 0; }
main { padding: 1rem 1.5rem 4rem; max-width: 60rem; min-width: 0; }
h1 { font-size: 1.8rem; line-height: 1.2; }
h2 { font-size: 1.35rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
code { font: .875em/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem; overflow-x: auto; }
pre code { overflow-wrap: normal; }
.route code { font-size: 1rem; font-weight: 600; }
small, .limit, thead th { color: var(--quiet); }
.limit { font-size: .875rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); font-weight: 400; }
td:last-child { min-width: 16rem; }
thead + tbody th code { white-space: nowrap; }
summary { cursor: pointer; padding: .3rem 0; }
@media (min-width: 64rem) {
  body { display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
  nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; border-bottom: 0; border-right: 1px solid var(--line); }
  nav ul { columns: auto; }
}
`;
