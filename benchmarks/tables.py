"""Rows of results as Markdown: Hit@k a system and input, the papers' figures beside ours, and who beats whom."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from poseflow_benchmarks.bootstrap import paired_bootstrap
from poseflow_benchmarks.published import ABLATIONS, PUBLISHED, Hits, counterpart, published_hits
from poseflow_benchmarks.results import RowResult, labels_of

from vvipe.retrieval import KS


@dataclass(frozen=True)
class System:
    """All seeds of one system."""

    rows: tuple[RowResult, ...]

    @property
    def name(self) -> str:
        return self.rows[0].system

    @property
    def ablates(self) -> str | None:
        """The name of the unchanged system, of an ablation."""
        return self.rows[0].config.get("ablates")

    @property
    def label(self) -> str:
        """The name, with the number of seeds where there are several and a mark where it was still learning."""
        mark = " †" if any(row.config.get("is_undertrained") for row in self.rows) else ""
        return (self.name if len(self.rows) == 1 else f"{self.name} ({len(self.rows)} seeds)") + mark

    def has(self, key: str) -> bool:
        return all(key in row.columns for row in self.rows)

    def cell(self, key: str, ks: Sequence[int] = KS, *, without_self: bool = False) -> str:
        """Hit@k of the column, "45.3/61.0/…", means over seeds; with the s.d. at the first k where there are any."""
        if not self.has(key):
            return ""
        columns = [row.columns[key] for row in self.rows]
        values = {k: [(c.hits_without_self if without_self else c.hits)[k] for c in columns] for k in ks}
        texts = [f"{statistics.fmean(values[k]):.1f}" for k in ks]
        if len(self.rows) > 1:
            texts[0] += f" ± {statistics.stdev(values[ks[0]]):.1f}"
        return " / ".join(texts)


def systems_of(rows: Sequence[RowResult]) -> list[System]:
    """Rows of one name together, in the order in which they come; ours last."""
    names = dict.fromkeys(row.system for row in sorted(rows, key=lambda row: row.is_ours))
    return [System(tuple(row for row in rows if row.system == name)) for name in names]


def markdown_table(rows: Sequence[RowResult]) -> str:
    """The whole report: one table an input, the search without the own frame, the differences, notes and conditions.

    Ablations (rows whose config says so) come after the main table, one table for each unchanged system.
    """
    systems = systems_of([row for row in rows if not _is_ablation(row)])
    parts = [_source_table(systems, source) for source in _sources(systems)]
    parts.append(_without_self_table(systems))
    parts += [_difference_table(ours, systems) for ours in systems if ours.rows[0].is_ours]
    parts += [_learning_table(rows), _notes(systems), _conditions(rows)]
    ablations = systems_of([row for row in rows if _is_ablation(row)])
    parts += [_ablation_table(base, ablations) for base in ablations if base.name == base.ablates]
    return "\n\n".join(part for part in parts if part)


def _is_ablation(row: RowResult) -> bool:
    return row.config.get("group") == "ablation"


def _sources(systems: Sequence[System]) -> list[str]:
    """Inputs in the order in which the rows have them."""
    return list(dict.fromkeys(key.split("/")[1] for s in systems for row in s.rows for key in row.columns))


def _source_table(systems: Sequence[System], source: str) -> str:
    """Hit@1/5/10/20 on one input, and beside each column the paper's Hit@1/10/20 where any row has one."""
    shown = [s for s in systems if any(key.endswith(f"/{source}") for key in s.rows[0].columns)]
    heads, cells = ["system"], [[s.label] for s in shown]
    for label in labels_of(row for s in shown for row in s.rows):
        heads.append(label)
        printed = [published_hits(s.rows[0].paper, source, label) for s in shown]
        if any(printed):
            heads.append(f"paper, {counterpart(label)}")
        for system, line, hits in zip(shown, cells, printed, strict=True):
            line.append(system.cell(f"{label}/{source}"))
            if any(printed):
                line.append(_printed(hits))
    ks = "/".join(map(str, KS))
    beside = "; the papers' columns are Hit@1/10/20" if any(head.startswith("paper") for head in heads) else ""
    return f"**Input {source}**: Hit@{ks} in %{beside}\n\n{_table(heads, cells)}"


def _ablation_table(base: System, ablations: Sequence[System]) -> str:
    """What each change makes of the unchanged system's Hit@1, beside what it makes in the paper."""
    keys = [key for key in base.rows[0].columns if base.has(key)]
    counterparts = {key: counterpart(key.split("/")[0]) if key.endswith("/D1") else "" for key in keys}
    changed = [s for s in ablations if s.ablates == base.name and s is not base]
    printed = {key: c for key, c in counterparts.items() if any(c in ABLATIONS.get(s.name, {}) for s in changed)}
    heads, lines = ["change"], [["none: Hit@1 in %"], *([s.name.partition(", ")[2]] for s in changed)]
    for key in keys:
        heads.append(key)
        lines[0].append(base.cell(key, (1,)))
        for system, line in zip(changed, lines[1:], strict=True):
            line.append(_difference(system, base, key))
        if key in printed:
            heads.append(f"paper, {printed[key]}")
            lines[0].append("")
            for system, line in zip(changed, lines[1:], strict=True):
                points = ABLATIONS.get(system.name, {}).get(printed[key])
                line.append("" if points is None else f"{points:+.1f}")
    title = (
        f"**Ablations of {base.name}**: points of Hit@1 that a change makes, with the 95 % interval of a paired "
        "bootstrap over recordings; bold where it excludes 0"
    )
    return f"{title}\n\n{_table(heads, lines)}"


