/*-------------------------------------------------------------------------
 *
 * kafka_check.c
 *	  The steps that check a cluster and a topic.
 *
 * The way to the brokers is tried without Kafka first: only so can be told
 * whether a name or a port is wrong.  What comes then is one request on a
 * handle of its own; its error tells how far that got.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "kafka/options.h"
#include "kafka/topics.h"
#include "miscadmin.h"
#include "option.h"
#include "source/kafka/kafka.h"
#include "source/kafka/kafka_rest.h"

#define DEFAULT_PORT 9092		/* librdkafka's */

/* Brokers of the cluster that are tried; those of larger ones are like them. */
#define MAX_BROKERS 30

typedef struct KafkaCheck
{
	const SourceRequest *request;
	const char *topic;			/* NULL: the server alone */
	bool		tls;
	bool		sasl;
	AddressPolicy policy;
	KafkaClient *client;
	int			npeers;
	CheckPeer  *peers;
	List	   *brokers;		/* of KafkaBroker */
	bool		empty;			/* there is nothing to read */
} KafkaCheck;

/* Texts of librdkafka's own: has the handshake failed, or its preparation? */
static const char *const tls_signs[] = {
	"SSL handshake failed", "SSL error", "SSL transport error", "ssl.", NULL
};

/*
 * The way to them
 */

/* "[protocol://]host[:port]", as bootstrap.servers has it. */
static void
take_peer(CheckPeer *peer, char *text)
{
	char	   *protocol = strstr(text, "://");
	char	   *host = protocol == NULL ? text : protocol + 3;
	char	   *colon = strrchr(host, ':');

	peer->host = host;
	peer->port = DEFAULT_PORT;
	if (colon != NULL && strchr(colon, ']') == NULL)
	{
		peer->port = atoi(colon + 1);
		*colon = '\0';
	}
}

static void
take_bootstrap_servers(KafkaCheck *kafka)
{
	char	   *rest = pstrdup(option_text(kafka->request->server_options, "bootstrap.servers"));
	char	   *word;

	kafka->peers = palloc0(sizeof(CheckPeer) * (strlen(rest) + 1));
	while ((word = strsep(&rest, ", ")) != NULL)
		if (*word != '\0')
			take_peer(&kafka->peers[kafka->npeers++], word);
}

/* CheckWork, though not a step by itself. */
static char *
try_peers(void *arg)
{
	KafkaCheck *kafka = arg;

	check_peers(kafka->peers, kafka->npeers, kafka->policy);
	return NULL;
}

/* What is wrong with those that did not get past a phase. */
static char *
problems_of(const CheckPeer *peers, int n, HttpPhase phase)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < n; i++)
		if (!peers[i].reached && peers[i].connection.phase == phase)
			appendStringInfo(&text, "%s\"%s:%d\": %s.", text.len == 0 ? "" : " ",
							 peers[i].host, peers[i].port, peers[i].problem);
	return text.data;
}

/* Adds the step of a phase, for all together: one that gets past it is enough. */
static bool
add_phase(Check *check, bool ready, const KafkaCheck *kafka, HttpPhase phase,
		  const char *name, const char *got_past, const char *hint)
{
	const char *problems = problems_of(kafka->peers, kafka->npeers, phase);
	int			past = 0;
	double		took = 0;

	if (!ready)
		return check_run(check, name, false, NULL, NULL, NULL);
	for (int i = 0; i < kafka->npeers; i++)
	{
		const CheckPeer *peer = &kafka->peers[i];

		past += peer->reached || peer->connection.phase > phase;
		took = Max(took, peer->connection.took[phase]);
	}
	if (past == 0)
		check_add(check, name, CHECK_FAILED, check->took, problems, hint);
	else
		check_add(check, name, CHECK_OK, took,
				  psprintf("Servers of \"bootstrap.servers\" that %s: %d of %d.%s%s", got_past, past,
						   kafka->npeers, *problems == '\0' ? "" : " ", problems), NULL);
	return past > 0;
}

