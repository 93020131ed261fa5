/*-------------------------------------------------------------------------
 *
 * address.c
 *	  Which addresses a handle may connect to.
 *
 * Brokers name other brokers, and names resolve to anything: the address is
 * checked where a connection is made, in a thread of librdkafka.  A thread
 * may outlive its client for a while, so what it has to tell is left in a place
 * of the process; the client is but a key there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

#include "kafka/handle.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The last address that was refused; a connection is tried again and again. */
static struct
{
	const void *client;
	const char *kind;			/* of address */
	struct sockaddr_storage address;
}			refusal;

/* In a thread of librdkafka. */
static void
note_refusal(const void *client, const char *kind, const struct sockaddr *address, int len)
{
	pthread_mutex_lock(&lock);
	refusal.client = client;
	refusal.kind = kind;
	memcpy(&refusal.address, address, Min(len, sizeof(refusal.address)));
	pthread_mutex_unlock(&lock);
}

/* Callback in a thread of librdkafka. */
static int
connect_checked(int socket, const struct sockaddr *address, int len, AddressPolicy policy,
				const void *client)
{
	const char *kind = address_refusal(address, policy);

	if (kind != NULL)
	{
		note_refusal(client, kind, address, len);
		return EACCES;
	}
	if (connect(socket, address, len) == 0 || errno == EINPROGRESS)
		return 0;
	return errno;
}

static int
connect_public(int socket, const struct sockaddr *address, int len, const char *id, void *opaque)
{
	return connect_checked(socket, address, len, ADDRESS_PUBLIC, opaque);
}

static int
connect_private(int socket, const struct sockaddr *address, int len, const char *id, void *opaque)
{
	return connect_checked(socket, address, len, ADDRESS_PRIVATE, opaque);
}

void
kafka_address_guard(rd_kafka_conf_t *conf, const KafkaClient *client)
{
	rd_kafka_conf_set_connect_cb(conf, client->policy == ADDRESS_PUBLIC ?
								 connect_public : connect_private);

	/* one before it may have lain at the same place */
	pthread_mutex_lock(&lock);
	if (refusal.client == client)
		refusal.client = NULL;
	pthread_mutex_unlock(&lock);
}

void
kafka_address_check(const KafkaClient *client)
{
	const char *kind;
	struct sockaddr_storage address;
	char		shown[INET6_ADDRSTRLEN] = "";

	pthread_mutex_lock(&lock);
	kind = refusal.client == client ? refusal.kind : NULL;
	address = refusal.address;
	pthread_mutex_unlock(&lock);
	if (kind == NULL)
		return;

	(void) inet_ntop(address.ss_family,
					 address.ss_family == AF_INET ?
					 (void *) &((struct sockaddr_in *) &address)->sin_addr :
					 (void *) &((struct sockaddr_in6 *) &address)->sin6_addr,
					 shown, sizeof(shown));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("refused to connect to %s address %s", kind, shown),
			 errdetail("A broker of \"bootstrap.servers\", or one that the cluster names, has this address."),
			 client->policy == ADDRESS_PUBLIC && strcmp(kind, "link-local") != 0 ?
			 errhint("Only a server that a superuser owns may lead there.") : 0));
}
