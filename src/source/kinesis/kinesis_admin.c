/*-------------------------------------------------------------------------
 *
 * kinesis_admin.c
 *	  The streams of an account and region, for the SQL functions that
 *	  administer sources.
 *
 * The service begins what it is asked for, and takes seconds to minutes for it.
 * How long is its own affair: the wait ends when the stream says so, or when
 * it is cancelled.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "pg_compat.h"
#include "source/admin.h"
#include "source/kinesis/kinesis.h"

/*
 * Between two looks at a stream, in ms: the service allows 20 a second to an
 * account, emulators are done at once.
 */
#define FIRST_PAUSE 20
#define LAST_PAUSE 1000

/* Kinesis API, "IncreaseStreamRetentionPeriod" */
#define LEAST_RETENTION 24
#define MOST_RETENTION 8760

#define NOT_FOUND "ResourceNotFoundException"

typedef struct KinesisAdmin
{
	const KinesisGateway *gateway;	/* all goes through it; NULL: to the service */
	KinesisAccess *access;		/* NULL with a gateway */
	AwsService *service;
	AwsCall    *call;
	KinesisRequest request;
} KinesisAdmin;

static KinesisAdmin *
open_service(const SourceRequest *request)
{
	KinesisAdmin *admin = palloc0(sizeof(KinesisAdmin));

	admin->gateway = kinesis_gateway(request);
	if (admin->gateway != NULL)
		admin->service = kinesis_gateway_service(request, admin->gateway);
	else
	{
		admin->access = kinesis_access(request);
		kinesis_take_credentials(request, admin->access);
		admin->service = kinesis_service(admin->access);
	}
	admin->call = kinesis_call(admin->service);
	kinesis_request_init(&admin->request);
	return admin;
}

/* Only one that exists has an ARN. */
static void
check_name(const char *name, bool arn_allowed)
{
	if (!kinesis_stream_is_valid(name) || (kinesis_is_arn(name) && !arn_allowed))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid stream name: \"%s\"", name),
				 errhint("It has up to 128 ASCII letters, digits, \"_\", \".\" and \"-\".")));
}

static void
ask(KinesisAdmin *admin)
{
	(void) kinesis_ask(admin->service, admin->call, &admin->request);
}

static void
prepare_description(KinesisAdmin *admin, const char *name)
{
	if (admin->gateway != NULL)
		kinesis_gateway_describe(&admin->request, admin->gateway, name);
	else
		kinesis_describe(&admin->request, name, name);
}

/* NULL: there is no such stream. */
static KinesisSummary *
look_up(KinesisAdmin *admin, const char *name)
{
	prepare_description(admin, name);
	if (!kinesis_ask_unless(admin->service, admin->call, &admin->request, NOT_FOUND))
		return NULL;
	return kinesis_summary(aws_call_body(admin->call), name);
}

/*
 * Looking
 */

/* Nobody can ask a gateway for a second page. */
static void
warn_of_more(const char *subject, const char *what, int n)
{
	ereport(WARNING,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the API gateway returned only the first %d %s of \"%s\"", n, what, subject)));
}

static List *
stream_names(KinesisAdmin *admin)
{
	const char *host;
	KinesisStreamPage *page;

	if (admin->gateway == NULL)
		return kinesis_stream_names(admin->access, admin->service, admin->call);
	host = admin->gateway->config.host;
	kinesis_gateway_list(&admin->request, admin->gateway);
	ask(admin);
	page = kinesis_stream_page(aws_call_body(admin->call), host);
	if (page->more)
		warn_of_more(host, "streams", list_length(page->names));
	return page->names;
}

/* One that is dropped meanwhile is left out. */
static List *
list_streams(const SourceRequest *request)
{
	KinesisAdmin *admin = open_service(request);
	List	   *names = stream_names(admin);
	List	   *sources = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		const KinesisSummary *summary = look_up(admin, lfirst(lc));
		AdminSource *source;

		if (summary == NULL)
			continue;
		source = palloc(sizeof(AdminSource));
		source->name = lfirst(lc);
		source->splits = (int) summary->open_shards;
		source->state = summary->status;
		sources = lappend(sources, source);
	}
	return sources;
}

static AdminSplit *
split_of(const KinesisShard *shard)
{
	AdminSplit *split = palloc0(sizeof(AdminSplit));

	split->name = shard->id;
	split->begins = shard->start_sequence;
	split->ends = shard->end_sequence;
	split->place = psprintf("hash keys %s to %s", hash_key_text(shard->first_key),
							hash_key_text(shard->last_key));
	split->state = shard->end_sequence == NULL ? "open" : "closed";
	for (int i = 0; i < lengthof(shard->parents); i++)
		if (shard->parents[i] != NULL)
			split->parents = lappend(split->parents, shard->parents[i]);
	return split;
}

static List *
add_option(List *options, const char *name, char *value)
{
	return lappend(options, makeDefElem(pstrdup(name), (Node *) makeString(value), -1));
}

/* As create_stream takes them; what is not known is left out. */
static List *
stream_options(const KinesisSummary *summary)
{
	List	   *options = NIL;

	if (summary->mode != NULL)
		options = add_option(options, "StreamMode", summary->mode);
	if (summary->retention > 0)
		options = add_option(options, "RetentionPeriodHours",
							 psprintf("%lld", (long long) summary->retention));
	return options;
}

static List *
describe_through_gateway(KinesisAdmin *admin, const char *name, List **options)
{
	KinesisShardPage *page;
	List	   *splits = NIL;

	prepare_description(admin, name);
	ask(admin);
	page = kinesis_shard_page(aws_call_body(admin->call), name);
	for (int i = 0; i < page->nshards; i++)
		splits = lappend(splits, split_of(&page->shards[i]));
	if (page->more)
		warn_of_more(name, "shards", page->nshards);
	*options = stream_options(kinesis_summary(aws_call_body(admin->call), name));
	return splits;
}

