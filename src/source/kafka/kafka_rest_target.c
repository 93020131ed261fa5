/*-------------------------------------------------------------------------
 *
 * kafka_rest_target.c
 *	  The target of kafka_json with option rest_proxy: rows go through a REST
 *	  proxy.
 *
 * While one request is answered the next one gathers.  There is never more than
 * one under way, so records of a partition stay in order; but for those that a
 * proxy could not send and asks for again, which come behind the others of their
 * request.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/clean_text.h"
#include "aws/client.h"
#include "mb/pg_wchar.h"
#include "net/url.h"
#include "option.h"
#include "source/kafka/kafka.h"
#include "source/kafka/kafka_rest.h"
#include "source/kafka/kafka_target.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

/* Of a request: proxies and gateways limit both. */
#define MAX_RECORDS 1000
#define MAX_BYTES (1024 * 1024)

#define BODY_START "{\"records\":["
#define BODY_END "]}"

/* Records of one topic, and with them the body of a request. */
typedef struct Batch
{
	StringInfoData body;
	int			n;
	int			starts[MAX_RECORDS + 1];	/* of each in body, and the end; a comma
											 * is before all but the first */
	int64		rows[MAX_RECORDS];
	int			attempts;
} Batch;

typedef struct RestTarget
{
	Target		base;
	SourceRequest request;
	const char *table_topic;
	RestProxy  *proxy;			/* NULL before the first row */
	char	   *topic;			/* of both batches; NULL before the first row */
	char	   *path;			/* for it */
	Batch	   *gathering;
	Batch	   *sent;			/* n is 0: no request is under way */
	RestResult *results;
	StringInfoData record;
	MemoryContext row_context;
	MemoryContext answer_context;
	int64		rows;
	bool		certain;		/* of what was sent, nothing is there */
} RestTarget;

/*
 * Batches
 */

static void
empty_batch(Batch *batch)
{
	resetStringInfo(&batch->body);
	appendStringInfoString(&batch->body, BODY_START);
	batch->starts[0] = batch->body.len;
	batch->n = 0;
	batch->attempts = 0;
}

static Batch *
make_batch(void)
{
	Batch	   *batch = palloc0(sizeof(Batch));

	initStringInfo(&batch->body);
	empty_batch(batch);
	return batch;
}

static void
add_record(Batch *batch, const char *record, int len, int64 row)
{
	if (batch->n > 0)
		appendStringInfoCharMacro(&batch->body, ',');
	batch->starts[batch->n] = batch->body.len;
	batch->rows[batch->n++] = row;
	appendBinaryStringInfo(&batch->body, record, len);
	batch->starts[batch->n] = batch->body.len + 1;
}

static void
send_batch(RestTarget *target, Batch *batch)
{
	appendStringInfoString(&batch->body, BODY_END);
	batch->attempts++;
	target->certain = false;
	rest_proxy_begin(target->proxy, target->path, batch->body.data, batch->body.len);
}

/*
 * Answers
 */

/* ", with key …", or nothing; it is text here, and stands first in a record. */
static char *
describe_key(const Batch *batch, int i)
{
	static const char start[] = "{\"key\":\"";
	const char *record = batch->body.data + batch->starts[i];
	const char *key = record + strlen(start);
	size_t		len = 0;
	char		shown[64];

	if (strncmp(record, start, strlen(start)) != 0)
		return "";
	while (key[len] != '"')
		len += key[len] == '\\' ? 2 : 1;
	aws_clean_text(shown, sizeof(shown), key, len, NULL);
	return psprintf(", with key \"%s\"", shown);
}

/* What could not be done, in an error. */
static char *
writing(const RestTarget *target)
{
	return psprintf("write to topic \"%s\"", target->topic);
}

pg_noreturn static void
raise_refused(const RestTarget *target, const Batch *batch, int i)
{
	const RestResult *result = &target->results[i];

	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not write to topic \"%s\" through \"%s\": a record was refused",
					target->topic, option_text(target->request.server_options, "rest_proxy")),
			 errdetail("The record is that of row %lld of the statement%s. The proxy says, with code %d: \"%s\".",
					   (long long) batch->rows[i], describe_key(batch, i), result->code,
					   result->message)));
	pg_unreachable();
}

