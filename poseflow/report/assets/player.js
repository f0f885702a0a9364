/*
 * One clip, or two side by side, with skeletons over them, and the controls.
 *
 *   const player = poseflow.makePlayer(element, { clips, path })
 * clips: clip_data, each with video: null, { inside: name } or { beside: address }, and videoStart; path: SyncPath.json()
 * -> { clock, redraw() }. Keys anywhere on the page but in fields: space, k play; comma, period a step; h half speed.
 */
"use strict";

(() => {
  const STEP_S = 1 / 30;
  const LIGHTS = ["ref", "query"];

  const makeVideo = (clip) => {
    if (!clip.video) return null;
    const video = poseflow.element("video", { muted: "", playsinline: "", preload: "auto", tabindex: "-1", "aria-hidden": "true" });
    video.muted = true;
    video.src = clip.video.inside ? poseflow.videoUrl(clip.video.inside) : clip.video.beside;
    return video;
  };

  const makeStage = (clip, number) => {
    const video = makeVideo(clip);
    const canvas = poseflow.element("canvas", { role: "img", "aria-label": `${clip.role}, ${clip.name}: the person's skeleton` });
    const picture = poseflow.element("div", { class: video ? "picture" : "picture bare" }, ...(video ? [video] : []), canvas);
    picture.style.setProperty("--aspect", (clip.view[2] - clip.view[0]) / (clip.view[3] - clip.view[1]));
    picture.classList.toggle("mirrored", clip.mirrored);
    const time = poseflow.element("span", { class: "time" });
    const head = poseflow.element("figcaption", {},
      poseflow.element("span", { class: `who who-${LIGHTS[number % 2]}` }, clip.role),
      poseflow.element("span", { class: "name", title: clip.name }, clip.name), time);
    const note = poseflow.element("p", { class: "stage-note", hidden: "" });
    const stage = poseflow.element("figure", { class: "stage" }, head, poseflow.element("div", { class: "frame" }, picture, note));
    return { video, canvas, stage, time, note, shown: null };
  };

  /** Keeps `stage.shown` the time of the picture that is really on screen, where the browser tells. */
  const watchPictures = (stage, redraw) => {
    if (!stage.video || !stage.video.requestVideoFrameCallback) return;
    const see = (_, picture) => {
      stage.shown = picture.mediaTime;
      redraw();
      stage.video.requestVideoFrameCallback(see);
    };
    stage.video.requestVideoFrameCallback(see);
  };

  const button = (label, text, extra = {}) =>
    poseflow.element("button", { type: "button", "aria-label": label, title: label, ...extra }, text);

  const makeControls = (clock, clips) => {
    const play = button("Play (space)", "▶", { class: "play" });
    const back = button("A step back (comma)", "◂");
    const on = button("A step on (period)", "▸");
    const half = button("Half speed (h)", "½×", { "aria-pressed": "false" });
    const slider = poseflow.element("input", {
      type: "range", min: "0", max: String(clock.duration), step: "any", value: "0", "aria-label": "Moment", class: "scrub",
    });
    const bar = poseflow.element("div", { class: "controls", role: "group", "aria-label": "Player" }, play, back, on, slider, half);

    const toggle = () => (clock.isPlaying ? clock.pause() : clock.play());
    const step = (sign) => {
      clock.pause();
      clock.seek(clock.position + sign * STEP_S);
    };
    const slow = () => clock.setSpeed(clock.speed === 1 ? 0.5 : 1);
    play.addEventListener("click", toggle);
    back.addEventListener("click", () => step(-1));
    on.addEventListener("click", () => step(1));
    half.addEventListener("click", slow);
    slider.addEventListener("input", () => clock.seek(slider.value));
    slider.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -30, PageUp: 30 }[event.key];
      if (!steps) return;
      event.preventDefault();
      clock.pause();
      clock.seek(clock.position + steps * STEP_S);
    });
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=range]), textarea, select")) return;
      const isOnButton = event.target.closest("button, a, summary");
      const action = { " ": isOnButton ? null : toggle, k: toggle, ",": () => step(-1), ".": () => step(1), h: slow }[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    });
    const say = () => {
      const { position } = clock;
      if (document.activeElement !== slider || clock.isPlaying || Math.abs(slider.value - position) > 0.001) slider.value = position;
      const times = clock.times();
      slider.setAttribute("aria-valuetext", clips.map((clip, i) => `${clip.role} ${poseflow.seconds(times[i])}`).join(", "));
      slider.style.setProperty("--done", `${clock.duration ? (100 * position) / clock.duration : 0}%`);
      const label = clock.isPlaying ? "Pause (space)" : "Play (space)";
      if (play.title !== label) {
        play.textContent = clock.isPlaying ? "❚❚" : "▶";
        play.title = label;
        play.setAttribute("aria-label", label);
      }
      half.setAttribute("aria-pressed", String(clock.speed !== 1));
    };
    return { bar, say };
  };

  poseflow.makePlayer = (root, { clips: packed, path }) => {
    const clips = packed.map(poseflow.readClip);
    const stages = clips.map(makeStage);
    const clock = poseflow.makeClock(path, stages.map(({ video }, i) => ({ video, videoStart: clips[i].videoStart || 0 })));
    const controls = makeControls(clock, clips);
    const row = poseflow.element("div", { class: `stages stages-${clips.length}` }, ...stages.map(({ stage }) => stage));
    const isLying = clips.every(({ view }) => view[2] - view[0] > view[3] - view[1]);
    row.classList.toggle("lying", isLying);
    root.append(row, controls.bar);

    const draw = (number) => (context, width, height) => {
      const stage = stages[number];
      const clip = clips[number];
      const time = clock.times()[number];
      const isShown = stage.video && stage.shown !== null && !stage.video.seeking;
      const shown = isShown ? stage.shown + clip.videoStart : time;
      const role = LIGHTS[number % 2];
      const colours = { line: poseflow.colour(`${role}-line`), light: poseflow.colour(`${role}-light`), rim: poseflow.colour("rim") };
      const isSeen = poseflow.drawSkeleton(context, width, height, clip, shown, clip.view, colours);
      const words = stage.video && stage.video.error ? "This browser cannot play the clip." : isSeen ? "" : "not seen at this moment";
      if (stage.note.textContent !== words) stage.note.textContent = words;
      stage.note.hidden = !words;
      stage.time.textContent = poseflow.seconds(time);
    };
    const redraws = stages.map((stage, number) => poseflow.keepDrawn(stage.canvas, draw(number)));
    const redraw = () => redraws.forEach((each) => each());
    stages.forEach((stage, number) => watchPictures(stage, redraws[number]));
    clock.onChange(() => {
      controls.say();
      redraw();
    });
    controls.say();
    return { clock, redraw };
  };
})();