static List *
describe_stream(const SourceRequest *request, const char *name, List **options)
{
	KinesisAdmin *admin;
	KinesisSummary *summary;
	ShardMap	map = {0};
	int64		requests = 0;
	List	   *splits = NIL;

	check_name(name, true);
	admin = open_service(request);
	if (admin->gateway != NULL)
		return describe_through_gateway(admin, name, options);
	while (!kinesis_list_map(&map, admin->service, admin->call, name, &requests))
		;
	for (int i = 0; i < map.nshards; i++)
		splits = lappend(splits, split_of(&map.shards[i].listed));
	summary = look_up(admin, name);
	if (summary != NULL)
		*options = stream_options(summary);
	return splits;
}

/*
 * Waiting
 */

static void
rest(KinesisAdmin *admin, int *pause)
{
	kinesis_rest(admin->service, *pause);
	*pause = Min(*pause * 2, LAST_PAUSE);
}

/* An error if somebody drops it. */
static void
wait_until_active(KinesisAdmin *admin, const char *name)
{
	int			pause = FIRST_PAUSE;

	for (;;)
	{
		prepare_description(admin, name);
		ask(admin);
		if (strcmp(kinesis_summary(aws_call_body(admin->call), name)->status, "ACTIVE") == 0)
			break;
		rest(admin, &pause);
	}
}

/* One that somebody makes anew meanwhile is another. */
static void
wait_until_gone(KinesisAdmin *admin, const char *name)
{
	KinesisSummary *summary = look_up(admin, name);
	int64		created = summary == NULL ? 0 : summary->created;
	int			pause = FIRST_PAUSE;

	while (summary != NULL && summary->created == created)
	{
		rest(admin, &pause);
		summary = look_up(admin, name);
	}
}

/*
 * Changing
 */

pg_noreturn static void
refuse_through_gateway(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot %s through an API gateway", what),
			 errhint("Use a server without option \"api_gateway\".")));
	pg_unreachable();
}

typedef struct StreamOptions
{
	bool		on_demand;
	int			retention;		/* hours */
} StreamOptions;

static bool
parse_mode(const char *text)
{
	bool		on_demand = strcmp(text, "ON_DEMAND") == 0;

	if (!on_demand && strcmp(text, "PROVISIONED") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "StreamMode", text),
				 errhint("It is PROVISIONED or ON_DEMAND.")));
	return on_demand;
}

static int
parse_retention(const char *text)
{
	size_t		len = strlen(text);

	if (len == 0 || len > 4 || strspn(text, "0123456789") != len ||
		atoi(text) < LEAST_RETENTION || atoi(text) > MOST_RETENTION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "RetentionPeriodHours", text),
				 errhint("It is a number from %d to %d.", LEAST_RETENTION, MOST_RETENTION)));
	return atoi(text);
}

static StreamOptions
parse_options(int splits, List *options)
{
	StreamOptions parsed = {false, LEAST_RETENTION};
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "StreamMode") == 0)
			parsed.on_demand = parse_mode(defGetString(def));
		else if (strcmp(def->defname, "RetentionPeriodHours") == 0)
			parsed.retention = parse_retention(defGetString(def));
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid option \"%s\"", def->defname),
					 errhint("A stream takes \"StreamMode\" and \"RetentionPeriodHours\".")));
	}
	if (parsed.on_demand && splits != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot set splits of a stream whose \"StreamMode\" is ON_DEMAND"),
				 errhint("Leave out splits: the service chooses the number of shards.")));
	return parsed;
}

static void
create_stream(const SourceRequest *request, const char *name, int splits, List *options)
{
	StreamOptions wanted = parse_options(splits, options);
	KinesisAdmin *admin;

	check_name(name, false);
	admin = open_service(request);
	if (admin->gateway == NULL)
		kinesis_create_stream(&admin->request, name, wanted.on_demand ? 0 : splits);
	else if (!wanted.on_demand && wanted.retention == LEAST_RETENTION)
		kinesis_gateway_create(&admin->request, admin->gateway, name, splits);
	else
		refuse_through_gateway("set the mode or retention of a stream");
	if (!kinesis_ask_unless(admin->service, admin->call, &admin->request,
							"ResourceInUseException"))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("stream \"%s\" already exists", name),
				 errdetail("The service says: \"%s\".", aws_call_failure(admin->call)->message)));
	wait_until_active(admin, name);
	if (wanted.retention == LEAST_RETENTION)
		return;
	kinesis_increase_retention(&admin->request, name, wanted.retention);
	ask(admin);
	wait_until_active(admin, name);
}

static void
alter_stream(const SourceRequest *request, const char *name, int splits)
{
	KinesisAdmin *admin;

	check_name(name, true);
	admin = open_service(request);
	if (admin->gateway != NULL)
		refuse_through_gateway("change the shards of a stream");
	kinesis_update_shard_count(&admin->request, name, splits);
	ask(admin);
	wait_until_active(admin, name);
}

static void
drop_stream(const SourceRequest *request, const char *name)
{
	KinesisAdmin *admin;

	check_name(name, true);
	admin = open_service(request);
	if (admin->gateway != NULL)
		kinesis_gateway_delete(&admin->request, admin->gateway, name);
	else
		kinesis_delete_stream(&admin->request, name);
	ask(admin);
	wait_until_gone(admin, name);
}

const SourceAdmin kinesis_admin = {
	.list = list_streams,
	.describe = describe_stream,
	.create = create_stream,
	.alter = alter_stream,
	.drop = drop_stream,
};
