/*-------------------------------------------------------------------------
 *
 * client.c
 *	  Handles over librdkafka: making, keeping, destroying them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <signal.h>

#include "foreign/foreign.h"
#include "kafka/handle.h"
#include "kafka/properties.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "option.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

/* A handle holds threads and connections: no more than these are kept. */
#define MAX_IDLE 4

/* Destroying a handle may not hold up a cancel for longer, in ms. */
#define DESTROY_TIME 800

static dlist_head idle_handles = DLIST_STATIC_INIT(idle_handles);
static int	idle_count = 0;

/*
 * Destroying
 */

static void *
destroy_in_thread(void *arg)
{
	rd_kafka_destroy_flags(arg, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return NULL;
}

/*
 * librdkafka waits for its threads, of which one may be looking up a name, for
 * as long as that takes.  So a thread does it, which is left to itself when it
 * does not end soon.
 */
static void
destroy_handle(rd_kafka_t *rk)
{
	pthread_t	thread;
	sigset_t	all;
	sigset_t	before;
	struct timespec end;
	int			failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&thread, NULL, destroy_in_thread, rk);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
	{
		destroy_in_thread(rk);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += DESTROY_TIME * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000L;
	end.tv_nsec %= 1000000000L;
	if (pthread_timedjoin_np(thread, NULL, &end) != 0)
		pthread_detach(thread);
}

static void
destroy_client(KafkaClient *client)
{
	if (client->rk != NULL)
		destroy_handle(client->rk);
	if (client->sign_in != NULL)
		kafka_sign_in_free(client->sign_in);
	if (client->password != NULL)
		pfree(client->password);
	pfree(client->identity);
	pfree(client);
}

void
kafka_client_forget(void)
{
	while (!dlist_is_empty(&idle_handles))
		destroy_client(dlist_container(KafkaClient, node, dlist_pop_head_node(&idle_handles)));
	idle_count = 0;
}

/* The threads of a handle must not see the process fall apart around them. */
static void
destroy_idle(int code, Datum arg)
{
	kafka_client_forget();
}

/* Of the memory context that a client is used in. */
static void
destroy_used(void *arg)
{
	KafkaGuard *guard = arg;

	if (guard->client != NULL)
		destroy_client(guard->client);
}

/*
 * Making
 */

/* A cluster may send back what it got. */
static void
hide_password(KafkaClient *client)
{
	size_t		len = client->password == NULL ? 0 : strlen(client->password);
	char	   *found = client->reason;

	/* a short one would be found everywhere */
	while (len >= 4 && (found = strstr(found, client->password)) != NULL)
		memset(found, '*', len);
}

/* Callback, in a call of ours: keeps the error for whoever waits. */
static void
note_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	KafkaClient *client = opaque;

	/* the error that made it fatal says more */
	if (err == RD_KAFKA_RESP_ERR__FATAL)
		err = rd_kafka_fatal_error(rk, NULL, 0);

	/* it comes behind the error that says why */
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN &&
		client->error != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	client->error = err;
	strlcpy(client->reason, reason, KAFKA_REASON_SIZE);
	hide_password(client);
}

/* Callback, in a call of ours: the errors among these come to note_error too. */
static void
drop_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
}

/* What reading and writing rely on; no option can change it. */
static const char *const common_properties[][2] = {
	{"client.id", "pinterest_pipeline"},
	{"log.queue", "true"},
	{NULL}
};

static const char *const consumer_properties[][2] = {
	{"enable.partition.eof", "true"},
	{"auto.offset.reset", "error"},
	{"auto.commit.enable", "false"},
	{"enable.auto.offset.store", "false"},

	/* a broker has data up to the end of the snapshot: no need to wait for it */
	{"fetch.wait.max.ms", "1"},
	{"fetch.message.max.bytes", "4194304"},

	/* see consumer.c: the number of messages is no limit, their size is */
	{"queued.min.messages", "10000000"},
	{"queued.max.messages.kbytes", "65536"},
	{NULL}
};

static const char *const producer_properties[][2] = {
	{"enable.idempotence", "true"},

	/* brokers may make topics that are asked for, but not for a slip of the pen */
	{"allow.auto.create.topics", "false"},

	/* a key goes where a Java client would send it */
	{"partitioner", "murmur2_random"},

	/* what is on its way */
	{"queue.buffering.max.messages", "100000"},
	{"queue.buffering.max.kbytes", "65536"},
	{NULL}
};

static void
set_all(rd_kafka_conf_t *conf, const char *const (*properties)[2])
{
	for (; (*properties)[0] != NULL; properties++)
		kafka_property_set(conf, (*properties)[0], (*properties)[1]);
}

static void
destroy_conf(void *arg)
{
	rd_kafka_conf_t **conf = arg;

	if (*conf != NULL)
		rd_kafka_conf_destroy(*conf);
}