def _without_self_table(systems: Sequence[System]) -> str:
    """Hit@1 with the query's own frame left out, where true 3D can fail."""
    if not systems:
        return ""
    keys = list(dict.fromkeys(key for s in systems for key in s.rows[0].columns))
    labels = labels_of(row for s in systems for row in s.rows)
    lines = [
        [system.label, source, *(system.cell(f"{label}/{source}", (1,), without_self=True) for label in labels)]
        for source in dict.fromkeys(key.split("/")[1] for key in keys)
        for system in systems
        if any(system.has(f"{label}/{source}") for label in labels)
    ]
    title = "**The query's own frame left out of the index**: Hit@1 in %"
    return f"{title}\n\n{_table(['system', 'input', *labels], lines)}"


def _difference_table(ours: System, systems: Sequence[System]) -> str:
    """Ours minus each other system, Hit@1 in points with a 95 % interval; bold where it excludes 0."""
    keys = [key for key in ours.rows[0].columns if ours.has(key)]
    lines = [
        [other.label, *(_difference(ours, other, key) for key in keys)]
        for other in systems
        if not other.rows[0].is_ours and any(other.has(key) for key in keys)
    ]
    if not lines:
        return ""
    title = (
        f"**{ours.label} minus each other**: points of Hit@1 with the 95 % interval of a paired bootstrap over "
        "recordings; bold where it excludes 0"
    )
    return f"{title}\n\n{_table(['system', *keys], lines)}"


def _difference(ours: System, other: System, key: str) -> str:
    if not other.has(key):
        return ""
    lead = paired_bootstrap(ours.rows, other.rows, key)
    text = f"{lead.difference:+.1f} [{lead.low:+.1f}, {lead.high:+.1f}]"
    return f"**{text}**" if lead.is_certain else text


def _learning_table(rows: Sequence[RowResult]) -> str:
    """Hit@1 on the carve-out at the quarters of each training, and what it took."""
    trained = [row for row in rows if row.config.get("carve_out_hit1")]
    if not trained:
        return ""
    lines = []
    for row in trained:
        log = row.config["carve_out_hit1"]
        name = f"{row.system} †" if row.config.get("is_undertrained") else row.system
        reached = (f"{log[share]:.1f}" if share in log else "" for share in ("0.25", "0.5", "0.75", "1"))
        lines.append([name, f"{row.train_seed}", *reached, f"{row.config['training_seconds'] / 60:.0f}"])
    heads = ["system", "seed", "25 %", "50 %", "75 %", "100 %", "minutes"]
    title = "**While learning**: Hit@1 in % on the carve-out (D1, by L2 alone) after each quarter of the iterations"
    return f"{title}\n\n{_table(heads, lines)}"


def _notes(systems: Sequence[System]) -> str:
    lines = [f"* {s.name}: {note}." for s in systems for note in dict.fromkeys(row.note for row in s.rows) if note]
    for system in systems:
        for source, printed in PUBLISHED.get(system.rows[0].paper or "", {}).items():
            if printed.note and any(key.endswith(f"/{source}") for key in system.rows[0].columns):
                lines.append(f"* {system.name}, the paper's {source} figures ({printed.where}): {printed.note}.")
    if any("†" in system.label for system in systems):
        lines.append("* †: carve-out Hit@1 still rose by over 1 point in the last quarter of the training.")
    return "\n".join(lines)


def _conditions(rows: Sequence[RowResult]) -> str:
    """What the figures were counted on."""
    sizes = {
        key.split("/")[0]: f"{key.split('/')[0]}: {column.n_poses} poses, {column.n_pairs} camera pairs, "
        f"{sum(queries > 0 for queries in column.take_queries)} recordings"
        for row in rows
        for key, column in row.columns.items()
    }
    if not rows:
        return ""
    machines = "; ".join(dict.fromkeys(f"{row.machine.processor}, {row.machine.cores} cores" for row in rows))
    seeds = ", ".join(str(seed) for seed in sorted({row.noise_seed for row in rows}))
    return f"{'; '.join(sizes.values())}. Noise seed {seeds}. Measured on {machines}."


def _printed(hits: Hits | None) -> str:
    return "" if hits is None else " / ".join("–" if value is None else f"{value:g}" for value in hits)


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
