#!/usr/bin/env python3
"""Makes the Grafana dashboards, extractor.json and index.json, beside this file; `--check` only compares.

Belongs here: which panels there are and what they ask. Written with Grafana's typed builders, because
the JSON is nothing to be edited by hand. deploy/checks/dashboards asks a live Prometheus every query.
"""

import argparse
import json
import pathlib
import sys

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
EXTRACTOR, INDEX = "extractor-svc", "index-svc"


def query(expr, legend):
    return prometheus.Dataquery().datasource(SOURCE).expr(expr).legend_format(legend)


def graph(title, unit, description, *queries):
    """A third of the width; queries are pairs of expression and legend."""
    panel = (
        timeseries.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
        .min(0).fill_opacity(10).height(8).span(8)
        .legend(VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
                .placement(LegendPlacement.BOTTOM))
    )
    for at, (expr, legend) in enumerate(queries):
        panel = panel.with_target(query(expr, legend).ref_id(chr(ord("A") + at)))
    return panel


def figure(title, unit, description, expr, legend="__auto"):
    """One number, a sixth of the width."""
    return (
        stat.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
        .height(4).span(4).graph_mode(BigValueGraphMode.NONE).with_target(query(expr, legend).instant().ref_id("A"))
    )


def quantiles(metric, selector, by="le"):
    """Median, 90th and 99th percentile of a histogram."""
    return [
        (f"histogram_quantile({q}, sum by ({by}) (rate({metric}_bucket{{{selector}}}[$__rate_interval])))", f"p{q * 100:g}")
        for q in (0.5, 0.9, 0.99)
    ]


def calls(job, service):
    """What every service shows of its calls."""
    own = f'namespace=~"$namespace", job="{job}", grpc_service="{service}"'
    rate = f"rate(grpc_server_handled_total{{{own}}}[$__rate_interval])"
    return [
        graph("Calls by method", "reqps", "Calls that ended, whatever their status.",
              (f"sum by (grpc_method) ({rate})", "{{grpc_method}}")),
        graph("Calls by status", "reqps", "OK aside, each line is a kind of refusal or failure.",
              (f"sum by (grpc_code) ({rate})", "{{grpc_code}}")),
        graph("Refusals by reason", "reqps", "The reason each error gives to its caller.",
              (f"sum by (reason) (rate(grpc_server_refused_total{{{own}}}[$__rate_interval]))", "{{reason}}")),
        graph("Time of a call", "s", "From its headers to its status, for calls that ended well.",
              *quantiles("grpc_server_handling_seconds", f'{own}, grpc_code="OK"')),
        graph("Calls in flight", "short", "By pod: uneven lines are connections that are spread unevenly.",
              (f"sum by (pod) (grpc_server_in_flight{{{own}}})", "{{pod}}")),
        graph("Bytes", "Bps", "Messages, framing included.",
              (f"sum(rate(grpc_server_received_bytes_total{{{own}}}[$__rate_interval]))", "received"),
              (f"sum(rate(grpc_server_sent_bytes_total{{{own}}}[$__rate_interval]))", "sent")),
    ]


def load(job, pool):
    """Workers and their queue."""
    own = f'namespace=~"$namespace", job="{job}", pool="{pool}"'
    return [
        graph("Busy workers", "percentunit", "Share of the workers that compute. Near 1 for long: more replicas.",
              (f"sum by (pod) (workers_busy{{{own}}}) / sum by (pod) (workers{{{own}}})", "{{pod}}")),
        graph("Jobs that wait", "short", "Length of the queue.",
              (f"sum by (pod) (worker_queue_length{{{own}}})", "{{pod}}")),
        graph("Wait for a worker", "s", "What a call spends in the queue.",
              *quantiles("worker_queue_seconds", own)),
        graph("Time of a job", "s", "What a call spends computing.",
              *quantiles("worker_job_seconds", own)),
    ]


