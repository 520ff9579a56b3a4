extension PageScript {
  /// Interrupts and exceptions.
  static let delivery = #"""
    // Interrupts and exceptions on their way through the IDT.

    const delivery = {
      shownRows: 40,

      build(go) {
        byId("deliveries")
          .closest(".deliveries")
          .classList.toggle("empty", model.deliveries.length === 0);
        byId("deliveries").addEventListener("click", (event) => {
          const row = event.target.closest("tr[data-step]");
          if (row) go(Number(row.dataset.step));
        });
      },

      show(step) {
        const last = upperBound(model.deliveries, step, (each) => each.step) - 1;
        const all = model.deliveries.length;
        const shown = `${last} ${model.deliveries[last]?.step === step}`;
        if (shown === this.shown) return;
        this.shown = shown;
        byId("deliveryCount").textContent =
          all === 0 ? "none in this stretch" : `${last + 1} of ${all} up to here`;
        this.showList(step, last);
        const stations = last < 0
          ? [make(
              "p", {className: "none"},
              all === 0 ? "Nothing interrupts the guest in this stretch."
                        : `The first comes at ${number(model.deliveries[0].step)}.`
            )]
          : this.stations(model.deliveries[last], step);
        byId("delivery").replaceChildren(...stations);
      },

      showList(step, last) {
        const start =
          Math.max(0, Math.min(last - (this.shownRows >> 1), model.deliveries.length - this.shownRows));
        const rows = model.deliveries.slice(start, start + this.shownRows).map((each, index) => {
          const [short, long] = vectorName(each);
          const tone = isException(each) ? "exception" : "interrupt";
          const row = make("tr", {title: long},
            make("td", {}, number(each.step)),
            make("td", {}, make("span", {className: "tag", tone}, short)),
            make("td", {}, trace.sources[each.source].replace(" interrupt", "")),
            make("td", {}, each.handler ? hex(each.handler.rip, 4) : "failed"));
          row.dataset.step = each.step;
          row.setAttribute("aria-current", String(start + index === last));
          return row;
        });
        byId("deliveries").replaceChildren(...rows);
        const current = byId("deliveries").children[last - start];
        const box = byId("deliveries").closest(".list");
        if (current)
          box.scrollTop = current.offsetTop - box.clientHeight / 2;
        else
          box.scrollTop = 0;
      },

      station(title, tone, rows, className = "station") {
        const list = make("dl");
        for (const [name, value] of rows) {
          if (value !== null && value !== undefined && value !== "")
            list.append(make("dt", {}, name), make("dd", {}, value));
        }
        return make("div", {className, tone}, make("h3", {}, title), list);
      },

      stations(each, step) {
        const tone = isException(each) ? "exception" : "interrupt";
        const [short, long] = vectorName(each);
        const fault = each.fault;
        const code = each.code ?? null;
        const found = [this.station("1. The event", tone, [
          ["at", each.step === step ? `${number(each.step)}, here` : number(each.step)],
          ["vector", `${hex(each.vector, 2)}h ${short.startsWith("vector") ? "" : short}`],
          ["what", long],
          ["source", trace.sources[each.source]],
          ["error code", code === null ? null : errorText(each.vector, code)],
          ["CR2", each.vector === 14 && fault ? hex(fault.address, 8) : null],
          ["because", fault && trace.rules[fault.rule]],
        ])];
        if (each.gate) found.push(this.gateStation(each, tone));
        found.push(this.stackStation(each, tone));
        if (each.handler) {
          found.push(this.station("4. The handler", tone, [
            ["CS", `${each.handler.selector.padStart(4, "0")}, CPL ${each.handler.cpl}`],
            ["RIP", hex(each.handler.rip, 8)],
            ["IRET", "takes the frame back"],
          ]));
        }
        if (each.failed) {
          found.push(this.station(
            "It fails", "exception",
            [
              ["", ""],
              [
                "then",
                "another exception is raised instead; after a double fault, the processor shuts down"
              ],
            ],
            "station failed"
          ));
        }
        return found;
      },

      gateStation(each, tone) {
        const gate = gateParts(each.gate);
        return this.station(`2. Its gate`, tone, [
          ["at", hex(each.gate[0], 8)],
          ["kind", gate.kind],
          ["to", `${hex(gate.selector, 4)}:${hex(gate.offset, 4)}`],
          ["DPL", gate.dpl],
          ["IST", gate.ist],
          ["P", gate.isPresent === false ? "0, not present" : null],
        ]);
      },

      stackStation(each, tone) {
        const stack = each.stack;
        const ist = stack?.ist ? `, from IST ${stack.ist}` : ", from the TSS";
        const rows = [[
          "stack",
          stack ? `another, SS ${stack.selector}, SP ${hex(stack.pointer, 8)}${ist}` : "the same"
        ]];
        const pushes = [...each.pushes].sort((a, b) => (a.address < b.address ? 1 : -1));
        const names =
          this.frameNames(pushes, each.code !== null && each.code !== undefined && pushes.length > 3);
        pushes.forEach((push, index) => {
          const where = make("small", {}, ` at ${hex(push.address, 4)}`);
          rows.push([names[index] ?? "", make("span", {}, hex(push.value), where)]);
        });
        return this.station("3. The frame it pushes", tone, rows, "station wide");
      },

      /// What the frame's words are, the highest first.
      frameNames(pushes, hasCode) {
        const prefix = {8: "R", 4: "E", 2: ""}[pushes[0]?.size] ?? "";
        const names =
          ["GS", "FS", "DS", "ES", "SS", `${prefix}SP`, `${prefix}FLAGS`, "CS", `${prefix}IP`];
        const words = pushes.length - (hasCode ? 1 : 0);
        return [...names.slice(Math.max(0, names.length - words)), ...(hasCode ? ["error"] : [])];
      },
    };

    """#
}
