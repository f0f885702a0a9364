/* Shared by every script of a report: the data, packed arrays, words for numbers, elements. */
"use strict";

window.poseflow = (() => {
  const UNKNOWN = { 16: -(2 ** 15), 32: -(2 ** 31) };

  const bytesOf = (base64) => {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  };

  /** What the page was built with (build_page's `data`). */
  const data = () => JSON.parse(document.getElementById("data").textContent);

  /** A flat Float64Array of what pack_array packed; NaN = not known. */
  const unpack = (packed) => {
    const view = new DataView(bytesOf(packed.base64).buffer);
    const size = packed.bits / 8;
    const values = new Float64Array(view.byteLength / size);
    for (let i = 0; i < values.length; i++) {
      const whole = size === 2 ? view.getInt16(2 * i, true) : view.getInt32(4 * i, true);
      values[i] = whole === UNKNOWN[packed.bits] ? NaN : whole * packed.step;
    }
    return values;
  };

  /** Address of a video that the page carries inside; its text is let go. */
  const videoUrl = (name) => {
    const block = document.getElementById(`video-${name}`);
    const url = URL.createObjectURL(new Blob([bytesOf(block.textContent)], { type: "video/mp4" }));
    block.remove();
    return url;
  };

  /** Index of the last of the rising `values` that is <= `value`; -1 = none. */
  const lastAtMost = (values, value) => {
    let low = 0;
    let high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };

  /** Index of the nearest of the rising `times` within `slack`; -1 = none. */
  const nearest = (times, time, slack) => {
    const before = lastAtMost(times, time);
    const candidates = [before, before + 1].filter((i) => i >= 0 && i < times.length);
    candidates.sort((a, b) => Math.abs(times[a] - time) - Math.abs(times[b] - time));
    return candidates.length && Math.abs(times[candidates[0]] - time) <= slack ? candidates[0] : -1;
  };

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  /** "4.2 s", "1:02.5". */
  const seconds = (value) => {
    if (value < 60) return `${value.toFixed(2)} s`;
    const minutes = Math.floor(value / 60);
    return `${minutes}:${(value - 60 * minutes).toFixed(1).padStart(4, "0")}`;
  };

  /** A new element; `children` are elements or plain text. */
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  /** Value of a colour of page.css, e.g. colour("ref"). */
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");

  /** Calls `draw(context, width, height)` in CSS pixels now and whenever the canvas or the colours change. */
  const keepDrawn = (canvas, draw) => {
    const context = canvas.getContext("2d");
    const redraw = () => {
      const { clientWidth: width, clientHeight: height } = canvas;
      if (!width || !height) return;
      const ratio = Math.min(window.devicePixelRatio || 1, 3);
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
      context.setTransform(w / width, 0, 0, h / height, 0, 0);
      context.clearRect(0, 0, width, height);
      draw(context, width, height);
    };
    new ResizeObserver(redraw).observe(canvas);
    scheme.addEventListener("change", redraw);
    redraw();
    return redraw;
  };

  /** Calls `jump(second)` where the page's address names one, as report.html#at=2.5 does, now and when it changes. */
  const followAddress = (jump) => {
    const follow = () => {
      const at = new URLSearchParams(location.hash.slice(1)).get("at");
      if (at !== null) jump(Number(at));
    };
    window.addEventListener("hashchange", follow);
    follow();
  };

  return {
    data, unpack, followAddress, videoUrl, lastAtMost, nearest, clamp, seconds, element, colour, keepDrawn,
    wantsStillness: () => stillness.matches,
  };
})();
