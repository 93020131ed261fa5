/*-------------------------------------------------------------------------
 *
 * kinesis.h
 *	  What the files of the Kinesis source share; the rest is behind source.h.
 *
 *	  kinesis.c			 the source: records, metadata
 *	  kinesis_metadata.c what is known of a record
 *	  kinesis_body.c	 what a record holds
 *	  kinesis_options.c	 options
 *	  kinesis_stream.c	 a stream: its shards and how they follow each other
 *	  kinesis_range.c	 what of a shard is wanted
 *	  kinesis_resume.c	 where a scan goes on that another has begun
 *	  kinesis_fetch.c	 reading many shards at once
 *	  kinesis_slot.c	 one request of a shard, and what comes of it
 *	  kinesis_subscription.c	the same for a consumer: what it is sent
 *	  kinesis_headway.c	 how far a shard is, and at what pace
 *	  kinesis_reply.c	 the answer to GetRecords; kinesis_value.c: values there
 *	  kinesis_syntax_*.c it is in CBOR, or in JSON
 *	  kpl.c				 records that producers have put together
 *	  kinesis_target.c	 INSERT: what rows say
 *	  kinesis_sender.c	 requests that write; kinesis_queue.c, kinesis_pace.c
 *	  kinesis_check.c	 the steps of check_server
 *	  kinesis_tables.c	 what IMPORT FOREIGN SCHEMA finds
 *	  kinesis_admin.c	 streams listed, described, made, changed and dropped
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_SOURCE_H
#define PINTEREST_KINESIS_SOURCE_H

#include "postgres.h"

#include "aws/client.h"
#include "aws/kinesis.h"
#include "aws/kinesis_gateway.h"
#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "net/url.h"
#include "source/admin.h"
#include "source/kinesis/kinesis_reply.h"
#include "source/source.h"

/* Settings, registered by module.c. */
extern int	pinterest_kinesis_connections;	/* requests in flight at most */
extern bool pinterest_kinesis_pacing;	/* keep to the limits of a shard */
extern int	pinterest_shard_timeout;	/* ms in which a shard brings nothing */

/* Metadata that the source asks ranges of */
#define KINESIS_ITEM_SEQUENCE 0
#define KINESIS_ITEM_ARRIVAL 1

/* and those that rows may give */
#define KINESIS_ITEM_PARTITION_KEY 2
#define KINESIS_ITEM_HASH_KEY 3

/*
 * Options
 */

/* Kinesis API, "Record": so many characters. */
#define KINESIS_MAX_PARTITION_KEY 256

/* SourceOps.validate */
extern void kinesis_validate(Oid catalog, List *options);

/* How to reach the service. */
typedef struct KinesisAccess
{
	AwsServiceConfig config;	/* credentials are still NULL */
	const CredentialConfig *credentials;	/* NULL until taken */
	Endpoint   *endpoint;
} KinesisAccess;

/*
 * From the options of the server, in the current memory context; then whose
 * keys to use.  Raise errors that tell what to set; neither blocks.
 */
extern KinesisAccess *kinesis_access(const SourceRequest *request);
extern void kinesis_take_credentials(const SourceRequest *request, KinesisAccess *access);

/* In the current memory context; gets the credentials, and so may block. */
extern AwsService *kinesis_service(const KinesisAccess *access);

/* The gateway of option api_gateway; NULL: there is none.  Does not block. */
extern KinesisGateway *kinesis_gateway(const SourceRequest *request);

/*
 * In the current memory context.  Requests are signed if the user has keys, which
 * may have to be fetched.
 */
extern AwsService *kinesis_gateway_service(const SourceRequest *request,
										   const KinesisGateway *gateway);

/* A call; raises an error if the backend may not open more connections. */
extern AwsCall *kinesis_call(AwsService *service);

/*
 * Sends a request and waits for the answer, which is the call's until it begins
 * again.  Raises what went wrong.
 */
extern StringInfo kinesis_ask(AwsService *service, AwsCall *call, KinesisRequest *request);

/* The same; false if the service refuses it with that code. */
extern bool kinesis_ask_unless(AwsService *service, AwsCall *call, KinesisRequest *request,
							   const char *code);

/* Waits for some time, and can be cancelled. */
extern void kinesis_rest(AwsService *service, int ms);

/* The names of the streams of the account and region, in their order.  Blocks. */
extern List *kinesis_stream_names(const KinesisAccess *access, AwsService *service,
								  AwsCall *call);

/*
 * Shards
 */

