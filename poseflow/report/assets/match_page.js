/* The page of a match: puts the parts together. */
"use strict";

(() => {
  const data = poseflow.data();
  const find = (id) => document.getElementById(id);
  const player = poseflow.makePlayer(find("player"), data);
  const { clock } = player;
  poseflow.player = player; // for the console, and for tests

  poseflow.makeTimeline(find("timeline"), { clock, lanes: data.lanes });
  poseflow.makeChart(find("score-chart"), { clock, curve: data.curves.score });
  poseflow.makeChart(find("tempo-chart"), { clock, curve: data.curves.tempo });
  const figure = poseflow.makeFigure3d(find("figure3d"), { clock, poses: data.poses, skeleton: data.skeleton });

  const showPlayer = () => {
    const box = find("player").getBoundingClientRect();
    if (box.top >= 0 && box.bottom <= window.innerHeight) return;
    find("player").scrollIntoView({ behavior: poseflow.wantsStillness() ? "auto" : "smooth", block: "start" });
  };
  const jump = (position) => {
    clock.pause();
    clock.seek(position);
  };

  const lines = [...document.querySelectorAll("[data-line]")];
  let current = [];
  const markLines = () => {
    const { position } = clock;
    const now = lines.filter((line) => {
      const { start, end } = data.feedback[line.dataset.line];
      return position >= start - 0.001 && position <= end;
    });
    if (now.length === current.length && now.every((line, i) => line === current[i])) return;
    current = now;
    for (const line of lines) {
      if (now.includes(line)) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
    figure.mark([...new Set(now.flatMap((line) => data.feedback[line.dataset.line].joints))]);
  };
  lines.forEach((line) => line.addEventListener("click", () => { jump(data.feedback[line.dataset.line].start); showPlayer(); }));
  clock.onChange(markLines);
  markLines();

  poseflow.followAddress(jump);

  const clips = data.clips.map(poseflow.readClip);
  const roles = ["ref", "query"];
  const makeStill = (side, number) => {
    const canvas = poseflow.element("canvas", {
      role: "img", "aria-label": `${clips[number].role} at ${poseflow.seconds(side.time)}`, class: clips[number].mirrored ? "mirrored" : "",
    });
    const image = side.image ? new Image() : null;
    const redraw = poseflow.keepDrawn(canvas, (context, width, height) => {
      if (image && image.complete) context.drawImage(image, 0, 0, width, height);
      const role = roles[number];
      const colours = { line: poseflow.colour(`${role}-line`), light: poseflow.colour(`${role}-light`), rim: poseflow.colour("rim") };
      poseflow.drawSkeleton(context, width, height, clips[number], side.time, side.view, colours);
    });
    if (image) {
      image.addEventListener("load", redraw);
      image.src = side.image;
    }
    return canvas;
  };
  for (const still of data.stills) {
    const pair = poseflow.element("span", { class: "pair" }, ...still.sides.map(makeStill));
    const [ref, query] = still.sides.map((side) => poseflow.seconds(side.time));
    const made = poseflow.element("button", { type: "button", title: "Show this moment" }, pair,
      poseflow.element("span", { class: "caption" }, poseflow.element("span", { class: "who who-ref" }, ref), poseflow.element("span", { class: "who who-query" }, query)));
    made.addEventListener("click", () => { jump(still.position); showPlayer(); });
    find("stills").append(poseflow.element("li", {}, made));
  }
})();
