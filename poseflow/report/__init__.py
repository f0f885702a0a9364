"""Pages that show results to people: one HTML file, no network, no third-party code.

`match_report.write_report` makes the page of a match, `clip_report.write_clip_report` that of one clip with
coloured spans (segments, say). Their parts serve other pages too:

* `page.build_page` puts a body, its data and the scripts it names into one file that runs nothing else;
* `clips.clip_data` and `sync_path.SyncPath` feed the player (assets/clock.js, assets/player.js), of one clip or two;
* `timeline.Lane` and `Span` feed the strip of coloured spans (`assets/timeline.js`).
"""

from poseflow.report.clip_report import write_clip_report
from poseflow.report.files import ReportFiles, check_report_path
from poseflow.report.match_report import write_report

__all__ = ["ReportFiles", "check_report_path", "write_clip_report", "write_report"]
