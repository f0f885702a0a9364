/*
 * A strip of coloured spans under a player: one row a lane, a line at the current moment.
 *
 *   poseflow.makeTimeline(element, { clock, lanes })   lanes: lanes_json(…)
 * A click seeks; the strip is one tab stop, arrows go from span to span, Enter seeks to one.
 */
"use strict";

(() => {
  const makeSpan = (span, clock) => {
    const marked = poseflow.element("button", { type: "button", class: `span span-${span.colour}`, tabindex: "-1", title: span.text, "aria-label": span.text }, span.label);
    const whole = clock.duration || 1;
    marked.style.left = `${(100 * span.start) / whole}%`;
    marked.style.setProperty("--row", span.row);
    marked.style.width = `${(100 * (span.end - span.start)) / whole}%`;
    marked.addEventListener("click", () => clock.seek(span.start));
    return marked;
  };

  /** The line at the current moment over `track`, and a pointer that seeks by dragging. */
  poseflow.addPlayhead = (track, clock) => {
    const line = poseflow.element("div", { class: "playhead", "aria-hidden": "true" });
    track.append(line);
    const place = () => { line.style.left = `${clock.duration ? (100 * clock.position) / clock.duration : 0}%`; };
    clock.onChange(place);
    place();
    const seekTo = (event) => {
      const box = track.getBoundingClientRect();
      clock.seek((clock.duration * (event.clientX - box.left)) / box.width);
    };
    track.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button") || event.button) return;
      track.setPointerCapture(event.pointerId);
      seekTo(event);
    });
    track.addEventListener("pointermove", (event) => track.hasPointerCapture(event.pointerId) && seekTo(event));
  };

  poseflow.makeTimeline = (root, { clock, lanes }) => {
    const spans = [];
    for (const lane of lanes) {
      const track = poseflow.element("div", { class: "track" });
      track.style.setProperty("--rows", 1 + Math.max(0, ...lane.spans.map(({ row }) => row)));
      for (const span of lane.spans) {
        const marked = makeSpan(span, clock);
        spans.push({ ...span, marked });
        track.append(marked);
      }
      poseflow.addPlayhead(track, clock);
      root.append(poseflow.element("div", { class: "lane", role: "group", "aria-label": lane.name }, poseflow.element("span", { class: "lane-name" }, lane.name), track));
    }
    if (!spans.length) return;
    spans[0].marked.tabIndex = 0;
    root.addEventListener("keydown", (event) => {
      const at = spans.findIndex(({ marked }) => marked === document.activeElement);
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (at < 0 || !step) return;
      event.preventDefault();
      const next = spans[poseflow.clamp(at + step, 0, spans.length - 1)].marked;
      spans[at].marked.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
    clock.onChange(() => spans.forEach(({ marked, start, end }) =>
      marked.classList.toggle("now", clock.position >= start && clock.position < end)));
  };
})();