/* Ranges of sequence numbers: decimal digits, NULL where there is no bound. */
typedef struct SequenceRange
{
	char	   *low;
	char	   *high;
	bool		low_inclusive;
	bool		high_inclusive;
} SequenceRange;

typedef struct Shard Shard;

struct Shard
{
	dlist_node	node;			/* in the fetch's list of those to be read */
	KinesisShard listed;
	char	   *subject;		/* for messages */
	Shard	   *parents[2];		/* those that are listed too */
	List	   *children;		/* of Shard */
	int			parents_left;	/* that have not been read to their end */
	bool		takes_all;		/* every hash key is its own */

	/* what is wanted of it: set by kinesis_confine */
	bool		wanted;
	SequenceRange *sequences;	/* ascending */
	int			nsequences;		/* 0: all */
	int			sequence_at;	/* the first that is not behind last_sequence */
	int			handed_at;		/* nor behind what has been handed out */
	int64		time_first;		/* arrived then or later, ms since 1970 */
	int64		time_end;		/* and before that */

	/* of a scan that goes on: set by kinesis_resume */
	bool		not_ours;		/* it is left to others */
	bool		read_before;	/* to its end */
	int64		read_until;		/* ms: what arrived until then has been read; -1:
								 * unknown */

	/* how far it is */
	char	   *iterator;		/* for its next records; of subscriptions, the
								 * sequence number behind which they are; NULL:
								 * to be had */
	char		last_sequence[132]; /* of the last record that came; or empty */
	bool		no_such_sequence;	/* a number that is wanted is none of it */
	int64		reached;		/* ms: all that arrived until then has come */
	int64		behind;			/* ms, by its last answer; -1: it never said */
	bool		asked;			/* a request for it has been sent */
	bool		begun;			/* records, or that there are none, have come */
	bool		closed;			/* and its last record, or that there is none */
	char		taken[132];		/* of the last record that was given out; or empty */
	int64		taken_arrival;	/* ms: of that record; -1: unknown */
	int64		next_at;		/* us: not to be asked before */
	int64		answered_at;	/* us */
	int64		fruitless;		/* us without headway */
	int			throttled;		/* in a row */
	int			broken;			/* answers in a row that brought nothing whole */
};

typedef struct ShardMap
{
	Shard	   *shards;			/* in the order of their hash keys and age */
	int			nshards;
	char	   *arn;			/* of the stream; NULL: not known */
	int64		taken_at;		/* ms, by the clock of the service; -1: it does
								 * not tell */
	int64		created;		/* the stream was, then */
	int64		retention;		/* ms */
} ShardMap;

/*
 * All shards of the stream and what is to be known of it, in the current
 * memory context.  Blocks.
 */
extern ShardMap *kinesis_shard_map(AwsService *service, const char *stream,
								   int64 *requests);

/*
 * All pages of the listing alone.  False if a token went stale on the way: they
 * live for five minutes.  Blocks.
 */
extern bool kinesis_list_map(ShardMap *map, AwsService *service, AwsCall *call,
							 const char *stream, int64 *requests);

/*
 * The ARN of the consumer of that name, or ARN, which is registered if there is
 * none.  Blocks until it can be used.
 */
extern const char *kinesis_consumer_arn(AwsService *service, const char *stream,
										const ShardMap *map, const char *consumer,
										int64 *requests);

/* Is this still the same stream?  Blocks; raises an error if not. */
extern void kinesis_check_same(AwsService *service, const char *stream,
							   const ShardMap *map);

/* When an answer was given, in ms since 1970; -1 if it does not say. */
extern int64 kinesis_answer_time(const AwsCall *call);

/* A timestamptz, which may be infinite, in ms since 1970; rounded down. */
extern int64 kinesis_unix_ms(int64 timestamp);

/* A time in ms since 1970 as PostgreSQL has it, and for messages. */
extern TimestampTz kinesis_timestamp(int64 ms);
extern char *kinesis_time_text(int64 ms);

/*
 * Sets what is wanted of the shard by a filter.  The source must tell of this
 * shard now.
 */
extern void kinesis_confine(Shard *shard, const SourceFilter *filter);

/* Where to begin, or to go on: what the next iterator is for. */
extern KinesisPosition kinesis_position(const Shard *shard);

/* Records up to this one have come. */
extern void kinesis_move_to(Shard *shard, const char *sequence, size_t len);

/* Is nothing wanted behind them? */
extern bool kinesis_sequences_done(const Shard *shard);