static bool
was_refused(const CheckPeer *peers, int n)
{
	for (int i = 0; i < n; i++)
		if (peers[i].failure == HTTP_REFUSED_ADDRESS)
			return true;
	return false;
}

/* The steps "name lookup" and "connection". */
static bool
check_way(Check *check, bool ready, KafkaCheck *kafka)
{
	char	   *ignored;
	ErrorData  *error = ready ? check_try(check, try_peers, kafka, &ignored) : NULL;
	bool		found;

	if (error != NULL)
	{
		check_add_error(check, "name lookup", error, NULL);
		return check_run(check, "connection", false, NULL, NULL, NULL);
	}
	found = add_phase(check, ready, kafka, HTTP_LOOKUP, "name lookup", "have an address",
					  "Check the host names in \"bootstrap.servers\", and the name service of this machine.");
	return add_phase(check, found, kafka, HTTP_CONNECT, "connection", "take connections",
					 was_refused(kafka->peers, kafka->npeers) ?
					 "Loopback and private addresses are open only to a server that a superuser owns, link-local addresses to none." :
					 "Check hosts and ports in \"bootstrap.servers\", that brokers run there, and that no firewall stands between.");
}

/*
 * The cluster
 */

/* CheckWork, though not a step by itself: who belongs to the cluster? */
static char *
ask_cluster(void *arg)
{
	KafkaCheck *kafka = arg;

	kafka_client_forget();
	kafka->client = kafka_client_acquire(kafka->request, KAFKA_CONSUMER);
	kafka->brokers = kafka_brokers(kafka->client);
	return NULL;
}

static bool
is_of_tls(const ErrorData *error)
{
	for (const char *const *sign = tls_signs; *sign != NULL; sign++)
		if (strstr(error->message, *sign) != NULL ||
			(error->detail != NULL && strstr(error->detail, *sign) != NULL))
			return true;
	return false;
}

/* A step that is not taken, or over, or failed: nothing then comes of the rest. */
static bool
add_stage(Check *check, const char *name, bool used, const char *unused,
		  bool failed, const ErrorData *error, const char *hint)
{
	if (check->failed != NULL)
		return check_run(check, name, false, NULL, NULL, NULL);
	if (!used)
		check_add(check, name, CHECK_SKIPPED, -1, unused, NULL);
	else if (failed)
		check_add_error(check, name, error, hint);
	else
		check_add(check, name, CHECK_OK, -1, NULL, NULL);
	return check->failed == NULL;
}

/* CheckWork: are they where they tell clients to find them? */
static char *
try_brokers(void *arg)
{
	KafkaCheck *kafka = arg;
	int			n = Min(list_length(kafka->brokers), MAX_BROKERS);
	CheckPeer  *peers = palloc0(sizeof(CheckPeer) * Max(n, 1));
	char	   *problems;

	for (int i = 0; i < n; i++)
	{
		const KafkaBroker *broker = list_nth(kafka->brokers, i);

		peers[i].host = strchr(broker->host, ':') == NULL ? pstrdup(broker->host) :
			psprintf("[%s]", broker->host);
		peers[i].port = broker->port;
	}
	check_peers(peers, n, kafka->policy);
	problems = psprintf("%s%s", problems_of(peers, n, HTTP_LOOKUP),
						problems_of(peers, n, HTTP_CONNECT));
	if (*problems != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
				 errmsg("not all brokers can be reached"),
				 errdetail("%s", problems),
				 errhint("The cluster sends clients to these names (\"advertised.listeners\" of the brokers): they must lead there from the database server.")));
	return psprintf("Brokers that can be reached: %d of %d.", n, list_length(kafka->brokers));
}

