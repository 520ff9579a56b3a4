/// The looks of the page, in CSS.
enum PageStyle {
  /// Colours, the head of the page and the frames of its cards.
  static let frame = #"""
    :root {
      color-scheme: light dark;
      --paper: light-dark(#f6f4ee, #13151a);
      --card: light-dark(#fffefb, #1a1d23);
      --well: light-dark(#f4f1ea, #21252c);
      --line: light-dark(#e3ded2, #2d323b);
      --ink: light-dark(#23262c, #e5e3dd);
      --soft: light-dark(#66655f, #a0a3ab);
      --faint: light-dark(#aaa598, #646b77);
      --accent: light-dark(#2d5ca3, #8db6f2);
      --changed: light-dark(#fbe9ae, #4d411a);
      --current: light-dark(#e6eefa, #243248);
      --real: light-dark(#c68617, #d8a443);
      --virtual: light-dark(#b3602a, #d98a57);
      --protected: light-dark(#2b8a76, #50b8a1);
      --compatibility: light-dark(#4079b5, #6ea6e0);
      --long: light-dark(#6b58b6, #9e8ee4);
      --exception: light-dark(#b53a35, #f0837a);
      --interrupt: light-dark(#2b6bad, #76b0f2);
      --port: light-dark(#866817, #cfb05c);
      --walk: light-dark(#35804a, #76c28b);
      --read: light-dark(#1b7885, #62c4d2);
      --write: light-dark(#b1541c, #ee9f6d);
      --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
      --mono: ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", "DejaVu Sans Mono", Consolas,
        monospace;
    }
    :root[data-scheme="light"] { color-scheme: light; }
    :root[data-scheme="dark"] { color-scheme: dark; }

    * { box-sizing: border-box; }
    html { scrollbar-gutter: stable; }
    body {
      margin: 0 auto;
      max-width: 92rem;
      padding: 0 1.25rem 3rem;
      background: var(--paper);
      color: var(--ink);
      font: 15px/1.5 var(--sans);
    }
    h1, h2, h3, p { margin: 0; }
    h1 { font-size: 1.5rem; font-weight: 650; letter-spacing: -0.015em; line-height: 1.25; }
    h2 { font-size: 0.95rem; font-weight: 650; }
    h3 { font-size: 0.8rem; font-weight: 600; color: var(--soft); }
    code, .mono, table.mono td { font-family: var(--mono); font-size: 0.82rem; }
    .soft { color: var(--soft); }
    .zeros { color: var(--faint); }
    .nowrap { white-space: nowrap; }
    [hidden] { display: none !important; }
    .unseen {
      position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
      white-space: nowrap;
    }

    button, input, select {
      font: inherit; color: inherit; background: var(--card);
      border: 1px solid var(--line); border-radius: 7px;
    }
    button { cursor: pointer; padding: 0.2rem 0.6rem; min-height: 2rem; }
    button:hover { border-color: var(--soft); }
    button:disabled { color: var(--faint); cursor: default; border-color: var(--line); }
    input, select { padding: 0.2rem 0.5rem; min-height: 2rem; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

    /* The head of the page. */
    .top { display: flex; gap: 1rem; align-items: end; padding: 1.4rem 0 0.9rem; }
    @media (max-width: 40rem) { .top { flex-wrap: wrap; gap: 0.5rem; } }
    .top > div { flex: 1 1 14rem; min-width: 0; overflow-wrap: anywhere; }
    .eyebrow {
      font-size: 0.72rem; font-weight: 600; letter-spacing: 0.09em; text-transform: uppercase;
      color: var(--soft);
    }
    .top button { font-size: 0.85rem; color: var(--soft); white-space: nowrap; }

    /* Where the page is: stays in view. */
    .bar {
      position: sticky; top: 0; z-index: 5; margin: 0 -1.25rem; padding: 0.6rem 1.25rem 0.5rem;
      background: var(--paper); border-bottom: 1px solid var(--line);
    }
    .tools {
      display: flex; flex-wrap: wrap; gap: 0.5rem 0.8rem; align-items: center;
      margin: 0.7rem 0 1.1rem;
    }
    .overview { position: relative; height: 56px; touch-action: none; cursor: pointer; }
    .overview canvas {
      position: absolute; inset: 0; width: 100%; height: 52px; border-radius: 6px;
    }
    .playhead {
      position: absolute; top: -3px; left: 0; width: 2px; height: 57px; margin-left: -1px;
      background: var(--ink); border-radius: 1px; pointer-events: none;
    }
    .playhead::before {
      content: ""; position: absolute; left: -4px; top: -2px; width: 10px; height: 10px;
      border-radius: 50%; background: var(--ink);
    }
    .slider {
      position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
      cursor: pointer;
    }
    .slider:focus-visible ~ .playhead { outline: 2px solid var(--accent); outline-offset: 3px; }
    .legend {
      margin-top: 0.5rem; display: flex; flex-wrap: wrap; gap: 0.15rem 0.9rem; font-size: 0.75rem;
      color: var(--soft);
    }
    .legend span::before {
      content: ""; display: inline-block; width: 0.65rem; height: 0.65rem; border-radius: 3px;
      margin-right: 0.35rem; background: var(--tone);
    }
    .controls { display: flex; gap: 0.8rem; align-items: center; margin-top: 0.4rem; }
    .group { display: flex; }
    .group > * { border-radius: 0; margin-left: -1px; }
    .group > *:first-child { border-radius: 7px 0 0 7px; margin-left: 0; }
    .group > *:last-child { border-radius: 0 7px 7px 0; }
    .group > *:hover, .group > *:focus-visible { position: relative; z-index: 1; }
    .group svg { display: block; width: 14px; height: 14px; fill: currentColor; }
    #play { min-width: 3rem; display: grid; place-items: center; }
    #position { width: 7rem; font-family: var(--mono); font-size: 0.85rem; }
    .controls select { font-size: 0.8rem; }
    .seek { display: flex; gap: 0.4rem; flex-wrap: wrap; }
    .seek button { font-size: 0.8rem; padding: 0.1rem 0.45rem; }
    .seek .name { display: flex; align-items: center; gap: 0.35rem; }
    .seek .name::before {
      content: ""; width: 0.6rem; height: 0.6rem; border-radius: 3px; background: var(--tone);
    }
    .seek small { color: var(--soft); font-size: 0.72rem; font-variant-numeric: tabular-nums; }
    .search { display: flex; gap: 0.4rem; align-items: center; flex: 1 1 14rem; }
    .search input { flex: 1; min-width: 8rem; }
    .search output { width: 5.5rem; font-size: 0.78rem; color: var(--soft); }
    .now {
      display: flex; gap: 0.3rem 0.8rem; align-items: baseline; flex: 1; min-width: 0;
      overflow: hidden;
      white-space: nowrap;
    }
    .now .mode { flex: none; }
    .now code { font-size: 0.95rem; font-weight: 600; overflow: hidden; text-overflow: ellipsis; }
    .moment {
      font-size: 0.78rem; color: var(--soft); font-variant-numeric: tabular-nums;
      white-space: nowrap;
    }
    .mode {
      display: inline-block; padding: 0 0.5rem; border-radius: 999px; font-size: 0.75rem;
      font-weight: 600;
      color: var(--tone); border: 1px solid var(--tone);
    }

    /* The cards. */
    .cards { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 1.1rem; }
    .card {
      grid-column: span 12; min-width: 0; padding: 0.9rem 1.1rem 1.1rem; background: var(--card);
      border: 1px solid var(--line); border-radius: 12px;
    }
    .card > header {
      display: flex; flex-wrap: wrap; gap: 0.2rem 0.8rem; align-items: center; min-height: 2.1rem;
      margin-bottom: 0.5rem;
    }
    .card > header h2 { margin-right: auto; }
    .card > header p { font-size: 0.8rem; color: var(--soft); }
    .card > header button { font-size: 0.78rem; min-height: 1.7rem; padding: 0 0.5rem; }
    .card > header button[aria-pressed="true"] {
      background: var(--current); border-color: var(--accent);
    }
    .scroll { overflow: auto; scrollbar-width: thin; }
    .none { color: var(--soft); font-size: 0.85rem; }
    .stack {
      grid-column: span 12; min-width: 0; display: flex; flex-direction: column; gap: 1.1rem;
    }
    .fill { flex: 1; display: flex; flex-direction: column; }
    @media (min-width: 68rem) {
      .span5 { grid-column: span 5; }
      .span7 { grid-column: span 7; }
    }

    """#
}
