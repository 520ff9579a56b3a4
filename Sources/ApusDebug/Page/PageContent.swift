extension TracePage {
  /// What the page has before the script fills it.
  static let content = #"""
    <body>
    <noscript><p>This page needs JavaScript, which it brings along.</p></noscript>
    <header class="top">
      <div>
        <p class="eyebrow">Apus trace</p>
        <h1 id="title"></h1>
        <p class="soft" id="subtitle"></p>
        <div class="legend" id="legend" aria-hidden="true"></div>
      </div>
      <button id="scheme" type="button">Colours: as the system</button>
    </header>

    <div class="bar" role="region" aria-label="Where in the run">
      <div class="overview" id="overview">
        <canvas id="lanes" aria-hidden="true"></canvas>
        <input class="slider" id="slider" type="range" min="0" step="1" value="0" aria-label="Instruction">
        <div class="playhead" id="playhead"></div>
      </div>
      <div class="controls">
        <div class="group" role="group" aria-label="Steps">
          <button id="first" type="button" title="First instruction (Home)" aria-label="First instruction">
            <svg viewBox="0 0 14 14"><path d="M1 1h2v12H1zM13 1v12L4 7z"/></svg></button>
          <button id="back" type="button" title="Back (left arrow)" aria-label="Back by one">
            <svg viewBox="0 0 14 14"><path d="M11 1v12L2 7z"/></svg></button>
          <button id="play" type="button" title="Play (space)" aria-label="Play">
            <svg viewBox="0 0 14 14"><path id="playShape" d="M3 1v12l9-6z"/></svg></button>
          <button id="forward" type="button" title="Forward (right arrow)" aria-label="Forward by one">
            <svg viewBox="0 0 14 14"><path d="M3 1v12l9-6z"/></svg></button>
          <button id="last" type="button" title="Last instruction (End)" aria-label="Last instruction">
            <svg viewBox="0 0 14 14"><path d="M11 1h2v12h-2zM1 1v12l9-6z"/></svg></button>
        </div>
        <label class="speed"><span class="unseen">Speed of playing</span>
          <select id="speed" title="Instructions in a second, when it plays">
            <option value="2">2 a second</option>
            <option value="10" selected>10 a second</option>
            <option value="60">60 a second</option>
            <option value="600">600 a second</option>
          </select></label>
        <label><span class="unseen">Go to instruction</span>
          <input id="position" inputmode="numeric" autocomplete="off" spellcheck="false"
            title="Go to an instruction by its number"></label>
        <div class="now"><span class="mode" id="mode"></span><code id="text"></code></div>
        <span class="moment" id="moment"></span>
      </div>
      <div class="unseen" id="spoken" role="status" aria-live="polite"></div>
    </div>

    <div class="tools">
      <div class="seek" id="seek" role="group" aria-label="Go to the next of a kind"></div>
      <form class="search" id="search" role="search">
        <input id="sought" type="search" autocomplete="off" spellcheck="false"
          placeholder="Search: mov cr0, 0x7c00, #1234" aria-label="Search instructions and addresses">
        <output id="found" for="sought"></output>
      </form>
    </div>

    <main class="cards">
      <div class="stack span5">
      <section class="card" aria-labelledby="listingTitle">
        <header><h2 id="listingTitle">Instructions</h2>
          <button id="byTime" type="button" aria-pressed="true">as executed</button>
          <button id="byAddress" type="button" aria-pressed="false">by address</button></header>
        <div class="lines" id="lines"></div>
        <div class="bytes" id="bytes"></div>
      </section>

      <section class="card fill" aria-labelledby="happeningTitle">
        <header><h2 id="happeningTitle">What happens here</h2><p id="happeningCount"></p></header>
        <div class="happening scroll" id="happening" tabindex="0" role="region"
          aria-labelledby="happeningTitle"></div>
      </section>
      </div>

      <section class="card span7" aria-labelledby="registersTitle">
        <header><h2 id="registersTitle">Registers</h2>
          <p>after the instruction; what it changed is marked</p></header>
        <div class="registers" id="registers"></div>
      </section>

      <section class="card span7" aria-labelledby="memoryTitle">
        <header><h2 id="memoryTitle">Memory</h2>
          <button id="follow" type="button" aria-pressed="true">follow the accesses</button>
          <label><span class="unseen">Linear address</span>
            <input id="address" class="mono" size="17" autocomplete="off" spellcheck="false"
              title="Linear address to look at"></label></header>
        <div class="access scroll" tabindex="0" role="region" aria-label="Accesses of this instruction">
          <table class="plain"><thead><tr><th>access</th><th>linear address</th><th>bytes</th><th>value</th>
            <th>physical</th></tr></thead><tbody id="accesses"></tbody></table></div>
        <div class="view scroll" id="view"></div>
        <p class="key">Bytes as accesses up to here showed them, by linear address:
          <span style="color: var(--write)">written</span>, read,
          <span class="soft">fetched as code</span>; · · nobody has touched yet.</p>
      </section>

      <section class="card span5" aria-labelledby="storyTitle">
        <header><h2 id="storyTitle">The way through the modes</h2><p id="storyCount"></p></header>
        <div class="strip" id="strip"></div>
        <ol class="steps scroll" id="story" tabindex="0"></ol>
      </section>

      <section class="card" aria-labelledby="pagingTitle">
        <header><h2 id="pagingTitle">Paging</h2><p id="walkWhen"></p>
          <button id="walkBack" type="button">previous walk</button>
          <button id="walkForward" type="button">next walk</button></header>
        <div class="figure" id="figure"></div>
        <div class="verdict" id="verdict"></div>
        <p class="key">P present · W writable · U user · A accessed · D dirty · S maps a large page ·
          G global · X no execution. What the processor keeps in its TLB needs no walk; what it keeps of upper
          levels is drawn dashed.</p>
      </section>

      <section class="card" aria-labelledby="deliveryTitle">
        <header><h2 id="deliveryTitle">Interrupts and exceptions</h2><p id="deliveryCount"></p></header>
        <div class="deliveries">
          <div class="list scroll" tabindex="0" role="region" aria-label="Interrupts and exceptions">
            <table class="plain">
              <thead><tr><th>at</th><th>vector</th><th>source</th><th>handler</th></tr></thead>
              <tbody id="deliveries"></tbody></table></div>
          <div class="way" id="delivery"></div>
        </div>
      </section>

      <section class="card" aria-labelledby="portsTitle">
        <header><h2 id="portsTitle">Ports</h2><p id="portCount"></p></header>
        <div class="twain">
          <div class="ports scroll" tabindex="0" role="region" aria-label="Accesses to ports">
          <table class="plain">
            <thead><tr><th>at</th><th></th><th>port</th><th>value</th><th>device</th></tr></thead>
            <tbody id="ports"></tbody></table></div>
          <div><h3>Sent to the first serial port up to here</h3>
            <pre class="output scroll" id="output" tabindex="0"></pre></div></div>
      </section>
    </main>
    <footer>
      <p><kbd>←</kbd> <kbd>→</kbd> one instruction, with <kbd>Shift</kbd> ten, <kbd>Page Up</kbd>
        <kbd>Page Down</kbd> a hundred; <kbd>space</kbd> plays; <kbd>/</kbd> searches;
        <kbd>m</kbd> <kbd>c</kbd> <kbd>e</kbd> <kbd>i</kbd> <kbd>p</kbd> <kbd>w</kbd> go to the next change of
        mode, control register, exception, interrupt, port access, page walk, with <kbd>Shift</kbd> to the one
        before.</p>
      <p id="ending"></p>
    </footer>

    """#
}
