/*
 * One clock for several clips. The position is in seconds of play; a path says at which time each clip is at each
 * position. While it plays, videos run at the path's own slope and are corrected all the time, and the clock itself waits
 * for a video that falls behind. So no video is ever off by more than a little, however slow the machine is.
 *
 *   const clock = poseflow.makeClock(path, clips)   path: SyncPath.json(); clips: [{ video, videoStart }], video or null
 *   clock.play(); clock.pause(); await clock.seek(1.5); clock.setSpeed(0.5)
 *   clock.position, clock.duration, clock.isPlaying, clock.speed, clock.times() -> seconds of each clip's source
 *   clock.onChange(() => …)   whenever the position or the state changed
 */
"use strict";

(() => {
  const AHEAD_S = 0.02; // a video further ahead of its time stands still until it is due
  const BEHIND_S = 0.02; // the clock waits for a video that is further behind
  const LOST_S = 0.25; // beyond this a video is set, not steered
  const GAIN = 5; // share of an error that is made good in a second
  const LOOK_S = 0.08; // how far ahead the path's slope is read
  const SLOWEST = 0.0625; // least rate that browsers play at
  const FASTEST = 8;

  const interpolate = (xs, ys, x) => {
    const i = poseflow.clamp(poseflow.lastAtMost(xs, x), 0, xs.length - 1);
    if (i === xs.length - 1 || x <= xs[i]) return ys[i];
    return ys[i] + ((ys[i + 1] - ys[i]) * (x - xs[i])) / (xs[i + 1] - xs[i]);
  };

  /** The last position at which a clip's time is at most `time`. */
  const lastPosition = (positions, times, time) => {
    const i = poseflow.lastAtMost(times, time);
    if (i < 0) return positions[0];
    if (i === times.length - 1) return positions[i];
    return positions[i] + ((positions[i + 1] - positions[i]) * (time - times[i])) / (times[i + 1] - times[i]);
  };

  poseflow.makeClock = (path, clips) => {
    const duration = path.position[path.position.length - 1];
    const listeners = [];
    let position = 0;
    let isPlaying = false;
    let speed = 1;
    let before = 0; // performance.now() when the position was true
    let ticking = 0;

    const timeAt = (clip, at) => interpolate(path.position, path.times[clip], at);
    const tell = () => listeners.forEach((listener) => listener());

    const tracks = clips
      .map(({ video, videoStart }, clip) => ({ video, clip, start: videoStart, wanted: null }))
      .filter(({ video }) => video);
    const mediaTime = (track, at) => {
      const end = Number.isFinite(track.video.duration) ? track.video.duration : Infinity;
      return poseflow.clamp(timeAt(track.clip, at) - track.start, 0, Math.max(0, end - 0.001));
    };
    const isReady = ({ video, wanted }) => wanted === null && !video.seeking && video.readyState >= 2;

    /** Sets a video to its time; one seek at a time, the last one wanted wins. */
    const place = (track) => {
      const time = mediaTime(track, position);
      if (track.video.readyState < 1 || track.video.seeking) track.wanted = time;
      else {
        track.wanted = null;
        if (Math.abs(track.video.currentTime - time) > 1e-4) track.video.currentTime = time;
      }
    };
    const placeAll = () => tracks.forEach(place);

    /** Moves the position on to now, but not past a video that is behind. */
    const advance = () => {
      const now = performance.now();
      if (isPlaying) {
        let next = position + (speed * (now - before)) / 1000;
        for (const track of tracks) {
          if (!isReady(track)) next = position;
          else {
            const reached = track.video.currentTime + track.start + BEHIND_S;
            if (mediaTime(track, next) > track.video.currentTime + BEHIND_S) {
              next = Math.min(next, lastPosition(path.position, path.times[track.clip], reached));
            }
          }
        }
        position = poseflow.clamp(next, position, duration);
      }
      before = now;
      return position;
    };

    const steer = (track) => {
      const { video } = track;
      if (!isReady(track)) {
        if (!video.paused) video.pause();
        return;
      }
      const due = mediaTime(track, position);
      const ahead = video.currentTime - due;
      if (Math.abs(ahead) > LOST_S) {
        place(track);
        return;
      }
      const until = Math.min(position + LOOK_S * speed, duration);
      const slope = until > position ? (timeAt(track.clip, until) - timeAt(track.clip, position)) / (until - position) : 0;
      const rate = speed * slope - GAIN * ahead;
      if (ahead > AHEAD_S || (ahead >= 0 && rate < SLOWEST) || video.ended) { // played on, an ended one would begin anew
        if (!video.paused) video.pause();
        return;
      }
      const bounded = poseflow.clamp(rate, SLOWEST, FASTEST);
      if (Math.abs(video.playbackRate - bounded) > 0.02 * bounded) video.playbackRate = bounded;
      if (video.paused) video.play().catch(() => {}); // a pause that came first is no fault
    };

    const tick = () => {
      ticking = 0;
      if (!isPlaying) return;
      advance();
      if (position >= duration) pause();
      else {
        tracks.forEach(steer);
        ticking = requestAnimationFrame(tick);
      }
      tell();
    };

    const pause = () => {
      if (isPlaying) advance();
      isPlaying = false;
      cancelAnimationFrame(ticking);
      tracks.forEach(({ video }) => video.pause());
      placeAll();
      tell();
    };

    const play = () => {
      if (isPlaying || duration <= 0) return;
      if (position >= duration) {
        position = 0;
        placeAll();
      }
      isPlaying = true;
      before = performance.now();
      ticking = requestAnimationFrame(tick);
      tell();
    };

    /** Resolves when every video shows the moment. */
    const settled = () =>
      new Promise((resolve) => {
        const look = () => (tracks.every(isReady) ? resolve() : setTimeout(look, 10));
        look();
      });

    const seek = (to) => {
      position = poseflow.clamp(Number(to) || 0, 0, duration);
      before = performance.now();
      tracks.forEach(({ video }) => video.pause());
      placeAll();
      tell();
      return settled();
    };

    for (const track of [...tracks]) {
      const resume = () => {
        if (track.wanted !== null) {
          track.wanted = null;
          place(track);
        }
        tell();
      };
      track.video.addEventListener("seeked", resume);
      track.video.addEventListener("loadedmetadata", resume);
      track.video.addEventListener("loadeddata", tell);
      track.video.addEventListener("error", () => { // the others go on without it
        tracks.splice(tracks.indexOf(track), 1);
        tell();
      });
      place(track);
    }
    document.addEventListener("visibilitychange", () => document.hidden && isPlaying && pause());

    return {
      duration, play, pause, seek, settled, timeAt,
      get position() { return advance(); },
      get isPlaying() { return isPlaying; },
      get speed() { return speed; },
      setSpeed: (value) => { advance(); speed = value; tell(); },
      /** Seconds of each clip's source that are on screen. */
      times: () => clips.map(({ video, videoStart }, clip) =>
        video && video.readyState >= 1 ? video.currentTime + videoStart : timeAt(clip, position)),
      onChange: (listener) => listeners.push(listener),
    };
  };
})();
