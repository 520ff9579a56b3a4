extension PageScript {
  /// The instructions around the present one.
  static let listing = #"""
    // The instructions around the present one, as executed or by address.

    const listing = {
      rows: [],
      rowCount: 17,
      byAddress: false,
      sorted: [],
      places: new Map(),

      build(go) {
        this.sorted = [...code].sort(
          (a, b) => a.linear < b.linear ? -1
            : a.linear > b.linear       ? 1
                                        : a.first - b.first
        );
        this.sorted.forEach((entry, index) => this.places.set(entry, index));
        const last = this.sorted[this.sorted.length - 1];
        byId("lines").style.setProperty("--digits", last && last.linear > 0xffffffffn ? 16 : 8);
        for (let row = 0; row < this.rowCount; row++) {
          const parts =
            ["number", "address", "text", "note"].map((name) => make("span", {className: name}));
          const dots = make("span", {className: "dots"});
          const last = make("span", {className: "note"}, parts.pop(), dots);
          last.style.display = "flex";
          last.style.gap = "0.5rem";
          const line = make("button", {className: "line", type: "button"}, ...parts, last);
          line.addEventListener("click", () => line.step >= 0 && go(line.step));
          this.rows.push(
            {line, dots, number: parts[0], address: parts[1], text: parts[2], note: last.firstChild}
          );
          byId("lines").append(line);
        }
        for (const [id, byAddress] of [["byTime", false], ["byAddress", true]]) {
          byId(id).addEventListener("click", () => {
            this.byAddress = byAddress;
            byId("byTime").setAttribute("aria-pressed", String(!byAddress));
            byId("byAddress").setAttribute("aria-pressed", String(byAddress));
            go(present.step);
          });
        }
      },

      show(step, unpacked, registers) {
        if (this.byAddress && unpacked.entry)
          this.showAddresses(step, unpacked.entry);
        else
          this.showTimes(step);
        const entry = unpacked.entry;
        byId("bytes").textContent = entry
          ? `${entry.bytes.match(/../g).join(" ")} · ${counted(entry.length, "byte")}` +
            ` · executed ${entry.times === 1 ? "once" : counted(entry.times, "time")} on this page`
          : "no instruction began: fetching it failed";
        const outcome = entry && branchOutcome(entry, registers);
        if (outcome) byId("bytes").textContent += ` · ${outcome}`;
      },

      showTimes(step) {
        const start = step - (this.rowCount >> 1);
        this.rows.forEach((row, index) => {
          const at = start + index;
          if (at < 0 || at >= count) return this.clear(row);
          const unpacked = unpack(at);
          this.fill(row, at, unpacked.entry, number(at), at === step);
          row.line.classList.remove("gap");
          row.note.textContent = "";
          const marks = this.marks(at, unpacked).map((tone) => make("i", {tone, title: tone}));
          row.dots.replaceChildren(...marks);
        });
      },

      showAddresses(step, entry) {
        const start = this.places.get(entry) - (this.rowCount >> 1);
        this.rows.forEach((row, index) => {
          const shown = this.sorted[start + index];
          if (!shown) return this.clear(row);
          const before = this.sorted[start + index - 1];
          const isCurrent = shown === entry;
          const times = `× ${shown.times.toLocaleString("en-US")}`;
          this.fill(row, isCurrent ? step : shown.first, shown, times, isCurrent);
          const follows = before && before.linear + BigInt(before.length) === shown.linear;
          row.line.classList.toggle("gap", !follows);
          row.note.textContent = shown === entry ? "" : `first at ${number(shown.first)}`;
          row.dots.replaceChildren();
        });
      },

      fill(row, step, entry, label, isCurrent) {
        row.line.step = step;
        row.line.disabled = false;
        row.line.setAttribute("aria-current", String(isCurrent));
        row.line.style.setProperty(
          "--tone", `var(--${modeTones[entry ? entry.mode : model.modes[step]]})`
        );
        row.number.textContent = label;
        row.address.textContent = entry ? hex(entry.linear, 8) : "";
        row.text.textContent = entry ? entry.text : "(no instruction)";
      },

      clear(row) {
        row.line.step = -1;
        row.line.disabled = true;
        row.line.classList.remove("gap");
        row.line.setAttribute("aria-current", "false");
        row.line.style.setProperty("--tone", "transparent");
        for (const part of [row.number, row.address, row.text, row.note]) part.textContent = "";
        row.dots.replaceChildren();
      },

      /// Which kinds of things happen at a step.
      marks(step, unpacked) {
        const kinds = new Set();
        for (const {kind, parts} of unpacked.events) {
          if (kind === "r")
            kinds.add("read");
          else if (kind === "w")
            kinds.add("write");
          else if (kind === "i" || kind === "o")
            kinds.add("port");
          else if (kind === "v")
            kinds.add("walk");
          else if (kind === "d")
            kinds.add(Number(parts[1]) < 2 ? "exception" : "interrupt");
        }
        return [...kinds];
      },
    };

    /// Whether a conditional jump was taken.
    function branchOutcome(entry, {before, after}) {
      const mnemonic = entry.text.split(" ")[0];
      if (!/^(j(?!mp)|loop)/.test(mnemonic)) return "";
      const rip = place.get("rip");
      return after[rip] === before[rip] + BigInt(entry.length) ? "not taken" : "taken";
    }

    """#
}
