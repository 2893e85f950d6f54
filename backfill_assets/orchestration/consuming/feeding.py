"""Raw logs that are fed from topics: a sensor that takes in what came, and a job for what a person decides."""

from typing import Any

import dagster as dg
from pydantic import Field

from backfill_assets.core.given import refuse_unsigned, written
from backfill_assets.core.slots import calendar_day
from backfill_assets.errors.base import counted, listed
from backfill_assets.orchestration.instance.jobs import BuiltFrom, logging_refusals, routine_job
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.sources import Fed, TokenKeys, TopicLog, token_keys

SECONDS = 60
MOST_SHOWN = 20


class FeedConfig(dg.Config):
    """What a feed does beside taking in what came."""

    again: bool = Field(default=False, description="Read the messages that were set aside once more.")
    after_loss: str = Field(default="", description="Why to go on behind messages that the broker has lost.")
    by: str = Field(default="", description="Your name, where you go on behind a loss.")


def feed_job_name(table: str) -> str:
    """The job of a topic's raw log."""
    return f"{table}__feed"


def feed_op_name(table: str) -> str:
    """Its one op."""
    return f"{table}__take_in"


_TOPICS = BuiltFrom[TopicLog]()


def topics_in(definitions: dg.Definitions) -> dict[str, TopicLog]:
    """Every raw log of the definitions that is fed from a topic, by its table."""
    return {log.table: log for log in _TOPICS.found_in(definitions)}


def build_topic_definitions(log: TopicLog, *, seconds: int = SECONDS) -> dg.Definitions:
    """What keeps a raw log fed from its topic, without resources; merge it with your own.

    Its sensor takes messages in by itself, within the tick: a run for each feed would cost more than the feed.

    Args:
        log: the raw log.
        seconds: how often the topic is asked for news. Each feed that brings some is a commit, and a file for each day.
    """
    about = f"Takes the messages of the topic {log.topic} into {log.table}."

    @dg.op(name=feed_op_name(log.table), required_resource_keys={"lake"})
    def take_in(context: dg.OpExecutionContext, config: FeedConfig) -> dict[str, Any]:
        lake: LakeResource = context.resources.lake
        with logging_refusals(context):
            if config.after_loss:
                refuse_unsigned(config.by, f"go on behind what the topic {log.topic} has lost")
            loss = f"{written(config.by)}, {config.after_loss}" if config.after_loss else ""
            done = _fed(log, lake, loss)
            if config.again:
                done.append(log.take_in_again(lake.records(), keys_of(log), lake.now()))
        told = told_of(log, done)
        context.add_output_metadata({"rows": told["rows"], "set_aside": len(told["set_aside"])})
        return told

    job = routine_job(feed_job_name(log.table), about, take_in)

    @dg.sensor(
        name=f"{log.table}__topic",
        job=job,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=about,
    )
    def topic(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SkipReason:
        if not log.has_news(lake.records()):
            return dg.SkipReason(f"{log.table} has all of the topic {log.topic}.")
        told = told_of(log, _fed(log, lake, ""))
        if told["set_aside"]:
            context.log.warning("%s", sentence_of(told))
        return dg.SkipReason(sentence_of(told))

    _TOPICS.remember(job, log)
    return dg.Definitions(jobs=[job], sensors=[topic])


def keys_of(log: TopicLog) -> TokenKeys:
    """The keys of tokens, where the log has any."""
    return token_keys() if log.personal else TokenKeys()


def told_of(log: TopicLog, done: list[Fed]) -> dict[str, Any]:
    """What feeds came to, JSON-ready."""
    return {
        "table": log.table,
        "topic": log.topic,
        "rows": sum(one.rows for one in done),
        "days": sorted({str(slot) for one in done for slot in one.slots}),
        "set_aside": [str(entry) for one in done for entry in one.set_aside],
        "next": {str(partition): offset for partition, offset in sorted(done[-1].next.items())} if done else {},
        "is_all": bool(done) and done[-1].is_all,
    }


def sentence_of(told: dict[str, Any]) -> str:
    """The same in a sentence or two."""
    rest = "" if told["is_all"] else " The topic holds more."
    aside = told["set_aside"]
    named = f" {counted(len(aside), 'message')} set aside ({listed(aside[:MOST_SHOWN])})." if aside else ""
    return (
        f"{told['table']} took in {counted(told['rows'], 'row')} of {counted(len(told['days']), 'day')}.{named}{rest}"
    )


def _fed(log: TopicLog, lake: LakeResource, after_loss: str) -> list[Fed]:
    """One feed, whose first day is written down where it is the first there is."""
    done = log.feed(lake.records(), keys_of(log), lake.now(), after_loss=after_loss)
    if done.slots:
        lake.records().first_days.note(log.table, min(map(calendar_day, done.slots)), lake.now())
    return [done]
