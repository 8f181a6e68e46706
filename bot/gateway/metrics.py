"""GET /api/v1/metrics: what Prometheus reads. A registry of its own, so that no library adds to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.gateway.callers import require
from bot.gateway.vitals import Backstage, Kinds, Look, Looks
from bot.timings import Tally

PATH = "/api/v1/metrics"
TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNDELIVERED = ("pending", "sending")


def mount(app: web.Application, backstage: Backstage, looks: Looks) -> None:
    process = ProcessCollector(registry=None)

    async def metrics(request: web.Request) -> web.Response:
        require(request, "operator")
        registry = CollectorRegistry()
        registry.register(process)
        registry.register(Vitals(backstage, await looks.look()))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": TYPE})

    app.router.add_get(PATH, metrics)


class Vitals(Collector):
    """One look, in Prometheus' words."""

    def __init__(self, backstage: Backstage, look: Look) -> None:
        self._backstage = backstage
        self._look = look

    def collect(self) -> Iterator[Metric]:
        yield from self._stored()
        yield from self._living()
        timings = self._backstage.timings
        yield _histogram(
            "tugbot_dispatch_lateness_seconds",
            "From when a batch was due to when it was handed over.",
            timings.lateness,
        )
        yield _histogram(
            "tugbot_stop_latency_seconds", "From a stop's word to the verdict on the run that it ended.", timings.stop
        )
        yield _histogram(
            "tugbot_provision_seconds", "Projects that were made: from asking to ready.", timings.provision
        )

    def _stored(self) -> Iterator[Metric]:
        books = self._look.books
        yield _gauge("tugbot_store_up", "1: the store could be read.", books is not None)
        if books is None:
            return  # what is not known is left out; 0 would be a statement
        messages = GaugeMetricFamily("tugbot_messages", "Messages in the books.", labels=("kind", "state"))
        for kind, states in (("text", books.texts), ("command", books.commands)):
            for state, count in states.items():
                messages.add_metric((kind, state), count)
        yield messages
        yield _by_name("tugbot_runs_recorded", "Runs in the books, all of them.", "state", books.runs)
        yield _by_name("tugbot_outbox_messages", "Messages of ours in the books.", "state", books.outbox)
        yield _kinds(GaugeMetricFamily, "tugbot_runs_under_way", "Runs that have not ended.", self._look.under_way)
        waiting = {
            "messages": books.texts.get("waiting", 0),
            "outbox": sum(books.outbox.get(state, 0) for state in UNDELIVERED),
        }
        yield _by_name("tugbot_queue_depth", "What waits, by queue.", "queue", {**waiting, **self._backstage.queues()})

    def _living(self) -> Iterator[Metric]:
        stage = self._backstage
        yield _kinds(CounterMetricFamily, "tugbot_runs_ended", "Runs that ended since the start.", stage.ended())
        yield _by_name("tugbot_transport_up", "1: the transport works.", "transport", stage.transports())
        yield _gauge("tugbot_event_listeners", "Listeners of live events.", stage.listeners())
        asked = CounterMetricFamily(
            "tugbot_hook_requests", "Requests of forges since the start.", labels=("hook", "outcome")
        )
        for labels, count in stage.hooks().items():
            asked.add_metric(labels, count)
        yield asked


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _by_name(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), float(value))
    return family


def _kinds(family: type[GaugeMetricFamily] | type[CounterMetricFamily], name: str, text: str, values: Kinds) -> Metric:
    made = family(name, text, labels=("kind", "state"))
    for labels, value in values.items():
        made.add_metric(labels, value)
    return made


def _histogram(name: str, text: str, tally: Tally) -> Metric:
    buckets = [(_bound(bound), float(count)) for bound, count in zip(tally.bounds, tally.below(), strict=True)]
    family = HistogramMetricFamily(name, text)
    family.add_metric((), buckets, tally.sum)
    return family


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == float("inf") else str(seconds)
