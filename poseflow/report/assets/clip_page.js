/* The page of one clip: the player, the strip, and buttons that name a second of the clip (data-at). */
"use strict";

(() => {
  const data = poseflow.data();
  const player = poseflow.makePlayer(document.getElementById("player"), data);
  poseflow.player = player; // for the console, and for tests
  poseflow.makeTimeline(document.getElementById("timeline"), { clock: player.clock, lanes: data.lanes });
  const jump = (second) => {
    player.clock.pause();
    player.clock.seek(second - data.start);
  };
  for (const made of document.querySelectorAll("[data-at]")) {
    made.addEventListener("click", () => jump(Number(made.dataset.at)));
  }
  poseflow.followAddress(jump);
})();
