extension PageScript {
  /// What happens at a step, the way through the modes, ports.
  static let story = #"""
    // What happens at an instruction, the way through the modes, and ports.

    /// The steps that change what the processor is: control bits, tables, modes.
    function noteMilestones(step, unpacked, changed, registers) {
      const note = (title, text, tone) => model.milestones.push({step, title, text, tone});
      for (const {index, old, new: value} of changed) {
        const name = trace.registers[index];
        for (const [position, bit, text] of (name === "rflags" ? [] : bitNames[name] ?? [])) {
          const isSet = (value >> BigInt(position)) & 1n;
          if (((old ^ value) >> BigInt(position)) & 1n) {
            note(`${name.toUpperCase()}.${bit} ${isSet ? "0 → 1" : "1 → 0"}`, text, null);
          }
        }
        if (name === "gdtr.base") note("LGDT", `the descriptor table is at ${hex(value, 8)}`, null);
        if (name === "idtr.base")
          note("LIDT", `the interrupt descriptor table is at ${hex(value, 8)}`, null);
        if (name === "tr.base")
          note("LTR", `the task state is at ${hex(value, 8)}: stacks for interrupts`, null);
        const isOff = pagingKind(registers) === 0;
        if (name === "cr3" && isOff)
          note("CR3 is loaded", `the top page table will be at ${hex(value, 8)}`, null);
        if (name === "cr3" && !isOff && !noteMilestones.hasRoot) {
          noteMilestones.hasRoot = true;
          note(
            "CR3 is loaded", `other page tables, at ${hex(value, 8)} (the first time with paging on)`,
            null
          );
        }
      }
      for (const {kind, parts} of unpacked.events) {
        if (kind !== "m" || parts[0] === parts[1]) continue;
        const [from, to] = parts.map((part) => parseInt(part, 16));
        note(
          modeNames[to], `from ${modeNames[from]}, by ${unpacked.entry?.text ?? "an event"}`,
          modeTones[to]
        );
      }
    }

    const story = {
      shownRows: 60,

      build(go) {
        const start = {
          step: 0,
          title: modeNames[model.modes[0]],
          text: "where this stretch begins",
          tone: modeTones[model.modes[0]]
        };
        model.milestones.unshift(start);
        byId("storyCount").textContent = counted(model.kinds.mode.length, "change") + " of mode";
        byId("story").addEventListener("click", (event) => {
          const button = event.target.closest("button");
          if (button) go(button.step);
        });
        this.strip = stretches.slice(0, 40).map((stretch) => {
          const {mode} = stretch;
          const title = `${modeNames[mode]}, from ${number(stretch.start)} on`;
          const button =
            make("button", {type: "button", title, tone: modeTones[mode]}, modeShort[mode]);
          button.style.flex = `1 1 ${Math.log2(stretch.end - stretch.start + 1)}rem`;
          button.addEventListener("click", () => go(stretch.start));
          return button;
        });
        byId("strip").classList.toggle("crowded", this.strip.length > 12);
        byId("strip").append(...this.strip);
      },

      show(step) {
        this.strip.forEach((button, index) => {
          const { start, end } = stretches[index];
          button.setAttribute("aria-current", String(step >= start && step < end));
        });
        const last = upperBound(model.milestones, step, (each) => each.step) - 1;
        if (last === this.last) return;
        this.last = last;
        const first =
          Math.max(0, Math.min(last - (this.shownRows >> 1), model.milestones.length - this.shownRows));
        const rows = model.milestones.slice(first, first + this.shownRows).map((each, index) => {
          const button = make("button", { type: "button", className: each.step > step ? "ahead" : "" },
            make("span", { className: "number" }, number(each.step)),
            make("span", { className: "mark", ...(each.tone ? { tone: each.tone } : {}) }),
            make("span", {}, make("b", {}, each.title), make("small", {}, each.text)));
          button.step = each.step;
          button.setAttribute("aria-current", String(first + index === last));
          return make("li", {}, button);
        });
        byId("story").replaceChildren(...rows);
        const current = byId("story").children[last - first];
        if (current) byId("story").scrollTop = current.offsetTop - byId("story").clientHeight / 2;
      },
    };

