/// What the page does, in JavaScript without libraries.
enum PageScript {
  /// The steps, unpacked.
  static let model = #"""
    // The model: the steps unpacked once, so that any moment can be shown at once.

    const trace = JSON.parse(document.getElementById("trace").textContent);
    const count = trace.steps.length;
    const place = new Map(trace.registers.map((name, index) => [name, index]));
    const big = (text) => BigInt("0x" + text);

    const code = trace.code.map(([linear, bytes, text, mode, rip]) => ({
                                  linear: big(linear),
                                  bytes,
                                  length: bytes.length / 2,
                                  text: trace.texts[text],
                                  mode,
                                  rip: big(rip ?? linear),
                                  times: 0,
                                  first: -1,
                                }));

    /// What a step says: its instruction, changes of registers and events.
    function unpack(step) {
      const words = trace.steps[step].split(" ");
      const entry = words[0] === "-" ? null : code[Number(words[0])];
      const unpacked = {entry, changes: [], events: [], before: entry ? 0 : Infinity, wait: 0};
      for (let index = 1; index < words.length; index++) {
        const word = words[index];
        const head = word.charCodeAt(0);
        if (head < 58)
          unpacked.changes.push(word);
        else if (head === 116)
          unpacked.wait = Number(word.slice(1));
        else if (word === "|")
          unpacked.before = unpacked.events.length;
        else
          unpacked.events.push({kind: word[0], parts: word.slice(1).split(":")});
      }
      return unpacked;
    }

    /// Brings the registers from before a step to after it; says which are not what they were.
    function apply(registers, unpacked) {
      const changed = [];
      const rip = place.get("rip");
      let jumps = false;
      for (const word of unpacked.changes) {
        const at = word.search(/[=+-]/);
        const index = Number(word.slice(0, at));
        const old = registers[index];
        const value = big(word.slice(at + 1));
        registers[index] = word[at] === "=" ? value : word[at] === "+" ? old + value : old - value;
        if (index === rip) jumps = true;
        if (registers[index] !== old) changed.push({index, old, new: registers[index]});
      }
      if (!jumps && unpacked.entry) {
        const old = registers[rip];
        registers[rip] = old + BigInt(unpacked.entry.length);
        changed.push({index: rip, old, new: registers[rip]});
      }
      return changed;
    }

    const keyInterval = 128;
    const model = {
      /// Registers before every so many steps.
      keys: [],
      /// The mode of each step, and the guest's time after it.
      modes: new Uint8Array(count),
      times: new Float64Array(count),
      /// Steps at which something of a kind happens.
      kinds: {mode: [], control: [], exception: [], interrupt: [], port: [], walk: []},
      walks: [],
      deliveries: [],
      ports: [],
      milestones: [],
      /// Accesses, and which of them touch each sixteen bytes.
      accesses: [],
      lines: new Map(),
      lastAccess: new Int32Array(count),
    };

    /// The registers before a step, and after it with what changed.
    function registersAt(step) {
      const key = Math.floor(step / keyInterval);
      const before = model.keys[key].slice();
      for (let index = key * keyInterval; index < step; index++) apply(before, unpack(index));
      const after = before.slice();
      const changed = apply(after, unpack(step));
      return {before, after, changed};
    }

    function noteAccess(step, kind, address, size, value) {
      const access = {step, kind, address, size, value};
      const number = model.accesses.push(access) - 1;
      const last = address + BigInt(size - 1);
      for (let line = address >> 4n; line <= last >> 4n; line++) {
        const known = model.lines.get(line);
        if (known)
          known.push(number);
        else
          model.lines.set(line, [number]);
      }
      return access;
    }

    function readWalk(step, parts) {
      const kind = parseInt(parts[0], 16);
      return {
        step, isWrite: (kind & 1) !== 0, isFetch: (kind & 2) !== 0, isUser: (kind & 4) !== 0,
        linear: big(parts[1]), root: big(parts[2]), rule: parseInt(parts[3], 16), physical: big(parts[4]),
        shift: parseInt(parts[5], 16),
        entries: parts.slice(6).map((text) => {
          const [level, address, value] = text.split(".");
          return { level: Number(level), address: big(address), value: big(value) };
        }),
      };
    }

    /// Gathers what belongs to a delivery: it begins with a fault or itself, and ends at its handler or
    /// with another fault.
    class DeliveryReader {
      constructor(step) {
        this.step = step;
        this.present = null;
        this.fault = null;
      }

      read({kind, parts}) {
        const present = this.present;
        if (kind === "f") {
          if (present) present.failed = true;
          this.finish();
          this.fault = {
            vector: parseInt(parts[0], 16),
            code: parseInt(parts[1], 16),
            rule: parseInt(parts[2], 16),
            address: big(parts[3]),
          };
        } else if (kind === "d") {
          this.present = {
            step: this.step,
            vector: parseInt(parts[0], 16),
            source: Number(parts[1]),
            code: parts[2] === undefined ? null : parseInt(parts[2], 16),
            fault: this.fault,
            pushes: [],
          };
          this.fault = null;
        } else if (present) {
          if (kind === "g") present.gate = parts.map(big);
          if (kind === "k")
            present.stack = {selector: parts[0], pointer: big(parts[1]), ist: Number(parts[2])};
          if (kind === "w")
            present.pushes.push({size: Number(parts[0]), address: big(parts[1]), value: big(parts[2])});
          if (kind === "h") {
            present.handler = {selector: parts[0], rip: big(parts[1]), cpl: Number(parts[2])};
            this.finish();
          }
        }
      }

