extension PageScript {
  /// Page walks as pictures.
  static let paging = #"""
    // The walk of the page tables as a picture.

    /// The levels of the kinds of paging, from the top.
    const pagingLevels = {
      5: [["PML5E", "PML5", 5, 48, 9]],
      4: [["PML4E", "PML4", 4, 39, 9]],
      3: [["PDE", "page directory", 2, 21, 9], ["PTE", "page table", 1, 12, 9]],
      2: [["PDE", "page directory", 2, 22, 10], ["PTE", "page table", 1, 12, 10]],
    };
    pagingLevels[4].push(["PDPTE", "directory pointers", 3, 30, 9], ...pagingLevels[3]);
    pagingLevels[5].push(...pagingLevels[4]);
    const levelTones = {
      5: "port",
      4: "long",
      3: "compatibility",
      2: "protected",
      1: "walk"
    };
    const pageTone = "real";

    /// Which paging there is: 4 or 5 levels, 3 for PAE, 2 for 32-bit paging, 0 for none.
    function pagingKind(registers) {
      const bit = (name, position) => (registers[place.get(name)] >> BigInt(position)) & 1n;
      if (!bit("cr0", 31)) return 0;
      if (!bit("cr4", 5)) return 2;
      return bit("efer", 10) ? (bit("cr4", 12) ? 5 : 4) : 3;
    }

    const entryBits = [["P", 0], ["W", 1], ["U", 2], ["A", 5], ["D", 6], ["S", 7], ["G", 8], ["X", 63]];
    /// The bit that a failed rule asks, and the value that fails.
    const ruleBits = {
      1: ["P", 0n],
      3: ["X", 1n],
      4: ["U", 0n],
      5: ["W", 0n],
      6: ["W", 0n],
      7: ["U", 1n],
      8: ["U", 1n]
    };

    /// As those of the page's own pictures.
    const svgNamespace = document.querySelector("svg").namespaceURI;

    function draw(tag, attributes, ...children) {
      const element = document.createElementNS(svgNamespace, tag);
      for (const [name, value] of Object.entries(attributes)) {
        if (name === "tone")
          element.style.setProperty("--tone", `var(--${value})`);
        else
          element.setAttribute(name, value);
      }
      element.append(...children);
      return element;
    }
    const write = (x, y, text, attributes = {}) =>
      draw("text", {x, y, "text-anchor": "middle", ...attributes}, text);