/*
 * Takes the records out that have been taken, which leaves those to be sent
 * again; raises the error of the first that will not be.
 */
static void
take_results(RestTarget *target, Batch *batch)
{
	char	   *body = MemoryContextAlloc(target->answer_context, batch->body.len);
	int			n = batch->n;
	int			attempts = batch->attempts;
	int			refused = -1;
	int			taken = 0;

	for (int i = 0; i < n; i++)
		if (target->results[i].taken)
			taken++;
		else if (refused < 0 &&
				 (!target->results[i].retriable || attempts > pinterest_max_retries))
			refused = i;
	target->base.complete += taken;
	target->certain = true;
	if (refused >= 0)
	{
		batch->n = 0;
		raise_refused(target, batch, refused);
	}
	memcpy(body, batch->body.data, batch->body.len);
	empty_batch(batch);
	for (int i = 0, start = batch->starts[0]; i < n; i++)
	{
		/* at most as many have been put back, so this end is still what it was */
		int			end = batch->starts[i + 1];

		if (!target->results[i].taken)
			add_record(batch, body + start, end - 1 - start, batch->rows[i]);
		start = end;
	}
	batch->attempts = taken > 0 ? 0 : attempts;
}

/* Takes the answer to the request that is under way; records may be left over. */
static void
take_answer(RestTarget *target, Batch *batch)
{
	RestAnswer	answer;
	bool		understood;

	rest_proxy_await(target->proxy, &answer);
	understood = answer.status >= 200 && answer.status <= 299 &&
		rest_reply_results(&answer, batch->n, target->results);
	if (understood)
	{
		take_results(target, batch);
		return;
	}
	target->certain = rest_answer_certain(&answer);
	if (!rest_answer_retriable(&answer) || batch->attempts > pinterest_max_retries)
		rest_answer_raise(target->proxy, &answer, writing(target), batch->attempts);
	batch->body.len -= strlen(BODY_END);
}

/* Returns when all that was sent is there. */
static void
settle(RestTarget *target)
{
	Batch	   *batch = target->sent;
	MemoryContext before = MemoryContextSwitchTo(target->answer_context);

	while (batch->n > 0)
	{
		take_answer(target, batch);
		MemoryContextReset(target->answer_context);
		if (batch->n == 0)
			break;
		rest_proxy_pause(target->proxy, batch->attempts - 1);
		send_batch(target, batch);
	}
	MemoryContextSwitchTo(before);
}

/* Sends what has gathered, when what was sent before is there. */
static void
turn_over(RestTarget *target)
{
	Batch	   *empty = target->sent;

	settle(target);
	if (target->gathering->n == 0)
		return;
	empty_batch(empty);
	target->sent = target->gathering;
	target->gathering = empty;
	send_batch(target, target->sent);
}

/*
 * Topics
 */

/*
 * A proxy looks for a minute for a topic that is not there, and may even make
 * it.  Gateways that let nothing but records through are not asked again.
 */
static void
check_topic(RestTarget *target)
{
	RestAnswer	answer;
	char		message[8];
	int			attempts = 0;

	do
	{
		if (attempts > 0)
			rest_proxy_pause(target->proxy, attempts - 1);
		rest_proxy_begin(target->proxy, target->path, NULL, 0);
		rest_proxy_await(target->proxy, &answer);
	} while ((rest_answer_retriable(&answer) || answer.failure == HTTP_BROKEN) &&
			 ++attempts <= pinterest_max_retries);
	if (answer.status == 0 || answer.status == 401 ||
		(answer.status == 404 && rest_reply_error(&answer, message, sizeof(message)) == 40401))
		rest_answer_raise(target->proxy, &answer, writing(target), attempts);
}

/* From now on records are for this topic. */
static void
change_topic(RestTarget *target, const char *topic)
{
	MemoryContext before;
	StringInfoData path;

	turn_over(target);
	settle(target);
	before = MemoryContextSwitchTo(GetMemoryChunkContext(target));
	if (target->proxy == NULL)
		target->proxy = rest_proxy_create(&target->request);
	target->topic = pstrdup(topic);
	initStringInfo(&path);
	appendStringInfoString(&path, "/topics/");
	url_encode(&path, topic, false);
	target->path = path.data;
	MemoryContextSwitchTo(before);
	check_topic(target);
}

