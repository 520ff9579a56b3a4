extension PageScript {
  /// The registers.
  static let registers = #"""
    // The registers after the present instruction.

    const registers = {
      rows: new Map(),
      bits: new Map(),

      build() {
        const general =
          trace.registers.slice(0, 16).map((name) => this.valueRow(name, name.toUpperCase(), 16));
        const left = make(
          "div", {},
          make(
            "table", {className: "values"},
            make("tbody", {}, ...general, this.valueRow("rip", "RIP", 16))
          )
        );
        const right = make("div", {});
        right.append(this.controlRow("rflags", "RFLAGS", 8));
        for (const name of ["cr0", "cr4", "efer"])
          right.append(this.controlRow(name, name.toUpperCase(), 8));
        const plain = make(
          "table", {className: "values"},
          make(
            "tbody", {}, this.valueRow("cr3", "CR3", 16), this.valueRow("cr2", "CR2", 16),
            this.valueRow("cpl", "CPL", 1)
          )
        );
        right.append(make("div", {className: "block"}, plain));
        byId("registers").append(left, right);
        const segments = make("div", {className: "block scroll"}, this.segmentTable());
        segments.style.gridColumn = "1 / -1";
        byId("registers").append(segments);
      },

      valueRow(name, label, digits) {
        const value = make("td", {className: "value"});
        const old = make("td", {className: "old"});
        this.rows.set(place.get(name), {value, old, digits});
        return make("tr", {}, make("th", {scope: "row"}, label), value, old);
      },

      controlRow(name, label, digits) {
        const value = make("code");
        const index = place.get(name);
        this.rows.set(index, {value, digits});
        const chips = bitNames[name].map(([position, short, long]) => {
          const title = `${short}, bit ${position}: ${long}`;
          const chip = make("span", {className: "bit", title}, short);
          return { chip, mask: 1n << BigInt(position), short };
        });
        this.bits.set(index, chips);
        const row = make(
          "div", {className: "control"}, make("b", {}, label), value,
          make("div", {className: "bits"}, ...chips.map(({chip}) => chip))
        );
        row.style.marginBottom = "0.45rem";
        return row;
      },

      segmentTable() {
        const head = [
          "", "selector", "base", "limit", "what it is"
        ].map((text) => make("th", {scope: "col"}, text));
        const body = make("tbody");
        for (const name of ["cs", "ss", "ds", "es", "fs", "gs", "ldtr", "tr"]) {
          const cells = ["selector", "base", "limit", "attributes"].map((part, column) => {
            const cell = make("td", { className: "value" });
            const row = {value: cell, digits: [4, 16, 8, 0][column], isKind: column === 3};
            this.rows.set(place.get(`${name}.${part}`), row);
            return cell;
          });
          body.append(make(
            "tr", {}, make("th", {scope: "row"}, name.toUpperCase()), ...cells,
            make("td", {className: "old"})
          ));
        }
        for (const name of ["gdtr", "idtr"]) {
          const cells = ["base", "limit"].map((part) => {
            const cell = make("td", { className: "value" });
            this.rows.set(place.get(`${name}.${part}`), { value: cell, digits: part === "base" ? 16 : 8 });
            return cell;
          });
          body.append(make(
            "tr", {}, make("th", {scope: "row"}, name.toUpperCase()), make("td"), ...cells, make("td"),
            make("td")
          ));
        }
        return make("table", {className: "values"}, make("thead", {}, make("tr", {}, ...head)), body);
      },

      show({before, after}) {
        for (const [index, row] of this.rows) {
          const value = after[index];
          const isChanged = before[index] !== value;
          if (row.isKind)
            row.value.textContent = segmentText(value);
          else
            row.value.replaceChildren(...dimmed(value, row.digits));
          row.value.classList.toggle("changed", isChanged);
          if (row.old) row.old.textContent = isChanged ? `was ${before[index].toString(16)}` : "";
        }
        for (const [index, chips] of this.bits) {
          for (const {chip, mask, short} of chips) {
            const isSet = (after[index] & mask) !== 0n;
            const isChanged = ((before[index] ^ after[index]) & mask) !== 0n;
            chip.className = `bit${isSet ? " set" : ""}${isChanged ? " changed" : ""}`;
            chip.setAttribute(
              "aria-label", `${short} ${isSet ? "set" : "clear"}${isChanged ? ", changed" : ""}`
            );
          }
        }
      },
    };

    """#
}