/* A configuration that the current memory context destroys unless it is taken. */
static rd_kafka_conf_t **
make_conf(KafkaClient *client, const SourceRequest *request, List *mapping_options)
{
	rd_kafka_conf_t **conf = palloc(sizeof(rd_kafka_conf_t *));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	*conf = rd_kafka_conf_new();
	callback->func = destroy_conf;
	callback->arg = conf;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);

	set_all(*conf, common_properties);
	set_all(*conf, client->role == KAFKA_CONSUMER ? consumer_properties : producer_properties);
	kafka_properties_apply(*conf, client->role, request->server_options, mapping_options);

	/* from 2.2 on librdkafka need not be woken; see consumer.c */
	if (client->role == KAFKA_CONSUMER)
		client->needs_poking = !kafka_property_try(*conf, "fetch.queue.backoff.ms", "5");

	client->mechanism = kafka_mechanism(request->server_options);
	client->sign_in = kafka_sign_in_create(request, mapping_options, *conf);
	kafka_address_guard(*conf, client);
	rd_kafka_conf_set_opaque(*conf, client);
	rd_kafka_conf_set_error_cb(*conf, note_error);
	rd_kafka_conf_set_log_cb(*conf, drop_log);
	if (client->role == KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(*conf, kafka_producer_report);
	return conf;
}

static void
make_handle(KafkaClient *client, const SourceRequest *request, List *mapping_options)
{
	rd_kafka_conf_t **conf = make_conf(client, request, mapping_options);
	char		reason[KAFKA_REASON_SIZE];

	client->rk = rd_kafka_new(client->role == KAFKA_CONSUMER ? RD_KAFKA_CONSUMER :
							  RD_KAFKA_PRODUCER, *conf, reason, sizeof(reason));
	if (client->rk == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
				 errmsg("could not set up a connection to Kafka"),
				 errdetail_internal("%s", reason),
				 strncmp(reason, "ssl.", 4) == 0 ?
				 errhint("Check the options of the server and of the user mapping that begin with \"ssl.\".") : 0));
	*conf = NULL;				/* it is the handle's now */
	rd_kafka_set_log_queue(client->rk, NULL);
}

/*
 * Keeping
 */

/* A list of used handles: one that serves, taken out; or NULL. */
static KafkaClient *
take_idle(KafkaRole role, const char *identity)
{
	dlist_iter	iter;

	dlist_foreach(iter, &idle_handles)
	{
		KafkaClient *client = dlist_container(KafkaClient, node, iter.cur);

		if (client->role == role && strcmp(client->identity, identity) == 0)
		{
			dlist_delete(iter.cur);
			idle_count--;
			return client;
		}
	}
	return NULL;
}

/* Ties the client to the current memory context. */
static void
guard_client(KafkaClient *client, KafkaGuard *guard)
{
	guard->client = client;
	client->guard = guard;
}

static KafkaGuard *
make_guard(void)
{
	KafkaGuard *guard = palloc0(sizeof(KafkaGuard));

	guard->callback.func = destroy_used;
	guard->callback.arg = guard;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &guard->callback);
	return guard;
}

static KafkaClient *
create_client(KafkaRole role, const char *identity, AddressPolicy policy,
			  List *mapping_options)
{
	static bool registered = false;
	const char *password = option_text(mapping_options, "sasl.password");
	KafkaClient *client;

	if (!registered)
		before_shmem_exit(destroy_idle, (Datum) 0);
	registered = true;
	client = MemoryContextAllocZero(TopMemoryContext, sizeof(KafkaClient));
	client->role = role;
	client->policy = policy;
	client->identity = MemoryContextStrdup(TopMemoryContext, identity);
	if (password != NULL)
		client->password = MemoryContextStrdup(TopMemoryContext, password);
	return client;
}

/* Takes a handle up again: what befell it while nobody used it is over. */
static void
wake_up(KafkaClient *client)
{
	while (rd_kafka_poll(client->rk, 0) > 0)
		;
	client->error = RD_KAFKA_RESP_ERR_NO_ERROR;
	client->reason[0] = '\0';
	if (client->sign_in != NULL)
		kafka_sign_in_worked(client->sign_in);
}

KafkaClient *
kafka_client_acquire(const SourceRequest *request, KafkaRole role)
{
	List	   *mapping_options = kafka_mapping_options(request->serverid, request->userid,
													request->server_options);
	AddressPolicy policy = superuser_arg(GetForeignServer(request->serverid)->owner) ?
		ADDRESS_PRIVATE : ADDRESS_PUBLIC;
	char	   *identity = psprintf("%u %u %d %s %s", request->serverid, request->userid, policy,
									nodeToString(request->server_options),
									nodeToString(mapping_options));
	KafkaGuard *guard = make_guard();
	KafkaClient *client = take_idle(role, identity);

	if (client != NULL)
	{
		guard_client(client, guard);
		wake_up(client);
	}
	else
	{
		client = create_client(role, identity, policy, mapping_options);
		guard_client(client, guard);
		make_handle(client, request, mapping_options);
	}
	if (client->sign_in != NULL)
		kafka_sign_in_keep(client->sign_in, client->rk);
	return client;
}

void
kafka_client_release(KafkaClient *client)
{
	client->guard->client = NULL;
	client->guard = NULL;
	client->on_wait = NULL;
	if (idle_count == MAX_IDLE)
	{
		destroy_client(dlist_container(KafkaClient, node, dlist_pop_head_node(&idle_handles)));
		idle_count--;
	}
	dlist_push_tail(&idle_handles, &client->node);
	idle_count++;
}

void
kafka_client_on_wait(KafkaClient *client, void (*on_wait) (void *arg), void *arg)
{
	client->on_wait = on_wait;
	client->on_wait_arg = arg;
}

bool
kafka_client_waits(const KafkaClient *client)
{
	return client->waits;
}
