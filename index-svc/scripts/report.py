#!/usr/bin/env python3
"""The table of targets and the picture of recall against queries per second, from what was measured.

    V/bin/python report.py FOLDER [--plot recall]

FOLDER holds what `run` wrote: `c106.json`, `c1m.json`, `i106.json`, `i1m.json` (measure.py) and `load-*.jsonl` (the bench
`load`). Prints Markdown; with `--plot`, draws NAME.svg and NAME.png.
"""
import argparse, glob, json, os

MARKS = {"blocks": "o", "hnswlib": "s", "faiss-ivf": "^", "voyager": "D", "annoy": "v"}


def fastest(figures, engine, least):
    """The fastest setting of an engine that reaches a recall."""
    fitting = [c for c in figures["curves"] if c["engine"] == engine and c["recall"] >= least]
    return min(fitting, key=lambda c: c["p50"], default=None)


def against(figures, peer, least, most):
    """A line of the table: blocks' p50 over a peer's at the same recall."""
    ours, theirs = fastest(figures, "blocks", least), fastest(figures, peer, least)
    what = f"{figures['rows']:,} rows: recall at least {least}, p50 over {peer}'s"
    if not ours or not theirs:
        return what, f"at most {most}", "not reached by " + ("blocks" if not ours else peer), bool(ours)
    ratio = ours["p50"] / theirs["p50"]
    text = f"{ratio:.2f} ({ours['p50']:.0f} us at {ours['recall']:.4f}; {theirs['p50']:.0f} us at {theirs['recall']:.4f})"
    return what, f"at most {most}", text, ratio <= most


def library(all_figures):
    lines = []
    if small := all_figures.get("c106"):
        lines += [against(small, "hnswlib", least, 0.6) for least in (.95, .99)]
        lines += [against(small, "annoy", least, 0.1) for least in (.95, .99)]
        exact = next(c for c in small["curves"] if c["setting"] == "exact")
        lines.append(("106,574 rows: exact, p50", "at most 200 us, recall 1", f"{exact['p50']:.0f} us, {exact['recall']:.4f}",
                      exact["p50"] <= 200 and exact["recall"] == 1))
    if large := all_figures.get("c1m"):
        lines += [against(large, "hnswlib", least, 1.0) for least in (.97, .99)]
        ours, theirs = large["build_cpu"]["blocks"], large["build_cpu"].get("hnswlib", 0)
        lines.append(("1,000,000 rows: build, CPU", "at most 30 s and a tenth of hnswlib's", f"{ours:.1f} s; {theirs:.0f} s",
                      ours <= 30 and ours <= theirs / 10))
    for name in ("i106", "i1m"):
        if isotropic := all_figures.get(name):
            exact = next(c for c in isotropic["curves"] if c["setting"] == "exact")
            lines.append((f"{isotropic['rows']:,} isotropic rows: exact", "recall 1", f"{exact['recall']:.4f} in {exact['p50']:.0f} us",
                          exact["recall"] == 1))
    for figures in all_figures.values():
        for f in figures["filters"]:
            lines.append((f"{figures['rows']:,} rows, filter of {f['percent']:g} %, {f['effort']}", "recall .98, at most 2 x unfiltered",
                          f"{f['recall']:.4f}, {f['ratio']:.2f} x ({f['p50']:.0f} us)", f["recall"] >= .98 and f["ratio"] <= 2))
        for b in figures["batches"]:
            lines.append((f"{figures['rows']:,} rows, batches of {b['size']}, {b['effort']}", "",
                          f"{b['gain']:.2f} x as fast as single ones ({b['batch']:.0f} us a query)", True))
    return lines


def served(folder):
    lines = []
    for path in sorted(glob.glob(f"{folder}/load-*.jsonl")):
        name = os.path.basename(path)[5:-6]
        for line in map(json.loads, open(path)):
            if "start" in line and "batches" not in name:
                lines.append((f"{name}: start to first answer", "under 1 s", f"{line['first_answer_ms']:.0f} ms", line["first_answer_ms"] < 1000))
                if name.startswith("i"):
                    lines.append((f"{name}: what the planner chose", "exact", line["effort"], line["effort"] == "exact"))
            elif "single" in line and "batches" not in name:
                lines.append((f"{name}: one caller through gRPC", "", f"p50 {line['p50_ms'] * 1e3:.0f} us, p99 {line['p99_ms'] * 1e3:.0f} us", True))
            elif "rate" in line:
                lines.append((f"{name}: open loop, {line['rate']:.0f} queries/s", "none fails",
                              f"{line['per_second']:.0f}/s, p50 {line['p50_ms']:.2f} ms, p99 {line['p99_ms']:.2f} ms, {line['failed']} failed, "
                              f"{line['server_cpu_us']:.0f} us CPU a query", line["failed"] == 0))
        lines.append((f"{name}: memory at the end", "", f"{line['rss_mib']:.0f} MiB ({line['anon_mib']:.0f} own, the rest mapped files)", True))
    return lines


def plot(all_figures, name):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    matplotlib.rcParams.update({"svg.hashsalt": "soundalike", "font.size": 9})
    shown = [(key, title) for key, title in (("c106", "106,574 rows"), ("c1m", "1,000,000 rows")) if key in all_figures]
    figure, axes = plt.subplots(1, len(shown), figsize=(5.2 * len(shown), 4.2), squeeze=False)
    for (key, title), axis in zip(shown, axes[0]):
        for engine, mark in MARKS.items():
            curve = sorted((c["recall"], 1e6 / c["p50"]) for c in all_figures[key]["curves"] if c["engine"] == engine and c["recall"] >= .8)
            # Recall is drawn by its misses, since all the interest lies next to 1.
            if curve:
                axis.plot([max(1 - r, 5e-5) for r, _ in curve], [q for _, q in curve], marker=mark, markersize=4, linewidth=1.2,
                          label=engine, zorder=3 if engine == "blocks" else 2)
        axis.set_xscale("log"); axis.set_yscale("log"); axis.set_xlim(.25, 4e-5)
        axis.set_xticks([.2, .1, .05, .01, .001, 5e-5], [".8", ".9", ".95", ".99", ".999", "1"]); axis.minorticks_off()
        axis.set_title(title); axis.set_xlabel("recall@10"); axis.set_ylabel("queries per second, one thread"); axis.grid(alpha=.3)
    axes[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(f"{name}.svg", metadata={"Date": None}); figure.savefig(f"{name}.png", dpi=130)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder"); p.add_argument("--plot")
    o = p.parse_args()
    all_figures = {name: json.load(open(f"{o.folder}/{name}.json")) for name in ("c106", "c1m", "i106", "i1m")
                   if os.path.exists(f"{o.folder}/{name}.json")}
    print("| what | target | measured | |\n|---|---|---|---|")
    for what, target, measured, holds in library(all_figures) + served(o.folder):
        print(f"| {what} | {target} | {measured} | {'' if not target else 'yes' if holds else '**no**'} |")
    if o.plot:
        plot(all_figures, o.plot)


if __name__ == "__main__":
    main()