def process(job):
    """The process as the operating system sees it, and its connections."""
    own = f'namespace=~"$namespace", job="{job}"'
    return [
        graph("Processor", "short", "Cores in use.",
              (f"sum by (pod) (rate(process_cpu_seconds_total{{{own}}}[$__rate_interval]))", "{{pod}}")),
        graph("Memory", "bytes", "Resident; of the index server, pages of the index it has read are part of it.",
              (f"process_resident_memory_bytes{{{own}}}", "{{pod}}")),
        graph("Connections", "short", "Open gRPC connections.",
              (f"sum by (pod) (grpc_server_connections{{{own}}})", "{{pod}}")),
        graph("Ends of connections", "short", "Each second, by what ended them.",
              (f"sum by (cause) (rate(grpc_server_connections_ended_total{{{own}}}[$__rate_interval]))", "{{cause}}")),
        graph("Open files", "percentunit", "Of those that the process may open.",
              (f"process_open_fds{{{own}}} / process_max_fds{{{own}}}", "{{pod}}")),
        graph("Reloads", "short", "Changed certificates and tokens of the last hour, by whether they were taken.",
              (f"sum by (what, outcome) (increase(grpc_server_reloads_total{{{own}}}[1h]))", "{{what}} {{outcome}}")),
    ]


def summary(job, service):
    """The row of numbers on top."""
    own = f'namespace=~"$namespace", job="{job}"'
    handled = f'grpc_server_handled_total{{{own}, grpc_service="{service}"'
    return [
        figure("Replicas", "short", "Pods that can be scraped.", f"sum(up{{{own}}})"),
        figure("Calls", "reqps", "In the last five minutes.", f"sum(rate({handled}}}[5m]))"),
        figure("Own faults", "percentunit", "Share of calls that failed through no fault of the caller.",
               f'(sum(rate({handled}, grpc_code=~"Unknown|Internal|DataLoss"}}[5m])) or vector(0))'
               f" / sum(rate({handled}}}[5m]))"),
        figure("Turned away", "percentunit", "Share of calls that found no place.",
               f'(sum(rate({handled}, grpc_code="Unavailable"}}[5m])) or vector(0))'
               f" / sum(rate({handled}}}[5m]))"),
    ]


def extractor():
    own = f'namespace=~"$namespace", job="{EXTRACTOR}"'
    service = "soundalike.v1.ExtractorService"
    audio = f"rate(extractor_audio_seconds_sum{{{own}}}[5m])"
    board = start("soundalike-extractor", "Soundalike: extractor", EXTRACTOR)
    top = summary(EXTRACTOR, service) + [
        figure("Times real time", "short", "Seconds of audio analysed in a second, by all replicas.", f"sum({audio})"),
        figure("Of one core", "short", "Seconds of audio analysed in a second of processor time.",
               f"sum({audio}) / sum(rate(process_cpu_seconds_total{{{own}}}[5m]))"),
    ]
    work = [
        graph("Audio by source", "short", "Seconds of audio analysed in a second, by container and codec.",
              (f"sum by (source) (rate(extractor_audio_seconds_sum{{{own}}}[$__rate_interval]))", "{{source}}")),
        graph("Length of recordings", "s", "As far as the buckets tell.",
              *quantiles("extractor_audio_seconds", own)),
        graph("Share in use", "percentunit", "What the autoscaler goes by: places or memory, whichever is scarcer. Near 1 uploads are turned away.",
              ('extractor_share_in_use{namespace=~"$namespace"}', "{{pod}}")),
        graph("Uploads in flight", "short", "Those that wait for memory included; the most is --max-uploads.",
              (f"sum by (pod) (extractor_uploads_in_flight{{{own}}})", "{{pod}}"),
              (f"sum by (pod) (extractor_uploads_limit{{{own}}})", "{{pod}} at most")),
        graph("Bytes held", "bytes", "Uploads that have not been answered; they lie in memory.",
              (f"sum by (pod) (extractor_upload_in_flight_bytes{{{own}}})", "{{pod}}")),
        graph("Time by stage", "percentunit", "Cores that each stage of the extraction takes; waits for callers left out.",
              (f"sum by (stage) (rate(extractor_stage_seconds_sum{{{own}}}[$__rate_interval]))", "{{stage}}")),
        graph("After the upload", "s", "From the last chunk of an upload to its answer.",
              *quantiles("extractor_after_upload_seconds", own)),
        graph("Memory in flight", "bytes", "Admitted for extractions; the most is --max-memory.",
              (f"sum by (pod) (extractor_memory_in_flight_bytes{{{own}}})", "{{pod}}"),
              (f"sum by (pod) (extractor_memory_limit_bytes{{{own}}})", "{{pod}} at most")),
        graph("Encoded bytes", "Bps", "Of recordings that gave features.",
              (f"sum by (source) (rate(extractor_encoded_bytes_total{{{own}}}[$__rate_interval]))", "{{source}}")),
        graph("Findings", "reqps", "Recordings that gave features although something was found about them, by what.",
              (f"sum by (code) (rate(extractor_warnings_total{{{own}}}[$__rate_interval]))", "{{code}}")),
    ]
    return finish(board, top, ("Audio", work), ("Calls", calls(EXTRACTOR, service)),
                  ("Workers", load(EXTRACTOR, "extract")), ("Process", process(EXTRACTOR)))


