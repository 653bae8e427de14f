"""Draws an evaluation of recommendations: each method's quality with its interval, by task and by date."""

from pathlib import Path
from typing import Any

from nightjar.drawing import BLUE, GREY, INK, SMALL, place_legend, strip, write_picture
from nightjar.evaluation.lists import Task
from nightjar.evaluation.recommendations import EVERYBODY, OURS, Evaluation


def draw(evaluation: Evaluation, path: Path) -> None:
    """Write the picture as PNG or SVG, by the file name's ending.

    Raises:
        PictureFormatError: another ending.
        PictureFileError: the file cannot be written.
    """
    write_picture(lambda: _figure(evaluation), path)


def _figure(evaluation: Evaluation) -> Any:
    from matplotlib.figure import Figure

    tasks = [task for task in Task if evaluation.overall(task)]
    panels = len(tasks) + (len(evaluation.dates) > 1)
    figure = Figure(figsize=(6.4 * min(panels, 2), 4.4 * -(-panels // 2)), layout="constrained")
    axes = figure.subplots(-(-panels // 2), min(panels, 2), squeeze=False).ravel()
    for place, task in zip(axes, tasks, strict=False):
        _draw_methods(place, evaluation, task)
    if len(evaluation.dates) > 1:
        _draw_dates(axes[len(tasks)], evaluation, tasks[0])
    for place in axes[panels:]:
        place.set_axis_off()
    return figure


def _draw_methods(axes: Any, evaluation: Evaluation, task: Task) -> None:
    results = sorted(evaluation.overall(task).values(), key=lambda result: result.ndcg.mean)
    for row, result in enumerate(results):
        mean = result.ndcg
        axes.barh(row, mean.mean, color=BLUE if result.method == OURS else GREY, height=0.62)
        axes.plot([mean.low, mean.high], [row, row], color=INK, linewidth=1.4)
        axes.text(mean.high, row, f"  {mean.mean:.3f}", va="center", fontsize=SMALL)
    axes.set_yticks(range(len(results)), [result.method for result in results])
    axes.set_xlim(0, max(result.ndcg.high for result in results) * 1.18 or 1)
    axes.set_title(f"{task}".capitalize(), pad=10)
    axes.set_xlabel("NDCG@10, 95 % interval over users")
    strip(axes, grid="x")


def _draw_dates(axes: Any, evaluation: Evaluation, task: Task) -> None:
    overall = evaluation.overall(task)
    best = max((name for name in overall if name != OURS), key=lambda name: overall[name].ndcg.mean)
    for name, colour in ((best, GREY), (OURS, BLUE)):
        found = sorted(
            (result.day, result.ndcg)
            for result in evaluation.results
            if (result.method, result.task, result.group) == (name, task, EVERYBODY) and result.day is not None
        )
        days, means = [day for day, _ in found], [mean.mean for _, mean in found]
        axes.plot(days, means, color=colour, marker="o", label=name)
        axes.fill_between(
            days, [m.low for _, m in found], [m.high for _, m in found], color=colour, alpha=0.15, linewidth=0
        )
    axes.set_title(f"{task}, by date".capitalize())
    axes.set_ylabel("NDCG@10")
    axes.tick_params(axis="x", rotation=40)
    place_legend(axes, columns=2)
    strip(axes, grid="y")
