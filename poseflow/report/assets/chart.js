/*
 * A curve over the player's positions. A click or a drag on it seeks; the player's slider does the same by keyboard.
 *
 *   poseflow.makeChart(figure, { clock, curve })
 * curve: { low, high, ticks: [{ value, label }], isLog, colour, position: packed, value: packed, times: [[position, label]] }
 */
"use strict";

(() => {
  const BELOW = 18;

  poseflow.makeChart = (root, { clock, curve }) => {
    const position = poseflow.unpack(curve.position);
    const value = poseflow.unpack(curve.value);
    const scaled = (v) => (curve.isLog ? Math.log(v) : v);
    const [low, high] = [scaled(curve.low), scaled(curve.high)];
    const share = (v) => poseflow.clamp((scaled(v) - low) / (high - low), 0, 1);

    const axis = poseflow.element("div", { class: "axis", "aria-hidden": "true" });
    for (const tick of curve.ticks) {
      const label = poseflow.element("span", {}, tick.label);
      label.style.bottom = `calc(${BELOW}px + (100% - ${BELOW}px) * ${share(tick.value)})`;
      axis.append(label);
    }
    const canvas = poseflow.element("canvas", { role: "img", "aria-label": root.dataset.summary });
    const track = poseflow.element("div", { class: "track" }, canvas);
    root.append(poseflow.element("div", { class: "plot" }, axis, track));

    const draw = (context, width, height) => {
      const x = (p) => (clock.duration ? (width * p) / clock.duration : width / 2);
      const y = (v) => 3 + (1 - share(v)) * (height - BELOW - 3);
      context.lineWidth = 1;
      context.font = "12px system-ui, sans-serif";
      context.strokeStyle = poseflow.colour("grid");
      for (const tick of curve.ticks) {
        context.beginPath();
        context.moveTo(0, y(tick.value));
        context.lineTo(width, y(tick.value));
        context.stroke();
      }
      context.fillStyle = poseflow.colour("muted");
      for (const [at, label] of curve.times) {
        context.textAlign = x(at) < 20 ? "left" : x(at) > width - 20 ? "right" : "center";
        context.fillText(label, x(at), height - 4);
      }
      context.strokeStyle = poseflow.colour(curve.colour);
      context.fillStyle = context.strokeStyle;
      context.lineWidth = 2;
      context.lineJoin = "round";
      context.beginPath();
      let isDown = false;
      for (let i = 0; i < value.length; i++) {
        if (!Number.isFinite(value[i])) isDown = false;
        else {
          if (isDown) context.lineTo(x(position[i]), y(value[i]));
          else context.moveTo(x(position[i]), y(value[i]));
          isDown = true;
        }
      }
      context.stroke();
      if (value.length === 1) context.fillRect(x(0) - 2, y(value[0]) - 2, 4, 4);
    };
    poseflow.keepDrawn(canvas, draw);
    poseflow.addPlayhead(track, clock);
  };
})();
