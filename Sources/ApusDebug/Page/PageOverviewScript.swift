extension PageScript {
  /// The picture of the run that is its slider.
  static let overview = #"""
    // The run as a picture: modes over time, and below them where things happen. It is also the slider.

    const lanes = [
      ["exception", "exceptions"],
      ["interrupt", "interrupts"],
      ["walk", "page walks"],
      ["port", "ports"],
    ];

    const overview = {
      canvas: byId("lanes"),
      context: byId("lanes").getContext("2d"),

      /// A colour of the present scheme.
      colour(name) {
        const probe = byId("playhead");
        probe.style.color = `var(--${name})`;
        const colour = getComputedStyle(probe).color;
        probe.style.color = "";
        return colour;
      },

      draw() {
        const scale = window.devicePixelRatio || 1;
        const {clientWidth: width, clientHeight: height} = this.canvas;
        this.canvas.width = Math.round(width * scale);
        this.canvas.height = Math.round(height * scale);
        this.context.setTransform(scale, 0, 0, scale, 0, 0);
        this.context.fillStyle = this.colour("well");
        this.context.fillRect(0, 0, width, height);
        const laneHeight = Math.floor((height - 22) / lanes.length);
        this.drawModes(width, height - laneHeight * lanes.length - 2);
        lanes.forEach(([kind], index) => {
          this.drawLane(kind, width, height - laneHeight * (lanes.length - index), laneHeight);
        });
      },

      /// A step's place from the left.
      x(step, width) { return count > 1 ? (step / (count - 1)) * width : 0; },

      drawModes(width, height) {
        const colours = modeTones.map((name) => this.colour(name));
        for (const stretch of stretches) {
          const left = this.x(stretch.start, width);
          const right = Math.max(this.x(stretch.end, width), left + 1.5);
          this.context.fillStyle = colours[stretch.mode];
          this.context.fillRect(left, 0, right - left, height);
          this.context.font = "600 11px system-ui, sans-serif";
          const fits = (text) => this.context.measureText(text).width + 12 <= right - left;
          const name = [modeNames[stretch.mode], modeShort[stretch.mode]].find(fits);
          if (!name) continue;
          this.context.fillStyle = this.colour("card");
          this.context.textBaseline = "middle";
          this.context.fillText(name, left + 6, height / 2 + 0.5);
        }
      },

      /// The more happens in a column, the stronger its mark.
      drawLane(kind, width, top, height) {
        const columns = new Uint32Array(Math.ceil(width) + 1);
        for (const step of model.kinds[kind]) columns[Math.floor(this.x(step, width))]++;
        this.context.fillStyle = this.colour(kind);
        columns.forEach((steps, column) => {
          if (steps === 0) return;
          this.context.globalAlpha = Math.min(1, 0.5 + steps / 8);
          this.context.fillRect(column, top + 1, 1.5, height - 2);
        });
        this.context.globalAlpha = 1;
      },

      /// Stretches of one mode.
      findStretches() {
        const found = [];
        for (let step = 0; step < count; step++) {
          const last = found[found.length - 1];
          if (last && last.mode === model.modes[step])
            last.end = step + 1;
          else
            found.push({mode: model.modes[step], start: step, end: step + 1});
        }
        return found;
      },

      addLegend() {
        const shown = new Set(stretches.map((stretch) => modeTones[stretch.mode]));
        const groups = Object.entries(modeGroups).filter(([tone]) => shown.has(tone));
        for (const [kind, name] of [...groups, ...lanes]) {
          byId("legend").append(make("span", {tone: kind}, name));
        }
      },

      show(step) {
        byId("playhead").style.left = `${count > 1 ? (100 * step) / (count - 1) : 0}%`;
        const slider = byId("slider");
        slider.value = step;
        slider.setAttribute("aria-valuetext", `instruction ${number(step)}`);
      },

      /// The slider is invisible, above the picture: whoever points anywhere goes there.
      connect(go) {
        const area = byId("overview");
        const seek = (event) => {
          const box = area.getBoundingClientRect();
          const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
          go(Math.round(share * (count - 1)));
        };
        area.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          byId("slider").focus({ preventScroll: true });
          area.setPointerCapture(event.pointerId);
          seek(event);
        });
        area.addEventListener("pointermove", (event) => {
          if (area.hasPointerCapture(event.pointerId)) seek(event);
        });
        byId("slider").max = Math.max(0, count - 1);
        byId("slider").addEventListener("input", (event) => go(Number(event.target.value)));
        new ResizeObserver(() => this.draw()).observe(this.canvas);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
      },
    };

    """#
}
