/* The page of one clip: the player, the strip, and buttons that name a second of the clip (data-at). */
"use strict";

(() => {
  const data = poseflow.data();
  const player = poseflow.makePlayer(document.getElementById("player"), data);
  poseflow.player = player; // for the console, and for tests
  poseflow.makeTimeline(document.getElementById("timeline"), { clock: player.clock, lanes: data.lanes });
  for (const made of document.querySelectorAll("[data-at]")) {
    made.addEventListener("click", () => {
      player.clock.pause();
      player.clock.seek(Number(made.dataset.at) - data.start);
    });
  }
})();
