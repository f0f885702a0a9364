"""Feedback in words: what differs, where, by how much; the query's own sides are named."""

from __future__ import annotations

from collections.abc import Sequence

from poseflow.feedback_records import Feedback, FeedbackLine
from poseflow.joint_angles import Angle

CAMERA_NOTE = "lean and facing take both cameras to stand upright and level; facing tells turns, not where one stands"
NOTHING = "nothing stands out: no difference of a joint is large and sure enough to be told"
OTHER_MOVEMENT = (
    "no single joint explains so low a score: the poses differ throughout, or these are two different movements"
)
LOW_SCORE = 40.0
"""Below it lie few pairs of one movement: a quarter of those of two competent people score under 49."""
NOT_SEEN = "not judged: a person was not seen, or only in part"
NOT_SURE = "not judged: the pose cannot be told surely from these pictures"


def line_text(angle: Angle, delta_deg: float, start_s: float, end_s: float, *, is_mirrored: bool) -> str:
    """E.g. ``4.2-5.6 s: right elbow 24° more bent than the reference``.

    Args:
        angle: Which one, of the reference's side.
        delta_deg: Query - reference.
        start_s: In the query's time.
        end_s: Likewise.
        is_mirrored: Whether the query was compared as its mirror image: her left side does what the reference's
            right one does, and is named.
    """
    words = angle.more if delta_deg > 0 else angle.less
    name = angle.joint.replace("_", " ")
    if is_mirrored:
        name, words = _exchanged(name), _exchanged(words)
    what = _of_joint(name, round(abs(delta_deg)), words)
    other = ""
    if is_mirrored and name != angle.joint.replace("_", " "):
        other = f"'s {angle.joint.split('_')[0]} one"
    return f"{span_text(start_s, end_s)}: {what} than the reference{other}"


def span_text(start_s: float, end_s: float) -> str:
    """Seconds, e.g. ``4.2-5.6 s``."""
    return f"{start_s:.1f}-{end_s:.1f} s"


def not_judged_text(start_s: float, end_s: float, joint: str | None, *, is_seen: bool, is_mirrored: bool) -> str:
    """E.g. ``1.0-2.0 s: right elbow not judged: ...``."""
    name = "" if joint is None else joint.replace("_", " ") + " "
    why = NOT_SURE if is_seen else NOT_SEEN
    return f"{span_text(start_s, end_s)}: {_exchanged(name) if is_mirrored else name}{why}"


def nothing_text(score: float) -> str:
    """What to say of a match of this score where no joint stands out."""
    return NOTHING if score >= LOW_SCORE else OTHER_MOVEMENT


def feedback_rows(feedback: Feedback, *, score: float) -> list[tuple[str, str, str]]:
    """What `poseflow match` prints of it: name, figure, meaning; `score` is that of the match."""
    if not feedback.joints or all(row.judged == 0 for row in feedback.joints):
        texts: Sequence[str] = ["no joint could be judged: " + NOT_SEEN.removeprefix("not judged: ")]
    else:
        texts = [line.text for line in feedback.lines] or [nothing_text(score)]
    rows = [("feedback" if number == 0 else "", "", text) for number, text in enumerate(texts)]
    if feedback.more_lines:
        rows.append(("", "", f"and {feedback.more_lines} smaller ones"))
    rows += [("", "", span.text) for span in feedback.not_judged]
    if any(_is_of_root(line) for line in feedback.lines):
        rows += [("", "", note) for note in feedback.notes]
    return rows


def _is_of_root(line: FeedbackLine) -> bool:
    return line.joint in ("lean", "facing")


def _of_joint(name: str, degrees: int, words: str) -> str:
    if name == "lean":
        return f"the body leans {degrees}° {words}"
    if name == "facing":
        return f"the body is turned {degrees}° {words}"
    return f"{name} {degrees}° {words}"


def _exchanged(words: str) -> str:
    """Left for right and right for left."""
    return words.replace("left", "\0").replace("right", "left").replace("\0", "right")