    const happening = {
      shownEvents: 100,

      show(step, unpacked, state) {
        const items = [];
        const {events, before} = unpacked;
        events.slice(0, this.shownEvents).forEach((event, index) => {
          if (index === before && index > 0) {
            items.push(this.item("then", "the instruction begins", null, "begin"));
          }
          const item = this.describe(event);
          if (item) items.push(item);
        });
        const hidden = events.length - this.shownEvents;
        if (hidden > 0) items.push(this.item("more", `${hidden.toLocaleString("en-US")} events`));
        if (unpacked.entry) items.push(...this.changes(state));
        if (unpacked.wait > 0) items.push(this.item("time", this.waiting(unpacked)));
        const count = items.length;
        byId("happeningCount").textContent = count === 0 ? "" : `${counted(count, "thing")}, in order`;
        byId("happening")
          .replaceChildren(
            count > 0
              ? make("ol", {}, ...items)
              : make("p", {className: "none"}, "Nothing but that the instruction pointer goes on.")
          );
        byId("happening").scrollTop = 0;
      },

      waiting(unpacked) {
        const time = clock(unpacked.wait);
        if (unpacked.events.some(({kind}) => kind === "i" || kind === "o"))
          return `${time} pass until the device answers`;
        return `${time} pass in which the processor is halted`;
      },

      item(name, text, tone, className = "") {
        return make(
          "li", {className, ...(tone ? {tone} : {})}, make("b", {}, name), make("span", {}, text)
        );
      },

      /// An event in a sentence; nothing for those that others tell.
      describe({kind, parts}) {
        const value = (index) => hex(big(parts[index]), 1);
        switch (kind) {
          case "r":
            return this.item(
              "read", `${counted(Number(parts[0]), "byte")} at ${value(1)}: ${value(2)}`, "read"
            );
          case "w":
            return this.item(
              "write", `${counted(Number(parts[0]), "byte")} at ${value(1)}: ${value(2)}`, "write"
            );
          case "R":
            return this.item(
              "read", `by the processor, ${parts[0]} bytes at ${value(1)}: ${value(2)}`, "read"
            );
          case "W":
            return this.item(
              "write", `by the processor, ${parts[0]} bytes at ${value(1)}: ${value(2)}`, "write"
            );
          case "i":
            return this.item(
              "port", `${parts[0]}h (${portName(parseInt(parts[0], 16))}) gives ${value(2)}`, "port"
            );
          case "o":
            return this.item(
              "port",
              `${parts[0]}h (${portName(parseInt(parts[0], 16))}) takes ${value(2)}${printable(parts)}`,
              "port"
            );
          case "v":
            return this.walk(parts);
          case "e":
            return this.item(
              "descriptor", `selector ${parts[0]}: ${descriptorText(big(parts[2]))}, at ${value(1)}`
            );
          case "f":
            return this.fault(parts);
          case "d":
            return this.item(
              Number(parts[1]) < 2 ? "exception" : "interrupt", `${vectorName({
                vector: parseInt(parts[0], 16),
                source: Number(parts[1])
              })[0]} is delivered: ${trace.sources[Number(parts[1])]}`,
              Number(parts[1]) < 2 ? "exception" : "interrupt"
            );
          case "g":
            return this.item("gate", `at ${value(0)}: ${gateParts(parts.map(big)).kind}`);
          case "k":
            return this.item(
              "stack",
              `switches to ${parts[0]}:${value(1)}${parts[2] === "0" ? "" : ` (IST ${parts[2]})`}`
            );
          case "h":
            return this.item("handler", `at ${parts[0]}:${value(1)}, CPL ${parts[2]}`);
          case "m":
            return this.mode(parts.map((part) => parseInt(part, 16)));
          case "u":
            return this.item("more", `${parseInt(parts[0], 16)} accesses that the page leaves out`);
          case "x":
            return this.item("task", `switch from ${parts[1]} to ${parts[0]}`);
        }
        return null;
      },

      walk(parts) {
        const rule = parseInt(parts[3], 16);
        const result =
          rule === 0 ? `physical ${hex(big(parts[4]))}` : `refused: ${trace.pageRules[rule]}`;
        return this.item(
          "page walk", `for linear ${hex(big(parts[1]))}: ${result}`, rule === 0 ? "walk" : "exception"
        );
      },

      fault(parts) {
        const vector = parseInt(parts[0], 16);
        const [short, long] = vectorNames[vector] ?? ["", ""];
        const rule = trace.rules[parseInt(parts[2], 16)];
        const text = `${short} (${long}), error code ${errorText(vector, parseInt(parts[1], 16))}${
          rule ? `: ${rule}` : ""}`;
        return this.item("exception", text, "exception");
      },

      mode([from, to, fromLevel, toLevel]) {
        if (from !== to)
          return this.item("mode", `${modeNames[from]} → ${modeNames[to]}`, modeTones[to]);
        return this.item("privilege", `CPL ${fromLevel} → ${toLevel}`);
      },

      changes({changed}) {
        const shown = changed.filter(({index}) => index !== place.get("rip"));
        return shown.map(({index, old, new: value}) => {
          const [register, part = ""] = trace.registers[index].split(".");
          const bit = (number, position) => (number >> BigInt(position)) & 1n;
          const bits = (bitNames[register] ?? [])
            .filter(([position]) => bit(old ^ value, position))
            .map(([position, short]) => `${short}=${bit(value, position)}`);
          const isKind = part === "attributes";
          const numbers = isKind ? segmentText(value) : `${hex(old)} → ${hex(value)}`;
          const name = `${register.toUpperCase()} ${isKind ? "" : part}`;
          return this.item(name, bits.length > 0 ? bits.join(" ") : numbers);
        });
      },
    };

