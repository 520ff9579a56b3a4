extension PageStyle {
  /// What is in the cards.
  static let cards = #"""
    /* Instructions. */
    .lines { display: grid; grid-auto-rows: 1.55rem; }
    .line {
      display: grid;
      grid-template-columns: 4.4rem calc(var(--digits) * 1ch + 0.2rem) minmax(0, 1fr) auto;
      gap: 0.6rem;
      align-items: center; padding: 0 0.45rem; border: 0;
      border-left: 3px solid var(--tone, transparent);
      border-radius: 4px; background: none; min-height: 0; width: 100%; text-align: left;
      font-family: var(--mono); font-size: 0.8rem; white-space: nowrap;
    }
    .line:disabled { border-color: transparent; }
    .line > * { overflow: hidden; text-overflow: ellipsis; }
    .line:hover { background: var(--well); }
    .line[aria-current="true"] { background: var(--current); font-weight: 600; }
    .line .number { color: var(--soft); text-align: right; font-size: 0.72rem; font-weight: 400; }
    .line .address { color: var(--soft); font-weight: 400; }
    .line .note {
      font-size: 0.72rem; color: var(--soft); font-weight: 400; font-family: var(--sans);
    }
    .line.gap {
      border-top: 1px dotted var(--faint); border-top-left-radius: 0; border-top-right-radius: 0;
    }
    .dots { display: flex; gap: 3px; min-width: 2.6rem; justify-content: end; align-items: center; }
    .dots i { width: 7px; height: 7px; border-radius: 2px; background: var(--tone); }
    .bytes {
      margin-top: 0.5rem; min-height: 1.4rem; font-family: var(--mono); font-size: 0.78rem;
      color: var(--soft);
    }

    /* Registers. */
    .registers { display: grid; gap: 0.4rem 1.6rem; grid-template-columns: minmax(0, 1fr); }
    .values { width: 100%; border-collapse: collapse; font-family: var(--mono); font-size: 0.8rem; }
    .values th {
      text-align: left; font-weight: 600; color: var(--soft); padding-right: 0.7rem; width: 1%;
    }
    .values td, .values th { height: 1.45rem; white-space: nowrap; line-height: 1.2; }
    .values thead th { font-family: var(--sans); font-size: 0.72rem; font-weight: 500; }
    .values .old { color: var(--soft); font-size: 0.72rem; padding-left: 0.6rem; width: 50%; }
    .values td.value { padding: 0 0.3rem; border-radius: 4px; width: 1%; }
    .changed { background: var(--changed); }
    .bits { display: flex; flex-wrap: wrap; gap: 3px; }
    .bit {
      font: 500 0.68rem/1.25rem var(--sans); padding: 0 0.32rem; border-radius: 4px; cursor: help;
      color: var(--faint); box-shadow: inset 0 0 0 1px var(--line);
    }
    .bit.set {
      color: var(--ink); background: var(--well); box-shadow: inset 0 0 0 1px var(--faint);
      font-weight: 650;
    }
    .bit.changed {
      background: var(--changed); color: var(--ink); box-shadow: inset 0 0 0 1.5px var(--real);
    }
    .control {
      display: grid; grid-template-columns: 3.3rem 5.4rem minmax(0, 1fr); gap: 0.3rem 0.5rem;
      align-items: start;
    }
    .control > b { font: 600 0.8rem/1.35rem var(--mono); color: var(--soft); }
    .control > code { line-height: 1.35rem; padding: 0 0.3rem; border-radius: 4px; }
    .block { margin-top: 0.6rem; padding-top: 0.6rem; border-top: 1px solid var(--line); }
    @media (min-width: 48rem) {
      .registers { grid-template-columns: minmax(0, 5fr) minmax(0, 7fr); };
    }

    /* What happens. */
    .happening { flex: 1 1 12rem; min-height: 0; height: 12rem; }
    .happening ol { list-style: none; margin: 0; padding: 0; }
    .happening li {
      display: grid; grid-template-columns: 5.6rem minmax(0, 1fr); gap: 0.6rem; padding: 0.22rem 0;
      border-bottom: 1px solid var(--line); font-size: 0.85rem; overflow-wrap: anywhere;
    }
    .happening li > b {
      font-size: 0.75rem; line-height: 1.35rem; font-weight: 600; color: var(--tone, var(--soft));
    }
    .happening li.begin { color: var(--soft); }

    /* Memory. */
    .access { height: 7.4rem; margin-bottom: 0.6rem; }
    .plain { width: 100%; border-collapse: collapse; font-size: 0.8rem; }
    .plain th { text-align: left; font-weight: 500; color: var(--soft); font-size: 0.72rem; }
    .plain thead th { position: sticky; top: 0; background: var(--card); }
    .plain td, .plain th { padding: 0.1rem 0.8rem 0.1rem 0; white-space: nowrap; }
    .plain td { font-family: var(--mono); font-size: 0.79rem; }
    .plain tr[data-step] { cursor: pointer; }
    .plain tr[data-step]:hover td { background: var(--well); }
    .plain tr[aria-current="true"] td { background: var(--current); }
    .tag { font: 600 0.72rem var(--sans); color: var(--tone); }
    .view { font-family: var(--mono); font-size: 0.8rem; line-height: 1.5rem; white-space: pre; }
    .view .row { display: flex; gap: 1rem; height: 1.5rem; }
    .view .row > span:first-child { color: var(--soft); }
    .view .cells i { font-style: normal; padding: 0 0.22rem; border-radius: 3px; }
    .view .cells i:nth-child(8n + 9) { margin-left: 0.5rem; }
    .view .unknown { color: var(--faint); }
    .view .written { color: var(--write); }
    .view .code { color: var(--soft); }
    .view .now-read { background: color-mix(in srgb, var(--read) 26%, transparent); }
    .view .now-written { background: color-mix(in srgb, var(--write) 30%, transparent); }

    /* Paging. */
    .figure { overflow-x: auto; scrollbar-width: thin; }
    .figure svg { display: block; width: 100%; min-width: 52rem; height: auto; }
    .figure text { font-family: var(--mono); font-size: 11.5px; fill: var(--ink); }
    .figure .label { font-family: var(--sans); font-size: 11.5px; fill: var(--soft); }
    .figure .name { font-family: var(--sans); font-size: 13px; font-weight: 650; }
    .figure .dim { opacity: 0.38; }
    .figure .box { fill: var(--well); stroke: var(--line); }
    .figure .field { fill: color-mix(in srgb, var(--tone) 14%, var(--card)); stroke: var(--tone); }
    .figure .slot { fill: color-mix(in srgb, var(--tone) 45%, var(--card)); stroke: var(--tone); }
    .figure .arrow { fill: none; stroke: var(--tone, var(--soft)); stroke-width: 1.6; }
    .figure .tip { fill: var(--tone, var(--soft)); }
    .figure .bad {
      fill: color-mix(in srgb, var(--exception) 30%, var(--card)); stroke: var(--exception);
      stroke-width: 2;
    }
    .figure .on { fill: var(--tone); }
    .figure .off { fill: none; stroke: var(--faint); }
    .figure text.in-on { fill: var(--card); font-weight: 700; }
    .figure text.in-off { fill: var(--soft); }
    .figure text.in-on, .figure text.in-off { font-family: var(--sans); font-size: 10px; }
    .verdict {
      display: flex; flex-wrap: wrap; gap: 0.2rem 0.9rem; min-height: 1.6rem; margin-top: 0.4rem;
      font-size: 0.88rem;
    }
    .verdict b { color: var(--tone); }
    .key { font-size: 0.75rem; color: var(--soft); margin-top: 0.3rem; }

    /* Deliveries. */
    .deliveries { display: grid; gap: 0.8rem 1.6rem; grid-template-columns: minmax(0, 1fr); }
    .list { height: 21rem; position: relative; }
    .deliveries.empty .list { display: none; }
    .deliveries.empty .way { min-height: 0; }
    .way {
      display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: stretch; min-height: 21rem;
      align-content: start;
    }
    .station {
      flex: 1 1 11rem; min-width: 0; border: 1px solid var(--line);
      border-top: 3px solid var(--tone, var(--faint));
      border-radius: 8px; padding: 0.5rem 0.7rem 0.6rem; font-size: 0.82rem;
      overflow-wrap: anywhere;
    }
    .station dl {
      display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0 0.7rem;
      margin: 0.3rem 0 0;
    }
    .station dt { color: var(--soft); font-size: 0.75rem; line-height: 1.4rem; }
    .station dd { margin: 0; font-family: var(--mono); font-size: 0.78rem; line-height: 1.4rem; }
    .station.wide { flex: 2 1 17rem; }
    .station small { color: var(--soft); font-size: 0.95em; }
    .station.failed { border-color: var(--exception); }
    @media (min-width: 62rem) { .deliveries { grid-template-columns: 23rem minmax(0, 1fr); } }

    /* The way through the modes. */
    .strip {
      display: flex; height: 2rem; border-radius: 7px; overflow: hidden; margin-bottom: 0.7rem;
    }
    .strip button {
      border: 0; border-radius: 0; padding: 0 0.4rem; min-height: 0; min-width: 3.4rem;
      background: var(--tone);
      color: light-dark(#fff, #14161a); font-size: 0.75rem; font-weight: 600; overflow: hidden;
      text-overflow: ellipsis; white-space: nowrap;
    }
    .strip.crowded button { min-width: 3px; }
    .strip button[aria-current="true"] { box-shadow: inset 0 -4px 0 var(--ink); }
    .steps { list-style: none; margin: 0; padding: 0; height: 25.4rem; position: relative; }
    .steps button {
      display: grid; grid-template-columns: 5rem 1rem minmax(0, 1fr); gap: 0.6rem; width: 100%;
      border: 0;
      background: none; text-align: left; padding: 0.25rem 0.3rem; border-radius: 6px;
      min-height: 0;
    }
    .steps button:hover { background: var(--well); }
    .steps button[aria-current="true"] { background: var(--current); }
    .steps .number { font: 0.75rem/1.4rem var(--mono); color: var(--soft); text-align: right; }
    .steps .mark { position: relative; }
    .steps .mark::after {
      content: ""; position: absolute; left: 2px; top: 0.35rem; width: 0.7rem; height: 0.7rem;
      border-radius: 50%;
      background: var(--tone, var(--card)); border: 2px solid var(--tone, var(--faint));
    }
    .steps .mark::before {
      content: ""; position: absolute; left: calc(0.35rem + 3px); top: -0.5rem; bottom: -0.5rem;
      width: 2px;
      background: var(--line);
    }
    .steps .ahead { opacity: 0.5; }
    .steps b { font-size: 0.88rem; font-weight: 600; }
    .steps small { display: block; color: var(--soft); font-size: 0.78rem; line-height: 1.35; }

    /* Ports. */
    .twain { display: grid; gap: 0.8rem 1.6rem; grid-template-columns: minmax(0, 1fr); }
    .ports { height: 15.2rem; position: relative; }
    @media (min-width: 62rem) { .twain { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
    .output {
      margin: 0.3rem 0 0; height: 13.6rem; padding: 0.5rem 0.7rem; background: var(--well);
      border-radius: 8px;
      font-family: var(--mono); font-size: 0.75rem; line-height: 1.35; white-space: pre-wrap;
      overflow-wrap: anywhere;
    }
    footer { margin-top: 1.4rem; font-size: 0.8rem; color: var(--soft); }
    footer kbd {
      font: 0.72rem var(--mono); border: 1px solid var(--line); border-radius: 4px;
      padding: 0 0.3rem;
      background: var(--card);
    }
    footer p + p { margin-top: 0.4rem; }
    @media (max-width: 64rem) {
      .controls { flex-wrap: wrap; }
      .moment { margin-left: auto; }
      .now { flex: 1 0 100%; order: 1; }
    }
    @media (max-width: 40rem) {
      body { padding: 0 0.75rem 2rem; font-size: 14px; }
      .bar { margin: 0 -0.75rem 0.8rem; padding: 0.5rem 0.75rem; }
      .card { padding: 0.7rem 0.8rem 0.9rem; border-radius: 9px; }
      .line { grid-template-columns: 3.8rem minmax(0, 1fr) auto; gap: 0.4rem; font-size: 0.75rem; }
      .line .address, .moment, .legend, #first, #last, .speed, .view .row > span:last-child {
        display: none;
      }
      .controls { gap: 0.4rem 0.6rem; }
      .now { flex-wrap: wrap; height: 3.4rem; }
      .now code { flex: 1 0 100%; }
      .view .cells { display: grid; grid-template-columns: repeat(8, auto); }
      .view .cells i:nth-child(8n + 9) { margin-left: 0; }
      .view .row { height: 3rem; }
      .group > #back { border-radius: 7px 0 0 7px; }
      .group > #forward { border-radius: 0 7px 7px 0; }
      .control { grid-template-columns: 3.3rem minmax(0, 1fr); }
      .control > .bits { grid-column: 1 / -1; }
      .overview { height: 44px; }
      .overview canvas { height: 40px; }
      .playhead { height: 44px; }
      .seek { flex-wrap: nowrap; overflow-x: auto; width: 100%; scrollbar-width: none; }
      .seek .group { flex: none; }
    }
    @media print { .bar { position: static; } }

    """#
}
