/* Skeletons in two dimensions, over a video or alone. */
"use strict";

(() => {
  const MAX_HOLD_S = 0.1; // a pose is drawn at moments this near to its own

  /** A clip of clip_data with its arrays unpacked. */
  poseflow.readClip = (clip) => {
    const joints = clip.sides.length;
    return { ...clip, joints, time: poseflow.unpack(clip.time), points: poseflow.unpack(clip.points) };
  };

  /** Row of the pose at `time`; -1 = the person was not seen. */
  poseflow.rowAt = (clip, time) => poseflow.nearest(clip.time, time, MAX_HOLD_S);

  /**
   * Draws the person of `clip` at `time`; limbs of the right side are lighter.
   * @param view x0, y0, x1, y1 of the source picture that fill the canvas.
   * @param colours { line, light, rim }
   * @returns whether the person was seen
   */
  poseflow.drawSkeleton = (context, width, height, clip, time, view, colours) => {
    const row = poseflow.rowAt(clip, time);
    if (row < 0) return false;
    const scale = Math.min(width / (view[2] - view[0]), height / (view[3] - view[1]));
    const left = (width - scale * (view[2] - view[0])) / 2;
    const top = (height - scale * (view[3] - view[1])) / 2;
    const place = (joint) => {
      const at = 2 * (row * clip.joints + joint);
      return [left + scale * (clip.points[at] - view[0]), top + scale * (clip.points[at + 1] - view[1])];
    };
    const places = Array.from({ length: clip.joints }, (_, joint) => place(joint));
    const isSeen = (joint) => Number.isFinite(places[joint][0] + places[joint][1]);
    const thick = poseflow.clamp(Math.sqrt(width * height) / 110, 2, 5);
    const bones = clip.bones.filter(([a, b]) => isSeen(a) && isSeen(b));
    const isRight = (...joints) => joints.every((j) => clip.sides[j] !== "left") && joints.some((j) => clip.sides[j] === "right");
    const stroke = (a, b, style, lineWidth) => {
      context.strokeStyle = style;
      context.lineWidth = lineWidth;
      context.beginPath();
      context.moveTo(...places[a]);
      context.lineTo(...places[b]);
      context.stroke();
    };
    context.lineCap = "round";
    if (clip.neck && clip.neck.every(isSeen)) { // from the nose to between the shoulders, which no bone joins
      const [, left, right] = clip.neck.map((joint) => places[joint]);
      const between = places.push([(left[0] + right[0]) / 2, (left[1] + right[1]) / 2]) - 1;
      stroke(clip.neck[0], between, colours.rim, thick + 2.5);
      stroke(clip.neck[0], between, colours.line, thick);
    }
    for (const [a, b] of bones) stroke(a, b, colours.rim, thick + 2.5);
    for (const [a, b] of bones) stroke(a, b, isRight(a, b) ? colours.light : colours.line, thick);
    for (let joint = 0; joint < clip.joints; joint++) {
      if (!isSeen(joint)) continue;
      context.beginPath();
      context.arc(...places[joint], thick * 0.85, 0, 2 * Math.PI);
      context.fillStyle = isRight(joint) ? colours.light : colours.line;
      context.strokeStyle = colours.rim;
      context.lineWidth = 1;
      context.fill();
      context.stroke();
    }
    return bones.length > 0;
  };
})();
