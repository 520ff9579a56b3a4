extension PageScript {
  /// Going from one step to another.
  static let control = #"""
    // Where the page is, and how one goes elsewhere.

    unpackAll();
    const stretches = overview.findStretches();
    const present = {
      step: 0
    };

    /// Shows a step.
    function go(step) {
      if (count === 0 || !Number.isInteger(step)) return;
      present.step = Math.min(count - 1, Math.max(0, step));
      if (!go.isDue) {
        go.isDue = true;
        requestAnimationFrame(show);
      }
    }

    function show() {
      go.isDue = false;
      const step = present.step;
      const unpacked = unpack(step);
      const state = registersAt(step);
      overview.show(step);
      listing.show(step, unpacked, state);
      registers.show(state);
      happening.show(step, unpacked, state);
      memory.show(step, unpacked);
      paging.show(step, state);
      delivery.show(step);
      story.show(step);
      ports.show(step);
      const mode = byId("mode");
      mode.textContent = `${modeNames[model.modes[step]]}, CPL ${state.before[place.get("cpl")]}`;
      mode.style.setProperty("--tone", `var(--${modeTones[model.modes[step]]})`);
      byId("text").textContent = unpacked.entry?.text ?? "(no instruction begins)";
      byId("moment").textContent = `${clock(model.times[step])} of the guest's time`;
      if (document.activeElement !== byId("position"))
        byId("position").value = String(trace.first + step);
      byId("first").disabled = byId("back").disabled = step === 0;
      byId("last").disabled = byId("forward").disabled = step === count - 1;
      later();
    }

    /// What would be too much for each picture of a film: the address of the page, and what is read
    /// aloud.
    function later() {
      clearTimeout(later.timer);
      later.timer = setTimeout(() => {
        history.replaceState(null, "", `#${trace.first + present.step}`);
        byId("spoken").textContent = `Instruction ${number(present.step)}: ${byId("text").textContent}`;
      }, 250);
    }

    const film = {
      timer: null,
      last: 0,

      toggle() {
        if (this.timer) return this.stop();
        if (present.step === count - 1) go(0);
        this.start = {time: performance.now(), step: present.step};
        this.timer = setInterval(() => this.advance(), 1000 / 30);
        this.mark(true);
      },

      advance() {
        const shown = (performance.now() - this.start.time) / 1000;
        const step = this.start.step + Math.floor(shown * Number(byId("speed").value));
        if (step !== present.step) go(step);
        if (step >= count - 1) this.stop();
      },

      stop() {
        clearInterval(this.timer);
        this.timer = null;
        this.mark(false);
      },

      mark(isPlaying) {
        byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
        byId(
          "playShape"
        ).setAttribute("d", isPlaying ? "M2 1h3.5v12H2zM8.5 1H12v12H8.5z" : "M3 1v12l9-6z");
      },
    };

    /// Somebody goes somewhere: the film ends.
    function leap(step) {
      if (film.timer) film.stop();
      go(step);
    }

    const kindNames = {
      mode: ["m", "mode", "long"],
      control: ["c", "control register", "protected"],
      exception: ["e", "exception", "exception"],
      interrupt: ["i", "interrupt", "interrupt"],
      port: ["p", "port", "port"],
      walk: ["w", "page walk", "walk"],
    };

    /// The next step of a kind, or the one before.
    function seek(kind, isBack) {
      const list = model.kinds[kind];
      const index = isBack ? upperBound(list, present.step - 1) - 1 : upperBound(list, present.step);
      if (list[index] !== undefined) leap(list[index]);
    }

    function buildSeek() {
      for (const [kind, [key, name, tone]] of Object.entries(kindNames)) {
        const total = model.kinds[kind].length;
        const back = make("button", {type: "button", title: `Previous ${name} (Shift+${key})`}, "‹");
        const forward = make("button", {type: "button", title: `Next ${name} (${key})`}, "›");
        const label = make(
          "button", {type: "button", className: "name", tone, title: `Next ${name} (${key})`}, name,
          make("small", {}, total.toLocaleString("en-US"))
        );
        back.setAttribute("aria-label", `Previous ${name}`);
        forward.setAttribute("aria-label", `Next ${name}`);
        back.addEventListener("click", () => seek(kind, true));
        forward.addEventListener("click", () => seek(kind, false));
        label.addEventListener("click", () => seek(kind, false));
        for (const button of [back, label, forward]) button.disabled = total === 0;
        byId("seek").append(make("div", {className: "group", role: "group"}, back, label, forward));
      }
    }

    const search = {
      text: null,
      steps: [],

      /// The steps whose instruction has a text, or that execute or access an address.
      find(text) {
        const wanted = text.trim().toLowerCase().replace(/\s+/g, " ");
        const address = /^(?:0x([0-9a-f]{1,16})|([0-9][0-9a-f]*)h)$/.exec(wanted);
        const found = new Set();
        if (address) {
          const value = big(address[1] ?? address[2]);
          for (const {step, kind, address: start, size} of model.accesses) {
            if (kind !== "x" && value >= start && value < start + BigInt(size)) found.add(step);
          }
          const entries = new Set(code.filter(({linear, rip}) => linear === value || rip === value));
          this.addSteps(entries, found);
        }
        const parts = address ? [new RegExp(`\\b${wanted}\\b`)] : wanted.split(" ");
        const has = (text, part) => (address ? part.test(text) : text.includes(part));
        const entries = code.filter(({text}) => parts.every((part) => has(text.toLowerCase(), part)));
        this.addSteps(new Set(entries), found);
        return [...found].sort((a, b) => a - b);
      },

      addSteps(entries, found) {
        if (entries.size === 0) return;
        trace.steps.forEach((text, step) => {
          const end = text.indexOf(" ");
          const entry = code[Number(end < 0 ? text : text.slice(0, end))];
          if (entries.has(entry)) found.add(step);
        });
      },

      run(isBack) {
        const text = byId("sought").value;
        const direct = /^#\s*([0-9,]+)$/.exec(text.trim());
        if (direct) return leap(Number(direct[1].replaceAll(",", "")) - trace.first);
        if (text.trim() === "") return this.say("");
        if (text !== this.text) this.steps = this.find(text);
        this.text = text;
        if (this.steps.length === 0) return this.say("nothing found");
        let index =
          isBack ? upperBound(this.steps, present.step - 1) - 1 : upperBound(this.steps, present.step);
        if (index < 0) index = this.steps.length - 1;
        if (index >= this.steps.length) index = 0;
        this.say(
          `${(index + 1).toLocaleString("en-US")} of ${this.steps.length.toLocaleString("en-US")}`
        );
        leap(this.steps[index]);
      },

      say(text) { byId("found").textContent = text; },

      build() {
        byId("search").addEventListener("submit", (event) => event.preventDefault());
        byId("sought").addEventListener("keydown", (event) => {
          if (event.key === "Enter") this.run(event.shiftKey);
          if (event.key === "Escape") event.target.blur();
        });
        byId("sought").addEventListener("input", () => this.say(""));
      },
    };

    function buildKeys() {
      const letters = new Map(Object.entries(kindNames).map(([kind, [key]]) => [key, kind]));
      const moves = {
        ArrowLeft: (event) => -(event.shiftKey ? 10 : 1),
        ArrowRight: (event) => (event.shiftKey ? 10 : 1),
        PageUp: () => -100,
        PageDown: () => 100,
        Home: () => -count,
        End: () => count,
      };
      document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey) return;
        const isTyping = event.target.matches?.("input:not([type=range]), select, textarea");
        if (isTyping) return;
        const kind = letters.get(event.key.toLowerCase());
        const isScroller = event.target.matches?.(".scroll") && !event.key.startsWith("Arrow");
        if (kind) seek(kind, event.shiftKey);
        else if (moves[event.key] && !isScroller) leap(present.step + moves[event.key](event));
        else if (event.key === " " && !event.target.matches?.("button")) film.toggle();
        else if (event.key === "/") byId("sought").focus();
        else return;
        event.preventDefault();
      });
    }

    const schemes = [["", "as the system"], ["light", "light"], ["dark", "dark"]];
    function buildScheme() {
      byId("scheme").addEventListener("click", () => {
        const now = schemes.findIndex(([name]) => name === (document.documentElement.dataset.scheme ?? ""));
        const [name, label] = schemes[(now + 1) % schemes.length];
        if (name) document.documentElement.dataset.scheme = name;
        else delete document.documentElement.dataset.scheme;
        byId("scheme").textContent = `Colours: ${label}`;
        overview.draw();
      });
    }

    /// The step that the address of the page names.
    function linkedStep() {
      const match = /^#(\d+)$/.exec(location.hash);
      return match ? Number(match[1]) - trace.first : 0;
    }

    function build() {
      byId("title").textContent = trace.title;
      const range = count > 0 ? `instructions ${number(0)} to ${number(count - 1)}` : "no instruction";
      byId("subtitle").textContent = `${range} · ${trace.subtitle}`;
      byId("ending").textContent = trace.ending;
      memory.notePages();
      overview.addLegend();
      overview.connect(leap);
      for (const part of [listing, memory, paging, delivery, story, ports]) part.build(leap);
      registers.build();
      buildSeek();
      search.build();
      buildKeys();
      buildScheme();
      for (const [id, by] of [["first", -count], ["back", -1], ["forward", 1], ["last", count]]) {
        byId(id).addEventListener("click", () => leap(present.step + by));
      }
      byId("play").addEventListener("click", () => film.toggle());
      byId("position").addEventListener("change", (event) => {
        const step = Number(event.target.value.replace(/[^0-9]/g, "")) - trace.first;
        event.target.blur();
        leap(step);
      });
      window.addEventListener("hashchange", () => leap(linkedStep()));
      overview.draw();
      present.step = Math.min(Math.max(0, count - 1), Math.max(0, linkedStep()));
      if (count > 0) show();
    }

    build();

    """#
}