    const paging = {
      width: 1120,
      height: 372,
      tableTop: 112,
      tableHeight: 142,
      /// Which of the walks of a step is shown.
      chosen: 0,

      build(go) {
        byId("walkBack").addEventListener("click", () => this.move(-1, go));
        byId("walkForward").addEventListener("click", () => this.move(1, go));
      },

      move(by, go) {
        const target = model.walks[this.chosen + by];
        if (!target) return;
        this.wanted = this.chosen + by;
        go(target.step);
      },

      /// The last walk up to a step; one that was asked for if it is of this step.
      choose(step) {
        const wanted = this.wanted;
        this.wanted = undefined;
        if (model.walks[wanted]?.step === step) return wanted;
        const last = upperBound(model.walks, step, (walk) => walk.step) - 1;
        // A walk that fails says more than those after it.
        let failed = last;
        while (failed >= 0 && model.walks[failed].step === step && model.walks[failed].rule === 0)
          failed--;
        return failed >= 0 && model.walks[failed].step === step ? failed : last;
      },

      show(step, {before}) {
        this.chosen = this.choose(step);
        const walk = model.walks[this.chosen];
        byId("walkBack").disabled = !(this.chosen > 0);
        byId("walkForward").disabled = !model.walks[this.chosen + 1];
        const shown = walk ? `${this.chosen} ${walk.step === step}` : `off ${pagingKind(before)}`;
        if (shown === this.shown) return;
        this.shown = shown;
        const picture = draw("svg", {viewBox: `0 0 ${this.width} ${this.height}`, role: "img"});
        if (!walk)
          this.drawNone(picture, pagingKind(before));
        else if (walk.paging in pagingLevels)
          this.drawWalk(picture, walk);
        byId("figure").replaceChildren(picture);
        this.showVerdict(step, walk, picture);
      },

      drawNone(picture, kind) {
        const text = kind === 0
          ? "Paging is off (CR0.PG = 0): the linear address is the physical address."
          : "No walk up to here: the processor knew where its pages are before the page begins.";
        picture.append(
          write(this.width / 2, this.height / 2, text, {class: "label", style: "font-size: 15px"})
        );
      },

      showVerdict(step, walk, picture) {
        if (!walk) {
          byId("walkWhen").textContent = `no walk up to here, ${model.walks.length} in all`;
          byId("verdict").replaceChildren();
          picture.setAttribute("aria-label", "No walk of the page tables up to here");
          return;
        }
        const here =
          walk.step === step ? "at this instruction" : `the last one, at ${number(walk.step)}`;
        byId("walkWhen").textContent = `walk ${this.chosen + 1} of ${model.walks.length}, ${here}`;
        const what = walk.isFetch ? "fetch" : walk.isWrite ? "write" : "read";
        const who = walk.isUser ? "user code (CPL 3)" : "the supervisor";
        const request = `A ${what} by ${who} at linear ${hex(walk.linear, 8)}:`;
        const sizes = {12: "4 KiB", 21: "2 MiB", 22: "4 MiB", 30: "1 GiB"};
        const verdict = walk.rule === 0
          ? make(
              "b", {tone: "walk"},
              `permitted; physical ${hex(walk.physical, 8)}, in a page of ${sizes[walk.shift]}`
            )
          : make("b", {tone: "exception"}, `refused: ${trace.pageRules[walk.rule]}`);
        byId("verdict").replaceChildren(make("span", {}, request), verdict);
        picture.setAttribute("aria-label", `${request} ${verdict.textContent}`);
      },

      /// The columns of a walk: root, tables, page.
      columns(walk) {
        const reached = walk.entries[walk.entries.length - 1];
        let shift = walk.rule === 0 ? walk.shift : 12;
        const level = reached && pagingLevels[walk.paging].find((each) => each[2] === reached.level);
        if (walk.rule !== 0 && level && level[3] <= 30 && (reached.value & 0x81n) === 0x81n)
          shift = level[3];
        const tables = pagingLevels[walk.paging].filter((each) => each[3] >= shift);
        const highest = walk.entries[0]?.level ?? 0;
        return {
          shift,
          tables:
            tables.map(([entry, table, number, position, bits]) => ({
                         name: entry,
                         table,
                         level: number,
                         shift: position,
                         bits,
                         index: Number((walk.linear >> BigInt(position)) & ((1n << BigInt(bits)) - 1n)),
                         entry: walk.entries.find((each) => each.level === number),
                         isKept: number > highest && highest > 0,
                         isLeaf: position === shift,
                         known: number > highest ? this.knownEntry(walk, number, position) : null,
                       })),
        };
      },

      /// What an earlier walk found in an entry that this one did not need to read.
      knownEntry(walk, level, shift) {
        for (let index = model.walks.indexOf(walk) - 1; index >= 0; index--) {
          const earlier = model.walks[index];
          const isSame = earlier.root === walk.root
            && earlier.linear >> BigInt(shift) === walk.linear >> BigInt(shift);
          const entry = isSame && earlier.entries.find((each) => each.level === level);
          if (entry) return entry;
        }
        return null;
      },

      drawWalk(picture, walk) {
        const {shift, tables} = this.columns(walk);
        const step = this.width / (tables.length + 2);
        const x = (column) => step * (column + 0.5);
        picture.append(write(
          8, 14, `linear address ${hex(walk.linear, walk.paging > 3 ? 16 : 8)}`,
          {"text-anchor": "start", class: "name"}
        ));
        this.drawRoot(picture, walk, x(0), tables[0] && x(1));
        tables.forEach((table, index) => {
          const next = index + 1 < tables.length ? x(index + 2) : null;
          this.drawTable(
            picture, walk, table, x(index + 1), next, x(tables.length + 1), tables[index + 1]
          );
        });
        this.drawPage(picture, walk, x(tables.length + 1), shift);
      },

      /// A field of the linear address: its bits, value and digits.
      drawField(parent, x, high, low, value, tone) {
        const bits = high - low + 1;
        parent.append(
          write(x, 36, high === low ? `${high}` : `${high}:${low}`, {class: "label"}),
          draw("rect", {x: x - 70, y: 42, width: 140, height: 24, rx: 5, class: "field", tone}),
          write(
            x, 58, bits > 12 ? hex(value, Math.ceil(bits / 4)) : value.toString(2).padStart(bits, "0")
          ),
          write(x, 82, bits > 12 ? "" : `${hex(value)}h = ${value}`, {class: "label"})
        );
      },

      drawRoot(picture, walk, x, next) {
        const isPAE = walk.paging === 3;
        const group = draw("g", {});
        if (walk.paging > 3) {
          const low = walk.paging === 5 ? 57 : 48;
          group.append(
            write(x, 36, `63:${low}`, {class: "label"}),
            draw("rect", {x: x - 70, y: 42, width: 140, height: 24, rx: 5, class: "box"}),
            write(x, 58, hex(walk.linear >> BigInt(low), 4)),
            write(x, 82, "copies of the bit below", {class: "label"})
          );
        }
        if (isPAE) this.drawField(group, x, 31, 30, (walk.linear >> 30n) & 3n, "port");
        const top = this.tableTop;
        group.append(
          draw("rect", {x: x - 62, y: top - 14, width: 124, height: 46, rx: 6, class: "box"}),
          write(x, top + 4, isPAE ? "PDPTE register" : "CR3", {class: "name"}),
          write(x, top + 22, hex(walk.root, 8))
        );
        picture.append(group);
        if (next) this.arrow(picture, x + 62, top + 8, next - 48, top, "soft");
      },

      /// A curve to where a table or page begins.
      arrow(parent, x, y, toX, toY, tone) {
        const middle = (x + toX) / 2;
        parent.append(
          draw(
            "path",
            {d: `M${x} ${y}C${middle} ${y} ${middle} ${toY} ${toX - 6} ${toY}`, class: "arrow", tone}
          ),
          draw("path", {d: `M${toX} ${toY}l-8 -4v8z`, class: "tip", tone})
        );
      },

      /// A line from a field down to its entry in a table.
      pointer(parent, x, y, tone) {
        parent.append(
          draw("path", {d: `M${x - 62} 67V${y}H${x - 54}`, class: "arrow", tone}),
          draw("path", {d: `M${x - 47} ${y}l-8 -4v8z`, class: "tip", tone})
        );
      },

      drawTable(picture, walk, table, x, next, page, below) {
        const {tableTop: top, tableHeight: height} = this;
        const tone = levelTones[table.level];
        const isReached = table.entry || table.isKept;
        const group = draw("g", isReached ? {} : {class: "dim"});
        this.drawField(group, x, table.shift + table.bits - 1, table.shift, BigInt(table.index), tone);
        const y = top + 16 + (table.index / ((1 << table.bits) - 1)) * (height - 26);
        this.pointer(group, x, y, tone);
        const isBad = walk.rule !== 0 && table.entry === walk.entries[walk.entries.length - 1];
        group.append(
          draw("rect", {
            x: x - 47,
            y: top,
            width: 94,
            height,
            rx: 4,
            class: "box",
            "stroke-dasharray": table.isKept ? "4 4" : "none"
          }),
          draw("rect", {
            x: x - 47,
            y: y - 7,
            width: 94,
            height: 14,
            rx: 3,
            class: table.entry && isBad ? "bad" : "slot",
            tone
          }),
          write(x, top - 6, table.table, {class: "label"}),
          write(x, top + height + 22, table.name, {class: "name"})
        );
        picture.append(group);
        if (table.entry)
          this.describe(group, walk, table, table.entry, x, isBad);
        else if (table.known)
          this.describe(group, walk, table, table.known, x, false);
        else
          group.append(write(
            x, top + height + 40, table.isKept ? "kept by the processor" : "not reached",
            {class: "label"}
          ));
        const goesOn = table.entry
          ? !(isBad && walk.rule === 1) && !(isBad && table.isLeaf && walk.rule === 2)
          : table.isKept;
        if (next && (goesOn || table.isKept) && (table.isKept || below)) {
          this.arrow(picture, x + 47, y, next - 48, top, table.isKept ? "soft" : tone);
        } else if (!next && goesOn && table.entry)
          this.arrow(picture, x + 47, y, page - 48, top, tone);
      },

      /// An entry's address, value and bits.
      describe(group, walk, table, entry, x, isBad) {
        const base = this.tableTop + this.tableHeight;
        const {address, value} = entry;
        group.append(
          write(x, base + 40, `${entry === table.entry ? "" : "kept from "}${hex(address, 8)}`, {
            class: "label"
          }),
          write(x, base + 57, hex(value, 16))
        );
        const [asked, fails] = ruleBits[walk.rule] ?? [];
        const shown = entryBits.filter(([name]) => walk.paging > 2 || name !== "X");
        const left = x - (shown.length * 17) / 2;
        shown.forEach(([name, position], index) => {
          const bit = (value >> BigInt(position)) & 1n;
          const fault = name === asked && bit === fails && (name !== "P" || isBad);
          const box = draw("rect", {
            x: left + index * 17, y: base + 66, width: 15, height: 15, rx: 3,
            class: fault ? "bad" : bit ? "on" : "off", tone: levelTones[table.level],
          });
          const colour = bit && !fault ? "in-on" : "in-off";
          group.append(box, write(left + index * 17 + 7.5, base + 77.5, name, {class: colour}));
        });
      },

      drawPage(picture, walk, x, shift) {
        const {tableTop: top, tableHeight: height} = this;
        const offset = walk.linear & ((1n << BigInt(shift)) - 1n);
        const group = draw("g", walk.rule === 0 ? {} : {class: "dim"});
        this.drawField(group, x, shift - 1, 0, offset, pageTone);
        const y = top + 16 + Number((offset * 1000n) >> BigInt(shift)) / 1000 * (height - 26);
        this.pointer(group, x, y, pageTone);
        group.append(
          draw("rect", {x: x - 47, y: top, width: 94, height, rx: 4, class: "box"}),
          draw(
            "rect", {x: x - 47, y: y - 5, width: 94, height: 10, rx: 3, class: "slot", tone: pageTone}
          ),
          write(x, top - 6, `page of ${{12: "4 KiB", 21: "2 MiB", 22: "4 MiB", 30: "1 GiB"}[shift]}`, {
            class: "label"
          }),
          write(
            x, top + height + 22, walk.rule === 0 ? "physical address" : "no access", {class: "name"}
          )
        );
        if (walk.rule === 0) {
          const frame = walk.physical - offset;
          group.append(
            write(x, top + height + 40, `${hex(frame, 8)} + ${hex(offset)}`, {class: "label"}),
            write(x, top + height + 57, hex(walk.physical, 16))
          );
        }
        picture.append(group);
      },
    };

    """#
}