    /// The character that a port takes, if it is a serial port and the byte is one.
    function printable(parts) {
      const byte = parseInt(parts[2], 16);
      return parts[0] === "3f8" && byte >= 0x20 && byte < 0x7f ? ` ‘${String.fromCharCode(byte)}’` : "";
    }

    /// A descriptor of a table.
    function descriptorText(low) {
      const field = (shift, bits) => (low >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n);
      const base = field(16, 24) | (field(56, 8) << 24n);
      const attributes = field(40, 8) | (field(52, 4) << 12n);
      return `${segmentText(attributes)}, base ${hex(base)}`;
    }

    const ports = {
      shownRows: 24,

      build(go) {
        byId("ports").addEventListener("click", (event) => {
          const row = event.target.closest("tr[data-step]");
          if (row) go(Number(row.dataset.step));
        });
        this.sent = model.ports.filter(({port, isWrite}) => port === 0x3f8 && isWrite);
        let text = "";
        for (const {value} of this.sent) {
          const byte = value & 0xff;
          text += byte === 10 || (byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(byte)
            : byte === 13                                      ? "\r"
                                                               : "·";
        }
        this.text = text;
      },

      show(step) {
        const last = upperBound(model.ports, step, (each) => each.step) - 1;
        const shown = `${last} ${model.ports[last]?.step === step}`;
        if (shown === this.shown) return;
        this.shown = shown;
        byId("portCount").textContent = `${last + 1} of ${model.ports.length} accesses up to here`;
        const first =
          Math.max(0, Math.min(last - (this.shownRows >> 1), model.ports.length - this.shownRows));
        const rows = model.ports.slice(first, first + this.shownRows).map((each, index) => {
          const [what, tone] = each.isWrite ? ["OUT", "write"] : ["IN", "read"];
          const row = make(
            "tr", {},
            make("td", {}, number(each.step)),
            make("td", {}, make("span", {className: "tag", tone}, what)),
            make("td", {}, `${hex(each.port)}h`),
            make("td", {}, hex(each.value, each.width * 2)),
            make("td", {className: "soft"}, portName(each.port))
          );
          row.dataset.step = each.step;
          row.setAttribute("aria-current", String(each.step === step));
          row.isLast = first + index === last;
          return row;
        });
        byId("ports").replaceChildren(...rows);
        const current = rows.find((row) => row.isLast);
        const box = byId("ports").closest(".ports");
        box.scrollTop = current ? current.offsetTop - box.clientHeight / 2 : 0;
        const output = byId("output");
        output.textContent =
          this.text.slice(0, upperBound(this.sent, step, (each) => each.step)).replaceAll("\r", "");
        output.scrollTop = output.scrollHeight;
      },
    };

    """#
}