def index():
    own = f'namespace=~"$namespace", job="{INDEX}"'
    service = "soundalike.v1.IndexService"
    board = start("soundalike-index", "Soundalike: index", INDEX)
    top = summary(INDEX, service) + [
        figure("Tracks", "short", "Of the index that is served.", f"max(index_rows{{{own}}})"),
        figure("Versions", "short", "Indexes served side by side: one, but for the minutes of a roll-out.",
               f"count(count by (version) (index_version_info{{{own}}} == 1))"),
    ]
    work = [
        graph("Replicas by version", "short", "A roll-out is one line falling while another rises.",
              (f"count by (version) (index_version_info{{{own}}} == 1)", "{{version}}")),
        graph("Swaps", "short", "Versions of the last hour that a followed pointer named, by whether they were taken.",
              (f"sum by (outcome) (increase(index_swaps_total{{{own}}}[1h]))", "{{outcome}}")),
        graph("Searches by engine", "reqps", "As the planner chose; exact ones are the true neighbours.",
              (f"sum by (engine, exact) (rate(index_searches_total{{{own}}}[$__rate_interval]))", "{{engine}} exact={{exact}}")),
        graph("Vectors looked at", "short", "By a search: the effort of an answer.",
              *quantiles("index_search_candidates", own)),
        graph("Live recall", "percentunit", "True neighbours that approximate answers had, of those that were checked in the last half hour.",
              (f'sum(increase(index_recall_neighbors_total{{{own}, outcome="found"}}[30m]))'
               f" / sum(increase(index_recall_neighbors_total{{{own}}}[30m]))", "recall")),
        graph("Checks of recall", "short", "Of the last hour, by whether they were made.",
              (f"sum by (outcome) (increase(index_recall_checks_total{{{own}}}[1h]))", "{{outcome}}")),
    ]
    return finish(board, top, ("Index", work), ("Calls", calls(INDEX, service)),
                  ("Workers", load(INDEX, "search")), ("Process", process(INDEX)))


def start(uid, title, job):
    pick = (
        dashboard.QueryVariable("namespace").label("Namespace").datasource(SOURCE)
        .query(f'label_values(up{{job="{job}"}}, namespace)').include_all(True).all_value(".*").multi(True)
    )
    return (
        dashboard.Dashboard(title).uid(uid).tags(["soundalike"]).readonly().refresh("30s").time("now-3h", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(pick)
    )


def finish(board, top, *rows):
    for panel in top:
        board = board.with_panel(panel)
    for title, panels in rows:
        board = board.with_row(dashboard.Row(title))
        for panel in panels:
            board = board.with_panel(panel)
    return json.dumps(board.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    check = parser.parse_args().check
    differs = []
    for name, text in (("extractor.json", extractor()), ("index.json", index())):
        path = HERE / name
        if check and path.read_text() != text:
            differs.append(name)
        elif not check:
            path.write_text(text)
    if differs:
        sys.exit(f"{', '.join(differs)}: not what generate.py makes; run it")


if __name__ == "__main__":
    main()