/*
 * Records
 */

/* A key is a JSON string, as the format has it. */
static void
append_key(const RestTarget *target, StringInfo out, Datum value)
{
	struct varlena *key = PG_DETOAST_DATUM_PACKED(value);
	const char *bytes = VARDATA_ANY(key);
	int			len = VARSIZE_ANY_EXHDR(key);

	if (pg_encoding_verifymbstr(PG_UTF8, bytes, len) != len || memchr(bytes, '\0', len) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a key written through a Kafka REST proxy must be text"),
				 errdetail("The key of row %lld of the statement is not valid UTF-8, or contains a zero byte.",
						   (long long) target->rows)));
	appendStringInfoString(out, "\"key\":");
	escape_json(out, pnstrdup(bytes, len));
	appendStringInfoCharMacro(out, ',');
}

static void
make_record(RestTarget *target, const TargetRecord *record)
{
	StringInfo	out = &target->record;

	resetStringInfo(out);
	appendStringInfoCharMacro(out, '{');
	if (!record->absent[KAFKA_ITEM_KEY])
		append_key(target, out, record->metadata[KAFKA_ITEM_KEY]);
	if (!record->absent[KAFKA_ITEM_PARTITION])
		appendStringInfo(out, "\"partition\":%d,",
						 DatumGetInt32(record->metadata[KAFKA_ITEM_PARTITION]));
	appendStringInfoString(out, "\"value\":");
	if (record->data == NULL)
		appendStringInfoString(out, "null");
	else
	{
		if (record->whole)
			target_check_json(record, "a Kafka REST proxy");
		appendBinaryStringInfo(out, record->data, record->len);
	}
	appendStringInfoCharMacro(out, '}');
}

static void
rest_target_put(Target *base, const TargetRecord *record)
{
	RestTarget *target = (RestTarget *) base;
	MemoryContext before = MemoryContextSwitchTo(target->row_context);
	const char *given = record->absent[KAFKA_ITEM_TOPIC] ? NULL :
		TextDatumGetCString(record->metadata[KAFKA_ITEM_TOPIC]);
	const char *topic = kafka_target_topic(target->table_topic, given, ++target->rows);
	Batch	   *batch;

	make_record(target, record);
	if (target->topic == NULL || strcmp(target->topic, topic) != 0)
		change_topic(target, topic);
	batch = target->gathering;
	if (batch->n == MAX_RECORDS ||
		(batch->n > 0 && batch->body.len + target->record.len > MAX_BYTES))
		turn_over(target);
	add_record(target->gathering, target->record.data, target->record.len, target->rows);
	MemoryContextSwitchTo(before);
	MemoryContextReset(target->row_context);
}

static void
rest_target_finish(Target *base)
{
	RestTarget *target = (RestTarget *) base;

	turn_over(target);
	settle(target);
}

static char *
rest_target_remains(Target *base)
{
	RestTarget *target = (RestTarget *) base;

	return target_remains(base->unit, base->complete, target->certain ? 0 : target->sent->n);
}

static const TargetOps rest_target_ops = {
	.put = rest_target_put,
	.finish = rest_target_finish,
	.remains = rest_target_remains,
};

Target *
kafka_rest_target_open(const SourceRequest *request)
{
	RestTarget *target = palloc0(sizeof(RestTarget));

	target->base.ops = &rest_target_ops;
	target->base.name = target->table_topic = option_text(request->table_options, "topic");
	target->base.unit = "messages";
	target->base.takes = 1 << KAFKA_ITEM_TOPIC | 1 << KAFKA_ITEM_PARTITION | 1 << KAFKA_ITEM_KEY;
	target->base.takes_bytes = true;
	target->base.refusal = "A Kafka REST proxy takes no more than topic, partition, key and value.";
	target->request = *request;
	target->gathering = make_batch();
	target->sent = make_batch();
	target->results = palloc(sizeof(RestResult) * MAX_RECORDS);
	initStringInfo(&target->record);
	target->row_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest REST record",
												ALLOCSET_DEFAULT_SIZES);
	target->answer_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest REST answer",
												   ALLOCSET_DEFAULT_SIZES);
	return &target->base;
}
