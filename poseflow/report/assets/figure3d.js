/*
 * Two canonical poses in 3D that can be turned: drag, arrows, plus and minus, 0 for the front.
 *
 *   poseflow.makeFigure3d(element, { clock, poses, skeleton })   poses: pose_data of each clip
 * -> { mark(joints) } rings joints. The people face -x, z is up, their left is -y, the pelvis is the origin.
 */
"use strict";

(() => {
  const MAX_HOLD_S = 0.1;
  const EYE = 9; // distance of the eye in torso lengths
  const SPAN = 3.8; // torso lengths that fill the height
  const MIDDLE = 0.46; // where the pelvis is, as a share of the height
  const FLOOR = -1.75; // below the pelvis, where standing feet are
  const TURN = Math.PI / 12;

  /**
   * Place of a point on screen for an eye that went `turn` radians around (0 = in front) and `tilt` up.
   * @returns [right, down, away] in torso lengths
   */
  poseflow.project3d = ([x, y, z], turn, tilt) => {
    const [c, s, ct, st] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
    const right = s * x - c * y;
    const along = c * x + s * y;
    const away = ct * along - st * z;
    const up = st * along + ct * z;
    const nearer = EYE / (EYE + away);
    return [right * nearer, -up * nearer, away];
  };

  poseflow.makeFigure3d = (root, { clock, poses: packed, skeleton }) => {
    const roles = ["ref", "query"];
    const poses = packed.map((pose) => ({ time: poseflow.unpack(pose.time), points: poseflow.unpack(pose.points) }));
    const joints = skeleton.sides.length;
    let turn = -Math.PI / 7;
    let tilt = 0.16;
    let zoom = 1;
    let isApart = false;
    let marked = [];

    const canvas = poseflow.element("canvas", {
      tabindex: "0", role: "img", class: "figure3d",
      "aria-label": "Both poses in 3D. Arrow keys turn them, plus and minus change the size, 0 shows the front.",
    });
    const words = poseflow.element("p", { class: "hint", "aria-live": "polite" });
    const view = (label, to) => {
      const made = poseflow.element("button", { type: "button" }, label);
      made.addEventListener("click", () => { [turn, tilt] = to; redraw(); });
      return made;
    };
    const apart = poseflow.element("button", { type: "button", "aria-pressed": "false" }, "Side by side");
    apart.addEventListener("click", () => {
      isApart = !isApart;
      apart.setAttribute("aria-pressed", String(isApart));
      redraw();
    });
    root.append(canvas, poseflow.element("div", { class: "controls", role: "group", "aria-label": "View in 3D" },
      view("Front", [0, 0.1]), view("Their left", [Math.PI / 2, 0.1]), view("Back", [Math.PI, 0.1]), view("Above", [0, 1.3]), apart), words);

    const poseAt = (pose, time) => {
      const row = poseflow.nearest(pose.time, time, MAX_HOLD_S);
      if (row < 0 || !Number.isFinite(pose.points[3 * row * joints])) return null;
      return Array.from({ length: joints }, (_, j) => Array.from(pose.points.slice(3 * (row * joints + j), 3 * (row * joints + j) + 3)));
    };

    const drawFloor = (context, place) => {
      context.strokeStyle = poseflow.colour("grid");
      context.lineWidth = 1;
      for (let i = -2; i <= 2; i++) {
        for (const [a, b] of [[[i / 1.5, -4 / 3, FLOOR], [i / 1.5, 4 / 3, FLOOR]], [[-4 / 3, i / 1.5, FLOOR], [4 / 3, i / 1.5, FLOOR]]]) {
          context.beginPath();
          context.moveTo(...place(a));
          context.lineTo(...place(b));
          context.stroke();
        }
      }
    };

    const drawFigure = (context, pose, place, role) => {
      const at = pose.map((point) => ({ spot: place(point), away: poseflow.project3d(point, turn, tilt)[2] }));
      const isRight = (a, b) => [skeleton.sides[a], skeleton.sides[b]].includes("right");
      const bones = skeleton.bones.map(([a, b]) => ({ a, b, away: at[a].away + at[b].away })).sort((p, q) => q.away - p.away);
      context.lineCap = "round";
      for (const { a, b } of bones) {
        context.strokeStyle = poseflow.colour(isRight(a, b) ? `${role}-soft` : role);
        context.lineWidth = 5;
        context.beginPath();
        context.moveTo(...at[a].spot);
        context.lineTo(...at[b].spot);
        context.stroke();
      }
      const head = skeleton.head;
      context.fillStyle = poseflow.colour(role);
      context.beginPath();
      context.arc(...at[head].spot, 7, 0, 2 * Math.PI);
      context.fill();
      context.strokeStyle = poseflow.colour("ink");
      context.lineWidth = 2;
      for (const joint of marked) {
        context.beginPath();
        context.arc(...at[joint].spot, 10, 0, 2 * Math.PI);
        context.stroke();
      }
    };

    const draw = (context, width, height) => {
      const scale = (zoom * Math.min(height / SPAN, (isApart ? 0.5 : 0.8) * (width / 2.6)));
      const times = clock.times();
      const found = poses.map((pose, i) => poseAt(pose, times[i]));
      const placeAt = (middle) => (point) => {
        const [right, down] = poseflow.project3d(point, turn, tilt);
        return [middle + scale * right, height * MIDDLE + scale * down];
      };
      const middles = poses.length < 2 || !isApart ? poses.map(() => width / 2) : [width * 0.27, width * 0.73];
      [...new Set(middles)].forEach((middle) => drawFloor(context, placeAt(middle)));
      found.forEach((pose, i) => pose && drawFigure(context, pose, placeAt(middles[i]), roles[i]));
      const missing = found.map((pose, i) => (pose ? "" : ["reference", "query"][i])).filter(Boolean);
      const text = missing.length ? `Not seen well enough at this moment: ${missing.join(" and ")}.` : "";
      if (words.textContent !== text) words.textContent = text;
    };
    const redraw = poseflow.keepDrawn(canvas, draw);

    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      turn -= event.movementX / 120;
      tilt = poseflow.clamp(tilt + event.movementY / 160, -1.4, 1.4);
      redraw();
    });
    canvas.addEventListener("keydown", (event) => {
      const moves = {
        ArrowLeft: () => { turn += TURN; }, ArrowRight: () => { turn -= TURN; },
        ArrowUp: () => { tilt = Math.min(tilt + TURN, 1.4); }, ArrowDown: () => { tilt = Math.max(tilt - TURN, -1.4); },
        "+": () => { zoom = Math.min(zoom * 1.2, 3); }, "-": () => { zoom = Math.max(zoom / 1.2, 0.5); },
        0: () => { [turn, tilt, zoom] = [0, 0.1, 1]; },
      };
      const move = moves[event.key === "=" ? "+" : event.key];
      if (!move || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      move();
      redraw();
    });
    clock.onChange(redraw);
    return { mark: (numbers) => { marked = numbers; redraw(); }, redraw };
  };
})();
