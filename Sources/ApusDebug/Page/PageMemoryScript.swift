extension PageScript {
  /// Accesses and the bytes around them.
  static let memory = #"""
    // What the present instruction accesses, and the bytes around it.

    const memory = {
      /// The line at the top of the view.
      top: 0n,
      follows: true,
      rowCount: 12,

      build(go) {
        const refresh = () => go(present.step);
        byId("follow").addEventListener("click", () => {
          this.follows = !this.follows;
          byId("follow").setAttribute("aria-pressed", String(this.follows));
          refresh();
        });
        byId("address").addEventListener("change", (event) => {
          const text = event.target.value.trim().replace(/^0x/i, "").replace(/h$/i, "");
          if (!/^[0-9a-f]{1,16}$/i.test(text)) return;
          this.follows = false;
          byId("follow").setAttribute("aria-pressed", "false");
          this.top = big(text) >> 4n;
          refresh();
        });
        for (const row of Array(this.rowCount).keys()) {
          const cells = make("span", {className: "cells"});
          byId("view").append(make("div", {className: "row"}, make("span"), cells, make("span")));
          cells.dataset.row = row;
        }
      },

      show(step, unpacked) {
        const accesses = unpacked.events.filter(
                                          ({kind}) => "rwRW".includes(kind)
        ).map(({kind, parts}) => ({
                kind,
                size: Number(parts[0]),
                address: big(parts[1]),
                value: big(parts[2]),
                physical: parts[3] === undefined ? null : big(parts[3]),
              }));
        this.showTable(accesses);
        if (this.follows) this.followTo(step, accesses);
        byId("address").value = hex(this.top << 4n, 8);
        this.showBytes(step, accesses);
      },

      shownAccesses: 100,

      showTable(accesses) {
        const rows = accesses.slice(0, this.shownAccesses).map((access) => this.accessRow(access));
        if (rows.length === 0) {
          rows.push(
            make("tr", {}, make("td", {colSpan: 5, className: "none"}, "none by this instruction"))
          );
        }
        byId("accesses").replaceChildren(...rows);
      },

      accessRow({kind, size, address, value, physical}) {
        const what = "wW".includes(kind) ? "write" : "read";
        const by = "RW".includes(kind) ? " by the processor" : "";
        const where = hex(physical ?? this.physical(address));
        return make(
          "tr", {}, make("td", {}, make("span", {className: "tag", tone: what}, what + by)),
          make("td", {}, ...dimmed(address, 16)), make("td", {}, String(size)),
          make("td", {}, hex(value, size * 2)), make("td", {className: "soft"}, where)
        );
      },

      /// Where a linear address was last: accesses that moved its page say so.
      physical(address) {
        const page = address >> 12n;
        let list = this.pages.get(page);
        if (!list) return address;
        const index = upperBound(list, present.step, (entry) => entry.step) - 1;
        return index < 0 ? address : (list[index].page << 12n) | (address & 0xfffn);
      },

      /// Where pages were, by step; gathered when the page opens.
      pages: new Map(),
      notePages() {
        trace.steps.forEach((text, step) => {
          const moved = text.matchAll(/ [rwRW]\d:([0-9a-f]+):[0-9a-f]+:([0-9a-f]+)/g);
          for (const [, linear, physical] of moved) {
            const page = big(linear) >> 12n;
            if (!this.pages.has(page)) this.pages.set(page, []);
            this.pages.get(page).push({ step, page: big(physical) >> 12n });
          }
        });
      },

      /// Shows the first access, or the last one before, without moving more than needed.
      followTo(step, accesses) {
        let address = accesses.length > 0 ? accesses[0].address : null;
        for (let at = model.lastAccess[step]; address === null && at >= 0; at--) {
          if (model.accesses[at].kind !== "x") address = model.accesses[at].address;
        }
        if (address === null) address = unpack(step).entry?.linear ?? 0n;
        const line = address >> 4n;
        if (line < this.top + 1n || line > this.top + BigInt(this.rowCount - 2)) {
          this.top = line > 4n ? line - 4n : 0n;
        }
      },

      showBytes(step, accesses) {
        const touched = (address) => accesses.find(
          (access) => address >= access.address && address < access.address + BigInt(access.size)
        );
        [...byId("view").children].forEach((row, index) => {
          const line = this.top + BigInt(index);
          const bytes = lineAt(line, step);
          row.children[0].textContent = hex(line << 4n, 16).replace(/^0{8}/, "");
          const cells = row.children[1];
          const shown = bytes.map(
            (byte, offset) => this.cell(byte, touched((line << 4n) + BigInt(offset)))
          );
          cells.replaceChildren(...shown);
          row.children[2].textContent = bytes.map((byte) => {
            if (!byte) return " ";
            return byte.value >= 0x20 && byte.value < 0x7f ? String.fromCharCode(byte.value) : "·";
          }).join("");
        });
      },

      cell(byte, access) {
        const cell = make("i", {}, byte ? hex(byte.value, 2) : "··");
        if (!byte)
          cell.className = "unknown";
        else if (byte.access.kind === "x")
          cell.className = "code";
        else if ("wW".includes(byte.access.kind))
          cell.className = "written";
        if (access) cell.classList.add("wW".includes(access.kind) ? "now-written" : "now-read");
        const verbs = {r: "read", R: "read", w: "written", W: "written", x: "fetched"};
        if (byte) cell.title = `${verbs[byte.access.kind]} at ${number(byte.access.step)}`;
        return cell;
      },
    };

    """#
}