/* Is a record of this number wanted?  Asked of one after the other. */
extern bool kinesis_wants_sequence(Shard *shard, const char *sequence, size_t len);

/*
 * Of a scan that goes on: is this the next record of the shard?  Then it counts as
 * read; if not, it has been read before.
 */
extern bool kinesis_take_next(Shard *shard, const ReplyRecord *record);

/* Does what comes next begin behind a gap?  Then a new iterator jumps over it. */
extern bool kinesis_in_gap(const Shard *shard);

/*
 * Going on
 */

/* Sets where each shard goes on; before the fetch is created. */
extern void kinesis_resume(ShardMap *map, const SourceResume *resume);

/* How far the shards have been read, as reached in position.h. */
extern List *kinesis_reached(const ShardMap *map, const SourceResume *resume);

/* SourcePositions.check */
extern void kinesis_check_position(const SourcePosition *position);

/*
 * Headway
 */

/* What the trim horizon may have passed of a shard was not there at the start. */
extern void kinesis_begin_headway(Shard *shard, const ShardMap *map);

/* Nor what a parent has, whose child is read from here on. */
extern void kinesis_follow_headway(Shard *child, const Shard *parent);

/*
 * An answer given then (ms since 1970; -1: unknown) continues the shard: raises
 * an error if records before it may have been removed.
 */
extern void kinesis_check_horizon(const Shard *shard, const ShardMap *map, int64 answered);

/*
 * Notes how far the records of a part of an answer have brought the shard.
 * last_arrival: of the last of them, in ms since 1970.
 */
extern void kinesis_note_records(Shard *shard, const KinesisReply *reply,
								 int64 last_arrival);

/*
 * All of the answer has come, which began at came_at (us): notes when the shard
 * may be asked again.  Raises an error if it makes no headway for too long.
 */
extern void kinesis_note_answer(Shard *shard, const KinesisReply *reply, int64 came_at,
								int64 answered);

/* The same of what a subscription has sent, which goes on. */
extern void kinesis_note_event(Shard *shard, const KinesisReply *reply, int64 answered);

/* The same for an answer that brought nothing, or was a refusal. */
extern void kinesis_note_fruitless(Shard *shard);
extern void kinesis_note_refusal(Shard *shard);

/* An answer broke off: the shard rests for a moment. */
extern void kinesis_note_break(Shard *shard);

pg_noreturn extern void kinesis_report_lost_place(const Shard *shard);

/*
 * Fetching
 */

typedef struct FetchCounters
{
	int64		shards;			/* to be read */
	int64		begun;
	int64		filtered;		/* not wanted */
	int64		bytes;			/* of data */
	int64		control_requests;	/* all but GetRecords, SubscribeToShard */
	int64		get_requests;
	int64		throttled;
	int64		retries;
} FetchCounters;

typedef struct KinesisFetch KinesisFetch;

/*
 * Reads the wanted shards of a map, each once its parents have been read to
 * their end; consumer_arn NULL: with GetRecords.  Lives in the current memory
 * context; source is told of waits.
 * Begins nothing yet.
 */
extern KinesisFetch *kinesis_fetch_create(AwsService *service, const char *stream,
										  const char *consumer_arn, ShardMap *map,
										  Source *source, FetchCounters *counters);

/*
 * The next records, in a part of an answer, and their shard; NULL when all has
 * been read.  They live until the next call.  Those of a parent come before
 * those of its children, and those of a shard in their order.  Blocks.
 */
extern KinesisReply *kinesis_fetch_next(KinesisFetch *fetch, Shard **shard);

/* Moves requests on while the reader is busy; cheap. */
extern void kinesis_fetch_nudge(KinesisFetch *fetch);

/* Records that arrived later (ms since 1970) belong to no snapshot. */
extern int64 kinesis_fetch_limit(const KinesisFetch *fetch);

extern int	kinesis_fetch_in_flight(const KinesisFetch *fetch);
extern SourceWait kinesis_fetch_waiting(const KinesisFetch *fetch);

/* SourceOps.check */
extern bool kinesis_check(Check *check, bool ready, const SourceRequest *request);

/* SourceOps.admin */
extern const SourceAdmin kinesis_admin;

/* SourceOps.open_target */
extern Target *kinesis_open_target(const SourceRequest *request);

/* SourceOps.tables */
extern List *kinesis_tables(const SourceRequest *request, const char *schema);

#endif							/* PINTEREST_KINESIS_SOURCE_H */