      finish() {
        if (this.present)
          model.deliveries.push(this.present);
        else if (this.fault) {
          const {vector, code} = this.fault;
          model.deliveries.push(
            {step: this.step, vector, source: 0, code, fault: this.fault, pushes: [], failed: true}
          );
        }
        this.present = this.fault = null;
      }
    }

    const isException = (delivery) => delivery.source < 2;

    /// Puts a step on the list of a kind.
    function noteKind(kind, step) {
      const list = model.kinds[kind];
      if (list[list.length - 1] !== step) list.push(step);
    }

    function noteEvents(step, unpacked, paging) {
      const deliveries = new DeliveryReader(step);
      const known = model.deliveries.length;
      for (const event of unpacked.events) {
        const {kind, parts} = event;
        switch (kind) {
          case "r":
          case "w":
          case "R":
          case "W":
            event.access = noteAccess(step, kind, big(parts[1]), Number(parts[0]), big(parts[2]));
            break;
          case "i":
          case "o":
            noteKind("port", step);
            model.ports.push({
              step,
              isWrite: kind === "o",
              port: parseInt(parts[0], 16),
              width: Number(parts[1]),
              value: parseInt(parts[2], 16),
            });
            break;
          case "u":
            if (parts[2] !== "0") {
              noteAccess(step, kind, big(parts[1]), Number(big(parts[2]) - big(parts[1])) + 1, 0n);
            }
            break;
          case "v":
            noteKind("walk", step);
            model.walks.push({...readWalk(step, parts), paging});
            break;
          case "m":
            if (parts[0] !== parts[1]) noteKind("mode", step);
            break;
        }
        deliveries.read(event);
      }
      deliveries.finish();
      for (const delivery of model.deliveries.slice(known)) {
        noteKind(isException(delivery) ? "exception" : "interrupt", step);
      }
    }

    function unpackAll() {
      const registers = BigUint64Array.from(trace.initial, big);
      const controls = new Set(["cr0", "cr3", "cr4", "efer"].map((name) => place.get(name)));
      let mode = code.length > 0 ? code[0].mode : 0;
      let time = trace.time;
      for (let step = 0; step < count; step++) {
        if (step % keyInterval === 0) model.keys.push(registers.slice());
        const unpacked = unpack(step);
        const entry = unpacked.entry;
        if (entry) {
          mode = entry.mode;
          if (entry.times++ === 0) {
            entry.first = step;
            noteAccess(step, "x", entry.linear, entry.length, bytesValue(entry.bytes));
          }
        }
        model.modes[step] = mode;
        time += 1 + unpacked.wait;
        model.times[step] = time;
        noteEvents(step, unpacked, pagingKind(registers));
        model.lastAccess[step] = model.accesses.length - 1;
        const changed = apply(registers, unpacked);
        if (changed.some((change) => controls.has(change.index))) noteKind("control", step);
        noteMilestones(step, unpacked, changed, registers);
      }
    }

    /// Bytes in hexadecimal, the lowest first, as a number.
    function bytesValue(bytes) {
      let value = 0n;
      for (let at = bytes.length - 2; at >= 0; at -= 2)
        value = (value << 8n) | big(bytes.slice(at, at + 2));
      return value;
    }

    /// A byte that was written to by an access that the page leaves out.
    const lost = {};

    /// What is known of sixteen bytes after a step: of each the value and how it came there last, or
    /// nothing.
    function lineAt(line, step) {
      const bytes = new Array(16).fill(null);
      const known = model.lines.get(line);
      if (!known) return bytes;
      let missing = 16;
      for (let index = upperBound(known, model.lastAccess[step]) - 1; index >= 0 && missing > 0;
           index--) {
        const access = model.accesses[known[index]];
        const offset = Number(BigInt.asIntN(64, access.address - (line << 4n)));
        for (let byte = Math.max(0, offset); byte < Math.min(16, offset + access.size); byte++) {
          if (bytes[byte]) continue;
          const value = Number((access.value >> BigInt(8 * (byte - offset))) & 0xffn);
          bytes[byte] = access.kind === "u" ? lost : {value, access};
          missing--;
        }
      }
      return bytes.map((byte) => (byte === lost ? null : byte));
    }

    /// How many elements of an ascending list are at most `limit`.
    function upperBound(list, limit, key = (element) => element) {
      let low = 0;
      let high = list.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (key(list[middle]) <= limit)
          low = middle + 1;
        else
          high = middle;
      }
      return low;
    }

    """#
}