/* The steps "TLS", "sign-in" and "brokers". */
static bool
check_cluster(Check *check, bool ready, KafkaCheck *kafka)
{
	char	   *ignored;
	ErrorData  *error = ready ? check_try(check, ask_cluster, kafka, &ignored) : NULL;
	bool		tls_failed = error != NULL && is_of_tls(error);

	add_stage(check, "TLS", kafka->tls,
			  "\"security.protocol\" does not ask for it, so others on the way can read what is sent.",
			  tls_failed, error,
			  "Check \"ssl.ca.location\", the names in \"bootstrap.servers\", and that this port of the broker speaks TLS.");
	add_stage(check, "sign-in", kafka->sasl, "\"security.protocol\" does not ask for it.",
			  error != NULL, error,
			  "Check \"sasl.mechanism\", and the user's name and password in the user mapping.");
	if (error != NULL && check->failed == NULL)
	{
		/* servers do take connections */
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION ||
			error->sqlerrcode == ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION)
			error->hint = NULL;
		check_add_error(check, "brokers", error,
						"Connections are taken there, but not answered as by Kafka. Check that \"security.protocol\" is what this port of the brokers wants.");
		return false;
	}
	return check_run(check, "brokers", ready && error == NULL, try_brokers, kafka, NULL);
}

/*
 * Topics
 */

/* CheckWork */
static char *
list_topic(void *arg)
{
	KafkaCheck *kafka = arg;
	List	   *topics = kafka_topics(kafka->client, kafka->topic);
	List	   *splits = kafka_choose_splits(kafka->client,
											 kafka_take_snapshot(kafka->client, kafka->topic),
											 NULL, NULL);
	int			partitions = 0;
	int64		offsets = 0;
	ListCell   *lc;

	foreach(lc, topics)
		partitions += ((KafkaTopic *) lfirst(lc))->partitions;
	foreach(lc, splits)
		offsets += kafka_split_size(lfirst(lc));
	kafka->empty = offsets == 0;
	return psprintf("Topics that match \"%s\": %d, with %d partitions and %lld offsets.",
					kafka->topic, list_length(topics), partitions, (long long) offsets);
}

/* CheckWork */
static char *
list_topics(void *arg)
{
	KafkaCheck *kafka = arg;

	return psprintf("Topics the user may see: %d.", list_length(kafka_all_topics(kafka->client)));
}

/* CheckWork: the way that writing takes; its list of topics is an array. */
static char *
ask_rest_proxy(void *arg)
{
	KafkaCheck *kafka = arg;
	RestProxy  *proxy = rest_proxy_create(kafka->request);
	RestAnswer	answer;

	rest_proxy_begin(proxy, "/topics", NULL, 0);
	rest_proxy_await(proxy, &answer);
	if (answer.status != 200 || answer.len == 0 || answer.body[0] != '[')
		rest_answer_raise(proxy, &answer, "list topics", 1);
	return psprintf("The proxy at \"%s\" lists topics.",
					option_text(kafka->request->server_options, "rest_proxy"));
}

/* Is there a topic whose first record can be read? */
static bool
check_brokers(Check *check, bool ready, KafkaCheck *kafka)
{
	const SourceRequest *request = kafka->request;
	Oid			owner = GetForeignServer(request->serverid)->owner;

	kafka->policy = superuser_arg(owner) ? ADDRESS_PRIVATE : ADDRESS_PUBLIC;
	if (ready)
	{
		take_bootstrap_servers(kafka);
		kafka->sasl = kafka_uses_sasl(request->server_options);
		kafka->tls = kafka_uses_tls(request->server_options);
		if (request->table_options != NIL)
			kafka->topic = option_text(request->table_options, "topic");
	}
	ready = check_way(check, ready, kafka);
	ready = check_cluster(check, ready, kafka);
	ready = check_run(check, "list", ready, kafka->topic == NULL ? list_topics : list_topic,
					  kafka, NULL);
	if (kafka->client != NULL && ready)
		kafka_client_release(kafka->client);
	return ready && kafka->topic != NULL && !kafka->empty;
}

bool
kafka_check(Check *check, bool ready, const SourceRequest *request)
{
	KafkaCheck *kafka = palloc0(sizeof(KafkaCheck));
	bool		found;

	kafka->request = request;
	found = check_brokers(check, ready, kafka);
	if (option_given(request->server_options, "rest_proxy"))
		(void) check_run(check, "REST proxy", ready, ask_rest_proxy, kafka, NULL);
	return found;
}
